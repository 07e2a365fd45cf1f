// The seeded market as a library: reproducible, never crossed, with trades that match its book.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EventBatch, EventKind, Flag } from '../../src/core/event.ts';
import { type MarketSymbol, marketSymbols } from '../../src/simulated/instruments.ts';
import { SimulatedMarket } from '../../src/simulated/market.ts';
import { checksum, crc32, formatNumber, formatUnits } from '../../src/simulated/wire.ts';

const pepe: MarketSymbol = {
  symbol: 'PEPE/USD',
  price: 0.000012345,
  tickSize: 1e-9,
  lotSize: 0.00001,
  priceDecimals: 9,
  sizeDecimals: 5,
};

function digest(market: SimulatedMarket, steps: number): string {
  const lines: string[] = [];
  for (let i = 0; i < steps; i++) {
    const { symbol, timeUs, tradeCount, tradeId, levels } = market.next();
    lines.push(`${symbol} ${timeUs - startUs} ${tradeCount} ${tradeId} ${levels.tick[0]} ${levels.lots[0]}`);
  }
  return lines.join('\n');
}

const startUs = 1_767_323_045_000_000;

describe('the simulated market', () => {
  test('is the same for the same seed, and another for another', () => {
    const first = digest(new SimulatedMarket({ seed: 1, startUs }), 5000);
    expect(digest(new SimulatedMarket({ seed: 1, startUs }), 5000)).toBe(first);
    expect(digest(new SimulatedMarket({ seed: 2, startUs }), 5000)).not.toBe(first);
  });

  test('only shifts in time with its start', () => {
    const market = new SimulatedMarket({ seed: 3, startUs: startUs + 123_457 });
    const shifted = new SimulatedMarket({ seed: 3, startUs });
    for (let i = 0; i < 2000; i++) {
      expect(market.next().timeUs - 123_457).toBe(shifted.next().timeUs);
    }
    shifted.skipTo(market.nextUs);
    expect(shifted.nextUs).toBe(market.nextUs);
  });

  test('never crosses a book, loses a trade id or lets time go back, for any seed and instrument', () => {
    const symbol = fc.record({
      priceTicks: fc.integer({ min: 200, max: 2_000_000 }),
      tickUnits: fc.constantFrom(1, 5, 25),
      levelValue: fc.integer({ min: 10, max: 100_000 }),
    });
    const property = fc.property(
      fc.integer(),
      fc.array(symbol, { minLength: 1, maxLength: 3 }),
      fc.constantFrom(5, 300, 1e6),
      (seed, shapes, eventsPerSecond) => {
        const symbols = shapes.map(({ priceTicks, tickUnits, levelValue }, index) => ({
          symbol: `S${index}/USD`,
          price: (priceTicks * tickUnits) / 1000,
          tickSize: tickUnits / 1000,
          lotSize: 0.0001,
          priceDecimals: 3,
          sizeDecimals: 4,
          levelValue,
        }));
        walk(new SimulatedMarket({ seed, symbols, eventsPerSecond }), 3000);
      },
    );
    fc.assert(property, { numRuns: 15 });
  });

  test('has a spread of mostly a few ticks and a deep book after a long time', () => {
    const market = new SimulatedMarket({ seed: 4 });
    let narrow = 0;
    const steps = 60_000;
    for (let i = 0; i < steps; i++) {
      const { ladder } = market.symbols[market.next().symbol]!;
      if (ladder.askBest - ladder.bidBest <= 3) narrow++;
    }
    expect(narrow / steps).toBeGreaterThan(0.6);
    for (const { ladder } of market.symbols) {
      expect(Math.min(ladder.bidLevels, ladder.askLevels)).toBeGreaterThan(100);
    }
  });

  test('knows bursts and quiet spells, and keeps its mean rate', () => {
    const market = new SimulatedMarket({ seed: 5, startUs, eventsPerSecond: 300 });
    const perSecond: number[] = new Array(300).fill(0);
    while (market.nextUs < startUs + 300e6) perSecond[Math.floor((market.next().timeUs - startUs) / 1e6)]!++;
    const mean = perSecond.reduce((sum, count) => sum + count, 0) / perSecond.length;
    expect(mean).toBeGreaterThan(200);
    expect(mean).toBeLessThan(420);
    expect(Math.max(...perSecond) / Math.min(...perSecond)).toBeGreaterThan(4);
  });

  test('swings enough within fifteen seconds for an oscillator on one-second closes', () => {
    let crossings = 0;
    for (let seed = 0; seed < 20; seed++) {
      const market = new SimulatedMarket({ seed, startUs });
      const closes: number[] = [];
      while (market.nextUs < startUs + 15e6) {
        const step = market.next();
        if (step.symbol === 2 && step.tradeCount > 0) {
          closes[Math.floor((step.timeUs - startUs) / 1e6)] = step.tradeTicks[step.tradeCount - 1]!;
        }
      }
      if (simpleRsi(closes, 5).some((value) => value < 30 || value > 70)) crossings++;
    }
    expect(crossings).toBeGreaterThan(17);
  });

  test('fills batches with the rows of its steps, however they are cut', () => {
    const whole = new EventBatch();
    const market = new SimulatedMarket({ seed: 6 });
    market.fillSnapshot(whole, 1, 25);
    expect(whole.length).toBe(50);
    expect(whole.flags[0]! & Flag.clear).toBe(Flag.clear);
    expect(whole.flags[49]! & Flag.last).toBe(Flag.last);
    market.fillBatch(whole, 10_000);
    const cut = new EventBatch();
    const other = new SimulatedMarket({ seed: 6 });
    other.fillSnapshot(cut, 1, 25);
    while (cut.length < whole.length) other.fillBatch(cut, Math.min(7, whole.length - cut.length));
    expect(cut.length).toBe(whole.length);
    for (const column of [
      'kind',
      'flags',
      'instrument',
      'receivedUs',
      'price',
      'size',
      'id',
      'seq',
    ] as const) {
      expect(cut[column].slice(0, cut.length)).toEqual(whole[column].slice(0, whole.length));
    }
    const kinds = new Set(whole.kind.slice(0, whole.length));
    expect(kinds).toEqual(new Set([EventKind.level, EventKind.trade]));
  });
});

