// Declared inputs: plain descriptions that a strategy returns, and the views the engine hands back in their place.
// Equal declarations share one instance, whoever declares them.
import type { Candle } from '../core/candle.ts';
import { parseDurationUs } from '../core/time.ts';
import type { Indicator } from '../market/indicator.ts';
import {
  Atr,
  BollingerBands,
  Donchian,
  Ema,
  Macd,
  type MacdOptions,
  Obv,
  RateOfChange,
  RollingVwap,
  Rsi,
  SessionVwap,
  type SessionVwapOptions,
  Sma,
  StandardDeviation,
  TradeImbalance,
  Wma,
} from '../market/indicators.ts';

/** A description of something the engine keeps up to date; `V` is what `decide` gets in its place. */
export type Input<V> = InputSpec & { readonly view?: V };

export type InputSpec =
  | {
      readonly input: 'candles';
      readonly symbol: string;
      readonly intervalUs: number;
      /** Where intervals begin, counted from the UTC epoch. */
      readonly offsetUs: number;
      readonly shows: 'closed' | 'forming';
    }
  | {
      readonly input: 'indicator';
      readonly of: InputSpec;
      /** Name and parameters: the identity by which instances are shared, `rsi(14)`. */
      readonly key: string;
      readonly create: () => Indicator;
    }
  | { readonly input: 'quote'; readonly symbol: string }
  | { readonly input: 'book'; readonly symbol: string; readonly levels: number };

export type Inputs = Readonly<Record<string, Input<unknown>>>;

export type Views<I extends Inputs> = { readonly [K in keyof I]: I[K] extends Input<infer V> ? V : never };

/** The last closed candle of a series (or the forming one, if it was declared to show it), and those before it. */
export interface CandlesView extends Omit<Candle, 'intervalUs'> {
  /** How many closed candles are kept and readable by `at`. */
  readonly count: number;
  /** The closed candle `back` steps ago: 0 is the last one. Throws when it is not kept. Valid until the next call. */
  at(back: number): Candle;
}

/** A single-output indicator. */
export interface ValueView {
  /** NaN while warming up. */
  readonly value: number;
  readonly isReady: boolean;
}

/** Best bid and ask, from the book where it is kept, else from the ticker. NaN before the first. */
export interface QuoteView {
  readonly bid: number;
  readonly bidSize: number;
  readonly ask: number;
  readonly askSize: number;
  readonly mid: number;
  readonly spread: number;
}

/** A look into the book, evaluated when it is read. */
export interface BookView extends QuoteView {
  /** False from a gap or checksum failure until the next snapshot: do not trust the rest then. */
  readonly isValid: boolean;
  /** (bid volume − ask volume) ÷ their sum over the declared levels, in [−1, 1]; NaN when the book is empty. */
  readonly pressure: number;
}

export type CandlesOptions = {
  /** `forming` shows the candle that closes next, as it is now. Default `closed`. */
  readonly shows?: 'closed' | 'forming';
  /** How long after midnight UTC intervals begin, as `9h30m`. Default 0, and for weeks their Monday. */
  readonly offset?: string;
};

/** The UTC epoch was a Thursday. */
const MONDAY_US = 4 * 86_400e6;
const WEEK_US = 7 * 86_400e6;

/** Candles of a symbol built from its trades; only closed ones are visible unless `forming` is asked for. */
export function candles(symbol: string, interval: string, options: CandlesOptions = {}): Input<CandlesView> {
  const intervalUs = parseDurationUs(interval, 'candle interval');
  const ownUs = options.offset === undefined ? 0 : parseDurationUs(options.offset, 'candle offset');
  const offsetUs = (ownUs + (intervalUs % WEEK_US === 0 ? MONDAY_US : 0)) % intervalUs;
  return { input: 'candles', symbol, intervalUs, offsetUs, shows: options.shows ?? 'closed' };
}

export function quote(symbol: string): Input<QuoteView> {
  return { input: 'quote', symbol };
}

export function book(symbol: string, levels = 10): Input<BookView> {
  return { input: 'book', symbol, levels };
}

