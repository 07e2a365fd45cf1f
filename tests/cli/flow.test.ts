import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readManifest } from '../../src/datasets/manifest.ts';
import { readRun } from '../../src/runs/run.ts';
import { type SimulatedServer, startServer } from '../../src/simulated/server.ts';
import { CONTROL, type Outcome, retick, workplace } from './retick.ts';

const { folder, remove } = workplace();
let venue: SimulatedServer;
let init: Outcome;
let paper: Outcome;

/** The fast candles let a run of seconds hold decisions. */
const RUN = `name: flow
venue: kraken
symbols: [BTC/USD, ETH/USD]
candles: { grace: 1s }
strategies:
  - { use: ./strategies/my-strategy.ts, params: { interval: 200ms, fast: 2, slow: 3 } }
  - { use: careless, params: { symbol: ETH/USD } }
  - use: throws
`;

/** Looks at the wall clock and rolls dice, which the bundler turns into the engine's time and the run's numbers. */
const CARELESS = `
import { buy, defineStrategy, quote, sell } from 'retick';
import { z } from 'zod';
export const strategy = defineStrategy({
  name: 'careless', version: '1.0.0', description: 'Reads the clock and rolls dice.',
  params: z.object({ symbol: z.string() }),
  inputs: (p) => ({ quote: quote(p.symbol) }),
  trigger: (p) => ({ on: 'trade', symbol: p.symbol }),
  decide: (_inputs, { position, openOrders }) => {
    if (openOrders > 0 || Math.random() > 0.3) return null;
    const reason = \`at \${Date.now()} with \${Math.random()}\`;
    return position.isFlat ? buy({ quote: 20, reason }) : sell({ reason });
  },
});
`;

const THROWS = `
import { defineStrategy, quote } from 'retick';
import { z } from 'zod';
import { explain } from './shared/explain.ts';
export const strategy = defineStrategy({
  name: 'throws', version: '1.0.0', description: 'Throws at the third trade.',
  params: z.object({ symbol: z.string().default('BTC/USD') }),
  inputs: (p) => ({ quote: quote(p.symbol) }),
  trigger: (p) => ({ on: 'trade', symbol: p.symbol }),
  state: () => ({ calls: 0 }),
  decide: (_inputs, { state }) => {
    state.calls += 1;
    if (state.calls === 3) throw new RangeError(explain(state.calls));
    return null;
  },
});
`;

function write(path: string, text: string): string {
  mkdirSync(join(folder, path, '..'), { recursive: true });
  writeFileSync(join(folder, path), text);
  return path;
}

const digestOf = (run: string): string => readRun(join(folder, run)).manifest.digest;

beforeAll(async () => {
  init = await retick(['init'], folder);
  write('strategies/careless.ts', CARELESS);
  write('strategies/throws.ts', THROWS);
  write(
    'strategies/shared/explain.ts',
    "export const explain = (calls: number) => ['call', calls, 'is one too many'].join(' ');",
  );
  write('flow.yaml', RUN);
  write('halt.yaml', `${RUN}onError: halt\n`);
  venue = await startServer({ seed: 8, eventsPerSecond: 200 });
  paper = await retick(
    [
      ...['paper', 'flow.yaml', '--url', venue.url, '--duration', '3s'],
      ...['--recording', 'datasets/flow', '--allow-faults'],
    ],
    folder,
  );
});
afterAll(async () => {
  await venue.stop();
  remove();
});

