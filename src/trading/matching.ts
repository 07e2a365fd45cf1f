// The venue's matching: orders that arrive take liquidity, rest, fill and end; stop losses and take profits are
// watched. Conservative rule for resting orders: only a price strictly past an order's own fills it, and only up to the
// size seen there, because its place in the queue at its own price is not known.
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
import type { Fill, Order, OrderStatus } from '../core/order.ts';
import {
  affordable,
  cutNote,
  insufficient,
  isCrossed,
  type Means,
  marketTrouble,
  nothingToReduce,
  reducible,
  type Venue,
} from './admission.ts';
import { Brackets, type Touch } from './brackets.ts';
import { type Excursion, Excursions } from './excursions.ts';
import { markPrice } from './market.ts';
import type { Fills, Piece } from './models.ts';
import { type Account, addNote, isFinal, progress, snapshot, type WorkingOrder } from './working.ts';

export type MatchingOptions = {
  readonly venue: Venue;
  readonly fills: Fills;
  readonly instruments: number;
  readonly onOrder: (order: Order) => void;
  readonly onFill: (fill: Fill) => void;
  /** A price touched a stop loss or take profit: an order that closes is to be sent. */
  readonly onTouch: (touch: Touch, price: number) => void;
};

const NONE: readonly WorkingOrder[] = [];

export class Matching {
  readonly #options: MatchingOptions;
  readonly #venue: Venue;
  readonly #fills: Fills;
  /** Per instrument, in order of arrival. */
  readonly #resting: readonly WorkingOrder[][];
  readonly #brackets: Brackets;
  readonly #excursions: Excursions;
  /** Per instrument: resting orders, brackets and open positions together, the one number that is read per market event. */
  readonly #watchCount: Uint32Array;
  #fillCount = 0;
  #nowUs = Number.NEGATIVE_INFINITY;

  constructor(options: MatchingOptions) {
    this.#options = options;
    this.#venue = options.venue;
    this.#fills = options.fills;
    this.#resting = Array.from({ length: options.instruments }, () => []);
    this.#brackets = new Brackets(options.instruments);
    this.#excursions = new Excursions(options.instruments);
    this.#watchCount = new Uint32Array(options.instruments);
  }

  /** The time of the last arrival, or of the last market event at which anything was watched, µs. */
  get nowUs(): number {
    return this.#nowUs;
  }

  /** What an open position has met since it was opened; NaN when there is none. */
  excursion(account: Account, instrument: number): Excursion {
    return this.#excursions.of(account, instrument);
  }

  /** Whether orders rest here, stops wait for a price, or somebody holds a position. */
  watches(instrument: number): boolean {
    return this.#watchCount[instrument] !== 0;
  }

  onTrade(instrument: number, price: number, size: number, nowUs: number): void {
    if (!this.watches(instrument)) return;
    this.#nowUs = nowUs;
    this.#seeMark(instrument);
    const passed = this.#passed(instrument, price, price);
    let left = passed.length > 0 && size > 0 ? decimalOf(size) : 0n;
    for (const order of passed) {
      const wanted = least(left, order.size - order.filled);
      if (wanted > 0n) left -= this.#execute(order, [{ price: order.price, size: wanted }], 'maker');
    }
    this.#watch(instrument, price);
  }

