// Round trips: what they are by hand, and that no money is lost between them.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Fill } from '../../../src/core/order.ts';
import { roundTrips, type TimedFill } from '../../../src/runs/figures/trips.ts';

type Sketch = Partial<
  Pick<Fill, 'side' | 'price' | 'size' | 'fee' | 'symbol' | 'strategy' | 'markLow' | 'markHigh'>
>;

function fillsOf(sketches: readonly Sketch[]): readonly TimedFill[] {
  return sketches.map((sketch, i) => ({
    timeUs: i * 1e6,
    reason: `reason ${i}`,
    fill: {
      ...{ id: i + 1, order: i + 1, signal: i + 1, strategy: 'a', instrument: 0, symbol: 'BTC/USD' },
      ...{ side: 'buy', price: 100, size: 1, fee: '0', feeCurrency: 'USD', liquidity: 'taker' },
      ...{ signalMid: 100, arrivalMid: 100, fillMid: 100, rate: 1, realized: '0' },
      ...{ markLow: Number.NaN, markHigh: Number.NaN },
      ...sketch,
    },
  }));
}

describe('round trips', () => {
  test('weigh entries and exits by size and deduct every fee', () => {
    const [trip, ...others] = roundTrips(
      fillsOf([
        { side: 'buy', price: 100, size: 1, fee: '0.1' },
        { side: 'buy', price: 110, size: 3, fee: '0.3' },
        { side: 'sell', price: 120, size: 2, fee: '0.2' },
        { side: 'sell', price: 105, size: 2, fee: '0.2' },
      ]),
    );
    expect(others).toEqual([]);
    expect(trip).toMatchObject({ side: 'long', size: 4, entryPrice: 107.5, exitPrice: 112.5 });
    expect(trip).toMatchObject({
      openedUs: 0,
      closedUs: 3e6,
      entryReason: 'reason 0',
      exitReason: 'reason 3',
    });
    expect(trip?.fees).toBeCloseTo(0.8, 12);
    expect(trip?.pnl).toBeCloseTo(20 - 0.8, 12);
    expect(trip?.returnFraction).toBeCloseTo(19.2 / 430, 12);
  });

  test('end and begin in one fill that flips the position, each with its share of the fee', () => {
    const trips = roundTrips(
      fillsOf([
        { side: 'sell', price: 100, size: 1 },
        { side: 'buy', price: 90, size: 3, fee: '0.3' },
        { side: 'sell', price: 95, size: 2 },
      ]),
    );
    expect(trips.map(({ side, size }) => ({ side, size }))).toEqual([
      { side: 'short', size: 1 },
      { side: 'long', size: 2 },
    ]);
    expect(trips.map(({ pnl }) => pnl)).toEqual([10 - 0.3 / 3, expect.closeTo(10 - 0.2, 12)]);
  });

  test('take their excursions from the marks seen while they were open, and from their own fills', () => {
    const marks = { markLow: 95, markHigh: 103 };
    const exit = { side: 'sell', price: 94, ...marks } as const;
    const [long] = roundTrips(fillsOf([{ price: 100 }, exit]));
    expect([long?.mae, long?.mfe]).toEqual([expect.closeTo(-0.06, 12), expect.closeTo(0.03, 12)]);
    const [short] = roundTrips(
      fillsOf([
        { side: 'sell', price: 100 },
        { ...exit, side: 'buy' },
      ]),
    );
    expect([short?.mae, short?.mfe]).toEqual([expect.closeTo(-0.03, 12), expect.closeTo(0.06, 12)]);
    const [unknown] = roundTrips(fillsOf([{ price: 100 }, { side: 'sell', price: 94 }]));
    expect(unknown?.mae).toBeNaN();
  });

  test('that are still open come last, valued at their mark price', () => {
    const fills = fillsOf([
      { price: 100, size: 2, fee: '0.2' },
      { side: 'sell', price: 110, size: 1, fee: '0.1', markLow: 99, markHigh: 111 },
    ]);
    const position = {
      type: 'position',
      ...{ event: 9, seq: 9, timeUs: 9e6, strategy: 'a', symbol: 'BTC/USD' },
      ...{ currency: 'USD', size: '1', entryPrice: 100, markPrice: 90, unrealized: '-10', rate: 1 },
      ...{ markLow: 88, markHigh: 111 },
    } as const;
    const [trip] = roundTrips(fills, [position]);
    expect(trip).toMatchObject({ isOpen: true, closedUs: 9e6, size: 2, exitPrice: 100, unrealized: -10 });
    expect(trip?.pnl).toBeCloseTo(10 - 10 - 0.3, 12);
    expect([trip?.mae, trip?.mfe]).toEqual([expect.closeTo(-0.12, 12), expect.closeTo(0.11, 12)]);
    expect(roundTrips(fills, [{ ...position, markPrice: Number.NaN }])[0]).toMatchObject({ unrealized: 0 });
  });

  test('and what is still open add up to the change of cash, whatever was traded', () => {
    const sketch = fc.record({
      side: fc.constantFrom('buy' as const, 'sell' as const),
      price: fc.integer({ min: 1, max: 100_000 }).map((cents) => cents / 100),
      size: fc.integer({ min: 1, max: 5000 }).map((lots) => lots / 1000),
      fee: fc.integer({ min: 0, max: 500 }).map((mills) => String(mills / 1000)),
      symbol: fc.constantFrom('BTC/USD', 'ETH/USD'),
      strategy: fc.constantFrom('a', 'b'),
    });
    fc.assert(
      fc.property(fc.array(sketch, { maxLength: 60 }), (sketches) => {
        const fills = fillsOf(sketches);
        // Closing everything at a price of one's own makes every position a trip, and cash the sum of trips.
        const positions = new Map<string, { strategy: string; symbol: string; lots: number }>();
        let cash = 0;
        for (const { fill } of fills) {
          const { strategy, symbol, side, size, price, fee } = fill;
          const sign = side === 'buy' ? 1 : -1;
          const key = strategy + symbol;
          const lots = (positions.get(key)?.lots ?? 0) + sign * Math.round(size * 1000);
          positions.set(key, { strategy, symbol, lots });
          cash -= sign * size * price + Number(fee);
        }
        const closing: Sketch[] = [];
        for (const { strategy, symbol, lots } of positions.values()) {
          if (lots === 0) continue;
          const side = lots > 0 ? 'sell' : 'buy';
          closing.push({ strategy, symbol, side, size: Math.abs(lots) / 1000, price: 50 });
          cash += (lots / 1000) * 50;
        }
        const trips = roundTrips(fillsOf([...sketches, ...closing]));
        const total = trips.reduce((sum, { pnl }) => sum + pnl, 0);
        expect(total).toBeCloseTo(cash, 4);
        const traded = sketches.reduce((sum, { fee }) => sum + Number(fee), 0);
        expect(trips.reduce((sum, { fees }) => sum + fees, 0)).toBeCloseTo(traded, 6);
      }),
    );
  });
});
