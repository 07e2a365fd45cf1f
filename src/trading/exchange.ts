// The simulated venue: orders travel, rest, match and end here. Deterministic: it acts only when called, in the order
// of the calls, and time is what the caller says it is. `submit` and `cancel` only put something on its way, so they
// are safe inside the callbacks; the market's state changes orders in `advance` and in the three `on…` calls.
import { assert } from '../core/assert.ts';
import {
  absolute,
  type Decimal,
  decimalOf,
  formatDecimal,
  least,
  multiply,
  numberOf,
  proportion,
} from '../core/decimal.ts';
import type { Fill, Order, OrderStatus, Side, Signal } from '../core/order.ts';
import { Random } from '../core/random.ts';
import {
  admit,
  affordable,
  cutNote,
  insufficient,
  isReduceOnly,
  type Means,
  marketTrouble,
  nothingToReduce,
  reducible,
  sideOf,
  type Venue,
} from './admission.ts';
import { Arrivals } from './arrivals.ts';
import { Brackets } from './brackets.ts';
import { type Balances, Ledger } from './ledger.ts';
import { type MarketView, markPrice } from './market.ts';
import {
  createFees,
  createFills,
  createLatency,
  type FeesConfig,
  type Fills,
  type FillsConfig,
  type LatencyConfig,
  type Piece,
} from './models.ts';
import { type Breach, Risk, type RiskConfig, riskSchema } from './risk.ts';
import { type Account, addNote, isFinal, progress, snapshot, type WorkingOrder } from './working.ts';

export type { BookLevels, MarketView } from './market.ts';

export type ExchangeOptions = {
  readonly latency: LatencyConfig;
  readonly fees: FeesConfig;
  readonly fills: FillsConfig;
  /** Of the run; each strategy's latencies are a stream of their own. */
  readonly seed: number;
  /** Instrument numbers are indices into this list. */
  readonly symbols: readonly string[];
  readonly market: MarketView;
  /** Called after every change of an order's state, with a fresh object. */
  readonly onOrder: (order: Order) => void;
  /** Called after the ledger has booked the fill and before the order's own change is told. */
  readonly onFill: (fill: Fill) => void;
};

/** A signal on its way to becoming an order. */
export type Intent = {
  readonly strategy: string;
  /** The signal's number in the run. */
  readonly signalId: number;
  readonly signal: Signal;
  readonly instrument: number;
  readonly nowUs: number;
};

/** What an order is made of besides its number and times. */
type Draft = Pick<
  WorkingOrder,
  | 'signal'
  | 'instrument'
  | 'side'
  | 'type'
  | 'timeInForce'
  | 'isReduceOnly'
  | 'price'
  | 'stopLoss'
  | 'takeProfit'
  | 'sentBy'
  | 'size'
  | 'reason'
>;

/** What every order that only closes a position has in common. */
const EXIT = {
  timeInForce: 'GTC',
  isReduceOnly: true,
  price: Number.NaN,
  stopLoss: Number.NaN,
  takeProfit: Number.NaN,
  sentBy: undefined,
} as const;

const NONE: readonly WorkingOrder[] = [];

