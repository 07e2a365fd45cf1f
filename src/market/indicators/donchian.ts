// The range of prices over a stretch of candles.
import type { Candle } from '../../core/candle.ts';
import type { Indicator } from '../indicator.ts';
import { assertPeriod, noOutputs, restoreState, saveState } from './state.ts';
import { RollingMax } from './window.ts';

/**
 * Highest high, lowest low and their middle over the n candles before the current one, so that a candle can break
 * out of its channel; with `includesCurrent` over the current candle and the n − 1 before it.
 */
export class Donchian implements Indicator {
  readonly outputs: readonly string[] = ['upper', 'middle', 'lower'];
  readonly warmup: number;
  readonly #includesCurrent: boolean;
  readonly #highs: RollingMax;
  /** Lows with their sign turned: the greatest is the lowest. */
  readonly #lows: RollingMax;
  readonly #out = noOutputs(3);

  constructor(period = 20, includesCurrent = false) {
    assertPeriod(period);
    this.warmup = includesCurrent ? period : period + 1;
    this.#includesCurrent = includesCurrent;
    this.#highs = new RollingMax(period);
    this.#lows = new RollingMax(period);
  }

  get memory(): number {
    return this.warmup;
  }
  update(candle: Candle): void {
    this.preview(candle);
    this.#highs.add(candle.high);
    this.#lows.add(-candle.low);
  }
  preview(candle: Candle): void {
    const upper = this.#includesCurrent ? this.#highs.peek(candle.high) : this.#highs.value;
    const lower = 0 - (this.#includesCurrent ? this.#lows.peek(-candle.low) : this.#lows.value);
    this.#out[0] = upper;
    this.#out[1] = (upper + lower) / 2;
    this.#out[2] = lower;
  }
  output(index: number): number {
    return this.#out[index]!;
  }
  save(): Float64Array {
    return saveState(this.#out, this.#highs, this.#lows);
  }
  restore(state: Float64Array): void {
    restoreState(state, this.#out, this.#highs, this.#lows);
  }
}
