// The decoder of a venue that is read by JSON.parse, all but what is the venue's own: which connections are open and what
// the end of one costs, gaps, books, ids of trades, instruments, answers to subscriptions, and what the last record asks
// for. A venue hands in how one frame is read, and says what it found by the methods here.
import {
  type CandleDetail,
  type EventBatch,
  EventKind,
  Flag,
  NO_INSTRUMENT,
  type StatusDetail,
} from '../core/event.ts';
import {
  type Control,
  decodeControl,
  type JournalRecord,
  RecordKind,
  type VenueSession,
} from '../core/frame.ts';
import type { Instrument } from '../core/instrument.ts';
import { type BookMessage, type BookRules, Books } from './books.ts';
import { shortened } from './fields.ts';
import { type Loss, StreamGaps } from './gaps.ts';
import { emitUnknown, type FrameReader, guardFrame } from './guard.ts';
import { Instruments } from './instruments.ts';
import type { Action, BookChecks, Decoder } from './venue.ts';

export type FeedRules = {
  /** Those that carry data of an instrument. */
  readonly channels: readonly string[];
  readonly books?: BookRules;
  /** Whether ids of trades rise by one, rise, or say nothing. */
  readonly tradeIds: 'consecutive' | 'rising' | 'none';
};

export type FeedTrade = {
  readonly price: number;
  readonly size: number;
  /** The taker's; undefined where the venue does not say. */
  readonly side?: 'buy' | 'sell';
  readonly id?: number;
  readonly exchangeUs: number;
};

const NOTHING: readonly Action[] = [];

export class Feed implements Decoder, FrameReader {
  readonly instruments: Instruments;
  readonly books: Books;
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #symbols: readonly string[];
  readonly #gaps: StreamGaps;
  readonly #rules: FeedRules;
  readonly #asks: Action[] = [];
  readonly #read: (feed: Feed, record: JournalRecord, out: EventBatch) => void;
  /** Connections that are open, and the plan of each. */
  readonly #open = new Map<number, number>();
  readonly #lastIds: Float64Array;
  /** The last number of each connection, where the venue counts its messages. */
  readonly #counts = new Map<number, number>();

