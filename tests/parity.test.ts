// The product's promise, proven on real parts: what strategies did live, over a socket with everything going wrong,
// they do again when the recording is replayed, bit for bit, however it is read; and what is not the same is found.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatComparison } from '../src/cli/compare.ts';
import { findInputDifference } from '../src/cli/divergence.ts';
import { DataError } from '../src/core/errors.ts';
import { RecordKind } from '../src/core/frame.ts';
import { buildTables } from '../src/datasets/tables.ts';
import { parseRunConfig, type RunConfig } from '../src/engine/config.ts';
import { readJournal } from '../src/journal/reader.ts';
import { JournalWriter } from '../src/journal/writer.ts';
import { compareRuns } from '../src/runs/compare.ts';
import type { Run } from '../src/runs/run.ts';
import { backtest } from '../src/sessions/backtest.ts';
import { SILENT } from '../src/sessions/observer.ts';
import { type PaperResult, paper } from '../src/sessions/paper.ts';
import { type ReplayRequest, replay } from '../src/sessions/replay.ts';
import { loadStrategies } from '../src/sessions/strategies.ts';
import { type Fault, startServer } from '../src/simulated/server.ts';

const LIVE_S = 6;
const FAULTS: readonly Fault[] = [
  { atS: 0.8, type: 'checksum', symbol: 'BTC/USD' },
  { atS: 1, type: 'lost-delta', symbol: 'ETH/USD' },
  { atS: 1.2, type: 'skip-trade', symbol: 'ETH/USD' },
  { atS: 1.4, type: 'malformed' },
  { atS: 1.8, type: 'disconnect', forS: 1.2 },
];

/**
 * Trades at every close, so that orders and fills are certain, and is careless: it draws numbers as one must not, and
 * goes on changing an object that it has handed over.
 */
const FLIP = `
import { z } from 'zod';
import { buy, candles, defineStrategy, ema, sell } from 'retick';
export const strategy = defineStrategy({
  name: 'flip', version: '1.0.0', description: 'Buys when flat, sells when not.',
  params: z.object({ symbol: z.string().default('ETH/USD'), quote: z.number().default(20) }),
  inputs: (p) => { const bars = candles(p.symbol, '250ms'); return { bars, mean: ema(bars, 3) }; },
  state: () => ({ calls: 0 }),
  decide: (_inputs, { position, params, openOrders, state }) => {
    state.calls += 1;
    if (openOrders > 0) return null;
    const told = { reason: 'draw ' + Math.random(), metadata: state };
    return position.isFlat ? buy({ quote: params.quote, ...told }) : sell(told);
  },
});
`;

const root = mkdtempSync(join(tmpdir(), 'retick-parity-'));
const recording = join(root, 'datasets', 'live');
const { signal } = new AbortController();
let config: RunConfig;
let live: PaperResult;

beforeAll(async () => {
  writeFileSync(join(root, 'flip.ts'), FLIP);
  const server = await startServer({ seed: 7, eventsPerSecond: 300, faults: FAULTS });
  config = parseRunConfig(
    {
      name: 'parity',
      venue: 'kraken',
      url: server.url,
      symbols: ['BTC/USD', 'ETH/USD', 'XRP/USD'],
      depth: 10,
      candles: { grace: '2500ms' },
      equityEvery: '500ms',
      strategies: [
        { use: join(root, 'flip.ts') },
        { use: 'mean-reversion', params: { symbol: 'BTC/USD', fast: '500ms', slow: '1s', length: 2 } },
        { use: 'order-flow', params: { symbol: 'ETH/USD', interval: '500ms', length: 2 } },
      ],
    },
    'parity',
  );
  live = await paper({
    config,
    strategies: await loadStrategies(config, 'parity'),
    durationUs: LIVE_S * 1e6,
    recording,
    out: join(root, 'reports', 'live'),
    observer: SILENT,
    signal,
    connection: { backoff: { minMs: 100, maxMs: 400, factor: 2, jitter: 0.2 } },
  });
  await server.stop();
}, 30_000);

afterAll(() => rmSync(root, { recursive: true, force: true }));

let runs = 0;

async function replayed(changes: Partial<ReplayRequest> = {}): Promise<Run> {
  const { run } = await replay({
    recording,
    config,
    strategies: await loadStrategies(changes.config ?? config, 'parity'),
    isRaw: false,
    speed: Number.POSITIVE_INFINITY,
    fromUs: undefined,
    toUs: undefined,
    batchSize: 4096,
    out: join(root, 'reports', `replay-${runs++}`),
    observer: SILENT,
    signal,
    ...changes,
  });
  return run;
}

async function backtested(changed: RunConfig): Promise<Run> {
  const { run } = await backtest({
    dataset: recording,
    config: changed,
    strategies: await loadStrategies(changed, 'parity'),
    latencyUs: 0,
    fromUs: undefined,
    toUs: undefined,
    batchSize: 4096,
    out: join(root, 'reports', `backtest-${runs++}`),
    observer: SILENT,
    signal,
  });
  return run;
}

