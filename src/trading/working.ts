// An order, and the lot it opened, while they live at the simulated venue: the mutable state behind the snapshots that
// are handed out.
import { type Decimal, formatDecimal, numberOf } from '../core/decimal.ts';
import type { Order, OrderStatus, OrderType, Side, TimeInForce } from '../core/order.ts';
import type { Ledger } from './ledger.ts';
import type { Fees, Latency } from './models.ts';
import type { Risk } from './risk.ts';

/** A strategy at the venue. */
export type Account = {
  readonly strategy: string;
  readonly ledger: Ledger;
  readonly risk: Risk;
  readonly latency: Latency;
  readonly fees: Fees;
  /** Orders sent and not yet final, by id. */
  readonly working: Map<number, WorkingOrder>;
  /** The starting balances in the reporting currency, when all rates that takes were first known. */
  startWorth: Decimal | undefined;
};

export type WorkingOrder = {
  readonly id: number;
  readonly signal: number;
  readonly account: Account;
  readonly instrument: number;
  readonly symbol: string;
  readonly side: Side;
  readonly type: OrderType;
  readonly timeInForce: TimeInForce;
  readonly isReduceOnly: boolean;
  /** Limit or trigger price; NaN for a market order. */
  readonly price: number;
  readonly createdUs: number;
  readonly dueUs: number;
  readonly signalMid: number;
  /** Mark price when the order reached the venue; NaN until then. */
  arrivalMid: number;
  /** Of what this order opens; NaN when there is none. */
  readonly stopLoss: number;
  readonly takeProfit: number;
  /** The bracket that sent this order, if one did. */
  readonly sentBy: Bracket | undefined;
  /**
   * Sent by a bracket or a risk limit: it waits at the venue until it has filled or nothing is left to close, and a
   * strategy that cancels its orders does not cancel it.
   */
  readonly persists: boolean;
  size: Decimal;
  filled: Decimal;
  status: OrderStatus;
  reason: string;
  /** Quote currency set aside in the ledger. */
  reserved: Decimal;
  /** A cancel is on its way. */
  isCancelling: boolean;
  /** It stood while data was missing, and the run's policy is to mark its fills. */
  isAcrossGap: boolean;
};

/** A lot with the prices that close it; both are NaN for a lot that nothing watches over. */
export type Bracket = {
  readonly account: Account;
  readonly instrument: number;
  /** The order that opened it: its number and its signal's. */
  readonly entry: number;
  readonly signal: number;
  /** Of the order that closes. */
  readonly side: Side;
  /** NaN when there is none, or it was cancelled. */
  stopLoss: number;
  takeProfit: number;
  /** What is still open of it, base currency. */
  size: Decimal;
  /** Its order is on the way or waits; it is watched again if that order ends before all is closed. */
  isTriggered: boolean;
  /** It waited while data was missing, and the run's policy is to mark what it closes. */
  isAcrossGap: boolean;
};

export function isFinal(status: OrderStatus): boolean {
  return status !== 'pending' && status !== 'open';
}

/** What is still to be filled, base currency. */
export function remaining(order: WorkingOrder): Decimal {
  return order.size - order.filled;
}

export function snapshot(order: WorkingOrder): Order {
  return {
    id: order.id,
    signal: order.signal,
    strategy: order.account.strategy,
    instrument: order.instrument,
    symbol: order.symbol,
    side: order.side,
    type: order.type,
    timeInForce: order.timeInForce,
    isReduceOnly: order.isReduceOnly,
    size: numberOf(order.size),
    filledSize: numberOf(order.filled),
    price: order.price,
    status: order.status,
    reason: order.reason,
    createdUs: order.createdUs,
    dueUs: order.dueUs,
  };
}

/** Adds to an order's reason, which keeps what the strategy said. */
export function addNote(order: WorkingOrder, note: string): void {
  if (note !== '') order.reason = `${order.reason}; ${note}`;
}

/** `0.5 of 2 filled`, for the reason of an order that ends early. */
export function progress(order: WorkingOrder): string {
  return `${formatDecimal(order.filled)} of ${formatDecimal(order.size)} filled`;
}
