// What the world is at this event, per instrument: rules, book, best quote, last trade, and when each was heard of.
// No price is made up: a missing side is NaN, a book counts from the end of a snapshot until a gap or a level it had to
// refuse, a ticker until it is too old or its stream has a gap.

import { assert } from '../core/assert.ts';
import { type EventBatch, EventKind, Flag, NO_INSTRUMENT, type StatusDetail } from '../core/event.ts';
import { losesFrames } from '../core/frame.ts';
import { type Instrument, splitSymbol } from '../core/instrument.ts';
import { ourChannel } from '../core/session.ts';
import { Book, isTickSize } from '../market/book.ts';
import type { MarketView } from '../trading/market.ts';

/** Assumed while nobody has stated a step: fine enough to move no price and no size that anybody notices. */
const UNSTATED_STEP = 1e-8;

/** Where engine time stands, µs. */
export type PriceClock = { readonly nowUs: number };

/** Something about a book that the run log is to tell. */
export type BookNotice = {
  readonly symbol: string;
  readonly what: 'crossed' | 'refused' | 'off tick';
  readonly count: number;
  readonly detail: string;
};

export class Market {
  readonly symbol: string;
  rules: Instrument;
  /** Undefined until the first level of a book. */
  book: Book | undefined = undefined;
  lastPrice = Number.NaN;
  /** Of a perpetual, as the venue said last: rate of the period as a fraction, when it is paid, µs. NaN until then. */
  fundingRate = Number.NaN;
  fundingDueUs = Number.NaN;
  /** Open contracts, base currency. */
  openInterest = Number.NaN;
  /** The price at which the venue values positions, and that of the index under it. */
  statedMark = Number.NaN;
  indexPrice = Number.NaN;
  /** What the last message did to the book that has not been told yet. */
  notice: BookNotice | undefined = undefined;
  /** Messages after which the valid book was crossed. */
  crossedCount = 0;
  readonly #clock: PriceClock;
  readonly #priceAgeMaxUs: number;
  // Engine times at which each stream was heard of last, µs; NaN before, and from a gap in it until it is heard again.
  #tradedUs = Number.NaN;
  #bookedUs = Number.NaN;
  #quotedUs = Number.NaN;
  /** A level or a ticker was heard of: while none is, each trade need not look for a bid and an ask. */
  #isQuoted = false;
  #tickerBid = Number.NaN;
  #tickerBidSize = Number.NaN;
  #tickerAsk = Number.NaN;
  #tickerAskSize = Number.NaN;
  /** A snapshot has begun; its last row makes the book valid. */
  #inSnapshot = false;
  #isCrossed = false;
  #zeroPrices = 0;
  #isOffTickTold = false;

  constructor(symbol: string, clock: PriceClock, priceAgeMaxUs: number) {
    this.symbol = symbol;
    this.#clock = clock;
    this.#priceAgeMaxUs = priceAgeMaxUs;
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

  /** Levels without a usable price or size. */
  get refusedCount(): number {
    return (this.book?.refusedCount ?? 0) + this.#zeroPrices;
  }

  /** Best prices: from the book where one is kept and valid, else from a fresh ticker. NaN when there is none. */
  get bid(): number {
    return this.book?.isValid ? this.book.bestBid : this.#ofTicker(this.#tickerBid);
  }
  get bidSize(): number {
    return this.book?.isValid ? this.book.bestBidSize : this.#ofTicker(this.#tickerBidSize);
  }
  get ask(): number {
    return this.book?.isValid ? this.book.bestAsk : this.#ofTicker(this.#tickerAsk);
  }
  get askSize(): number {
    return this.book?.isValid ? this.book.bestAskSize : this.#ofTicker(this.#tickerAskSize);
  }
  /** Halfway between best bid and ask; NaN while either is missing. */
  get mid(): number {
    return this.#isQuoted ? this.#middle() : Number.NaN;
  }

  #middle(): number {
    const { book } = this;
    if (book?.isValid) return (book.bestBid + book.bestAsk) / 2;
    return this.#ofTicker((this.#tickerBid + this.#tickerAsk) / 2);
  }

