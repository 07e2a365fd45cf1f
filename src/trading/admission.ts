// From a strategy's signal to an order the venue would take: its size, or the reason with numbers why there is none.
// Pure decisions over the market, the ledger and the limits; only the order count of the risk limits changes.
import {
  absolute,
  type Decimal,
  decimalOf,
  divide,
  formatDecimal,
  least,
  multiply,
  truncateTo,
} from '../core/decimal.ts';
import type { Instrument } from '../core/instrument.ts';
import type { Side, Signal } from '../core/order.ts';
import type { Ledger } from './ledger.ts';
import { type MarketView, markPrice } from './market.ts';
import type { Fees } from './models.ts';
import type { Risk } from './risk.ts';

/** The venue as admission sees it. */
export type Venue = {
  readonly market: MarketView;
  readonly fees: Fees;
  readonly priceAgeMaxUs: number;
  /** Whether orders fill while a bid stands at or above an ask. */
  readonly fillsCrossed: boolean;
};

export type Request = {
  readonly signal: Signal;
  readonly instrument: number;
  readonly ledger: Ledger;
  readonly risk: Risk;
  readonly nowUs: number;
};

export type Verdict =
  | {
      readonly state: 'accepted';
      readonly size: Decimal;
      /** Empty, or what was cut and why. */
      readonly note: string;
      /** Quote currency to set aside until the order is final. */
      readonly reserve: Decimal;
    }
  | { readonly state: 'rejected'; readonly size: Decimal; readonly reason: string };

export function sideOf(action: Signal['action']): Side {
  return action === 'buy' || action === 'cover' ? 'buy' : 'sell';
}

export function isReduceOnly(action: Signal['action']): boolean {
  return action === 'sell' || action === 'cover';
}

export function admit(venue: Venue, request: Request): Verdict {
  const { signal, instrument, nowUs } = request;
  const trouble = marketTrouble(venue, instrument, nowUs);
  const rules = venue.market.instrument(instrument);
  if (trouble !== undefined || rules === undefined) return rejected(trouble ?? 'no instrument rules yet');
  const side = sideOf(signal.action);
  const price = referencePrice(venue.market, instrument, signal);
  const wrong = priceTrouble(signal, price, rules);
  if (wrong !== undefined) return rejected(wrong);

  const wanted = wantedSize(request, price);
  if (wanted.state === 'rejected') return wanted;
  const closesAll =
    isReduceOnly(signal.action) && wanted.size === reducible(request.ledger, instrument, side);
  const size = closesAll ? wanted.size : truncateTo(wanted.size, decimalOf(rules.lotSize));
  const small = minimumTrouble(size, wanted.size, price, rules);
  if (small !== undefined) return rejected(small, wanted.size);
  const paid = isReduceOnly(signal.action)
    ? { ...wanted, size, reserve: 0n }
    : payable(venue, request, { size, price, rules, note: wanted.note });
  if (paid.state === 'rejected') return paid;
  const limit = request.risk.checkOrder(exposureOf(request, paid.size, price));
  return limit === undefined ? paid : rejected(limit, paid.size);
}

/** Why no order may reach this instrument now. */
export function marketTrouble(venue: Venue, instrument: number, nowUs: number): string | undefined {
  const { market, priceAgeMaxUs } = venue;
  const rules = market.instrument(instrument);
  if (rules === undefined) return 'no instrument rules yet';
  if (rules.status !== 'online') return `instrument ${rules.symbol} is not online: ${rules.status}`;
  const hasBook = market.book(instrument) !== undefined;
  if (hasBook && !market.isBookValid(instrument))
    return `invalid book of ${rules.symbol}, no snapshot since the gap`;
  if (Number.isNaN(markPrice(market, instrument))) return `no price of ${rules.symbol} yet`;
  if (isCrossed(venue, instrument)) {
    const touch = `bid ${market.bestBid(instrument)}, ask ${market.bestAsk(instrument)}`;
    return `crossed market of ${rules.symbol}: ${touch}`;
  }
  const ageUs = market.priceAgeUs(instrument, nowUs);
  if (ageUs <= priceAgeMaxUs) return undefined;
  if (ageUs === Number.POSITIVE_INFINITY) return `no price of ${rules.symbol} since the gap`;
  return `stale price: ${ageUs / 1000} ms old, allowed are ${priceAgeMaxUs / 1000} ms`;
}

/** Whether the best prices contradict each other, and so are nothing to fill at. */
export function isCrossed({ market, fillsCrossed }: Venue, instrument: number): boolean {
  return !fillsCrossed && market.bestBid(instrument) >= market.bestAsk(instrument);
}

/** The limit price; of a market order the best price it would meet, else mid, else the last trade. */
function referencePrice(market: MarketView, instrument: number, signal: Signal): number {
  if (signal.limit !== undefined) return signal.limit;
  const best = sideOf(signal.action) === 'buy' ? market.bestAsk(instrument) : market.bestBid(instrument);
  return best > 0 ? best : markPrice(market, instrument);
}

function priceTrouble(signal: Signal, price: number, rules: Instrument): string | undefined {
  if (!(price > 0 && price < Infinity)) return `price ${price} is not above 0`;
  if (signal.limit !== undefined && rules.isStated && decimalOf(price) % decimalOf(rules.tickSize) !== 0n) {
    return `limit price ${price} is off the tick of ${rules.tickSize}`;
  }
  const { stopLoss, takeProfit } = signal;
  if (stopLoss === undefined && takeProfit === undefined) return undefined;
  if (isReduceOnly(signal.action))
    return `stop loss and take profit need an order that opens, not ${signal.action}`;
  const sign = sideOf(signal.action) === 'buy' ? 1 : -1;
  if (stopLoss !== undefined && !((price - stopLoss) * sign > 0)) {
    return `stop loss ${stopLoss} is not on the losing side of the price ${price}`;
  }
  if (takeProfit !== undefined && !((takeProfit - price) * sign > 0)) {
    return `take profit ${takeProfit} is not on the winning side of the price ${price}`;
  }
  return undefined;
}

