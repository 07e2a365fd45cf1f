// From a strategy's signal to an order the venue would take: its size and limit, or the reason with numbers why there is
// none. Pure decisions over the market, the ledger and the limits; only the order count of the risk limits changes.
// An order that only reduces is never held up by order rate, minimum size, minimum notional or the venue's status.
import { type Decimal, decimalOf, divide, formatDecimal, least, multiply } from '../core/decimal.ts';
import type { Instrument } from '../core/instrument.ts';
import type { Side, Signal } from '../core/order.ts';
import { type MarketView, markPrice } from './market.ts';
import {
  affordable,
  costOf,
  cutNote,
  exposureOf,
  insufficient,
  type Means,
  nothingToReduce,
  reducible,
} from './means.ts';
import type { Rates } from './rates.ts';
import type { OrderExposure } from './risk.ts';
import { priceOnTick, sizeInLots } from './steps.ts';
import type { Account } from './working.ts';

/** The venue as admission sees it. */
export type Venue = {
  readonly market: MarketView;
  readonly rates: Rates;
  readonly priceAgeMaxUs: number;
  /** Whether orders fill while a bid stands at or above an ask. */
  readonly fillsCrossed: boolean;
};

export type Request = {
  readonly signal: Signal;
  readonly instrument: number;
  readonly account: Account;
  readonly nowUs: number;
};

export type Verdict =
  | {
      readonly state: 'accepted';
      readonly size: Decimal;
      /** On a tick; NaN for a market order. */
      readonly limit: number;
      /** Empty, or what was cut and why. */
      readonly note: string;
      /** Quote currency to set aside until the order is final. */
      readonly reserve: Decimal;
    }
  | Rejected;

type Rejected = { readonly state: 'rejected'; readonly size: Decimal; readonly reason: string };

export function sideOf(action: Signal['action']): Side {
  return action === 'buy' || action === 'cover' ? 'buy' : 'sell';
}

export function isReduceOnly(action: Signal['action']): boolean {
  return action === 'sell' || action === 'cover';
}

export function admit(venue: Venue, request: Request): Verdict {
  const { signal, instrument, account, nowUs } = request;
  const { market } = venue;
  const reduces = isReduceOnly(signal.action);
  const side = sideOf(signal.action);
  const rules = market.instrument(instrument);
  const trouble =
    marketTrouble(venue, instrument, nowUs) ??
    (reduces ? undefined : statusTrouble(rules, { reduces, isLimit: signal.limit !== undefined }));
  if (trouble !== undefined || rules === undefined) return rejected(trouble ?? 'no instrument rules yet');
  const limit = priceOnTick(signal.limit ?? Number.NaN, rules, { round: signal.round, side });
  const price = referencePrice(market, instrument, { side, limit });
  const wrong = priceTrouble(signal, { price, limit }, rules);
  if (wrong !== undefined) return rejected(wrong);

  const wanted = wantedSize(request, price);
  if (wanted.state === 'rejected') return wanted;
  const closesAll = reduces && wanted.size === reducible(account.ledger, instrument, side);
  const size = closesAll ? wanted.size : sizeInLots(wanted.size, rules);
  const small =
    sizeTrouble(size, wanted.size, rules) ?? (reduces ? undefined : minimumTrouble(size, price, rules));
  if (small !== undefined) return rejected(small, wanted.size);
  const draft = { size, price, rules, note: wanted.note };
  const paid = reduces ? { ...wanted, size, reserve: 0n } : payable(venue, request, draft);
  if (paid.state === 'rejected') return paid;
  const exposure = exposureTo(venue, request, {
    size: paid.size,
    price: atWorst(market, instrument, { side, price }),
  });
  const refused = typeof exposure === 'string' ? exposure : account.risk.checkOrder(exposure);
  return refused === undefined ? { ...paid, limit } : rejected(refused, paid.size);
}