  /** When any price was heard of last, µs; NaN before the first, and while every stream of prices has a gap. */
  get pricedUs(): number {
    let pricedUs = this.#tradedUs;
    // NaN, never heard, is above nothing.
    if (!(pricedUs >= this.#bookedUs) && this.#bookedUs >= 0) pricedUs = this.#bookedUs;
    if (!(pricedUs >= this.#quotedUs) && this.#quotedUs >= 0) pricedUs = this.#quotedUs;
    return pricedUs;
  }

  /** What the ticker says, unless it is too old or its stream has a gap: then it says nothing. */
  #ofTicker(value: number): number {
    return this.#clock.nowUs - this.#quotedUs <= this.#priceAgeMaxUs ? value : Number.NaN;
  }

  applyLevel(batch: EventBatch, row: number): void {
    const flags = batch.flags[row]!;
    let book = this.book;
    if (book === undefined) {
      book = this.book = new Book({ tickSize: statedTick(this.rules) });
      this.#isQuoted = true;
    }
    if ((flags & Flag.clear) !== 0) {
      book.clear();
      this.#inSnapshot = true;
    }
    const price = batch.price[row]!;
    const size = batch.size[row]!;
    // A price of 0 is none.
    if (price === 0 || !book.set((flags & Flag.ask) !== 0, price, size)) this.#refuse(book, price, size);
    if ((flags & Flag.last) === 0) return;
    if (this.#inSnapshot) {
      this.#inSnapshot = false;
      book.validate();
    }
    this.#bookedUs = batch.receivedUs[row]!;
    if (book.isCrossed || this.#isCrossed) this.#followCrossing(book);
    if (book.offTickCount > 0 && !this.#isOffTickTold) this.#tellOffTick(book);
  }

  takeNotice(): BookNotice {
    const { notice } = this;
    assert(notice !== undefined, 'a notice is taken once');
    this.notice = undefined;
    return notice;
  }

  /** The counts so far of what was told of the book when it began. */
  counts(): readonly BookNotice[] {
    const { symbol, crossedCount, refusedCount } = this;
    const counted = {
      crossed: crossedCount,
      refused: refusedCount,
      'off tick': this.book?.offTickCount ?? 0,
    };
    return Object.entries(counted)
      .filter(([, count]) => count > 0)
      .map(([what, count]) => ({
        ...{ symbol, what: what as BookNotice['what'], count },
        detail: 'over the whole run',
      }));
  }

  /** Whether orders fill, or stops are touched, by what comes on a channel: by a ticker only where no book is kept. */
  isPricedBy(channel: string): boolean {
    return ourChannel(channel) === 'quote' ? this.book === undefined : channel !== 'instrument';
  }

  applyTrade(price: number, nowUs: number): void {
    this.lastPrice = price;
    this.#tradedUs = nowUs;
  }

  /** What a venue says of a contract besides its trades: funding, open interest, mark price. */
  applyContract(batch: EventBatch, row: number): void {
    const price = batch.price[row]!;
    switch (batch.kind[row]) {
      case EventKind.funding:
        this.fundingRate = price;
        this.fundingDueUs = batch.id[row]!;
        return;
      case EventKind.interest:
        this.openInterest = batch.size[row]!;
        return;
      case EventKind.mark:
        this.statedMark = price;
        this.indexPrice = batch.price2[row] === 0 ? Number.NaN : batch.price2[row]!;
    }
  }

  applyQuote(batch: EventBatch, row: number): void {
    const bid = batch.price[row]!;
    const ask = batch.price2[row]!;
    // A venue writes 0 where a side is empty.
    this.#tickerBid = bid === 0 ? Number.NaN : bid;
    this.#tickerBidSize = bid === 0 ? Number.NaN : batch.size[row]!;
    this.#tickerAsk = ask === 0 ? Number.NaN : ask;
    this.#tickerAskSize = ask === 0 ? Number.NaN : batch.size2[row]!;
    this.#quotedUs = batch.receivedUs[row]!;
    this.#isQuoted = true;
  }

  /**
   * New rules. The book keeps its levels on whatever grid holds them. Steps that nobody stated were read off digits:
   * the true ones may be finer, so they round nothing. Returns what of the rules cannot be used.
   */
  applyRules(rules: Instrument): string | undefined {
    assert(rules.symbol === this.symbol, 'rules are of the instrument they are applied to');
    const { isStated, tickSize, lotSize } = rules;
    const canTick = isTickSize(tickSize);
    const canLot = isTickSize(lotSize);
    this.rules = {
      ...rules,
      tickSize: isStated && canTick ? tickSize : finest(tickSize),
      lotSize: isStated && canLot ? lotSize : finest(lotSize),
    };
    if (isStated && canTick) {
      this.book?.restate(tickSize);
      this.#isOffTickTold = false;
    }
    if (!canTick) return `a tick size of ${tickSize}`;
    return canLot ? undefined : `a lot size of ${lotSize}`;
  }

  /** Data of a stream is missing from here on: what it said last is no price any more. */
  interrupt(channel: string): void {
    if (channel === 'book' || channel === '') {
      this.book?.invalidate();
      this.#inSnapshot = false;
      this.#bookedUs = Number.NaN;
    }
    if (ourChannel(channel) === 'quote' || channel === '') this.#quotedUs = Number.NaN;
    if (channel === 'trade' || channel === '') this.#tradedUs = Number.NaN;
  }

  /** A level is missing now, so the book is not the venue's until its next snapshot. */
  #refuse(book: Book, price: number, size: number): void {
    const wasTrusted = book.isValid || this.#inSnapshot;
    if (price === 0) this.#zeroPrices++;
    book.invalidate();
    this.#inSnapshot = false;
    this.#bookedUs = Number.NaN;
    if (!wasTrusted) return;
    const detail = `price ${price}, size ${size}: the book is invalid until its next snapshot`;
    this.notice = { symbol: this.symbol, what: 'refused', count: this.refusedCount, detail };
  }

  #followCrossing(book: Book): void {
    const wasCrossed = this.#isCrossed;
    this.#isCrossed = book.isValid && book.isCrossed;
    if (!this.#isCrossed) return;
    this.crossedCount++;
    if (!wasCrossed) {
      const detail = `bid ${book.bestBid} at or above ask ${book.bestAsk}`;
      this.notice = { symbol: this.symbol, what: 'crossed', count: this.crossedCount, detail };
    }
  }

  #tellOffTick(book: Book): void {
    this.#isOffTickTold = true;
    const detail = `a level between the stated ticks of ${book.tickSize} is kept where it is`;
    this.notice = { symbol: this.symbol, what: 'off tick', count: book.offTickCount, detail };
  }
}

/** The tick that a book is laid on; undefined where nobody has stated one that can be used. */
function statedTick({ isStated, tickSize }: Instrument): number | undefined {
  return isStated && isTickSize(tickSize) ? tickSize : undefined;
}

/** A step that rounds nothing at the digits seen so far, nor ten times finer. */
function finest(seen: number): number {
  return isTickSize(seen / 10) ? Math.min(UNSTATED_STEP, seen / 10) : UNSTATED_STEP;
}

/** Of which channel a status says that data is missing from here on; '' is every channel, undefined none. */
export function interruptedBy(status: StatusDetail): string | undefined {
  if (status.state === 'gap') return status.channel;
  // The first version told no gap of trades and quotes: a lost connection stands for all of them.
  return status.state === 'control' && losesFrames(status.control) ? '' : undefined;
}

/** Whether a status means that trades are heard from here on: they were subscribed, or a hole in them has ended. */
export function bringsTrades(status: StatusDetail): boolean {
  if (status.state === 'subscribed' || status.state === 'healed') return status.channel === 'trade';
  return status.state === 'gap' && status.channel === 'trade' && status.fromUs === undefined;
}

/** The markets as the simulated venue sees them: instruments by number. */
export class Markets implements MarketView {
  readonly all: readonly Market[];

  constructor(symbols: readonly string[], clock: PriceClock, priceAgeMaxUs: number) {
    this.all = symbols.map((symbol) => new Market(symbol, clock, priceAgeMaxUs));
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
    return this.all[instrument]!.mid;
  }
  lastPrice(instrument: number): number {
    return this.all[instrument]!.lastPrice;
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

  finalNotices(): readonly BookNotice[] {
    return this.all.flatMap((market) => market.counts());
  }

  /** Returns what of the rules cannot be used. */
  applyRules(instrument: number, rules: Instrument): string | undefined {
    return this.#at(instrument).applyRules(rules);
  }

  /** Data of a channel is missing from here on, of one instrument or (NO_INSTRUMENT) of all; '' is every channel. */
  interrupt(instrument: number, channel: string): void {
    if (instrument === NO_INSTRUMENT) for (const market of this.all) market.interrupt(channel);
    else this.#at(instrument).interrupt(channel);
  }

  #at(instrument: number): Market {
    const market = this.all[instrument];
    assert(market !== undefined, 'an instrument number is an index into the symbols of the run');
    return market;
  }
}