describe('from nothing to a report', () => {
  test('init writes what a run needs, and never over what is there', async () => {
    expect(init).toMatchObject({ code: 0, err: '', out: expect.stringContaining('retick paper run.yaml') });
    const strategy = readFileSync(join(folder, 'strategies/my-strategy.ts'), 'utf8');
    write('strategies/my-strategy.ts', `${strategy}\n`);
    const again = await retick(['init'], folder);
    expect(again).toMatchObject({ code: 2, err: expect.stringContaining('nothing was written') });
    expect(readFileSync(join(folder, 'strategies/my-strategy.ts'), 'utf8')).toBe(`${strategy}\n`);
    write('strategies/my-strategy.ts', strategy);
  });

  test('a live-paper run records, decides, and tells what was made deterministic and what threw', () => {
    const { code, out, err } = paper;
    expect({ code, err }).toEqual({
      code: 0,
      err:
        "warning: careless.ts:10 calls Math.random(): it gets the run's seeded generator\n" +
        "warning: careless.ts:11 calls Date.now(): it gets the engine's time\n" +
        "warning: careless.ts:11 calls Math.random(): it gets the run's seeded generator\n",
    });
    expect(out).toMatch(/^recorded [\d,]+ frames/);
    expect(out).toMatch(/throws .* disabled\n/);
    expect(out).toMatch(
      /fault in throws at event \d+: RangeError: call 3 is one too many \(throws\.ts:13\); it was disabled\n/,
    );
    expect(out).not.toMatch(CONTROL);
    const { counts } = readRun(join(folder, 'reports/flow-paper')).manifest;
    expect(counts).toMatchObject({ fault: 1 });
    for (const type of ['candle', 'indicator', 'signal', 'order', 'fill']) {
      expect(counts[type], type).toBeGreaterThan(0);
    }
  });

  test.concurrent.each([
    [
      'as fast as possible',
      [],
      /\nspeed: as fast as possible, achieved [\d.,]+x \([\d.]+ s of events in [\d.]+ s\)\n/,
    ],
    ['from its frames', ['--raw'], /speed: as fast as possible/],
    ['at 100x', ['--speed', '100'], /\nspeed: asked 100x, achieved [\d.]+x \(.*\); lag behind schedule p50 /],
    ['by sevens', ['--batch-size', '7'], /speed: as fast as possible/],
  ])('is equal to its replay %s', async (name, flags, says) => {
    const out = `reports/${name.replaceAll(' ', '-')}`;
    const args = ['replay', 'datasets/flow', 'flow.yaml', ...flags, '--out', out, '--allow-faults'];
    const replay = await retick(args, folder);
    expect(replay).toMatchObject({ code: 0, out: expect.stringMatching(says) });
    const compare = await retick(['compare', 'reports/flow-paper', out], folder);
    expect(compare).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringContaining(
        `equal, bit for bit: digest ${digestOf('reports/flow-paper').slice(0, 16)}`,
      ),
    });
  });

  test.concurrent('is held against its backtest, value by value', async () => {
    const run = ['backtest', 'flow.yaml', '--data', 'datasets/flow', '--out', 'reports/history'];
    expect(await retick(run, folder)).toMatchObject({
      code: 1,
      out: expect.stringContaining('fault in throws'),
    });
    const lax = ['--max-decisions', '60%', '--max-orders=60%', '--max-fills=60%', '--max-profit=5%'];
    const [compare, exact, json] = await Promise.all([
      retick(['compare', 'reports/flow-paper', 'reports/history', ...lax], folder),
      retick(['compare', 'reports/flow-paper', 'reports/history', '--exact'], folder),
      retick(['compare', 'reports/flow-paper', 'reports/history', '--json', ...lax], folder),
    ]);
    expect(compare).toMatchObject({ code: 0, out: expect.stringMatching(/within 0\.0001/) });
    expect(exact.code).toBe(1);
    const { isEqual, isWithin, indicators, verdict } = JSON.parse(json.out);
    expect(compare.out).toContain(verdict.headline);
    expect(verdict.headline).toMatch(
      /^values \d+\/\d+, decisions \d+\/\d+, fills \d+\/\d+, profit differs by [\d.e-]+ USD/,
    );
    expect({ isEqual, isWithin }).toEqual({ isEqual: false, isWithin: true });
    expect(
      indicators.flatMap(({ name, kind }: { name: string; kind: string }) =>
        kind === 'indicator' ? [name] : [],
      ),
    ).toEqual(['my-strategy.fast.value', 'my-strategy.slow.value']);
  });

  test.concurrent('is told in one file', async () => {
    const report = await retick(['report', 'reports/flow-paper', '--out', 'flow.html'], folder);
    expect(report).toMatchObject({ code: 0, out: expect.stringMatching(/^wrote flow\.html \(.* kB\)\n$/) });
    const text = readFileSync(join(folder, 'flow.html'), 'utf8');
    expect(text).toContain('my-strategy');
    expect(text).not.toMatch(/<(script|link|img)[^>]+(src|href)=["']?(https?:)?\/\//);
  });
});

describe.concurrent('what has been changed by hand', () => {
  function bend(path: string): void {
    const bytes = readFileSync(join(folder, path));
    const middle = bytes.length >> 1;
    bytes[middle] = bytes[middle]! ^ 1;
    writeFileSync(join(folder, path), bytes);
  }

  test('in a recording is found before it is replayed, and named', async () => {
    cpSync(join(folder, 'datasets/flow'), join(folder, 'datasets/bent'), { recursive: true });
    const { tables } = readManifest(join(folder, 'datasets/bent'));
    const table = `datasets/bent/${tables.find(({ name }) => name === 'book')!.files[0]!.file}`;
    const segment = 'datasets/bent/journal/000001.parquet';
    bend(table);
    bend(segment);
    const [fromTables, fromFrames, check] = await Promise.all([
      retick(['replay', 'datasets/bent', '--out', 'reports/bent'], folder),
      retick(['replay', 'datasets/bent', '--out', 'reports/bent-raw', '--raw'], folder),
      retick(['data', 'check', 'datasets/bent'], folder),
    ]);
    expect(fromTables).toMatchObject({
      code: 3,
      out: '',
      err: expect.stringContaining(`retick: ${table}: `),
    });
    expect(fromFrames).toMatchObject({
      code: 3,
      out: '',
      err: expect.stringContaining(`retick: ${segment}: `),
    });
    expect(check).toMatchObject({ code: 3, out: expect.stringContaining(`problem: ${segment}: `) });
  });

  test('in a run is found before it is compared', async () => {
    cpSync(join(folder, 'reports/flow-paper'), join(folder, 'reports/bent-run'), { recursive: true });
    bend('reports/bent-run/events.jsonl');
    const compare = await retick(['compare', 'reports/flow-paper', 'reports/bent-run'], folder);
    expect(compare).toMatchObject({ code: 3, out: '' });
    expect(compare.err).toMatch(/^retick: reports.bent-run.events\.jsonl is not the one of this run: .*\n$/);
  });

  test('by a second paper run is nothing: a recording holds one', async () => {
    const { digest } = readManifest(join(folder, 'datasets/flow'));
    const args = ['paper', 'flow.yaml', '--url', venue.url, '--recording', 'datasets/flow'];
    expect(await retick(args, folder)).toMatchObject({
      code: 2,
      err: expect.stringContaining('datasets/flow holds a recording already'),
    });
    expect(readManifest(join(folder, 'datasets/flow')).digest).toBe(digest);
    expect(readRun(join(folder, 'reports/flow-paper')).manifest.mode).toBe('paper');
  });
});