/** Why the market of this instrument cannot be traded on now. */
export function marketTrouble(venue: Venue, instrument: number, nowUs: number): string | undefined {
  const { market, priceAgeMaxUs } = venue;
  const rules = market.instrument(instrument);
  if (rules === undefined) return 'no instrument rules yet';
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

/** Statuses in which the venue's orders trade with each other. */
const MATCHING: readonly string[] = ['online', 'limit_only', 'reduce_only'];

export function isMatching(rules: Instrument): boolean {
  return MATCHING.includes(rules.status);
}

/** Why the venue takes no order of this kind now; `takes` is an order that would fill at once. */
export function statusTrouble(
  rules: Instrument | undefined,
  order: { readonly reduces: boolean; readonly isLimit: boolean; readonly takes?: boolean },
): string | undefined {
  if (rules === undefined) return undefined;
  const { symbol, status } = rules;
  switch (status) {
    case 'online':
      return undefined;
    case 'reduce_only':
      return order.reduces ? undefined : `instrument ${symbol} is reduce_only: no order may open a position`;
    case 'limit_only':
      return order.isLimit ? undefined : `instrument ${symbol} is limit_only: no market order is taken`;
    case 'post_only':
      if (!order.isLimit) return `instrument ${symbol} is post_only: no market order is taken`;
      return order.takes === true
        ? `instrument ${symbol} is post_only: no order may take liquidity`
        : undefined;
    default:
      return `instrument ${symbol} is not online: ${status}`;
  }
}

/** The limit price; of a market order the best price it would meet, else mid, else the last trade. */
function referencePrice(
  market: MarketView,
  instrument: number,
  order: { readonly side: Side; readonly limit: number },
): number {
  if (!Number.isNaN(order.limit)) return order.limit;
  const best = order.side === 'buy' ? market.bestAsk(instrument) : market.bestBid(instrument);
  return best > 0 ? best : markPrice(market, instrument);
}

/** The highest price a limit knows of: an order to sell may meet a better one than its own. */
function atWorst(
  market: MarketView,
  instrument: number,
  { side, price }: { readonly side: Side; readonly price: number },
): number {
  const best = side === 'sell' ? market.bestBid(instrument) : Number.NaN;
  return best > price ? best : price;
}

function priceTrouble(
  signal: Signal,
  { price, limit }: { readonly price: number; readonly limit: number },
  rules: Instrument,
): string | undefined {
  if (!(price > 0 && price < Infinity)) return `price ${price} is not above 0`;
  if (!Number.isNaN(limit) && rules.isStated && decimalOf(limit) % decimalOf(rules.tickSize) !== 0n) {
    return `limit price ${limit} is off the tick of ${rules.tickSize}`;
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
function wantedSize(request: Request, price: number): Wanted | Rejected {
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
  const held = reducible(request.account.ledger, request.instrument, sideOf(action));
  if (held === 0n)
    return rejected(nothingToReduce(request.account.ledger, request.instrument, sideOf(action)), asked);
  if (asked === undefined || asked <= held) return accepted(asked ?? held);
  return accepted(held, `size cut from ${formatDecimal(asked)} to the position of ${formatDecimal(held)}`);
}

function sizeTrouble(size: Decimal, wanted: Decimal, rules: Instrument): string | undefined {
  return size > 0n ? undefined : `size ${formatDecimal(wanted)} is below one lot of ${rules.lotSize}`;
}

function minimumTrouble(size: Decimal, price: number, rules: Instrument): string | undefined {
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
function payable(
  venue: Venue,
  request: Request,
  draft: Draft,
): Omit<Extract<Verdict, { state: 'accepted' }>, 'limit'> | Rejected {
  const { account, instrument } = request;
  const { ledger } = account;
  const { price, rules } = draft;
  const side = sideOf(request.signal.action);
  const rate = account.fees.rate('taker', instrument);
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
  const small = sizeTrouble(size, draft.size, rules) ?? minimumTrouble(size, price, rules);
  if (small !== undefined) return rejected(insufficient(draft.size, means, free), draft.size);
  const note = cutNote(draft.size, size, `the available ${formatDecimal(free)} ${rules.quote}`);
  return { state: 'accepted', size, note, reserve };
}

const NO_EXPOSURE = { orderNotional: 0n, positionNotional: 0n, notional: 0n };

/** What the limits are compared with, or why it cannot be said. */
function exposureTo(
  venue: Venue,
  { account, instrument, signal, nowUs }: Request,
  { size, price }: { readonly size: Decimal; readonly price: number },
): OrderExposure | string {
  const reduces = isReduceOnly(signal.action);
  if (reduces || !account.risk.limitsNotional) return { ...NO_EXPOSURE, reduces, nowUs };
  const order = { account, instrument, side: sideOf(signal.action), size, price: decimalOf(price) };
  const exposure = exposureOf(order, venue.market, venue.rates);
  if (exposure !== undefined) return { ...exposure, reduces, nowUs };
  const { quote } = venue.market.instrument(instrument)!;
  return `risk limit: ${venue.rates.trouble(quote)}, limits are in ${venue.rates.currency}`;
}

function accepted(size: Decimal, note = ''): Wanted {
  return { state: 'accepted', size, note };
}

function rejected(reason: string, size: Decimal = 0n): Rejected {
  return { state: 'rejected', size, reason };
}