  onBook(instrument: number, nowUs: number): void {
    this.#fills.onBook(instrument);
    if (this.#watchCount[instrument] === 0) return;
    const { market } = this.#venue;
    if (market.book(instrument) !== undefined && !market.isBookValid(instrument)) return;
    if (isCrossed(this.#venue, instrument)) return;
    this.#nowUs = nowUs;
    this.#seeMark(instrument);
    for (const order of this.#passed(instrument, market.bestBid(instrument), market.bestAsk(instrument))) {
      const { side, price: limit } = order;
      const reached = this.#fills.plan({ instrument, side, size: order.size - order.filled, limit });
      const pieces = reached.filter((piece) => piece.price !== limit);
      this.#execute(order, pieces, 'maker');
    }
    if (Number.isNaN(market.lastPrice(instrument))) this.#watch(instrument, market.mid(instrument));
  }

  /** The order reaches the venue. */
  arrive(order: WorkingOrder, nowUs: number): void {
    assert(nowUs >= this.#nowUs, 'time never goes back');
    this.#nowUs = nowUs;
    const { instrument, side, account } = order;
    order.arrivalMid = markPrice(this.#venue.market, instrument);
    const trouble = marketTrouble(this.#venue, instrument, nowUs);
    if (trouble !== undefined) {
      this.end(order, 'rejected', trouble);
      return;
    }
    if (order.isReduceOnly) this.#cutToPosition(order, reducible(account.ledger, instrument, side));
    if (!isFinal(order.status)) this.#takeThenRest(order);
  }

  /** Gives an order its final state, whatever state it is in, and what it had reserved back to its ledger. */
  end(order: WorkingOrder, status: OrderStatus, reason: string): void {
    assert(!isFinal(order.status) && isFinal(status), 'an order ends once');
    const resting = this.#resting[order.instrument]!;
    const at = order.status === 'open' ? resting.indexOf(order) : -1;
    if (at >= 0) resting.splice(at, 1);
    order.status = status;
    order.reason = reason;
    this.#release(order, order.reserved);
    order.account.working.delete(order.id);
    if (order.sentBy !== undefined) order.sentBy.isTriggered = false;
    this.#count(order.instrument);
    this.#options.onOrder(snapshot(order));
  }

  #cutToPosition(order: WorkingOrder, held: Decimal): void {
    if (held === 0n) {
      this.end(order, 'rejected', nothingToReduce(order.account.ledger, order.instrument, order.side));
    } else if (held < order.size) {
      const [before, after] = [formatDecimal(order.size), formatDecimal(held)];
      addNote(order, `size cut from ${before} to the position of ${after}`);
      order.size = held;
    }
  }

  #takeThenRest(order: WorkingOrder): void {
    const { instrument, side, size, type, timeInForce } = order;
    const pieces = this.#fills.plan({ instrument, side, size, limit: type === 'limit' ? order.price : NaN });
    const planned = pieces.reduce((sum, piece) => sum + piece.size, 0n);
    if (timeInForce === 'FOK' && planned < size) {
      const numbers = `${formatDecimal(planned)} of ${formatDecimal(size)}`;
      this.end(order, 'expired', `fill or kill: ${numbers} to be had at once`);
      return;
    }
    const worst = pieces.at(-1);
    if (timeInForce === 'FOK' && worst !== undefined && !order.isReduceOnly) {
      const means = this.#means(order, worst.price, 'taker');
      if (affordable(order.account.ledger, means) < size) {
        this.#endUnpaid(order, means, this.#free(order));
        return;
      }
    }
    this.#execute(order, pieces, 'taker');
    if (isFinal(order.status)) return;
    if (type !== 'limit') this.end(order, 'cancelled', `book exhausted: ${progress(order)}`);
    else if (timeInForce !== 'GTC') this.end(order, 'expired', `immediate or cancel: ${progress(order)}`);
    else {
      order.status = 'open';
      this.#resting[instrument]!.push(order);
      this.#count(instrument);
      this.#options.onOrder(snapshot(order));
    }
  }

  /** Resting orders that these prices went strictly past, in order of arrival. Allocates only when there are any. */
  #passed(instrument: number, bid: number, ask: number): readonly WorkingOrder[] {
    let passed: WorkingOrder[] | undefined;
    for (const order of this.#resting[instrument]!) {
      if (order.side === 'buy' ? !(ask < order.price) : !(bid > order.price)) continue;
      passed ??= [];
      passed.push(order);
    }
    return passed ?? NONE;
  }

  #seeMark(instrument: number): void {
    if (this.#excursions.count(instrument) === 0) return;
    const price = markPrice(this.#venue.market, instrument);
    if (!Number.isNaN(price)) this.#excursions.see(instrument, price);
  }

  #watch(instrument: number, price: number): void {
    for (const touch of this.#brackets.touched(instrument, price)) this.#options.onTouch(touch, price);
  }

  /**
   * Fills an order with pieces of liquidity, as far as its ledger can pay, and ends it when nothing is left of it or
   * of the money. A maker fills at its own price. Returns the size that was filled.
   */
  #execute(order: WorkingOrder, pieces: readonly Piece[], liquidity: 'maker' | 'taker'): Decimal {
    const { instrument, side, account } = order;
    const before = order.filled;
    const free = this.#free(order);
    for (const piece of pieces) {
      if (isFinal(order.status)) break;
      const means = this.#means(order, liquidity === 'maker' ? order.price : piece.price, liquidity);
      const limit = order.isReduceOnly
        ? reducible(account.ledger, instrument, side)
        : affordable(account.ledger, means);
      const size = least(piece.size, limit);
      // A maker's piece at its own price is the share of a printed trade: the book did not give it.
      const isFromBook = liquidity === 'taker' || piece.price !== order.price;
      if (size > 0n && isFromBook) this.#fills.take(instrument, side, { price: piece.price, size });
      if (size > 0n) this.#fill(order, means, { size, liquidity });
      if (size < piece.size && !isFinal(order.status)) this.#endUnpaid(order, means, free);
    }
    const filled = order.filled - before;
    if (filled > 0n && !isFinal(order.status)) {
      if (order.filled === order.size) this.end(order, 'filled', order.reason);
      else if (order.status === 'open') this.#options.onOrder(snapshot(order));
    }
    return filled;
  }

  /** The money ends before the order does: what was filled stands, and the numbers are said. */
  #endUnpaid(order: WorkingOrder, means: Means, free: Decimal): void {
    if (order.filled === 0n || order.status === 'open') {
      const reason = insufficient(order.size - order.filled, means, free);
      this.end(order, order.status === 'open' ? 'cancelled' : 'rejected', reason);
      return;
    }
    addNote(order, cutNote(order.size, order.filled, free, means.rules.quote));
    order.size = order.filled;
    this.end(order, 'filled', order.reason);
  }

  #fill(
    order: WorkingOrder,
    means: Means,
    { size, liquidity }: Pick<Fill, 'liquidity'> & { size: Decimal },
  ): void {
    const { instrument, account, side } = order;
    const { quote } = means.rules;
    const fee = multiply(multiply(means.price, size), means.rate);
    const booked = { instrument, side, price: means.price, size, quote, fee, feeCurrency: quote };
    const fillMid = markPrice(this.#venue.market, instrument);
    const met = this.#excursions.of(account, instrument);
    const before = account.ledger.position(instrument)?.size ?? 0;
    const realized = account.ledger.applyFill(booked);
    const after = account.ledger.position(instrument)?.size ?? 0;
    this.#excursions.follow(account, instrument, { before, after, markPrice: fillMid });
    this.#release(order, proportion(order.reserved, size, order.size - order.filled));
    order.filled += size;
    assert(order.filled <= order.size, 'an order fills no more than its size');
    this.#brackets.onFill(order, size);
    this.#count(instrument);
    this.#fillCount++;
    this.#options.onFill({
      id: this.#fillCount,
      order: order.id,
      signal: order.signal,
      strategy: account.strategy,
      instrument,
      symbol: order.symbol,
      side,
      price: numberOf(means.price),
      size: numberOf(size),
      fee: formatDecimal(fee),
      feeCurrency: quote,
      liquidity,
      signalMid: order.signalMid,
      arrivalMid: order.arrivalMid,
      fillMid,
      ...met,
      realized: formatDecimal(realized),
    });
    this.#cancelIdle(account, instrument);
  }

