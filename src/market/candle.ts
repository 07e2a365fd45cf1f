// One candle of a series: its shape, and how it is kept as a row of numbers.
import type { Candle } from '../core/candle.ts';

/** A candle that says whether it saw its whole interval. */
export type SeriesCandle = Candle & {
  /** Its first trades were not seen, or data inside it went missing. */
  readonly isPartial: boolean;
};

export type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Numbers of a candle's row. The interval is the series', so it is not among them. */
export const FIELDS = 9;

export function emptyCandle(): Mutable<SeriesCandle> {
  return {
    startUs: Number.NaN,
    intervalUs: Number.NaN,
    open: Number.NaN,
    high: Number.NaN,
    low: Number.NaN,
    close: Number.NaN,
    volume: Number.NaN,
    buyVolume: Number.NaN,
    sellVolume: Number.NaN,
    trades: 0,
    isPartial: false,
  };
}

/** A candle of no trades yet, all at one price. */
export function flatten(candle: Mutable<SeriesCandle>, startUs: number, price: number): void {
  candle.startUs = startUs;
  candle.open = price;
  candle.high = price;
  candle.low = price;
  candle.close = price;
  candle.volume = 0;
  candle.buyVolume = 0;
  candle.sellVolume = 0;
  candle.trades = 0;
}

/** Writes a candle as numbers; a partial one is told by the sign of its trade count. */
export function store(candle: SeriesCandle, to: Float64Array, at: number): void {
  to[at] = candle.startUs;
  to[at + 1] = candle.open;
  to[at + 2] = candle.high;
  to[at + 3] = candle.low;
  to[at + 4] = candle.close;
  to[at + 5] = candle.volume;
  to[at + 6] = candle.buyVolume;
  to[at + 7] = candle.sellVolume;
  to[at + 8] = candle.isPartial ? -candle.trades - 1 : candle.trades;
}

export function load(candle: Mutable<SeriesCandle>, from: Float64Array, at: number): void {
  candle.startUs = from[at]!;
  candle.open = from[at + 1]!;
  candle.high = from[at + 2]!;
  candle.low = from[at + 3]!;
  candle.close = from[at + 4]!;
  candle.volume = from[at + 5]!;
  candle.buyVolume = from[at + 6]!;
  candle.sellVolume = from[at + 7]!;
  const trades = from[at + 8]!;
  candle.isPartial = trades < 0;
  candle.trades = trades < 0 ? -trades - 1 : trades;
}
