// Series built from the candles that a venue sends: each closes once, history is never traded, orders meet candles.
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { CandleDetail } from '../../src/core/event.ts';
import { buy, candles, defineStrategy, EventBatch, Flag, prepare, type Signal } from '../../src/index.ts';
import { addBeat, addRules, config, run, SECOND_US, START_US } from './synthetic.ts';

const MINUTE_US = 60 * SECOND_US;
const WEEK = new URL('../../../shared/data/candles/btcusdt_1m_week_20210219.json', import.meta.url);
const at = (seconds: number): number => START_US + seconds * SECOND_US;

type Values = Partial<Omit<CandleDetail, 'type'>>;

function addCandle(
  events: EventBatch,
  receivedUs: number,
  values: Values,
  options: { readonly flags?: number; readonly exchangeUs?: number } = {},
): void {
  const { close = 1 } = values;
  const flat = { open: close, high: close, low: close, close, volume: 100, trades: 5 };
  const common = { type: 'candle', startUs: START_US, intervalUs: MINUTE_US, isClosed: true } as const;
  const { flags = 0, exchangeUs = receivedUs } = options;
  const row = events.addDetail(
    { ...common, ...flat, ...values },
    0,
    events.length + 1,
    receivedUs,
    exchangeUs,
  );
  events.flags[row] = flags;
}

function watcher(decide: (nowUs: number, startUs: number) => Signal | null, ...intervals: readonly string[]) {
  return prepare(
    defineStrategy({
      name: 'watcher',
      version: '1',
      description: 'decides at closes',
      params: z.object({}),
      inputs: () => ({
        bars: candles('XRP/USD', '1m'),
        ...Object.fromEntries(intervals.map((interval) => [`c${interval}`, candles('XRP/USD', interval)])),
      }),
      decide: ({ bars }, { nowUs }) => decide(nowUs, (bars as { startUs: number }).startUs),
    }),
  );
}

const fromCandles = (over: Readonly<Record<string, unknown>> = {}, rest: object = {}) =>
  config({ candles: { from: 'candles', ...over }, fills: { bps: 0 }, ...rest });

describe.skipIf(!existsSync(WEEK))('a week of real minutes', () => {
  test.each([0, 250, 1000, 5000])(
    'delivered %i ms late is 10,080 candles, and 2,016 of five minutes',
    (lateMs) => {
      const rows = JSON.parse(readFileSync(WEEK, 'utf8')) as Record<string, string | number>[];
      const events = new EventBatch();
      for (const row of rows) {
        const startUs = Number(row.openTimeInMillis) * 1000;
        const [open, high, low, close, volume] = ['open', 'high', 'low', 'close', 'volume'].map((key) =>
          Number(row[key]),
        );
        addCandle(events, startUs + MINUTE_US + lateMs * 1000, {
          startUs,
          open: open!,
          high: high!,
          low: low!,
          close: close!,
          volume: volume!,
        });
      }
      addBeat(events, events.receivedUs[events.length - 1]! + MINUTE_US);
      let calls = 0;
      const log = run(
        events,
        [
          watcher(() => {
            calls++;
            return null;
          }, '5m'),
        ],
        { config: fromCandles() },
      );
      const found = log.of('candle').filter(({ name }) => name === 'watcher.bars');
      expect(
        found.map(({ startUs, open, high, low, close, volume }) => [startUs, open, high, low, close, volume]),
      ).toEqual(
        rows.map((row) => [
          Number(row.openTimeInMillis) * 1000,
          ...['open', 'high', 'low', 'close', 'volume'].map((key) => Number(row[key])),
        ]),
      );
      expect(calls).toBe(10_080);
      const larger = log.of('candle').filter(({ name }) => name === 'watcher.c5m');
      expect(larger).toHaveLength(2016);
      for (const [i, bar] of larger.entries()) {
        const parts = rows.slice(i * 5, i * 5 + 5);
        expect(bar.high).toBe(Math.max(...parts.map(({ high }) => Number(high))));
        expect(bar.close).toBe(Number(parts.at(-1)!.close));
      }
      expect(log.of('unused')).toEqual([]);
    },
  );
});
if (!existsSync(WEEK)) console.warn(`skipped: the real candles are not there (${WEEK.pathname})`);

