// Aggregates of the last n values in constant time, without ever subtracting what leaves the window.
// Values fill a block of n; when it is full, the aggregates of all its tails are computed once. The window is then a
// tail of the old block and the head of the new one, and only additions join them: nothing drifts, a huge value
// leaves no trace behind it, and every sum is as exact as one taken afresh (which it is, once per n values).
// `peek` gives the result as if the value were added; `add` gives the same and keeps it. NaN until n values are known.
import type { Part } from './state.ts';

/** The values of the window in their block. */
export class Block implements Part {
  readonly values: Float64Array;
  /** Values of the new block so far, below n. */
  position = 0;
  /** Whether an old block stands behind the new one. */
  hasTail = false;

  constructor(period: number) {
    this.values = new Float64Array(period);
  }

  /** Keeps a value; true when the block turned. */
  put(value: number): boolean {
    this.values[this.position++] = value;
    if (this.position < this.values.length) return false;
    this.position = 0;
    this.hasTail = true;
    return true;
  }

  /** Whether one more value makes a whole window. */
  get isReady(): boolean {
    return this.hasTail || this.position === this.values.length - 1;
  }

  get stateSize(): number {
    return 2 + this.values.length;
  }

  save(to: Float64Array): void {
    to[0] = this.position;
    to[1] = this.hasTail ? 1 : 0;
    to.set(this.values, 2);
  }

  restore(from: Float64Array): void {
    this.position = from[0]!;
    this.hasTail = from[1] === 1;
    this.values.set(from.subarray(2));
  }
}

export class RollingSum implements Part {
  readonly #block: Block;
  /** `tails[i]` is the sum of the old block from i on. */
  readonly #tails: Float64Array;
  #head = 0;

  constructor(period: number) {
    this.#block = new Block(period);
    this.#tails = new Float64Array(period + 1);
  }

  peek(value: number): number {
    const block = this.#block;
    return block.isReady ? this.#tails[block.position + 1]! + (this.#head + value) : Number.NaN;
  }

  add(value: number): number {
    const sum = this.peek(value);
    this.#head += value;
    if (this.#block.put(value)) {
      this.#turn();
      this.#head = 0;
    }
    return sum;
  }

  get stateSize(): number {
    return this.#block.stateSize;
  }
  save(to: Float64Array): void {
    this.#block.save(to);
  }
  restore(from: Float64Array): void {
    this.#block.restore(from);
    this.#tails.fill(0);
    if (this.#block.hasTail) this.#turn();
    this.#head = 0;
    for (let i = 0; i < this.#block.position; i++) this.#head += this.#block.values[i]!;
  }

  #turn(): void {
    const { values } = this.#block;
    for (let i = values.length - 1; i >= 0; i--) this.#tails[i] = this.#tails[i + 1]! + values[i]!;
  }
}

/** Linearly weighted sum: the oldest value counts once, the newest n times. */
export class RollingWeightedSum implements Part {
  readonly #block: Block;
  readonly #tails: Float64Array;
  /** `weightedTails[i]` counts the values of the old block from i on 1, 2, 3 … times. */
  readonly #weightedTails: Float64Array;
  #head = 0;
  #weightedHead = 0;

  constructor(period: number) {
    this.#block = new Block(period);
    this.#tails = new Float64Array(period + 1);
    this.#weightedTails = new Float64Array(period + 1);
  }

  peek(value: number): number {
    const { isReady, position, values } = this.#block;
    if (!isReady) return Number.NaN;
    const heads = position + 1;
    // Every value of the head weighs as many more as there are values in the tail before it.
    const lift = (values.length - heads) * (this.#head + value);
    return this.#weightedTails[heads]! + lift + (this.#weightedHead + heads * value);
  }

  add(value: number): number {
    const sum = this.peek(value);
    this.#lengthen(value, this.#block.position + 1);
    if (this.#block.put(value)) {
      this.#turn();
      this.#head = 0;
      this.#weightedHead = 0;
    }
    return sum;
  }

  get stateSize(): number {
    return this.#block.stateSize;
  }
  save(to: Float64Array): void {
    this.#block.save(to);
  }
  restore(from: Float64Array): void {
    this.#block.restore(from);
    this.#tails.fill(0);
    this.#weightedTails.fill(0);
    if (this.#block.hasTail) this.#turn();
    this.#head = 0;
    this.#weightedHead = 0;
    for (let i = 0; i < this.#block.position; i++) this.#lengthen(this.#block.values[i]!, i + 1);
  }

  #lengthen(value: number, weight: number): void {
    this.#head += value;
    this.#weightedHead += weight * value;
  }

  #turn(): void {
    const { values } = this.#block;
    for (let i = values.length - 1; i >= 0; i--) {
      this.#tails[i] = this.#tails[i + 1]! + values[i]!;
      this.#weightedTails[i] = this.#weightedTails[i + 1]! + this.#tails[i]!;
    }
  }
}

export class RollingMax implements Part {
  readonly #block: Block;
  readonly #tails: Float64Array;
  #head = Number.NEGATIVE_INFINITY;
  /** Of the n values added last. */
  #value = Number.NaN;

  constructor(period: number) {
    this.#block = new Block(period);
    this.#tails = new Float64Array(period + 1).fill(Number.NEGATIVE_INFINITY);
  }

  get value(): number {
    return this.#value;
  }

  peek(value: number): number {
    const block = this.#block;
    if (!block.isReady) return Number.NaN;
    return Math.max(this.#tails[block.position + 1]!, this.#head, value);
  }

  add(value: number): number {
    this.#value = this.peek(value);
    this.#head = Math.max(this.#head, value);
    if (this.#block.put(value)) {
      this.#turn();
      this.#head = Number.NEGATIVE_INFINITY;
    }
    return this.#value;
  }

  get stateSize(): number {
    return 1 + this.#block.stateSize;
  }
  save(to: Float64Array): void {
    to[0] = this.#value;
    this.#block.save(to.subarray(1));
  }
  restore(from: Float64Array): void {
    this.#value = from[0]!;
    this.#block.restore(from.subarray(1));
    this.#tails.fill(Number.NEGATIVE_INFINITY);
    if (this.#block.hasTail) this.#turn();
    this.#head = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < this.#block.position; i++) this.#head = Math.max(this.#head, this.#block.values[i]!);
  }

  #turn(): void {
    const { values } = this.#block;
    for (let i = values.length - 1; i >= 0; i--) this.#tails[i] = Math.max(this.#tails[i + 1]!, values[i]!);
  }
}

/** The value that was added n values before. */
export class Delay implements Part {
  readonly #block: Block;

  constructor(period: number) {
    this.#block = new Block(period);
  }

  /** The value n steps before the one that would be added next. */
  peek(): number {
    return this.#block.hasTail ? this.#block.values[this.#block.position]! : Number.NaN;
  }

  add(value: number): number {
    const old = this.peek();
    this.#block.put(value);
    return old;
  }

  get stateSize(): number {
    return this.#block.stateSize;
  }
  save(to: Float64Array): void {
    this.#block.save(to);
  }
  restore(from: Float64Array): void {
    this.#block.restore(from);
  }
}
