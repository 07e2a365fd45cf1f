// From a name or a path to a bundle: a strategy and what it imports as one guarded script, named by its hash. A bundle
// is plain data, so it can be handed to a worker. The hash is the strategy's identity: what the author wrote, without
// retick and zod, of which each instance gets copies of this program's own.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { builtinModules, SourceMap } from 'node:module';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BuildResult, Plugin } from 'esbuild';
import { UsageError, unknownName } from '../core/errors.ts';
import * as surface from '../engine/surface.ts';
import { originalColumn, type Shifts } from './edit.ts';
import { ABSENT, type Finding, type Guarded, guard } from './guard.ts';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const INDEX = join(ROOT, 'src/index.ts');

export type Bundle = {
  /** The strategy's file. */
  readonly path: string;
  /** SHA-256 of the bundled text before it was guarded. */
  readonly hash: string;
  /** The guarded script. */
  readonly script: string;
  readonly map: string;
  readonly shifts: Shifts;
  /** Source texts of what were async functions, without spaces and brackets. */
  readonly later: readonly string[];
  /** What the strategy gets in place of what it asked for, one line each. */
  readonly warnings: readonly string[];
  /** What it calls whose last digits may differ between machines, as `Math.exp`. */
  readonly floats: readonly string[];
  /** File and line of `decide`. */
  readonly decidesAt: string;
};

/** Folders searched for a bare name, nearest first. */
export function strategyFolders(): readonly string[] {
  return [...new Set([resolve('strategies'), join(ROOT, 'strategies')])].filter((folder) =>
    existsSync(folder),
  );
}

/** Names that `use:` understands, with their files. */
export function listStrategies(): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const folder of strategyFolders()) {
    for (const file of readdirSync(folder).sort()) {
      if (!/\.ts$/.test(file) || file.endsWith('.test.ts')) continue;
      const name = basename(file, '.ts');
      if (!found.has(name)) found.set(name, join(folder, file));
    }
  }
  return found;
}

/** The file of a strategy: `use` is a name in a strategies folder or a path. */
export function findStrategy(use: string, from: string): string {
  if (/[/\\]|\.ts$/.test(use)) {
    const path = resolve(use);
    if (!existsSync(path)) throw new UsageError(`${from}: there is no strategy file ${use}`);
    return path;
  }
  const known = listStrategies();
  const path = known.get(use);
  if (path === undefined) throw unknownName('strategy', use, [...known.keys()], from);
  return path;
}

/** Errors: UsageError when the file does not compile, or asks for what no strategy has. */
export async function bundleStrategy(path: string): Promise<Bundle> {
  // The zone belongs to the process; a worker that opens the bundle has no say in it.
  process.env.TZ = 'UTC';
  const { build } = await import('esbuild');
  const folder = dirname(path);
  const result = await build({
    entryPoints: [path],
    bundle: true,
    write: false,
    outdir: folder,
    format: 'cjs',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    target: 'node22',
    logLevel: 'silent',
    legalComments: 'none',
    sourcemap: 'external',
    absWorkingDir: folder,
    plugins: [shared],
  }).catch((cause: unknown) => {
    throw new UsageError(`${path} does not compile: ${firstError(cause)}`, { cause });
  });
  const text = outputOf(result, '.js');
  const map = outputOf(result, '.js.map');
  const guarded = guard(text, { counts: true });
  const place = placer(map, folder, {});
  const imported = guarded.findings.find(({ kind }) => kind === 'import');
  if (imported !== undefined) {
    throw new UsageError(
      `${path} does not compile: import() cannot be awaited in a strategy (${place(imported.line, imported.column)}); import at the top of the file`,
    );
  }
  const unknown = guarded.findings.find(({ kind, name }) => kind === 'retick' && !(name in surface));
  if (unknown !== undefined) {
    const from = `${path} (${place(unknown.line, unknown.column)}), which imports it from retick`;
    throw unknownName('name', unknown.name, Object.keys(surface), from);
  }
  return {
    path,
    hash: createHash('sha256').update(text).digest('hex'),
    script: enclose(guarded),
    map,
    shifts: guarded.shifts,
    later: guarded.later.map(withoutBrackets),
    decidesAt: guarded.decide === undefined ? '' : place(guarded.decide.line, guarded.decide.column),
    warnings: warningsOf(guarded.findings, place),
    floats: [
      ...new Set(guarded.findings.filter(({ kind }) => kind === 'float').map(({ name }) => name)),
    ].sort(),
  };
}

function outputOf(result: BuildResult<{ write: false }>, ending: string): string {
  return result.outputFiles.find(({ path }) => path.endsWith(ending))?.text ?? '';
}

/** retick and zod come from the realm; modules of Node are refused where they are asked for. */
const shared: Plugin = {
  name: 'shared',
  setup(setup) {
    setup.onResolve({ filter: /.*/ }, (args) => {
      if (args.kind === 'entry-point') return undefined;
      if (args.path === 'retick' || resolve(args.resolveDir, args.path) === INDEX)
        return { path: 'retick', external: true };
      if (args.path === 'zod') return { path: 'zod', external: true };
      if (!args.path.startsWith('node:') && !builtinModules.includes(args.path)) return undefined;
      const text = `a strategy cannot reach ${args.path}: it sees its declared inputs and its parameters only`;
      return { errors: [{ text }] };
    });
  },
};