describe('the wire', () => {
  test('writes every decimal, and exponents of two digits', () => {
    expect(formatUnits(1, 8)).toBe('0.00000001');
    expect(formatUnits(628_071, 1)).toBe('62807.1');
    expect(formatUnits(-25_000, 2)).toBe('-250.00');
    expect(formatUnits(2 ** 53 - 1, 8)).toBe('90071992.54740991');
    expect([1e-8, 5e-5, 1e-10, 0.0001, 0.1, 0].map(formatNumber)).toEqual([
      '1e-08',
      '5e-05',
      '1e-10',
      '0.0001',
      '0.1',
      '0',
    ]);
  });

  test('sums bytes as CRC-32/ISO-HDLC does', () => {
    expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926);
  });

  test('sums a book with sizes of fifteen digits exactly as its texts', () => {
    const market = new SimulatedMarket({ seed: 8, symbols: [pepe, ...marketSymbols] });
    const [state] = market.symbols;
    for (let i = 0; i < 500; i++) {
      market.next();
      expect(checksum(state!)).toBe(crc32(new TextEncoder().encode(bookText(state!.ladder))));
    }
    function bookText(ladder: (typeof market.symbols)[number]['ladder']): string {
      let text = '';
      for (const step of [1, -1]) {
        let tick = step === 1 ? ladder.askBest : ladder.bidBest;
        for (let left = 10; left > 0; tick += step) {
          if (ladder.lotsAt(tick) === 0) continue;
          left--;
          text += `${BigInt(tick)}${BigInt(ladder.lotsAt(tick))}`;
        }
      }
      return text;
    }
  });
});

function walk(market: SimulatedMarket, steps: number): void {
  const nextIds = market.symbols.map((state) => state.tradeId);
  const books = market.symbols.map(({ ladder }) => {
    const book = new Map<number, number>();
    for (let tick = ladder.floor; tick <= ladder.ceiling; tick++) {
      if (ladder.lotsAt(tick) > 0) book.set(tick, ladder.lotsAt(tick));
    }
    return book;
  });
  let lastUs = 0;
  for (let i = 0; i < steps; i++) {
    const step = market.next();
    const { ladder } = market.symbols[step.symbol]!;
    const book = books[step.symbol]!;
    expect(step.timeUs).toBeGreaterThanOrEqual(lastUs);
    lastUs = step.timeUs;
    expect(ladder.bidBest).toBeLessThan(ladder.askBest);
    expect(ladder.lotsAt(ladder.bidBest)).toBeGreaterThan(0);
    expect(ladder.lotsAt(ladder.askBest)).toBeGreaterThan(0);
    if (step.tradeCount > 0) expect(step.tradeId).toBe(nextIds[step.symbol]);
    nextIds[step.symbol]! += step.tradeCount;
    let traded = 0;
    for (let trade = 0; trade < step.tradeCount; trade++) traded += step.tradeLots[trade]!;
    const { length, tick, lots, lotsBefore } = step.levels;
    const seen = new Set(tick.slice(0, length));
    expect(seen.size).toBe(length);
    for (let row = 0; row < length; row++) {
      expect(lotsBefore[row]).toBe(book.get(tick[row]!) ?? 0);
      expect(Number.isSafeInteger(lots[row]!)).toBe(true);
      if (lots[row] === 0) book.delete(tick[row]!);
      else book.set(tick[row]!, lots[row]!);
      if (row < distinct(step.tradeTicks, step.tradeCount)) traded -= lotsBefore[row]! - lots[row]!;
    }
    expect(traded).toBe(0);
  }
  for (const [index, { ladder }] of market.symbols.entries()) {
    expect(ladder.bidLevels + ladder.askLevels).toBe(books[index]!.size);
    expect(Math.min(...books[index]!.keys())).toBeGreaterThanOrEqual(ladder.floor);
    expect(Math.max(...books[index]!.keys())).toBeLessThanOrEqual(ladder.ceiling);
  }
}

function distinct(values: Int32Array, count: number): number {
  return new Set(values.slice(0, count)).size;
}

/** Gains over all moves of the last `length` closes, in percent; a missing close repeats the one before. */
function simpleRsi(closes: readonly (number | undefined)[], length: number): number[] {
  const filled: number[] = [];
  for (const close of closes) {
    const value = close ?? filled.at(-1);
    if (value !== undefined) filled.push(value);
  }
  const values: number[] = [];
  for (let end = length; end < filled.length; end++) {
    let gains = 0;
    let moves = 0;
    for (let i = end - length + 1; i <= end; i++) {
      const move = filled[i]! - filled[i - 1]!;
      gains += Math.max(0, move);
      moves += Math.abs(move);
    }
    values.push(moves === 0 ? 50 : (100 * gains) / moves);
  }
  return values;
}
