// Kraken's frames to events: a pure state machine over the records of one recording.
// Invariants: no level row leaves for a book that its checksum did not confirm; a book that failed stays silent
// until its next snapshot, and that it is invalid has been said once; no trade id leaves twice.
import { type EventBatch, EventKind, Flag, NO_INSTRUMENT, type StatusDetail } from '../../core/event.ts';
import {
  type Control,
  decodeControl,
  type GapCause,
  type JournalRecord,
  RecordKind,
  type Session,
} from '../../core/frame.ts';
import { type Instrument, splitSymbol } from '../../core/instrument.ts';
import { ByteScanner, NameTable, powerOfTen } from '../scan.ts';
import type { Decoder } from '../venue.ts';
import { ChecksumBook } from './book.ts';
import { BookFrame, FrameScan, isHeartbeat, TradeFrame } from './frames.ts';
import * as json from './json.ts';
import { requestOf } from './requests.ts';

/** What the decoder remembers of one symbol. */
type Market = {
  readonly symbol: string;
  readonly book: ChecksumBook;
  isValid: boolean;
  /** Whether a gap was announced since the book was last valid. */
  isGapKnown: boolean;
  /** NaN before the first trade. */
  lastTradeId: number;
  /** Start of the newest candle seen, µs. */
  candleStartUs: number;
  instrument: Instrument | undefined;
  /** The finest digits seen while nobody stated the steps. */
  priceDecimals: number;
  sizeDecimals: number;
};

type Digits = { readonly decimals: number; readonly sizeDecimals: number };

type Loss = { readonly cause: GapCause; readonly detail: string };

export class KrakenDecoder implements Decoder {
  readonly #depth: number;
  readonly #session: Session;
  readonly #markets: readonly Market[];
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #scan: FrameScan | undefined;
  readonly #book = new BookFrame();
  readonly #trades = new TradeFrame();
  #connection = 0;

