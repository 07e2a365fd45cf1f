// Kraken's frames to events: a pure state machine over the records of one recording.
// It chooses how a frame is read and handles all but the two busy channels, which have files of their own.
// Invariant: nothing a venue sends makes it throw, and nothing but heartbeats and pongs goes by without a trace.
import { assert } from '../../core/assert.ts';
import { type CandleDetail, type EventBatch, EventKind, Flag, NO_INSTRUMENT } from '../../core/event.ts';
import {
  type Control,
  decodeControl,
  type JournalRecord,
  RecordKind,
  type VenueSession,
} from '../../core/frame.ts';
import type { Instrument } from '../../core/instrument.ts';
import * as json from '../fields.ts';
import { type Loss, StreamGaps } from '../gaps.ts';
import { emitUnknown, FRAME_BYTES_MAX, type FrameReader, guardFrame, MalformedFrame } from '../guard.ts';
import { Instruments } from '../instruments.ts';
import { ByteScanner, NameTable } from '../scan.ts';
import type { Action, BookChecks, Decoder } from '../venue.ts';
import { FrameScan, isHeartbeat } from './frames.ts';
import * as kraken from './json.ts';
import { LevelChannel } from './levels.ts';
import { requestOf } from './requests.ts';
import { emitStatus, emitWords } from './status.ts';
import { TradeChannel } from './trades.ts';

const NOTHING: readonly Action[] = [];

/** The venue may round the time of a frame down, so that a candle seems to begin so much behind it. */
const EARLY_US = 1e6;
/** Our clock, and by how much the venue's may be ahead of it, stand in for a frame's own time. */
const CLOCKS_APART_US = 86_400e6;

/** Of a frame that is refused only the outline is looked at. */
const lenient = new TextDecoder();

export class KrakenDecoder implements Decoder, FrameReader {
  readonly #session: VenueSession;
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #instruments: Instruments;
  readonly #gaps: StreamGaps;
  readonly #levels: LevelChannel;
  readonly #trades: TradeChannel;
  readonly #scan: FrameScan | undefined;
  /** The newest candle seen, by instrument and length: the one that runs. */
  readonly #running = new Map<string, CandleDetail>();
  /** What the last record makes necessary. */
  readonly #asks: Action[] = [];
  #connection = 0;
  /** Connections that are open beside one another; none as a rule: then each takes the place of the one before. */
  readonly #beside = new Set<number>();

  /** Without the scan every frame goes through JSON.parse: slower, the same events. */
  constructor(session: VenueSession, options: { readonly scans?: boolean } = {}) {
    const { symbols } = session;
    assert(new Set(symbols).size === symbols.length, 'a session names each symbol once');
    this.#session = session;
    this.#numbers = new Map(symbols.map((symbol, number) => [symbol, number]));
    this.#instruments = new Instruments(symbols);
    this.#gaps = new StreamGaps(session, ['book', 'trade', 'ticker', 'ohlc']);
    this.#levels = new LevelChannel(session, this.#instruments, this.#gaps, this.#asks);
    this.#trades = new TradeChannel(symbols, this.#instruments, this.#gaps);
    const scans = options.scans ?? true;
    this.#scan = scans ? new FrameScan(new ByteScanner(), new NameTable(symbols)) : undefined;
  }

  get bookChecks(): readonly BookChecks[] {
    return this.#levels.checks;
  }

  takeAsks(): readonly Action[] {
    return this.#asks.length === 0 ? NOTHING : this.#asks.splice(0);
  }

