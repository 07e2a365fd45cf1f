// Candles by the venue's clock, whatever the local one shows: skew, steps, jitter, and stamps that cannot be right.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { StatusDetail } from '../../src/core/event.ts';
import { candles, defineStrategy, EventBatch, prepare } from '../../src/index.ts';
import { addBeat, addTrade, config, type MemoryLog, run, SECOND_US, START_US } from './synthetic.ts';

const HOUR_US = 3600 * SECOND_US;
const YEAR_US = 365 * 24 * HOUR_US;
const at = (seconds: number): number => START_US + seconds * SECOND_US;

function watcher(...intervals: readonly string[]) {
  return prepare(
    defineStrategy({
      name: 'watcher',
      version: '1',
      description: 'has candles built',
      params: z.object({}),
      inputs: () =>
        Object.fromEntries(intervals.map((interval) => [`c${interval}`, candles('XRP/USD', interval)])),
      trigger: () => ({ on: 'timer', everyUs: 3600 * SECOND_US }),
      decide: () => null,
    }),
  );
}

type Stamped = { readonly receivedUs: number; readonly venueUs: number };

/** One trade a second, venue times half a second after it, as received. */
function steady(count: number, receivedOf: (venueUs: number, i: number) => number): Stamped[] {
  return Array.from({ length: count }, (_, i) => {
    const venueUs = at(i + 0.5);
    return { venueUs, receivedUs: receivedOf(venueUs, i) };
  });
}

function eventsOf(trades: readonly Stamped[]): EventBatch {
  const events = new EventBatch();
  const inOrder = trades.toSorted((a, b) => a.receivedUs - b.receivedUs);
  for (const [i, { receivedUs, venueUs }] of inOrder.entries()) {
    addTrade(events, { atUs: receivedUs, exchangeUs: venueUs, price: 100 + (i % 7) });
  }
  addBeat(events, inOrder.at(-1)!.receivedUs + 90 * SECOND_US);
  return events;
}

/** How many trades each closed candle of a series has, by the second at which it starts. */
function tradesOf(log: MemoryLog, name: string): Record<number, number> {
  const found: Record<number, number> = {};
  for (const candle of log.of('candle')) {
    if (candle.name !== name || candle.trades === 0) continue;
    found[(candle.startUs - START_US) / SECOND_US] = candle.trades;
  }
  return found;
}

/** What `count` trades, one a second, give in candles of so many seconds. */
function whole(count: number, seconds: number): Record<number, number> {
  const expected: Record<number, number> = {};
  for (let i = 0; i < count; i++) {
    const start = Math.floor(i / seconds) * seconds;
    expected[start] = (expected[start] ?? 0) + 1;
  }
  return expected;
}

describe('a constant skew', () => {
  test.each([
    ['none', 0],
    ['a feed 600 ms behind', 0.6 * SECOND_US],
    ['2 s ahead', 2 * SECOND_US],
    ['90 s ahead', 90 * SECOND_US],
    ['5 s behind the venue', -5 * SECOND_US],
    ['90 s behind the venue', -90 * SECOND_US],
    ['two hours', 2 * HOUR_US],
    ['two hours behind the venue', -2 * HOUR_US],
    ['ten years', 10 * YEAR_US],
    ['ten years behind the venue', -10 * YEAR_US],
  ])('%s loses no trade of candles of any length', (_what, skewUs) => {
    const events = eventsOf(steady(130, (venueUs) => venueUs + skewUs + 20_000));
    const log = run(events, [watcher('1s', '5s', '1m')]);
    expect(tradesOf(log, 'watcher.c1s')).toEqual(whole(130, 1));
    expect(tradesOf(log, 'watcher.c5s')).toEqual(whole(130, 5));
    expect(tradesOf(log, 'watcher.c1m')).toEqual(whole(130, 60));
    expect(log.of('unused')).toEqual([]);
    expect(log.of('lag').at(-1)).toMatchObject({ offsetUs: skewUs + 20_000, graceUs: 250_000 });
  });

  test('with any jitter up to seconds loses none once the spread is known, however batches are cut', () => {
    const jitter = fc.record({
      seed: fc.integer({ min: 0, max: 1 << 30 }),
      skewUs: fc.constantFrom(0, 90 * SECOND_US, -3 * HOUR_US),
      jitterUs: fc.constantFrom(100_000, 900_000, 3 * SECOND_US),
      batchSize: fc.integer({ min: 1, max: 50 }),
    });
    fc.assert(
      fc.property(jitter, ({ seed, skewUs, jitterUs, batchSize }) => {
        let state = seed;
        const random = () => {
          state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
          return state / 0x7fffffff;
        };
        const trades = steady(600, (venueUs) => venueUs + skewUs + Math.floor(random() * jitterUs));
        const log = run(eventsOf(trades), [watcher('2s')], { batchSize });
        expect(run(eventsOf(trades), [watcher('2s')]).records).toEqual(log.records);
        const late = log.of('unused').filter(({ event }) => event > 60);
        expect(late).toEqual([]);
      }),
      { numRuns: 30 },
    );
  });

  test('is known to when listening began: no candle before it is whole, none after it is partial', () => {
    for (const skewUs of [0, 90 * SECOND_US, -90 * SECOND_US]) {
      const events = eventsOf(steady(20, (venueUs) => venueUs + skewUs));
      const partial = run(events, [watcher('2s')])
        .of('candle')
        .flatMap(({ isPartial, trades }) => (trades > 0 ? [isPartial] : []));
      expect(partial.slice(0, 3)).toEqual([true, false, false]);
    }
  });
});

