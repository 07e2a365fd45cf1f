// When to try a venue again: growing delays with jitter, and a breaker that stops a hopeless series.
// Both are pure in the times they are given. A connection that opens proves nothing; only good data resets them.
import { assert } from '../core/assert.ts';
import type { Random } from '../core/random.ts';

export type BackoffLimits = {
  readonly minMs: number;
  readonly maxMs: number;
  readonly factor: number;
  /** A delay is spread evenly over ± this fraction of itself, so that many clients do not return at once. */
  readonly jitter: number;
};

export const defaultBackoff: BackoffLimits = { minMs: 1000, maxMs: 60_000, factor: 2, jitter: 0.2 };

export class Backoff {
  readonly #limits: BackoffLimits;
  readonly #random: Random;
  #attempt = 0;

  constructor(limits: BackoffLimits, random: Random) {
    assert(limits.minMs > 0 && limits.maxMs >= limits.minMs && limits.factor >= 1, 'back-off delays grow');
    assert(limits.jitter >= 0 && limits.jitter < 1, 'jitter is a fraction of the delay');
    this.#limits = limits;
    this.#random = random;
  }

  /** Tries since the last good data. */
  get attempt(): number {
    return this.#attempt;
  }

  /** Counts one more try and returns how long to wait before it, ms; at most `maxMs` with its jitter. */
  next(): number {
    const { minMs, maxMs, factor, jitter } = this.#limits;
    const delayMs = Math.min(maxMs, minMs * factor ** this.#attempt);
    this.#attempt += 1;
    return Math.round(delayMs * (1 + jitter * (2 * this.#random.nextFloat() - 1)));
  }

  reset(): void {
    this.#attempt = 0;
  }
}

export type BreakerLimits = {
  /** So many failures within the window open the breaker. */
  readonly failures: number;
  readonly windowMs: number;
  /** How long an open breaker waits before it lets one probe through. */
  readonly cooldownMs: number;
};

export const defaultBreaker: BreakerLimits = { failures: 8, windowMs: 300_000, cooldownMs: 120_000 };

export type BreakerState = 'closed' | 'open' | 'half-open';

export class Breaker {
  readonly #limits: BreakerLimits;
  #state: BreakerState = 'closed';
  #failuresUs: number[] = [];

  constructor(limits: BreakerLimits) {
    assert(limits.failures >= 1, 'a breaker opens after at least one failure');
    this.#limits = limits;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** Failures within the window. */
  get failures(): number {
    return this.#failuresUs.length;
  }

  /** A connection failed or was lost. Returns true when this opens the breaker. */
  fail(nowUs: number): boolean {
    const sinceUs = nowUs - this.#limits.windowMs * 1000;
    this.#failuresUs = this.#failuresUs.filter((us) => us > sinceUs);
    this.#failuresUs.push(nowUs);
    const opens = this.#state === 'half-open' || this.#failuresUs.length >= this.#limits.failures;
    if (!opens || this.#state === 'open') return false;
    this.#state = 'open';
    return true;
  }

  /** The wait is over: one try is allowed. Returns true when it is the probe of an open breaker. */
  probe(): boolean {
    if (this.#state !== 'open') return false;
    this.#state = 'half-open';
    return true;
  }

  /** Good data came. Returns true when this closes the breaker; failures are then forgotten. */
  succeed(): boolean {
    if (this.#state === 'closed') return false;
    this.#state = 'closed';
    this.#failuresUs = [];
    return true;
  }
}
