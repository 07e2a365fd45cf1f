// The byte scanner that venues' decoders share: one pass over a frame, no strings, no objects.
// It reads the compact JSON that venues send; at anything else it says false and the caller falls back
// to JSON.parse, so whatever it does accept must mean exactly what JSON.parse would have made of it.

import { isPrice, isTimeUs } from '../core/bounds.ts';
import { daysInMonth } from '../core/time.ts';

const text = new TextDecoder();

const POWERS_OF_TEN = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));

/** A longer number is left to the fallback. */
const DECIMAL_BYTES_MAX = 64;

/** 10^exponent for 0 … 22: all of them exact doubles. */
export function powerOfTen(exponent: number): number {
  return POWERS_OF_TEN[exponent]!;
}

/** The bytes of an ASCII text, to be matched by `ByteScanner.skip`. */
export function ascii(literal: string): Uint8Array {
  return new TextEncoder().encode(literal);
}

/**
 * A position in a frame and the value read last. Every method returns whether what it looked for stood at the
 * position; after a false the position may be anywhere and the frame is given up.
 */
export class ByteScanner {
  bytes: Uint8Array = new Uint8Array(0);
  at = 0;
  end = 0;
  /** The last decimal: the correctly rounded double … */
  value = 0;
  /** … all its digits as one integer, exact while it is at most 2^53 − 1 … */
  mantissa = 0;
  /** … the number of digits after the dot, and where its text began. */
  decimals = 0;
  from = 0;
  /** The last time, µs since the epoch. */
  timeUs = 0;
  #day = -1;
  #dayUs = 0;

  load(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.at = 0;
    this.end = bytes.length;
  }

  /** Steps over the literal. */
  skip(literal: Uint8Array): boolean {
    const bytes = this.bytes;
    const at = this.at;
    const length = literal.length;
    if (at + length > this.end) return false;
    for (let i = 0; i < length; i++) if (bytes[at + i] !== literal[i]) return false;
    this.at = at + length;
    return true;
  }

  /** The byte so many behind the position, 0 beyond the end. */
  peek(ahead = 0): number {
    const at = this.at + ahead;
    return at < this.end ? this.bytes[at]! : 0;
  }

  /** A JSON number without sign and exponent. */
  decimal(): boolean {
    const bytes = this.bytes;
    const end = this.end;
    const from = this.at;
    let at = from;
    let mantissa = 0;
    let digit = 0;
    for (; at < end; at++) {
      digit = bytes[at]! - 48;
      if (digit < 0 || digit > 9) break;
      mantissa = mantissa * 10 + digit;
    }
    if (at === from || (at > from + 1 && bytes[from] === 48)) return false;
    let decimals = 0;
    if (digit === -2) {
      const dot = at++;
      for (; at < end; at++) {
        digit = bytes[at]! - 48;
        if (digit < 0 || digit > 9) break;
        mantissa = mantissa * 10 + digit;
      }
      decimals = at - dot - 1;
      if (decimals === 0) return false;
    }
    if (digit === 21 || digit === 53 || at - from > DECIMAL_BYTES_MAX) return false;
    this.from = from;
    this.at = at;
    this.mantissa = mantissa;
    this.decimals = decimals;
    // One division of two exact doubles rounds once; more digits than a double holds need the exact way.
    this.value =
      mantissa <= Number.MAX_SAFE_INTEGER && decimals <= 22
        ? mantissa / POWERS_OF_TEN[decimals]!
        : Number(text.decode(bytes.subarray(from, at)));
    return isPrice(this.value);
  }

  /** A JSON number without sign, dot and exponent, at most `max`. */
  integer(max: number): boolean {
    return this.decimal() && this.decimals === 0 && this.mantissa <= max;
  }

