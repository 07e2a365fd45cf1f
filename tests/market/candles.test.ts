import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CandleSeries, type SeriesCandle } from '../../src/market/candles.ts';

const S = 1_000_000;
const NOON = Date.UTC(2026, 0, 5, 12) * 1000;

function collect(series: CandleSeries): SeriesCandle[] {
  const closed: SeriesCandle[] = [];
  series.onClose = ({ closed: candle }) => closed.push({ ...candle });
  return closed;
}

describe('from trades', () => {
  test('a candle holds first, highest, lowest and last price, and volume by taker side', () => {
    const series = new CandleSeries({ intervalUs: 60 * S });
    const closed = collect(series);
    series.addTrade(100, 1, 1, NOON);
    series.addTrade(103, 2, -1, NOON + 10 * S);
    series.addTrade(99, 0.5, 0, NOON + 20 * S);
    series.addTrade(101, 4, 1, NOON + 60 * S - 1);
    expect(closed).toEqual([]);
    series.addTrade(105, 1, 1, NOON + 60 * S);
    expect(closed).toEqual([
      {
        startUs: NOON,
        intervalUs: 60 * S,
        open: 100,
        high: 103,
        low: 99,
        close: 101,
        volume: 7.5,
        buyVolume: 5,
        sellVolume: 2,
        trades: 4,
        isPartial: false,
      },
    ]);
    expect([series.isForming, series.forming.open, series.forming.startUs]).toEqual([
      true,
      105,
      NOON + 60 * S,
    ]);
  });

  test('a candle closes when nothing before its end is awaited, not earlier', () => {
    const series = new CandleSeries({ intervalUs: S });
    const closed = collect(series);
    series.addTrade(100, 1, 1, NOON);
    expect(series.nextCloseUs).toBe(NOON + S);
    series.closeBefore(NOON + S - 1);
    expect(closed).toHaveLength(0);
    series.closeBefore(NOON + S);
    expect(closed).toHaveLength(1);
    expect(series.isForming).toBe(false);
    expect(series.nextCloseUs).toBe(Number.POSITIVE_INFINITY);
  });

  test('a trade of a closed candle is late: counted, and without effect', () => {
    const series = new CandleSeries({ intervalUs: S });
    const closed = collect(series);
    series.addTrade(100, 1, 1, NOON);
    series.closeBefore(NOON + S);
    expect(series.addTrade(90, 1, 1, NOON + 1)).toBe(false);
    series.addTrade(101, 1, 1, NOON + S);
    expect(series.addTrade(90, 1, 1, NOON + S - 1)).toBe(false);
    expect(series.lateCount).toBe(2);
    expect(series.forming.low).toBe(101);
    expect(closed).toHaveLength(1);
  });

  test('trades out of order inside one candle are all taken, the last to come being its close', () => {
    const series = new CandleSeries({ intervalUs: S });
    series.addTrade(100, 1, 1, NOON + 500);
    expect(series.addTrade(99, 1, -1, NOON + 100)).toBe(true);
    expect([series.forming.open, series.forming.close]).toEqual([100, 99]);
  });

  test('candles are aligned to the epoch, shifted by the offset', () => {
    const week = 7 * 86_400 * S;
    const monday = new CandleSeries({ intervalUs: week, offsetUs: 4 * 86_400 * S });
    monday.addTrade(1, 1, 1, NOON);
    expect(monday.forming.startUs).toBe(Date.UTC(2026, 0, 5) * 1000);
    const before1970 = new CandleSeries({ intervalUs: 10 });
    before1970.addTrade(1, 1, 1, -3);
    expect(before1970.forming.startUs).toBe(-10);
  });
});

