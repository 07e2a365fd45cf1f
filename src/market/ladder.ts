// One side of a book: sizes by integer key, best key first (asks: key = tick, bids: key = −tick).
// A ring of consecutive keys holds the levels near the touch, a bitmap says which slots are taken; levels beyond
// the ring spill into sorted arrays, nearest last. Invariant: base ≤ best, so the spill lies wholly behind the ring.
import { assert } from '../core/assert.ts';

export class Ladder {
  readonly #capacity: number;
  readonly #mask: number;
  /** How far the ring reaches in front of the best level when it is laid anew. */
  readonly #margin: number;
  readonly #sizes: Float64Array;
  readonly #taken: Int32Array;
  /** The ring covers keys [base, base + capacity); key k lives in slot k & mask. */
  #base = Number.NaN;
  #best = Number.POSITIVE_INFINITY;
  #near = 0;
  #farKeys = new Float64Array(64);
  #farSizes = new Float64Array(64);
  #far = 0;
  /** Where the last indexed look-up stopped, so that a walk from the touch costs one step per level. */
  #cursorIndex = -1;
  #cursorKey = Number.NaN;

  constructor(capacity: number) {
    assert(capacity >= 64 && (capacity & (capacity - 1)) === 0, 'ladder capacity is a power of two ≥ 64');
    this.#capacity = capacity;
    this.#mask = capacity - 1;
    this.#margin = capacity >>> 2;
    this.#sizes = new Float64Array(capacity);
    this.#taken = new Int32Array(capacity >>> 5);
  }

  get count(): number {
    return this.#near + this.#far;
  }

  /** The smallest key, Infinity when empty. */
  get best(): number {
    return this.#best;
  }

  get bestSize(): number {
    return this.#near === 0 ? Number.NaN : this.#sizes[this.#best & this.#mask]!;
  }

  clear(): void {
    this.#sizes.fill(0);
    this.#taken.fill(0);
    this.#near = 0;
    this.#far = 0;
    this.#best = Number.POSITIVE_INFINITY;
    this.#cursorIndex = -1;
  }

