// Mean and variance of the last n values in constant time, on the same blocks as the sums: two parts are joined,
// nothing is ever taken out, so that no cancellation spoils the small scatter of large prices.
import type { Part } from './state.ts';
import { Block } from './window.ts';

/** Mean and population variance, by Welford's recurrence inside a part and Chan's formula to join two. */
export class RollingVariance implements Part {
  /** Of the last `add` or `peek`. */
  mean = Number.NaN;
  variance = Number.NaN;
  readonly #block: Block;
  readonly #tailMeans: Float64Array;
  /** Sums of squared distances from the mean of the tail. */
  readonly #tailSquares: Float64Array;
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
    const distance = value - this.#headMean;
    const headMean = this.#headMean + distance / heads;
    const headSquares = this.#headSquares + distance * (value - headMean);
    const apart = this.#tailMeans[heads]! - headMean;
    this.mean = headMean + (apart * tails) / values.length;
    const between = (apart * apart * tails * heads) / values.length;
    this.variance = (headSquares + this.#tailSquares[heads]! + between) / values.length;
  }

  add(value: number): void {
    this.peek(value);
    this.#lengthen(value, this.#block.position + 1);
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
    if (this.#block.hasTail) this.#turn();
    this.#headMean = 0;
    this.#headSquares = 0;
    for (let i = 0; i < this.#block.position; i++) this.#lengthen(this.#block.values[i]!, i + 1);
  }

  #lengthen(value: number, count: number): void {
    const distance = value - this.#headMean;
    this.#headMean += distance / count;
    this.#headSquares += distance * (value - this.#headMean);
  }

  #turn(): void {
    const { values } = this.#block;
    for (let i = values.length - 1; i >= 0; i--) {
      const distance = values[i]! - this.#tailMeans[i + 1]!;
      this.#tailMeans[i] = this.#tailMeans[i + 1]! + distance / (values.length - i);
      this.#tailSquares[i] = this.#tailSquares[i + 1]! + distance * (values[i]! - this.#tailMeans[i]!);
    }
  }
}
