// Kraken's two busy frame shapes, book and trade, as columns, and the one-pass scan that fills them.
// The scan takes any order of the known keys; whatever else it meets it gives up, and `json.ts` reads the
// frame instead. Columns are reused from frame to frame: nothing is allocated per frame.
import { Flag } from '../../core/event.ts';
import { DECIMALS_MAX } from '../fields.ts';
import { ascii, type ByteScanner, type NameTable } from '../scan.ts';
import { LEVEL_DIGITS_MAX, LevelDigits } from './checksum.ts';

export const CHECKSUM_MAX = 0xffff_ffff;
/** The most levels that one frame is read with: ten times those of the deepest subscription. */
export const LEVELS_MAX = 20_000;

/** One book frame: entries (one per element of `data`), each with the rows up to its `rowsEnd`. */
export class BookFrame {
  isSnapshot = false;
  entries = 0;
  rows = 0;
  readonly instrument: number[] = [];
  readonly rowsEnd: number[] = [];
  /** NaN when the frame carries none. */
  readonly checksum: number[] = [];
  readonly exchangeUs: number[] = [];
  isAsk = new Uint8Array(64);
  /** Set by the book: whether the row did anything. */
  isChange = new Uint8Array(64);
  /** The price's digits as one integer, in units of 10^−decimals. */
  ticks = new Float64Array(64);
  decimals = new Uint8Array(64);
  sizeDecimals = new Uint8Array(64);
  price = new Float64Array(64);
  size = new Float64Array(64);
  /** CRC and number of the level's digits, as `LevelDigits` has them. */
  crc = new Int32Array(64);
  digits = new Uint8Array(64);

  reset(isSnapshot: boolean): void {
    this.isSnapshot = isSnapshot;
    this.entries = 0;
    this.rows = 0;
  }

  /** Opens one more row; the caller sets all columns but `isChange`. */
  addRow(): number {
    if (this.rows === this.price.length) this.#grow();
    return this.rows++;
  }

  /** Closes an entry over the rows added since the one before. */
  addEntry(instrument: number, checksum: number, exchangeUs: number): void {
    const entry = this.entries++;
    this.instrument[entry] = instrument;
    this.rowsEnd[entry] = this.rows;
    this.checksum[entry] = checksum;
    this.exchangeUs[entry] = exchangeUs;
  }

  #grow(): void {
    const capacity = this.price.length * 2;
    this.isAsk = grown(this.isAsk, new Uint8Array(capacity));
    this.isChange = grown(this.isChange, new Uint8Array(capacity));
    this.ticks = grown(this.ticks, new Float64Array(capacity));
    this.decimals = grown(this.decimals, new Uint8Array(capacity));
    this.sizeDecimals = grown(this.sizeDecimals, new Uint8Array(capacity));
    this.price = grown(this.price, new Float64Array(capacity));
    this.size = grown(this.size, new Float64Array(capacity));
    this.crc = grown(this.crc, new Int32Array(capacity));
    this.digits = grown(this.digits, new Uint8Array(capacity));
  }
}

/** One trade frame: a row per trade. */
export class TradeFrame {
  isSnapshot = false;
  rows = 0;
  instrument = new Uint16Array(64);
  /** `Flag.buy` or `Flag.sell` by the taker's side, or 0. */
  side = new Uint8Array(64);
  price = new Float64Array(64);
  size = new Float64Array(64);
  decimals = new Uint8Array(64);
  sizeDecimals = new Uint8Array(64);
  id = new Float64Array(64);
  exchangeUs = new Float64Array(64);

  reset(isSnapshot: boolean): void {
    this.isSnapshot = isSnapshot;
    this.rows = 0;
  }

  /** Opens one more row; the caller sets all columns. */
  addRow(): number {
    if (this.rows === this.price.length) this.#grow();
    return this.rows++;
  }

  #grow(): void {
    const capacity = this.price.length * 2;
    this.instrument = grown(this.instrument, new Uint16Array(capacity));
    this.side = grown(this.side, new Uint8Array(capacity));
    this.price = grown(this.price, new Float64Array(capacity));
    this.size = grown(this.size, new Float64Array(capacity));
    this.decimals = grown(this.decimals, new Uint8Array(capacity));
    this.sizeDecimals = grown(this.sizeDecimals, new Uint8Array(capacity));
    this.id = grown(this.id, new Float64Array(capacity));
    this.exchangeUs = grown(this.exchangeUs, new Float64Array(capacity));
  }
}

function grown<T extends { set(source: T): void }>(from: T, to: T): T {
  to.set(from);
  return to;
}

