import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Candle } from '../../src/core/candle.ts';
import type { Indicator } from '../../src/market/indicator.ts';
import {
  Atr,
  BollingerBands,
  Donchian,
  Ema,
  Macd,
  Obv,
  RateOfChange,
  RollingVwap,
  Rsi,
  SessionVwap,
  Sma,
  SOURCES,
  StandardDeviation,
  TradeImbalance,
  Wma,
} from '../../src/market/indicators.ts';

const MINUTE = 60_000_000;

function candle(index: number, values: Partial<Candle>): Candle {
  const close = values.close ?? 0;
  return {
    startUs: index * MINUTE,
    intervalUs: MINUTE,
    open: close,
    high: close,
    low: close,
    close,
    volume: 1,
    buyVolume: 0,
    sellVolume: 0,
    trades: 1,
    ...values,
  };
}

/** Output `index` after each candle. */
function stream(indicator: Indicator, candles: readonly Candle[], index = 0): number[] {
  return candles.map((next) => {
    indicator.update(next);
    return indicator.output(index);
  });
}

function closes(...prices: readonly number[]): Candle[] {
  return prices.map((close, i) => candle(i, { close }));
}

describe('by hand', () => {
  test('a simple average', () => {
    expect(stream(new Sma(3), closes(1, 2, 3, 7))).toEqual([NaN, NaN, 2, 4]);
  });

  test('a weighted average counts the newest price most', () => {
    expect(stream(new Wma(3), closes(1, 2, 3, 7))).toEqual([NaN, NaN, 14 / 6, 29 / 6]);
  });

  test('an exponential average begins with the simple one', () => {
    expect(stream(new Ema(3), closes(1, 2, 3, 4, 8))).toEqual([NaN, NaN, 2, 3, 5.5]);
  });

  test('relative strength by Wilder: gains of 2 0 2 and losses of 0 1 0 over two changes', () => {
    const values = stream(new Rsi(2), closes(10, 12, 11, 13));
    expect(values.slice(0, 2)).toEqual([NaN, NaN]);
    expect(values[2]).toBeCloseTo(100 - 100 / (1 + 1 / 0.5), 12);
    expect(values[3]).toBeCloseTo(100 - 100 / (1 + 1.5 / 0.25), 12);
  });

  test('relative strength at its ends: only gains, only losses, no move', () => {
    expect(stream(new Rsi(2), closes(1, 2, 3))[2]).toBe(100);
    expect(stream(new Rsi(2), closes(3, 2, 1))[2]).toBe(0);
    expect(stream(new Rsi(2), closes(5, 5, 5))[2]).toBe(50);
  });

  test('MACD and its signal', () => {
    const prices = closes(1, 2, 3, 4, 8);
    const macd = () => new Macd({ fast: 2, slow: 3, signal: 2 });
    // EMA(2): –, 1.5, 2.5, 3.5, 6.5; EMA(3): –, –, 2, 3, 5.5.
    expect(stream(macd(), prices, 0)).toEqual([NaN, NaN, 0.5, 0.5, 1]);
    expect(stream(macd(), prices, 1).slice(0, 4)).toEqual([NaN, NaN, NaN, 0.5]);
    expect(stream(macd(), prices, 1)[4]).toBeCloseTo(0.5 + (0.5 * 2) / 3, 12);
    expect(stream(macd(), prices, 2)[4]).toBeCloseTo(1 - 5 / 6, 12);
  });

  test('the population deviation of 2 4 4 4 5 5 7 9 is 2', () => {
    expect(stream(new StandardDeviation(8), closes(2, 4, 4, 4, 5, 5, 7, 9))[7]).toBeCloseTo(2, 14);
  });

  test('Bollinger bands stand two deviations from the mean', () => {
    const bands = new BollingerBands(8, 2);
    for (const next of closes(2, 4, 4, 4, 5, 5, 7, 9)) bands.update(next);
    const shown = bands.outputs.map((_, i) => bands.output(i));
    for (const [i, expected] of [5, 9, 1, 1, 8 / 5].entries()) expect(shown[i]).toBeCloseTo(expected, 12);
  });

  test('true range reaches back to the close before', () => {
    const candles = [
      candle(0, { high: 11, low: 9, close: 10 }),
      candle(1, { high: 13, low: 12, close: 12 }),
      candle(2, { high: 12, low: 7, close: 8 }),
      candle(3, { high: 9, low: 8, close: 9 }),
    ];
    // True ranges 3, 5, 1.
    expect(stream(new Atr(2), candles)).toEqual([NaN, NaN, 4, 2.5]);
  });

  test('rate of change in percent', () => {
    expect(stream(new RateOfChange(2), closes(10, 11, 12, 5.5))).toEqual([NaN, NaN, 20, -50]);
  });

  test('on-balance volume counts up, down, and not at all', () => {
    const candles = [5, 6, 6, 4].map((close, i) => candle(i, { close, volume: 10 * (i + 1) }));
    expect(stream(new Obv(), candles)).toEqual([0, 20, 20, -20]);
  });

  test('a Donchian channel is what the candles before stayed in, or holds the current one too', () => {
    const candles = [1, 5, 2, 9].map((close, i) => candle(i, { close, high: close + 1, low: close - 1 }));
    expect(stream(new Donchian(2), candles, 0)).toEqual([NaN, NaN, 6, 6]);
    expect(stream(new Donchian(2), candles, 2)).toEqual([NaN, NaN, 0, 1]);
    expect(stream(new Donchian(2), candles, 1)).toEqual([NaN, NaN, 3, 3.5]);
    expect(stream(new Donchian(2, true), candles, 0)).toEqual([NaN, 6, 6, 10]);
    expect(stream(new Donchian(2, true), candles, 2)).toEqual([NaN, 0, 1, 1]);
  });

  test('a rolling VWAP weighs by volume, and knows nothing where there is none', () => {
    const candles = [
      candle(0, { close: 10, volume: 1 }),
      candle(1, { close: 20, volume: 3 }),
      candle(2, { close: 30, volume: 0 }),
      candle(3, { close: 40, volume: 0 }),
    ];
    expect(stream(new RollingVwap(2), candles)).toEqual([NaN, 17.5, 20, NaN]);
  });

  test('a session VWAP begins anew with its session, which begins when it is told to', () => {
    const hour = 3_600_000_000;
    const candles = [22, 23, 24, 25].map((hours, i) => ({
      ...candle(0, { close: 10 * (i + 1), volume: 1 }),
      startUs: hours * hour,
    }));
    expect(stream(new SessionVwap(), candles)).toEqual([10, 15, 30, 35]);
    expect(stream(new SessionVwap({ offsetUs: 23 * hour }), candles)).toEqual([10, 20, 25, 30]);
    expect(stream(new SessionVwap({ sessionUs: Infinity }), candles)).toEqual([10, 15, 20, 25]);
  });

  test('trade imbalance counts known takers only', () => {
    const candles = [
      candle(0, { volume: 9, buyVolume: 0, sellVolume: 0 }),
      candle(1, { volume: 4, buyVolume: 3, sellVolume: 1 }),
      candle(2, { volume: 4, buyVolume: 0, sellVolume: 4 }),
    ];
    expect(stream(new TradeImbalance(2), candles)).toEqual([NaN, 0.5, -0.25]);
    expect(stream(new TradeImbalance(1), candles)[0]).toBeNaN();
  });

  test('a source is chosen by name', () => {
    const next = candle(0, { open: 1, high: 8, low: 2, close: 5 });
    const shown = SOURCES.map((source) => stream(new Sma(1, source), [next])[0]);
    expect(shown).toEqual([1, 8, 2, 5, 5, 5]);
  });

  test('a period that is none is a broken invariant', () => {
    expect(() => new Sma(0)).toThrow('a period is a whole number');
    expect(() => new Rsi(2.5)).toThrow('a period is a whole number');
    expect(() => new Macd({ fast: 5, slow: 5 })).toThrow('longer than the fast one');
  });
});

