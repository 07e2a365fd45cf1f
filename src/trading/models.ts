// The injected models of the simulated venue: how long an order travels, what a fill costs, and at which prices
// and sizes an order that takes liquidity fills. Each model is one small class behind a contract of one to three members.
import { z } from 'zod';
import {
  absolute,
  type Decimal,
  decimalOf,
  divide,
  least,
  multiply,
  numberOf,
  parseDecimal,
  truncateTo,
} from '../core/decimal.ts';
import type { Side } from '../core/order.ts';
import type { Random } from '../core/random.ts';
import { type MarketView, markPrice } from './market.ts';

/** Basis points in one. */
const BPS = parseDecimal('10000');

const milliseconds = z.number().min(0);

/** How long an order or a cancel travels to the venue. */
export const latencySchema = z
  .discriminatedUnion('model', [
    z.strictObject({ model: z.literal('fixed'), ms: milliseconds }),
    z
      .strictObject({
        model: z.literal('uniform'),
        minMs: milliseconds.default(50),
        maxMs: milliseconds.default(100),
      })
      .refine((range) => range.minMs <= range.maxMs, { error: 'minMs is above maxMs' }),
    z.strictObject({
      model: z.literal('empirical'),
      /** Measured latencies; each order draws one of them. */
      samplesMs: z.array(milliseconds).min(1),
    }),
  ])
  .prefault({ model: 'uniform' });

const bpsOf = { makerBps: z.number().optional(), takerBps: z.number().optional() };

const symbolFees = z
  .record(z.string(), z.strictObject(bpsOf))
  .optional()
  .describe('other fees for single symbols; what one leaves out is as for all');

/** Basis points of notional; negative is a rebate. */
export const feesSchema = z
  .strictObject({ makerBps: z.number().default(10), takerBps: z.number().default(10), symbols: symbolFees })
  .prefault({});

/** Fees of one strategy that differ from those of the run. */
export const ownFeesSchema = z.strictObject({ ...bpsOf, symbols: symbolFees });

/** Where an order that takes liquidity fills. */
export const fillsSchema = z
  .strictObject({
    /** `book`: walk the levels. `spread`: all at the best price. `bps`: all at mid (or last) price plus `bps`. */
    model: z.enum(['book', 'spread', 'bps']).default('book'),
    /** Slippage of `bps`, and of the other two where they have no book or no quote to look at. */
    bps: z.number().min(0).default(5),
    /** A ticker that is older is no price any more; an order is rejected when the newest price of its instrument is older. */
    priceAgeMaxMs: z.number().positive().default(60_000),
    /** While a bid stands at or above an ask: `refuse` fills nothing and rejects what arrives, `fill` fills all the same. */
    crossed: z.enum(['refuse', 'fill']).default('refuse'),
  })
  .prefault({});

export type LatencyConfig = z.output<typeof latencySchema>;
export type FeesConfig = z.output<typeof feesSchema>;
export type FillsConfig = z.output<typeof fillsSchema>;

export interface Latency {
  /** The next order's travel time, whole µs. */
  nextUs(): number;
}

export function createLatency(config: LatencyConfig, random: Random): Latency {
  switch (config.model) {
    case 'fixed': {
      const us = Math.round(config.ms * 1000);
      return { nextUs: () => us };
    }
    case 'uniform': {
      const min = Math.round(config.minMs * 1000);
      const max = Math.round(config.maxMs * 1000);
      return { nextUs: () => random.nextInt(min, max) };
    }
    case 'empirical': {
      const samples = config.samplesMs.map((ms) => Math.round(ms * 1000));
      return { nextUs: () => samples[random.nextInt(0, samples.length - 1)]! };
    }
  }
}

export interface Fees {
  /** The share of a fill's notional, exact. */
  rate(liquidity: 'maker' | 'taker', instrument: number): Decimal;
}

/** `symbols` are the run's instruments by number. */
export function createFees(
  { makerBps, takerBps, symbols: others = {} }: FeesConfig,
  symbols: readonly string[],
): Fees {
  const rates = symbols.map((symbol) => ({
    maker: divide(decimalOf(others[symbol]?.makerBps ?? makerBps), BPS),
    taker: divide(decimalOf(others[symbol]?.takerBps ?? takerBps), BPS),
  }));
  return { rate: (liquidity, instrument) => rates[instrument]![liquidity] };
}

/** Liquidity to take: so much at such a price. */
export type Piece = { readonly price: number; readonly size: Decimal };

export type Want = {
  readonly instrument: number;
  readonly side: Side;
  readonly size: Decimal;
  /** The worst price that may be paid; NaN for any. */
  readonly limit: number;
};

export interface Fills {
  /** What an order could take now, best price first; less than `want.size` in total when the liquidity ends. */
  plan(want: Want): readonly Piece[];
  /** Tells that a planned piece, or a part of it, was taken. */
  take(instrument: number, side: Side, piece: Piece): void;
  /** Tells that the book changed. Cheap when nothing was taken from it. */
  onBook(instrument: number): void;
}

