// A market of one or two instruments whose state a test sets by hand, over real books, and an exchange on top of it.
import type { Instrument } from '../../src/core/instrument.ts';
import type { Fill, Order, Signal } from '../../src/core/order.ts';
import { Book } from '../../src/market/book.ts';
import { Exchange, type MarketView } from '../../src/trading/exchange.ts';
import type { Balances, Ledger } from '../../src/trading/ledger.ts';
import { feesSchema, fillsSchema, latencySchema } from '../../src/trading/models.ts';
import { riskSchema } from '../../src/trading/risk.ts';

type Level = readonly [price: number, size: number];

export class DeskMarket implements MarketView {
  readonly rules: (Instrument | undefined)[] = [rulesOf('BTC/USD'), rulesOf('ETH/USD')];
  readonly books: (Book | undefined)[] = [];
  readonly last: number[] = [Number.NaN, Number.NaN];
  readonly heardUs: number[] = [Number.NaN, Number.NaN];

  setBook(bids: readonly Level[], asks: readonly Level[], nowUs = 0, instrument = 0): void {
    const book = new Book({ tickSize: this.rules[instrument]!.tickSize });
    for (const [price, size] of bids) book.set(false, price, size);
    for (const [price, size] of asks) book.set(true, price, size);
    book.validate();
    this.books[instrument] = book;
    this.heardUs[instrument] = nowUs;
  }

  instrument(instrument: number): Instrument | undefined {
    return this.rules[instrument];
  }
  book(instrument: number): Book | undefined {
    return this.books[instrument];
  }
  isBookValid(instrument: number): boolean {
    return this.books[instrument]?.isValid ?? false;
  }
  bestBid(instrument: number): number {
    return this.books[instrument]?.bestBid ?? Number.NaN;
  }
  bestAsk(instrument: number): number {
    return this.books[instrument]?.bestAsk ?? Number.NaN;
  }
  mid(instrument: number): number {
    return (this.bestBid(instrument) + this.bestAsk(instrument)) / 2;
  }
  lastPrice(instrument: number): number {
    return this.last[instrument]!;
  }
  priceAgeUs(instrument: number, nowUs: number): number {
    const heardUs = this.heardUs[instrument]!;
    return Number.isNaN(heardUs) ? Number.POSITIVE_INFINITY : nowUs - heardUs;
  }
}

export function rulesOf(symbol: string, over: Partial<Instrument> = {}): Instrument {
  const [base = '', quote = ''] = symbol.split('/');
  const minimums = { tickSize: 0.5, lotSize: 0.01, sizeMin: 0.02, notionalMin: 1 };
  return { symbol, base, quote, ...minimums, status: 'online', isStated: true, ...over };
}

type DeskConfig = {
  readonly seed?: number;
  readonly latency?: unknown;
  readonly fees?: unknown;
  readonly fills?: unknown;
  readonly risk?: unknown;
  readonly balances?: Balances;
};

/** Latency is 1 ms and fees are nought unless a test says otherwise. */
export class Desk {
  readonly market = new DeskMarket();
  readonly orders: Order[] = [];
  readonly fills: Fill[] = [];
  readonly exchange: Exchange;
  readonly ledger: Ledger;
  nowUs = 0;
  #signals = 0;

  constructor(config: DeskConfig = {}) {
    this.exchange = new Exchange({
      latency: latencySchema.parse(config.latency ?? { model: 'fixed', ms: 1 }),
      fees: feesSchema.parse(config.fees ?? { makerBps: 0, takerBps: 0 }),
      fills: fillsSchema.parse(config.fills),
      seed: config.seed ?? 1,
      symbols: ['BTC/USD', 'ETH/USD'],
      currency: 'USD',
      market: this.market,
      onOrder: (order) => this.orders.push(order),
      onFill: (fill) => this.fills.push(fill),
    });
    const risk = riskSchema.parse(config.risk);
    this.ledger = this.exchange.addStrategy('desk', { balances: config.balances ?? { USD: 1000 }, risk });
    this.exchange.addStrategy('other', { balances: { USD: 1000 } });
  }

  /** Sends a signal and returns its order as it stands then. */
  send(signal: Partial<Signal> & Pick<Signal, 'action'>, strategy = 'desk', instrument = 0): Order {
    this.#signals++;
    const full: Signal = { reason: 'test', ...signal };
    this.exchange.submit({ strategy, signalId: this.#signals, signal: full, instrument, nowUs: this.nowUs });
    return this.orders.at(-1)!;
  }

  /** Lets time pass, and what is on its way arrive. */
  pass(us = 1000): void {
    this.nowUs += us;
    this.exchange.advance(this.nowUs);
  }

  /** Sends, waits, and returns the order's last state. */
  trade(signal: Partial<Signal> & Pick<Signal, 'action'>, strategy = 'desk'): Order {
    const { id } = this.send(signal, strategy);
    this.pass();
    return this.order(id);
  }

  /** A trade prints; its price becomes the last. */
  print(price: number, size = 1): void {
    this.market.last[0] = price;
    this.market.heardUs[0] = this.nowUs;
    this.exchange.onTrade(0, price, size, undefined, this.nowUs);
  }

  /** The book of the first instrument is now this one. */
  show(bids: readonly Level[], asks: readonly Level[]): void {
    this.market.setBook(bids, asks, this.nowUs);
    this.exchange.onBook(0, this.nowUs);
  }

  order(id: number): Order {
    return this.orders.findLast((order) => order.id === id)!;
  }
}

/** Bids 99.5 × 1, 99 × 2; asks 100 × 1, 100.5 × 2, 101 × 3. */
export function deskWithBook(config: DeskConfig = {}): Desk {
  const desk = new Desk(config);
  desk.market.setBook(
    [
      [99.5, 1],
      [99, 2],
    ],
    [
      [100, 1],
      [100.5, 2],
      [101, 3],
    ],
  );
  return desk;
}
