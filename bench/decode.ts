// How many Kraken frames a second become checked events, and what JSON.parse alone does with the same frames.
// The frames are composed: a wandering book of 25 levels a side, some 300 bytes per update, correct checksums.
import { EventBatch, EventKind, Flag } from '../src/core/event.ts';
import { type JournalRecord, RecordKind, type Session } from '../src/core/frame.ts';
import { Random } from '../src/core/random.ts';
import { ChecksumBook } from '../src/venues/kraken/book.ts';
import { KrakenDecoder } from '../src/venues/kraken/decoder.ts';
import { BookFrame, FrameScan } from '../src/venues/kraken/frames.ts';
import { ByteScanner, NameTable } from '../src/venues/scan.ts';
import { atLeast, type BenchRow } from './row.ts';

const SYMBOL = 'XRP/USD';
const DEPTH = 25;
/** What the composed frames belong to. */
export const SESSION: Session = {
  venue: 'kraken',
  url: '',
  symbols: ['BTC/USD', SYMBOL],
  channels: ['book', 'trade'],
  depth: DEPTH,
  candleUs: 0,
};
const FRAMES = 1 << 14;
const ROUNDS = 7;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function benchDecode(): readonly BenchRow[] {
  const books = composeBooks(1e10);
  const longSizes = composeBooks(9e17);
  const trades = composeTrades(1);
  const bursts = composeTrades(10);
  return [
    {
      name: `kraken book frames of ${meanBytes(books)} B to checked events`,
      value: rateOf(books, decodeAll) / 1e3,
      unit: 'k frames/s',
      target: atLeast(150),
    },
    {
      name: 'the same frames through JSON.parse alone',
      value: rateOf(books, parseAll) / 1e3,
      unit: 'k frames/s',
    },
    {
      name: 'kraken book frames whose sizes no double holds',
      value: rateOf(longSizes, decodeAll) / 1e3,
      unit: 'k frames/s',
    },
    {
      name: `kraken trade frames of ${meanBytes(trades)} B to events`,
      value: rateOf(trades, decodeAll) / 1e6,
      unit: 'M trades/s',
    },
    {
      name: 'the same frames through JSON.parse alone',
      value: rateOf(trades, parseAll) / 1e6,
      unit: 'M trades/s',
    },
    {
      name: 'kraken trade frames of 10 trades to events',
      value: (rateOf(bursts, decodeAll) * 10) / 1e6,
      unit: 'M trades/s',
    },
  ];
}

/** The median rate of several rounds over all frames; the first round compiles. */
function rateOf(frames: readonly Uint8Array[], round: (frames: readonly Uint8Array[]) => void): number {
  const rates: number[] = [];
  for (let i = 0; i <= ROUNDS; i++) {
    const start = performance.now();
    round(frames);
    if (i > 0) rates.push((frames.length / (performance.now() - start)) * 1000);
  }
  rates.sort((a, b) => a - b);
  return rates[ROUNDS >> 1]!;
}

function decodeAll(frames: readonly Uint8Array[]): void {
  const kraken = new KrakenDecoder(SESSION);
  const out = new EventBatch(4096);
  let messages = 0;
  frames.forEach((payload, index) => {
    const seq = index + 1;
    const record: JournalRecord = { seq, receivedUs: seq, kind: RecordKind.text, connection: 0, payload };
    const from = out.length;
    kraken.decode(record, out);
    const last = out.length - 1;
    const isTrade = last >= from && out.kind[last] === EventKind.trade;
    if (last >= from && (isTrade || (out.flags[last]! & Flag.last) !== 0)) messages++;
    if (out.length > 2048) out.reset();
  });
  if (messages !== frames.length) throw new Error(`${frames.length - messages} of the frames gave no events`);
}

function parseAll(frames: readonly Uint8Array[]): void {
  let total = 0;
  for (const frame of frames) total += JSON.parse(decoder.decode(frame)).data.length;
  if (total !== frames.length) throw new Error('a frame has another number of entries');
}

/** A snapshot and then updates of three to five levels near the touch, sizes below `sizeMax` × 10^−8. */
export function composeBooks(sizeMax: number): readonly Uint8Array[] {
  const random = new Random(7);
  const scan = new FrameScan(new ByteScanner(), new NameTable([SYMBOL]));
  const frame = new BookFrame();
  const book = new ChecksumBook();
  let middle = 108_100;
  const level = (ticks: number, isGone: boolean): string => {
    const units = isGone ? '0' : String(Math.floor(sizeMax * (0.1 + 0.9 * random.nextFloat())));
    const size = units.padStart(9, '0');
    return `{"price":${(ticks / 1e5).toFixed(5)},"qty":${size.slice(0, -8)}.${size.slice(-8)}}`;
  };
  return Array.from({ length: FRAMES }, (_, index) => {
    const isSnapshot = index === 0;
    middle += random.nextInt(-2, 2);
    const sides: [string[], string[]] = [[], []];
    for (let i = 0; i < (isSnapshot ? DEPTH * 2 : random.nextInt(3, 5)); i++) {
      const isAsk = isSnapshot ? i % 2 === 1 : random.nextFloat() < 0.5;
      const distance = isSnapshot ? (i >> 1) + 1 : random.nextInt(1, 30);
      const isGone = !isSnapshot && random.nextFloat() < 0.3;
      sides[isAsk ? 1 : 0].push(level(isAsk ? middle + distance : middle - distance, isGone));
    }
    // At least one row of each message must change the book, or it has no events to be counted.
    if (!isSnapshot) sides[0].push(level(middle - 1, false));
    const compose = (checksum: number): Uint8Array =>
      encoder.encode(
        `{"channel":"book","type":"${isSnapshot ? 'snapshot' : 'update'}","data":[{"symbol":"${SYMBOL}","bids":[${sides[0].join(',')}],"asks":[${sides[1].join(',')}],"checksum":${checksum},"timestamp":"${timestamp(index)}"}]}`,
      );
    if (!scan.book(compose(0), frame)) throw new Error('the scan does not know its own frame');
    book.apply(frame, 0, frame.rows);
    const checksum = book.checksum();
    for (const side of [book.bids, book.asks]) while (side.count > DEPTH) side.dropWorst();
    return compose(checksum);
  });
}

export function composeTrades(perFrame: number): readonly Uint8Array[] {
  const random = new Random(8);
  let id = 10_218_208;
  return Array.from({ length: FRAMES }, (_, index) => {
    const trades = Array.from({ length: perFrame }, () => {
      const side = random.nextFloat() < 0.5 ? 'buy' : 'sell';
      const price = (1.081 + random.nextInt(-50, 50) / 1e5).toFixed(5);
      const size = (random.nextFloat() * 1e4).toFixed(8);
      return `{"symbol":"${SYMBOL}","side":"${side}","price":${price},"qty":${size},"ord_type":"limit","trade_id":${++id},"timestamp":"${timestamp(index)}"}`;
    });
    return encoder.encode(`{"channel":"trade","type":"update","data":[${trades.join(',')}]}`);
  });
}

function timestamp(index: number): string {
  return `2026-01-02T03:${String(10 + (index >> 12)).padStart(2, '0')}:05.${String(index % 1e6).padStart(6, '0')}Z`;
}

function meanBytes(frames: readonly Uint8Array[]): number {
  return Math.round(frames.reduce((total, frame) => total + frame.length, 0) / frames.length);
}