const HEARTBEAT = ascii('{"channel":"heartbeat"}');
const BOOK = ascii('{"channel":"book","type":"');
const TRADE = ascii('{"channel":"trade","type":"');
const UPDATE = ascii('update","data":[');
const SNAPSHOT = ascii('snapshot","data":[');
const SYMBOL = ascii('"symbol":');
const BIDS = ascii('"bids":[');
const ASKS = ascii('"asks":[');
const CHECKSUM = ascii('"checksum":');
const TIMESTAMP = ascii('"timestamp":');
const LEVEL_PRICE = ascii('{"price":');
const LEVEL_SIZE = ascii(',"qty":');
const SIDE = ascii('"side":');
const BUY = ascii('"buy"');
const SELL = ascii('"sell"');
const PRICE = ascii('"price":');
const SIZE = ascii('"qty":');
const ID = ascii('"trade_id":');
const ORDER_TYPE = ascii('"ord_type":');
const LIMIT = ascii('"limit"');
const MARKET = ascii('"market"');

/** First letters of the keys. */
const LETTER = { a: 0x61, b: 0x62, c: 0x63, o: 0x6f, p: 0x70, q: 0x71, s: 0x73, t: 0x74 } as const;

const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const CLOSE_BRACKET = 0x5d;

/** Bits of the keys seen in one object: a key that comes twice is left to JSON.parse, where the last one wins. */
const SEEN = {
  symbol: 1,
  bids: 2,
  asks: 4,
  checksum: 8,
  timestamp: 16,
  side: 32,
  price: 64,
  size: 128,
  id: 256,
  orderType: 512,
} as const;
const BOOK_NEEDS = SEEN.symbol | SEEN.bids | SEEN.asks;
const TRADE_NEEDS = SEEN.symbol | SEEN.side | SEEN.price | SEEN.size | SEEN.id;

export function isHeartbeat(bytes: Uint8Array): boolean {
  if (bytes.length !== HEARTBEAT.length) return false;
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== HEARTBEAT[i]) return false;
  return true;
}

/** Fills book and trade frames from bytes; `symbols` says which names it may meet. */
export class FrameScan {
  readonly #scanner: ByteScanner;
  readonly #symbols: NameTable;
  readonly #digits = new LevelDigits();

  constructor(scanner: ByteScanner, symbols: NameTable) {
    this.#scanner = scanner;
    this.#symbols = symbols;
  }

