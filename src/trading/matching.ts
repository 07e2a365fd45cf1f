// The venue's matching: orders that arrive take liquidity, rest, wait, fill and end; stop losses and take profits are
// watched. Conservative rule for resting orders: only a price strictly past an order's own fills it, and only up to the
// size seen there, because its place in the queue at its own price is not known. Own orders fill by price, then time.
import { assert } from '../core/assert.ts';
import { type Decimal, decimalOf, formatDecimal, least } from '../core/decimal.ts';
import type { Fill, Order, OrderStatus, Side } from '../core/order.ts';
import { isCrossed, isMatching, marketTrouble, statusTrouble, type Venue } from './admission.ts';
import type { Touch } from './brackets.ts';
import { Calm } from './calm.ts';
import type { Excursion } from './excursions.ts';
import { markPrice } from './market.ts';
import { closable, cutNote, nothingToReduce } from './means.ts';
import type { Fills, Piece } from './models.ts';
import { Resting } from './resting.ts';
import { type Bound, Settlement } from './settlement.ts';
import {
  type Account,
  addNote,
  type Bracket,
  isFinal,
  progress,
  remaining,
  snapshot,
  type WorkingOrder,
} from './working.ts';

export type MatchingOptions = {
  readonly venue: Venue;
  readonly fills: Fills;
  readonly instruments: number;
  readonly onOrder: (order: Order) => void;
  readonly onFill: (fill: Fill) => void;
  /** A price touched a stop loss or take profit: an order that closes is to be sent. */
  readonly onTouch: (touch: Touch) => void;
  /** A fill of this account was booked and its order's change was told. */
  readonly onBooked: (account: Account) => void;
};

export class Matching {
  readonly #options: MatchingOptions;
  readonly #venue: Venue;
  readonly #fills: Fills;
  readonly #resting: readonly Resting[];
  readonly #settlement: Settlement;
  readonly #calm: readonly Calm[];
  #nowUs = Number.NEGATIVE_INFINITY;

  constructor(options: MatchingOptions) {
    this.#options = options;
    this.#venue = options.venue;
    this.#fills = options.fills;
    this.#resting = Array.from({ length: options.instruments }, () => new Resting());
    this.#settlement = new Settlement(options);
    this.#calm = this.#resting.map(() => new Calm());
  }

  /** The time of the last arrival, or of the last market event at which anything was watched, µs. */
  get nowUs(): number {
    return this.#nowUs;
  }

  /** What an open position has met since it was opened; NaN when there is none. */
  excursion(account: Account, instrument: number): Excursion {
    return this.#settlement.excursions.of(account, instrument);
  }

  /** Orders at the venue, and lots whose stop loss or take profit waits for a price. */
  standing(instrument: number): {
    readonly orders: readonly WorkingOrder[];
    readonly brackets: readonly Bracket[];
  } {
    return {
      orders: this.#resting[instrument]!.all(),
      brackets: this.#settlement.brackets.watched(instrument),
    };
  }

  /** Between which prices trades need not be told. */
  calm(instrument: number): Calm {
    return this.#calm[instrument]!;
  }