export function createFills(config: FillsConfig, market: MarketView): Fills {
  const bps = new FlatFills(market, config.bps, false);
  if (config.model === 'bps') return bps;
  const spread = new FlatFills(market, config.bps, true);
  return config.model === 'spread' ? spread : new BookFills(market, bps);
}

/** Any size at one price: the best opposite one, or the mark price plus some basis points against the taker. */
class FlatFills implements Fills {
  readonly #market: MarketView;
  readonly #bps: number;
  readonly #usesQuote: boolean;

  constructor(market: MarketView, bps: number, usesQuote: boolean) {
    this.#market = market;
    this.#bps = bps;
    this.#usesQuote = usesQuote;
  }

  plan(want: Want): readonly Piece[] {
    const price = this.#price(want);
    return Number.isNaN(price) || isBeyond(price, want) ? [] : [{ price, size: want.size }];
  }

  take(): void {}

  onBook(): void {}

  #price({ instrument, side }: Want): number {
    const isBuy = side === 'buy';
    const [bid, ask] = [this.#market.bestBid(instrument), this.#market.bestAsk(instrument)];
    const [best, other] = isBuy ? [ask, bid] : [bid, ask];
    if (this.#usesQuote && best > 0) return best;
    // A market with one side only has nobody on the other to trade with.
    if (Number.isNaN(best) && !Number.isNaN(other)) return Number.NaN;
    const mark = markPrice(this.#market, instrument);
    if (Number.isNaN(mark)) return mark;
    const rules = this.#market.instrument(instrument);
    // A tick that nobody stated rounds nothing.
    const tickSize = rules?.isStated === true ? rules.tickSize : 0;
    return slipped(mark, isBuy ? this.#bps : -this.#bps, tickSize);
  }
}

/** What the run itself has taken of what stands at one level. */
type Taken = { readonly price: number; readonly isAsk: boolean; size: Decimal };

/**
 * Walks the book level by level. What the run took stays taken as long as the feed shows the level: where it grows, only
 * what it grew by is new; where it shrinks, what is left of it is what the run took, as far as it goes. All strategies of
 * a run share that memory. Without a book it fills as `fallback` does.
 */
class BookFills implements Fills {
  readonly #market: MarketView;
  readonly #fallback: Fills;
  readonly #taken: (Taken[] | undefined)[] = [];

  constructor(market: MarketView, fallback: Fills) {
    this.#market = market;
    this.#fallback = fallback;
  }

  plan(want: Want): readonly Piece[] {
    const book = this.#market.book(want.instrument);
    if (book === undefined) return this.#fallback.plan(want);
    const isAsk = want.side === 'buy';
    const count = isAsk ? book.askCount : book.bidCount;
    const pieces: Piece[] = [];
    let rest = want.size;
    for (let index = 0; index < count && rest > 0n; index++) {
      const price = book.priceAt(isAsk, index);
      if (isBeyond(price, want)) break;
      const left = decimalOf(book.sizeAt(isAsk, index)) - this.#takenAt(want.instrument, isAsk, price);
      if (left <= 0n) continue;
      const size = least(left, rest);
      pieces.push({ price, size });
      rest -= size;
    }
    return pieces;
  }

  take(instrument: number, side: Side, piece: Piece): void {
    const book = this.#market.book(instrument);
    if (book === undefined) return;
    const isAsk = side === 'buy';
    let list = this.#taken[instrument];
    if (list === undefined) {
      list = [];
      this.#taken[instrument] = list;
    }
    const known = list.find((taken) => taken.price === piece.price && taken.isAsk === isAsk);
    if (known === undefined) list.push({ price: piece.price, isAsk, size: piece.size });
    else known.size += piece.size;
  }

  onBook(instrument: number): void {
    const list = this.#taken[instrument];
    if (list === undefined || list.length === 0) return;
    const book = this.#market.book(instrument);
    for (let i = list.length - 1; i >= 0; i--) {
      const taken = list[i]!;
      const size = book === undefined ? 0 : book.sizeOf(taken.isAsk, taken.price);
      if (size === 0) list.splice(i, 1);
      else taken.size = least(taken.size, decimalOf(size));
    }
  }

  #takenAt(instrument: number, isAsk: boolean, price: number): Decimal {
    const list = this.#taken[instrument];
    if (list === undefined) return 0n;
    for (const taken of list) if (taken.price === price && taken.isAsk === isAsk) return taken.size;
    return 0n;
  }
}

function isBeyond(price: number, want: Want): boolean {
  return want.side === 'buy' ? price > want.limit : price < want.limit;
}

/** The price moved by some basis points and then on to the next tick in the same direction: never in the taker's favour. */
function slipped(price: number, bps: number, tickSize: number): number {
  const exact = decimalOf(price) + multiply(decimalOf(price), divide(decimalOf(bps), BPS));
  if (tickSize <= 0) return numberOf(exact);
  const tick = decimalOf(tickSize);
  const below = truncateTo(absolute(exact), tick);
  // Below the first tick there is no price: a tick above the price itself is wrong, and rounds nothing.
  if (below === 0n) return numberOf(exact);
  return numberOf(bps > 0 && below < exact ? below + tick : below);
}
