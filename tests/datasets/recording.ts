// A recording composed from Kraken's protocol reference: two symbols, every channel, checksummed books, a resync,
// a disconnect, an unreadable frame, midnight in the middle. The same seed gives the same bytes.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterAll } from 'vitest';
import { type Control, encodeControl, RecordKind, type Session } from '../../src/core/frame.ts';
import { Random } from '../../src/core/random.ts';
import { formatTimeUs, parseTimeUs } from '../../src/core/time.ts';
import { JournalWriter } from '../../src/journal/writer.ts';

export const SYMBOLS = ['BTC/USD', 'XRP/USD'] as const;
export const START_US = parseTimeUs('2026-01-02T23:59:58Z');

export const session: Session = {
  venue: 'kraken',
  url: 'wss://ws.kraken.com/v2',
  symbols: SYMBOLS,
  channels: ['instrument', 'book', 'trade', 'ticker', 'ohlc'],
  depth: 10,
  candleUs: 60e6,
};

/** A new folder, gone when the test file is done. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'retick-datasets-'));
  folders.push(folder);
  return folder;
}

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

export type ComposeOptions = {
  readonly steps?: number;
  readonly seed?: number;
  readonly rotateBytes?: number;
  /** Lets a test change or leave out frames. */
  readonly edit?: (text: string, step: number) => string | undefined;
};

/** Writes the journal of a recording and returns its folder. */
export async function composeRecording(options: ComposeOptions = {}): Promise<string> {
  const { steps = 400, seed = 7, rotateBytes } = options;
  const folder = join(temporaryFolder(), 'recording');
  const writer = await JournalWriter.open(join(folder, 'journal'), {
    flushRows: 64,
    ...(rotateBytes !== undefined && { rotateBytes }),
  });
  const tape = new Tape(writer, options.edit);
  tape.control({ type: 'session', session, software: 'retick test', node: 'v0' });
  const random = new Random(seed);
  tape.connect(0);
  const books = SYMBOLS.map((symbol) => new ComposedBook(symbol, random));
  subscribe(tape, books);
  let tradeId = 1000;
  for (let step = 0; step < steps; step++) {
    tape.step = step;
    tape.pass(random.nextInt(1, 9999));
    const book = books[random.nextInt(0, 1)]!;
    const choice = random.nextFloat();
    if (choice < 0.6) tape.text(book.update(random, tape.venueTime()));
    else if (choice < 0.8) tape.text(tradeFrame(random, books, tape, () => tradeId++));
    else if (choice < 0.88) tape.text(tickerFrame(book.symbol, random, tape));
    else if (choice < 0.9) tape.text(candleFrame(book.symbol, random, tape));
    else if (choice < 0.96) tape.beat();
    else tape.text('{"channel":"heartbeat"}');
    if (step === Math.floor(steps / 4)) tape.text('{"channel":"mystery","data":[]}');
    if (step === Math.floor(steps / 3)) resync(tape, books[1]!);
    if (step === Math.floor(steps / 2)) reconnect(tape, books);
  }
  tape.control({ type: 'end', reason: 'composed to the end' });
  await writer.close();
  return folder;
}

/** Appends to a journal at its own clock; the venue's clock is 20 ms behind. */
class Tape {
  readonly #writer: JournalWriter;
  readonly #edit: ComposeOptions['edit'];
  #us = START_US;
  #connection = 0;
  step = -1;

  constructor(writer: JournalWriter, edit: ComposeOptions['edit']) {
    this.#writer = writer;
    this.#edit = edit;
  }

  pass(us: number): void {
    this.#us += us;
  }

  venueTime(beforeUs = 0): string {
    return formatTimeUs(this.#us - 20_000 - beforeUs);
  }

  connect(connection: number): void {
    this.#connection = connection;
    this.control({ type: 'connecting', url: session.url, attempt: 1 });
    this.pass(1000);
    this.control({ type: 'opened', url: session.url });
  }

  control(control: Control): void {
    this.#writer.append(RecordKind.control, this.#connection, this.#us, encodeControl(control));
  }

  beat(): void {
    this.#writer.append(RecordKind.beat, this.#connection, this.#us, new Uint8Array(0));
  }

  text(text: string): void {
    const edited = this.#edit === undefined ? text : this.#edit(text, this.step);
    if (edited === undefined) return;
    this.#writer.append(RecordKind.text, this.#connection, this.#us, Buffer.from(edited));
  }
}

/** Ten levels a side, kept as the digits that go over the wire. */
class ComposedBook {
  readonly symbol: string;
  readonly #bids = new Map<number, string>();
  readonly #asks = new Map<number, string>();

  constructor(symbol: string, random: Random) {
    this.symbol = symbol;
    for (let level = 0; level < 10; level++) {
      this.#bids.set(999 - level, size(random));
      this.#asks.set(1001 + level, size(random));
    }
  }