  /** Resting orders that only reduce end when the position they would reduce is gone. */
  #cancelIdle(account: Account, instrument: number): void {
    for (const order of this.#resting[instrument]!.slice()) {
      if (order.account !== account || !order.isReduceOnly || order.filled === order.size) continue;
      const held = reducible(account.ledger, instrument, order.side);
      if (held > 0n) continue;
      this.end(order, 'cancelled', nothingToReduce(account.ledger, instrument, order.side));
    }
  }

  /** What this order may spend: the available money and what it reserved itself. */
  #free(order: WorkingOrder): Decimal {
    const priceOf = (instrument: number): number => markPrice(this.#venue.market, instrument);
    return order.account.ledger.available(this.#rules(order).quote, priceOf) + order.reserved;
  }

  /** Gives reserved money back to the ledger. */
  #release(order: WorkingOrder, amount: Decimal): void {
    if (amount === 0n) return;
    order.reserved -= amount;
    order.account.ledger.reserve(this.#rules(order).quote, -amount);
  }

  #means(order: WorkingOrder, price: number, liquidity: 'maker' | 'taker'): Means {
    const { instrument, side, reserved: own } = order;
    const rate = this.#venue.fees.rate(liquidity, instrument);
    const { market } = this.#venue;
    return { market, instrument, rules: this.#rules(order), side, price: decimalOf(price), rate, own };
  }

  #rules(order: WorkingOrder) {
    const rules = this.#venue.market.instrument(order.instrument);
    assert(rules !== undefined, `an instrument whose orders were let in has rules, ${order.symbol} has none`);
    return rules;
  }

  #count(instrument: number): void {
    this.#watchCount[instrument] =
      this.#resting[instrument]!.length +
      this.#brackets.count(instrument) +
      this.#excursions.count(instrument);
  }
}
