// The order book of one instrument: absolute sizes by price level, two ladders of integer steps of a grid.
// Invariant: what it holds is exactly what was set, price for price; it neither trims depth nor uncrosses. A price
// between the steps makes the grid finer, one that no grid can hold is refused. Whether the book may be trusted is said
// from outside, by `invalidate` at a gap and `validate` at the end of a snapshot.
import { assert } from '../core/assert.ts';
import { isOnTick } from '../core/instrument.ts';
import { Ladder } from './ladder.ts';

/** Steps beyond this are refused: up to here the nearest integer is certain whatever the three roundings did. */
const TICKS_MAX = 2 ** 48;
/** Three roundings move a price on the grid by less than this share of its steps; a decimal of 15 digits between them lies further off. */
const OFF_GRID = 2 ** -51;
/** Where nobody stated a tick size the grid begins here, and follows the digits of the prices. */
const UNSTATED_STEP = 1;

export type BookOptions = {
  /**
   * The tick size as stated: a decimal of at most 15 places, such as 0.1, 0.00001, 0.25 or 5. It is where the grid
   * begins; prices off it are kept and counted. Undefined while nobody has stated one.
   */
  readonly tickSize?: number | undefined;
  /** Steps near the touch that are reached at once, a power of two; levels beyond are searched for. Default 4096. */
  readonly capacityTicks?: number;
};

/**
 * Prices and steps. The grid is the decimal n ÷ 10^d in whole numbers. A price, itself the double nearest to a
 * decimal, becomes the integer nearest to price × (10^d ÷ n): three roundings, together under half a step as long as
 * there are fewer than 2^48 steps. A step becomes (step × n) ÷ 10^d: one rounding while step × n is below 2^53, so a
 * price reads back as the very double it came as.
 */
export class Book {
  #tickSize: number;
  #ticksPerUnit = 1;
  #numerator = 1;
  #denominator = 1;
  /** The grid is finer than where it began, because a price lay between its steps. */
  #isRefined = false;
  readonly #bids: Ladder;
  readonly #asks: Ladder;
  #isValid = false;
  #refused = 0;
  #offTick = 0;

  constructor(options: BookOptions) {
    const { tickSize, capacityTicks = 4096 } = options;
    this.#tickSize = tickSize ?? Number.NaN;
    this.#lay(tickSize ?? UNSTATED_STEP);
    this.#bids = new Ladder(capacityTicks);
    this.#asks = new Ladder(capacityTicks);
  }

  /** As stated last; NaN while nobody has stated one. */
  get tickSize(): number {
    return this.#tickSize;
  }

  /** False from the start and from a gap until the next whole snapshot. */
  get isValid(): boolean {
    return this.#isValid;
  }
  validate(): void {
    this.#isValid = true;
  }
  invalidate(): void {
    this.#isValid = false;
  }

  /** Levels that were not taken: a price or size that is not a number, a negative size, a price out of range. */
  get refusedCount(): number {
    return this.#refused;
  }
  /** Levels whose price is no whole number of stated ticks: they stand where the venue put them; the tick size is wrong. */
  get offTickCount(): number {
    return this.#offTick;
  }