describe('a stepped clock', () => {
  const session = { type: 'session', session: {} as never, software: 's', node: 'n' } as const;

  test.each([
    ['ahead', 3 * HOUR_US],
    ['by a day', 24 * HOUR_US],
    ['by 40 s', 40 * SECOND_US],
  ])('%s loses nothing when the recording says so, or when the stamps do', (_what, stepUs) => {
    for (const isTold of [true, false]) {
      const events = new EventBatch();
      for (const [i, { venueUs }] of steady(120, (us) => us).entries()) {
        const receivedUs = venueUs + (i < 60 ? 0 : stepUs);
        if (i === 60 && isTold) {
          const detail: StatusDetail = { type: 'status', state: 'control', control: session };
          events.addDetail(detail, 0xffff, events.length + 1, receivedUs, Number.NaN);
        }
        addTrade(events, { atUs: receivedUs, exchangeUs: venueUs, price: 1 });
      }
      addBeat(events, at(220) + stepUs);
      const log = run(events, [watcher('5s')]);
      const lost = log.of('unused').length;
      // Untold, what came in the first frames is late for candles that had to close while nothing came.
      expect(lost).toBeLessThanOrEqual(isTold ? 0 : 3);
      const counted = Object.values(tradesOf(log, 'watcher.c5s')).reduce((sum, trades) => sum + trades, 0);
      expect(counted + lost).toBe(120);
    }
  });
});

describe('a stamp that cannot be right', () => {
  const wrong = fc.oneof(
    fc.constantFrom(
      ['1970', () => 0],
      ['in ms', (us: number) => us / 1000],
      ['in ns', (us: number) => us * 1000],
      ['2099', () => Date.UTC(2099, 0, 1) * 1000],
    ),
    fc
      .constantFrom(5, 30, 600, 3600, 86_400, 1e8)
      .map((seconds) => [`${seconds} s ahead`, (us: number) => us + seconds * SECOND_US] as const),
    fc
      .constantFrom(700, 3600, 86_400, 1e8)
      .map((seconds) => [`${seconds} s behind`, (us: number) => us - seconds * SECOND_US] as const),
  ) as fc.Arbitrary<readonly [string, (us: number) => number]>;

  test('is set apart alone, wherever it stands and whatever the skew, and is told', () => {
    const skew = fc.constantFrom(0, 2 * SECOND_US, 90 * SECOND_US, 2 * HOUR_US, -2 * HOUR_US);
    fc.assert(
      fc.property(wrong, fc.integer({ min: 40, max: 115 }), skew, ([, stamp], index, skewUs) => {
        const events = new EventBatch();
        for (const [i, { venueUs, receivedUs }] of steady(120, (us) => us + skewUs).entries()) {
          const exchangeUs = i === index ? stamp(venueUs) : venueUs;
          addTrade(events, { atUs: receivedUs, exchangeUs, price: 1 });
        }
        addBeat(events, at(220) + skewUs);
        const log = run(events, [watcher('5s')]);
        const expected = whole(120, 5);
        expected[Math.floor(index / 5) * 5]!--;
        expect(tradesOf(log, 'watcher.c5s')).toEqual(expected);
        expect(log.of('unused')).toMatchObject([{ count: 1, atUs: stamp(at(index + 0.5)) }]);
        expect(log.of('unused')[0]!.reason).toContain('trade set apart: its venue time is far');
      }),
      { numRuns: 60 },
    );
  });

  test.each([0, 1, 2])('moves nothing either when it is among the first, at %i', (index) => {
    const events = new EventBatch();
    for (const [i, { venueUs }] of steady(60, (us) => us).entries()) {
      addTrade(events, { atUs: venueUs, exchangeUs: i === index ? venueUs / 1000 : venueUs, price: 1 });
    }
    addBeat(events, at(160));
    const log = run(events, [watcher('5s')]);
    expect(tradesOf(log, 'watcher.c5s')).toEqual({ ...whole(60, 5), 0: 4 });
    expect(log.of('unused')).toHaveLength(1);
  });

  test('of a whole frame is one stamp: its trades are set apart together', () => {
    const events = new EventBatch();
    for (const { venueUs } of steady(30, (us) => us)) addTrade(events, { atUs: venueUs, price: 1 });
    const frame = events.length + 1;
    for (let i = 0; i < 5; i++) {
      addTrade(events, { atUs: at(30), exchangeUs: at(30) + HOUR_US, price: 1 });
      events.seq[events.length - 1] = frame;
    }
    for (let i = 31; i < 60; i++) addTrade(events, { atUs: at(i), price: 1 });
    const log = run(events, [watcher('5s')]);
    expect(log.of('unused')).toHaveLength(5);
    expect(Object.values(tradesOf(log, 'watcher.c5s')).every((trades) => trades <= 5)).toBe(true);
  });
});

