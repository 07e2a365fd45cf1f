import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatDecimal } from '../../src/core/decimal.ts';
import { Random } from '../../src/core/random.ts';
import {
  createFees,
  createLatency,
  feesSchema,
  fillsSchema,
  latencySchema,
} from '../../src/trading/models.ts';

describe('models', () => {
  test('default to 50–100 ms, 10 bps both ways, and the book with 5 bps where there is none', () => {
    expect(latencySchema.parse(undefined)).toEqual({ model: 'uniform', minMs: 50, maxMs: 100 });
    expect(feesSchema.parse(undefined)).toEqual({ makerBps: 10, takerBps: 10 });
    expect(fillsSchema.parse(undefined)).toEqual({
      ...{ model: 'book', bps: 5, priceAgeMaxMs: 60_000, crossed: 'refuse' },
    });
  });

  test('refuse a range upside down, an empty list and an unknown key', () => {
    expect(latencySchema.safeParse({ model: 'uniform', minMs: 9, maxMs: 1 }).success).toBe(false);
    expect(latencySchema.safeParse({ model: 'empirical', samplesMs: [] }).success).toBe(false);
    expect(feesSchema.safeParse({ maker: 3 }).success).toBe(false);
  });

  test('uniform latency stays in its range in whole µs and is a function of the seed', () => {
    const bounds = fc.tuple(fc.integer({ min: 0, max: 500 }), fc.integer({ min: 0, max: 500 }), fc.integer());
    fc.assert(
      fc.property(bounds, ([minMs, widthMs, seed]) => {
        const config = latencySchema.parse({ model: 'uniform', minMs, maxMs: minMs + widthMs });
        const [left, right] = [
          createLatency(config, new Random(seed)),
          createLatency(config, new Random(seed)),
        ];
        for (let i = 0; i < 20; i++) {
          const us = left.nextUs();
          expect(right.nextUs()).toBe(us);
          expect(Number.isInteger(us) && us >= minMs * 1000 && us <= (minMs + widthMs) * 1000).toBe(true);
        }
      }),
    );
  });

  test('empirical latency draws every sample and no other', () => {
    const config = latencySchema.parse({ model: 'empirical', samplesMs: [1, 2.5, 70] });
    const latency = createLatency(config, new Random(7));
    const seen = new Set(Array.from({ length: 200 }, () => latency.nextUs()));
    expect([...seen].sort((a, b) => a - b)).toEqual([1000, 2500, 70_000]);
  });

  test('fees are exact fractions, a rebate is negative', () => {
    const fees = createFees(feesSchema.parse({ makerBps: -0.5, takerBps: 26 }), ['BTC/USD']);
    expect(formatDecimal(fees.rate('maker', 0))).toBe('-0.00005');
    expect(formatDecimal(fees.rate('taker', 0))).toBe('0.0026');
  });
});
