// A candle: what happened to one price in one interval. Volumes in base currency.

export type Candle = {
  /** Start of the interval, µs; a candle holds what happened from here up to, not at, its end. */
  readonly startUs: number;
  readonly intervalUs: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
  /** Volume whose taker bought, and whose taker sold; together less than `volume` where the taker's side is unknown. */
  readonly buyVolume: number;
  readonly sellVolume: number;
  readonly trades: number;
};
