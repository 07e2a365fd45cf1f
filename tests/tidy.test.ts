// The architecture as a test: who may import whom, what the pure rooms may not call, how long a file may be.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');

type Source = { readonly path: string; readonly text: string; readonly code: string };

function sourcesUnder(folder: string): readonly Source[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|mjs)$/.test(entry.name))
    .map((entry) => {
      const path = relative(ROOT, join(entry.parentPath, entry.name)).split(sep).join('/');
      const text = readFileSync(join(ROOT, path), 'utf8');
      return { path, text, code: withoutComments(text) };
    });
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:'"`])\/\/.*$/gm, '$1');
}

const sources = sourcesUnder('src');

/** `src/engine/timers.ts` is of the room `engine`; a file straight in src is the roof. */
function roomOf(path: string): string {
  const parts = path.split('/');
  return parts.length > 2 ? parts[1]! : 'roof';
}

/** Each room and the rooms below it that it may import. Ground: core and parquet, for all who do I/O. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  parquet: ['core'],
  venues: ['core'],
  simulated: ['core', 'venues'],
  journal: ['core', 'parquet'],
  connections: ['core', 'venues', 'journal'],
  datasets: ['core', 'parquet', 'venues', 'journal'],
  feeds: ['core', 'parquet', 'venues', 'journal', 'datasets'],
  market: ['core'],
  trading: ['core', 'market'],
  engine: ['core', 'market', 'trading'],
  runs: ['core', 'parquet'],
  reports: ['core', 'parquet', 'runs'],
  sessions: [
    'roof',
    'core',
    'parquet',
    'venues',
    'simulated',
    'journal',
    'connections',
    'datasets',
    'feeds',
    'market',
    'trading',
    'engine',
    'runs',
    'reports',
  ],
  cli: [
    'roof',
    'sessions',
    'core',
    'parquet',
    'venues',
    'simulated',
    'journal',
    'connections',
    'datasets',
    'feeds',
    'market',
    'trading',
    'engine',
    'runs',
    'reports',
  ],
  roof: ['cli', 'core', 'market', 'trading', 'engine'],
};

function importsOf(source: Source): readonly string[] {
  const found = source.code.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g);
  return [...found].map((match) => match[1]!);
}

/** Rooms that are a pure function of what they are given. */
const PURE = ['core', 'venues', 'market', 'trading', 'engine'];
const PURE_FILES = sources.filter(
  ({ path }) => PURE.includes(roomOf(path)) || /^src\/simulated\/(?!server)/.test(path),
);

const BANNED: readonly (readonly [name: string, pattern: RegExp])[] = [
  [
    'the wall clock',
    /\bDate\.now\b|\bnew Date\(\s*\)|\bperformance\.(now|timeOrigin|mark|measure)\b|\bhrtime\b/,
  ],
  ['unseeded randomness', /\bMath\.random\b|\brandomBytes\b|\brandomUUID\b/],
  ['timers', /\bset(Timeout|Interval|Immediate)\b|\bqueueMicrotask\b|\bnextTick\b/],
  ['asynchrony', /\basync\b|\bawait\b|\bPromise\b/],
  ['ambient state', /\bprocess\.|\bglobalThis\b/],
];

/** The files of ours that a file imports, types too. */
function targetsOf(source: Source): readonly string[] {
  return importsOf(source)
    .filter((name) => name.startsWith('.'))
    .map((name) =>
      relative(ROOT, resolve(ROOT, dirname(source.path), name))
        .split(sep)
        .join('/'),
    );
}

/** Files that import each other in a circle, each circle as the way around it. */
function circles(): readonly string[] {
  const targets = new Map(sources.map((source) => [source.path, targetsOf(source)]));
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (path: string, way: readonly string[]): void => {
    const at = way.indexOf(path);
    if (at >= 0) found.push([...way.slice(at), path].join(' → '));
    if (at >= 0 || done.has(path)) return;
    for (const target of targets.get(path) ?? []) visit(target, [...way, path]);
    done.add(path);
  };
  for (const path of targets.keys()) visit(path, []);
  return found;
}

