// How Kraken writes numbers and sums a book: fixed decimals from integers, exponents in instrument frames,
// and the CRC-32 over the ten best levels a side. Shares no code with the decoder that checks it.
import type { Ladder } from './ladder.ts';
import type { SymbolState } from './market.ts';

const CHECKED_LEVELS = 10;
/** Ten levels a side, price and size of at most sixteen digits each. */
const scratch = new Uint8Array(2 * CHECKED_LEVELS * 2 * 16);
const digits = new Uint8Array(16);
const crcTable = createTable();

/** `formatUnits(1234, 2)` is `12.34`: every decimal is written, as on the wire. */
export function formatUnits(units: number, decimals: number): string {
  const text = String(Math.abs(units)).padStart(decimals + 1, '0');
  const sign = units < 0 ? '-' : '';
  if (decimals === 0) return sign + text;
  return `${sign}${text.slice(0, -decimals)}.${text.slice(-decimals)}`;
}

export function formatPrice(state: SymbolState, ticks: number): string {
  return formatUnits(ticks * state.tickUnits, state.symbol.priceDecimals);
}

export function formatSize(state: SymbolState, lots: number): string {
  return formatUnits(lots * state.lotUnits, state.symbol.sizeDecimals);
}

/** A number as instrument frames write it: below 0.0001 with a two-digit exponent, `1e-08`. */
export function formatNumber(value: number): string {
  if (value === 0 || value >= 1e-4) return String(value);
  return value.toExponential().replace(/e-(\d)$/, 'e-0$1');
}

/** Asks from the lowest, then bids from the highest: price and size without point and leading zeros. */
export function checksum(state: SymbolState): number {
  const { ladder } = state;
  let end = 0;
  end = addSide(state, ladder, 1, end);
  end = addSide(state, ladder, -1, end);
  return crc32(scratch, end);
}

/** CRC-32/ISO-HDLC over the first `length` bytes, unsigned. */
export function crc32(bytes: Uint8Array, length = bytes.length): number {
  let crc = -1;
  for (let i = 0; i < length; i++) crc = crcTable[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

function addSide(state: SymbolState, ladder: Ladder, step: number, start: number): number {
  let end = start;
  let tick = step > 0 ? ladder.askBest : ladder.bidBest;
  for (let left = CHECKED_LEVELS; left > 0 && tick >= ladder.floor && tick <= ladder.ceiling; tick += step) {
    const lots = ladder.lotsAt(tick);
    if (lots === 0) continue;
    left--;
    end = addInteger(tick * state.tickUnits, end);
    end = addInteger(lots * state.lotUnits, end);
  }
  return end;
}

/** The decimal digits of a positive safe integer; halves keep the divisions in 32 bits. */
function addInteger(value: number, start: number): number {
  let high = Math.floor(value / 1e8);
  let low = value - high * 1e8;
  let count = 0;
  for (; low > 0 || (high > 0 && count < 8); count++) {
    const rest = (low / 10) | 0;
    digits[count] = 48 + low - rest * 10;
    low = rest;
  }
  for (; high > 0; count++) {
    const rest = (high / 10) | 0;
    digits[count] = 48 + high - rest * 10;
    high = rest;
  }
  for (let i = 0; i < count; i++) scratch[start + i] = digits[count - 1 - i]!;
  return start + count;
}

function createTable(): Int32Array {
  const table = new Int32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    table[byte] = crc;
  }
  return table;
}
