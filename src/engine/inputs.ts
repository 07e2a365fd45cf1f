// Declared inputs: plain descriptions that a strategy returns, and the views the engine hands back in their place.
// Equal declarations share one instance, whoever declares them.
import { parseDurationUs } from '../core/time.ts';
import type { Indicator } from '../market/indicator.ts';

/** A description of something the engine keeps up to date; `V` is what `decide` gets in its place. */
export type Input<V> = InputSpec & { readonly view?: V };

export type InputSpec =
  | {
      readonly input: 'candles';
      readonly symbol: string;
      readonly intervalUs: number;
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
export interface CandlesView {
  readonly startUs: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
  readonly buyVolume: number;
  readonly sellVolume: number;
  readonly trades: number;
  /** How many closed candles are kept and readable by `at`. */
  readonly count: number;
  /** The closed candle `back` steps ago: 0 is the last one. Throws when it is not kept. */
  at(back: number): {
    readonly startUs: number;
    readonly open: number;
    readonly high: number;
    readonly low: number;
    readonly close: number;
    readonly volume: number;
    readonly buyVolume: number;
    readonly sellVolume: number;
  };
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

/** Candles of a symbol built from its trades; only closed ones are visible unless `forming` is asked for. */
export function candles(
  symbol: string,
  interval: string,
  options: { readonly shows?: 'closed' | 'forming' } = {},
): Input<CandlesView> {
  return {
    input: 'candles',
    symbol,
    intervalUs: parseDurationUs(interval, 'candle interval'),
    shows: options.shows ?? 'closed',
  };
}

export function quote(symbol: string): Input<QuoteView> {
  return { input: 'quote', symbol };
}

export function book(symbol: string, levels = 10): Input<BookView> {
  return { input: 'book', symbol, levels };
}