  /** Empties both sides and returns to the stated grid; validity stays as it is. */
  clear(): void {
    this.#bids.clear();
    this.#asks.clear();
    if (this.#isRefined) this.#lay(Number.isNaN(this.#tickSize) ? UNSTATED_STEP : this.#tickSize);
  }

  /**
   * Sets the absolute size of a level; 0 removes it, and removing an unknown level does nothing. False when the level
   * was refused: then the book is not what the venue has.
   */
  set(isAsk: boolean, price: number, size: number): boolean {
    const ticks = price * this.#ticksPerUnit;
    const tick = Math.round(ticks);
    const steps = Math.abs(tick);
    const isPlain = Math.abs(ticks - tick) <= steps * OFF_GRID && steps < TICKS_MAX;
    if (!(isPlain && size >= 0 && size < Infinity) || this.#isRefined)
      return this.#setOdd(isAsk, price, size);
    if (isAsk) this.#asks.set(tick, size);
    else this.#bids.set(-tick, size);
    return true;
  }

  /** The tick size is stated anew. The levels stay; those between its ticks keep the grid finer. */
  restate(tickSize: number): void {
    if (tickSize === this.#tickSize) return;
    const levels = this.#levels();
    this.#bids.clear();
    this.#asks.clear();
    this.#tickSize = tickSize;
    this.#lay(tickSize);
    for (const { isAsk, price, size } of levels) {
      const isKept = this.set(isAsk, price, size);
      if (!isKept) this.#isValid = false;
    }
  }

  /** The best price to sell at, NaN when there is no bid. */
  get bestBid(): number {
    return this.#price(0 - this.#bids.best);
  }
  get bestBidSize(): number {
    return this.#bids.bestSize;
  }
  /** The best price to buy at, NaN when there is no ask. */
  get bestAsk(): number {
    return this.#price(this.#asks.best);
  }
  get bestAskSize(): number {
    return this.#asks.bestSize;
  }
  get bidCount(): number {
    return this.#bids.count;
  }
  get askCount(): number {
    return this.#asks.count;
  }

  /** A bid at or above an ask: two messages raced, or data is missing. */
  get isCrossed(): boolean {
    return 0 - this.#bids.best >= this.#asks.best;
  }

  /** The price `index` levels from the touch, NaN when there are not as many. Walking up from 0 is cheap. */
  priceAt(isAsk: boolean, index: number): number {
    return isAsk ? this.#price(this.#asks.keyAt(index)) : this.#price(0 - this.#bids.keyAt(index));
  }

  /** The size `index` levels from the touch, NaN when there are not as many. */
  sizeAt(isAsk: boolean, index: number): number {
    const side = isAsk ? this.#asks : this.#bids;
    const key = side.keyAt(index);
    return Number.isNaN(key) ? Number.NaN : side.sizeOf(key);
  }

  /** The size at a price, 0 when there is no such level. */
  sizeOf(isAsk: boolean, price: number): number {
    const tick = Math.round(price * this.#ticksPerUnit);
    return isAsk ? this.#asks.sizeOf(tick) : this.#bids.sizeOf(-tick);
  }

  /** The sum of sizes over the first `levels` levels of a side; fewer levels count as they are. */
  volume(isAsk: boolean, levels: number): number {
    return isAsk ? this.#asks.volume(levels) : this.#bids.volume(levels);
  }

  /** (bid volume − ask volume) ÷ their sum over the first `levels` levels, in [−1, 1]; NaN when both are empty. */
  pressure(levels: number): number {
    const bids = this.#bids.volume(levels);
    const asks = this.#asks.volume(levels);
    return (bids - asks) / (bids + asks);
  }

  /**
   * `[isValid, refused, off tick, bids, asks, stated tick size, isRefined, n, 10^d of the grid, then step and size of
   * each level from the touch, bids first]`.
   */
  save(): Float64Array {
    const bids = this.#bids.count;
    const asks = this.#asks.count;
    const state = new Float64Array(HEADER + 2 * (bids + asks));
    state.set([this.#isValid ? 1 : 0, this.#refused, this.#offTick, bids, asks, this.#tickSize]);
    state.set([this.#isRefined ? 1 : 0, this.#numerator, this.#denominator], 6);
    for (let i = 0, at = HEADER; i < bids + asks; i++, at += 2) {
      const side = i < bids ? this.#bids : this.#asks;
      const key = side.keyAt(i < bids ? i : i - bids);
      state[at] = i < bids ? 0 - key : key;
      state[at + 1] = side.sizeOf(key);
    }
    return state;
  }

  restore(state: Float64Array): void {
    const bids = state[3] ?? 0;
    const asks = state[4] ?? 0;
    assert(state.length === HEADER + 2 * (bids + asks), 'a saved book has the length it states');
    this.clear();
    this.#isValid = state[0] === 1;
    this.#refused = state[1]!;
    this.#offTick = state[2]!;
    this.#tickSize = state[5]!;
    this.#isRefined = state[6] === 1;
    this.#setGrid(state[7]!, state[8]!);
    for (let i = 0, at = HEADER; i < bids + asks; i++, at += 2) {
      if (i < bids) this.#bids.set(0 - state[at]!, state[at + 1]!);
      else this.#asks.set(state[at]!, state[at + 1]!);
    }
  }

  /** A level that is not simply put on the stated grid: it makes the grid finer, or is refused. */
  #setOdd(isAsk: boolean, price: number, size: number): boolean {
    // One row without a price and a size says that a snapshot is empty.
    if (size === 0 && Number.isNaN(price)) return true;
    const denominator = decimalDenominator(price);
    if (!(size >= 0 && size < Infinity) || !this.#canHold(price, denominator)) {
      this.#refused++;
      return false;
    }
    // The statement is right for a price on its ticks, on whatever grid the book lies now.
    if (!isOnTick(price, this.#tickSize)) this.#offTick++;
    const isOnGrid = denominator <= this.#denominator && (this.#isRefined || this.#isOnGrid(price));
    if (!isOnGrid) {
      // A level that is not on the grid is not in the book: there is nothing to remove.
      if (size === 0) return true;
      this.#refine(Math.max(denominator, this.#denominator));
    }
    this.#put(isAsk, price, size);
    return true;
  }

  #isOnGrid(price: number): boolean {
    return this.#price(Math.round(price * this.#ticksPerUnit)) === price;
  }

  /** Whether a grid of 1 ÷ `denominator` reaches this price and every level there is. */
  #canHold(price: number, denominator: number): boolean {
    const reach = (TICKS_MAX - 1) / Math.max(denominator, this.#denominator);
    // The far end of a side is its last level.
    const bid = this.priceAt(false, this.#bids.count - 1);
    const ask = this.priceAt(true, this.#asks.count - 1);
    const best = [this.bestBid, this.bestAsk];
    return Math.abs(price) < reach && ![bid, ask, ...best].some((held) => Math.abs(held) >= reach);
  }

  #refine(denominator: number): void {
    const levels = this.#levels();
    this.#bids.clear();
    this.#asks.clear();
    this.#setGrid(1, denominator);
    this.#isRefined = true;
    for (const { isAsk, price, size } of levels) this.#put(isAsk, price, size);
  }

  /** Sets a level that is known to lie on the grid. */
  #put(isAsk: boolean, price: number, size: number): void {
    const tick = Math.round(price * this.#ticksPerUnit);
    if (isAsk) this.#asks.set(tick, size);
    else this.#bids.set(-tick, size);
  }

  #levels(): readonly { readonly isAsk: boolean; readonly price: number; readonly size: number }[] {
    return [false, true].flatMap((isAsk) =>
      Array.from({ length: isAsk ? this.askCount : this.bidCount }, (_, i) => ({
        isAsk,
        price: this.priceAt(isAsk, i),
        size: this.sizeAt(isAsk, i),
      })),
    );
  }

  /** Lays the grid of a tick size; the ladders are empty. */
  #lay(tickSize: number): void {
    const denominator = decimalDenominator(tickSize);
    assert(tickSize > 0 && tickSize < Infinity, 'a tick size is positive');
    assert(!Number.isNaN(denominator), `a tick size is a decimal of at most 15 places, got ${tickSize}`);
    this.#isRefined = false;
    this.#setGrid(Math.round(tickSize * denominator), denominator);
  }

  #setGrid(numerator: number, denominator: number): void {
    this.#numerator = numerator;
    this.#denominator = denominator;
    this.#ticksPerUnit = denominator / numerator;
  }

  #price(tick: number): number {
    if (!(tick < Infinity && tick > -Infinity)) return Number.NaN;
    return (tick * this.#numerator) / this.#denominator;
  }
}

/** Numbers in front of the levels of a saved book. */
const HEADER = 9;

/** The smallest power of ten by which a decimal becomes a whole number; NaN when it has more than 15 places. */
function decimalDenominator(decimal: number): number {
  let power = 1;
  for (let places = 0; places <= 15; places++, power *= 10) {
    if (Math.round(decimal * power) / power === decimal) return power;
  }
  return Number.NaN;
}

/** Whether a book can be laid on a tick size: positive, and a decimal of at most 15 places. */
export function isTickSize(tickSize: number): boolean {
  return tickSize > 0 && tickSize < TICKS_MAX && !Number.isNaN(decimalDenominator(tickSize));
}