describe.concurrent('a strategy that throws', () => {
  test('halts the run where that is the policy: exit code 1, live and replayed alike', async () => {
    const live = await retick(
      ['paper', 'halt.yaml', '--url', venue.url, '--duration', '20s', '--recording', 'datasets/halt'],
      folder,
    );
    expect(live).toMatchObject({
      code: 1,
      out: expect.stringContaining('one too many (throws.ts:13); the run was halted\n'),
    });
    const args = ['replay', 'datasets/halt', 'halt.yaml', '--out', 'reports/halt-replay'];
    expect(await retick(args, folder)).toMatchObject({ code: 1 });
    expect(digestOf('reports/halt-replay')).toBe(digestOf('reports/halt-paper'));
  });
});

describe.concurrent('a run file whose strategies cannot be used is one line and exit code 2', () => {
  const strategy = (body: string): string =>
    `import { z } from 'zod';\nimport { candles, defineStrategy } from 'retick';\n${body}\n`;
  const cases: readonly (readonly [
    what: string,
    strategies: string,
    files: Record<string, string>,
    says: RegExp,
  ])[] = [
    [
      'with a syntax error',
      '[{ use: ./bad/syntax.ts }]',
      { 'bad/syntax.ts': strategy('export const strategy = {{') },
      /bad.syntax\.ts does not compile: .* \(syntax\.ts:3\)/,
    ],
    [
      'with a missing import',
      '[{ use: ./bad/import.ts }]',
      { 'bad/import.ts': strategy("import './nowhere.ts';") },
      /bad.import\.ts does not compile: Could not resolve "\.\/nowhere\.ts" \(import\.ts:3\)/,
    ],
    [
      'that asks retick for what it has not',
      '[{ use: ./bad/name.ts }]',
      { 'bad/name.ts': "import { nothing } from 'retick';\nexport const strategy = nothing;\n" },
      /unknown name in .*bad.name\.ts \(name\.ts:\d+\), which imports it from retick: nothing/,
    ],
    [
      'that throws when it is loaded',
      '[{ use: ./bad/load.ts }]',
      { 'bad/load.ts': "throw new TypeError('not today');\n" },
      /bad.load\.ts cannot be loaded: TypeError: not today/,
    ],
    [
      'without an export',
      '[{ use: ./bad/empty.ts }]',
      { 'bad/empty.ts': 'export const other = 1;\n' },
      /bad.empty\.ts exports no `strategy`/,
    ],
    [
      'whose inputs throw',
      '[{ use: ./bad/inputs.ts }]',
      {
        'bad/inputs.ts': strategy(
          "export const strategy = defineStrategy({ name: 'x', version: '1', description: '', params: z.object({}), inputs: () => ({ bars: candles('BTC/USD', '1 parsec') }), decide: () => null });",
        ),
      },
      /strategies\[0\]: inputs of x: .*1 parsec/,
    ],
    [
      'two of one name',
      '[{ use: careless, params: { symbol: BTC/USD } }, { use: ./strategies/careless.ts, params: { symbol: ETH/USD } }]',
      {},
      /two strategies are called careless; give one of them an id/,
    ],
  ];

  test.each(cases)('%s', async (what, strategies, files, says) => {
    for (const [path, text] of Object.entries(files)) write(path, text);
    const name = `${what.replaceAll(' ', '-')}.yaml`;
    write(name, `name: bad\nvenue: kraken\nsymbols: [BTC/USD, ETH/USD]\nstrategies: ${strategies}\n`);
    const { code, out, err } = await retick(
      ['paper', name, '--url', venue.url, '--recording', 'bad'],
      folder,
    );
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err.trimEnd().split('\n')).toHaveLength(1);
    expect(err).toMatch(says);
    expect(existsSync(join(folder, 'bad/journal'))).toBe(false);
  });
});
