// Kraken's frames read by JSON.parse: the way for every frame the scan does not know, and the scan's test oracle.
// Numbers that the checksum covers are taken as the text that stood in the frame, never through a double.
// Whatever does not have the shape of the reference throws `MalformedFrame`, which the decoder turns into an event.
import { type CandleDetail, Flag } from '../../core/event.ts';
import type { Instrument } from '../../core/instrument.ts';
import {
  countOf,
  DECIMALS_MAX,
  decimalOf,
  type Fields,
  fieldsOf,
  listOf,
  numberOf,
  optionalTimeUs,
  parseFields,
  sizeOf,
  symbolOf,
  textOf,
} from '../fields.ts';
import { MalformedFrame } from '../guard.ts';
import { LEVEL_DIGITS_MAX, LevelDigits } from './checksum.ts';
import { type BookFrame, CHECKSUM_MAX, LEVELS_MAX, type TradeFrame } from './frames.ts';

const MINUTE_US = 60e6;

const encoder = new TextEncoder();

/** The frame again, with its exact numbers as texts. */
export function parseExact(text: string): Fields {
  return parseFields(text, keepSource);
}

const EXACT = new Set(['price', 'qty', 'checksum', 'trade_id']);

function keepSource(key: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === 'number' && EXACT.has(key) ? context?.source : value;
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
  if (frame.rows === LEVELS_MAX) throw new MalformedFrame(`more than ${LEVELS_MAX} levels`);
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

/**
 * The symbols whose books a frame would have changed, if it can be made out; undefined where it may have been any book.
 * The text may be deeper or longer than a frame that is read: nothing but its outline is looked at.
 */
export function booksIn(text: string): readonly string[] | undefined {
  if (!text.includes('"book"')) return [];
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return undefined; // Not JSON: what it was to change nobody can say.
  }
  if (typeof message !== 'object' || message === null) return [];
  if (!('channel' in message && message.channel === 'book' && 'data' in message)) return [];
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

/** An element of `ticker.data`. */
export function readTicker(item: unknown) {
  const fields = fieldsOf(item, 'ticker');
  return {
    symbol: textOf(fields, 'symbol'),
    bid: numberOf(fields, 'bid'),
    ask: numberOf(fields, 'ask'),
    bidSize: sizeOf(fields, 'bid_qty'),
    askSize: sizeOf(fields, 'ask_qty'),
    exchangeUs: optionalTimeUs(fields, 'timestamp'),
  };
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
      intervalUs: countOf(fields, 'interval') * MINUTE_US,
      open: numberOf(fields, 'open'),
      high: numberOf(fields, 'high'),
      low: numberOf(fields, 'low'),
      close: numberOf(fields, 'close'),
      volume: sizeOf(fields, 'volume'),
      trades: countOf(fields, 'trades'),
    },
  };
}

/** An element of `instrument.data.pairs`; numbers here do come with exponents. */
export function readInstrument(pair: Fields): Instrument {
  return {
    symbol: symbolOf(pair, 'symbol'),
    base: symbolOf(pair, 'base'),
    quote: symbolOf(pair, 'quote'),
    tickSize: stepOf(pair, ['price_increment', 'tick_size'], 'price_precision'),
    lotSize: stepOf(pair, ['qty_increment'], 'qty_precision'),
    sizeMin: pair.qty_min === undefined ? 0 : sizeOf(pair, 'qty_min'),
    notionalMin: pair.cost_min === undefined ? 0 : sizeOf(pair, 'cost_min'),
    status: textOf(pair, 'status'),
    isStated: true,
  };
}

/** The first of these increments that the pair names, else 10^−precision. */
function stepOf(pair: Fields, increments: readonly string[], precision: string): number {
  const named = increments.find((key) => pair[key] !== undefined);
  const places = named === undefined ? countOf(pair, precision) : 0;
  const step = named === undefined ? Number(`1e-${places}`) : numberOf(pair, named);
  if (!(step > 0 && places <= DECIMALS_MAX)) throw new MalformedFrame(`${named ?? precision} is no step`);
  return step;
}

function readIsSnapshot(message: Fields): boolean {
  if (message.type === 'snapshot') return true;
  if (message.type === 'update') return false;
  throw new MalformedFrame('type is neither snapshot nor update');
}