  /** A quoted `2026-01-02T03:04:05.123456Z` with up to nine fractional digits; those below a microsecond are cut. */
  time(): boolean {
    const bytes = this.bytes;
    const at = this.at;
    if (at + 22 > this.end) return false;
    const century = this.#pair(at + 1);
    const year = this.#pair(at + 3);
    const month = this.#pair(at + 6);
    const day = this.#pair(at + 9);
    const hour = this.#pair(at + 12);
    const minute = this.#pair(at + 15);
    const second = this.#pair(at + 18);
    if ((century | year | month | day | hour | minute | second) < 0) return false;
    if (bytes[at] !== 0x22 || bytes[at + 5] !== 0x2d || bytes[at + 8] !== 0x2d) return false;
    if (bytes[at + 11] !== 0x54 || bytes[at + 14] !== 0x3a || bytes[at + 17] !== 0x3a) return false;
    let next = at + 20;
    let micros = 0;
    if (bytes[next] === 0x2e) {
      const first = next + 1;
      for (next = first; next < this.end; next++) {
        const digit = bytes[next]! - 48;
        if (digit < 0 || digit > 9) break;
        if (next < first + 6) micros = micros * 10 + digit;
      }
      if (next === first || next > first + 9) return false;
      for (let place = next; place < first + 6; place++) micros *= 10;
    }
    if (next + 2 > this.end || bytes[next] !== 0x5a || bytes[next + 1] !== 0x22) return false;
    const key = ((century * 100 + year) * 100 + month) * 100 + day;
    if (key !== this.#day) {
      if (day === 0 || day > daysInMonth(century * 100 + year, month)) return false;
      this.#day = key;
      this.#dayUs = Date.UTC(century * 100 + year, month - 1, day) * 1000;
    }
    if (hour > 23 || minute > 59 || second > 59) return false;
    this.timeUs = this.#dayUs + ((hour * 60 + minute) * 60 + second) * 1e6 + micros;
    this.at = next + 2;
    return isTimeUs(this.timeUs);
  }

  /** A quoted name of the table, or −1. */
  name(table: NameTable): number {
    const bytes = this.bytes;
    if (this.peek() !== 0x22) return -1;
    const from = this.at + 1;
    let hash = NAME_SEED;
    for (let at = from; at < this.end; at++) {
      const byte = bytes[at]!;
      if (byte === 0x22) {
        this.at = at + 1;
        return table.find(bytes, from, at, hash);
      }
      hash = Math.imul(hash ^ byte, NAME_PRIME);
    }
    return -1;
  }

  /** Two digits as a number, negative if they are none. */
  #pair(at: number): number {
    const high = this.bytes[at]! - 48;
    const low = this.bytes[at + 1]! - 48;
    return high < 0 || high > 9 || low < 0 || low > 9 ? -1 : high * 10 + low;
  }
}

const NAME_SEED = 0x811c9dc5 | 0;
const NAME_PRIME = 0x01000193;

/** Finds the index of a name from its bytes. Names that JSON would escape or that are not ASCII are never found. */
export class NameTable {
  readonly #names: readonly Uint8Array[];
  readonly #slots: Int32Array;
  readonly #mask: number;

  constructor(names: readonly string[]) {
    this.#names = names.map(ascii);
    let slots = 8;
    while (slots < names.length * 2) slots *= 2;
    this.#mask = slots - 1;
    this.#slots = new Int32Array(slots).fill(-1);
    this.#names.forEach((name, index) => {
      if (!name.every((byte) => byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c)) return;
      let hash = NAME_SEED;
      for (const byte of name) hash = Math.imul(hash ^ byte, NAME_PRIME);
      let slot = hash & this.#mask;
      while (this.#slots[slot] !== -1) slot = (slot + 1) & this.#mask;
      this.#slots[slot] = index;
    });
  }

  /** The index of the name in bytes [from, to) with its hash, or −1. */
  find(bytes: Uint8Array, from: number, to: number, hash: number): number {
    const length = to - from;
    let slot = hash & this.#mask;
    for (;;) {
      const index = this.#slots[slot]!;
      if (index < 0) return -1;
      const name = this.#names[index]!;
      if (name.length === length) {
        let i = 0;
        while (i < length && name[i] === bytes[from + i]) i++;
        if (i === length) return index;
      }
      slot = (slot + 1) & this.#mask;
    }
  }
}
