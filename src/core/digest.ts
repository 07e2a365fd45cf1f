// A running digest of events: two 32-bit lanes over the bits of every column that carries meaning.
// Order matters, batch boundaries do not. It detects differences; it is no defence against an adversary.
import { type EventBatch, EventKind } from './event.ts';

const LANE_A = 0x9e3779b1;
const LANE_B = 0x85ebca77;

export class InputDigest {
  #a = 0x811c9dc5 | 0;
  #b = 0xc9dc5118 | 0;

  /** Folds rows [from, to): kind, flags, instrument, both times, all values, and the details of cold kinds. */
  fold(batch: EventBatch, from: number, to: number): void {
    let a = this.#a;
    let b = this.#b;
    const received = words(batch.receivedUs);
    const exchange = words(batch.exchangeUs);
    const price = words(batch.price);
    const size = words(batch.size);
    const id = words(batch.id);
    const { kind, flags, instrument } = batch;
    for (let row = from; row < to; row++) {
      // Shifted, not multiplied: the index then needs no check for overflow.
      const lo = row << 1;
      const hi = lo | 1;
      const head = kind[row]! | (flags[row]! << 8) | (instrument[row]! << 16);
      a = Math.imul(a ^ head, LANE_A);
      b = Math.imul(b ^ received[hi]!, LANE_B);
      a = Math.imul(a ^ received[lo]!, LANE_A);
      b = Math.imul(b ^ exchange[hi]!, LANE_B);
      a = Math.imul(a ^ exchange[lo]!, LANE_A);
      b = Math.imul(b ^ price[hi]!, LANE_B);
      a = Math.imul(a ^ price[lo]!, LANE_A);
      b = Math.imul(b ^ size[hi]!, LANE_B);
      a = Math.imul(a ^ size[lo]!, LANE_A);
      b = Math.imul(b ^ id[hi]!, LANE_B);
      a = Math.imul(a ^ id[lo]! ^ (b >>> 15), LANE_A);
      b ^= a >>> 13;
      const rowKind = head & 0xff;
      if (rowKind !== EventKind.trade && rowKind !== EventKind.level) {
        const price2 = words(batch.price2);
        const size2 = words(batch.size2);
        a = Math.imul(a ^ price2[lo]! ^ size2[hi]!, LANE_A);
        b = Math.imul(b ^ price2[hi]! ^ Math.imul(size2[lo]!, LANE_A), LANE_B);
        const detail = batch.detail[row];
        if (detail !== undefined) {
          const text = JSON.stringify(detail);
          for (let i = 0; i < text.length; i++) {
            a = Math.imul(a ^ text.charCodeAt(i), LANE_A);
            b = Math.imul(b ^ (a >>> 16), LANE_B);
          }
        }
      }
    }
    this.#a = a;
    this.#b = b;
  }

  /** Sixteen hexadecimal digits. */
  value(): string {
    return hex(avalanche(this.#a ^ (this.#b >>> 16))) + hex(avalanche(this.#b ^ (this.#a >>> 16)));
  }
}

const views = new WeakMap<Float64Array, Int32Array>();

/** The same memory as 32-bit words, little-endian: low word first. Kept per column, so that no call allocates. */
function words(column: Float64Array): Int32Array {
  let view = views.get(column);
  if (view === undefined) {
    view = new Int32Array(column.buffer, column.byteOffset, column.length * 2);
    views.set(column, view);
  }
  return view;
}

function avalanche(word: number): number {
  let z = word;
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return (z ^ (z >>> 16)) >>> 0;
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}