test('a running candle closes by time, once, with what was last said of it; nothing flat is invented', () => {
  const events = new EventBatch();
  addCandle(events, at(10), { close: 10, isClosed: false });
  addCandle(events, at(50), { open: 10, high: 12, low: 9, close: 11, isClosed: false });
  addBeat(events, at(200));
  addCandle(events, at(205), { startUs: at(180), close: 20, isClosed: false });
  addCandle(events, at(206), { open: 10, high: 12, low: 9, close: 11 });
  addBeat(events, at(300));
  const decided: number[] = [];
  const log = run(
    events,
    [
      watcher((nowUs) => {
        decided.push(nowUs);
        return null;
      }),
    ],
    { config: fromCandles() },
  );
  expect(log.of('candle').map(({ startUs, close, timeUs }) => [startUs, close, timeUs])).toEqual([
    [at(0), 11, at(60.25)],
    [at(180), 20, at(240.25)],
  ]);
  expect(decided).toEqual([at(60.25), at(240.25)]);
  expect(log.of('unused')).toEqual([]);
});

test.each([0, 3600])('a candle dated an hour ahead closes nothing, its frame dated %i s ahead', (aheadS) => {
  const events = new EventBatch();
  const running = { open: 10, high: 12, low: 9, close: 11 };
  addCandle(events, at(10), { ...running, isClosed: false });
  const stamp = { exchangeUs: at(20 + aheadS) };
  if (aheadS > 0) addCandle(events, at(20), { ...running, isClosed: true }, stamp);
  addCandle(events, at(20), { startUs: at(3600), close: 50, isClosed: false }, stamp);
  addCandle(events, at(50), { ...running, close: 12, isClosed: false });
  addCandle(events, at(70), { startUs: at(60), close: 13, isClosed: false });
  addBeat(events, at(200));
  const log = run(events, [watcher(() => null)], { config: fromCandles() });
  expect(log.of('candle').map(({ startUs, close }) => [startUs, close])).toEqual([
    [at(0), 12],
    [at(60), 13],
  ]);
  const reasons = log.of('unused').map(({ reason }) => reason);
  expect(reasons.at(-1)).toBe('candle of 1m that begins later than now');
  expect(reasons).toHaveLength(aheadS > 0 ? 2 : 1);
});

test('history warms up and is never traded: no call, no price, no stop, no mark', () => {
  const events = new EventBatch();
  addRules(events, at(0));
  for (let i = 0; i < 5; i++) addCandle(events, at(i * 60 + 60), { startUs: at(i * 60), close: 100 });
  // A snapshot after an outage: the same again, at other prices, two that nobody saw, and older ones.
  for (let i = -3; i < 8; i++) {
    addCandle(events, at(490), { startUs: at(i * 60), close: 50 }, { flags: Flag.late });
  }
  addCandle(events, at(540), { startUs: at(480), close: 100 });
  addBeat(events, at(600));
  let calls = 0;
  const trader = watcher(() => (calls++ === 2 ? buy({ size: 1, stopLoss: 80, reason: 'in' }) : null));
  const log = run(events, [trader], {
    config: fromCandles({}, { capital: { USD: 1000 }, equityEvery: '10s' }),
  });
  expect(log.of('candle').map(({ startUs }) => (startUs - START_US) / MINUTE_US)).toEqual([
    0, 1, 2, 3, 4, 5, 6, 7, 8,
  ]);
  expect(calls).toBe(6);
  expect(log.of('fill')).toMatchObject([{ fill: { price: 100 }, timeUs: at(240) }]);
  expect(new Set(log.of('equity').map(({ equity }) => Number(equity) > 999))).toEqual(new Set([true]));
});

test('without a word of the venue, what comes a whole candle late is history', () => {
  const events = new EventBatch();
  for (let i = 50; i >= 1; i--) addCandle(events, at(3600), { startUs: at(3600 - i * 60), close: i });
  addBeat(events, at(3602));
  const decided: number[] = [];
  const log = run(
    events,
    [
      watcher((_, startUs) => {
        decided.push(startUs);
        return null;
      }),
    ],
    {
      config: fromCandles(),
    },
  );
  expect(log.of('candle')).toHaveLength(50);
  expect(decided).toEqual([at(3540)]);
});

