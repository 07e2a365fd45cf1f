// Kraken's frames read by JSON.parse: the way for every frame the scan does not know, and the scan's test oracle.
// Numbers that the checksum covers are taken as the text that stood in the frame, never through a double.
// Whatever does not have the shape of the reference throws `MalformedFrame`, which the decoder turns into an event.
import { type CandleDetail, Flag } from '../../core/event.ts';
import type { Instrument } from '../../core/instrument.ts';
import { parseTimeUs } from '../../core/time.ts';
import { LEVEL_DIGITS_MAX, LevelDigits } from './book.ts';
import { type BookFrame, CHECKSUM_MAX, DECIMALS_MAX, type TradeFrame } from './frames.ts';

/** The frame is not what the protocol says; the message says where, in few words. */
export class MalformedFrame extends Error {
  override readonly name = 'MalformedFrame';
}

/** An object of unchecked values. */
export type Fields = Readonly<Record<string, unknown>>;

const MINUTE_US = 60e6;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

export function decodeUtf8(payload: Uint8Array): string {
  try {
    return utf8.decode(payload);
  } catch (cause) {
    throw new MalformedFrame('not UTF-8', { cause });
  }
}

export function parseFrame(text: string): Fields {
  return fieldsOf(parseJson(text), 'frame');
}

/** The frame again, with its exact numbers as texts. */
export function parseExact(text: string): Fields {
  return fieldsOf(parseJson(text, keepSource), 'frame');
}

const EXACT = new Set(['price', 'qty', 'checksum', 'trade_id']);

function keepSource(key: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === 'number' && EXACT.has(key) ? context?.source : value;
}

function parseJson(text: string, reviver?: typeof keepSource): unknown {
  try {
    return JSON.parse(text, reviver);
  } catch (cause) {
    throw new MalformedFrame('not JSON', { cause });
  }
}

/**
 * Fills the frame from the result of `parseExact`. Returns the symbols that `symbols` does not hold; their entries are left out.
 */
export function readBook(
  message: Fields,
  symbols: ReadonlyMap<string, number>,
  frame: BookFrame,
): readonly string[] {
  frame.reset(readIsSnapshot(message));
  const strangers: string[] = [];
  const digits = new LevelDigits();
  for (const item of listOf(message.data, 'book data')) {
    const entry = fieldsOf(item, 'book entry');
    const symbol = textOf(entry, 'symbol');
    const instrument = symbols.get(symbol);
    if (instrument === undefined) {
      strangers.push(symbol);
      continue;
    }
    for (const key of Object.keys(entry)) {
      if (key !== 'bids' && key !== 'asks') continue;
      for (const level of listOf(entry[key], key)) {
        readLevel(fieldsOf(level, 'level'), key === 'asks', frame, digits);
      }
    }
    frame.addEntry(instrument, readChecksum(entry.checksum), optionalTimeUs(entry, 'timestamp'));
  }
  return strangers;
}

function readLevel(level: Fields, isAsk: boolean, frame: BookFrame, digits: LevelDigits): void {
  const price = decimalOf(level, 'price');
  const size = decimalOf(level, 'qty');
  const ticks = Number(price.text.replace('.', ''));
  if (ticks > Number.MAX_SAFE_INTEGER) throw new MalformedFrame('price: too many digits');
  digits.reset();
  for (const number of [price, size]) {
    const bytes = encoder.encode(number.text);
    digits.append(bytes, 0, bytes.length);
  }
  if (digits.length > LEVEL_DIGITS_MAX) throw new MalformedFrame('level: too many digits');
  const row = frame.addRow();
  frame.isAsk[row] = isAsk ? 1 : 0;
  frame.ticks[row] = ticks;
  frame.decimals[row] = price.decimals;
  frame.price[row] = price.value;
  frame.size[row] = size.value;
  frame.sizeDecimals[row] = size.decimals;
  frame.crc[row] = digits.crc;
  frame.digits[row] = digits.length;
}

function readChecksum(value: unknown): number {
  if (value === undefined) return Number.NaN;
  const checksum = typeof value === 'string' ? Number(value) : Number.NaN;
  if (value === '' || !Number.isInteger(checksum) || checksum < 0 || checksum > CHECKSUM_MAX) {
    throw new MalformedFrame('checksum is no 32-bit integer');
  }
  return checksum;
}

/** The symbols that a malformed frame names, as far as they can be made out. */
export function symbolsIn(message: Fields): readonly string[] {
  if (!Array.isArray(message.data)) return [];
  return message.data.flatMap((item: unknown) => {
    const symbol = typeof item === 'object' && item !== null && 'symbol' in item ? item.symbol : undefined;
    return typeof symbol === 'string' ? [symbol] : [];
  });
}

