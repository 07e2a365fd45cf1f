// Between which prices nothing can happen in one instrument: no order fills, no stop is touched, and no open position
// meets a mark price that it has not met. A few numbers, compared at each market event, so that what waits far away
// costs next to nothing. Invariant: the bounds are never wider than what stands; `lay` follows each change of that.
import type { Resting } from './resting.ts';

/** Two prices. */
export type Bounds = { readonly low: number; readonly high: number };

/** What stands in the instrument: orders, the prices between which no bracket is touched, the marks met by positions. */
export type Stands = {
  readonly resting: Resting;
  readonly brackets: { readonly count: number; readonly bounds: Bounds };
  readonly positions: { readonly count: number; readonly bounds: Bounds };
};

export class Calm {
  /** A trade strictly between these two changes nothing, whatever else the market shows. */
  tradeLow = Number.NEGATIVE_INFINITY;
  tradeHigh = Number.POSITIVE_INFINITY;
  /** Orders, lots and open positions together. */
  count = 0;
  /** The ask has to fall to the first, or the bid to rise to the second, before an order or a stop is concerned. */
  #low = Number.NEGATIVE_INFINITY;
  #high = Number.POSITIVE_INFINITY;
  #markLow = Number.NEGATIVE_INFINITY;
  #markHigh = Number.POSITIVE_INFINITY;
  #isQuoted = false;

  /** Whether nothing happens at these prices; of a trade both are its own. NaN is between nothing. */
  holds(bid: number, ask: number, markPrice: number): boolean {
    return ask > this.#low && bid < this.#high && markPrice >= this.#markLow && markPrice <= this.#markHigh;
  }

  /** A bid or an ask was heard of: from here on a trade's price need not be the mark price. */
  onQuote(): void {
    if (this.#isQuoted) return;
    this.#isQuoted = true;
    this.#layTrades();
  }

  /** To be called after each change of what stands here. */
  lay({ resting, brackets, positions }: Stands): void {
    this.count = resting.count + brackets.count + positions.count;
    // Exits that wait are tried at every event.
    const isWaiting = resting.waiting().length > 0;
    this.#low = isWaiting ? Number.NaN : Math.max(brackets.bounds.low, resting.bestBuy);
    this.#high = isWaiting ? Number.NaN : Math.min(brackets.bounds.high, resting.bestSell);
    this.#markLow = positions.bounds.low;
    this.#markHigh = positions.bounds.high;
    this.#layTrades();
  }

  #layTrades(): void {
    const isHeld = this.#markLow !== Number.NEGATIVE_INFINITY;
    this.tradeLow = isHeld && this.#isQuoted ? Number.NaN : Math.max(this.#low, this.#markLow);
    this.tradeHigh = isHeld && this.#isQuoted ? Number.NaN : Math.min(this.#high, this.#markHigh);
  }
}