  /** Without the scan every frame goes through JSON.parse: slower, the same events. */
  constructor(session: Session, options: { readonly scans?: boolean } = {}) {
    this.#session = session;
    this.#depth = session.depth;
    this.#numbers = new Map(session.symbols.map((symbol, number) => [symbol, number]));
    this.#markets = session.symbols.map((symbol) => ({
      symbol,
      book: new ChecksumBook(),
      isValid: false,
      isGapKnown: false,
      lastTradeId: Number.NaN,
      candleStartUs: Number.NEGATIVE_INFINITY,
      instrument: undefined,
      priceDecimals: -1,
      sizeDecimals: -1,
    }));
    const scans = options.scans ?? true;
    this.#scan = scans ? new FrameScan(new ByteScanner(), new NameTable(session.symbols)) : undefined;
  }

  decode(record: JournalRecord, out: EventBatch): void {
    switch (record.kind) {
      case RecordKind.text:
        if (record.connection !== this.#connection) this.#enter(record, out);
        this.#text(record, out);
        return;
      case RecordKind.binary:
        this.#unknown('binary frame', record, out);
        return;
      case RecordKind.control:
        this.#control(decodeControl(record), record, out);
        return;
      case RecordKind.beat:
        out.add(EventKind.beat, NO_INSTRUMENT, record.seq, record.receivedUs, Number.NaN);
        return;
    }
  }

  #text(record: JournalRecord, out: EventBatch): void {
    const scan = this.#scan;
    if (scan !== undefined) {
      const bytes = record.payload;
      if (scan.book(bytes, this.#book)) {
        this.#applyBook(record, out);
        return;
      }
      if (scan.trades(bytes, this.#trades)) {
        this.#applyTrades(record, out);
        return;
      }
      if (isHeartbeat(bytes)) return;
    }
    try {
      this.#parsed(record, out);
    } catch (error) {
      if (!(error instanceof json.MalformedFrame)) throw error;
      this.#unknown(error.message, record, out);
    }
  }

  #parsed(record: JournalRecord, out: EventBatch): void {
    const text = json.decodeUtf8(record.payload);
    const message = json.parseFrame(text);
    switch (message.channel) {
      case 'book': {
        const strangers = json.readBook(json.parseExact(text), this.#numbers, this.#book);
        for (const symbol of strangers) this.#stranger('book', symbol, record, out);
        this.#applyBook(record, out);
        return;
      }
      case 'trade': {
        const strangers = json.readTrades(json.parseExact(text), this.#numbers, this.#trades);
        for (const symbol of strangers) this.#stranger('trade', symbol, record, out);
        this.#applyTrades(record, out);
        return;
      }
      case 'ticker':
        for (const item of json.listOf(message.data, 'ticker data')) this.#ticker(item, record, out);
        return;
      case 'ohlc':
        this.#candles(message, record, out);
        return;
      case 'instrument':
        this.#instruments(message, record, out);
        return;
      case 'status':
        for (const item of json.listOf(message.data, 'status data')) this.#venueStatus(item, record, out);
        return;
      case 'heartbeat':
        return;
      case undefined:
        this.#answer(message, record, out);
        return;
      default:
        throw new json.MalformedFrame(`unknown channel ${quoted(message.channel)}`);
    }
  }

  #applyBook(record: JournalRecord, out: EventBatch): void {
    const frame = this.#book;
    let from = 0;
    for (let entry = 0; entry < frame.entries; entry++) {
      const to = frame.rowsEnd[entry]!;
      this.#applyEntry(entry, from, record, out);
      from = to;
    }
  }

  #applyEntry(entry: number, from: number, record: JournalRecord, out: EventBatch): void {
    const frame = this.#book;
    const to = frame.rowsEnd[entry]!;
    const number = frame.instrument[entry]!;
    const market = this.#markets[number]!;
    const book = market.book;
    if (frame.isSnapshot) {
      book.clear();
    } else if (!market.isValid) {
      if (!market.isGapKnown)
        this.#lose(number, { cause: 'sequence', detail: 'update before a snapshot' }, record, out);
      return;
    }
    book.apply(frame, from, to);
    const stated = frame.checksum[entry]!;
    // The checked levels are well inside every depth on offer, so the book need not be cut before it is checked.
    if (!Number.isNaN(stated)) {
      const computed = book.checksum();
      if (computed !== stated) {
        this.#lose(
          number,
          { cause: 'checksum', detail: `venue ${stated}, computed ${computed}` },
          record,
          out,
        );
        return;
      }
    }
    market.isValid = true;
    market.isGapKnown = false;
    if (market.instrument?.isStated !== true && from < to) {
      let decimals = 0;
      let sizeDecimals = 0;
      for (let row = from; row < to; row++) {
        decimals = Math.max(decimals, frame.decimals[row]!);
        sizeDecimals = Math.max(sizeDecimals, frame.sizeDecimals[row]!);
      }
      this.#infer(number, { decimals, sizeDecimals }, record, out);
    }
    this.#emitLevels(entry, from, record, out);
  }

  /** The rows that changed the book, then a removal for each level that the depth pushes out. */
  #emitLevels(entry: number, from: number, record: JournalRecord, out: EventBatch): void {
    const frame = this.#book;
    const to = frame.rowsEnd[entry]!;
    const number = frame.instrument[entry]!;
    const exchangeUs = frame.exchangeUs[entry]!;
    const { seq, receivedUs } = record;
    const book = this.#markets[number]!.book;
    let last = -1;
    let first: number = frame.isSnapshot ? Flag.clear : 0;
    for (let row = from; row < to; row++) {
      if (frame.isChange[row] === 0) continue;
      last = out.add(EventKind.level, number, seq, receivedUs, exchangeUs);
      out.flags[last] = first | (frame.isAsk[row] === 1 ? Flag.ask : 0);
      out.price[last] = frame.price[row]!;
      out.size[last] = frame.size[row]!;
      first = 0;
    }
    while (book.bids.count > this.#depth) {
      last = out.add(EventKind.level, number, seq, receivedUs, exchangeUs);
      out.price[last] = book.worstPrice(book.bids);
      book.bids.dropWorst();
    }
    while (book.asks.count > this.#depth) {
      last = out.add(EventKind.level, number, seq, receivedUs, exchangeUs);
      out.flags[last] = Flag.ask;
      out.price[last] = book.worstPrice(book.asks);
      book.asks.dropWorst();
    }
    if (last < 0) {
      if (!frame.isSnapshot) return;
      last = out.add(EventKind.level, number, seq, receivedUs, exchangeUs);
      out.flags[last] = first;
      out.price[last] = Number.NaN;
    }
    out.flags[last] = out.flags[last]! | Flag.last;
  }

  #applyTrades(record: JournalRecord, out: EventBatch): void {
    const frame = this.#trades;
    if (frame.isSnapshot) {
      for (const row of this.#openingRows()) this.#applyTrade(row, Flag.late, record, out);
      return;
    }
    for (let row = 0; row < frame.rows; row++) this.#applyTrade(row, 0, record, out);
  }

  /**
   * The rows of a trade snapshot that are news, oldest first. The first snapshot of a symbol tells of a time before
   * the recording: it only says which id came last.
   */
  #openingRows(): readonly number[] {
    const frame = this.#trades;
    const rows = Array.from({ length: frame.rows }, (_, row) => row);
    const opened = new Map<number, number>();
    for (const row of rows) {
      const number = frame.instrument[row]!;
      if (!Number.isNaN(this.#markets[number]!.lastTradeId)) continue;
      opened.set(number, Math.max(opened.get(number) ?? 0, frame.id[row]!));
    }
    for (const [number, id] of opened) this.#markets[number]!.lastTradeId = id;
    return rows.sort((left, right) => frame.id[left]! - frame.id[right]!);
  }

  #applyTrade(row: number, flags: number, record: JournalRecord, out: EventBatch): void {
    const frame = this.#trades;
    const number = frame.instrument[row]!;
    const market = this.#markets[number]!;
    const id = frame.id[row]!;
    const lastId = market.lastTradeId;
    if (id <= lastId) return;
    market.lastTradeId = id;
    if (market.instrument?.isStated !== true) {
      const seen = { decimals: frame.decimals[row]!, sizeDecimals: frame.sizeDecimals[row]! };
      this.#infer(number, seen, record, out);
    }
    if (id > lastId + 1) {
      const detail = `trade ids from ${lastId + 1} to ${id - 1} are missing`;
      this.#gap(number, { channel: 'trade', cause: 'sequence', detail }, record, out);
    }
    const event = out.add(EventKind.trade, number, record.seq, record.receivedUs, frame.exchangeUs[row]!);
    out.flags[event] = flags | frame.side[row]!;
    out.price[event] = frame.price[row]!;
    out.size[event] = frame.size[row]!;
    out.id[event] = id;
  }

  #ticker(item: unknown, record: JournalRecord, out: EventBatch): void {
    const ticker = json.fieldsOf(item, 'ticker');
    const number = this.#number('ticker', ticker, record, out);
    if (number < 0) return;
    const bid = json.numberOf(ticker, 'bid');
    const ask = json.numberOf(ticker, 'ask');
    const bidSize = json.numberOf(ticker, 'bid_qty');
    const askSize = json.numberOf(ticker, 'ask_qty');
    // A listing that never traded comes as all zeros, dated 1970: it quotes nothing.
    if (bid === 0 && ask === 0 && bidSize === 0 && askSize === 0) return;
    const statedUs = json.optionalTimeUs(ticker, 'timestamp');
    const exchangeUs = statedUs === 0 ? Number.NaN : statedUs;
    const row = out.add(EventKind.quote, number, record.seq, record.receivedUs, exchangeUs);
    out.price[row] = bid;
    out.size[row] = bidSize;
    out.price2[row] = ask;
    out.size2[row] = askSize;
  }

  /** A candle is closed once a later one of its symbol has been seen, here or before; the venue never says so. */
  #candles(message: json.Fields, record: JournalRecord, out: EventBatch): void {
    const exchangeUs = json.optionalTimeUs(message, 'timestamp');
    const candles = json.listOf(message.data, 'ohlc data').map(json.readCandle);
    for (const { symbol, candle } of candles) {
      const market = this.#markets[this.#numbers.get(symbol) ?? -1];
      if (market !== undefined) market.candleStartUs = Math.max(market.candleStartUs, candle.startUs);
    }
    for (const { symbol, candle } of candles) {
      const number = this.#numbers.get(symbol);
      if (number === undefined) {
        this.#stranger('ohlc', symbol, record, out);
        continue;
      }
      const isClosed = candle.startUs < this.#markets[number]!.candleStartUs;
      out.addDetail({ ...candle, isClosed }, number, record.seq, record.receivedUs, exchangeUs);
    }
  }

  #instruments(message: json.Fields, record: JournalRecord, out: EventBatch): void {
    const data = json.fieldsOf(message.data, 'instrument data');
    for (const item of json.listOf(data.pairs ?? [], 'pairs')) {
      const pair = json.fieldsOf(item, 'pair');
      const number = this.#numbers.get(json.textOf(pair, 'symbol'));
      // Kraken lists every pair it has; those of no concern to the session are not strange.
      if (number !== undefined) this.#define(number, json.readInstrument(pair), record, out);
    }
  }

  /** Until the venue states an instrument, its steps are those of the finest digits seen. */
  #infer(number: number, seen: Digits, record: JournalRecord, out: EventBatch): void {
    const market = this.#markets[number]!;
    if (seen.decimals <= market.priceDecimals && seen.sizeDecimals <= market.sizeDecimals) return;
    market.priceDecimals = Math.max(market.priceDecimals, seen.decimals);
    market.sizeDecimals = Math.max(market.sizeDecimals, seen.sizeDecimals);
    const instrument: Instrument = {
      symbol: market.symbol,
      ...splitSymbol(market.symbol),
      tickSize: 1 / powerOfTen(market.priceDecimals),
      lotSize: 1 / powerOfTen(market.sizeDecimals),
      sizeMin: 0,
      notionalMin: 0,
      status: 'online',
      isStated: false,
    };
    this.#define(number, instrument, record, out);
  }

  #define(number: number, instrument: Instrument, record: JournalRecord, out: EventBatch): void {
    const market = this.#markets[number]!;
    if (JSON.stringify(market.instrument) === JSON.stringify(instrument)) return;
    market.instrument = instrument;
    out.addDetail({ type: 'instrument', instrument }, number, record.seq, record.receivedUs, Number.NaN);
  }

  #venueStatus(item: unknown, record: JournalRecord, out: EventBatch): void {
    const status = json.fieldsOf(item, 'status');
    const version = typeof status.version === 'string' ? `, engine ${status.version}` : '';
    this.#say(`${json.textOf(status, 'system')}${version}`, record, out);
    for (const key of ['upcoming_maintenance', 'emergency']) {
      const notices = status[key];
      if (!Array.isArray(notices) || notices.length === 0) continue;
      this.#say(`${key}: ${JSON.stringify(notices)}`, record, out);
    }
  }

  /** A frame without a channel answers a request. */
  #answer(message: json.Fields, record: JournalRecord, out: EventBatch): void {
    const words = message.error ?? message.Error;
    const isRefusal = message.success === false || words !== undefined;
    switch (message.method) {
      case 'pong':
        if (isRefusal) this.#say(`pong: ${quoted(words)}`, record, out);
        return;
      case 'subscribe':
      case undefined:
        if (isRefusal) this.#refused(message, words, record, out);
        else if (message.method === 'subscribe') this.#subscribed(message, record, out);
        else throw new json.MalformedFrame('neither channel nor method');
        return;
      case 'unsubscribe':
        if (isRefusal) this.#say(`unsubscribe: ${quoted(words)}`, record, out);
        else this.#unsubscribed(message, record, out);
        return;
      default:
        throw new json.MalformedFrame(`unknown method ${quoted(message.method)}`);
    }
  }

  #subscribed(message: json.Fields, record: JournalRecord, out: EventBatch): void {
    const result = json.fieldsOf(message.result, 'result');
    const channel = json.textOf(result, 'channel');
    const symbol = result.symbol === undefined ? '' : json.textOf(result, 'symbol');
    this.#status({ type: 'status', state: 'subscribed', channel, symbol }, symbol, record, out);
    for (const warning of json.listOf(result.warnings ?? [], 'warnings')) {
      this.#say(`warning: ${channel} ${symbol}: ${quoted(warning)}`, record, out);
    }
  }

  #refused(message: json.Fields, words: unknown, record: JournalRecord, out: EventBatch): void {
    const request = requestOf(message.req_id, this.#session);
    const symbol = typeof message.symbol === 'string' ? message.symbol : (request?.symbol ?? '');
    const reason = typeof words === 'string' ? words : quoted(words);
    this.#status(
      { type: 'status', state: 'refused', channel: request?.channel ?? '', symbol, reason },
      symbol,
      record,
      out,
    );
  }

  /** What still comes of the old subscription after this is late: the book waits for the next snapshot. */
  #unsubscribed(message: json.Fields, record: JournalRecord, out: EventBatch): void {
    const result = json.fieldsOf(message.result, 'result');
    const number = this.#numbers.get(typeof result.symbol === 'string' ? result.symbol : '');
    if (result.channel !== 'book' || number === undefined || !this.#markets[number]!.isValid) return;
    this.#lose(number, { cause: 'unsubscribed', detail: 'until the next snapshot' }, record, out);
  }

  #control(control: Control, record: JournalRecord, out: EventBatch): void {
    const symbol = 'symbol' in control ? control.symbol : '';
    this.#status({ type: 'status', state: 'control', control }, symbol, record, out);
    switch (control.type) {
      case 'opened':
        this.#enter(record, out);
        return;
      case 'closed':
        if (control.cause !== 'end') {
          this.#loseAll(
            { cause: control.cause, detail: `closed with ${control.code} ${control.reason}`.trim() },
            record,
            out,
          );
        }
        return;
      case 'resync': {
        const number = this.#numbers.get(control.symbol);
        if (control.channel !== 'book' || number === undefined || !this.#markets[number]!.isValid) return;
        this.#lose(number, { cause: control.cause, detail: 'resync' }, record, out);
        return;
      }
      case 'drop':
        // The checksum sees ten levels only: a lost update further out would go unnoticed for good.
        this.#loseAll(
          { cause: 'slow client', detail: `${control.frames} frames dropped: ${control.reason}` },
          record,
          out,
        );
        return;
    }
  }

  /** A new connection knows nothing of the subscriptions of the one before. */
  #enter(record: JournalRecord, out: EventBatch): void {
    this.#connection = record.connection;
    this.#loseAll({ cause: 'disconnect', detail: `connection ${record.connection} begins` }, record, out);
  }

  #loseAll(loss: Loss, record: JournalRecord, out: EventBatch): void {
    for (let number = 0; number < this.#markets.length; number++) {
      if (this.#markets[number]!.isValid) this.#lose(number, loss, record, out);
    }
  }

  /** The book is wrong from here to its next snapshot. */
  #lose(number: number, loss: Loss, record: JournalRecord, out: EventBatch): void {
    const market = this.#markets[number]!;
    market.isValid = false;
    market.isGapKnown = true;
    this.#gap(number, { channel: 'book', ...loss }, record, out);
  }

  #gap(
    number: number,
    gap: Loss & { readonly channel: string },
    record: JournalRecord,
    out: EventBatch,
  ): void {
    const symbol = this.#markets[number]!.symbol;
    this.#status({ type: 'status', state: 'gap', ...gap, symbol }, symbol, record, out);
  }

  /** The instrument number of the item's symbol; −1, and said so, if the session does not hold it. */
  #number(channel: string, item: json.Fields, record: JournalRecord, out: EventBatch): number {
    const symbol = json.textOf(item, 'symbol');
    const number = this.#numbers.get(symbol);
    if (number !== undefined) return number;
    this.#stranger(channel, symbol, record, out);
    return -1;
  }

  #stranger(channel: string, symbol: string, record: JournalRecord, out: EventBatch): void {
    this.#unknown(`${channel} of ${quoted(symbol)}, which is not in the session`, record, out);
  }

  #unknown(reason: string, record: JournalRecord, out: EventBatch): void {
    this.#status({ type: 'status', state: 'unknown', reason }, '', record, out);
  }

  #say(text: string, record: JournalRecord, out: EventBatch): void {
    this.#status({ type: 'status', state: 'venue', text }, '', record, out);
  }

  #status(detail: StatusDetail, symbol: string, record: JournalRecord, out: EventBatch): void {
    const number = this.#numbers.get(symbol) ?? NO_INSTRUMENT;
    out.addDetail(detail, number, record.seq, record.receivedUs, Number.NaN);
  }
}

/** A venue's value in few words. */
function quoted(value: unknown): string {
  return (JSON.stringify(value) ?? 'no reason').slice(0, 200);
}
