// How fast prices move: relative strength, rate of change, convergence of averages.
import { assert } from '../../core/assert.ts';
import type { Candle } from '../../core/candle.ts';
import type { Indicator } from '../indicator.ts';
import { exponential, type Smoothing, wilder } from './smoothing.ts';
import { type Source, sourcePrice } from './source.ts';
import { assertPeriod, noOutputs, restoreState, SINGLE_OUTPUT, saveState } from './state.ts';
import { Delay } from './window.ts';

/**
 * Wilder's relative strength: 100 × gains ÷ (gains + losses), both averaged by Wilder's smoothing over n changes.
 * 50 where the price has never moved: neither gained nor lost.
 */
export class Rsi implements Indicator {
  readonly outputs = SINGLE_OUTPUT;
  readonly warmup: number;
  readonly #source: Source;
  readonly #gains: Smoothing;
  readonly #losses: Smoothing;
  readonly #previous = noOutputs(1);
  readonly #out = noOutputs(1);

  constructor(period = 14, source: Source = 'close') {
    assertPeriod(period);
    this.warmup = period + 1;
    this.#source = source;
    this.#gains = wilder(period);
    this.#losses = wilder(period);
  }

  update(candle: Candle): void {
    const price = sourcePrice(candle, this.#source);
    const change = price - this.#previous[0]!;
    this.#previous[0] = price;
    if (Number.isNaN(change)) return;
    const gain = this.#gains.add(change > 0 ? change : 0);
    const loss = this.#losses.add(change < 0 ? -change : 0);
    this.#out[0] = strength(gain, loss);
  }
  preview(candle: Candle): void {
    const change = sourcePrice(candle, this.#source) - this.#previous[0]!;
    if (Number.isNaN(change)) return;
    const gain = this.#gains.peek(change > 0 ? change : 0);
    const loss = this.#losses.peek(change < 0 ? -change : 0);
    this.#out[0] = strength(gain, loss);
  }
  output(index: number): number {
    return this.#out[index]!;
  }
  save(): Float64Array {
    return saveState(this.#out, this.#previous, this.#gains, this.#losses);
  }
  restore(state: Float64Array): void {
    restoreState(state, this.#out, this.#previous, this.#gains, this.#losses);
  }
}

function strength(gain: number, loss: number): number {
  const sum = gain + loss;
  return sum === 0 ? 50 : (100 * gain) / sum;
}

/** Change against the price n candles before, in percent of that price. */
export class RateOfChange implements Indicator {
  readonly outputs = SINGLE_OUTPUT;
  readonly warmup: number;
  readonly #source: Source;
  readonly #delay: Delay;
  readonly #out = noOutputs(1);

  constructor(period = 14, source: Source = 'close') {
    assertPeriod(period);
    this.warmup = period + 1;
    this.#source = source;
    this.#delay = new Delay(period);
  }

  get memory(): number {
    return this.warmup;
  }
  update(candle: Candle): void {
    this.preview(candle);
    this.#delay.add(sourcePrice(candle, this.#source));
  }
  preview(candle: Candle): void {
    const before = this.#delay.peek();
    this.#out[0] = (100 * (sourcePrice(candle, this.#source) - before)) / before;
  }
  output(index: number): number {
    return this.#out[index]!;
  }
  save(): Float64Array {
    return saveState(this.#out, this.#delay);
  }
  restore(state: Float64Array): void {
    restoreState(state, this.#out, this.#delay);
  }
}

export type MacdOptions = {
  readonly fast?: number;
  readonly slow?: number;
  readonly signal?: number;
  readonly source?: Source;
};

/** Fast EMA − slow EMA; the signal is an EMA of that (seeded by the mean of its first values), the histogram their difference. */
export class Macd implements Indicator {
  readonly outputs: readonly string[] = ['macd', 'signal', 'histogram'];
  readonly warmup: number;
  readonly #source: Source;
  readonly #fast: Smoothing;
  readonly #slow: Smoothing;
  readonly #signal: Smoothing;
  readonly #out = noOutputs(3);

  constructor(options: MacdOptions = {}) {
    const { fast = 12, slow = 26, signal = 9, source = 'close' } = options;
    assertPeriod(fast);
    assertPeriod(signal);
    assert(
      Number.isSafeInteger(slow) && slow > fast,
      'the slow period of a MACD is longer than the fast one',
    );
    this.warmup = slow + signal - 1;
    this.#source = source;
    this.#fast = exponential(fast);
    this.#slow = exponential(slow);
    this.#signal = exponential(signal);
  }

  update(candle: Candle): void {
    const price = sourcePrice(candle, this.#source);
    const macd = this.#fast.add(price) - this.#slow.add(price);
    this.#show(macd, Number.isNaN(macd) ? macd : this.#signal.add(macd));
  }
  preview(candle: Candle): void {
    const price = sourcePrice(candle, this.#source);
    const macd = this.#fast.peek(price) - this.#slow.peek(price);
    this.#show(macd, this.#signal.peek(macd));
  }
  output(index: number): number {
    return this.#out[index]!;
  }
  save(): Float64Array {
    return saveState(this.#out, this.#fast, this.#slow, this.#signal);
  }
  restore(state: Float64Array): void {
    restoreState(state, this.#out, this.#fast, this.#slow, this.#signal);
  }

  #show(macd: number, signal: number): void {
    this.#out[0] = macd;
    this.#out[1] = signal;
    this.#out[2] = macd - signal;
  }
}
