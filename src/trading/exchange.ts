// The simulated venue as a strategy's account meets it: signals become orders, orders and cancels travel, limits stop.
// Deterministic: it acts only when called, in the order of the calls, and time is what the caller says it is. `submit`
// and `cancel` only put something on its way, so they are safe inside the callbacks; matching.ts decides what fills.
import { assert } from '../core/assert.ts';
import { absolute, type Decimal, decimalOf, numberOf } from '../core/decimal.ts';
import type { Fill, Order, Side, Signal } from '../core/order.ts';
import { Random } from '../core/random.ts';
import { admit, isReduceOnly, sideOf, type Venue } from './admission.ts';
import { Arrivals } from './arrivals.ts';
import type { Touch } from './brackets.ts';
import type { Calm } from './calm.ts';
import { type CandleStep, stepsTo } from './candle-step.ts';
import type { Excursion } from './excursions.ts';
import { type Balances, Ledger } from './ledger.ts';
import { type MarketView, markPrice } from './market.ts';
import { Matching } from './matching.ts';
import {
  createFees,
  createFills,
  createLatency,
  type FeesConfig,
  type FillsConfig,
  type LatencyConfig,
} from './models.ts';
import { type Affected, type Outage, type OutagePolicy, Outages } from './outages.ts';
import { Rates } from './rates.ts';
import { type Breach, Risk, type RiskConfig, riskSchema, type Worth } from './risk.ts';
import { type Account, addNote, isFinal, remaining, snapshot, type WorkingOrder } from './working.ts';

export type { BookLevels, MarketView } from './market.ts';