describe('silence', () => {
  test.each([
    { fill: 0, expected: [0, 6] },
    { fill: 2, expected: [0, 1, 2, 6] },
    { fill: 5, expected: [0, 1, 2, 3, 4, 5, 6] },
    { fill: 99, expected: [0, 1, 2, 3, 4, 5, 6] },
  ])('of five empty intervals up to $fill are filled, the rest is a hole', ({ fill, expected }) => {
    const series = new CandleSeries({ intervalUs: S, gap: { fill } });
    const closed = collect(series);
    series.addTrade(100, 1, 1, NOON);
    series.addTrade(101, 1, 1, NOON + 6 * S);
    series.closeBefore(NOON + 7 * S);
    expect(closed.map((candle) => (candle.startUs - NOON) / S)).toEqual(expected);
    for (const flat of closed.slice(1, -1)) {
      expect([flat.open, flat.high, flat.low, flat.close, flat.volume, flat.trades]).toEqual([
        100, 100, 100, 100, 0, 0,
      ]);
    }
  });

  test('however often time is told, the candles are the same', () => {
    const step = fc.record({
      advanceUs: fc.integer({ min: 0, max: 4_000_000 }),
      price: fc.integer({ min: 1, max: 50 }),
      tells: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 5 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 0, max: 4 }), (steps, fill) => {
        const quiet = new CandleSeries({ intervalUs: S, gap: { fill } });
        const told = new CandleSeries({ intervalUs: S, gap: { fill } });
        const [a, b] = [collect(quiet), collect(told)];
        let nowUs = NOON;
        for (const { advanceUs, price, tells } of steps) {
          for (const share of tells.sort((x, y) => x - y)) {
            told.closeBefore(nowUs + Math.floor(advanceUs * share));
          }
          nowUs += advanceUs;
          expect(told.addTrade(price, 1, 1, nowUs)).toBe(true);
          expect(quiet.addTrade(price, 1, 1, nowUs)).toBe(true);
        }
        quiet.closeBefore(nowUs + 10 * S);
        told.closeBefore(nowUs + 10 * S);
        expect(b).toEqual(a);
      }),
    );
  });
});

describe('partial candles', () => {
  test('the first candle is partial when its first trade is not at its start', () => {
    const series = new CandleSeries({ intervalUs: S });
    const closed = collect(series);
    series.addTrade(100, 1, 1, NOON + 1);
    series.addTrade(100, 1, 1, NOON + S + 1);
    series.closeBefore(NOON + 2 * S);
    expect(closed.map((candle) => candle.isPartial)).toEqual([true, false]);
  });

  test('listening since before its start makes the first candle whole', () => {
    const series = new CandleSeries({ intervalUs: S });
    series.begin(NOON - 3);
    series.addTrade(100, 1, 1, NOON + 1);
    expect(series.forming.isPartial).toBe(false);
  });

  test('an outage makes every candle partial that it touches, flat ones too', () => {
    const series = new CandleSeries({ intervalUs: S, gap: { fill: 9 } });
    const closed = collect(series);
    series.begin(NOON);
    series.addTrade(100, 1, 1, NOON + 1);
    series.addTrade(100, 1, 1, NOON + S + 1);
    series.interrupt();
    series.closeBefore(NOON + 3 * S);
    series.begin(NOON + 3.5 * S);
    series.addTrade(100, 1, 1, NOON + 3.6 * S);
    series.closeBefore(NOON + 5 * S);
    expect(closed.map((candle) => candle.isPartial)).toEqual([false, true, true, true, false]);
  });
});

describe('from smaller candles', () => {
  test('a series built from smaller candles equals the one built from the trades', () => {
    const trade = fc.record({
      advanceUs: fc.integer({ min: 0, max: 3_000_000 }),
      price: fc.integer({ min: 1, max: 50 }),
      size: fc.integer({ min: 1, max: 9 }),
      side: fc.constantFrom(-1, 0, 1),
    });
    fc.assert(
      fc.property(
        fc.array(trade, { maxLength: 100 }),
        fc.constantFrom(0, 3, 1000),
        fc.constantFrom(0, 1, 7),
        (trades, smallFill, fill) => {
          const direct = new CandleSeries({ intervalUs: 5 * S, gap: { fill } });
          const small = new CandleSeries({ intervalUs: S, gap: { fill: smallFill } });
          const large = new CandleSeries({ intervalUs: 5 * S, gap: { fill } });
          small.onClose = ({ closed }) => expect(large.addCandle(closed)).toBe(true);
          const [a, b] = [collect(direct), collect(large)];
          for (const series of [direct, small, large]) series.begin(NOON);
          let nowUs = NOON;
          for (const { advanceUs, price, size, side } of trades) {
            nowUs += advanceUs;
            direct.addTrade(price, size, side, nowUs);
            small.addTrade(price, size, side, nowUs);
          }
          for (const series of [direct, small, large]) series.closeBefore(nowUs + 60 * S);
          expect(b).toEqual(a);
        },
      ),
    );
  });

  test('the larger candle closes with its last piece', () => {
    const series = new CandleSeries({ intervalUs: 2 * S });
    const closed = collect(series);
    const part = { intervalUs: S, open: 1, high: 3, low: 1, close: 2, volume: 1, trades: 2 };
    series.addCandle({ ...part, startUs: NOON, buyVolume: 1, sellVolume: 0 });
    expect(closed).toHaveLength(0);
    series.addCandle({ ...part, startUs: NOON + S, close: 1.5, buyVolume: 0, sellVolume: 1 });
    expect(closed.map(({ open, high, low, close, volume }) => [open, high, low, close, volume])).toEqual([
      [1, 3, 1, 1.5, 2],
    ]);
    expect(series.addCandle({ ...part, startUs: NOON, buyVolume: 0, sellVolume: 0 })).toBe(false);
    expect(series.lateCount).toBe(1);
  });

  test('a candle that spans two intervals is a broken invariant', () => {
    const series = new CandleSeries({ intervalUs: 3 * S });
    const part = { startUs: NOON + 2 * S, intervalUs: 2 * S, open: 1, high: 1, low: 1, close: 1, volume: 1 };
    expect(() => series.addCandle({ ...part, buyVolume: 0, sellVolume: 0, trades: 1 })).toThrow(
      'inside one interval',
    );
  });
});

