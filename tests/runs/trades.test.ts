// Round trips: what they are by hand, and that no money is lost between them.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Fill } from '../../src/core/order.ts';
import { roundTrips, type TimedFill } from '../../src/runs/trades.ts';
import { candle } from './records.ts';

type Sketch = Partial<Pick<Fill, 'side' | 'price' | 'size' | 'fee' | 'symbol' | 'strategy'>>;

function fillsOf(sketches: readonly Sketch[]): readonly TimedFill[] {
  return sketches.map((sketch, i) => ({
    timeUs: i * 1e6,
    reason: `reason ${i}`,
    fill: {
      ...{ id: i + 1, order: i + 1, signal: i + 1, strategy: 'a', instrument: 0, symbol: 'BTC/USD' },
      ...{ side: 'buy', price: 100, size: 1, fee: '0', feeCurrency: 'USD', liquidity: 'taker' },
      ...{ signalMid: 100, arrivalMid: 100, fillMid: 100, realized: '0' },
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
      [],
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
      [],
    );
    expect(trips.map(({ side, size }) => ({ side, size }))).toEqual([
      { side: 'short', size: 1 },
      { side: 'long', size: 2 },
    ]);
    expect(trips.map(({ pnl }) => pnl)).toEqual([10 - 0.3 / 3, expect.closeTo(10 - 0.2, 12)]);
  });

  test('take their excursions from the finest candles while they were open', () => {
    const fills = fillsOf([{ price: 100 }, { side: 'sell', price: 101 }]).map((timed, i) => ({
      ...timed,
      timeUs: (1 + 2 * i) * 1e6,
    }));
    const candles = [
      candle({ name: 'a.slow', intervalUs: 60e6, startUs: 0, low: 1, high: 900 }),
      candle({ startUs: 0, low: 50, high: 500 }),
      candle({ startUs: 1e6, low: 98, high: 103 }),
      candle({ startUs: 2e6, low: 95, high: 102 }),
      candle({ startUs: 3e6, low: 99, high: 101 }),
      candle({ startUs: 4e6, low: 10, high: 800 }),
    ];
    const [long] = roundTrips(fills, candles);
    expect([long?.mae, long?.mfe]).toEqual([expect.closeTo(-0.05, 12), expect.closeTo(0.03, 12)]);
    const flipped = fills.map((timed) => ({
      ...timed,
      fill: { ...timed.fill, side: timed.fill.side === 'buy' ? ('sell' as const) : ('buy' as const) },
    }));
    const [short] = roundTrips(flipped, candles);
    expect([short?.mae, short?.mfe]).toEqual([expect.closeTo(-0.03, 12), expect.closeTo(0.05, 12)]);
    expect(roundTrips(fills, [])[0]?.mae).toBeNaN();
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
        const trips = roundTrips(fillsOf([...sketches, ...closing]), []);
        const total = trips.reduce((sum, { pnl }) => sum + pnl, 0);
        expect(total).toBeCloseTo(cash, 4);
        const traded = sketches.reduce((sum, { fee }) => sum + Number(fee), 0);
        expect(trips.reduce((sum, { fees }) => sum + fees, 0)).toBeCloseTo(traded, 6);
      }),
    );
  });
});