describe('a live run', () => {
  test('lived through every fault, and traded', () => {
    const { counts } = live.run.manifest;
    const causes = new Set(live.manifest!.gaps.map(({ cause }) => cause));
    expect(causes).toEqual(new Set(['checksum', 'sequence', 'disconnect']));
    expect(live.manifest!.counts.unknown).toBe(1);
    expect(live.manifest!.counts.connections).toBe(2);
    expect(live.manifest!.counts.symbols['ETH/USD']?.lateTrades).toBeGreaterThan(0);
    expect(counts.fill).toBeGreaterThan(4);
    expect(counts.indicator).toBeGreaterThan(20);
    expect(live.run.manifest.counts.fault).toBeUndefined();
  });

  test.each([
    ['its frames', { isRaw: true }],
    ['its tables', { isRaw: false }],
    ['its frames, event by event', { isRaw: true, batchSize: 1 }],
    ['its tables, event by event', { isRaw: false, batchSize: 1 }],
    ['its frames, seven events at a time', { isRaw: true, batchSize: 7 }],
    ['its tables, seven events at a time', { isRaw: false, batchSize: 7 }],
    ['its tables at 100x', { isRaw: false, speed: 100 }],
    ['its frames at 100x', { isRaw: true, speed: 100 }],
  ])('is repeated bit for bit from %s', async (_how, changes) => {
    const run = await replayed(changes);
    const comparison = compareRuns(live.run, run);
    expect(formatComparison(comparison, undefined)).toContain('equal, bit for bit');
    expect(run.manifest).toMatchObject({
      digest: live.run.manifest.digest,
      inputs: live.run.manifest.inputs,
      events: live.run.manifest.events,
    });
    expect(comparison).toMatchObject({ isEqual: true, isWithin: true, divergence: undefined });
    expect(readFileSync(run.log)).toEqual(readFileSync(live.run.log));
  });

  test('is repeated in its own time, and a slice of it from anywhere alike', async () => {
    const firstUs = live.manifest!.span!.firstUs;
    const slice = { fromUs: firstUs + 1.1e6, toUs: firstUs + 2.1e6 };
    const [realTime, fast, tables] = [
      await replayed({ ...slice, isRaw: true, speed: 1 }),
      await replayed({ ...slice, isRaw: true }),
      await replayed({ ...slice, isRaw: false, batchSize: 7 }),
    ];
    expect(realTime.manifest.digest).toBe(fast.manifest.digest);
    expect(tables.manifest.digest).toBe(fast.manifest.digest);
    expect(fast.manifest.digest).not.toBe(live.run.manifest.digest);
    const { spanSeconds, wallSeconds, achievedSpeed } = realTime.measured!;
    expect(spanSeconds).toBeGreaterThan(0.8);
    expect(achievedSpeed).toBe(spanSeconds! / wallSeconds);
    expect(realTime.measured?.achievedSpeed).toBeLessThan(1.1);
  });
});

describe('a change', () => {
  test('of a parameter gives another digest, and the first record that differs is named', async () => {
    const [flip, ...others] = config.strategies;
    const changed = { ...config, strategies: [{ ...flip!, params: { quote: 21 } }, ...others] };
    const run = await replayed({ config: changed });
    const { isEqual, divergence, inputWindow } = compareRuns(live.run, run);
    expect(isEqual).toBe(false);
    expect(inputWindow).toBeUndefined();
    expect(divergence?.left).toMatchObject({ type: 'signal', strategy: 'flip', signal: { quote: 20 } });
    expect(divergence?.right).toMatchObject({ type: 'signal', strategy: 'flip', signal: { quote: 21 } });
    expect(divergence?.fields).toEqual(['signal.quote']);
    expect(divergence?.before.length).toBeGreaterThan(0);
  });

  test('of the seed gives another digest', async () => {
    const run = await replayed({ config: { ...config, seed: 2 } });
    const { isEqual, divergence, inputWindow } = compareRuns(live.run, run);
    expect(isEqual).toBe(false);
    expect(inputWindow).toBeUndefined();
    expect(divergence?.fields).toEqual(['signal.reason']);
  });

  test('of one digit in one frame gives another digest, and that event is named', async () => {
    const changed = join(root, 'datasets', 'changed');
    const { before, after } = await copyWithOneDigitChanged(recording, changed);
    await buildTables(changed);
    for (const isRaw of [true, false]) {
      const run = await replayed({ recording: changed, isRaw });
      const comparison = compareRuns(live.run, run);
      expect(comparison.isEqual).toBe(false);
      const difference = await findInputDifference(live.run, run, comparison);
      if (difference?.state !== 'found') throw new Error(`not found: ${JSON.stringify(difference)}`);
      expect(difference.left).toContain(before);
      expect(difference.right).toContain(after);
      expect(difference.before.length).toBeGreaterThan(0);
      expect(formatComparison(comparison, difference)).toContain(
        `the inputs part at event ${difference.event}`,
      );
    }
  });
});

