// What moves a simulated market from outside its books: how busy it is, and what each symbol is worth.
// Worth = first price × (1 + a mean-reverting part + a slow trend); symbols share a part of each shock.
// It advances on a fixed grid of 10 ms, so that the same seed gives the same moods at any event rate.
import type { Random } from '../core/random.ts';

const GRID_US = 10_000;
const GRID_S = GRID_US / 1e6;
/** Half of a swing is gone after about two seconds, so that ten or fifteen seconds hold several swings. */
const REVERSION_PER_S = 0.35;
/** Deviation of the mean-reverting part's shocks, per √s: swings of a few basis points. */
const SHOCK = 0.00035;
const TREND_PER_S = 0.00008;
const COMMON = 0.45;
const OWN = Math.sqrt(1 - COMMON * COMMON);

/** Rates relative to the mean, and chances to change per second: a quarter of the time is a burst. */
const QUIET = { rate: 0.5, leavePerS: 0.5 };
const BURST = { rate: 2.5, leavePerS: 1.5 };

export class Mood {
  isBurst = false;
  /** Mean gap between steps at present, µs. */
  gapUs: number;
  readonly #random: Random;
  readonly #meanGapUs: number;
  readonly #swing: Float64Array;
  readonly #trend: Float64Array;
  readonly #slope: Float64Array;
  readonly #slopeLeftS: Float64Array;
  #gridUs = 0;

  constructor(random: Random, symbols: number, eventsPerSecond: number) {
    this.#random = random;
    this.#meanGapUs = 1e6 / eventsPerSecond;
    this.gapUs = this.#meanGapUs / QUIET.rate;
    this.#swing = new Float64Array(symbols);
    this.#trend = new Float64Array(symbols);
    this.#slope = new Float64Array(symbols);
    this.#slopeLeftS = new Float64Array(symbols);
  }

  /** What the symbol is worth, relative to its first price. */
  fair(symbol: number): number {
    return 1 + Math.max(-0.4, Math.min(0.8, this.#swing[symbol]! + this.#trend[symbol]!));
  }

  /** To a time since the beginning, µs. */
  advanceTo(us: number): void {
    while (this.#gridUs + GRID_US <= us) {
      this.#gridUs += GRID_US;
      this.#tick();
    }
  }

  #tick(): void {
    const random = this.#random;
    const mood = this.isBurst ? BURST : QUIET;
    if (random.nextFloat() < mood.leavePerS * GRID_S) this.isBurst = !this.isBurst;
    this.gapUs = this.#meanGapUs / (this.isBurst ? BURST.rate : QUIET.rate);
    const shock = SHOCK * Math.sqrt(GRID_S) * (this.isBurst ? 1.8 : 0.8);
    const common = random.nextNormal();
    for (let symbol = 0; symbol < this.#swing.length; symbol++) {
      const swing = this.#swing[symbol]!;
      const own = COMMON * common + OWN * random.nextNormal();
      this.#swing[symbol] = swing - swing * REVERSION_PER_S * GRID_S + shock * own;
      this.#slopeLeftS[symbol]! -= GRID_S;
      if (this.#slopeLeftS[symbol]! <= 0) {
        this.#slopeLeftS[symbol] = 4 + 10 * random.nextFloat();
        this.#slope[symbol] = TREND_PER_S * random.nextNormal() - this.#trend[symbol]! * 0.01;
      }
      this.#trend[symbol]! += this.#slope[symbol]! * GRID_S;
    }
  }
}