export type ExchangeOptions = {
  readonly latency: LatencyConfig;
  readonly fees: FeesConfig;
  readonly fills: FillsConfig;
  /** Of the run; each strategy's latencies are a stream of their own. */
  readonly seed: number;
  /** Instrument numbers are indices into this list. */
  readonly symbols: readonly string[];
  /** Reporting currency: what equity and limits are in. */
  readonly currency: string;
  readonly market: MarketView;
  /** Called after every change of an order's state, with a fresh object. */
  readonly onOrder: (order: Order) => void;
  /** Called after the ledger has booked the fill and before the order's own change is told. */
  readonly onFill: (fill: Fill) => void;
  /** What happens to orders and stops while data of their instrument is missing. Default `hold`. */
  readonly outage?: OutagePolicy;
  /** Called for each order, stop loss and take profit that stands across a gap. */
  readonly onAffected?: (affected: Affected) => void;
  /** Whether market orders of an instrument wait for the next candle's open: it has nothing but candles. Default: none do. */
  readonly waitsForOpen?: (instrument: number) => boolean;
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
  | 'persists'
  | 'size'
  | 'reason'
>;

/** What every order that a bracket or a risk limit sends has in common. */
const EXIT = {
  timeInForce: 'GTC',
  isReduceOnly: true,
  price: Number.NaN,
  stopLoss: Number.NaN,
  takeProfit: Number.NaN,
  sentBy: undefined,
  persists: true,
} as const;

export class Exchange {
  readonly #options: ExchangeOptions;
  readonly #venue: Venue;
  readonly #rates: Rates;
  readonly #matching: Matching;
  readonly #arrivals = new Arrivals();
  readonly #outages: Outages;
  readonly #accounts = new Map<string, Account>();
  /** Orders that have reached the venue and wait for the next candle's open. */
  #atOpen: WorkingOrder[] = [];
  /** Exits that a price inside a candle touches fill there: by when an order got there, the price would be unknown. */
  #isInCandle = false;
  #orders = 0;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    const { market, fills, symbols, currency, onOrder, onFill } = options;
    this.#rates = new Rates({ currency, symbols, market });
    this.#venue = {
      market,
      rates: this.#rates,
      priceAgeMaxUs: fills.priceAgeMaxMs * 1000,
      fillsCrossed: fills.crossed === 'fill',
    };
    this.#matching = new Matching({
      venue: this.#venue,
      fills: createFills(fills, market),
      instruments: symbols.length,
      onOrder,
      onFill,
      onTouch: (touch) => this.#sendExit(touch),
      onBooked: (account) => this.#goOnFlattening(account),
    });
    this.#outages = new Outages({
      policy: options.outage ?? 'hold',
      symbols,
      onAffected: (affected) => options.onAffected?.(affected),
      standing: (instrument) => this.#matching.standing(instrument),
      cancel: (order, reason) => this.#matching.end(order, 'cancelled', reason),
    });
  }

  /** Opens an account for a strategy; returns its ledger. By default 100 USD, the fees of the run, no limits. */
  addStrategy(
    strategy: string,
    options: { readonly balances?: Balances; readonly risk?: RiskConfig; readonly fees?: FeesConfig } = {},
  ): Ledger {
    assert(!this.#accounts.has(strategy), `a strategy has one account, ${strategy} has one already`);
    const { latency, seed, fees, symbols } = this.#options;
    const ledger = new Ledger(options.balances);
    this.#accounts.set(strategy, {
      strategy,
      ledger,
      risk: new Risk(options.risk ?? riskSchema.parse({})),
      latency: createLatency(latency, Random.named(seed, `latency/${strategy}`)),
      fees: createFees(options.fees ?? fees, symbols),
      working: new Map(),
      startWorth: undefined,
    });
    return ledger;
  }

  /** When the next order or cancel reaches the venue, µs; Infinity when none is on its way. */
  get nextDueUs(): number {
    return this.#arrivals.nextDueUs;
  }

  /** The venue's time inside a callback, µs: when the order arrived, or when the market event came. */
  get nowUs(): number {
    return this.#matching.nowUs;
  }

  /** Orders of a strategy that are sent and not yet final. */
  openOrders(strategy: string): number {
    return this.#account(strategy).working.size;
  }

  /** What a strategy's ledger could spend now, its shorts valued at current prices. */
  available(strategy: string, currency: string): Decimal {
    return this.#account(strategy).ledger.available(currency, (i) => markPrice(this.#options.market, i));
  }

  /**
   * What a strategy's ledger is worth now in the reporting currency, and its starting balances then and now; undefined
   * while a rate that this takes is not known.
   */
  worth(strategy: string): Worth | undefined {
    const account = this.#account(strategy);
    const { ledger } = account;
    const priceOf = (instrument: number): number => markPrice(this.#options.market, instrument);
    const equity = this.total(strategy, (currency) => ledger.equity(currency, priceOf));
    const startNow = this.total(strategy, (currency) => ledger.start(currency));
    if (equity === undefined || startNow === undefined) return undefined;
    account.startWorth ??= startNow;
    return { start: account.startWorth, startNow, equity };
  }

  /** An amount in each currency of a strategy's ledger, summed in the reporting currency; undefined without a rate. */
  total(strategy: string, amountIn: (currency: string) => Decimal): Decimal | undefined {
    let total = 0n;
    for (const currency of this.#account(strategy).ledger.currencies()) {
      const amount = this.#rates.convert(amountIn(currency), currency);
      if (amount === undefined) return undefined;
      total += amount;
    }
    return total;
  }

  get rates(): Rates {
    return this.#rates;
  }

  /** Turns a signal into an order that is on its way, or into a rejected one. Returns the order's id. */
  submit(intent: Intent): number {
    const { signal, instrument, nowUs } = intent;
    const account = this.#account(intent.strategy);
    const verdict = admit(this.#venue, { account, signal, instrument, nowUs });
    const draft: Draft = {
      signal: intent.signalId,
      instrument,
      side: sideOf(signal.action),
      type: signal.limit === undefined ? 'market' : 'limit',
      timeInForce: signal.timeInForce ?? 'GTC',
      isReduceOnly: isReduceOnly(signal.action),
      price: verdict.state === 'accepted' ? verdict.limit : (signal.limit ?? Number.NaN),
      stopLoss: signal.stopLoss ?? Number.NaN,
      takeProfit: signal.takeProfit ?? Number.NaN,
      sentBy: undefined,
      persists: false,
      size: verdict.size,
      reason: signal.reason === '' ? 'no reason given' : signal.reason,
    };
    const order = this.#create(account, draft, nowUs);
    if (verdict.state === 'rejected') this.#matching.end(order, 'rejected', verdict.reason);
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

  /** Sends a cancel after each open order of a strategy, but not after those of its stop losses and take profits. */
  cancelAll(strategy: string, nowUs: number, reason: string): void {
    for (const order of this.#account(strategy).working.values()) {
      if (!order.persists) this.#sendCancel(order, nowUs, reason);
    }
  }

  /**
   * Compares a strategy's equity with its limits. From a breach on it may only reduce: its other orders are cancelled,
   * and if so configured its positions are closed until all are. The breach is returned once.
   */
  checkRisk(strategy: string, nowUs: number): Breach | undefined {
    const account = this.#account(strategy);
    const worth = this.worth(strategy);
    const breach = worth === undefined ? undefined : account.risk.checkEquity(worth);
    if (breach === undefined) return undefined;
    for (const order of account.working.values()) {
      if (!order.isReduceOnly) this.#sendCancel(order, nowUs, `risk limit: ${breach.reason}`);
    }
    if (breach.action === 'flatten') this.#flatten(account, nowUs, `risk limit: ${breach.reason}`);
    return breach;
  }

  /** Lets orders and cancels whose time has come reach the venue, each at its own due time. Call before each event. */
  advance(nowUs: number): void {
    for (;;) {
      const arrival = this.#arrivals.take(nowUs);
      if (arrival === undefined) return;
      const { order, dueUs, cancel } = arrival;
      if (cancel === undefined) this.#arrive(order, dueUs);
      else if (!isFinal(order.status)) this.#matching.end(order, 'cancelled', cancel);
    }
  }

  /** The lowest and highest mark price since a strategy's position was opened; NaN when it has none. */
  excursion(strategy: string, instrument: number): Excursion {
    return this.#matching.excursion(this.#account(strategy), instrument);
  }

  /** Of one instrument, the prices strictly between which a trade does nothing here: only beyond need `onTrade` be called. */
  calm(instrument: number): Calm {
    return this.#matching.calm(instrument);
  }

  /**
   * A trade printed. Resting orders whose price it went strictly past fill, together up to its size; stops are
   * compared with its price. Where own orders of both sides fill, those that the taker met come first.
   */
  onTrade(instrument: number, price: number, size: number, takerSide: Side | undefined, nowUs: number): void {
    this.#matching.onTrade(instrument, price, size, takerSide, nowUs);
  }

  /**
   * A candle, where there is nothing else to go by: orders that waited for its open fill there, then resting orders,
   * stops and take profits meet its prices one after the other, exits at the price that touches them, or at the open
   * where that is past it.
   */
  onCandle({ instrument, prices, opens, volume, nowUs, setPrice }: CandleStep): void {
    this.#isInCandle = true;
    let before = Number.NaN;
    // Whatever prices a candle went through, no more than its volume was traded.
    let left = volume;
    for (const [i, price] of prices.entries()) {
      for (const step of stepsTo(price, before, this.#matching.standing(instrument).brackets)) {
        setPrice(step);
        if (i === 0 && opens) this.#open(instrument, nowUs);
        const taken = this.#matching.onTrade(instrument, step, left, undefined, nowUs);
        if (taken > 0n) left = numberOf(decimalOf(left) - taken);
        this.advance(nowUs);
      }
      before = price;
    }
    this.#isInCandle = false;
  }

  #arrive(order: WorkingOrder, dueUs: number): void {
    const waits =
      !this.#isInCandle && order.type !== 'limit' && this.#options.waitsForOpen?.(order.instrument) === true;
    if (waits) this.#atOpen.push(order);
    else this.#matching.arrive(order, dueUs);
  }

  #open(instrument: number, nowUs: number): void {
    const waiting = this.#atOpen.filter((order) => order.instrument === instrument);
    this.#atOpen = this.#atOpen.filter((order) => order.instrument !== instrument);
    for (const order of waiting) if (!isFinal(order.status)) this.#matching.arrive(order, nowUs);
  }

  /** The book changed. Resting orders that the opposite best went strictly past fill from the levels past them. */
  onBook(instrument: number, nowUs: number): void {
    this.#matching.onBook(instrument, nowUs);
  }

  /** The best bid or ask changed where no book is kept. */
  onQuote(instrument: number, nowUs: number): void {
    this.#matching.onBook(instrument, nowUs);
  }

  /** Data of an instrument is missing since `fromUs`: what stands there was not watched meanwhile. */
  onGap(instrument: number, outage: Outage): void {
    this.#outages.begin(instrument, outage);
  }

  /** Data of that channel flows again. */
  onHealed(instrument: number, channel: string): void {
    this.#outages.end(instrument, channel);
  }

  /** The rules of an instrument are new: its currencies, its status. */
  onRules(instrument: number, nowUs: number): void {
    this.#rates.onRules();
    this.#matching.onRules(instrument, nowUs);
  }

  #sendExit({ bracket, type, trigger, price }: Touch): void {
    const { account, instrument, entry, signal, side, size } = bracket;
    const name = type === 'stop' ? 'stop loss' : 'take profit';
    const reason = `${name} ${trigger} of order ${entry} touched at ${price}`;
    bracket.isTriggered = true;
    // A breach that closes all positions has orders over all of them already.
    if (account.risk.breach?.action === 'flatten') return;
    const exit = { ...EXIT, signal, instrument, side, size, reason, type, price: trigger, sentBy: bracket };
    this.#send(this.#create(account, exit, this.#matching.nowUs));
  }

  /** Sends market orders over what no other order that persists will close. */
  #flatten(account: Account, nowUs: number, reason: string): void {
    for (const { instrument, exactSize } of account.ledger.positions()) {
      const side: Side = exactSize > 0n ? 'sell' : 'buy';
      let size = absolute(exactSize);
      for (const order of account.working.values()) {
        const closes = order.persists && order.instrument === instrument && order.side === side;
        if (closes) size -= remaining(order);
      }
      if (size <= 0n) continue;
      const exit = { ...EXIT, signal: 0, instrument, side, size, reason, type: 'market' } as const;
      this.#send(this.#create(account, exit, nowUs));
    }
  }

  /** What filled after a limit had all positions closed is closed as well. */
  #goOnFlattening(account: Account): void {
    const { breach } = account.risk;
    if (breach?.action === 'flatten')
      this.#flatten(account, this.#matching.nowUs, `risk limit: ${breach.reason}`);
  }

  #create(account: Account, draft: Draft, nowUs: number): WorkingOrder {
    this.#orders++;
    return {
      ...draft,
      id: this.#orders,
      account,
      symbol: this.#options.symbols[draft.instrument]!,
      createdUs: nowUs,
      dueUs: nowUs + (this.#isInCandle && draft.sentBy !== undefined ? 0 : account.latency.nextUs()),
      signalMid: markPrice(this.#options.market, draft.instrument),
      arrivalMid: Number.NaN,
      filled: 0n,
      status: 'pending',
      reserved: 0n,
      isCancelling: false,
      isAcrossGap: false,
    };
  }

  #send(order: WorkingOrder, note = '', reserve = 0n): void {
    const { account, instrument } = order;
    addNote(order, note);
    if (reserve > 0n) {
      account.ledger.reserve(this.#options.market.instrument(instrument)!.quote, reserve);
      order.reserved = reserve;
    }
    account.working.set(order.id, order);
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

  #account(strategy: string): Account {
    const account = this.#accounts.get(strategy);
    assert(account !== undefined, `a strategy trades after addStrategy, ${strategy} does not`);
    return account;
  }
}