  /** Returns how much of the trade own orders took, base currency. */
  onTrade(instrument: number, price: number, size: number, taker: Side | undefined, nowUs: number): Decimal {
    const calm = this.#calm[instrument]!;
    if (calm.count === 0 || calm.holds(price, price, markPrice(this.#venue.market, instrument))) return 0n;
    this.#nowUs = nowUs;
    this.#seeMark(instrument);
    const passed = this.#resting[instrument]!.passed(price, price, taker === 'buy' ? 'sell' : 'buy');
    const printed = passed.length > 0 && size > 0 ? decimalOf(size) : 0n;
    let left = printed;
    for (const order of passed) {
      if (left === 0n) break;
      const wanted = least(left, remaining(order));
      if (!isFinal(order.status))
        left -= this.#execute(order, [{ price: order.price, size: wanted }], 'maker');
    }
    for (const touch of this.#settlement.brackets.touched(instrument, price)) this.#options.onTouch(touch);
    this.#retry(instrument);
    this.#lay(instrument);
    return printed - left;
  }

  onBook(instrument: number, nowUs: number): void {
    this.#fills.onBook(instrument);
    const calm = this.#calm[instrument]!;
    calm.onQuote();
    if (calm.count === 0) return;
    const { market } = this.#venue;
    const bid = market.bestBid(instrument);
    const ask = market.bestAsk(instrument);
    // Before a first trade stops are compared with the mid as well.
    const hasTraded = !Number.isNaN(market.lastPrice(instrument));
    if (hasTraded && calm.holds(bid, ask, markPrice(market, instrument))) return;
    if (market.book(instrument) !== undefined && !market.isBookValid(instrument)) return;
    if (isCrossed(this.#venue, instrument)) return;
    this.#nowUs = nowUs;
    this.#seeMark(instrument);
    const rules = market.instrument(instrument);
    const passed = this.#resting[instrument]!.passed(bid, ask);
    for (const order of rules !== undefined && isMatching(rules) ? passed : []) {
      if (isFinal(order.status)) continue;
      const { side, price: limit } = order;
      const reached = this.#fills.plan({ instrument, side, size: remaining(order), limit });
      const pieces = reached.filter((piece) => piece.price !== limit);
      this.#execute(order, pieces, 'maker');
    }
    const { brackets } = this.#settlement;
    for (const touch of brackets.touchedByQuote(instrument, bid, ask)) this.#options.onTouch(touch);
    if (Number.isNaN(market.lastPrice(instrument))) {
      for (const touch of brackets.touched(instrument, market.mid(instrument))) this.#options.onTouch(touch);
    }
    this.#retry(instrument);
    this.#lay(instrument);
  }

  /** The rules or the status of an instrument changed: exits that waited for that are tried again. */
  onRules(instrument: number, nowUs: number): void {
    if (this.#calm[instrument]!.count === 0) return;
    this.#nowUs = nowUs;
    this.#retry(instrument);
  }

  /** The order reaches the venue. */
  arrive(order: WorkingOrder, nowUs: number): void {
    assert(nowUs >= this.#nowUs, 'time never goes back');
    this.#nowUs = nowUs;
    order.arrivalMid = markPrice(this.#venue.market, order.instrument);
    this.#meet(order);
  }

  /** Gives an order its final state, whatever state it is in, and what it had reserved back to its ledger. */
  end(order: WorkingOrder, status: OrderStatus, reason: string): void {
    assert(!isFinal(order.status) && isFinal(status), 'an order ends once');
    if (order.status === 'open') this.#resting[order.instrument]!.remove(order);
    order.status = status;
    order.reason = reason;
    this.#settlement.release(order, order.reserved);
    order.account.working.delete(order.id);
    if (order.sentBy !== undefined) order.sentBy.isTriggered = false;
    this.#lay(order.instrument);
    this.#options.onOrder(snapshot(order));
  }

  /** An order that the venue could fill now, if market, status and position let it. */
  #meet(order: WorkingOrder): void {
    const { instrument, isReduceOnly, type, timeInForce } = order;
    const market = marketTrouble(this.#venue, instrument, this.#nowUs);
    const status = this.#statusTrouble(order);
    // Status never refuses an exit: it waits. One that its sender does not watch over waits for the market as well.
    const waitsForStatus = isReduceOnly && type !== 'limit' && timeInForce === 'GTC';
    const trouble = market ?? status;
    if (trouble !== undefined) {
      const waits = order.persists || (market === undefined && waitsForStatus);
      if (waits) this.#wait(order, trouble);
      else this.end(order, order.status === 'open' ? 'cancelled' : 'rejected', trouble);
      return;
    }
    if (isReduceOnly) this.#cutToPosition(order);
    if (!isFinal(order.status)) this.#takeThenRest(order);
  }

  #statusTrouble(order: WorkingOrder): string | undefined {
    const { instrument, side, type, isReduceOnly: reduces, price: limit } = order;
    const isLimit = type === 'limit';
    const rules = this.#venue.market.instrument(instrument);
    const takes =
      rules?.status === 'post_only' &&
      isLimit &&
      this.#fills.plan({ instrument, side, size: remaining(order), limit }).length > 0;
    return statusTrouble(rules, { reduces, isLimit, takes });
  }

  /** Tries the exits that wait here once more. */
  #retry(instrument: number): void {
    for (const order of this.#resting[instrument]!.waiting()) if (!isFinal(order.status)) this.#meet(order);
  }

  /** An exit that cannot fill stays at the venue; why is said once. */
  #wait(order: WorkingOrder, why: string): void {
    if (order.status === 'open') return;
    order.status = 'open';
    addNote(order, `waits: ${why}`);
    this.#resting[order.instrument]!.wait(order);
    this.#lay(order.instrument);
    this.#options.onOrder(snapshot(order));
  }

  #cutToPosition(order: WorkingOrder): void {
    const held = closable(order);
    const left = remaining(order);
    if (held === 0n) {
      const { account, instrument, side } = order;
      const why = nothingToReduce(account.ledger, instrument, side);
      this.end(order, order.status === 'open' ? 'cancelled' : 'rejected', why);
    } else if (held < left) {
      addNote(
        order,
        `size cut from ${formatDecimal(order.size)} to the position of ${formatDecimal(order.filled + held)}`,
      );
      order.size = order.filled + held;
    }
  }

  #takeThenRest(order: WorkingOrder): void {
    const { instrument, side, type, timeInForce } = order;
    const size = remaining(order);
    const pieces = this.#fills.plan({ instrument, side, size, limit: type === 'limit' ? order.price : NaN });
    const planned = pieces.reduce((sum, piece) => sum + piece.size, 0n);
    if (timeInForce === 'FOK' && planned < size) {
      const numbers = `${formatDecimal(planned)} of ${formatDecimal(size)}`;
      this.end(order, 'expired', `fill or kill: ${numbers} to be had at once`);
      return;
    }
    const worst = pieces.at(-1);
    if (timeInForce === 'FOK' && worst !== undefined && !order.isReduceOnly) {
      const bound = this.#settlement.boundOf(order, worst.price, 'taker');
      if (bound.size < size) {
        this.#endBound(order, bound);
        return;
      }
    }
    this.#execute(order, pieces, 'taker');
    if (isFinal(order.status)) return;
    if (type !== 'limit') {
      if (order.persists) this.#wait(order, `book exhausted: ${progress(order)}`);
      else this.end(order, 'cancelled', `book exhausted: ${progress(order)}`);
    } else if (timeInForce !== 'GTC') this.end(order, 'expired', `immediate or cancel: ${progress(order)}`);
    else {
      order.status = 'open';
      this.#resting[instrument]!.rest(order);
      this.#lay(instrument);
      this.#options.onOrder(snapshot(order));
    }
  }

  #seeMark(instrument: number): void {
    if (this.#settlement.excursions.count(instrument) === 0) return;
    const price = markPrice(this.#venue.market, instrument);
    if (!Number.isNaN(price)) this.#settlement.excursions.see(instrument, price);
  }

  /**
   * Fills an order with pieces of liquidity, as far as its ledger can pay and its limits allow, and ends it when nothing
   * is left of it or of these. A maker fills at its own price. Returns the size that was filled.
   */
  #execute(order: WorkingOrder, pieces: readonly Piece[], liquidity: 'maker' | 'taker'): Decimal {
    const { instrument, side, account } = order;
    const before = order.filled;
    const free = this.#settlement.free(order);
    for (const piece of pieces) {
      if (isFinal(order.status)) break;
      const price = liquidity === 'maker' ? order.price : piece.price;
      const bound = this.#settlement.boundOf(order, price, liquidity, free);
      const size = least(piece.size, bound.size);
      // A maker's piece at its own price is the share of a printed trade: the book did not give it.
      const isFromBook = liquidity === 'taker' || piece.price !== order.price;
      if (size > 0n && isFromBook) this.#fills.take(instrument, side, { price: piece.price, size });
      if (size > 0n) this.#fill(order, { price, size }, liquidity);
      if (size < piece.size && !isFinal(order.status)) this.#endBound(order, bound);
    }
    const filled = order.filled - before;
    if (filled > 0n && !isFinal(order.status)) {
      if (remaining(order) === 0n) this.end(order, 'filled', order.reason);
      else if (order.status === 'open') this.#options.onOrder(snapshot(order));
    }
    if (filled > 0n) this.#options.onBooked(account);
    return filled;
  }

  /** Money, limit or position end before the order does: what was filled stands, and the numbers are said. */
  #endBound(order: WorkingOrder, { cut, refused }: Bound): void {
    if (order.filled === 0n || order.status === 'open') {
      this.end(order, order.status === 'open' ? 'cancelled' : 'rejected', refused);
      return;
    }
    addNote(order, cutNote(order.size, order.filled, cut));
    order.size = order.filled;
    this.end(order, 'filled', order.reason);
  }

  #fill(order: WorkingOrder, piece: Piece, liquidity: 'maker' | 'taker'): void {
    this.#settlement.fill(order, piece, liquidity);
    this.#lay(order.instrument);
    this.#cancelIdle(order.account, order.instrument);
  }

  /** Orders at the venue that only reduce end when nothing is left for them to close. */
  #cancelIdle(account: Account, instrument: number): void {
    for (const order of this.#resting[instrument]!.reducing(account)) {
      if (remaining(order) === 0n || closable(order) > 0n) continue;
      this.end(order, 'cancelled', nothingToReduce(account.ledger, instrument, order.side));
    }
  }

  #lay(instrument: number): void {
    const { brackets, excursions } = this.#settlement;
    this.#calm[instrument]!.lay({
      resting: this.#resting[instrument]!,
      brackets: { count: brackets.count(instrument), bounds: brackets.bounds(instrument) },
      positions: { count: excursions.count(instrument), bounds: excursions.bounds(instrument) },
    });
  }
}
