// The contract of a strategy: one file, one declaration, no base class. What it declares as inputs the harness
// warms up, records and compares; what it returns are signals. It sees nothing that another mode would not show it.
import type { z } from 'zod';
import type { Instrument } from '../core/instrument.ts';
import type { Fill, Order, Side, Signal } from '../core/order.ts';
import type { Input, Inputs, Views } from './inputs.ts';

/** When `decide` is called. Default: at each close of the first declared candle series. */
export type Trigger =
  | { readonly on: 'close'; readonly of: string }
  | { readonly on: 'trade' | 'book' | 'quote'; readonly symbol: string }
  | { readonly on: 'timer'; readonly everyUs: number };

export type Strategy<P extends z.ZodType = z.ZodType, I extends Inputs = Inputs, S = unknown> = {
  readonly name: string;
  readonly version: string;
  /** One sentence for `retick strategies`. */
  readonly description: string;
  /** Every parameter with its default; `retick strategies NAME` prints them. */
  readonly params: P;
  readonly inputs: (params: z.output<P>) => I;
  readonly trigger?: (params: z.output<P>) => Trigger;
  /** A fresh state of the strategy's own, mutable; without it `state` is undefined. */
  readonly state?: (params: z.output<P>) => S;
  readonly decide: (inputs: Views<I>, context: Context<z.output<P>, S>) => Signal | readonly Signal[] | null;
  readonly onFill?: (fill: Fill, context: Context<z.output<P>, S>) => void;
  readonly onOrder?: (order: Order, context: Context<z.output<P>, S>) => void;
};

/** What a strategy may know besides its inputs. One object, reused: valid only during the call. */
export interface Context<P, S> {
  /** Frozen, whatever is inside them included. */
  readonly params: P;
  readonly state: S;
  /** Engine time, µs. */
  readonly nowUs: number;
  /** Of the strategy's first instrument; `positionOf` for others. */
  readonly position: PositionView;
  positionOf(symbol: string): PositionView;
  /** What its ledger could spend now, in the quote currency of its first instrument; `availableIn` for others. */
  readonly available: number;
  availableIn(currency: string): number;
  /** Worth of its ledger at current prices, in the run's reporting currency; NaN while a rate to it is not known. */
  readonly equity: number;
  /** Cash and positions of one currency, in that currency. */
  equityIn(currency: string): number;
  /** The rules of an instrument as they are now: tick, lot, minimums, currencies, status. Default: the first instrument. */
  instrument(symbol?: string): Instrument;
  /** A price on the tick: the nearest one, or the one that is no worse for an order of this side (a buy's is lower). */
  roundPrice(price: number, side?: Side): number;
  roundPrice(symbol: string, price: number, side?: Side): number;
  /** A size in whole lots, never more than it was. */
  roundSize(size: number): number;
  roundSize(symbol: string, size: number): number;
  /** Orders sent and not yet final. */
  readonly openOrders: number;
  /** Cancels every open order of this strategy. */
  cancelAll(): void;
  /** The run's seeded generator, this strategy's own stream: uniform in [0, 1). */
  random(): number;
  /** Writes a line into the run log and to stderr; so does `console.log`. */
  log(text: string): void;
  /** A point of a curve at this moment, recorded and drawn in the report. NaN is left out. */
  plot(name: string, value: number): void;
}

export interface PositionView {
  /** Signed, base currency: positive is long. */
  readonly size: number;
  readonly isFlat: boolean;
  /** Average entry price, NaN when flat. */
  readonly entryPrice: number;
  /** Profit or loss at the current price, quote currency. */
  readonly unrealized: number;
}

/** Declares a strategy; it only ties the types together. */
export function defineStrategy<P extends z.ZodType, I extends Inputs, S = undefined>(
  strategy: Strategy<P, I, S>,
): Strategy<P, I, S> {
  return strategy;
}

type SignalOptions = Omit<Signal, 'action'>;

export const buy = (options: SignalOptions): Signal => ({ action: 'buy', ...options });
export const sell = (options: SignalOptions): Signal => ({ action: 'sell', ...options });
export const short = (options: SignalOptions): Signal => ({ action: 'short', ...options });
export const cover = (options: SignalOptions): Signal => ({ action: 'cover', ...options });

export type { Input };