type Wanted = { readonly state: 'accepted'; readonly size: Decimal; readonly note: string };

/** What the signal asks for, before lots and balance; of a reducing order at most the position. */
function wantedSize(request: Request, price: number): Wanted | Extract<Verdict, { state: 'rejected' }> {
  const { action, size, quote } = request.signal;
  if (size !== undefined && quote !== undefined)
    return rejected(`both size ${size} and quote ${quote} given`);
  const amount = size ?? quote;
  if (amount !== undefined && !(amount > 0 && amount < Infinity)) {
    return rejected(`${size === undefined ? 'quote' : 'size'} ${amount} is not above 0`);
  }
  const asked =
    size !== undefined
      ? decimalOf(size)
      : quote !== undefined
        ? divide(decimalOf(quote), decimalOf(price))
        : undefined;
  if (!isReduceOnly(action)) {
    return asked === undefined ? rejected(`${action} needs a size or a quote amount`) : accepted(asked);
  }
  const held = reducible(request.ledger, request.instrument, sideOf(action));
  if (held === 0n)
    return rejected(nothingToReduce(request.ledger, request.instrument, sideOf(action)), asked);
  if (asked === undefined || asked <= held) return accepted(asked ?? held);
  return accepted(held, `size cut from ${formatDecimal(asked)} to the position of ${formatDecimal(held)}`);
}

/** How much of the position an order of this side would close. */
export function reducible(ledger: Ledger, instrument: number, side: Side): Decimal {
  const held = ledger.position(instrument)?.exactSize ?? 0n;
  if (held === 0n || held > 0n === (side === 'buy')) return 0n;
  return absolute(held);
}

export function nothingToReduce(ledger: Ledger, instrument: number, side: Side): string {
  const held = ledger.position(instrument)?.exactSize ?? 0n;
  return `nothing to reduce: position ${formatDecimal(held)}, order to ${side}`;
}

function minimumTrouble(
  size: Decimal,
  wanted: Decimal,
  price: number,
  rules: Instrument,
): string | undefined {
  if (size === 0n) return `size ${formatDecimal(wanted)} is below one lot of ${rules.lotSize}`;
  if (size < decimalOf(rules.sizeMin)) {
    return `size ${formatDecimal(size)} is below the minimum of ${rules.sizeMin}`;
  }
  const notional = multiply(size, decimalOf(price));
  if (notional >= decimalOf(rules.notionalMin)) return undefined;
  return `notional ${formatDecimal(notional)} is below the minimum of ${rules.notionalMin} ${rules.quote}`;
}

type Draft = {
  readonly size: Decimal;
  readonly price: number;
  readonly rules: Instrument;
  readonly note: string;
};

/** Cuts the size to what the ledger can pay for, fee included. */
function payable(venue: Venue, request: Request, draft: Draft): Verdict {
  const { ledger, instrument } = request;
  const { price, rules } = draft;
  const side = sideOf(request.signal.action);
  const rate = venue.fees.rate('taker', instrument);
  const means: Means = {
    market: venue.market,
    instrument,
    rules,
    side,
    price: decimalOf(price),
    rate,
    own: 0n,
  };
  const size = least(draft.size, affordable(ledger, means));
  const free = ledger.available(rules.quote, (i) => markPrice(venue.market, i));
  const opened = size - least(size, reducible(ledger, instrument, side));
  const reserve = costOf(opened, means.price, rate);
  if (size === draft.size) return { state: 'accepted', size, note: draft.note, reserve };
  if (minimumTrouble(size, draft.size, price, rules) !== undefined) {
    return rejected(insufficient(draft.size, means, free), draft.size);
  }
  const note = cutNote(draft.size, size, free, rules.quote);
  return { state: 'accepted', size, note, reserve };
}

export function cutNote(from: Decimal, to: Decimal, free: Decimal, currency: string): string {
  const [before, after, balance] = [formatDecimal(from), formatDecimal(to), formatDecimal(free)];
  return `size cut from ${before} to ${after} by the available ${balance} ${currency}`;
}

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

export function insufficient(size: Decimal, means: Means, free: Decimal): string {
  const needed = formatDecimal(costOf(size, means.price, means.rate));
  return `insufficient balance: needed ${needed} ${means.rules.quote}, available ${formatDecimal(free)}`;
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

function costOf(size: Decimal, price: Decimal, rate: Decimal): Decimal {
  const notional = multiply(size, price);
  return notional + multiply(notional, rate);
}

function exposureOf(request: Request, size: Decimal, price: number) {
  const side = sideOf(request.signal.action);
  const held = request.ledger.position(request.instrument)?.exactSize ?? 0n;
  const after = absolute(held + (side === 'buy' ? size : -size));
  const grows = after > absolute(held);
  const exactPrice = decimalOf(price);
  return {
    orderNotional: isReduceOnly(request.signal.action) ? 0n : multiply(size, exactPrice),
    positionNotional: grows ? multiply(after, exactPrice) : 0n,
    nowUs: request.nowUs,
  };
}

function accepted(size: Decimal, note = ''): Wanted {
  return { state: 'accepted', size, note };
}

function rejected(reason: string, size: Decimal = 0n): Extract<Verdict, { state: 'rejected' }> {
  return { state: 'rejected', size, reason };
}
