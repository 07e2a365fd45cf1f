// The run log's records: all that the engine says about a run. Every record names the event that caused it.

import type { StrategyActivity } from './activity.ts';
import type { Candle } from './candle.ts';
import type { StatusDetail } from './event.ts';
import type { Fill, Order, OrderType, Signal } from './order.ts';

/** Where in the run something happened. */
export type Position = {
  /** How many events the engine had taken before the causing one: 0, 1, 2 … */
  readonly event: number;
  /** Journal sequence of that event; the recording's tape position. */
  readonly seq: number;
  /** Engine time, µs. */
  readonly timeUs: number;
};

export type RunRecord = Position &
  (
    | {
        readonly type: 'signal';
        readonly id: number;
        readonly strategy: string;
        readonly signal: Signal;
        /**
         * Venue's time of the newest change of book or ticker of its instrument that had been heard of, µs: the moment of the
         * market that it met. Null before the first, or without a venue time; absent in logs of earlier versions.
         */
        readonly heardUs?: number | null;
      }
    | { readonly type: 'order'; readonly order: Order }
    | { readonly type: 'fill'; readonly fill: Fill }
    /**
     * A closed value of a declared input; `name` is `strategy.input.output`, as `mean-reversion.rsi.value`; `atUs` is
     * the start of its candle. Values that are not numbers yet, while the indicator warms up, are not recorded.
     */
    | { readonly type: 'indicator'; readonly name: string; readonly atUs: number; readonly value: number }
    /**
     * What a declared quote or book showed when its strategy was asked to decide; `name` is `strategy.input`, and the
     * outputs are known as `strategy.input.output`. Outputs that are not numbers are left out.
     */
    | {
        readonly type: 'sample';
        readonly name: string;
        readonly symbol: string;
        /** What the call was for, µs: the start of the candle that closed, when a timer was due, else engine time. */
        readonly atUs: number;
        /** The first signal that the call led to; 0 for none. */
        readonly signal: number;
        /** Venue's and engine's time of the newest change it showed; null before the first, or without a venue time. */
        readonly exchangeUs: number | null;
        readonly receivedUs: number | null;
        readonly values: Readonly<Record<string, number | boolean>>;
      }
    /** A closed candle of a declared series; `name` is `strategy.input`. */
    | (Candle & {
        readonly type: 'candle';
        readonly name: string;
        readonly symbol: string;
        /** Not all trades of its interval were heard: listening began inside it, or an outage lay in it. */
        readonly isPartial: boolean;
      })
    /**
     * A ledger's worth in the reporting currency at the rates of now, exact decimal texts; `positions` in base currency by
     * symbol, `balances` the worth of each currency's cash and positions in that currency itself.
     */
    | {
        readonly type: 'equity';
        readonly strategy: string;
        readonly currency: string;
        readonly equity: string;
        readonly cash: string;
        readonly realized: string;
        readonly fees: string;
        readonly positions: Readonly<Record<string, string>>;
        readonly balances: Readonly<Record<string, string>>;
        /** Age of the oldest price that a rate was made of, µs; 0 where there is one currency only. */
        readonly rateAgeUs: number;
      }
    /** A position that is open when the run ends. Sizes and money are exact decimal texts, money in `currency`. */
    | {
        readonly type: 'position';
        readonly strategy: string;
        readonly symbol: string;
        readonly currency: string;
        /** Signed, base currency: positive is long. */
        readonly size: string;
        readonly entryPrice: number;
        /** What it is valued at; NaN when no price is known. */
        readonly markPrice: number;
        /** Profit or loss at the mark price, fees not counted; 0 when no price is known. */
        readonly unrealized: string;
        /** What one unit of `currency` is worth in the reporting currency; NaN when that is not known. */
        readonly rate: number;
        /** Lowest and highest mark price seen while it was open. */
        readonly markLow: number;
        readonly markHigh: number;
      }
    /**
     * The rate of a currency to the reporting currency became known, or is not known (any more): then no equity that takes
     * it is recorded. `path` is the instruments whose prices it is made of; their prices move it from then on.
     */
    | {
        readonly type: 'rate';
        readonly currency: string;
        readonly to: string;
        readonly path: readonly string[];
        readonly rate: string | null;
        readonly reason: string;
      }
    /** A strategy threw, or misused the contract. */
    | {
        readonly type: 'fault';
        readonly strategy: string;
        readonly message: string;
        readonly policy: 'disable' | 'halt';
      }
    /** A strategy's equity passed a limit of its own; it may only reduce from then on. Amounts in the reporting currency, drawdown as a fraction. */
    | {
        readonly type: 'risk';
        readonly strategy: string;
        readonly limit: 'drawdown' | 'loss';
        readonly value: number;
        readonly max: number;
        readonly action: 'cancel' | 'flatten';
      }
    /**
     * An order, stop loss or take profit stands while data of its instrument is missing; told when that is known. `what`
     * and `price` are the order's, or those of a stop over what the order opened; `fromUs` is when the last frame came.
     */
    | {
        readonly type: 'outage';
        readonly strategy: string;
        readonly symbol: string;
        readonly order: number;
        readonly what: OrderType;
        readonly price: number;
        readonly policy: 'hold' | 'cancel' | 'mark';
        readonly channel: string;
        readonly fromUs: number;
      }
    /** A line that a strategy wrote, through its console or `context.log`; `level` is the console's, as `warn`. */
    | { readonly type: 'log'; readonly strategy: string; readonly level: string; readonly text: string }
    /** A point of a curve that a strategy draws. */
    | { readonly type: 'plot'; readonly strategy: string; readonly name: string; readonly value: number }
    /** Something the feed said about itself. */
    | { readonly type: 'status'; readonly symbol: string; readonly status: StatusDetail }
    /** A late trade, a refused input: data that arrived and was not used, with the reason. */
    | {
        readonly type: 'unused';
        readonly symbol: string;
        readonly reason: string;
        readonly count: number;
        /** Of late data: start of the candle that lacks it, µs. */
        readonly startUs?: number;
        /** The venue time it bears, where it is of no use for its time, µs. */
        readonly atUs?: number;
      }
    /**
     * How far receipt lags the venue, as it is reckoned with from here on, µs: a candle closes `offsetUs` + `graceUs`
     * after its end. The offset is receive time less venue time of the soonest events and holds what the two clocks
     * differ by; later trades come up to `spreadUs` after that.
     */
    | {
        readonly type: 'lag';
        readonly offsetUs: number;
        readonly spreadUs: number;
        readonly graceUs: number;
      }
    /**
     * A book that deserves a second look. `crossed`: valid, with a bid at or above an ask. `refused`: a level had no
     * usable price or size, and the book is invalid until its next snapshot. `off tick`: a level lies between the
     * stated ticks, and is kept where it is. Told when it begins, and at the end of the run with the final count.
     */
    | {
        readonly type: 'book';
        readonly symbol: string;
        readonly what: 'crossed' | 'refused' | 'off tick';
        /** Messages after which it was crossed; levels that were refused or off the tick. */
        readonly count: number;
        readonly detail: string;
      }
    /** At the end of a run, for each strategy: what it was given, what it did, and what became of that. */
    | (StrategyActivity & { readonly type: 'activity' })
    /** Each 10,000 events: the digest of all events so far, so that two runs can be bisected. */
    | { readonly type: 'checkpoint'; readonly inputs: string }
    | { readonly type: 'end'; readonly events: number; readonly inputs: string; readonly reason: string }
  );

/**
 * What the engine writes to. It is handed in; the engine never knows what becomes of a record. A record never changes
 * after it is written, so a log may format it whenever it likes.
 */
export interface RunLog {
  write(record: RunRecord): void;
}