describe('a flipped byte', () => {
  test.each([
    ['a sealed segment', 'journal', true],
    ['a derived table', 'trades', false],
  ])('in %s is found before anything is replayed', async (_what, part, isRaw) => {
    const damaged = join(root, 'datasets', `damaged-${part}`);
    cpSync(recording, damaged, { recursive: true });
    const file = readdirSync(join(damaged, part), { recursive: true, encoding: 'utf8' }).find((name) =>
      name.endsWith('.parquet'),
    )!;
    const path = join(damaged, part, file);
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1]! ^= 0x10;
    writeFileSync(path, bytes);
    const error: unknown = await replayed({ recording: damaged, isRaw }).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(DataError);
    expect(String(error)).toContain(path);
    const left = readdirSync(join(root, 'reports')).filter((name) => name.startsWith(`replay-${runs - 1}`));
    expect(left).toEqual([]);
  });
});

describe('a backtest over the derived tables', () => {
  test('has every indicator value of live within 0.01 % when candles wait for what the outage held back', async () => {
    const history = await backtested(config);
    const comparison = compareRuns(live.run, history);
    expect(comparison.isEqual).toBe(false);
    const indicators = comparison.indicators.filter(({ kind }) => kind === 'indicator');
    expect(indicators.map(({ name }) => name)).toEqual([
      'flip.mean.value',
      'mean-reversion.rsi.value',
      'mean-reversion.slowRsi.value',
      'mean-reversion.vwap.value',
      'order-flow.flow.value',
    ]);
    for (const { matched, beyond, missing } of indicators) {
      expect({ beyond, missing }).toEqual({ beyond: 0, missing: 0 });
      expect(matched).toBeGreaterThan(0);
    }
    // What a book showed a moment sooner, or in the outage not at all, is told, and judged by what came of it.
    for (const { kind, name, beyond, missing, excused } of comparison.indicators) {
      if (kind === 'sample') expect({ name, differs: beyond + missing }).toEqual({ name, differs: excused });
    }
    const [values] = comparison.verdict.parts;
    expect(values).toMatchObject({ part: 'values', differing: 0, passes: true });
    const lax = { decisions: { share: 0.6 }, orders: { share: 0.6 }, fills: { share: 0.6 } };
    expect(compareRuns(live.run, history, { limits: lax }).isWithin).toBe(true);
  });

  test('puts every difference down to what the live run lived through when candles do not wait', async () => {
    const hasty = { ...config, candles: { ...config.candles, grace: '1ms' } };
    const comparison = compareRuns(await replayed({ config: hasty }), await backtested(hasty));
    const lived = ['outage', 'late trades', 'warm-up', 'end of span'];
    for (const { name, causes } of comparison.candles) {
      expect({ name, others: Object.keys(causes).filter((cause) => !lived.includes(cause)) }).toEqual({
        ...{ name, others: [] },
      });
    }
    for (const { kind, name, causes, unequal, onlyLeft, onlyRight } of comparison.indicators) {
      if (kind === 'sample') continue;
      const explained = Object.values(causes).reduce((sum, count) => sum + count, 0);
      expect({ name, explained }).toEqual({ name, explained: unequal + onlyLeft + onlyRight });
      expect({ name, unexplained: causes.unexplained ?? 0 }).toEqual({ name, unexplained: 0 });
    }
  });
});

/** The recording again, frame by frame, with the last digit of one trade's price altered. */
async function copyWithOneDigitChanged(
  from: string,
  to: string,
): Promise<{ readonly before: string; readonly after: string }> {
  const writer = await JournalWriter.open(join(to, 'journal'));
  const [decoder, encoder] = [new TextDecoder(), new TextEncoder()];
  let [change, trades] = [{ before: '', after: '' }, 0];
  for await (const records of readJournal(from)) {
    for (const { kind, connection, receivedUs, payload } of records) {
      let bytes = payload;
      const text = kind === RecordKind.text ? decoder.decode(payload) : '';
      if (text.startsWith('{"channel":"trade","type":"update"') && ++trades === 20) {
        const price = /"price":([\d.]+)/.exec(text)![1]!;
        const altered = price.slice(0, -1) + ((Number(price.at(-1)) + 1) % 10);
        change = { before: `price=${Number(price)}`, after: `price=${Number(altered)}` };
        bytes = encoder.encode(text.replace(`"price":${price}`, `"price":${altered}`));
      }
      writer.append(kind, connection, receivedUs, bytes);
    }
  }
  await writer.close();
  return change;
}
