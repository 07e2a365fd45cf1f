// Candles of one interval, from trades or from smaller candles, and a ring of the closed ones.
// Invariant: closed candles leave in order, each exactly once, and keep their values; what comes too late is counted
// and marks the closed candle it belongs to. It reads no clock: the caller says which time a trade bears and up to when no more trades are awaited.
import { assert } from '../core/assert.ts';
import type { Candle } from '../core/candle.ts';
import { UsageError } from '../core/errors.ts';
import { emptyCandle, FIELDS, flatten, load, type Mutable, type SeriesCandle, store } from './candle.ts';

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
  /**
   * How many intervals in a row may be open at once. By default 1: a trade of a later interval proves that the earlier
   * ones are over. With more, those wait for `closeBefore`, and trades may come in any order across their bounds.
   */
  readonly openMax?: number;
};

/** Numbers about the series itself at the head of a saved state; its candles follow. */
const HEAD = 8;

export class CandleSeries {
  readonly intervalUs: number;
  /** Where intervals begin, counted from the UTC epoch, µs. */
  readonly offsetUs: number;
  readonly capacity: number;
  /** Called once per closed candle, flat ones too, in order; the candle is `closed` then. */
  onClose: ((series: CandleSeries) => void) | undefined;

  readonly #fill: number;
  readonly #openMax: number;
  readonly #forming = emptyCandle();
  /** Open candles after the forming one, in order of time; the objects beyond `#laterCount` are spare. */
  readonly #later: Mutable<SeriesCandle>[] = [];
  #laterCount = 0;
  readonly #closed = emptyCandle();
  readonly #view = emptyCandle();
  #isForming = false;
  /** End of the forming candle; −∞ when there is none. */
  #formingEndUs = Number.NEGATIVE_INFINITY;
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
    const { intervalUs, capacity = 500, gap = { fill: 0 }, offsetUs = 0, openMax = 1 } = options;
    assert(Number.isSafeInteger(intervalUs) && intervalUs > 0, 'a candle interval is a whole number of µs');
    assert(Number.isSafeInteger(capacity) && capacity > 0, 'a series keeps at least one candle');
    assert(Number.isSafeInteger(offsetUs), 'a candle offset is a whole number of µs');
    assert(gap.fill >= 0, 'the number of flat candles is not negative');
    assert(Number.isSafeInteger(openMax) && openMax >= 1, 'at least one candle may be open');
    this.intervalUs = intervalUs;
    this.capacity = capacity;
    this.#fill = gap.fill;
    this.offsetUs = offsetUs;
    this.#openMax = openMax;
    this.#ring = new Float64Array(capacity * FIELDS);
    for (const candle of [this.#forming, this.#closed, this.#view]) candle.intervalUs = intervalUs;
  }

  /** The earliest open candle; its values mean something only while `isForming`. One object, reused. */
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
   * ones first, if no more may be open. False when its candle had closed already: it was counted as late, and the
   * closed candle, where it is kept, is partial from now on.
   */
  addTrade(price: number, size: number, side: number, timeUs: number): boolean {
    let candle = this.#forming;
    if (!(timeUs >= candle.startUs && timeUs < this.#formingEndUs)) {
      const other = this.#open(timeUs, price);
      if (other === undefined) return false;
      candle = other;
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
      endUs <= this.startOf(part.startUs) + this.intervalUs,
      'a smaller candle lies inside one interval of the larger',
    );
    if (part.startUs < this.#closedUntilUs) {
      this.#addLate(part.startUs);
      return false;
    }
    if (!this.#repeatsLastPrice(part)) this.#merge(part);
    this.closeBefore(endUs);
    return true;
  }

  /** Says that nothing before `timeUs` is awaited: closes the forming candle and fills empty intervals that end by then. */
  closeBefore(timeUs: number): void {
    assert(timeUs < Number.POSITIVE_INFINITY, 'candles close up to a time');
    while (this.#nextCloseUs <= timeUs) this.#closeNext();
  }

  /**
   * Says that all trades from `timeUs` on are seen: when listening starts, and after an outage. A candle that began
   * earlier is partial. Without it the first trade's time counts as the start.
   */
  begin(timeUs: number): void {
    this.#beganUs = timeUs;
    if (this.#isForming && this.#forming.startUs < timeUs) this.#forming.isPartial = true;
    for (let i = 0; i < this.#laterCount; i++) {
      if (this.#later[i]!.startUs < timeUs) this.#later[i]!.isPartial = true;
    }
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

  /** The start of the interval that a time lies in, µs. */
  startOf(timeUs: number): number {
    const shifted = timeUs - this.offsetUs;
    return Math.floor(shifted / this.intervalUs) * this.intervalUs + this.offsetUs;
  }

  save(): Float64Array {
    const kept = this.count;
    const open = 1 + this.#laterCount;
    const state = new Float64Array(HEAD + (kept + open) * FIELDS);
    state.set([
      this.#isForming ? 1 : 0,
      this.#nextCloseUs,
      this.#closedUntilUs,
      this.#fillsLeft,
      this.#closedCount,
      this.#lateCount,
      this.#beganUs,
      this.#laterCount,
    ]);
    store(this.#forming, state, HEAD);
    for (let i = 1; i < open; i++) store(this.#later[i - 1]!, state, HEAD + i * FIELDS);
    for (let i = 0; i < kept; i++) store(this.at(kept - 1 - i), state, HEAD + (i + open) * FIELDS);
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
    this.#laterCount = state[7]!;
    load(this.#forming, state, HEAD);
    this.#formingEndUs = this.#isForming ? this.#forming.startUs + this.intervalUs : Number.NEGATIVE_INFINITY;
    const open = 1 + this.#laterCount;
    for (let i = 1; i < open; i++) load(this.#laterAt(i - 1), state, HEAD + i * FIELDS);
    const kept = this.count;
    assert(
      state.length === HEAD + (kept + open) * FIELDS,
      'a saved series keeps as many candles as this one',
    );
    for (let back = 0; back < kept; back++) {
      const from = HEAD + (kept + open - 1 - back) * FIELDS;
      const slot = ((this.#closedCount - 1 - back) % this.capacity) * FIELDS;
      this.#ring.set(state.subarray(from, from + FIELDS), slot);
    }
    if (kept > 0) load(this.#closed, state, HEAD + (kept + open - 1) * FIELDS);
  }

  /** The open candle of `timeUs`, begun if it must be; undefined when it is closed already. */
  #open(timeUs: number, price: number): Mutable<SeriesCandle> | undefined {
    assert(!Number.isNaN(timeUs), 'a trade bears a time');
    if (timeUs < this.#closedUntilUs) return this.#addLate(timeUs);
    const startUs = this.startOf(timeUs);
    // Most trades that are not of the earliest open candle are of the latest.
    for (let i = this.#laterCount - 1; i >= 0 && this.#later[i]!.startUs >= startUs; i--) {
      if (this.#later[i]!.startUs === startUs) return this.#later[i];
    }
    const furthestUs = (this.#openMax - 1) * this.intervalUs;
    const last = this.#laterCount > 0 ? this.#later[this.#laterCount - 1]! : this.#forming;
    if (this.#isForming && startUs < last.startUs - furthestUs) return this.#addLate(timeUs);
    this.closeBefore(startUs - furthestUs);
    const candle = this.#insert(startUs);
    flatten(candle, startUs, price);
    if (Number.isNaN(this.#beganUs)) this.#beganUs = timeUs;
    candle.isPartial = startUs < this.#beganUs;
    this.#scheduleNext();
    return candle;
  }

  /** A candle object in its place among the open ones. */
  #insert(startUs: number): Mutable<SeriesCandle> {
    if (!this.#isForming) {
      this.#isForming = true;
      this.#formingEndUs = startUs + this.intervalUs;
      return this.#forming;
    }
    let at = this.#laterCount;
    this.#laterAt(at);
    this.#laterCount++;
    const candle = this.#later[at]!;
    while (at > 0 && this.#later[at - 1]!.startUs > startUs) {
      this.#later[at] = this.#later[at - 1]!;
      at--;
    }
    this.#later[at] = candle;
    if (startUs > this.#forming.startUs) return candle;
    // It comes before the earliest: that one moves behind it.
    Object.assign(candle, this.#forming);
    this.#formingEndUs = startUs + this.intervalUs;
    return this.#forming;
  }

  #laterAt(index: number): Mutable<SeriesCandle> {
    let candle = this.#later[index];
    if (candle === undefined) {
      candle = emptyCandle();
      candle.intervalUs = this.intervalUs;
      this.#later[index] = candle;
    }
    return candle;
  }

  #addLate(timeUs: number): undefined {
    this.#lateCount++;
    const startUs = this.startOf(timeUs);
    for (let back = 0; back < this.count; back++) {
      const candle = this.at(back) as Mutable<SeriesCandle>;
      if (candle.startUs < startUs) return;
      if (candle.startUs > startUs) continue;
      candle.isPartial = true;
      store(candle, this.#ring, ((this.#closedCount - 1 - back) % this.capacity) * FIELDS);
      if (back === 0) this.#closed.isPartial = true;
      return;
    }
  }

  #merge(part: Candle & { readonly isPartial?: boolean }): void {
    let candle = this.#forming;
    const isInside = part.startUs >= candle.startUs && part.startUs < this.#formingEndUs;
    if (!isInside) candle = this.#open(part.startUs, part.open) ?? candle;
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
    if (endUs === this.#formingEndUs) {
      this.#fillsLeft = this.#fill;
      this.#leave(candle, endUs);
      return;
    }
    const flat = this.#view;
    flatten(flat, endUs - this.intervalUs, this.#closed.close);
    flat.isPartial = flat.startUs < this.#beganUs;
    this.#fillsLeft--;
    this.#leave(flat, endUs);
  }

  #leave(candle: SeriesCandle, endUs: number): void {
    const slot = (this.#closedCount % this.capacity) * FIELDS;
    store(candle, this.#ring, slot);
    load(this.#closed, this.#ring, slot);
    this.#closedUntilUs = endUs;
    if (candle === this.#forming) this.#takeLater();
    this.#scheduleNext();
    this.#closedCount++;
    this.onClose?.(this);
  }

  /** The next open candle becomes the forming one. */
  #takeLater(): void {
    this.#isForming = this.#laterCount > 0;
    this.#formingEndUs = Number.NEGATIVE_INFINITY;
    if (!this.#isForming) return;
    const first = this.#later[0]!;
    Object.assign(this.#forming, first);
    this.#laterCount--;
    for (let i = 0; i < this.#laterCount; i++) this.#later[i] = this.#later[i + 1]!;
    this.#later[this.#laterCount] = first;
    this.#formingEndUs = this.#forming.startUs + this.intervalUs;
  }

  #scheduleNext(): void {
    const fillEndUs = this.#fillsLeft > 0 ? this.#closedUntilUs + this.intervalUs : Number.POSITIVE_INFINITY;
    const endUs = this.#isForming ? this.#formingEndUs : Number.POSITIVE_INFINITY;
    this.#nextCloseUs = Math.min(fillEndUs, endUs);
  }
}
