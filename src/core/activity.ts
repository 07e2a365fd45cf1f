// What a run can say of each strategy when it ends, so that one that did nothing says why.

/** What became ready of one declared input. */
export type InputActivity = {
  readonly name: string;
  readonly input: 'candles' | 'indicator' | 'quote' | 'book';
  /** What it is, as `1m`, `rsi(14) of 1m`, `book(10)`. */
  readonly what: string;
  readonly symbol: string;
  /** Candles of its series that closed; 0 for quotes and books. */
  readonly closed: number;
  /** Closed candles it needs before it is ready; 0 for quotes and books. */
  readonly warmup: number;
  /** Of those, how many were still to come when the run ended. */
  readonly warmupLeft: number;
  /** How many candles its outputs can depend on; null: on all since it began. */
  readonly memory: number | null;
  /** Engine time at which all of its outputs were numbers for the first time, µs; null when they never were. */
  readonly readySinceUs: number | null;
};

/** Events of one instrument that the engine was given. */
export type EventCounts = {
  readonly trades: number;
  /** Whole messages, not rows. */
  readonly books: number;
  readonly quotes: number;
  readonly candles: number;
};

export type StrategyActivity = {
  readonly strategy: string;
  /** Whether it may still act: it was not disabled by a fault. */
  readonly isActive: boolean;
  /** How often its trigger fired and it was asked to decide. */
  readonly calls: number;
  /** How often its trigger fired and it was not asked: during `warmup` of the run, or once it was disabled. */
  readonly skipped: number;
  readonly signals: number;
  readonly orders: number;
  readonly fills: number;
  /** Orders that had not ended when the run did: on their way to the venue, and open there. */
  readonly pending: number;
  readonly open: number;
  /** Orders that were rejected, by reason; the numbers in a reason stand as #. */
  readonly rejections: Readonly<Record<string, number>>;
  readonly faults: number;
  /** Data of its instruments that came and was not used, by reason. */
  readonly unused: Readonly<Record<string, number>>;
  /** By symbol, for each instrument of its inputs. */
  readonly events: Readonly<Record<string, EventCounts>>;
  readonly inputs: readonly InputActivity[];
};