  snapshot(timestamp: string): string {
    const bids = [...this.#bids].sort((a, b) => b[0] - a[0]);
    const asks = [...this.#asks].sort((a, b) => a[0] - b[0]);
    return this.#frame('snapshot', bids, asks, timestamp);
  }

  update(random: Random, timestamp: string): string {
    const isAsk = random.nextFloat() < 0.5;
    const side = isAsk ? this.#asks : this.#bids;
    const ticks = isAsk ? random.nextInt(1001, 1012) : random.nextInt(988, 999);
    const isRemoval = random.nextFloat() < 0.3 && side.size > 5 && side.has(ticks);
    const digits = isRemoval ? '0.00000000' : size(random);
    if (isRemoval) side.delete(ticks);
    else side.set(ticks, digits);
    while (side.size > 10) side.delete(isAsk ? Math.max(...side.keys()) : Math.min(...side.keys()));
    const rows: [number, string][] = [[ticks, digits]];
    return this.#frame('update', isAsk ? [] : rows, isAsk ? rows : [], timestamp);
  }

  #frame(type: string, bids: [number, string][], asks: [number, string][], timestamp: string): string {
    const rows = (levels: [number, string][]) =>
      levels.map(([ticks, digits]) => `{"price":${price(ticks)},"qty":${digits}}`).join(',');
    return `{"channel":"book","type":"${type}","data":[{"symbol":"${this.symbol}","bids":[${rows(bids)}],"asks":[${rows(asks)}],"checksum":${this.#checksum()},"timestamp":"${timestamp}"}]}`;
  }

  #checksum(): number {
    const asks = [...this.#asks].sort((a, b) => a[0] - b[0]);
    const bids = [...this.#bids].sort((a, b) => b[0] - a[0]);
    const plain = (text: string) => text.replace('.', '').replace(/^0+/, '');
    const texts = [...asks, ...bids].map(([ticks, digits]) => plain(price(ticks)) + plain(digits));
    return crc32(texts.join(''));
  }
}

function subscribe(tape: Tape, books: readonly ComposedBook[]): void {
  tape.pass(5000);
  tape.text('{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online"}]}');
  const pairs = SYMBOLS.map(
    (symbol) =>
      `{"symbol":"${symbol}","base":"${symbol.slice(0, 3)}","quote":"USD","status":"online","qty_precision":8,"qty_increment":1e-08,"price_precision":1,"price_increment":0.1,"qty_min":5e-05,"cost_min":0.5}`,
  );
  tape.text(`{"channel":"instrument","type":"snapshot","data":{"assets":[],"pairs":[${pairs.join(',')}]}}`);
  for (const book of books) {
    for (const channel of ['book', 'trade', 'ticker', 'ohlc'])
      tape.text(acknowledge('subscribe', channel, book));
    tape.pass(300);
    tape.text(book.snapshot(tape.venueTime()));
  }
}

function resync(tape: Tape, book: ComposedBook): void {
  tape.control({ type: 'resync', channel: 'book', symbol: book.symbol, cause: 'checksum' });
  tape.pass(2000);
  tape.text(acknowledge('unsubscribe', 'book', book));
  tape.text(acknowledge('subscribe', 'book', book));
  tape.pass(2000);
  tape.text(book.snapshot(tape.venueTime()));
}

function reconnect(tape: Tape, books: readonly ComposedBook[]): void {
  tape.control({ type: 'closed', code: 1006, reason: '', cause: 'disconnect' });
  tape.control({ type: 'retry', attempt: 1, delayMs: 1000 });
  tape.pass(1_000_000);
  tape.connect(1);
  // The venue's snapshot of trades: the first are known already, the last happened during the outage.
  tape.pass(4000);
  subscribe(tape, books);
}

function acknowledge(method: string, channel: string, book: ComposedBook): string {
  const depth = channel === 'book' ? '"depth":10,' : channel === 'ohlc' ? '"interval":1,' : '';
  return `{"method":"${method}","result":{"channel":"${channel}",${depth}"snapshot":true,"symbol":"${book.symbol}"},"success":true,"time_in":"2026-01-02T23:59:58.000001Z","time_out":"2026-01-02T23:59:58.000042Z"}`;
}

function tradeFrame(random: Random, books: readonly ComposedBook[], tape: Tape, id: () => number): string {
  const trades = Array.from({ length: random.nextInt(1, 3) }, () => {
    const book = books[random.nextInt(0, 1)]!;
    const side = random.nextFloat() < 0.5 ? 'buy' : 'sell';
    // Ids run per symbol on the wire; one counter for both leaves holes, which the decoder must report.
    return `{"symbol":"${book.symbol}","side":"${side}","price":${price(random.nextInt(990, 1010))},"qty":${size(random)},"ord_type":"limit","trade_id":${id()},"timestamp":"${tape.venueTime(random.nextInt(0, 3000))}"}`;
  });
  return `{"channel":"trade","type":"update","data":[${trades.join(',')}]}`;
}

function tickerFrame(symbol: string, random: Random, tape: Tape): string {
  // Older frames have no timestamp: such a quote has no venue time.
  const timestamp = random.nextFloat() < 0.5 ? `,"timestamp":"${tape.venueTime()}"` : '';
  return `{"channel":"ticker","type":"update","data":[{"symbol":"${symbol}","bid":99.9,"bid_qty":${size(random)},"ask":100.1,"ask_qty":${size(random)},"last":100.0,"volume":12.5,"vwap":100.0,"low":99.0,"high":101.0,"change":0.5,"change_pct":0.5${timestamp}}]}`;
}

function candleFrame(symbol: string, random: Random, tape: Tape): string {
  const begin = `${tape.venueTime().slice(0, 17)}00.000000000Z`;
  return `{"channel":"ohlc","type":"update","timestamp":"${tape.venueTime()}","data":[{"symbol":"${symbol}","open":100.0,"high":101.0,"low":99.5,"close":100.5,"trades":${random.nextInt(1, 50)},"volume":${size(random)},"vwap":100.1,"interval_begin":"${begin}","interval":1,"timestamp":"${begin}"}]}`;
}

function price(ticks: number): string {
  return `${Math.floor(ticks / 10)}.${ticks % 10}`;
}

function size(random: Random): string {
  return `${random.nextInt(0, 9)}.${String(random.nextInt(1, 99_999_999)).padStart(8, '0')}`;
}