  /** Whether the bytes are a book frame of the known shape, now held by `frame`. */
  book(bytes: Uint8Array, frame: BookFrame): boolean {
    const scanner = this.#scanner;
    scanner.load(bytes);
    if (!scanner.skip(BOOK)) return false;
    if (scanner.skip(UPDATE)) frame.reset(false);
    else if (scanner.skip(SNAPSHOT)) frame.reset(true);
    else return false;
    for (;;) {
      if (!this.#bookEntry(frame)) return false;
      const next = this.#take();
      if (next === CLOSE_BRACKET) return this.#take() === CLOSE_BRACE && scanner.at === scanner.end;
      if (next !== COMMA) return false;
    }
  }

  /** Whether the bytes are a trade frame of the known shape, now held by `frame`. */
  trades(bytes: Uint8Array, frame: TradeFrame): boolean {
    const scanner = this.#scanner;
    scanner.load(bytes);
    if (!scanner.skip(TRADE)) return false;
    if (scanner.skip(UPDATE)) frame.reset(false);
    else if (scanner.skip(SNAPSHOT)) frame.reset(true);
    else return false;
    for (;;) {
      if (!this.#trade(frame)) return false;
      const next = this.#take();
      if (next === CLOSE_BRACKET) return this.#take() === CLOSE_BRACE && scanner.at === scanner.end;
      if (next !== COMMA) return false;
    }
  }

  #bookEntry(frame: BookFrame): boolean {
    const scanner = this.#scanner;
    let seen = 0;
    let instrument = -1;
    let checksum = Number.NaN;
    let exchangeUs = Number.NaN;
    if (this.#take() !== OPEN_BRACE) return false;
    for (;;) {
      let key: number;
      switch (scanner.peek(1)) {
        case LETTER.s:
          key = SEEN.symbol;
          if (!scanner.skip(SYMBOL)) return false;
          instrument = scanner.name(this.#symbols);
          if (instrument < 0) return false;
          break;
        case LETTER.b:
          key = SEEN.bids;
          if (!scanner.skip(BIDS) || !this.#levels(frame, 0)) return false;
          break;
        case LETTER.a:
          key = SEEN.asks;
          if (!scanner.skip(ASKS) || !this.#levels(frame, 1)) return false;
          break;
        case LETTER.c:
          key = SEEN.checksum;
          if (!scanner.skip(CHECKSUM) || !scanner.integer(CHECKSUM_MAX)) return false;
          checksum = scanner.mantissa;
          break;
        case LETTER.t:
          key = SEEN.timestamp;
          if (!scanner.skip(TIMESTAMP) || !scanner.time()) return false;
          exchangeUs = scanner.timeUs;
          break;
        default:
          return false;
      }
      if ((seen & key) !== 0) return false;
      seen |= key;
      const next = this.#take();
      if (next === CLOSE_BRACE) break;
      if (next !== COMMA) return false;
    }
    if ((seen & BOOK_NEEDS) !== BOOK_NEEDS) return false;
    frame.addEntry(instrument, checksum, exchangeUs);
    return true;
  }

  /** The levels of one side, from behind the opening bracket to behind the closing one. */
  #levels(frame: BookFrame, isAsk: 0 | 1): boolean {
    const scanner = this.#scanner;
    const digits = this.#digits;
    if (scanner.peek() === CLOSE_BRACKET) {
      scanner.at++;
      return true;
    }
    for (;;) {
      if (!scanner.skip(LEVEL_PRICE) || !scanner.decimal()) return false;
      if (scanner.mantissa > Number.MAX_SAFE_INTEGER || scanner.decimals > DECIMALS_MAX) return false;
      if (frame.rows === LEVELS_MAX) return false;
      const row = frame.addRow();
      frame.isAsk[row] = isAsk;
      frame.ticks[row] = scanner.mantissa;
      frame.decimals[row] = scanner.decimals;
      frame.price[row] = scanner.value;
      digits.reset();
      digits.append(scanner.bytes, scanner.from, scanner.at);
      if (!scanner.skip(LEVEL_SIZE) || !scanner.decimal() || scanner.decimals > DECIMALS_MAX) return false;
      frame.size[row] = scanner.value;
      frame.sizeDecimals[row] = scanner.decimals;
      digits.append(scanner.bytes, scanner.from, scanner.at);
      if (digits.length > LEVEL_DIGITS_MAX) return false;
      frame.crc[row] = digits.crc;
      frame.digits[row] = digits.length;
      if (this.#take() !== CLOSE_BRACE) return false;
      const next = this.#take();
      if (next === CLOSE_BRACKET) return true;
      if (next !== COMMA) return false;
    }
  }

  #trade(frame: TradeFrame): boolean {
    const row = frame.addRow();
    let seen = 0;
    frame.exchangeUs[row] = Number.NaN;
    if (this.#take() !== OPEN_BRACE) return false;
    for (;;) {
      const key = this.#tradeKey(frame, row);
      if (key === 0 || (seen & key) !== 0) return false;
      seen |= key;
      const next = this.#take();
      if (next === CLOSE_BRACE) break;
      if (next !== COMMA) return false;
    }
    return (seen & TRADE_NEEDS) === TRADE_NEEDS;
  }

  /** Reads one key and its value into the row; which key it was, or 0. */
  #tradeKey(frame: TradeFrame, row: number): number {
    const scanner = this.#scanner;
    switch (scanner.peek(1)) {
      case LETTER.s: {
        if (!scanner.skip(SYMBOL)) return this.#side(frame, row);
        const instrument = scanner.name(this.#symbols);
        if (instrument < 0) return 0;
        frame.instrument[row] = instrument;
        return SEEN.symbol;
      }
      case LETTER.p:
        if (!scanner.skip(PRICE) || !scanner.decimal() || scanner.decimals > DECIMALS_MAX) return 0;
        frame.price[row] = scanner.value;
        frame.decimals[row] = scanner.decimals;
        return SEEN.price;
      case LETTER.q:
        if (!scanner.skip(SIZE) || !scanner.decimal() || scanner.decimals > DECIMALS_MAX) return 0;
        frame.size[row] = scanner.value;
        frame.sizeDecimals[row] = scanner.decimals;
        return SEEN.size;
      case LETTER.o:
        if (!scanner.skip(ORDER_TYPE)) return 0;
        return scanner.skip(LIMIT) || scanner.skip(MARKET) ? SEEN.orderType : 0;
      case LETTER.t:
        if (scanner.skip(ID)) {
          if (!scanner.integer(Number.MAX_SAFE_INTEGER)) return 0;
          frame.id[row] = scanner.mantissa;
          return SEEN.id;
        }
        if (!scanner.skip(TIMESTAMP) || !scanner.time()) return 0;
        frame.exchangeUs[row] = scanner.timeUs;
        return SEEN.timestamp;
      default:
        return 0;
    }
  }

  #side(frame: TradeFrame, row: number): number {
    const scanner = this.#scanner;
    if (!scanner.skip(SIDE)) return 0;
    if (scanner.skip(BUY)) frame.side[row] = Flag.buy;
    else if (scanner.skip(SELL)) frame.side[row] = Flag.sell;
    else return 0;
    return SEEN.side;
  }

  /** The byte at the position, stepped over; 0 at the end. */
  #take(): number {
    const scanner = this.#scanner;
    return scanner.at < scanner.end ? scanner.bytes[scanner.at++]! : 0;
  }
}
