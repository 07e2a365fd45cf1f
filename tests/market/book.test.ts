import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Book } from '../../src/market/book.ts';

describe('prices and ticks', () => {
  const grids = [
    { tickSize: 0.1, places: 1, step: 1, most: 2 ** 48 - 1 },
    { tickSize: 0.00001, places: 5, step: 1, most: 2 ** 48 - 1 },
    { tickSize: 0.25, places: 2, step: 25, most: 2 ** 48 - 1 },
    { tickSize: 5, places: 0, step: 5, most: 2 ** 48 - 1 },
    { tickSize: 0.00000001, places: 8, step: 1, most: 2 ** 48 - 1 },
    { tickSize: 0.015625, places: 6, step: 15625, most: 2 ** 39 },
  ];
  test.each(grids)('a price on a grid of $tickSize reads back as the double it came as', (grid) => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: grid.most }), fc.boolean(), (tick, isAsk) => {
        const text = decimalText(BigInt(tick) * BigInt(grid.step), grid.places);
        const book = new Book({ tickSize: grid.tickSize });
        book.set(isAsk, Number(text), 1);
        expect(isAsk ? book.bestAsk : book.bestBid).toBe(Number(text));
        expect([book.refusedCount, book.offTickCount]).toEqual([0, 0]);
        book.set(isAsk, Number(text), 0);
        expect(isAsk ? book.askCount : book.bidCount).toBe(0);
      }),
    );
  });

  test('neighbouring ticks of a large price stay apart', () => {
    const book = new Book({ tickSize: 0.00001 });
    book.set(true, 123456.78901, 1);
    book.set(true, 123456.78902, 2);
    expect(book.askCount).toBe(2);
    expect([book.priceAt(true, 0), book.priceAt(true, 1)]).toEqual([123456.78901, 123456.78902]);
  });

  test('a price between ticks is counted, one that is no number is refused and counted', () => {
    const book = new Book({ tickSize: 0.5 });
    book.set(false, 10.25, 1);
    expect(book.offTickCount).toBe(1);
    book.set(false, Number.NaN, 1);
    book.set(false, 10, Number.NaN);
    book.set(false, 10, -1);
    book.set(false, 1e300, 1);
    expect(book.refusedCount).toBe(4);
    expect(book.bidCount).toBe(1);
    expect(book.offTickCount).toBe(1);
  });

  test('a tick size that is no decimal is a broken invariant', () => {
    expect(() => new Book({ tickSize: 0 })).toThrow('a tick size is positive');
    expect(() => new Book({ tickSize: 1 / 3 })).toThrow('at most 15 places');
  });
});

describe('a small book', () => {
  function small(): Book {
    const book = new Book({ tickSize: 0.1 });
    book.set(false, 99.9, 3);
    book.set(false, 99.8, 5);
    book.set(true, 100.1, 1);
    book.set(true, 100.3, 4);
    return book;
  }

  test('it shows best, depth, volume and pressure', () => {
    const book = small();
    expect([book.bestBid, book.bestBidSize, book.bestAsk, book.bestAskSize]).toEqual([99.9, 3, 100.1, 1]);
    expect([book.priceAt(true, 1), book.sizeAt(true, 1)]).toEqual([100.3, 4]);
    expect([book.priceAt(false, 1), book.sizeAt(false, 1)]).toEqual([99.8, 5]);
    expect(book.priceAt(false, 2)).toBeNaN();
    expect(book.sizeAt(false, 2)).toBeNaN();
    expect(book.volume(false, 1)).toBe(3);
    expect(book.volume(false, 10)).toBe(8);
    expect(book.pressure(1)).toBe(0.5);
    expect(book.pressure(2)).toBe(3 / 13);
    expect(book.sizeOf(true, 100.3)).toBe(4);
    expect(book.sizeOf(true, 100.2)).toBe(0);
    expect(book.isCrossed).toBe(false);
  });

  test('an empty book shows NaN and is not crossed', () => {
    const book = new Book({ tickSize: 0.1 });
    expect(book.bestBid).toBeNaN();
    expect(book.bestAskSize).toBeNaN();
    expect(book.pressure(5)).toBeNaN();
    expect(book.isCrossed).toBe(false);
  });

  test('a bid at the best ask crosses it', () => {
    const book = small();
    book.set(false, 100.1, 1);
    expect(book.isCrossed).toBe(true);
  });

  test('it is valid only from the end of a snapshot to the next gap', () => {
    const book = small();
    expect(book.isValid).toBe(false);
    book.validate();
    expect(book.isValid).toBe(true);
    book.invalidate();
    expect(book.isValid).toBe(false);
  });
});

