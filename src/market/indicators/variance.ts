// Mean and variance of the last n values in constant time, on the same blocks as the sums: two parts are joined,
// nothing is ever taken out. Each part counts from one of its own values, so that the small scatter of large
// prices keeps its digits.
import type { Part } from './state.ts';
import { Block } from './window.ts';

/** Mean and population variance, by Welford's recurrence inside a part and Chan's formula to join two. */
export class RollingVariance implements Part {
  /** Of the last `add` or `peek`; NaN until n values are known. */
  mean = Number.NaN;
  variance = Number.NaN;
  readonly #block: Block;
  /** Means of the tails of the old block, from its last value, which every tail holds. */
  readonly #tailMeans: Float64Array;
  /** Sums of squared distances from the mean of the tail. */
  readonly #tailSquares: Float64Array;
  /** The last value of the old block. */
  #tailOrigin = 0;
  /** Mean of the head, from its first value. */
  #headMean = 0;
  #headSquares = 0;

  constructor(period: number) {
    this.#block = new Block(period);
    this.#tailMeans = new Float64Array(period + 1);
    this.#tailSquares = new Float64Array(period + 1);
  }

  peek(value: number): void {
    const { isReady, position, values } = this.#block;
    if (!isReady) return;
    const heads = position + 1;
    const tails = values.length - heads;
    const origin = position === 0 ? value : values[0]!;
    const distance = value - origin - this.#headMean;
    const headMean = this.#headMean + distance / heads;
    const headSquares = this.#headSquares + distance * (value - origin - headMean);
    const apart = this.#tailOrigin - origin + (this.#tailMeans[heads]! - headMean);
    this.mean = origin + (headMean + (apart * tails) / values.length);
    const between = (apart * apart * tails * heads) / values.length;
    this.variance = (headSquares + this.#tailSquares[heads]! + between) / values.length;
  }

  add(value: number): void {
    this.peek(value);
    const { position, values } = this.#block;
    this.#lengthen(value - (position === 0 ? value : values[0]!), position + 1);
    if (this.#block.put(value)) {
      this.#turn();
      this.#headMean = 0;
      this.#headSquares = 0;
    }
  }

  get stateSize(): number {
    return this.#block.stateSize;
  }
  save(to: Float64Array): void {
    this.#block.save(to);
  }
  restore(from: Float64Array): void {
    this.#block.restore(from);
    this.#tailMeans.fill(0);
    this.#tailSquares.fill(0);
    this.#tailOrigin = 0;
    const { hasTail, position, values } = this.#block;
    if (hasTail) this.#turn();
    this.#headMean = 0;
    this.#headSquares = 0;
    for (let i = 0; i < position; i++) this.#lengthen(values[i]! - values[0]!, i + 1);
  }

  #lengthen(value: number, count: number): void {
    const distance = value - this.#headMean;
    this.#headMean += distance / count;
    this.#headSquares += distance * (value - this.#headMean);
  }

  #turn(): void {
    const { values } = this.#block;
    const origin = values[values.length - 1]!;
    this.#tailOrigin = origin;
    for (let i = values.length - 1; i >= 0; i--) {
      const value = values[i]! - origin;
      const distance = value - this.#tailMeans[i + 1]!;
      this.#tailMeans[i] = this.#tailMeans[i + 1]! + distance / (values.length - i);
      this.#tailSquares[i] = this.#tailSquares[i + 1]! + distance * (value - this.#tailMeans[i]!);
    }
  }
}
