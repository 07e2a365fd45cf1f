// A book whose tick size is wrong, changes or is never stated holds what was set, price for price.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Book } from '../../src/market/book.ts';

const TICKS = [0.01, 0.1, 0.25, 1, 5] as const;

const level = fc.record({
  isAsk: fc.boolean(),
  // Prices of up to four places around a round number, as texts read.
  price: fc.tuple(fc.integer({ min: 1, max: 4000 }), fc.integer({ min: 0, max: 4 })).map(([n, places]) => {
    return Number((100 + n / 10 ** places).toFixed(places));
  }),
  size: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 9 })),
});

const step = fc.oneof(
  { weight: 20, arbitrary: level },
  { weight: 2, arbitrary: fc.record({ tickSize: fc.constantFrom(...TICKS) }) },
  { weight: 1, arbitrary: fc.constantFrom('clear' as const, 'save' as const) },
);

describe('a book and its tick size', () => {
  test('it equals a plain map of prices, whatever ticks are stated, when, or never', () => {
    fc.assert(
      fc.property(
        fc.option(fc.constantFrom(...TICKS), { nil: undefined }),
        fc.array(step, { maxLength: 150 }),
        (tickSize, steps) => {
          let book = new Book({ tickSize, capacityTicks: 64 });
          const sides = { bids: new Map<number, number>(), asks: new Map<number, number>() };
          for (const one of steps) {
            if (one === 'clear') {
              book.clear();
              sides.bids.clear();
              sides.asks.clear();
            } else if (one === 'save') {
              const copy = new Book({ tickSize: 0.5, capacityTicks: 64 });
              copy.restore(book.save());
              book = copy;
            } else if ('tickSize' in one) {
              book.restate(one.tickSize);
              expect(book.tickSize).toBe(one.tickSize);
            } else {
              expect(book.set(one.isAsk, one.price, one.size)).toBe(true);
              const side = one.isAsk ? sides.asks : sides.bids;
              if (one.size === 0) side.delete(one.price);
              else side.set(one.price, one.size);
            }
            expect(sideOf(book, false)).toEqual([...sides.bids].sort((a, b) => b[0] - a[0]));
            expect(sideOf(book, true)).toEqual([...sides.asks].sort((a, b) => a[0] - b[0]));
          }
          expect(book.refusedCount).toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });

  test('a coarser tick merges no levels and counts those that are off it', () => {
    const book = new Book({ tickSize: 0.1 });
    for (const price of [100.4, 100.3, 100.2, 99.9]) book.set(false, price, 1);
    book.validate();
    book.restate(1);
    expect(sideOf(book, false).map(([price]) => price)).toEqual([100.4, 100.3, 100.2, 99.9]);
    expect([book.isValid, book.offTickCount]).toEqual([true, 4]);
    book.set(false, 100.4, 0);
    expect(book.bestBid).toBe(100.3);
    expect(book.offTickCount).toBe(5);
    book.clear();
    book.set(false, 100, 1);
    expect([book.bestBid, book.offTickCount]).toEqual([100, 5]);
  });

  test('a price a tenth of a tick off the grid stays where it is', () => {
    const book = new Book({ tickSize: 0.1 });
    book.set(false, 100.4, 1);
    book.set(false, 100.41, 2);
    expect(sideOf(book, false)).toEqual([
      [100.41, 2],
      [100.4, 1],
    ]);
  });

  test('with no tick stated, prices of any size are kept, and nothing is off a tick', () => {
    const book = new Book({});
    for (const price of [3_000_000.5, 123_456_789, 0.0001]) expect(book.set(true, price, 1)).toBe(true);
    expect(sideOf(book, true).map(([price]) => price)).toEqual([0.0001, 3_000_000.5, 123_456_789]);
    expect([book.offTickCount, book.refusedCount]).toEqual([0, 0]);
    expect(book.tickSize).toBeNaN();
  });

  test('a level that no grid holds beside the others is refused, and says so', () => {
    const book = new Book({});
    expect(book.set(true, 1e12, 1)).toBe(true);
    expect(book.set(true, 0.00001, 1)).toBe(false);
    expect(book.set(true, 1e-17, 1)).toBe(false);
    expect(book.set(true, Number.POSITIVE_INFINITY, 1)).toBe(false);
    expect(book.set(true, 100, Number.POSITIVE_INFINITY)).toBe(false);
    expect([book.refusedCount, book.askCount]).toEqual([4, 1]);
  });
});

function sideOf(book: Book, isAsk: boolean): readonly (readonly [price: number, size: number])[] {
  const count = isAsk ? book.askCount : book.bidCount;
  return Array.from({ length: count }, (_, i) => [book.priceAt(isAsk, i), book.sizeAt(isAsk, i)] as const);
}
