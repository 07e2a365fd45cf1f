// Candles of one interval, from trades or from smaller candles, and a ring of the closed ones.
// Invariant: closed candles leave in order, each exactly once, and never change; what comes too late is counted.
// It reads no clock: the caller says which time a trade bears and up to when no more trades are awaited.
import { assert } from '../core/assert.ts';
import type { Candle } from '../core/candle.ts';
import { UsageError } from '../core/errors.ts';
import { emptyCandle, FIELDS, flatten, load, type SeriesCandle, store } from './candle.ts';

export type { SeriesCandle };

export type CandleOptions = {
  readonly intervalUs: number;
  /** How many closed candles are kept. Default 500. */
  readonly capacity?: number;
  /**
   * Of the empty intervals after a candle the first `fill` become flat candles (all at the last close, no volume);
   * the rest of a longer silence is a hole. The same however often `closeBefore` is called. Default 0: only holes.
   */
  readonly gap?: { readonly fill: number };
  /** Where intervals begin, counted from the UTC epoch (a Thursday). Default 0. */
  readonly offsetUs?: number;
};

/** Numbers about the series itself at the head of a saved state; its candles follow. */
const HEAD = 7;

export class CandleSeries {
  readonly intervalUs: number;
  readonly capacity: number;
  /** Called once per closed candle, flat ones too, in order; the candle is `closed` then. */
  onClose: ((series: CandleSeries) => void) | undefined;

  readonly #fill: number;
  readonly #offsetUs: number;
  readonly #forming = emptyCandle();
  readonly #closed = emptyCandle();
  readonly #view = emptyCandle();
  #isForming = false;
  /** End of the forming candle, or of the empty interval that would be filled next; Infinity when nothing can close. */
  #nextCloseUs = Number.POSITIVE_INFINITY;
  /** All before it is closed. */
  #closedUntilUs = Number.NEGATIVE_INFINITY;
  /** All data since then was seen; NaN while nothing says so. */
  #beganUs = Number.NaN;
  #fillsLeft = 0;
  #closedCount = 0;
  #lateCount = 0;
  readonly #ring: Float64Array;

