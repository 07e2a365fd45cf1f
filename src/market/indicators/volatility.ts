// How far prices scatter: standard deviation, Bollinger bands, average true range.
import { assert } from '../../core/assert.ts';
import type { Candle } from '../../core/candle.ts';
import type { Indicator } from '../indicator.ts';
import { type Smoothing, wilder } from './smoothing.ts';
import { type Source, sourcePrice } from './source.ts';
import { assertPeriod, noOutputs, restoreState, SINGLE_OUTPUT, saveState } from './state.ts';
import { RollingVariance } from './variance.ts';

/** Population standard deviation of the last n prices. */
export class StandardDeviation implements Indicator {
  readonly outputs = SINGLE_OUTPUT;
  readonly warmup: number;
  readonly #source: Source;
  readonly #window: RollingVariance;
  readonly #out = noOutputs(1);

  constructor(period = 14, source: Source = 'close') {
    assertPeriod(period, 2);
    this.warmup = period;
    this.#source = source;
    this.#window = new RollingVariance(period);
  }

  get memory(): number {
    return this.warmup;
  }
  update(candle: Candle): void {
    this.#window.add(sourcePrice(candle, this.#source));
    this.#out[0] = Math.sqrt(this.#window.variance);
  }
  preview(candle: Candle): void {
    this.#window.peek(sourcePrice(candle, this.#source));
    this.#out[0] = Math.sqrt(this.#window.variance);
  }
  output(index: number): number {
    return this.#out[index]!;
  }
  save(): Float64Array {
    return saveState(this.#out, this.#window);
  }
  restore(state: Float64Array): void {
    restoreState(state, this.#out, this.#window);
  }
}

/**
 * Mean of the last n prices ± `deviations` population standard deviations. `percentB` is where the price stands
 * between the lower (0) and the upper (1) band, NaN when the bands meet; `width` is their distance ÷ middle.
 */
export class BollingerBands implements Indicator {
  readonly outputs: readonly string[] = ['middle', 'upper', 'lower', 'percentB', 'width'];
  readonly warmup: number;
  readonly #deviations: number;
  readonly #source: Source;
  readonly #window: RollingVariance;
  readonly #out = noOutputs(5);

  constructor(period = 20, deviations = 2, source: Source = 'close') {
    assertPeriod(period, 2);
    assert(deviations > 0, 'Bollinger bands stand apart');
    this.warmup = period;
    this.#deviations = deviations;
    this.#source = source;
    this.#window = new RollingVariance(period);
  }

  get memory(): number {
    return this.warmup;
  }
  update(candle: Candle): void {
    const price = sourcePrice(candle, this.#source);
    this.#window.add(price);
    this.#show(price);
  }
  preview(candle: Candle): void {
    const price = sourcePrice(candle, this.#source);
    this.#window.peek(price);
    this.#show(price);
  }
  output(index: number): number {
    return this.#out[index]!;
  }
  save(): Float64Array {
    return saveState(this.#out, this.#window);
  }
  restore(state: Float64Array): void {
    restoreState(state, this.#out, this.#window);
  }

  #show(price: number): void {
    const middle = this.#window.mean;
    const reach = this.#deviations * Math.sqrt(this.#window.variance);
    const out = this.#out;
    out[0] = middle;
    out[1] = middle + reach;
    out[2] = middle - reach;
    out[3] = (price - out[2]) / (out[1] - out[2]);
    out[4] = (out[1] - out[2]) / middle;
  }
}

/** Wilder's average true range: the range of a candle, stretched to the close before it, smoothed over n candles. */
export class Atr implements Indicator {
  readonly outputs = SINGLE_OUTPUT;
  readonly warmup: number;
  readonly #smoothing: Smoothing;
  readonly #previousClose = noOutputs(1);
  readonly #out = noOutputs(1);

  constructor(period = 14) {
    assertPeriod(period);
    this.warmup = period + 1;
    this.#smoothing = wilder(period);
  }

  update(candle: Candle): void {
    const range = this.#trueRange(candle);
    this.#previousClose[0] = candle.close;
    if (!Number.isNaN(range)) this.#out[0] = this.#smoothing.add(range);
  }
  preview(candle: Candle): void {
    this.#out[0] = this.#smoothing.peek(this.#trueRange(candle));
  }
  output(index: number): number {
    return this.#out[index]!;
  }
  save(): Float64Array {
    return saveState(this.#out, this.#previousClose, this.#smoothing);
  }
  restore(state: Float64Array): void {
    restoreState(state, this.#out, this.#previousClose, this.#smoothing);
  }

  #trueRange(candle: Candle): number {
    const before = this.#previousClose[0]!;
    return Math.max(candle.high, before) - Math.min(candle.low, before);
  }
}