  decode(record: JournalRecord, out: EventBatch): void {
    if (this.#asks.length > 0) this.#asks.length = 0;
    switch (record.kind) {
      case RecordKind.text:
        if (record.connection !== this.#connection) this.#enter(record, out);
        guardFrame(this, record, out);
        this.#gaps.frame(record);
        return;
      case RecordKind.binary:
      case RecordKind.answer:
        emitUnknown(
          record.kind === RecordKind.binary ? 'binary frame' : 'an answer nobody asked for',
          record,
          out,
        );
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

  /** One text frame; what cannot be read throws before anything has changed. */
  read(record: JournalRecord, out: EventBatch): void {
    const scan = this.#scan;
    if (scan !== undefined) {
      const bytes = record.payload;
      if (scan.book(bytes, this.#levels.frame)) {
        this.#levels.apply(record, out);
        return;
      }
      if (scan.trades(bytes, this.#trades.frame)) {
        this.#trades.apply(record, out);
        return;
      }
      if (isHeartbeat(bytes)) return;
    }
    this.#parsed(record, out);
  }

  /** A change that could not be read is missing, perhaps at a level that no checksum covers. */
  miss(record: JournalRecord, out: EventBatch): void {
    const loss: Loss = { cause: 'sequence', detail: 'a frame could not be read' };
    const { payload } = record;
    const symbols = payload.length > FRAME_BYTES_MAX ? undefined : kraken.booksIn(lenient.decode(payload));
    for (const symbol of symbols ?? this.#session.symbols) {
      const number = this.#numbers.get(symbol);
      if (number !== undefined && this.#levels.isValid(number)) this.#levels.lose(number, loss, record, out);
    }
  }

  #parsed(record: JournalRecord, out: EventBatch): void {
    const text = json.decodeUtf8(record.payload);
    const message = json.parseFields(text);
    switch (message.channel) {
      case 'book':
        this.#books(kraken.parseExact(text), record, out);
        return;
      case 'trade': {
        const strangers = kraken.readTrades(kraken.parseExact(text), this.#numbers, this.#trades.frame);
        for (const symbol of strangers) this.#stranger('trade', symbol, record, out);
        this.#trades.apply(record, out);
        return;
      }
      case 'ticker':
        this.#tickers(message, record, out);
        return;
      case 'ohlc':
        this.#candles(message, record, out);
        return;
      case 'instrument':
        this.#pairs(message, record, out);
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
        throw new MalformedFrame(`unknown channel ${json.quoted(message.channel)}`);
    }
  }

  #books(message: json.Fields, record: JournalRecord, out: EventBatch): void {
    const strangers = kraken.readBook(message, this.#numbers, this.#levels.frame);
    for (const symbol of strangers) this.#stranger('book', symbol, record, out);
    this.#levels.apply(record, out);
  }

  #tickers(message: json.Fields, record: JournalRecord, out: EventBatch): void {
    const tickers = json.listOf(message.data, 'ticker data').map(kraken.readTicker);
    for (const { symbol, bid, ask, bidSize, askSize, exchangeUs } of tickers) {
      const number = this.#numbers.get(symbol);
      if (number === undefined) {
        this.#stranger('ticker', symbol, record, out);
        continue;
      }
      this.#gaps.hear('ticker', number, record, out);
      // A listing that never traded comes as all zeros, dated 1970: it quotes nothing.
      if (bid === 0 && ask === 0 && bidSize === 0 && askSize === 0) continue;
      const statedUs = exchangeUs === 0 ? Number.NaN : exchangeUs;
      const row = out.add(EventKind.quote, number, record.seq, record.receivedUs, statedUs);
      out.price[row] = bid;
      out.size[row] = bidSize;
      out.price2[row] = ask;
      out.size2[row] = askSize;
    }
  }

  /**
   * Only the running candle is restated: the first frame of the next one closes it, and the venue never says so. A
   * snapshot brings what was closed before, which is learned of late. One that begins after its frame was sent proves
   * nothing of others.
   */
  #candles(message: json.Fields, record: JournalRecord, out: EventBatch): void {
    const exchangeUs = json.optionalTimeUs(message, 'timestamp');
    const isSnapshot = message.type === 'snapshot';
    const latestUs = Number.isNaN(exchangeUs) ? record.receivedUs + CLOCKS_APART_US : exchangeUs + EARLY_US;
    const candles = json.listOf(message.data, 'ohlc data').map((item) => {
      const { symbol, candle } = kraken.readCandle(item);
      return { symbol, candle, key: `${symbol} ${candle.intervalUs}`, isAhead: candle.startUs > latestUs };
    });
    const newestUs = new Map<string, number>();
    for (const { candle, key, isAhead } of candles) {
      if (!isAhead) newestUs.set(key, Math.max(newestUs.get(key) ?? candle.startUs, candle.startUs));
    }
    for (const { symbol, candle, key, isAhead } of candles) {
      const number = this.#numbers.get(symbol);
      if (number === undefined) {
        this.#stranger('ohlc', symbol, record, out);
        continue;
      }
      this.#gaps.hear('ohlc', number, record, out);
      const running = this.#running.get(key);
      // One that begins later than now was believed by the time of a frame that was wrong, too.
      const before = running !== undefined && running.startUs > latestUs ? undefined : running;
      const isNewer = !isAhead && (before === undefined || candle.startUs > before.startUs);
      if (before !== undefined && isNewer && !isSnapshot) {
        out.addDetail({ ...before, isClosed: true }, number, record.seq, record.receivedUs, exchangeUs);
      }
      const runningUs = Math.max(newestUs.get(key) ?? candle.startUs, before?.startUs ?? candle.startUs);
      const stated = { ...candle, isClosed: candle.startUs < runningUs };
      const row = out.addDetail(stated, number, record.seq, record.receivedUs, exchangeUs);
      if (isSnapshot) out.flags[row] = Flag.late;
      if (isNewer || candle.startUs === before?.startUs) this.#running.set(key, stated);
    }
  }

  #pairs(message: json.Fields, record: JournalRecord, out: EventBatch): void {
    const data = json.fieldsOf(message.data, 'instrument data');
    const known: { readonly number: number; readonly instrument: Instrument }[] = [];
    for (const item of json.listOf(data.pairs ?? [], 'pairs')) {
      const pair = json.fieldsOf(item, 'pair');
      const number = this.#numbers.get(json.textOf(pair, 'symbol'));
      // Kraken lists every pair it has; those of no concern to the session are not strange.
      if (number !== undefined) known.push({ number, instrument: kraken.readInstrument(pair) });
    }
    for (const { number, instrument } of known) this.#instruments.define(number, instrument, record, out);
  }

  #venueStatus(item: unknown, record: JournalRecord, out: EventBatch): void {
    const status = json.fieldsOf(item, 'status');
    const version = typeof status.version === 'string' ? `, engine ${status.version}` : '';
    emitWords(`${json.textOf(status, 'system')}${version}`, record, out);
    for (const key of ['upcoming_maintenance', 'emergency']) {
      const notices = status[key];
      if (!Array.isArray(notices) || notices.length === 0) continue;
      emitWords(`${key}: ${json.shortened(JSON.stringify(notices))}`, record, out);
    }
  }

  /** A frame without a channel answers a request. */
  #answer(message: json.Fields, record: JournalRecord, out: EventBatch): void {
    const words = message.error ?? message.Error;
    const isRefusal = message.success === false || words !== undefined;
    switch (message.method) {
      case 'pong':
        if (isRefusal) emitWords(`pong: ${json.quoted(words)}`, record, out);
        return;
      case 'subscribe':
      case undefined:
        if (isRefusal) this.#refused(message, words, record, out);
        else if (message.method === 'subscribe') this.#subscribed(message, record, out);
        else throw new MalformedFrame('neither channel nor method');
        return;
      case 'unsubscribe':
        if (isRefusal) emitWords(`unsubscribe: ${json.quoted(words)}`, record, out);
        else this.#unsubscribed(message, record, out);
        return;
      default:
        throw new MalformedFrame(`unknown method ${json.quoted(message.method)}`);
    }
  }

  #subscribed(message: json.Fields, record: JournalRecord, out: EventBatch): void {
    const result = json.fieldsOf(message.result, 'result');
    const channel = json.textOf(result, 'channel');
    const symbol = result.symbol === undefined ? '' : json.textOf(result, 'symbol');
    const warnings = json.listOf(result.warnings ?? [], 'warnings');
    const number = this.#numbers.get(symbol);
    // A book begins with its snapshot: until then it is not missing, it is not there.
    if (number !== undefined && channel !== 'book') this.#gaps.begin(channel, number, record);
    emitStatus({ type: 'status', state: 'subscribed', channel, symbol }, number, record, out);
    for (const warning of warnings) {
      emitWords(`warning of ${`${channel} ${symbol}`.trim()}: ${json.quoted(warning)}`, record, out);
    }
  }

  #refused(message: json.Fields, words: unknown, record: JournalRecord, out: EventBatch): void {
    const request = requestOf(message.req_id, this.#session);
    const symbol = typeof message.symbol === 'string' ? message.symbol : (request?.symbol ?? '');
    const reason = typeof words === 'string' ? json.shortened(words) : json.quoted(words);
    const channel = request?.channel ?? '';
    const number = this.#numbers.get(symbol);
    emitStatus({ type: 'status', state: 'refused', channel, symbol, reason }, number, record, out);
  }

  /** What still comes of the old subscription after this is late: a book waits for the next snapshot. */
  #unsubscribed(message: json.Fields, record: JournalRecord, out: EventBatch): void {
    const { channel, symbol } = json.fieldsOf(message.result, 'result');
    if (typeof channel !== 'string' || typeof symbol !== 'string') return;
    this.#lose(channel, symbol, { cause: 'unsubscribed', detail: 'until the next snapshot' }, record, out);
  }

