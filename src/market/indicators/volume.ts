// What volume says: volume-weighted prices, on-balance volume, which side trades.
import { assert } from '../../core/assert.ts';
import type { Candle } from '../../core/candle.ts';
import type { Indicator } from '../indicator.ts';
import { type SessionSpan, ZonedSessions } from './session.ts';
import { type Source, sourcePrice } from './source.ts';
import { assertPeriod, noOutputs, restoreState, SINGLE_OUTPUT, saveState } from './state.ts';
import { RollingSum } from './window.ts';

export type SessionVwapOptions = {
  /** Length of a session; Infinity never begins anew. Default one day. */
  readonly sessionUs?: number;
  /** When sessions begin, from the UTC epoch; 14.5 hours for 14:30 UTC. Default 0: midnight. */
  readonly offsetUs?: number;
  /** IANA name, as `America/New_York`: `offsetUs` is then the time of day there at which each day's session begins. */
  readonly timeZone?: string;
  /** Default hlc3. */
  readonly source?: Source;
};

/** Volume-weighted price since the session of the candle's start began; NaN until the session has volume. */
export class SessionVwap implements Indicator {
  readonly outputs = SINGLE_OUTPUT;
  readonly warmup = 1;
  readonly #sessionUs: number;
  readonly #offsetUs: number;
  readonly #source: Source;
  readonly #zoned: ZonedSessions | undefined;
  /** The zoned session asked for last. */
  #span: SessionSpan = { startUs: Number.NaN, endUs: Number.NaN };
  /** Start of the session, Σ price × volume, Σ volume. */
  readonly #session = new Float64Array([Number.NaN, 0, 0]);
  readonly #out = noOutputs(1);

  constructor(options: SessionVwapOptions = {}) {
    const { sessionUs = 86_400_000_000, offsetUs = 0, source = 'hlc3', timeZone } = options;
    assert(sessionUs > 0, 'a session lasts');
    assert(timeZone === undefined || options.sessionUs === undefined, 'sessions of a time zone last a day');
    this.#zoned = timeZone === undefined ? undefined : new ZonedSessions(timeZone, offsetUs);
    this.#sessionUs = sessionUs;
    this.#offsetUs = offsetUs;
    this.#source = source;
  }

  update(candle: Candle): void {
    const startUs = this.#sessionStart(candle.startUs);
    const session = this.#session;
    if (startUs !== session[0]) {
      session[0] = startUs;
      session[1] = 0;
      session[2] = 0;
    }
    session[1]! += sourcePrice(candle, this.#source) * candle.volume;
    session[2]! += candle.volume;
    this.#out[0] = session[1]! / session[2]!;
  }
  preview(candle: Candle): void {
    const session = this.#session;
    const isSame = this.#sessionStart(candle.startUs) === session[0];
    const turnover = sourcePrice(candle, this.#source) * candle.volume;
    this.#out[0] = ((isSame ? session[1]! : 0) + turnover) / ((isSame ? session[2]! : 0) + candle.volume);
  }
  output(index: number): number {
    return this.#out[index]!;
  }
  save(): Float64Array {
    return saveState(this.#out, this.#session);
  }
  restore(state: Float64Array): void {
    restoreState(state, this.#out, this.#session);
  }

  #sessionStart(timeUs: number): number {
    if (this.#zoned !== undefined) {
      const isInside = timeUs >= this.#span.startUs && timeUs < this.#span.endUs;
      if (!isInside) this.#span = this.#zoned.at(timeUs);
      return this.#span.startUs;
    }
    if (this.#sessionUs === Number.POSITIVE_INFINITY) return this.#offsetUs;
    return Math.floor((timeUs - this.#offsetUs) / this.#sessionUs) * this.#sessionUs + this.#offsetUs;
  }
}

/** Volume-weighted price of the last n candles; NaN when they have no volume. */
export class RollingVwap implements Indicator {
  readonly outputs = SINGLE_OUTPUT;
  readonly warmup: number;
  readonly #source: Source;
  readonly #turnover: RollingSum;
  readonly #volume: RollingSum;
  readonly #out = noOutputs(1);

  constructor(period = 20, source: Source = 'hlc3') {
    assertPeriod(period);
    this.warmup = period;
    this.#source = source;
    this.#turnover = new RollingSum(period);
    this.#volume = new RollingSum(period);
  }

  get memory(): number {
    return this.warmup;
  }
  update(candle: Candle): void {
    const turnover = this.#turnover.add(sourcePrice(candle, this.#source) * candle.volume);
    this.#out[0] = turnover / this.#volume.add(candle.volume);
  }
  preview(candle: Candle): void {
    const turnover = this.#turnover.peek(sourcePrice(candle, this.#source) * candle.volume);
    this.#out[0] = turnover / this.#volume.peek(candle.volume);
  }
  output(index: number): number {
    return this.#out[index]!;
  }
  save(): Float64Array {
    return saveState(this.#out, this.#turnover, this.#volume);
  }
  restore(state: Float64Array): void {
    restoreState(state, this.#out, this.#turnover, this.#volume);
  }
}

/** The running sum of volumes, counted up when a candle closes above the one before, down when below; 0 at first. */
export class Obv implements Indicator {
  readonly outputs = SINGLE_OUTPUT;
  readonly warmup = 1;
  /** Close before, balance. */
  readonly #state = new Float64Array([Number.NaN, 0]);
  readonly #out = noOutputs(1);

  update(candle: Candle): void {
    this.preview(candle);
    this.#state[0] = candle.close;
    this.#state[1] = this.#out[0]!;
  }
  preview(candle: Candle): void {
    const before = this.#state[0]!;
    const balance = this.#state[1]!;
    if (candle.close > before) this.#out[0] = balance + candle.volume;
    else if (candle.close < before) this.#out[0] = balance - candle.volume;
    else this.#out[0] = balance;
  }
  output(index: number): number {
    return this.#out[index]!;
  }
  save(): Float64Array {
    return saveState(this.#out, this.#state);
  }
  restore(state: Float64Array): void {
    restoreState(state, this.#out, this.#state);
  }
}

/**
 * (buy volume − sell volume) ÷ their sum over the last n candles, by taker side, in [−1, 1]. Volume whose taker is
 * unknown does not count; NaN when there is none that does.
 */
export class TradeImbalance implements Indicator {
  readonly outputs = SINGLE_OUTPUT;
  readonly warmup: number;
  readonly #buys: RollingSum;
  readonly #sells: RollingSum;
  readonly #out = noOutputs(1);

  constructor(period = 20) {
    assertPeriod(period);
    this.warmup = period;
    this.#buys = new RollingSum(period);
    this.#sells = new RollingSum(period);
  }

  get memory(): number {
    return this.warmup;
  }
  update(candle: Candle): void {
    const buys = this.#buys.add(candle.buyVolume);
    const sells = this.#sells.add(candle.sellVolume);
    this.#out[0] = (buys - sells) / (buys + sells);
  }
  preview(candle: Candle): void {
    const buys = this.#buys.peek(candle.buyVolume);
    const sells = this.#sells.peek(candle.sellVolume);
    this.#out[0] = (buys - sells) / (buys + sells);
  }
  output(index: number): number {
    return this.#out[index]!;
  }
  save(): Float64Array {
    return saveState(this.#out, this.#buys, this.#sells);
  }
  restore(state: Float64Array): void {
    restoreState(state, this.#out, this.#buys, this.#sells);
  }
}