describe('closed candles', () => {
  test('the ring keeps the newest, and names what it does not keep', () => {
    const series = new CandleSeries({ intervalUs: S, capacity: 3 });
    for (let i = 0; i < 6; i++) series.addTrade(100 + i, 1, 1, NOON + i * S);
    expect([series.count, series.closedCount]).toEqual([3, 5]);
    expect([0, 1, 2].map((back) => series.at(back).close)).toEqual([104, 103, 102]);
    expect(() => series.at(3)).toThrow('candle 3 steps back is not kept (there are 3, 0 is the last)');
    expect(() => series.at(-1)).toThrow('not kept');
  });

  test('a restored series goes on as the saved one would have', () => {
    const trades = fc.array(
      fc.record({ advanceUs: fc.integer({ min: 0, max: 2_500_000 }), price: fc.integer({ min: 1, max: 9 }) }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(trades, trades, (before, after) => {
        const options = { intervalUs: S, capacity: 4, gap: { fill: 1 } };
        const one = new CandleSeries(options);
        let nowUs = NOON;
        for (const { advanceUs, price } of before) {
          nowUs += advanceUs;
          one.addTrade(price, 1, -1, nowUs);
        }
        const two = new CandleSeries(options);
        two.restore(one.save());
        const [a, b] = [collect(one), collect(two)];
        for (const { advanceUs, price } of after) {
          nowUs += advanceUs;
          one.addTrade(price, 1, 1, nowUs);
          two.addTrade(price, 1, 1, nowUs);
        }
        expect(b).toEqual(a);
        expect(two.save()).toEqual(one.save());
        for (let back = 0; back < one.count; back++) expect({ ...two.at(back) }).toEqual({ ...one.at(back) });
      }),
    );
  });
});

test('a larger candle is partial when one of its pieces is, whichever it is, and no longer than that', () => {
  for (const partial of [0, 1, 2]) {
    const series = new CandleSeries({ intervalUs: 3 * S });
    const closed = collect(series);
    series.begin(NOON);
    for (let i = 0; i < 6; i++) {
      const part = { startUs: NOON + i * S, intervalUs: S, open: 1, high: 1, low: 1, close: 1, volume: 1 };
      series.addCandle({ ...part, buyVolume: 0, sellVolume: 0, trades: 1, isPartial: i === partial });
    }
    expect(closed.map(({ isPartial }) => isPartial)).toEqual([true, false]);
  }
});

test('with several open at once, trades come in any order across their bounds', () => {
  const trade = fc.record({
    timeUs: fc.integer({ min: 0, max: 20 * S }),
    price: fc.integer({ min: 1, max: 50 }),
  });
  fc.assert(
    fc.property(
      fc.array(trade, { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 0, max: 3 }),
      (trades, fill) => {
        const options = { intervalUs: 2 * S, gap: { fill } };
        const sorted = new CandleSeries(options);
        const waiting = new CandleSeries({ ...options, openMax: 12 });
        const [a, b] = [collect(sorted), collect(waiting)];
        for (const series of [sorted, waiting]) series.begin(NOON);
        // In order of their candles, as received within one: that is what any order across bounds must give.
        const byCandle = trades.toSorted(
          (x, y) => Math.floor(x.timeUs / (2 * S)) - Math.floor(y.timeUs / (2 * S)),
        );
        for (const { timeUs, price } of byCandle) sorted.addTrade(price, 1, 1, NOON + timeUs);
        for (const { timeUs, price } of trades)
          expect(waiting.addTrade(price, 1, 1, NOON + timeUs)).toBe(true);
        const copy = new CandleSeries({ ...options, openMax: 12 });
        copy.restore(waiting.save());
        const c = collect(copy);
        for (const series of [sorted, waiting, copy]) series.closeBefore(NOON + 60 * S);
        expect(b).toEqual(a);
        expect(c).toEqual(a);
      },
    ),
  );
});
