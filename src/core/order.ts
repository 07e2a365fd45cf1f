// The vocabulary of trading: a strategy's signal, the order it becomes, the fills that order gets.

export type Side = 'buy' | 'sell';

/** What a strategy wishes. `buy` and `cover` buy, `sell` and `short` sell; `sell` and `cover` only reduce. */
export type Signal = {
  readonly action: 'buy' | 'sell' | 'short' | 'cover';
  /** Default: the strategy's first declared instrument. */
  readonly symbol?: string;
  /** In base currency. With neither `size` nor `quote`, `sell` and `cover` close the whole position. */
  readonly size?: number;
  /** In quote currency, turned into a size at the price known when the signal is given. */
  readonly quote?: number;
  /** A limit order at this price; without it, a market order. */
  readonly limit?: number;
  /**
   * What becomes of a limit between two ticks. `passive`: a buy's goes down, a sell's up, so that it costs no more than
   * was said. `nearest`: to the nearest tick. Without it the order is rejected.
   */
  readonly round?: Rounding;
  readonly timeInForce?: TimeInForce;
  /** Absolute price at which the position opened by this order is closed at a loss. */
  readonly stopLoss?: number;
  /** Absolute price at which the position opened by this order is closed at a profit. */
  readonly takeProfit?: number;
  readonly reason: string;
  readonly metadata?: Readonly<Record<string, string | number>>;
};

export type Rounding = 'passive' | 'nearest';

export type TimeInForce = 'GTC' | 'IOC' | 'FOK';

export type OrderType = 'market' | 'limit' | 'stop' | 'takeProfit';

/** `pending`: on its way to the venue. `open`: resting there. The last four are final. */
export type OrderStatus = 'pending' | 'open' | 'filled' | 'cancelled' | 'expired' | 'rejected';

/** An order as it stands after one change of state. */
export type Order = {
  /** 1, 2, 3 … over the run. */
  readonly id: number;
  /** The signal it came from, a stop loss or take profit that of its entry; 0 for an order that a risk limit sent. */
  readonly signal: number;
  readonly strategy: string;
  readonly instrument: number;
  readonly symbol: string;
  readonly side: Side;
  readonly type: OrderType;
  readonly timeInForce: TimeInForce;
  readonly isReduceOnly: boolean;
  /** Base currency. */
  readonly size: number;
  readonly filledSize: number;
  /** Limit or trigger price; NaN for a market order. */
  readonly price: number;
  readonly status: OrderStatus;
  /** Why it is rejected, cancelled or expired, or what the strategy said; never empty. */
  readonly reason: string;
  readonly createdUs: number;
  /** When it reaches the venue: created plus the simulated latency. */
  readonly dueUs: number;
};

export type Fill = {
  readonly id: number;
  readonly order: number;
  readonly signal: number;
  readonly strategy: string;
  readonly instrument: number;
  readonly symbol: string;
  readonly side: Side;
  readonly price: number;
  /** Base currency. */
  readonly size: number;
  /** Exact decimal text, in `feeCurrency`. */
  readonly fee: string;
  readonly feeCurrency: string;
  readonly liquidity: 'maker' | 'taker';
  /**
   * Mark price (mid, else last trade) when the signal was given, when the order reached the venue, and when it filled:
   * what latency and spread cost is measured against them.
   */
  readonly signalMid: number;
  readonly arrivalMid: number;
  readonly fillMid: number;
  /** Lowest and highest mark price seen while the position was open, up to this fill; NaN when it was flat before. */
  readonly markLow: number;
  readonly markHigh: number;
  /** What one unit of `feeCurrency`, the quote currency, was worth in the reporting currency; NaN when not known. */
  readonly rate: number;
  /**
   * Present when the order, or the stop that sent it, stood while data was missing and the run's policy is `mark`: the
   * price that filled it may have been reached inside the gap, at another price.
   */
  readonly isAcrossGap?: true;
  /** Profit or loss this fill realised, in quote currency, fees not counted; exact decimal text. */
  readonly realized: string;
};