export class Exchange {
  readonly #options: ExchangeOptions;
  readonly #venue: Venue;
  readonly #fills: Fills;
  readonly #accounts = new Map<string, Account>();
  readonly #arrivals = new Arrivals();
  /** Per instrument, in order of arrival. */
  readonly #resting: WorkingOrder[][];
  readonly #brackets: Brackets;
  /** Per instrument: resting orders and brackets together, the one number that is read per market event. */
  readonly #watchCount: Uint32Array;
  #orders = 0;
  #fillCount = 0;
  #nowUs = Number.NEGATIVE_INFINITY;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    const { market, fees, fills, symbols } = options;
    this.#venue = { market, fees: createFees(fees), priceAgeMaxUs: fills.priceAgeMaxMs * 1000 };
    this.#fills = createFills(fills, market);
    this.#resting = symbols.map(() => []);
    this.#brackets = new Brackets(symbols.length);
    this.#watchCount = new Uint32Array(symbols.length);
  }

  /** Opens an account for a strategy; returns its ledger. `balances` default to 100 USD, `risk` to no limits. */
  addStrategy(
    strategy: string,
    options: { readonly balances?: Balances; readonly risk?: RiskConfig } = {},
  ): Ledger {
    assert(!this.#accounts.has(strategy), `a strategy has one account, ${strategy} has one already`);
    const ledger = new Ledger(options.balances);
    this.#accounts.set(strategy, {
      strategy,
      ledger,
      risk: new Risk(options.risk ?? riskSchema.parse({})),
      latency: createLatency(this.#options.latency, Random.named(this.#options.seed, `latency/${strategy}`)),
      working: new Map(),
    });
    return ledger;
  }

  /** When the next order or cancel reaches the venue, µs; Infinity when none is on its way. */
  get nextDueUs(): number {
    return this.#arrivals.nextDueUs;
  }

  /** The venue's time inside a callback, µs: when the order arrived, or when the market event came. */
  get nowUs(): number {
    return this.#nowUs;
  }

  /** Orders of a strategy that are sent and not yet final. */
  openOrders(strategy: string): number {
    return this.#account(strategy).working.size;
  }

  /** What a strategy's ledger could spend now, its shorts valued at current prices. */
  available(strategy: string, currency: string): Decimal {
    return this.#account(strategy).ledger.available(currency, (i) => markPrice(this.#options.market, i));
  }

  /** What a strategy's ledger is worth now. */
  equity(strategy: string, currency: string): Decimal {
    return this.#account(strategy).ledger.equity(currency, (i) => markPrice(this.#options.market, i));
  }

  /** Turns a signal into an order that is on its way, or into a rejected one. Returns the order's id. */
  submit(intent: Intent): number {
    const { signal, instrument, nowUs } = intent;
    const account = this.#account(intent.strategy);
    const verdict = admit(this.#venue, { ...account, signal, instrument, nowUs });
    const draft: Draft = {
      signal: intent.signalId,
      instrument,
      side: sideOf(signal.action),
      type: signal.limit === undefined ? 'market' : 'limit',
      timeInForce: signal.timeInForce ?? 'GTC',
      isReduceOnly: isReduceOnly(signal.action),
      price: signal.limit ?? Number.NaN,
      stopLoss: signal.stopLoss ?? Number.NaN,
      takeProfit: signal.takeProfit ?? Number.NaN,
      sentBy: undefined,
      size: verdict.size,
      reason: signal.reason === '' ? 'no reason given' : signal.reason,
    };
    const order = this.#create(account, draft, nowUs);
    if (verdict.state === 'rejected') this.#end(order, 'rejected', verdict.reason);
    else this.#send(order, verdict.note, verdict.reserve);
    return order.id;
  }

  /** Sends a cancel after the order. Returns false when the order is final or a cancel is already on its way. */
  cancel(orderId: number, nowUs: number, reason: string): boolean {
    for (const account of this.#accounts.values()) {
      const order = account.working.get(orderId);
      if (order !== undefined) return this.#sendCancel(order, nowUs, reason);
    }
    return false;
  }

  /** Sends a cancel after each open order of a strategy. Stop losses and take profits that wait are kept. */
  cancelAll(strategy: string, nowUs: number, reason: string): void {
    for (const order of this.#account(strategy).working.values()) this.#sendCancel(order, nowUs, reason);
  }

  /** Sends a market order that closes the strategy's position in each instrument. */
  flatten(strategy: string, nowUs: number, reason: string): void {
    const account = this.#account(strategy);
    for (const { instrument, exactSize } of account.ledger.positions()) {
      if (exactSize === 0n) continue;
      const size = absolute(exactSize);
      const side: Side = exactSize > 0n ? 'sell' : 'buy';
      const exit = { ...EXIT, signal: 0, instrument, side, size, reason, type: 'market' } as const;
      this.#send(this.#create(account, exit, nowUs));
    }
  }

  /**
   * Compares a strategy's equity with its limits. At a breach its orders are cancelled, its positions closed if so
   * configured, and every later order is refused. The breach is returned once.
   */
  checkRisk(strategy: string, nowUs: number): Breach | undefined {
    const { ledger, risk } = this.#account(strategy);
    const breach = risk.checkEquity(ledger.start(ledger.currency), this.equity(strategy, ledger.currency));
    if (breach === undefined) return undefined;
    this.cancelAll(strategy, nowUs, `risk limit: ${breach.reason}`);
    if (breach.action === 'flatten') this.flatten(strategy, nowUs, `risk limit: ${breach.reason}`);
    return breach;
  }

  /** Lets orders and cancels whose time has come reach the venue, each at its own due time. Call before each event. */
  advance(nowUs: number): void {
    for (;;) {
      const arrival = this.#arrivals.take(nowUs);
      if (arrival === undefined) return;
      assert(arrival.dueUs >= this.#nowUs, 'time never goes back');
      this.#nowUs = arrival.dueUs;
      if (arrival.cancel === undefined) this.#arrive(arrival.order);
      else if (!isFinal(arrival.order.status)) this.#end(arrival.order, 'cancelled', arrival.cancel);
    }
  }

  /**
   * A trade printed. Resting orders whose price it went strictly past fill, together up to its size; stops are
   * compared with its price. The taker's side is for queue models to come.
   */
  onTrade(
    instrument: number,
    price: number,
    size: number,
    _takerSide: Side | undefined,
    nowUs: number,
  ): void {
    if (this.#watchCount[instrument] === 0) return;
    this.#nowUs = nowUs;
    let left = size > 0 ? decimalOf(size) : 0n;
    for (const order of this.#passed(instrument, price, price)) {
      const wanted = least(left, order.size - order.filled);
      if (wanted > 0n) left -= this.#execute(order, [{ price: order.price, size: wanted }], 'maker');
    }
    this.#watch(instrument, price);
  }

  /** The book changed. Resting orders that the opposite best went strictly past fill from the levels past them. */
  onBook(instrument: number, nowUs: number): void {
    this.#fills.onBook(instrument);
    if (this.#watchCount[instrument] === 0) return;
    const { market } = this.#options;
    if (market.book(instrument) !== undefined && !market.isBookValid(instrument)) return;
    this.#nowUs = nowUs;
    for (const order of this.#passed(instrument, market.bestBid(instrument), market.bestAsk(instrument))) {
      const { side, price: limit } = order;
      const pieces = this.#fills.plan({ instrument, side, size: order.size - order.filled, limit });
      this.#execute(
        order,
        pieces.filter((piece) => piece.price !== limit),
        'maker',
      );
    }
    if (Number.isNaN(market.lastPrice(instrument))) this.#watch(instrument, market.mid(instrument));
  }

  /** The best bid or ask changed where no book is kept. */
  onQuote(instrument: number, nowUs: number): void {
    this.onBook(instrument, nowUs);
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

  #watch(instrument: number, price: number): void {
    for (const { bracket, type, trigger } of this.#brackets.touched(instrument, price)) {
      const { account, signal } = bracket.entry;
      const { side } = bracket;
      const size = least(bracket.size, reducible(account.ledger, instrument, side));
      const name = type === 'stop' ? 'stop loss' : 'take profit';
      const reason = `${name} ${trigger} of order ${bracket.entry.id} touched at ${price}`;
      bracket.isTriggered = true;
      const exit = { ...EXIT, signal, instrument, side, size, reason, type, price: trigger, sentBy: bracket };
      this.#send(this.#create(account, exit, this.#nowUs));
    }
  }

  /** The order reaches the venue. */
  #arrive(order: WorkingOrder): void {
    const { instrument, side, timeInForce, account } = order;
    const trouble = marketTrouble(this.#venue, instrument, this.#nowUs);
    if (trouble !== undefined) return this.#end(order, 'rejected', trouble);
    if (order.isReduceOnly) {
      const held = reducible(account.ledger, instrument, side);
      if (held === 0n) return this.#end(order, 'rejected', nothingToReduce(account.ledger, instrument, side));
      if (held < order.size) {
        addNote(
          order,
          `size cut from ${formatDecimal(order.size)} to the position of ${formatDecimal(held)}`,
        );
        order.size = held;
      }
    }
    const limit = order.type === 'limit' ? order.price : Number.NaN;
    const pieces = this.#fills.plan({ instrument, side, size: order.size, limit });
    if (timeInForce === 'FOK') {
      const planned = pieces.reduce((sum, piece) => sum + piece.size, 0n);
      if (planned < order.size) {
        const numbers = `${formatDecimal(planned)} of ${formatDecimal(order.size)}`;
        return this.#end(order, 'expired', `fill or kill: ${numbers} to be had at once`);
      }
    }
    this.#execute(order, pieces, 'taker');
    if (isFinal(order.status)) return;
    if (order.type !== 'limit') return this.#end(order, 'cancelled', `book exhausted: ${progress(order)}`);
    if (timeInForce !== 'GTC') return this.#end(order, 'expired', `immediate or cancel: ${progress(order)}`);
    order.status = 'open';
    this.#resting[instrument]!.push(order);
    this.#count(instrument);
    this.#options.onOrder(snapshot(order));
  }

  /**
   * Fills an order with pieces of liquidity, as far as its ledger can pay, and ends it when nothing is left or the
   * money is. A maker fills at its own price. Returns the size that was filled.
   */
  #execute(order: WorkingOrder, pieces: readonly Piece[], liquidity: 'maker' | 'taker'): Decimal {
    const before = order.filled;
    for (const piece of pieces) {
      if (isFinal(order.status)) break;
      const price = liquidity === 'maker' ? order.price : piece.price;
      const means = this.#means(order, price, liquidity);
      const size = order.isReduceOnly
        ? piece.size
        : least(piece.size, affordable(order.account.ledger, means));
      if (size > 0n) this.#fill(order, { price, size }, liquidity);
      if (size > 0n) this.#fills.take(order.instrument, order.side, { price: piece.price, size });
      if (size < piece.size) this.#endUnpaid(order, means);
    }
    const filled = order.filled - before;
    if (isFinal(order.status) || filled === 0n) return filled;
    if (order.filled === order.size) this.#end(order, 'filled', order.reason);
    else if (order.status === 'open') this.#options.onOrder(snapshot(order));
    return filled;
  }

  /** The money ends before the order does: what was filled stands, and the numbers are said. */
  #endUnpaid(order: WorkingOrder, means: Means): void {
    const free = this.available(order.account.strategy, means.rules.quote) + order.reserved;
    if (order.filled === 0n) {
      const reason = insufficient(order.size, means, free);
      return this.#end(order, order.status === 'open' ? 'cancelled' : 'rejected', reason);
    }
    addNote(order, cutNote(order.size, order.filled, free, means.rules.quote));
    order.size = order.filled;
    this.#end(order, 'filled', order.reason);
  }

  #fill(order: WorkingOrder, { price, size }: Piece, liquidity: 'maker' | 'taker'): void {
    const { instrument, account, side } = order;
    const { rules, price: exactPrice, rate } = this.#means(order, price, liquidity);
    const fee = multiply(multiply(exactPrice, size), rate);
    const { quote } = rules;
    const fillMid = markPrice(this.#options.market, instrument);
    const booked = { instrument, side, price: exactPrice, size, quote, fee, feeCurrency: quote };
    const realized = account.ledger.applyFill(booked);
    this.#release(order, proportion(order.reserved, size, order.size - order.filled));
    order.filled += size;
    assert(order.filled <= order.size, 'an order fills no more than its size');
    this.#brackets.onFill(order, size);
    this.#fillCount++;
    this.#options.onFill({
      id: this.#fillCount,
      order: order.id,
      signal: order.signal,
      strategy: account.strategy,
      instrument,
      symbol: order.symbol,
      side,
      price,
      size: numberOf(size),
      fee: formatDecimal(fee),
      feeCurrency: quote,
      liquidity,
      signalMid: order.signalMid,
      fillMid,
      realized: formatDecimal(realized),
    });
    this.#cancelIdle(account, instrument);
    this.#count(instrument);
  }

  /** Resting orders that only reduce end when the position they would reduce is gone. */
  #cancelIdle(account: Account, instrument: number): void {
    for (const order of this.#resting[instrument]!.slice()) {
      if (order.account !== account || !order.isReduceOnly || order.filled === order.size) continue;
      const held = reducible(account.ledger, instrument, order.side);
      if (held === 0n) this.#end(order, 'cancelled', nothingToReduce(account.ledger, instrument, order.side));
    }
  }

  #create(account: Account, draft: Draft, nowUs: number): WorkingOrder {
    this.#orders++;
    return {
      ...draft,
      id: this.#orders,
      account,
      symbol: this.#options.symbols[draft.instrument]!,
      createdUs: nowUs,
      dueUs: nowUs + account.latency.nextUs(),
      signalMid: markPrice(this.#options.market, draft.instrument),
      filled: 0n,
      status: 'pending',
      reserved: 0n,
      isCancelling: false,
    };
  }

  #send(order: WorkingOrder, note = '', reserve = 0n): void {
    addNote(order, note);
    this.#release(order, -reserve);
    order.account.working.set(order.id, order);
    this.#arrivals.add({ dueUs: order.dueUs, order, cancel: undefined });
    this.#options.onOrder(snapshot(order));
  }

  /** A cancel never overtakes its order. */
  #sendCancel(order: WorkingOrder, nowUs: number, cancel: string): boolean {
    if (order.isCancelling) return false;
    order.isCancelling = true;
    const dueUs = Math.max(nowUs + order.account.latency.nextUs(), order.dueUs);
    this.#arrivals.add({ dueUs, order, cancel });
    return true;
  }

  #end(order: WorkingOrder, status: OrderStatus, reason: string): void {
    assert(!isFinal(order.status), 'an order ends once');
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

  /** Gives reserved money back to the ledger; a negative amount reserves it. */
  #release(order: WorkingOrder, amount: Decimal): void {
    if (amount === 0n) return;
    const quote = this.#options.market.instrument(order.instrument)!.quote;
    order.reserved -= amount;
    order.account.ledger.reserve(quote, -amount);
  }

  #means(order: WorkingOrder, price: number, liquidity: 'maker' | 'taker'): Means {
    const { market } = this.#options;
    const { instrument, side, reserved: own } = order;
    const rules = market.instrument(instrument)!;
    const rate = this.#venue.fees.rate(liquidity, instrument);
    return { market, instrument, rules, side, price: decimalOf(price), rate, own };
  }

  #count(instrument: number): void {
    this.#watchCount[instrument] = this.#resting[instrument]!.length + this.#brackets.count(instrument);
  }

  #account(strategy: string): Account {
    const account = this.#accounts.get(strategy);
    assert(account !== undefined, `a strategy trades after addStrategy, ${strategy} does not`);
    return account;
  }
}