/** One line: how the script gets what guards it. It stands before the first line of the code, on the same line. */
function enclose({ code, names }: Guarded): string {
  const { guard: from, fuel, spent, depth, deep, later, caught, thrown } = names;
  return (
    `(function(${from},require,module){"use strict";let ${fuel}=${from}.steps,${depth}=0;` +
    `const{spent:${spent},deep:${deep},later:${later},caught:${caught},thrown:${thrown}}=${from};` +
    `${from}.fill=(steps)=>{${fuel}=steps;${depth}=0};` +
    `${from}.refill=(steps)=>${fuel}+=steps;\n${code}\n})`
  );
}

/** As `isLater` compares: brackets around an arrow's body are not of its text. */
export function withoutBrackets(text: string): string {
  return text.replaceAll(/[\s()]/g, '');
}

/** From line and column of the guarded code (the first line is 1, the first column 0) to `file.ts:12`. */
export function placer(
  map: string,
  folder: string,
  shifts: Shifts,
): (line: number, column: number) => string {
  const sources = new SourceMap(JSON.parse(map) as ConstructorParameters<typeof SourceMap>[0]);
  return (line, column) => {
    const entry = sources.findEntry(line - 1, originalColumn(shifts, line - 1, column));
    if (!('originalSource' in entry)) return '';
    const path = entry.originalSource.startsWith('file:')
      ? fileURLToPath(entry.originalSource)
      : resolve(folder, entry.originalSource);
    return `${relative(folder, path).split(sep).join('/')}:${entry.originalLine + 1}`;
  };
}

const INSTEAD: Readonly<Record<'clock' | 'chance' | 'float', string>> = {
  clock: "it gets the engine's time",
  chance: "it gets the run's seeded generator",
  float: 'its last digit may differ on another machine or Node version',
};

function warningsOf(
  findings: readonly Finding[],
  place: (line: number, column: number) => string,
): readonly string[] {
  const warnings = new Set<string>();
  for (const { kind, name, line, column } of findings) {
    if (kind === 'retick' || kind === 'import') continue;
    const call = /[)*]$/.test(name) || !name.includes('.') ? name : `${name}()`;
    const verb = kind === 'absent' || !call.endsWith(')') ? 'uses' : 'calls';
    const told =
      kind === 'absent' ? `, which a strategy does not have: ${ABSENT[name]}` : `: ${INSTEAD[kind]}`;
    warnings.add(`${place(line, column)} ${verb} ${call}${told}`);
  }
  return [...warnings];
}

function firstError(cause: unknown): string {
  type Located = { readonly file: string; readonly line: number };
  const errors = (cause as { errors?: readonly { text: string; location?: Located | null }[] }).errors;
  const error = errors?.[0];
  if (error === undefined) return String(cause);
  return `${error.text}${error.location ? ` (${error.location.file}:${error.location.line})` : ''}`;
}

let inside: Promise<string> | undefined;

/** The script that makes a realm fit for strategies: retick's part for them and zod. Built once, kept by content. */
export function insideScript(): Promise<string> {
  inside ??= buildInside();
  return inside;
}

async function buildInside(): Promise<string> {
  const { build, version } = await import('esbuild');
  const hash = createHash('sha256').update(version);
  for (const room of ['core', 'market', 'engine', 'trading', 'sessions']) {
    const folder = join(ROOT, 'src', room);
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.ts'),
    );
    for (const file of files.sort()) hash.update(file).update(readFileSync(join(folder, file)));
  }
  for (const name of ['zod', 'fastest-levenshtein']) {
    hash.update(readFileSync(fileURLToPath(import.meta.resolve(`${name}/package.json`))));
  }
  const folder = join(ROOT, '.cache/strategies');
  const path = join(folder, `inside-${hash.digest('hex').slice(0, 32)}.js`);
  if (existsSync(path)) return readFileSync(path, 'utf8');
  const result = await build({
    entryPoints: [join(ROOT, 'src/sessions/inside/instance.ts')],
    bundle: true,
    write: false,
    outdir: folder,
    format: 'cjs',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    target: 'node22',
    minifyWhitespace: true,
    logLevel: 'silent',
    legalComments: 'none',
  });
  const { code, names } = guard(outputOf(result, '.js'), { counts: false });
  // Promise is gone when a strategy runs; what stands here may still ask whether a value is one.
  const script =
    `(function(Promise){"use strict";const module={exports:{}};` +
    `const ${names.later}=()=>{throw new TypeError("asynchronous work has no place in a strategy")};` +
    `${code}\nreturn module.exports.open})(Promise)`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${path}.${process.pid}.tmp`, script);
  renameSync(`${path}.${process.pid}.tmp`, path);
  return script;
}
