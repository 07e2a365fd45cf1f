// Money at the moment of a fill: how much of it the ledger can pay and the limits leave room for, the booking itself, and
// what every fill moves with it: brackets, excursions, what the order had reserved.
import { assert } from '../core/assert.ts';
import {
  type Decimal,
  decimalOf,
  formatDecimal,
  least,
  multiply,
  numberOf,
  proportion,
} from '../core/decimal.ts';
import type { Instrument } from '../core/instrument.ts';
import type { Fill } from '../core/order.ts';
import type { Venue } from './admission.ts';
import { Brackets } from './brackets.ts';
import { Excursions } from './excursions.ts';
import { markPrice } from './market.ts';
import { affordable, closable, insufficient, type Means, reducible, roomOf } from './means.ts';
import { remaining, type WorkingOrder } from './working.ts';

type Liquidity = Fill['liquidity'];

/** How much of an order may fill at a price, and in words what stops the rest. */
export type Bound = { readonly size: Decimal; readonly cut: string; readonly refused: string };

export class Settlement {
  readonly brackets: Brackets;
  readonly excursions: Excursions;
  readonly #venue: Venue;
  readonly #onFill: (fill: Fill) => void;
  #fills = 0;

  constructor(options: {
    readonly venue: Venue;
    readonly instruments: number;
    readonly onFill: (fill: Fill) => void;
  }) {
    this.#venue = options.venue;
    this.#onFill = options.onFill;
    this.brackets = new Brackets(options.instruments);
    this.excursions = new Excursions(options.instruments);
  }

  /** The most of an order that may fill at this price now; `free` is what it could spend before its first piece. */
  boundOf(order: WorkingOrder, price: number, liquidity: Liquidity, free = this.free(order)): Bound {
    if (order.isReduceOnly) {
      return {
        size: least(closable(order), remaining(order)),
        cut: 'the position',
        refused: 'nothing to reduce',
      };
    }
    const means = this.#means(order, price, liquidity);
    const { quote } = means.rules;
    const paid = affordable(order.account.ledger, means);
    const room = roomOf(order, means, this.#venue.rates);
    if (room !== undefined && room < paid) {
      const cut = `the limit of the position notional, ${formatDecimal(order.account.risk.positionNotionalMax!)} ${this.#venue.rates.currency}, at ${price}`;
      return { size: room, cut, refused: `risk limit: ${cut}` };
    }
    return {
      size: paid,
      cut: `the available ${formatDecimal(free)} ${quote}`,
      refused: insufficient(remaining(order), means, free),
    };
  }

  /** Books a fill of this size, which must be within the bound. */
  fill(
    order: WorkingOrder,
    piece: { readonly price: number; readonly size: Decimal },
    liquidity: Liquidity,
  ): void {
    const { instrument, account, side } = order;
    const { price, size } = piece;
    const { price: exactPrice, rate, rules } = this.#means(order, price, liquidity);
    const { quote } = rules;
    const fee = multiply(multiply(exactPrice, size), rate);
    const booked = { instrument, side, price: exactPrice, size, quote, fee, feeCurrency: quote };
    const fillMid = markPrice(this.#venue.market, instrument);
    const met = this.excursions.of(account, instrument);
    const before = account.ledger.position(instrument)?.size ?? 0;
    const closed = least(size, reducible(account.ledger, instrument, side));
    const realized = account.ledger.applyFill(booked);
    const after = account.ledger.position(instrument)?.size ?? 0;
    this.excursions.follow(account, instrument, { before, after, markPrice: fillMid });
    this.release(order, proportion(order.reserved, size, remaining(order)));
    order.filled += size;
    assert(order.filled <= order.size, 'an order fills no more than its size');
    assert(!order.isReduceOnly || closed === size, 'an order that only reduces opens nothing');
    this.brackets.onFill(order, size, closed);
    this.#fills++;
    const worthOfOne = this.#venue.rates.convert(10n ** 18n, quote);
    this.#onFill({
      id: this.#fills,
      order: order.id,
      signal: order.signal,
      strategy: account.strategy,
      instrument,
      symbol: order.symbol,
      side,
      price: numberOf(exactPrice),
      size: numberOf(size),
      fee: formatDecimal(fee),
      feeCurrency: quote,
      liquidity,
      signalMid: order.signalMid,
      arrivalMid: order.arrivalMid,
      fillMid,
      ...met,
      rate: worthOfOne === undefined ? Number.NaN : numberOf(worthOfOne),
      realized: formatDecimal(realized),
      ...((order.isAcrossGap || order.sentBy?.isAcrossGap === true) && { isAcrossGap: true }),
    });
  }

  /** Gives money that an order had reserved back to its ledger. */
  release(order: WorkingOrder, amount: Decimal): void {
    if (amount === 0n) return;
    order.reserved -= amount;
    order.account.ledger.reserve(this.#rules(order).quote, -amount);
  }

  /** What this order may spend: the available money and what it reserved itself. */
  free(order: WorkingOrder): Decimal {
    const priceOf = (instrument: number): number => markPrice(this.#venue.market, instrument);
    return order.account.ledger.available(this.#rules(order).quote, priceOf) + order.reserved;
  }

  #means(order: WorkingOrder, price: number, liquidity: Liquidity): Means {
    const { instrument, side, account, reserved: own } = order;
    const rate = account.fees.rate(liquidity, instrument);
    const { market } = this.#venue;
    return { market, instrument, rules: this.#rules(order), side, price: decimalOf(price), rate, own };
  }

  #rules(order: WorkingOrder): Instrument {
    const rules = this.#venue.market.instrument(order.instrument);
    assert(rules !== undefined, `an instrument whose orders were let in has rules, ${order.symbol} has none`);
    return rules;
  }
}