  /** A stream that flows has a gap from here on. */
  #lose(channel: string, symbol: string, loss: Loss, record: JournalRecord, out: EventBatch): void {
    const number = this.#numbers.get(symbol);
    if (number === undefined) return;
    if (channel === 'book') this.#levels.distrust(number);
    this.#gaps.loseFlowing(channel, number, loss, record, out);
  }

  /** All streams are lost, or those of this connection when others stand beside it. */
  #loseAll(loss: Loss, record: JournalRecord, out: EventBatch): void {
    const isBeside = this.#beside.has(record.connection);
    if (!isBeside) this.#levels.distrust(-1);
    else {
      for (const number of this.#numbers.values()) {
        if (this.#gaps.connectionOf('book', number) === record.connection) this.#levels.distrust(number);
      }
    }
    this.#gaps.loseAll(loss, record, out, isBeside ? record.connection : undefined);
  }

  #control(control: Control, record: JournalRecord, out: EventBatch): void {
    const number = 'symbol' in control ? this.#numbers.get(control.symbol) : undefined;
    emitStatus({ type: 'status', state: 'control', control }, number, record, out);
    switch (control.type) {
      case 'opened':
        if (control.isBeside === true) this.#beside.add(this.#connection).add(record.connection);
        else this.#beside.clear();
        this.#enter(record, out);
        return;
      case 'closed': {
        const { code, reason, cause } = control;
        const detail = `closed with ${code} ${reason}`.trim();
        if (cause !== 'end') this.#loseAll({ cause, detail }, record, out);
        this.#beside.delete(record.connection);
        return;
      }
      case 'resync': {
        const { channel, symbol, cause } = control;
        this.#lose(channel, symbol, { cause, detail: 'resync' }, record, out);
        return;
      }
      case 'silence':
        if (control.clock === 'data') this.#gaps.mute();
        return;
      case 'drop': {
        // The checksum sees ten levels only: a lost update further out would go unnoticed for good.
        const detail = `${control.frames} frames dropped: ${control.reason}`;
        this.#loseAll({ cause: 'drop', detail }, record, out);
        return;
      }
      case 'cut':
        this.#beside.clear();
        this.#loseAll({ cause: 'recovery', detail: 'the recorder died' }, record, out);
        return;
      case 'lost': {
        const detail = `records ${control.firstSeq} to ${control.lastSeq} of the damaged recording are lost`;
        this.#loseAll({ cause: 'recovery', detail }, record, out);
        return;
      }
      case 'session':
        this.#beside.clear();
        this.#loseAll({ cause: 'recovery', detail: 'the recorder was stopped' }, record, out);
        return;
    }
  }

  /** A new connection knows nothing of the subscriptions of the one before. */
  #enter(record: JournalRecord, out: EventBatch): void {
    this.#connection = record.connection;
    if (this.#beside.has(record.connection)) return;
    const detail = `connection ${record.connection} begins`;
    this.#loseAll({ cause: 'disconnect', detail }, record, out);
  }

  #stranger(channel: string, symbol: string, record: JournalRecord, out: EventBatch): void {
    emitUnknown(`${channel} of ${json.quoted(symbol)}, which is not in the session`, record, out);
  }
}
