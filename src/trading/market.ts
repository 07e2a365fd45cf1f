// What the simulated venue may know of the market: the state after the last applied event, and nothing later.
import type { Instrument } from '../core/instrument.ts';

/** The engine implements it. Instruments are numbers of the run; prices are NaN until first known. */
export interface MarketView {
  /** The rules of prices and sizes, undefined until they are known. */
  instrument(instrument: number): Instrument | undefined;
  /** Of the book where one is kept, else of the ticker. */
  bestBid(instrument: number): number;
  bestAsk(instrument: number): number;
  /** Halfway between best bid and best ask; NaN while either is missing. */
  mid(instrument: number): number;
  /** Of the last trade (or closed candle, where a feed has only these). */
  lastPrice(instrument: number): number;
  /** How long ago any price of this instrument was last heard of, µs; Infinity before the first. */
  priceAgeUs(instrument: number, nowUs: number): number;
  /** False from a gap or checksum failure until the next snapshot. Read only where a book is kept. */
  isBookValid(instrument: number): boolean;
  /** Undefined for an instrument of which no book has been received. */
  book(instrument: number): BookLevels | undefined;
}

/** The part of a book that is walked; `Book` of the market room has it. Level 0 is the best one of its side. */
export interface BookLevels {
  readonly bidCount: number;
  readonly askCount: number;
  priceAt(isAsk: boolean, index: number): number;
  sizeAt(isAsk: boolean, index: number): number;
  /** 0 when there is no such level. */
  sizeOf(isAsk: boolean, price: number): number;
}

/** The price that stands for the instrument's worth now: the mid, else the last trade; NaN when there is neither. */
export function markPrice(market: MarketView, instrument: number): number {
  const mid = market.mid(instrument);
  return Number.isNaN(mid) ? market.lastPrice(instrument) : mid;
}
