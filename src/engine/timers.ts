// Due times inside the engine, fired in one declared order. There are a few dozen at most, so the next one is
// found by a scan when a due time changes; between changes it is one number that the hot loop compares with.
import { assert } from '../core/assert.ts';

/** What a due time is for. The number is the order of those that are due at the same instant. */
export const TimerRank = { exchange: 0, candle: 1, strategy: 2, equity: 3 } as const;
export type TimerRank = (typeof TimerRank)[keyof typeof TimerRank];

const NEVER = Number.POSITIVE_INFINITY;

export class Timers {
  /** The earliest due time, µs; +∞ when nothing is due. */
  nextDueUs = NEVER;
  readonly #dueUs: number[] = [];
  readonly #ranks: TimerRank[] = [];
  #next = -1;

  /** A new timer, not due yet. Timers of one rank that are due together fire in the order of their creation. */
  add(rank: TimerRank): number {
    this.#dueUs.push(NEVER);
    this.#ranks.push(rank);
    return this.#dueUs.length - 1;
  }

  dueUs(timer: number): number {
    return this.#dueUs[timer]!;
  }

  rank(timer: number): TimerRank {
    return this.#ranks[timer]!;
  }

  set(timer: number, dueUs: number): void {
    assert(timer < this.#dueUs.length && !Number.isNaN(dueUs), 'a known timer gets a due time');
    if (this.#dueUs[timer] === dueUs) return;
    this.#dueUs[timer] = dueUs;
    this.#findNext();
  }

  clear(timer: number): void {
    this.set(timer, NEVER);
  }

  /** The timer to fire now: of the earliest due time, the lowest rank, then the first created. −1 if none is due. */
  next(): number {
    return this.#next;
  }

  /** The earliest due time of all timers but one, µs; +∞ when there is none. */
  nextDueWithout(timer: number): number {
    let earliestUs = NEVER;
    for (let other = 0; other < this.#dueUs.length; other++) {
      if (other !== timer && this.#dueUs[other]! < earliestUs) earliestUs = this.#dueUs[other]!;
    }
    return earliestUs;
  }

  #findNext(): void {
    let next = -1;
    let earliestUs = NEVER;
    for (let timer = 0; timer < this.#dueUs.length; timer++) {
      const dueUs = this.#dueUs[timer]!;
      if (
        dueUs < earliestUs ||
        (dueUs === earliestUs && next >= 0 && this.#ranks[timer]! < this.#ranks[next]!)
      ) {
        next = timer;
        earliestUs = dueUs;
      }
    }
    this.#next = next;
    this.nextDueUs = earliestUs;
  }
}

/** The first multiple of the period after a time: timers stand on the same instants in every run. */
export function nextMultipleUs(timeUs: number, periodUs: number): number {
  return (Math.floor(timeUs / periodUs) + 1) * periodUs;
}