test.each([
  ['off the grid', { startUs: at(7) }, 'candle of 1m that does not begin at a multiple of it'],
  ['called closed too early', { startUs: at(60) }, 'candle of 1m that is called closed before its end'],
  ['too long', { startUs: at(-300), intervalUs: 5 * MINUTE_US }, 'a candle of 5m is no part of one of 1m'],
])('a candle %s is set apart with a reason', (_what, values, reason) => {
  const events = new EventBatch();
  addCandle(events, at(60), { close: 1 });
  addCandle(events, at(90), { ...values, close: 99 });
  addCandle(events, at(120), { startUs: at(60), close: 2 });
  addBeat(events, at(400));
  const log = run(events, [watcher(() => null)], { config: fromCandles() });
  expect(log.of('unused').map((record) => record.reason)).toEqual([reason]);
  expect(log.of('candle').map(({ close }) => close)).toEqual([1, 2]);
  expect(log.of('fault')).toEqual([]);
});

test('the candles of several instruments that end together are seen together, whichever comes first', () => {
  for (const first of [0, 1]) {
    const events = new EventBatch();
    for (let i = 0; i < 4; i++) {
      for (const instrument of [first, 1 - first]) {
        // One of the second instrument never comes: the first waits for it until the grace is over.
        if (instrument === 1 && i === 2) continue;
        addCandle(events, at(i * 60 + 60) + (instrument === first ? 0 : 100_000), { startUs: at(i * 60) });
        events.instrument[events.length - 1] = instrument;
      }
    }
    addBeat(events, at(400));
    const seen: (readonly [number, boolean])[] = [];
    const pair = prepare(
      defineStrategy({
        name: 'pair',
        version: '1',
        description: 'looks at two',
        params: z.object({}),
        inputs: () => ({ a: candles('A/USD', '1m'), b: candles('B/USD', '1m') }),
        decide: ({ a, b }, { nowUs }) => {
          seen.push([nowUs, a.startUs === b.startUs]);
          return null;
        },
      }),
    );
    const symbols = ['A/USD', 'B/USD'];
    run(events, [pair], { config: fromCandles({}, { symbols }), symbols });
    const lone = first === 0 ? at(180.25) : at(180.35);
    expect(seen).toEqual([
      [at(60.1), true],
      [at(120.1), true],
      [expect.closeTo(lone, -6), false],
      [at(240.1), true],
    ]);
  }
});

describe('orders on candles', () => {
  function bars(...values: readonly [open: number, high: number, low: number, close: number][]): EventBatch {
    const events = new EventBatch();
    addRules(events, at(0));
    for (const [i, [open, high, low, close]] of values.entries()) {
      addCandle(events, at(i * 60 + 60), { startUs: at(i * 60), open, high, low, close });
    }
    addBeat(events, at(values.length * 60 + 5));
    return events;
  }
  const once = (signal: Omit<Signal, 'action' | 'reason'>) => {
    let calls = 0;
    return watcher(() => (calls++ === 0 ? buy({ ...signal, reason: 'once' }) : null));
  };
  const fills = (events: EventBatch, signal: Omit<Signal, 'action' | 'reason'>, over = {}) =>
    run(events, [once(signal)], { config: fromCandles(over, { capital: { USD: 1000 } }) })
      .of('fill')
      .map(({ fill }) => [fill.side, fill.price]);

  test('a market order fills at the next open, or at the close it was decided on', () => {
    const events = bars([10, 11, 9, 10], [12, 13, 11, 12], [14, 14, 14, 14]);
    expect(fills(events, { size: 1 })).toEqual([['buy', 12]]);
    expect(fills(events, { size: 1 }, { fillAt: 'close' })).toEqual([['buy', 10]]);
  });

  test('a stop fills at its price inside a candle, at the open when the market opens past it', () => {
    const inside = bars([10, 10, 10, 10], [12, 12, 12, 12], [12, 13, 8, 11], [11, 11, 11, 11]);
    expect(fills(inside, { size: 1, stopLoss: 9 })).toEqual([
      ['buy', 12],
      ['sell', 9],
    ]);
    const past = bars([10, 10, 10, 10], [12, 12, 12, 12], [7, 8, 6, 7]);
    expect(fills(past, { size: 1, stopLoss: 9 })).toEqual([
      ['buy', 12],
      ['sell', 7],
    ]);
  });

  test('of a candle that rose the low comes before the high, of one that fell the high before the low', () => {
    const rose = bars([10, 10, 10, 10], [10, 10, 10, 10], [10, 15, 8, 12]);
    expect(fills(rose, { size: 1, stopLoss: 9, takeProfit: 14 }).at(-1)).toEqual(['sell', 9]);
    const fell = bars([10, 10, 10, 10], [10, 10, 10, 10], [10, 15, 8, 9.5]);
    expect(fills(fell, { size: 1, stopLoss: 9, takeProfit: 14 }).at(-1)).toEqual(['sell', 14]);
  });
});
