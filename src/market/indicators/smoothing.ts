// Exponential smoothing seeded by the plain mean of its first n values: the core of EMA, MACD and Wilder's averages.
import type { Part } from './state.ts';

/** `peek` gives the result as if the value were added, `add` the same and keeps it; NaN until n values are known. */
export class Smoothing implements Part {
  readonly stateSize = 3;
  readonly #period: number;
  readonly #weight: number;
  #count = 0;
  #sum = 0;
  #value = Number.NaN;

  /** `weight` of a new value: 2 ÷ (n + 1) for an EMA, 1 ÷ n for Wilder. */
  constructor(period: number, weight: number) {
    this.#period = period;
    this.#weight = weight;
  }

  peek(value: number): number {
    if (this.#count >= this.#period) return this.#value + (value - this.#value) * this.#weight;
    return this.#count === this.#period - 1 ? (this.#sum + value) / this.#period : Number.NaN;
  }

  add(value: number): number {
    this.#value = this.peek(value);
    if (this.#count < this.#period) {
      this.#sum += value;
      this.#count++;
    }
    return this.#value;
  }

  save(to: Float64Array): void {
    to[0] = this.#count;
    to[1] = this.#sum;
    to[2] = this.#value;
  }

  restore(from: Float64Array): void {
    this.#count = from[0]!;
    this.#sum = from[1]!;
    this.#value = from[2]!;
  }
}

export function exponential(period: number): Smoothing {
  return new Smoothing(period, 2 / (period + 1));
}

export function wilder(period: number): Smoothing {
  return new Smoothing(period, 1 / period);
}
