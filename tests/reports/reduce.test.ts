// Fewer marks: what must not be lost on the way from ten million samples to a few thousand points.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { packRows, unpackRows } from '../../src/reports/pack.ts';
import { MergedCandles, Thinned } from '../../src/reports/reduce.ts';
import { candle, SECOND_US } from '../runs/records.ts';

const value = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 });
const samples = fc
  .array(fc.record({ gap: fc.integer({ min: 0, max: 50 }), value }), { minLength: 1, maxLength: 2000 })
  .map((list) => {
    let timeUs = 1000;
    return list.map((one) => {
      timeUs += one.gap;
      return { timeUs, value: one.value };
    });
  });

function thin(
  list: readonly { readonly timeUs: number; readonly value: number }[],
  columns: number,
): Thinned {
  const thinned = new Thinned({ fromUs: list[0]!.timeUs, toUs: list.at(-1)!.timeUs }, columns);
  for (const { timeUs, value } of list) thinned.push(timeUs, value);
  return thinned;
}

describe('a thinned series', () => {
  test('keeps the first, the last, the lowest and the highest sample of each column, in order', () => {
    fc.assert(
      fc.property(samples, fc.integer({ min: 1, max: 40 }), (list, columns) => {
        const thinned = thin(list, columns);
        const { timesUs, values } = thinned.points();
        expect(timesUs.length).toBeLessThanOrEqual(columns * 4);
        expect([...timesUs].sort((a, b) => a - b)).toEqual(timesUs);
        const [fromUs, toUs] = [list[0]!.timeUs, list.at(-1)!.timeUs];
        const columnOf = (timeUs: number): number =>
          Math.min(columns - 1, Math.floor((timeUs - fromUs) / ((toUs - fromUs) / columns || 1)));
        const kept = timesUs.map((timeUs, i) => ({ timeUs, value: values[i]! }));
        const byColumn = Map.groupBy(list, ({ timeUs }) => columnOf(timeUs));
        const keptByColumn = Map.groupBy(kept, ({ timeUs }) => columnOf(timeUs));
        expect([...keptByColumn.keys()]).toEqual([...byColumn.keys()]);
        for (const [column, all] of byColumn) {
          const some = keptByColumn.get(column)!;
          expect([some[0], some.at(-1)]).toEqual([all[0], all.at(-1)]);
          const extremes = (of: typeof all) => [
            Math.min(...of.map((one) => one.value)),
            Math.max(...of.map((one) => one.value)),
          ];
          expect(extremes(some)).toEqual(extremes(all));
          for (const one of some) expect(all).toContainEqual(one);
        }
        expect([thinned.low, thinned.high, thinned.length]).toEqual([
          Math.min(...list.map((one) => one.value)),
          Math.max(...list.map((one) => one.value)),
          list.length,
        ]);
      }),
      { numRuns: 60 },
    );
  });

  test('is exact while it is short, and leaves out what is no number', () => {
    const thinned = new Thinned({ fromUs: 0, toUs: 10 });
    for (const one of [1, Number.NaN, 2, Number.POSITIVE_INFINITY, 2, 3]) thinned.push(one, one);
    expect(thinned.points()).toEqual({ timesUs: [1, 2, 2, 3], values: [1, 2, 2, 3] });
    expect(thinned.high).toBe(3);
  });

  test('counts samples outside its span to the nearest column', () => {
    const thinned = new Thinned({ fromUs: 100, toUs: 200 }, 2);
    for (let i = 0; i < 30; i++) thinned.push(i * 10, i);
    const { timesUs, values } = thinned.points();
    expect([timesUs[0], timesUs.at(-1), Math.max(...values)]).toEqual([0, 290, 29]);
    expect(values.length).toBeLessThanOrEqual(8);
  });

  test('holds no more for a million samples than for a thousand', () => {
    const thinned = new Thinned({ fromUs: 0, toUs: 1e6 });
    for (let i = 0; i < 1e6; i++) thinned.push(i, i === 654_321 ? 1e9 : i % 997);
    expect(thinned.points().values.length).toBeLessThanOrEqual(960 * 4);
    expect(Math.max(...thinned.points().values)).toBe(1e9);
  });
});

describe('merged candles', () => {
  const shapes = fc.array(
    fc.record({
      skip: fc.integer({ min: 1, max: 4 }),
      open: value,
      close: value,
      up: fc.nat(9),
      down: fc.nat(9),
    }),
    { minLength: 1, maxLength: 600 },
  );

  test('lose no extreme, no trade and no volume, and keep the first open and the last close', () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 2, max: 50 }), (list, max) => {
        const merged = new MergedCandles(SECOND_US, max);
        let startUs = 0;
        const candles = list.map(({ skip, open, close, up, down }) => {
          startUs += skip * SECOND_US;
          const [high, low] = [Math.max(open, close) + up, Math.min(open, close) - down];
          return candle({ startUs, open, close, high, low, volume: 2, trades: 3 });
        });
        for (const one of candles) merged.push(one);
        const bars = merged.bars();
        expect(bars.length).toBeLessThanOrEqual(max);
        expect([bars[0]!.open, bars.at(-1)!.close]).toEqual([candles[0]!.open, candles.at(-1)!.close]);
        expect(Math.max(...bars.map(({ high }) => high))).toBe(Math.max(...candles.map(({ high }) => high)));
        expect(Math.min(...bars.map(({ low }) => low))).toBe(Math.min(...candles.map(({ low }) => low)));
        expect(bars.reduce((sum, { trades }) => sum + trades, 0)).toBe(3 * list.length);
        expect(bars.reduce((sum, { volume }) => sum + volume, 0)).toBe(2 * list.length);
        for (const [i, bar] of bars.entries()) {
          expect(bar.startUs + bar.intervalUs).toBeLessThanOrEqual(bars[i + 1]?.startUs ?? Infinity);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('are those of twice the interval, on its grid, and partial when one of them is', () => {
    const merged = new MergedCandles(SECOND_US, 4);
    for (let i = 1; i <= 6; i++) merged.push(candle({ startUs: i * SECOND_US, isPartial: i === 3, open: i }));
    expect(merged.size).toBe(2);
    expect(
      merged.bars().map(({ startUs, open, isPartial }) => [startUs / SECOND_US, open, isPartial]),
    ).toEqual([
      [1, 1, false],
      [2, 2, true],
      [4, 4, false],
      [6, 6, false],
    ]);
  });
});

describe('packed rows', () => {
  const row = fc.record({
    t: fc.integer(),
    v: fc.oneof(value, fc.constant(null)),
    s: fc.string(),
    is: fc.boolean(),
  });

  test('are unpacked to what they were', () => {
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 50 }), (rows) => {
        const packed = packRows(rows.map((one) => ({ ...one })));
        expect(unpackRows(JSON.parse(JSON.stringify(packed)))).toEqual(JSON.parse(JSON.stringify(rows)));
      }),
    );
  });

  test('must be of one shape', () => {
    expect(packRows([])).toBeUndefined();
    expect(packRows([{ a: 1 }, { b: 1 }])).toBeUndefined();
    expect(packRows([{ a: 1 }, { a: 1, b: 2 }])).toBeUndefined();
    expect(packRows([{ a: { b: 1 } }])).toBeUndefined();
  });
});