test('a trade that comes too late marks its closed candle, and the record says when it was', () => {
  const events = new EventBatch();
  for (let i = 0; i < 10; i++) addTrade(events, { atUs: at(i + 0.5), price: 1 });
  addTrade(events, { atUs: at(9.6), exchangeUs: at(2.4), price: 1 });
  addTrade(events, { atUs: at(9.7), price: 1 });
  const seen: boolean[] = [];
  const strategy = defineStrategy({
    name: 'looks-back',
    version: '1',
    description: 'reads closed candles',
    params: z.object({}),
    inputs: () => ({ bars: candles('XRP/USD', '1s') }),
    trigger: () => ({ on: 'trade', symbol: 'XRP/USD' }),
    decide: ({ bars }, { nowUs }) => {
      if (nowUs === at(9.7)) {
        for (let back = 0; back < bars.count; back++)
          seen[(bars.at(back).startUs - START_US) / 1e6] = (
            bars.at(back) as never as { isPartial: boolean }
          ).isPartial;
      }
      return null;
    },
  });
  const log = run(events, [prepare(strategy)]);
  expect(log.of('unused')).toMatchObject([
    { reason: 'late trade: closed already, the candle of 1s', startUs: at(2) },
  ]);
  expect(seen.slice(1)).toEqual([false, true, false, false, false, false, false, false]);
});

test('series of several instruments that end at one instant close before anyone is asked, whoever trades first', () => {
  for (const first of [0, 1]) {
    const events = new EventBatch();
    const seen: boolean[] = [];
    for (let i = 1; i < 20; i++) {
      addTrade(events, { atUs: at(i), price: i, instrument: first });
      addTrade(events, { atUs: at(i + 0.4), price: i, instrument: 1 - first });
    }
    const strategy = defineStrategy({
      name: 'pair',
      version: '1',
      description: 'looks at two',
      params: z.object({}),
      inputs: () => ({ a: candles('A/USD', '5s'), b: candles('B/USD', '5s'), slow: candles('B/USD', '10s') }),
      decide: ({ a, b, slow }) => {
        seen.push(a.startUs === b.startUs && !(slow.startUs + 10 * SECOND_US < a.startUs));
        return null;
      },
    });
    const symbols = ['A/USD', 'B/USD'];
    run(events, [prepare(strategy)], { config: config({ symbols }), symbols });
    expect(seen).toEqual([true, true, true]);
  }
});

test('of a silence of years only the first calls of a timer and the last one happen, and it is told', () => {
  const events = new EventBatch();
  addTrade(events, { atUs: at(0.5), price: 1 });
  addBeat(events, at(0.5) + 70 * YEAR_US);
  let [calls, lastUs] = [0, 0];
  const strategy = defineStrategy({
    name: 'clockwork',
    version: '1',
    description: 'counts seconds',
    params: z.object({}),
    inputs: () => ({ bars: candles('XRP/USD', '1s') }),
    trigger: () => ({ on: 'timer', everyUs: SECOND_US }),
    decide: (_inputs, { nowUs }) => {
      calls++;
      lastUs = nowUs;
      return null;
    },
  });
  const log = run(events, [prepare(strategy)]);
  expect(calls).toBe(100_001);
  expect(lastUs).toBe(at(0) + 70 * YEAR_US);
  expect(log.of('unused')).toMatchObject([{ count: (70 * YEAR_US) / SECOND_US - 100_001 }]);
  expect(log.of('equity').length).toBeLessThan(100_010);
});

test('weeks begin on Monday, and intervals where their offset says', () => {
  const events = new EventBatch();
  // The 2nd of January 2026 is a Friday.
  for (let day = 0; day < 12; day++) addTrade(events, { atUs: at(day * 86_400 + 36_000), price: 1 });
  addBeat(events, at(20 * 86_400));
  const strategy = defineStrategy({
    name: 'weekly',
    version: '1',
    description: 'looks at weeks',
    params: z.object({}),
    inputs: () => ({
      week: candles('XRP/USD', '1w'),
      sunday: candles('XRP/USD', '1w', { offset: '6d' }),
      session: candles('XRP/USD', '1d', { offset: '9h30m' }),
    }),
    decide: () => null,
  });
  const log = run(events, [prepare(strategy)], { config: config({ candles: { fill: 0 } }) });
  const starts = (name: string) =>
    log
      .of('candle')
      .filter((record) => record.name === name)
      .map(({ startUs }) => new Date(startUs / 1000).toUTCString().replace(/:00 GMT/, ''));
  expect(starts('weekly.week')).toEqual([
    'Mon, 29 Dec 2025 00:00',
    'Mon, 05 Jan 2026 00:00',
    'Mon, 12 Jan 2026 00:00',
  ]);
  expect(starts('weekly.sunday')[0]).toBe('Sun, 28 Dec 2025 00:00');
  expect(starts('weekly.session')[0]).toBe('Fri, 02 Jan 2026 09:30');
});