  /** Sets the absolute size of a level; 0 removes it, and removing an unknown level does nothing. */
  set(key: number, size: number): void {
    this.#cursorIndex = -1;
    const offset = key - this.#base;
    if (!(offset >= 0 && offset < this.#capacity)) {
      this.#setOutside(key, size);
      return;
    }
    const slot = key & this.#mask;
    const before = this.#sizes[slot]!;
    this.#sizes[slot] = size;
    if (size !== 0) {
      if (before === 0) {
        this.#taken[slot >>> 5] = this.#taken[slot >>> 5]! | (1 << slot);
        this.#near++;
      }
      if (key < this.#best) this.#best = key;
    } else if (before !== 0) {
      this.#taken[slot >>> 5] = this.#taken[slot >>> 5]! & ~(1 << slot);
      this.#near--;
      if (key === this.#best) this.#advance();
    }
  }

  /** The size at a key, 0 when there is no such level. */
  sizeOf(key: number): number {
    const offset = key - this.#base;
    if (offset >= 0 && offset < this.#capacity) return this.#sizes[key & this.#mask]!;
    const at = this.#findFar(key);
    return at < this.#far && this.#farKeys[at] === key ? this.#farSizes[at]! : 0;
  }

  /** The key of the level `index` steps from the touch, NaN when there are not as many. */
  keyAt(index: number): number {
    if (!(index >= 0 && index < this.count)) return Number.NaN;
    if (index >= this.#near) return this.#farKeys[this.#far - 1 - (index - this.#near)]!;
    let at = this.#cursorIndex;
    let key = this.#cursorKey;
    if (at < 0 || at > index) {
      at = 0;
      key = this.#best;
    }
    for (; at < index; at++) key = this.#nextNear(key + 1);
    this.#cursorIndex = at;
    this.#cursorKey = key;
    return key;
  }

  /** The sum of the sizes of the first `levels` levels. */
  volume(levels: number): number {
    let sum = 0;
    let left = levels;
    let key = this.#best;
    for (let i = 0; i < this.#near && left > 0; i++, left--) {
      if (i > 0) key = this.#nextNear(key + 1);
      sum += this.#sizes[key & this.#mask]!;
    }
    for (let i = this.#far - 1; i >= 0 && left > 0; i--, left--) sum += this.#farSizes[i]!;
    return sum;
  }

  /** The best level has gone: find the next, and bring the ring after it when it ran away. */
  #advance(): void {
    if (this.#near > 0) {
      this.#best = this.#nextNear(this.#best + 1);
      if (this.#best - this.#base > this.#capacity >>> 1) this.#lay(this.#best);
    } else if (this.#far > 0) {
      this.#best = this.#farKeys[this.#far - 1]!;
      this.#lay(this.#best);
    } else {
      this.#best = Number.POSITIVE_INFINITY;
    }
  }

  #setOutside(key: number, size: number): void {
    if (this.#near === 0) {
      // An invariant of this class: an empty ring means an empty side.
      if (size === 0) return;
      this.#base = key - this.#margin;
      this.set(key, size);
    } else if (key > this.#base) {
      this.#setFar(key, size);
    } else if (size !== 0) {
      this.#lay(key);
      this.set(key, size);
    }
  }

  /** Moves the ring so that `key`, which is no worse than the best level, lies a margin from its start. */
  #lay(key: number): void {
    const base = key - this.#margin;
    const end = base + this.#capacity;
    const oldEnd = this.#base + this.#capacity;
    for (let k = oldEnd; this.#near > 0; ) {
      // Levels that fall off the far end of the ring, farthest first, as the spill is ordered.
      k = this.#previousNear(k - 1);
      if (k < end) break;
      const slot = k & this.#mask;
      this.#insertFar(this.#far, k, this.#sizes[slot]!);
      this.#sizes[slot] = 0;
      this.#taken[slot >>> 5] = this.#taken[slot >>> 5]! & ~(1 << slot);
      this.#near--;
    }
    this.#base = base;
    while (this.#far > 0 && this.#farKeys[this.#far - 1]! < end) {
      this.#far--;
      const slot = this.#farKeys[this.#far]! & this.#mask;
      this.#sizes[slot] = this.#farSizes[this.#far]!;
      this.#taken[slot >>> 5] = this.#taken[slot >>> 5]! | (1 << slot);
      this.#near++;
    }
  }

  /** The first level at or behind `from`; the ring is known to hold one. */
  #nextNear(from: number): number {
    const start = from & this.#mask;
    const words = this.#taken.length - 1;
    let word = start >>> 5;
    let bits = this.#taken[word]! & (-1 << start);
    let skipped = -(start & 31);
    while (bits === 0) {
      word = (word + 1) & words;
      bits = this.#taken[word]!;
      skipped += 32;
    }
    return from + skipped + (31 - Math.clz32(bits & -bits));
  }

  /** The last level at or in front of `from`; the ring is known to hold one. */
  #previousNear(from: number): number {
    const start = from & this.#mask;
    const words = this.#taken.length - 1;
    let word = start >>> 5;
    let bits = this.#taken[word]! & (-1 >>> (31 - (start & 31)));
    let skipped = start & 31;
    while (bits === 0) {
      word = (word - 1) & words;
      bits = this.#taken[word]!;
      skipped += 32;
    }
    return from - skipped + (31 - Math.clz32(bits));
  }

  /** The place of a key in the spill, which is in descending order: the first entry not greater than it. */
  #findFar(key: number): number {
    let low = 0;
    let high = this.#far;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#farKeys[middle]! > key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #setFar(key: number, size: number): void {
    const at = this.#findFar(key);
    const isKnown = at < this.#far && this.#farKeys[at] === key;
    if (size === 0) {
      if (!isKnown) return;
      closeRow(this.#farKeys, at, this.#far);
      closeRow(this.#farSizes, at, this.#far);
      this.#far--;
    } else if (isKnown) {
      this.#farSizes[at] = size;
    } else {
      this.#insertFar(at, key, size);
    }
  }

  #insertFar(at: number, key: number, size: number): void {
    if (this.#far === this.#farKeys.length) {
      const keys = new Float64Array(this.#far * 2);
      keys.set(this.#farKeys);
      this.#farKeys = keys;
      const sizes = new Float64Array(this.#far * 2);
      sizes.set(this.#farSizes);
      this.#farSizes = sizes;
    }
    openRow(this.#farKeys, at, this.#far);
    openRow(this.#farSizes, at, this.#far);
    this.#farKeys[at] = key;
    this.#farSizes[at] = size;
    this.#far++;
  }
}

/** Below this distance a loop is faster than the built-in copy, whose call alone costs as much. */
const SHORT_SHIFT = 48;

/** Shifts rows [at, count) up by one. */
function openRow(column: Float64Array, at: number, count: number): void {
  if (count - at > SHORT_SHIFT) column.copyWithin(at + 1, at, count);
  else for (let i = count; i > at; i--) column[i] = column[i - 1]!;
}

/** Shifts rows (at, count) down by one, over row `at`. */
function closeRow(column: Float64Array, at: number, count: number): void {
  if (count - at > SHORT_SHIFT) column.copyWithin(at, at + 1, count);
  else for (let i = at + 1; i < count; i++) column[i - 1] = column[i]!;
}
