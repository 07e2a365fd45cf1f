// The book that proves itself: Kraken's checksum of the ten best levels per side, over the digits as sent.
// A level keeps its price in ticks and the CRC-32 of its own digits; the CRC of the whole text is combined from those,
// so neither texts nor sizes are kept. Invariant: each side is strictly ordered, best level last.

import { powerOfTen } from '../scan.ts';
import { APPEND } from './checksum.ts';
import type { BookFrame } from './frames.ts';

/** Levels per side that the checksum covers, whatever the subscribed depth. */
const CHECKED_LEVELS = 10;

/** One side. Keys rise towards the best level: ticks for bids, negated ticks for asks. */
class BookSide {
  readonly sign: 1 | -1;
  /**
   * The live levels are [head, tail), with room on both sides: a level is put in by moving the fewer of its neighbours, so
   * a snapshot costs the same from the best level outwards as from the worst one inwards.
   */
  head = 32;
  tail = 32;
  #keys = new Float64Array(64);
  #crcs = new Int32Array(64);
  #lengths = new Uint8Array(64);

  constructor(sign: 1 | -1) {
    this.sign = sign;
  }

  clear(): void {
    this.head = this.#keys.length >>> 1;
    this.tail = this.head;
  }

  get count(): number {
    return this.tail - this.head;
  }

  /** The price of the level furthest from the touch, in ticks. */
  get worstTicks(): number {
    return this.#keys[this.head]! * this.sign;
  }

  dropWorst(): void {
    this.head++;
  }

  set(ticks: number, digits: number, length: number): void {
    const key = ticks * this.sign;
    let at = this.#find(key);
    if (at === this.tail || this.#keys[at] !== key) {
      if (this.tail === this.#keys.length || this.head === 0) at += this.#makeRoom();
      if (at - this.head < this.tail - at) this.#move(this.head--, at--, -1);
      else this.#move(at, this.tail++, 1);
      this.#keys[at] = key;
    }
    this.#crcs[at] = digits;
    this.#lengths[at] = length;
  }

  /** Whether there was such a level. */
  remove(ticks: number): boolean {
    const key = ticks * this.sign;
    const at = this.#find(key);
    if (at === this.tail || this.#keys[at] !== key) return false;
    if (at - this.head < this.tail - at) this.#move(this.head++, at, 1);
    else this.#move(at + 1, this.tail--, -1);
    return true;
  }

  /** Mixes the best levels, best first, into a CRC. */
  mix(start: number): number {
    let crc = start;
    const stop = Math.max(this.head, this.tail - CHECKED_LEVELS);
    for (let i = this.tail - 1; i >= stop; i--) {
      const table = this.#lengths[i]! << 10;
      crc =
        APPEND[table | (crc & 255)]! ^
        APPEND[table | 256 | ((crc >>> 8) & 255)]! ^
        APPEND[table | 512 | ((crc >>> 16) & 255)]! ^
        APPEND[table | 768 | (crc >>> 24)]! ^
        this.#crcs[i]!;
    }
    return crc;
  }

  /** Expresses every price in ticks that many times smaller. */
  rescale(factor: number): void {
    for (let i = this.head; i < this.tail; i++) this.#keys[i] = this.#keys[i]! * factor;
  }

  /** The first position whose key is not below `key`. */
  #find(key: number): number {
    const keys = this.#keys;
    let low = this.head;
    let high = this.tail;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (keys[middle]! < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Moves the levels [from, to) one place up or down. */
  #move(from: number, to: number, by: 1 | -1): void {
    const keys = this.#keys;
    const crcs = this.#crcs;
    const lengths = this.#lengths;
    let at = by === 1 ? to - 1 : from;
    for (let left = to - from; left > 0; left--, at -= by) {
      keys[at + by] = keys[at]!;
      crcs[at + by] = crcs[at]!;
      lengths[at + by] = lengths[at]!;
    }
  }

  /** Moves the levels to the middle, of larger arrays if they fill half of these. Returns how far they moved. */
  #makeRoom(): number {
    const { head, tail, count } = this;
    const from = [this.#keys, this.#crcs, this.#lengths] as const;
    const capacity = this.#keys.length * (count * 2 > this.#keys.length ? 2 : 1);
    this.head = (capacity - count) >>> 1;
    this.tail = this.head + count;
    if (capacity > this.#keys.length) {
      this.#keys = new Float64Array(capacity);
      this.#crcs = new Int32Array(capacity);
      this.#lengths = new Uint8Array(capacity);
    }
    this.#keys.set(from[0].subarray(head, tail), this.head);
    this.#crcs.set(from[1].subarray(head, tail), this.head);
    this.#lengths.set(from[2].subarray(head, tail), this.head);
    return this.head - head;
  }
}

/** Both sides of one symbol, kept for the sake of the checksum and of the depth rule. */
export class ChecksumBook {
  readonly bids = new BookSide(1);
  readonly asks = new BookSide(-1);
  /** A tick is 10^−decimals; it follows the finest price seen since the last `clear`. */
  decimals = 0;

  clear(): void {
    this.bids.clear();
    this.asks.clear();
    this.decimals = 0;
  }

  /** Applies rows [from, to) in their order and marks in `frame.isChange` which of them did anything. */
  apply(frame: BookFrame, from: number, to: number): void {
    for (let row = from; row < to; row++) {
      const side = frame.isAsk[row] === 1 ? this.asks : this.bids;
      let ticks = frame.ticks[row]!;
      const decimals = frame.decimals[row]!;
      if (decimals !== this.decimals) ticks = this.#align(ticks, decimals);
      if (frame.size[row] === 0) {
        frame.isChange[row] = side.remove(ticks) ? 1 : 0;
      } else {
        side.set(ticks, frame.crc[row]!, frame.digits[row]!);
        frame.isChange[row] = 1;
      }
    }
  }

  /** Kraken's checksum: CRC-32 over the digits of the ten best asks, then of the ten best bids. */
  checksum(): number {
    return ~this.bids.mix(this.asks.mix(-1)) >>> 0;
  }

  /** The price of the worst level of a side, as the correctly rounded double. */
  worstPrice(side: BookSide): number {
    return side.worstTicks / powerOfTen(this.decimals);
  }

  /** Brings ticks of another precision to that of the book, or the book to theirs if it is finer. */
  #align(ticks: number, decimals: number): number {
    if (decimals < this.decimals) return ticks * powerOfTen(this.decimals - decimals);
    const factor = powerOfTen(decimals - this.decimals);
    this.bids.rescale(factor);
    this.asks.rescale(factor);
    this.decimals = decimals;
    return ticks;
  }
}
