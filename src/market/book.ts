// The order book of one instrument: absolute sizes by price level, two ladders of integer ticks.
// Invariant: what it holds is exactly what was set; it neither trims depth nor uncrosses. Whether it may be trusted
// is said from outside, by `invalidate` at a gap and `validate` at the end of a snapshot.
import { assert } from '../core/assert.ts';
import { Ladder } from './ladder.ts';

/** Ticks beyond this are refused: up to here the nearest integer is certain whatever the three roundings did. */
const TICKS_MAX = 2 ** 48;
/** A price further than this from a whole tick is off its grid; three roundings stay below 3 ÷ 32 up to TICKS_MAX. */
const OFF_TICK = 1 / 8;

export type BookOptions = {
  /** A decimal of at most 15 places, such as 0.1, 0.00001, 0.25 or 5. */
  readonly tickSize: number;
  /** Ticks near the touch that are reached in one step, a power of two; levels beyond are searched for. Default 4096. */
  readonly capacityTicks?: number;
};

/**
 * Prices and ticks. A tick size is the decimal n ÷ 10^d in whole numbers. A price, itself the double nearest to a
 * decimal, becomes the integer nearest to price × (10^d ÷ n): three roundings, together under half a tick as long as
 * there are fewer than 2^48 ticks. A tick becomes (tick × n) ÷ 10^d: one rounding while tick × n is below 2^53, so a
 * price reads back as the very double it came as.
 */
export class Book {
  readonly tickSize: number;
  readonly #ticksPerUnit: number;
  readonly #numerator: number;
  readonly #denominator: number;
  readonly #bids: Ladder;
  readonly #asks: Ladder;
  #isValid = false;
  #refused = 0;
  #offTick = 0;

  constructor(options: BookOptions) {
    const { tickSize, capacityTicks = 4096 } = options;
    this.tickSize = tickSize;
    this.#denominator = decimalDenominator(tickSize);
    this.#numerator = Math.round(tickSize * this.#denominator);
    this.#ticksPerUnit = this.#denominator / this.#numerator;
    this.#bids = new Ladder(capacityTicks);
    this.#asks = new Ladder(capacityTicks);
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

  /** Levels that were not taken: a price or size that is no number, a negative size, a price out of range. */
  get refusedCount(): number {
    return this.#refused;
  }
  /** Levels whose price is no whole number of ticks. They were put on the nearest tick; the tick size is wrong. */
  get offTickCount(): number {
    return this.#offTick;
  }

  /** Empties both sides; validity stays as it is. */
  clear(): void {
    this.#bids.clear();
    this.#asks.clear();
  }

  /** Sets the absolute size of a level; 0 removes it, and removing an unknown level does nothing. */
  set(isAsk: boolean, price: number, size: number): void {
    const ticks = price * this.#ticksPerUnit;
    const tick = Math.round(ticks);
    if (!(size >= 0 && size < Infinity && tick < TICKS_MAX && tick > -TICKS_MAX)) {
      this.#refused++;
      return;
    }
    if (Math.abs(ticks - tick) > OFF_TICK) this.#offTick++;
    if (isAsk) this.#asks.set(tick, size);
    else this.#bids.set(-tick, size);
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

  /** `[isValid, refused, off tick, bids, asks, then tick and size of each level from the touch, bids first]`. */
  save(): Float64Array {
    const bids = this.#bids.count;
    const asks = this.#asks.count;
    const state = new Float64Array(5 + 2 * (bids + asks));
    state.set([this.#isValid ? 1 : 0, this.#refused, this.#offTick, bids, asks]);
    for (let i = 0, at = 5; i < bids + asks; i++, at += 2) {
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
    assert(state.length === 5 + 2 * (bids + asks), 'a saved book has the length it states');
    this.clear();
    this.#isValid = state[0] === 1;
    this.#refused = state[1]!;
    this.#offTick = state[2]!;
    for (let i = 0, at = 5; i < bids + asks; i++, at += 2) {
      if (i < bids) this.#bids.set(0 - state[at]!, state[at + 1]!);
      else this.#asks.set(state[at]!, state[at + 1]!);
    }
  }

  #price(tick: number): number {
    if (!(tick < Infinity && tick > -Infinity)) return Number.NaN;
    return (tick * this.#numerator) / this.#denominator;
  }
}

/** The smallest power of ten by which a decimal becomes a whole number. */
function decimalDenominator(decimal: number): number {
  assert(decimal > 0 && decimal < Infinity, 'a tick size is positive');
  let power = 1;
  for (let places = 0; places <= 15; places++, power *= 10) {
    if (Math.round(decimal * power) / power === decimal) return power;
  }
  assert(false, `a tick size is a decimal of at most 15 places, got ${decimal}`);
  return 1;
}
