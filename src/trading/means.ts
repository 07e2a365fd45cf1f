// How large an order may be: what its ledger can pay for, what its limits leave room for, what there is to reduce.
// Pure functions; everything is judged on the worst side, as if every working order filled.
import {
  type Decimal,
  decimalOf,
  divide,
  formatDecimal,
  greatest,
  multiply,
  truncateTo,
} from '../core/decimal.ts';
import type { Instrument } from '../core/instrument.ts';
import type { Side } from '../core/order.ts';
import type { Ledger } from './ledger.ts';
import { type MarketView, markPrice } from './market.ts';
import type { Rates } from './rates.ts';
import type { OrderExposure } from './risk.ts';
import type { Account, WorkingOrder } from './working.ts';

/** What is needed to judge how much can be paid for. */
export type Means = {
  readonly market: MarketView;
  readonly instrument: number;
  readonly rules: Instrument;
  readonly side: Side;
  readonly price: Decimal;
  readonly rate: Decimal;
  /** What this very order has reserved already. */
  readonly own: Decimal;
};

/** Signed position as seen from a side: positive when an order of that side makes it larger. */
export function heldOn(ledger: Ledger, instrument: number, side: Side): Decimal {
  const held = ledger.position(instrument)?.exactSize ?? 0n;
  return side === 'buy' ? held : -held;
}

/** How much of the position an order of this side would close. */
export function reducible(ledger: Ledger, instrument: number, side: Side): Decimal {
  return greatest(0n, -heldOn(ledger, instrument, side));
}

/** How much this order may close: no more than the position, of a bracket's order no more than the bracket. */
export function closable({ account, instrument, side, sentBy }: WorkingOrder): Decimal {
  const held = reducible(account.ledger, instrument, side);
  return sentBy !== undefined && sentBy.size < held ? sentBy.size : held;
}

export function nothingToReduce(ledger: Ledger, instrument: number, side: Side): string {
  const held = ledger.position(instrument)?.exactSize ?? 0n;
  return `nothing to reduce: position ${formatDecimal(held)}, order to ${side}`;
}

/**
 * The largest size, in whole lots, that an order may have at this price: all of an opposite position, and then what
 * the money that is free after closing it can open, fee included. A short needs as much as a long of its size.
 */
export function affordable(ledger: Ledger, means: Means): Decimal {
  const { market, instrument, rules, side, price, rate, own } = means;
  const priceOf = (i: number): number => markPrice(market, i);
  const closing = reducible(ledger, instrument, side);
  let free = ledger.available(rules.quote, priceOf) + own;
  if (closing > 0n) {
    const notional = multiply(closing, price);
    free -= multiply(notional, rate);
    if (side === 'sell') free += notional;
    else free += 2n * multiply(closing, decimalOf(priceOf(instrument))) - notional;
  }
  if (free <= 0n) return closing;
  const lot = decimalOf(rules.lotSize);
  let opening = truncateTo(divide(free, costOf(10n ** 18n, price, rate)), lot);
  if (opening > 0n && costOf(opening, price, rate) > free) opening -= lot;
  return closing + opening;
}

/** With the taker's fee. */
export function costOf(size: Decimal, price: Decimal, rate: Decimal): Decimal {
  const notional = multiply(size, price);
  return notional + multiply(notional, rate);
}

export function cutNote(from: Decimal, to: Decimal, why: string): string {
  return `size cut from ${formatDecimal(from)} to ${formatDecimal(to)} by ${why}`;
}

export function insufficient(size: Decimal, means: Means, free: Decimal): string {
  const needed = formatDecimal(costOf(size, means.price, means.rate));
  return `insufficient balance: needed ${needed} ${means.rules.quote}, available ${formatDecimal(free)}`;
}

export type Sized = {
  readonly account: Account;
  readonly instrument: number;
  readonly side: Side;
  readonly size: Decimal;
  readonly price: Decimal;
};

/**
 * What an order that may open adds to the exposure of its account, in the reporting currency: every order that is sent
 * and may open counts as filled on its side, at the highest price that is in play there. Undefined while a rate to that
 * currency is not known.
 */
export function exposureOf(
  order: Sized,
  market: MarketView,
  rates: Rates,
): Omit<OrderExposure, 'nowUs' | 'reduces'> | undefined {
  const { account, instrument, side, size, price } = order;
  const quote = market.instrument(instrument)!.quote;
  const own = worstNotional(account, market, { instrument, side, size, price });
  const orderNotional = rates.convert(multiply(size, price), quote);
  const positionNotional = rates.convert(own, quote);
  let notional: Decimal | undefined = 0n;
  for (const other of instrumentsOf(account, instrument)) {
    const long = worstNotional(account, market, { instrument: other, side: 'buy', size: 0n, price: 0n });
    const short = worstNotional(account, market, { instrument: other, side: 'sell', size: 0n, price: 0n });
    const opposite = side === 'buy' ? short : long;
    const worst = other === instrument ? greatest(own, opposite) : greatest(long, short);
    const converted = rates.convert(worst, market.instrument(other)!.quote);
    notional = converted === undefined || notional === undefined ? undefined : notional + converted;
  }
  if (orderNotional === undefined || positionNotional === undefined || notional === undefined)
    return undefined;
  return { orderNotional, positionNotional, notional };
}

/** The notional of the position on one side if all that works there and this size filled; 0 if it would only shrink. */
function worstNotional(account: Account, market: MarketView, added: Omit<Sized, 'account'>): Decimal {
  const { instrument, side } = added;
  const held = heldOn(account.ledger, instrument, side);
  const markedAt = markPrice(market, instrument);
  const mark = Number.isNaN(markedAt) ? 0n : decimalOf(markedAt);
  let size = held + added.size;
  let price = held > 0n ? greatest(mark, added.price) : added.price;
  for (const order of account.working.values()) {
    if (order.instrument !== instrument || order.side !== side || order.isReduceOnly) continue;
    size += order.size - order.filled;
    const limit = Number.isNaN(order.price) ? mark : decimalOf(order.price);
    price = greatest(price, side === 'sell' ? greatest(limit, mark) : limit);
  }
  return size > 0n ? multiply(size, price) : 0n;
}

/** Instruments an account holds or has orders in, and this one. */
function instrumentsOf(account: Account, instrument: number): ReadonlySet<number> {
  const found = new Set([instrument]);
  for (const position of account.ledger.positions())
    if (position.exactSize !== 0n) found.add(position.instrument);
  for (const order of account.working.values()) found.add(order.instrument);
  return found;
}

/** The largest size a fill at this price may have under the limit of the position; undefined when there is none. */
export function roomOf(
  { account, instrument, side }: WorkingOrder,
  means: Means,
  rates: Rates,
): Decimal | undefined {
  const max = account.risk.positionNotionalMax;
  if (max === undefined) return undefined;
  const unit = rates.convert(means.price, means.rules.quote);
  if (unit === undefined || unit === 0n) return undefined;
  const lot = decimalOf(means.rules.lotSize);
  let most = truncateTo(divide(max, unit), lot);
  if (multiply(most, unit) > max) most -= lot;
  return greatest(
    reducible(account.ledger, instrument, side),
    most - heldOn(account.ledger, instrument, side),
  );
}
