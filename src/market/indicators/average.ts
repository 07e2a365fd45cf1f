// Moving averages: simple, linearly weighted, exponential.
import type { Candle } from '../../core/candle.ts';
import type { Indicator } from '../indicator.ts';
import { exponential, type Smoothing } from './smoothing.ts';
import { type Source, sourcePrice } from './source.ts';
import { assertPeriod, noOutputs, restoreState, SINGLE_OUTPUT, saveState } from './state.ts';
import { RollingSum, RollingWeightedSum } from './window.ts';

/** The mean of the last n prices. */
export class Sma implements Indicator {
  readonly outputs = SINGLE_OUTPUT;
  readonly warmup: number;
  readonly #source: Source;
  readonly #sum: RollingSum;
  readonly #out = noOutputs(1);

  constructor(period = 20, source: Source = 'close') {
    assertPeriod(period);
    this.warmup = period;
    this.#source = source;
    this.#sum = new RollingSum(period);
  }

  get memory(): number {
    return this.warmup;
  }
  update(candle: Candle): void {
    this.#out[0] = this.#sum.add(sourcePrice(candle, this.#source)) / this.warmup;
  }
  preview(candle: Candle): void {
    this.#out[0] = this.#sum.peek(sourcePrice(candle, this.#source)) / this.warmup;
  }
  output(index: number): number {
    return this.#out[index]!;
  }
  save(): Float64Array {
    return saveState(this.#out, this.#sum);
  }
  restore(state: Float64Array): void {
    restoreState(state, this.#out, this.#sum);
  }
}

/** The mean of the last n prices, the newest weighing n, the oldest 1. */
export class Wma implements Indicator {
  readonly outputs = SINGLE_OUTPUT;
  readonly warmup: number;
  readonly #source: Source;
  readonly #sum: RollingWeightedSum;
  readonly #weights: number;
  readonly #out = noOutputs(1);

  constructor(period = 14, source: Source = 'close') {
    assertPeriod(period);
    this.warmup = period;
    this.#source = source;
    this.#sum = new RollingWeightedSum(period);
    this.#weights = (period * (period + 1)) / 2;
  }

  get memory(): number {
    return this.warmup;
  }
  update(candle: Candle): void {
    this.#out[0] = this.#sum.add(sourcePrice(candle, this.#source)) / this.#weights;
  }
  preview(candle: Candle): void {
    this.#out[0] = this.#sum.peek(sourcePrice(candle, this.#source)) / this.#weights;
  }
  output(index: number): number {
    return this.#out[index]!;
  }
  save(): Float64Array {
    return saveState(this.#out, this.#sum);
  }
  restore(state: Float64Array): void {
    restoreState(state, this.#out, this.#sum);
  }
}

/** value + (price − value) × 2 ÷ (n + 1), beginning with the mean of the first n prices. */
export class Ema implements Indicator {
  readonly outputs = SINGLE_OUTPUT;
  readonly warmup: number;
  readonly #source: Source;
  readonly #smoothing: Smoothing;
  readonly #out = noOutputs(1);

  constructor(period = 20, source: Source = 'close') {
    assertPeriod(period);
    this.warmup = period;
    this.#source = source;
    this.#smoothing = exponential(period);
  }

  update(candle: Candle): void {
    this.#out[0] = this.#smoothing.add(sourcePrice(candle, this.#source));
  }
  preview(candle: Candle): void {
    this.#out[0] = this.#smoothing.peek(sourcePrice(candle, this.#source));
  }
  output(index: number): number {
    return this.#out[index]!;
  }
  save(): Float64Array {
    return saveState(this.#out, this.#smoothing);
  }
  restore(state: Float64Array): void {
    restoreState(state, this.#out, this.#smoothing);
  }
}
