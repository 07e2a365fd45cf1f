// How many level updates a book takes a second, best bid and ask read after each, with 25 live levels a side.
// Markets differ in where prices lie and how far they jump, so each is measured; a row is the median of five rounds.
import { Random } from '../src/core/random.ts';
import { Book } from '../src/market/book.ts';
import type { BenchRow } from './row.ts';

const UPDATES = 1 << 18;
const ROUNDS = 5;
const PASSES = 4;
const LEVELS = 25;

type Market = {
  readonly name: string;
  readonly tickSize: number;
  /** The middle of the market, in ticks. */
  readonly middle: number;
  /** Ticks between neighbouring levels, at most. */
  readonly spacing: number;
  /** The middle moves by up to so many ticks, once in `calm` updates. */
  readonly move: number;
  readonly calm: number;
};

const markets: readonly Market[] = [
  { name: 'dense, small ticks', tickSize: 0.00001, middle: 250_000, spacing: 2, move: 2, calm: 50 },
  { name: 'sparse, high price', tickSize: 0.1, middle: 650_000, spacing: 40, move: 60, calm: 50 },
  {
    name: 'very sparse, 10^10 ticks',
    tickSize: 0.00001,
    middle: 1e10,
    spacing: 50_000,
    move: 60_000,
    calm: 50,
  },
  { name: 'jumps far beyond the ring', tickSize: 0.25, middle: 60_000, spacing: 3, move: 30_000, calm: 400 },
];

export function benchBook(): readonly BenchRow[] {
  return markets.map((market) => {
    const { isAsk, price, size } = createUpdates(market);
    const rates: number[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      const book = new Book({ tickSize: market.tickSize });
      let touched = 0;
      const start = performance.now();
      for (let pass = 0; pass < PASSES; pass++) {
        for (let i = 0; i < UPDATES; i++) {
          book.set(isAsk[i] === 1, price[i]!, size[i]!);
          if (book.bestBid < book.bestAsk) touched++;
        }
      }
      const seconds = (performance.now() - start) / 1000;
      if (touched === 0) throw new Error('the book was never two-sided');
      // The first round compiles.
      if (round > 0) rates.push((UPDATES * PASSES) / seconds / 1e6);
    }
    rates.sort((a, b) => a - b);
    const value = rates[ROUNDS >> 1]!;
    return { name: `book alone, ${market.name}`, value, unit: 'M updates/s' };
  });
}

/** Levels that are changed (60 %), added and removed, the touch more often than the depths; at the end all are removed. */
function createUpdates(market: Market) {
  const random = new Random(7);
  const isAsk = new Uint8Array(UPDATES);
  const price = new Float64Array(UPDATES);
  const size = new Float64Array(UPDATES);
  const sides: readonly [number[], number[]] = [[], []];
  let row = 0;
  let middle = market.middle;
  const places = Math.max(0, Math.round(-Math.log10(market.tickSize)) + 1);
  const write = (ask: 0 | 1, tick: number, amount: number) => {
    isAsk[row] = ask;
    price[row] = Number((tick * market.tickSize).toFixed(places));
    size[row] = amount;
    row++;
  };
  while (row < UPDATES - 4 * LEVELS) {
    const ask: 0 | 1 = random.nextFloat() < 0.5 ? 0 : 1;
    const sign = ask === 1 ? 1 : -1;
    const levels = sides[ask];
    if (random.nextInt(1, market.calm) === 1) {
      middle = Math.max(market.middle / 2, middle + random.nextInt(-market.move, market.move));
      // What the move has run over is removed, level by level, as a venue would say it.
      for (const side of [0, 1] as const) {
        const crossed = sides[side].filter((tick) => (side === 1 ? tick <= middle : tick >= middle));
        for (const tick of crossed) write(side, tick, 0);
        sides[side].splice(0, sides[side].length, ...sides[side].filter((tick) => !crossed.includes(tick)));
      }
      continue;
    }
    if (levels.length > 0 && random.nextFloat() < 0.6) {
      write(ask, levels[near(random, levels.length)]!, random.nextInt(1, 1000) / 100);
    } else if (levels.length >= LEVELS) {
      write(ask, levels.splice(near(random, levels.length), 1)[0]!, 0);
    } else {
      const index = near(random, LEVELS);
      const tick = middle + sign * (1 + index * market.spacing + random.nextInt(0, market.spacing - 1));
      if (!levels.includes(tick)) {
        levels.push(tick);
        levels.sort((a, b) => sign * (a - b));
      }
      write(ask, tick, random.nextInt(1, 1000) / 100);
    }
  }
  for (const side of [0, 1] as const) for (const tick of sides[side]) write(side, tick, 0);
  while (row < UPDATES) write(0, market.middle - 1, 0);
  return { isAsk, price, size };
}

/** An index below `count`, small ones far more often. */
function near(random: Random, count: number): number {
  return Math.floor(random.nextFloat() * random.nextFloat() * count);
}