describe('against a plain map', () => {
  const CAPACITY = 64;
  // Ticks near a touch that wanders, and jumps far outside the ring, on both signs.
  const change = fc.oneof(
    { weight: 12, arbitrary: level(fc.integer({ min: 0, max: 90 })) },
    { weight: 2, arbitrary: level(fc.integer({ min: -500, max: 500 })) },
    { weight: 1, arbitrary: level(fc.integer({ min: -(2 ** 40), max: 2 ** 40 })) },
    { weight: 1, arbitrary: fc.constantFrom('clear' as const, 'save' as const) },
  );

  test('every observable of the book equals that of a sorted map, whatever is set, removed, cleared or restored', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 400 }), (changes) => {
        let book = new Book({ tickSize: 0.25, capacityTicks: CAPACITY });
        const sides = { bids: new Map<number, number>(), asks: new Map<number, number>() };
        for (const step of changes) {
          if (step === 'clear') {
            book.clear();
            sides.bids.clear();
            sides.asks.clear();
          } else if (step === 'save') {
            const copy = new Book({ tickSize: 0.25, capacityTicks: CAPACITY });
            copy.restore(book.save());
            book = copy;
          } else {
            book.set(step.isAsk, step.tick * 0.25, step.size);
            const side = step.isAsk ? sides.asks : sides.bids;
            if (step.size === 0) side.delete(step.tick);
            else side.set(step.tick, step.size);
          }
          compareTouch(book, sides);
        }
        compareDepth(book, sides);
      }),
      { numRuns: 300 },
    );
  });

  function level(tick: fc.Arbitrary<number>) {
    return fc.record({
      isAsk: fc.boolean(),
      tick,
      size: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 9 })),
    });
  }
});

type Sides = { readonly bids: Map<number, number>; readonly asks: Map<number, number> };

function compareTouch(book: Book, sides: Sides): void {
  const bid = sides.bids.size === 0 ? Number.NaN : Math.max(...sides.bids.keys());
  const ask = sides.asks.size === 0 ? Number.NaN : Math.min(...sides.asks.keys());
  expect([book.bestBid, book.bestAsk]).toEqual([bid * 0.25, ask * 0.25]);
  expect([book.bestBidSize, book.bestAskSize]).toEqual([
    sides.bids.get(bid) ?? Number.NaN,
    sides.asks.get(ask) ?? Number.NaN,
  ]);
  expect([book.bidCount, book.askCount]).toEqual([sides.bids.size, sides.asks.size]);
  expect(book.isCrossed).toBe(bid >= ask);
}

function compareDepth(book: Book, sides: Sides): void {
  for (const isAsk of [false, true]) {
    const levels = [...(isAsk ? sides.asks : sides.bids)].sort((a, b) => (isAsk ? a[0] - b[0] : b[0] - a[0]));
    const seen = levels.map((_, i) => [book.priceAt(isAsk, i) / 0.25, book.sizeAt(isAsk, i)]);
    expect(seen).toEqual(levels);
    for (let i = levels.length - 1; i >= 0; i -= 3) expect(book.sizeAt(isAsk, i)).toBe(levels[i]![1]);
    for (const n of [0, 1, 3, levels.length]) {
      expect(book.volume(isAsk, n)).toBe(levels.slice(0, n).reduce((sum, [, size]) => sum + size, 0));
    }
    for (const [tick, size] of levels) expect(book.sizeOf(isAsk, tick * 0.25)).toBe(size);
  }
}

function decimalText(digits: bigint, places: number): string {
  const text = String(digits).padStart(places + 1, '0');
  return places === 0 ? text : `${text.slice(0, -places)}.${text.slice(-places)}`;
}