/** A view of several named outputs; `isReady` when all of them are numbers. */
export type OutputsOf<K extends string> = { readonly [N in K]: number } & { readonly isReady: boolean };

/** Simple moving average of closes. */
export function sma(bars: Input<CandlesView>, length: number): Input<ValueView> {
  return indicator(bars, `sma(${length})`, () => new Sma(length));
}

/** Exponential moving average of closes, seeded by the simple one. */
export function ema(bars: Input<CandlesView>, length: number): Input<ValueView> {
  return indicator(bars, `ema(${length})`, () => new Ema(length));
}

/** Linearly weighted moving average of closes. */
export function wma(bars: Input<CandlesView>, length: number): Input<ValueView> {
  return indicator(bars, `wma(${length})`, () => new Wma(length));
}

/** Relative strength index by Wilder, 0 to 100. */
export function rsi(bars: Input<CandlesView>, length = 14): Input<ValueView> {
  return indicator(bars, `rsi(${length})`, () => new Rsi(length));
}

/** Rate of change of closes over `length` candles, percent. */
export function roc(bars: Input<CandlesView>, length: number): Input<ValueView> {
  return indicator(bars, `roc(${length})`, () => new RateOfChange(length));
}

export function macd(
  bars: Input<CandlesView>,
  options: MacdOptions = {},
): Input<OutputsOf<'macd' | 'signal' | 'histogram'>> {
  return indicator(bars, `macd(${JSON.stringify(options)})`, () => new Macd(options));
}

export function bollinger(
  bars: Input<CandlesView>,
  length = 20,
  deviations = 2,
): Input<OutputsOf<'middle' | 'upper' | 'lower' | 'percentB' | 'width'>> {
  return indicator(bars, `bollinger(${length},${deviations})`, () => new BollingerBands(length, deviations));
}

/** Average true range by Wilder. */
export function atr(bars: Input<CandlesView>, length = 14): Input<ValueView> {
  return indicator(bars, `atr(${length})`, () => new Atr(length));
}

/** Standard deviation of closes, of the whole window (divided by n). */
export function stdev(bars: Input<CandlesView>, length: number): Input<ValueView> {
  return indicator(bars, `stdev(${length})`, () => new StandardDeviation(length));
}

/**
 * Volume-weighted average price since the session began; by default a session is a UTC day. With `timeZone` it is a day
 * there, from `offsetUs` after its midnight on, whatever its clocks do.
 */
export function vwap(bars: Input<CandlesView>, options: SessionVwapOptions = {}): Input<ValueView> {
  return indicator(bars, `vwap(${JSON.stringify(options)})`, () => new SessionVwap(options));
}

/** Volume-weighted average price of the last `length` candles. */
export function rollingVwap(bars: Input<CandlesView>, length: number): Input<ValueView> {
  return indicator(bars, `rollingVwap(${length})`, () => new RollingVwap(length));
}

/** On-balance volume. */
export function obv(bars: Input<CandlesView>): Input<ValueView> {
  return indicator(bars, 'obv()', () => new Obv());
}

/** Highest high and lowest low of `length` candles; by default those before the last one, so that it can break out. */
export function donchian(
  bars: Input<CandlesView>,
  length = 20,
  includesCurrent = false,
): Input<OutputsOf<'upper' | 'middle' | 'lower'>> {
  return indicator(
    bars,
    `donchian(${length},${includesCurrent})`,
    () => new Donchian(length, includesCurrent),
  );
}

/** (buy volume − sell volume) ÷ their sum over `length` candles, by taker side, in [−1, 1]. */
export function tradeImbalance(bars: Input<CandlesView>, length: number): Input<ValueView> {
  return indicator(bars, `tradeImbalance(${length})`, () => new TradeImbalance(length));
}

/** An indicator of one's own, computed from candles. `key` is its identity: equal keys must mean equal indicators. */
export function indicator<V>(of: Input<CandlesView>, key: string, create: () => Indicator): Input<V> {
  return { input: 'indicator', of, key, create };
}