describe('imports', () => {
  test('go in no circle, inside a room neither', () => {
    expect(circles()).toEqual([]);
  });

  test('run down a tower and to the ground, never across and never up', () => {
    const wrong: string[] = [];
    for (const source of sources) {
      const room = roomOf(source.path);
      for (const path of targetsOf(source)) {
        if (!path.startsWith('src/')) continue;
        const other = roomOf(path);
        if (other !== room && !MAY_IMPORT[room]?.includes(other))
          wrong.push(`${source.path} imports ${path}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test('name every room', () => {
    expect(
      [...new Set(sources.map(({ path }) => roomOf(path)))].filter((room) => !(room in MAY_IMPORT)),
    ).toEqual([]);
  });

  test('of strategies name the public surface only', () => {
    const wrong = sourcesUnder('strategies').flatMap((source) =>
      importsOf(source)
        .filter((name) => name !== '../src/index.ts' && name !== 'zod')
        .map((name) => `${source.path} imports ${name}`),
    );
    expect(wrong).toEqual([]);
  });

  test('of DuckDB and Arrow stand in the rooms that own them', () => {
    const wrong = sources.filter(
      (source) =>
        (importsOf(source).some((name) => name.startsWith('@duckdb/')) &&
          roomOf(source.path) !== 'parquet') ||
        (importsOf(source).some((name) => name === 'apache-arrow') && roomOf(source.path) !== 'journal'),
    );
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });
});

describe('pure rooms', () => {
  test.each(BANNED)('do not use %s', (_name, pattern) => {
    const wrong = PURE_FILES.filter(({ code }) => pattern.test(code)).map(
      ({ path, code }) => `${path}: ${pattern.exec(code)?.[0]}`,
    );
    expect(wrong).toEqual([]);
  });

  test('compute with nothing whose last digits differ between machines', () => {
    // Powers of two, and of whole numbers as BigInt, are exact.
    const inexact =
      /\bMath\.(exp|expm1|log|log2|log10|log1p|pow|sin|cos|tan|asin|acos|atan|atan2|cbrt|hypot|sinh|cosh|tanh)\b|(?<!\b(?:2|\d+n) )\*\*(?!\/)/;
    const rooms = ['market', 'trading', 'engine'];
    const wrong = sources
      .filter(({ path, code }) => rooms.includes(roomOf(path)) && inexact.test(code))
      .map(({ path, code }) => `${path}: ${inexact.exec(code)?.[0]}`);
    expect(wrong).toEqual([]);
  });

  test('import no module of Node that does I/O', () => {
    const allowed = new Set(['node:zlib']);
    const wrong = PURE_FILES.flatMap((source) =>
      importsOf(source)
        .filter((name) => name.startsWith('node:') && !allowed.has(name))
        .map((name) => `${source.path} imports ${name}`),
    );
    expect(wrong).toEqual([]);
  });
});

describe('the real clock', () => {
  test('is read only at the edge', () => {
    const edge = /^src\/(cli\/|sessions\/|journal\/lock\.ts|connections\/clock\.ts|simulated\/server\.ts)/;
    const wrong = sources
      .filter(({ path, code }) => !edge.test(path) && BANNED[0]![1].test(code))
      .map(({ path }) => path);
    expect(wrong).toEqual([]);
  });
});

describe('every file', () => {
  const all = [...sources, ...sourcesUnder('strategies'), ...sourcesUnder('bench')];

  test('has no `any`', () => {
    expect(
      all.filter(({ code }) => /(:|<|as|\|)\s*any\b(?!['"`])/.test(code)).map(({ path }) => path),
    ).toEqual([]);
  });

  test('opens by saying what it is', () => {
    expect(all.filter(({ text }) => !/^(#!.*\n)?\/\//.test(text)).map(({ path }) => path)).toEqual([]);
  });

  test('is at most 450 lines long', () => {
    const long = sources
      .filter(({ text }) => text.split('\n').length > 450)
      .map(({ path, text }) => `${path}: ${text.split('\n').length}`);
    expect(long).toEqual([]);
  });

  test('exports by name and inherits from nothing but Error', () => {
    const wrong = sources
      .filter(({ code }) => /export default|class \w+ extends (?!Error\b)/.test(code))
      .map(({ path }) => path);
    expect(wrong).toEqual([]);
  });
});