  constructor(options: CandleOptions) {
    const { intervalUs, capacity = 500, gap = { fill: 0 }, offsetUs = 0 } = options;
    assert(Number.isSafeInteger(intervalUs) && intervalUs > 0, 'a candle interval is a whole number of µs');
    assert(Number.isSafeInteger(capacity) && capacity > 0, 'a series keeps at least one candle');
    assert(Number.isSafeInteger(offsetUs), 'a candle offset is a whole number of µs');
    assert(gap.fill >= 0, 'the number of flat candles is not negative');
    this.intervalUs = intervalUs;
    this.capacity = capacity;
    this.#fill = gap.fill;
    this.#offsetUs = offsetUs;
    this.#ring = new Float64Array(capacity * FIELDS);
    for (const candle of [this.#forming, this.#closed, this.#view]) candle.intervalUs = intervalUs;
  }

  /** The candle that grows; its values mean something only while `isForming`. One object, reused. */
  get forming(): SeriesCandle {
    return this.#forming;
  }
  get isForming(): boolean {
    return this.#isForming;
  }
  /** The last closed candle; all NaN before the first. One object, reused. */
  get closed(): SeriesCandle {
    return this.#closed;
  }
  /** Candles closed since the series began, kept or not. */
  get closedCount(): number {
    return this.#closedCount;
  }
  /** Closed candles readable by `at`. */
  get count(): number {
    return Math.min(this.#closedCount, this.capacity);
  }
  /** Trades and smaller candles that came after their candle had closed. */
  get lateCount(): number {
    return this.#lateCount;
  }
  /** The time from which `closeBefore` has something to do; Infinity when only a trade can go on. */
  get nextCloseUs(): number {
    return this.#nextCloseUs;
  }

  /**
   * Adds a trade; `side` is the taker's: 1 bought, −1 sold, 0 unknown. A trade of a later interval closes the earlier
   * ones first. False when its candle had closed already: it was counted as late and changed nothing.
   */
  addTrade(price: number, size: number, side: number, timeUs: number): boolean {
    const candle = this.#forming;
    if (!(this.#isForming && timeUs >= candle.startUs && timeUs < this.#nextCloseUs)) {
      if (!this.#open(timeUs, price)) return false;
    }
    if (price > candle.high) candle.high = price;
    if (price < candle.low) candle.low = price;
    candle.close = price;
    candle.volume += size;
    // Reckoned, not branched on: takers' sides are as good as random.
    candle.buyVolume += size * ((side + 1) >> 1);
    candle.sellVolume += size * ((1 - side) >> 1);
    candle.trades++;
    return true;
  }

  /**
   * Adds a closed candle that lies inside one interval of this series. It closes the candle of this series whose
   * last piece it is. A smaller candle without trades that only repeats the last price is time passing, not data:
   * a series built from filled candles equals the one built from their trades.
   */
  addCandle(part: Candle & { readonly isPartial?: boolean }): boolean {
    const endUs = part.startUs + part.intervalUs;
    assert(
      endUs <= this.#bucketStart(part.startUs) + this.intervalUs,
      'a smaller candle lies inside one interval of the larger',
    );
    if (part.startUs < this.#closedUntilUs) {
      this.#lateCount++;
      return false;
    }
    if (!this.#repeatsLastPrice(part)) this.#merge(part);
    this.closeBefore(endUs);
    return true;
  }

  /** Says that nothing before `timeUs` is awaited: closes the forming candle and fills empty intervals that end by then. */
  closeBefore(timeUs: number): void {
    while (this.#nextCloseUs <= timeUs) this.#closeNext();
  }

  /**
   * Says that all trades from `timeUs` on are seen: when listening starts, and after an outage. A candle that began
   * earlier is partial. Without it the first trade's time counts as the start.
   */
  begin(timeUs: number): void {
    this.#beganUs = timeUs;
    if (this.#isForming && this.#forming.startUs < timeUs) this.#forming.isPartial = true;
  }

  /** Says that trades go missing from here on: candles are partial until one starts after the next `begin`. */
  interrupt(): void {
    this.begin(Number.POSITIVE_INFINITY);
  }

  /** The closed candle `back` steps ago, 0 the last. One object, reused: valid until the next call. */
  at(back: number): SeriesCandle {
    if (!(back >= 0 && back < this.count && Number.isInteger(back))) {
      throw new UsageError(`candle ${back} steps back is not kept (there are ${this.count}, 0 is the last)`);
    }
    load(this.#view, this.#ring, ((this.#closedCount - 1 - back) % this.capacity) * FIELDS);
    return this.#view;
  }

  /** The start of the interval that a time lies in. */
  startOf(timeUs: number): number {
    return this.#bucketStart(timeUs);
  }

  save(): Float64Array {
    const kept = this.count;
    const state = new Float64Array(HEAD + (kept + 1) * FIELDS);
    state.set([
      this.#isForming ? 1 : 0,
      this.#nextCloseUs,
      this.#closedUntilUs,
      this.#fillsLeft,
      this.#closedCount,
      this.#lateCount,
      this.#beganUs,
    ]);
    store(this.#forming, state, HEAD);
    for (let i = 0; i < kept; i++) store(this.at(kept - 1 - i), state, HEAD + (i + 1) * FIELDS);
    return state;
  }

  /** Takes the state of a series of the same options. */
  restore(state: Float64Array): void {
    this.#isForming = state[0] === 1;
    this.#nextCloseUs = state[1]!;
    this.#closedUntilUs = state[2]!;
    this.#fillsLeft = state[3]!;
    this.#closedCount = state[4]!;
    this.#lateCount = state[5]!;
    this.#beganUs = state[6]!;
    load(this.#forming, state, HEAD);
    const kept = this.count;
    assert(state.length === HEAD + (kept + 1) * FIELDS, 'a saved series keeps as many candles as this one');
    for (let back = 0; back < kept; back++) {
      const from = HEAD + (kept - back) * FIELDS;
      const slot = ((this.#closedCount - 1 - back) % this.capacity) * FIELDS;
      this.#ring.set(state.subarray(from, from + FIELDS), slot);
    }
    if (kept > 0) load(this.#closed, state, HEAD + kept * FIELDS);
  }

  #bucketStart(timeUs: number): number {
    const shifted = timeUs - this.#offsetUs;
    return Math.floor(shifted / this.intervalUs) * this.intervalUs + this.#offsetUs;
  }

  /** Makes the candle of `timeUs` the forming one; false when it is closed already. */
  #open(timeUs: number, price: number): boolean {
    assert(!Number.isNaN(timeUs), 'a trade bears a time');
    if (timeUs < this.#closedUntilUs || (this.#isForming && timeUs < this.#forming.startUs)) {
      this.#lateCount++;
      return false;
    }
    const startUs = this.#bucketStart(timeUs);
    this.closeBefore(startUs);
    const candle = this.#forming;
    flatten(candle, startUs, price);
    if (Number.isNaN(this.#beganUs)) this.#beganUs = timeUs;
    candle.isPartial = startUs < this.#beganUs;
    this.#isForming = true;
    this.#nextCloseUs = startUs + this.intervalUs;
    return true;
  }

  #merge(part: Candle & { readonly isPartial?: boolean }): void {
    const candle = this.#forming;
    const isInside = this.#isForming && part.startUs < this.#nextCloseUs;
    if (!isInside) this.#open(part.startUs, part.open);
    if (part.high > candle.high) candle.high = part.high;
    if (part.low < candle.low) candle.low = part.low;
    candle.close = part.close;
    candle.volume += part.volume;
    candle.buyVolume += part.buyVolume;
    candle.sellVolume += part.sellVolume;
    candle.trades += part.trades;
    if (part.isPartial === true) candle.isPartial = true;
  }

  #repeatsLastPrice(part: Candle): boolean {
    const last = this.#isForming ? this.#forming.close : this.#closed.close;
    return (
      part.trades === 0 && part.volume === 0 && part.high === last && part.low === last && part.close === last
    );
  }

  #closeNext(): void {
    const candle = this.#forming;
    const endUs = this.#nextCloseUs;
    if (this.#isForming) {
      this.#fillsLeft = this.#fill;
    } else {
      flatten(candle, endUs - this.intervalUs, this.#closed.close);
      candle.isPartial = candle.startUs < this.#beganUs;
      this.#fillsLeft--;
    }
    this.#isForming = false;
    this.#closedUntilUs = endUs;
    this.#nextCloseUs = this.#fillsLeft > 0 ? endUs + this.intervalUs : Number.POSITIVE_INFINITY;
    const slot = (this.#closedCount % this.capacity) * FIELDS;
    store(candle, this.#ring, slot);
    load(this.#closed, this.#ring, slot);
    this.#closedCount++;
    this.onClose?.(this);
  }
}