const everyIndicator: readonly (readonly [string, (period: number) => Indicator])[] = [
  ['Sma', (n) => new Sma(n)],
  ['Wma', (n) => new Wma(n, 'hl2')],
  ['Ema', (n) => new Ema(n, 'hlc3')],
  ['Rsi', (n) => new Rsi(n)],
  ['RateOfChange', (n) => new RateOfChange(n)],
  ['Macd', (n) => new Macd({ fast: n, slow: n + 3, signal: 4 })],
  ['StandardDeviation', (n) => new StandardDeviation(n + 1)],
  ['BollingerBands', (n) => new BollingerBands(n + 1)],
  ['Atr', (n) => new Atr(n)],
  ['SessionVwap', (n) => new SessionVwap({ sessionUs: n * 3 * MINUTE })],
  ['RollingVwap', (n) => new RollingVwap(n)],
  ['Obv', () => new Obv()],
  ['TradeImbalance', (n) => new TradeImbalance(n)],
  ['Donchian', (n) => new Donchian(n)],
  ['Donchian with the current candle', (n) => new Donchian(n, true)],
];

/** Uneven prices, never all equal, with volume on both sides. */
const bar = fc
  .record({
    low: fc.double({ min: 1, max: 2, noNaN: true }),
    up: fc.double({ min: 0.01, max: 1, noNaN: true }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    buys: fc.double({ min: 0.001, max: 10, noNaN: true }),
    sells: fc.double({ min: 0.001, max: 10, noNaN: true }),
  })
  .map(({ low, up, share, buys, sells }) => ({
    open: low,
    high: low + up,
    low,
    close: low + up * share,
    volume: buys + sells,
    buyVolume: buys,
    sellVolume: sells,
  }));
const series = fc.array(bar, { maxLength: 80 }).map((bars) => bars.map((values, i) => candle(i, values)));
const periods = fc.integer({ min: 1, max: 12 });

describe.each(everyIndicator)('%s keeps the contract', (_, create) => {
  const shown = (indicator: Indicator) => indicator.outputs.map((_, i) => indicator.output(i));

  test('its outputs are NaN before it is warm and, all of them, numbers once it is', () => {
    fc.assert(
      fc.property(series, periods, (candles, period) => {
        const indicator = create(period);
        for (const [i, next] of candles.entries()) {
          indicator.update(next);
          const isWarm = i + 1 >= indicator.warmup;
          // Equal closes in a row give a channel without width, in which percentB has no meaning.
          const values = shown(indicator).filter((_, k) => indicator.outputs[k] !== 'percentB');
          expect(values.every((value) => !Number.isNaN(value))).toBe(isWarm);
        }
      }),
      { numRuns: 50 },
    );
  });

  test('previews replace each other, leave no trace, and show what the update then gives, bit for bit', () => {
    fc.assert(
      fc.property(
        series,
        periods,
        fc.array(bar, { minLength: 1, maxLength: 3 }),
        (candles, period, drafts) => {
          const plain = create(period);
          const teased = create(period);
          for (const next of candles) {
            for (const draft of drafts) teased.preview({ ...next, ...draft });
            teased.preview(next);
            const previewed = shown(teased);
            plain.update(next);
            teased.update(next);
            expect(previewed).toEqual(shown(plain));
            expect(shown(teased)).toEqual(shown(plain));
            expect(teased.save()).toEqual(plain.save());
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  test('a restored one goes on bit for bit', () => {
    fc.assert(
      fc.property(series, series, periods, (before, after, period) => {
        const one = create(period);
        for (const next of before) one.update(next);
        const two = create(period);
        two.restore(one.save());
        expect(shown(two)).toEqual(shown(one));
        for (const next of after) {
          one.update(next);
          two.update(next);
          expect(shown(two)).toEqual(shown(one));
        }
      }),
      { numRuns: 50 },
    );
  });

  test('it refuses the state of another', () => {
    expect(() => create(3).restore(new Float64Array(999))).toThrow('of the same parameters');
  });
});

describe('streaming equals taking the window afresh', () => {
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const mean = (values: readonly number[]) => sum(values) / values.length;
  const deviation = (values: readonly number[]) => {
    const middle = mean(values);
    return Math.sqrt(mean(values.map((value) => (value - middle) ** 2)));
  };
  type Fresh = (window: readonly Candle[]) => number;
  const windowed: readonly (readonly [string, (n: number) => Indicator, Fresh])[] = [
    ['Sma', (n) => new Sma(n), (window) => mean(window.map((c) => c.close))],
    [
      'Wma',
      (n) => new Wma(n),
      (window) => sum(window.map((c, i) => c.close * (i + 1))) / ((window.length * (window.length + 1)) / 2),
    ],
    ['StandardDeviation', (n) => new StandardDeviation(n), (window) => deviation(window.map((c) => c.close))],
    [
      'RollingVwap',
      (n) => new RollingVwap(n, 'close'),
      (window) => sum(window.map((c) => c.close * c.volume)) / sum(window.map((c) => c.volume)),
    ],
    [
      'TradeImbalance',
      (n) => new TradeImbalance(n),
      (window) =>
        sum(window.map((c) => c.buyVolume - c.sellVolume)) /
        sum(window.map((c) => c.buyVolume + c.sellVolume)),
    ],
    ['Donchian', (n) => new Donchian(n, true), (window) => Math.max(...window.map((c) => c.high))],
  ];
  /** A price far from zero that wanders, with now and then one a million times as large. */
  const wandering = fc
    .array(
      fc.record({
        step: fc.double({ min: -1, max: 1, noNaN: true }),
        isWild: fc.boolean().chain((a) => fc.boolean().map((b) => a && b)),
        bar,
      }),
      { minLength: 30, maxLength: 200 },
    )
    .map((steps) => {
      let price = 60_000;
      return steps.map(({ step, isWild, bar: values }, i) => {
        price += step;
        const close = isWild && i % 5 === 0 ? price * 1e6 : price;
        return candle(i, { ...values, close, high: close + 1, low: close - 1 });
      });
    });

  test.each(windowed)('%s, to 1e-9', (_, create, fresh) => {
    fc.assert(
      fc.property(wandering, fc.integer({ min: 2, max: 25 }), (candles, period) => {
        const streamed = stream(create(period), candles);
        for (let i = period - 1; i < candles.length; i++) {
          const expected = fresh(candles.slice(i - period + 1, i + 1));
          expect(Math.abs(streamed[i]! - expected)).toBeLessThanOrEqual(
            1e-9 * Math.max(1, Math.abs(expected)),
          );
        }
      }),
      { numRuns: 60 },
    );
  });

  test('a million updates drift no further than ten do', () => {
    const period = 20;
    const one = new StandardDeviation(period);
    const average = new Sma(period);
    const window: number[] = [];
    let price = 50_000;
    for (let i = 0; i < 1_000_000; i++) {
      price += ((i * 7919) % 101) / 50 - 1;
      const next = candle(i, { close: price });
      one.update(next);
      average.update(next);
      if (i >= 1_000_000 - period) window.push(price);
    }
    expect(Math.abs(one.output(0) / deviation(window) - 1)).toBeLessThan(1e-12);
    expect(Math.abs(average.output(0) / mean(window) - 1)).toBeLessThan(1e-14);
  });
});

describe('sessions of a time zone', () => {
  const HOUR = 3600e6;
  const utc = (text: string): number => Date.parse(text) * 1000;
  /** When the average of constant volume begins anew, by hourly candles priced by their number. */
  function begins(
    options: ConstructorParameters<typeof SessionVwap>[0],
    from: string,
    hours: number,
  ): string[] {
    const vwap = new SessionVwap(options);
    const found: string[] = [];
    for (let i = 0; i < hours; i++) {
      const startUs = utc(from) + i * HOUR;
      const price = i + 1;
      const bar = { startUs, intervalUs: HOUR, open: price, high: price, low: price, close: price };
      vwap.update({ ...bar, volume: 1, buyVolume: 0, sellVolume: 0, trades: 1 });
      if (vwap.output(0) === price) found.push(new Date(startUs / 1000).toISOString().slice(0, 16));
    }
    return found;
  }

  test('follow its clocks into summer and back', () => {
    const newYork = { timeZone: 'America/New_York' };
    expect(begins(newYork, '2026-03-07T04:00Z', 72)).toEqual([
      '2026-03-07T04:00',
      '2026-03-07T05:00',
      '2026-03-08T05:00',
      '2026-03-09T04:00',
    ]);
    expect(begins(newYork, '2026-10-31T04:00Z', 72)).toEqual([
      '2026-10-31T04:00',
      '2026-11-01T04:00',
      '2026-11-02T05:00',
    ]);
  });

  test('begin at a time of day there', () => {
    const tokyo = { timeZone: 'Asia/Tokyo', offsetUs: 9 * HOUR };
    expect(begins(tokyo, '2026-03-07T00:00Z', 49)).toEqual([
      '2026-03-07T00:00',
      '2026-03-08T00:00',
      '2026-03-09T00:00',
    ]);
  });

  test('of a zone nobody knows are refused', () => {
    expect(() => new SessionVwap({ timeZone: 'Mars/Olympus' })).toThrow(
      'time zone Mars/Olympus is not known',
    );
  });
});
