// What the world is at this event, per instrument: rules, book, best quote, last trade, and when each was heard of.
// A book is trusted from the end of a snapshot until a gap; between, its rows are applied but nothing is read off it.
import { assert } from '../core/assert.ts';
import { type EventBatch, Flag, NO_INSTRUMENT, type StatusDetail } from '../core/event.ts';
import { losesFrames } from '../core/frame.ts';
import { type Instrument, splitSymbol } from '../core/instrument.ts';
import { Book } from '../market/book.ts';
import type { MarketView } from '../trading/market.ts';

/** Fine enough for any price until the venue states its rules; a book on it is correct, only slower. */
const UNSTATED_STEP = 1e-8;

export class Market {
  readonly symbol: string;
  rules: Instrument;
  /** Undefined until the first level of a book. */
  book: Book | undefined = undefined;
  lastPrice = Number.NaN;
  /** Engine time at which any price of this instrument was last heard of, µs; NaN before. */
  pricedUs = Number.NaN;
  #tickerBid = Number.NaN;
  #tickerBidSize = Number.NaN;
  #tickerAsk = Number.NaN;
  #tickerAskSize = Number.NaN;
  /** A snapshot has begun; its last row makes the book valid. */
  #inSnapshot = false;

  constructor(symbol: string) {
    this.symbol = symbol;
    this.rules = {
      symbol,
      ...splitSymbol(symbol),
      tickSize: UNSTATED_STEP,
      lotSize: UNSTATED_STEP,
      sizeMin: 0,
      notionalMin: 0,
      status: 'online',
      isStated: false,
    };
  }

  get isBookValid(): boolean {
    return this.book?.isValid === true;
  }

  /** Best prices: from the book where one is kept and valid, else from the ticker. NaN when unknown. */
  get bid(): number {
    return this.book?.isValid ? this.book.bestBid : this.#tickerBid;
  }
  get bidSize(): number {
    return this.book?.isValid ? this.book.bestBidSize : this.#tickerBidSize;
  }
  get ask(): number {
    return this.book?.isValid ? this.book.bestAsk : this.#tickerAsk;
  }
  get askSize(): number {
    return this.book?.isValid ? this.book.bestAskSize : this.#tickerAskSize;
  }
  /** Halfway between best bid and ask; NaN while either is missing. */
  get mid(): number {
    return (this.bid + this.ask) / 2;
  }

  applyLevel(batch: EventBatch, row: number): void {
    const flags = batch.flags[row]!;
    let book = this.book;
    if (book === undefined) book = this.book = new Book({ tickSize: this.rules.tickSize });
    if ((flags & Flag.clear) !== 0) {
      book.clear();
      this.#inSnapshot = true;
    }
    book.set((flags & Flag.ask) !== 0, batch.price[row]!, batch.size[row]!);
    if ((flags & Flag.last) === 0) return;
    if (this.#inSnapshot) {
      this.#inSnapshot = false;
      book.validate();
    }
    this.pricedUs = batch.receivedUs[row]!;
  }

  applyTrade(price: number, nowUs: number): void {
    this.lastPrice = price;
    this.pricedUs = nowUs;
  }

  applyQuote(batch: EventBatch, row: number): void {
    this.#tickerBid = batch.price[row]!;
    this.#tickerBidSize = batch.size[row]!;
    this.#tickerAsk = batch.price2[row]!;
    this.#tickerAskSize = batch.size2[row]!;
    this.pricedUs = batch.receivedUs[row]!;
  }

  /** New rules; a book on another tick size is laid anew with the same levels. */
  applyRules(rules: Instrument): void {
    assert(rules.symbol === this.symbol, 'rules are of the instrument they are applied to');
    this.rules = rules;
    const old = this.book;
    if (old === undefined || old.tickSize === rules.tickSize) return;
    const book = new Book({ tickSize: rules.tickSize });
    for (const isAsk of [false, true]) {
      const count = isAsk ? old.askCount : old.bidCount;
      for (let i = 0; i < count; i++) book.set(isAsk, old.priceAt(isAsk, i), old.sizeAt(isAsk, i));
    }
    if (old.isValid) book.validate();
    this.book = book;
  }

  /** Distrusts the book until its next snapshot. */
  invalidate(): void {
    this.book?.invalidate();
    this.#inSnapshot = false;
  }
}

/** Whether a status means that a book is wrong from here on: a gap in it, or a lost connection. */
export function breaksBook(status: StatusDetail): boolean {
  if (status.state === 'gap') return status.channel === 'book' || status.channel === '';
  return status.state === 'control' && losesFrames(status.control);
}

/** Whether a status means that trades go missing from here on. */
export function breaksTrades(status: StatusDetail): boolean {
  return status.state === 'control' && losesFrames(status.control);
}

/** Whether a status means that trades are heard from here on: they were subscribed, or a hole in them has ended. */
export function bringsTrades(status: StatusDetail): boolean {
  return (status.state === 'subscribed' || status.state === 'gap') && status.channel === 'trade';
}

/** The markets as the simulated venue sees them: instruments by number. */
export class Markets implements MarketView {
  readonly all: readonly Market[];

  constructor(symbols: readonly string[]) {
    this.all = symbols.map((symbol) => new Market(symbol));
  }

  instrument(instrument: number): Instrument {
    return this.#at(instrument).rules;
  }
  bestBid(instrument: number): number {
    return this.#at(instrument).bid;
  }
  bestAsk(instrument: number): number {
    return this.#at(instrument).ask;
  }
  mid(instrument: number): number {
    return this.#at(instrument).mid;
  }
  lastPrice(instrument: number): number {
    return this.#at(instrument).lastPrice;
  }
  priceAgeUs(instrument: number, nowUs: number): number {
    const { pricedUs } = this.#at(instrument);
    return Number.isNaN(pricedUs) ? Number.POSITIVE_INFINITY : nowUs - pricedUs;
  }
  isBookValid(instrument: number): boolean {
    return this.#at(instrument).isBookValid;
  }
  book(instrument: number): Book | undefined {
    return this.#at(instrument).book;
  }

  applyRules(instrument: number, rules: Instrument): void {
    this.#at(instrument).applyRules(rules);
  }

  /** Distrusts the book a status speaks of; those of all instruments when it names none. */
  invalidate(instrument: number): void {
    if (instrument === NO_INSTRUMENT) for (const market of this.all) market.invalidate();
    else this.#at(instrument).invalidate();
  }

  #at(instrument: number): Market {
    const market = this.all[instrument];
    assert(market !== undefined, 'an instrument number is an index into the symbols of the run');
    return market;
  }
}