  /** `read` reads one text frame or answer; what it cannot read it throws at before it has said anything. */
  constructor(
    { symbols }: VenueSession,
    rules: FeedRules,
    read: (feed: Feed, record: JournalRecord, out: EventBatch) => void,
  ) {
    this.#symbols = symbols;
    this.#numbers = new Map(symbols.map((symbol, number) => [symbol, number]));
    this.#rules = rules;
    this.#read = read;
    this.#gaps = new StreamGaps({ symbols }, rules.channels);
    this.instruments = new Instruments(symbols);
    this.books = new Books(symbols.length, rules.books ?? {}, this.#gaps, this.#asks);
    this.#lastIds = new Float64Array(symbols.length).fill(Number.NaN);
  }

  get bookChecks(): readonly BookChecks[] {
    return this.books.checks;
  }

  takeAsks(): readonly Action[] {
    return this.#asks.length === 0 ? NOTHING : this.#asks.splice(0);
  }

  decode(record: JournalRecord, out: EventBatch): void {
    this.#asks.length = 0;
    switch (record.kind) {
      case RecordKind.text:
      case RecordKind.answer:
        if (!this.#open.has(record.connection)) this.#enter(record, 0, out);
        guardFrame(this, record, out);
        this.#gaps.frame(record);
        return;
      case RecordKind.binary:
        emitUnknown('binary frame', record, out);
        this.#gaps.frame(record);
        return;
      case RecordKind.control:
        this.#control(decodeControl(record), record, out);
        return;
      case RecordKind.beat:
        out.add(EventKind.beat, NO_INSTRUMENT, record.seq, record.receivedUs, Number.NaN);
        return;
    }
  }

  read(record: JournalRecord, out: EventBatch): void {
    this.#read(this, record, out);
  }

  /** A frame that could not be read may have changed any book of its connection. */
  miss(record: JournalRecord, out: EventBatch): void {
    this.#asks.length = 0;
    const loss: Loss = { cause: 'sequence', detail: 'a frame could not be read' };
    for (const number of this.#numbers.values()) {
      const isItsOwn = this.#gaps.connectionOf('book', number) === record.connection;
      if (isItsOwn && this.books.isValid(number)) this.books.lose(number, loss, record, out);
    }
  }

  /** The number of a symbol; one that is not in the session is told, and has none. */
  numberOf(channel: string, symbol: string, record: JournalRecord, out: EventBatch): number | undefined {
    const number = this.#numbers.get(symbol);
    if (number === undefined) {
      const name = JSON.stringify(symbol).slice(0, 200);
      emitUnknown(`${channel} of ${name}, which is not in the session`, record, out);
    }
    return number;
  }

  ask(action: Action): void {
    this.#asks.push(action);
  }

  subscribed(channel: string, symbol: string, record: JournalRecord, out: EventBatch): void {
    const number = this.#numbers.get(symbol);
    // A book begins with its snapshot: until then it is not missing, it is not there.
    if (number !== undefined && channel !== 'book') this.#gaps.begin(channel, number, record);
    this.#tell({ type: 'status', state: 'subscribed', channel, symbol }, number, record, out);
  }

  refused(channel: string, symbol: string, words: string, record: JournalRecord, out: EventBatch): void {
    const reason = shortened(words);
    const number = this.#numbers.get(symbol);
    this.#tell({ type: 'status', state: 'refused', channel, symbol, reason }, number, record, out);
  }

  authenticated(record: JournalRecord, out: EventBatch): void {
    this.#tell({ type: 'status', state: 'authenticated' }, undefined, record, out);
  }

  /** What the venue says of itself. */
  words(text: string, record: JournalRecord, out: EventBatch): void {
    this.#tell({ type: 'status', state: 'venue', text: shortened(text) }, undefined, record, out);
  }

  /**
   * The number of a message in the sequence of its whole connection. Whether the message is to be used: after a hole nothing
   * is right until there is another connection, which is asked for.
   */
  count(id: number, record: JournalRecord, out: EventBatch): boolean {
    const before = this.#counts.get(record.connection);
    this.#counts.set(record.connection, id);
    if (before === undefined || id === before + 1) return true;
    if (id <= before) return false;
    const detail = `messages from ${before + 1} to ${id - 1} are missing`;
    this.#loseAll({ cause: 'sequence', detail }, record, out, record.connection);
    this.ask({ do: 'reconnect', cause: 'sequence', why: detail });
    return false;
  }

  snapshot(number: number, message: BookMessage, record: JournalRecord, out: EventBatch): void {
    if (this.#isStale('book', number, record)) return;
    this.#infer(number, message.levels, record, out);
    this.books.snapshot(number, message, record, out);
  }

  change(number: number, message: BookMessage, record: JournalRecord, out: EventBatch): void {
    if (this.#isStale('book', number, record)) return;
    this.#takeOver('book', number, record, out);
    this.#infer(number, message.levels, record, out);
    this.books.change(number, message, record, out);
  }

  trade(number: number, trade: FeedTrade, record: JournalRecord, out: EventBatch): void {
    const { tradeIds } = this.#rules;
    const id = trade.id ?? Number.NaN;
    const lastId = this.#lastIds[number]!;
    const isStale = this.#isStale('trade', number, record);
    this.#takeOver('trade', number, record, out);
    if (tradeIds === 'none' ? isStale : id <= lastId) return;
    const carrier = this.#gaps.connectionOf('trade', number);
    if (tradeIds === 'consecutive' && id > lastId + 1) {
      const detail = `trade ids from ${lastId + 1} to ${id - 1} are missing`;
      this.#gaps.lose('trade', number, { cause: 'sequence', detail }, record, out);
    }
    this.#lastIds[number] = id;
    this.#gaps.hear('trade', number, record, out);
    if (isStale) this.#gaps.carry('trade', number, carrier);
    this.#infer(number, [trade], record, out);
    const row = out.add(EventKind.trade, number, record.seq, record.receivedUs, trade.exchangeUs);
    if (trade.side !== undefined) out.flags[row] = trade.side === 'buy' ? Flag.buy : Flag.sell;
    out.price[row] = trade.price;
    out.size[row] = trade.size;
    out.id[row] = id;
  }

  quote(
    number: number,
    best: { readonly bid: number; readonly bidSize: number; readonly ask: number; readonly askSize: number },
    exchangeUs: number,
    record: JournalRecord,
    out: EventBatch,
  ): void {
    if (this.#isStale('quote', number, record)) return;
    this.#gaps.hear('quote', number, record, out);
    const row = out.add(EventKind.quote, number, record.seq, record.receivedUs, exchangeUs);
    out.price[row] = best.bid;
    out.size[row] = best.bidSize;
    out.price2[row] = best.ask;
    out.size2[row] = best.askSize;
  }

  candle(
    number: number,
    candle: CandleDetail,
    exchangeUs: number,
    record: JournalRecord,
    out: EventBatch,
  ): void {
    if (this.#isStale('candle', number, record)) return;
    this.#gaps.hear('candle', number, record, out);
    out.addDetail(candle, number, record.seq, record.receivedUs, exchangeUs);
  }

  define(number: number, instrument: Instrument, record: JournalRecord, out: EventBatch): void {
    this.instruments.define(number, instrument, record, out);
  }

  #infer(
    number: number,
    rows: readonly { readonly price: number; readonly size: number }[],
    record: JournalRecord,
    out: EventBatch,
  ): void {
    if (this.instruments.isStated(number) || rows.length === 0) return;
    const decimals = Math.max(...rows.map(({ price }) => decimalsOf(price)));
    const sizeDecimals = Math.max(...rows.map(({ size }) => decimalsOf(size)));
    this.instruments.infer(number, { decimals, sizeDecimals }, record, out);
  }

  /** While a connection is being replaced, what the newer one has begun to carry is not taken from the older. */
  #isStale(channel: string, number: number, record: JournalRecord): boolean {
    if (this.#open.size < 2) return false;
    const carrier = this.#gaps.connectionOf(channel, number);
    if (carrier <= record.connection || !this.#open.has(carrier)) return false;
    return this.#open.get(carrier) === this.#open.get(record.connection);
  }

  /** A newer connection begins to carry a stream, perhaps with what the older one brought already. */
  #takeOver(channel: string, number: number, record: JournalRecord, out: EventBatch): void {
    if (this.#open.size < 2) return;
    const carrier = this.#gaps.connectionOf(channel, number);
    const isOfPlan = this.#open.get(carrier) === this.#open.get(record.connection);
    if (carrier >= record.connection || !isOfPlan) return;
    this.#gaps.carry(channel, number, record.connection);
    const symbol = this.#symbols[number]!;
    this.#tell({ type: 'status', state: 'subscribed', channel, symbol }, number, record, out);
  }

  #control(control: Control, record: JournalRecord, out: EventBatch): void {
    const number = 'symbol' in control ? this.#numbers.get(control.symbol) : undefined;
    this.#tell({ type: 'status', state: 'control', control }, number, record, out);
    switch (control.type) {
      case 'opened':
        if (control.isBeside === true || control.replaces !== undefined)
          this.#open.set(record.connection, control.plan ?? 0);
        else this.#enter(record, control.plan ?? 0, out);
        return;
      case 'closed':
        this.#closed(control, record, out);
        return;
      case 'resync': {
        if (number === undefined) return;
        if (control.channel === 'book') this.books.reset(number);
        const loss: Loss = { cause: control.cause, detail: 'resync' };
        this.#gaps.loseFlowing(control.channel, number, loss, record, out);
        return;
      }
      case 'silence':
        if (control.clock === 'data') this.#gaps.mute();
        return;
      case 'drop': {
        const detail = `${control.frames} frames dropped: ${control.reason}`;
        this.#loseAll({ cause: 'drop', detail }, record, out, record.connection);
        return;
      }
      case 'cut':
      case 'lost':
      case 'session': {
        this.#open.clear();
        const died = control.type === 'cut' ? 'died' : 'was stopped';
        const detail = control.type === 'lost' ? control.reason : `the recorder ${died}`;
        this.#loseAll({ cause: 'recovery', detail }, record, out);
        return;
      }
    }
  }

  #closed(
    { code, reason, cause }: Extract<Control, { readonly type: 'closed' }>,
    record: JournalRecord,
    out: EventBatch,
  ): void {
    const plan = this.#open.get(record.connection);
    this.#open.delete(record.connection);
    this.#counts.delete(record.connection);
    if (cause === 'end') return;
    if (cause === 'rotation') {
      const heir = [...this.#open].findLast(([, other]) => other === plan)?.[0];
      if (heir === undefined) return;
      this.#gaps.move(record.connection, heir);
      this.books.move(record.connection, heir);
      return;
    }
    const detail = `closed with ${code} ${reason}`.trim();
    this.#loseAll({ cause, detail }, record, out, record.connection);
  }

  /** A new connection knows nothing of the subscriptions of the one of its plan before. */
  #enter(record: JournalRecord, plan: number, out: EventBatch): void {
    const detail = `connection ${record.connection} begins`;
    for (const [before, other] of [...this.#open]) {
      if (other !== plan || before === record.connection) continue;
      this.#open.delete(before);
      this.#loseAll({ cause: 'disconnect', detail }, record, out, before);
    }
    this.#open.set(record.connection, plan);
  }

  #loseAll(loss: Loss, record: JournalRecord, out: EventBatch, connection?: number): void {
    this.books.resetAll(connection);
    this.#gaps.loseAll(loss, record, out, connection);
  }

  #tell(detail: StatusDetail, number: number | undefined, record: JournalRecord, out: EventBatch): void {
    out.addDetail(detail, number ?? NO_INSTRUMENT, record.seq, record.receivedUs, Number.NaN);
  }
}

/** So many decimals has a number that was written with at most twelve. */
function decimalsOf(value: number): number {
  let decimals = 0;
  while (decimals < 12 && Number(value.toFixed(decimals)) !== value) decimals++;
  return decimals;
}
