// Fewer marks, the same picture: a series of any length in bounded memory. Values keep the first, last, lowest and
// highest of each pixel column (M4, Jugel et al. 2014), so that no true extreme is lost; candles are merged in time.
import type { Curve } from '../runs/figures/curve.ts';

/** As wide as the charts are, in pixels. */
export const COLUMNS = 960;
/** More candles than this stand too close to be told apart. */
export const CANDLES_MAX = 480;

/** A stretch of time, µs. */
export type Span = { readonly fromUs: number; readonly toUs: number };

/** Samples of a column as they are kept, by index of the arrays below. */
const [FIRST, LOW, HIGH, LAST] = [0, 1, 2, 3] as const;
const KEPT = 4;

/**
 * A series that takes samples in order of time and holds at most four for each column of its span. It is exact until
 * it has more than that. Samples outside the span count to its nearest column; what is no finite number is left out.
 */
export class Thinned {
  low = Number.POSITIVE_INFINITY;
  high = Number.NEGATIVE_INFINITY;
  /** Samples taken. */
  length = 0;
  readonly #fromUs: number;
  readonly #columnUs: number;
  readonly #columns: number;
  #timesUs: number[] = [];
  #values: number[] = [];
  /** Four samples a column, once there are too many to keep all. */
  #columnTimesUs: Float64Array | undefined;
  #columnValues = new Float64Array(0);

  constructor(span: Span, columns = COLUMNS) {
    this.#fromUs = span.fromUs;
    this.#columns = columns;
    this.#columnUs = (span.toUs - span.fromUs) / columns || 1;
  }

  push(timeUs: number, value: number): void {
    if (!Number.isFinite(value)) return;
    this.length += 1;
    if (value < this.low) this.low = value;
    if (value > this.high) this.high = value;
    if (this.#columnTimesUs !== undefined) {
      this.#sort(this.#columnTimesUs, timeUs, value);
      return;
    }
    this.#timesUs.push(timeUs);
    this.#values.push(value);
    if (this.#timesUs.length > this.#columns * KEPT) this.#overflow();
  }

  /** What is left, in order of time. */
  points(): Curve {
    const times = this.#columnTimesUs;
    if (times === undefined) return { timesUs: this.#timesUs, values: this.#values };
    const kept = { timesUs: [] as number[], values: [] as number[] };
    for (let at = 0; at < times.length; at += KEPT) {
      if (Number.isNaN(times[at + FIRST]!)) continue;
      const isLowFirst = times[at + LOW]! <= times[at + HIGH]!;
      const order = [FIRST, isLowFirst ? LOW : HIGH, isLowFirst ? HIGH : LOW, LAST];
      for (const [i, which] of order.entries()) {
        const timeUs = times[at + which]!;
        const value = this.#columnValues[at + which]!;
        if (i > 0 && timeUs === kept.timesUs.at(-1) && value === kept.values.at(-1)) continue;
        kept.timesUs.push(timeUs);
        kept.values.push(value);
      }
    }
    return kept;
  }

  #overflow(): void {
    const times = new Float64Array(this.#columns * KEPT).fill(Number.NaN);
    this.#columnTimesUs = times;
    this.#columnValues = new Float64Array(times.length);
    for (let i = 0; i < this.#timesUs.length; i++) this.#sort(times, this.#timesUs[i]!, this.#values[i]!);
    this.#timesUs = [];
    this.#values = [];
  }

  #sort(times: Float64Array, timeUs: number, value: number): void {
    const values = this.#columnValues;
    const column = Math.floor((timeUs - this.#fromUs) / this.#columnUs);
    const at = KEPT * Math.max(0, Math.min(this.#columns - 1, column));
    const isNew = Number.isNaN(times[at + FIRST]!);
    if (isNew) put(times, values, at + FIRST, timeUs, value);
    if (isNew || value < values[at + LOW]!) put(times, values, at + LOW, timeUs, value);
    if (isNew || value > values[at + HIGH]!) put(times, values, at + HIGH, timeUs, value);
    put(times, values, at + LAST, timeUs, value);
  }
}

function put(times: Float64Array, values: Float64Array, at: number, timeUs: number, value: number): void {
  times[at] = timeUs;
  values[at] = value;
}

/** A candle as it is drawn. */
export type Bar = {
  readonly startUs: number;
  readonly intervalUs: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
  readonly trades: number;
  readonly isPartial: boolean;
};

/** At most `max` candles: when there are more, those of twice the interval are made of them, and so on. */
export class MergedCandles {
  /** Candles taken. */
  length = 0;
  /** How many intervals one bar covers at the most. */
  size = 1;
  readonly intervalUs: number;
  readonly #max: number;
  #bars: Bar[] = [];

  constructor(intervalUs: number, max = CANDLES_MAX) {
    this.intervalUs = intervalUs;
    this.#max = max;
  }

  push(bar: Bar): void {
    this.length += 1;
    this.#add(this.#bars, bar);
    while (this.#bars.length > this.#max) {
      this.size *= 2;
      const merged: Bar[] = [];
      for (const one of this.#bars) this.#add(merged, one);
      this.#bars = merged;
    }
  }

  bars(): readonly Bar[] {
    return this.#bars;
  }

  #add(bars: Bar[], bar: Bar): void {
    const { startUs, intervalUs, open, high, low, close, volume, trades, isPartial } = bar;
    const last = bars.at(-1);
    const widthUs = this.intervalUs * this.size;
    if (last === undefined || Math.floor(last.startUs / widthUs) !== Math.floor(startUs / widthUs)) {
      bars.push({ startUs, intervalUs, open, high, low, close, volume, trades, isPartial });
      return;
    }
    bars[bars.length - 1] = {
      startUs: last.startUs,
      intervalUs: startUs + intervalUs - last.startUs,
      open: last.open,
      high: Math.max(last.high, high),
      low: Math.min(last.low, low),
      close,
      volume: last.volume + volume,
      trades: last.trades + trades,
      isPartial: last.isPartial || isPartial,
    };
  }
}