/** Fills the frame from the result of `parseExact`; returns as `readBook` does. */
export function readTrades(
  message: Fields,
  symbols: ReadonlyMap<string, number>,
  frame: TradeFrame,
): readonly string[] {
  frame.reset(readIsSnapshot(message));
  const strangers: string[] = [];
  for (const item of listOf(message.data, 'trade data')) {
    const trade = fieldsOf(item, 'trade');
    const symbol = textOf(trade, 'symbol');
    const price = decimalOf(trade, 'price');
    const size = decimalOf(trade, 'qty');
    const id = Number(decimalOf(trade, 'trade_id').text);
    if (!Number.isSafeInteger(id)) throw new MalformedFrame('trade_id is no integer');
    const exchangeUs = optionalTimeUs(trade, 'timestamp');
    const instrument = symbols.get(symbol);
    if (instrument === undefined) {
      strangers.push(symbol);
      continue;
    }
    const row = frame.addRow();
    frame.instrument[row] = instrument;
    frame.side[row] = trade.side === 'buy' ? Flag.buy : trade.side === 'sell' ? Flag.sell : 0;
    frame.price[row] = price.value;
    frame.decimals[row] = price.decimals;
    frame.size[row] = size.value;
    frame.sizeDecimals[row] = size.decimals;
    frame.id[row] = id;
    frame.exchangeUs[row] = exchangeUs;
  }
  return strangers;
}

/** An element of `ohlc.data`. Whether it is closed only the next one tells. */
export function readCandle(item: unknown): {
  readonly symbol: string;
  readonly candle: Omit<CandleDetail, 'isClosed'>;
} {
  const fields = fieldsOf(item, 'candle');
  const startUs = optionalTimeUs(fields, 'interval_begin');
  if (Number.isNaN(startUs)) throw new MalformedFrame('interval_begin is missing');
  return {
    symbol: textOf(fields, 'symbol'),
    candle: {
      type: 'candle',
      startUs,
      intervalUs: numberOf(fields, 'interval') * MINUTE_US,
      open: numberOf(fields, 'open'),
      high: numberOf(fields, 'high'),
      low: numberOf(fields, 'low'),
      close: numberOf(fields, 'close'),
      volume: numberOf(fields, 'volume'),
      trades: numberOf(fields, 'trades'),
    },
  };
}

/** An element of `instrument.data.pairs`; numbers here do come with exponents. */
export function readInstrument(pair: Fields): Instrument {
  const symbol = textOf(pair, 'symbol');
  return {
    symbol,
    base: textOf(pair, 'base'),
    quote: textOf(pair, 'quote'),
    tickSize: stepOf(pair, ['price_increment', 'tick_size'], 'price_precision'),
    lotSize: stepOf(pair, ['qty_increment'], 'qty_precision'),
    sizeMin: pair.qty_min === undefined ? 0 : numberOf(pair, 'qty_min'),
    notionalMin: pair.cost_min === undefined ? 0 : numberOf(pair, 'cost_min'),
    status: textOf(pair, 'status'),
    isStated: true,
  };
}

/** The first of these increments that the pair names, else 10^−precision. */
function stepOf(pair: Fields, increments: readonly string[], precision: string): number {
  const named = increments.find((key) => pair[key] !== undefined);
  const step = named === undefined ? Number(`1e-${numberOf(pair, precision)}`) : numberOf(pair, named);
  if (!(step > 0)) throw new MalformedFrame(`${named ?? precision} is no step`);
  return step;
}

export function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new MalformedFrame(`${what} is no object`);
  }
  return value as Fields;
}

export function listOf(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new MalformedFrame(`${what} is no list`);
  return value;
}

export function textOf(fields: Fields, key: string): string {
  const value = fields[key];
  if (typeof value !== 'string') throw new MalformedFrame(`${key} is no text`);
  return value;
}

/** A finite number, quoted or not. */
export function numberOf(fields: Fields, key: string): number {
  const value = fields[key];
  const number = typeof value === 'string' && NUMBER.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isFinite(number)) throw new MalformedFrame(`${key} is no number`);
  return number;
}

/** NaN when the field is absent: no time is made up. */
export function optionalTimeUs(fields: Fields, key: string): number {
  if (fields[key] === undefined) return Number.NaN;
  const timeUs = parseTimeUs(textOf(fields, key));
  if (Number.isNaN(timeUs)) throw new MalformedFrame(`${key} is no time`);
  return timeUs;
}

function readIsSnapshot(message: Fields): boolean {
  if (message.type === 'snapshot') return true;
  if (message.type === 'update') return false;
  throw new MalformedFrame('type is neither snapshot nor update');
}

type Decimal = { readonly text: string; readonly value: number; readonly decimals: number };

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const PLAIN = /^(?:0|[1-9]\d*)(?:\.(\d+))?$/;
const EXPONENT = /^(\d+)(?:\.(\d+))?[eE]([+-]?\d{1,2})$/;

/** A number that is not negative, with its digits: those of the frame, or spelt out if it came with an exponent. */
function decimalOf(fields: Fields, key: string): Decimal {
  const source = fields[key];
  const text = typeof source === 'string' && NUMBER.test(source) ? plainText(source) : '';
  const match = PLAIN.exec(text);
  const decimals = match?.[1]?.length ?? 0;
  if (match === null || text.length > 64 || decimals > DECIMALS_MAX)
    throw new MalformedFrame(`${key} is no decimal`);
  return { text, value: Number(text), decimals };
}

/** `1.5e-3` to `0.0015`. */
function plainText(source: string): string {
  const match = EXPONENT.exec(source);
  if (match === null) return source;
  const [, whole = '', fraction = '', exponent = '0'] = match;
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  const padded = point <= 0 ? '0'.repeat(1 - point) + digits : digits.padEnd(point, '0');
  const split = Math.max(point, 1);
  const left = padded.slice(0, split).replace(/^0+(?=\d)/, '');
  const right = padded.slice(split);
  return right === '' ? left : `${left}.${right}`;
}
