// What happens by time alone: strategies that asked for a timer, and samples of equity. Both stand on multiples of their
// period, so that they fall on the same instants in every run.
import { UsageError } from '../core/errors.ts';
import type { Desk } from './desk.ts';
import type { Runner } from './runner.ts';
import { nextMultipleUs, TimerRank, type Timers } from './timers.ts';

type Periodic = { readonly runner: Runner; readonly everyUs: number; readonly timer: number };

export class Schedule {
  readonly #timers: Timers;
  readonly #desk: Desk;
  readonly #equityEveryUs: number;
  readonly #equityTimer: number;
  readonly #periodic: Periodic[] = [];

  constructor(timers: Timers, desk: Desk, equityEveryUs: number) {
    this.#timers = timers;
    this.#desk = desk;
    this.#equityEveryUs = equityEveryUs;
    this.#equityTimer = timers.add(TimerRank.equity);
  }

  /** Errors: UsageError when the period is less than a microsecond. */
  add(runner: Runner, everyUs: number, from: string): void {
    if (!(everyUs >= 1)) throw new UsageError(`${from}: everyUs is ${everyUs} (allowed: 1 or more)`);
    this.#periodic.push({ runner, everyUs, timer: this.#timers.add(TimerRank.strategy) });
  }

  start(nowUs: number): void {
    for (const { timer, everyUs } of this.#periodic) this.#timers.set(timer, nextMultipleUs(nowUs, everyUs));
    this.#timers.set(this.#equityTimer, nextMultipleUs(nowUs, this.#equityEveryUs));
  }

  callPeriodic(timer: number, dueUs: number): void {
    const { runner, everyUs } = this.#periodic.find((periodic) => periodic.timer === timer)!;
    this.#timers.set(timer, dueUs + everyUs);
    this.#desk.call(runner, dueUs);
  }

  /** Of a silence longer than the period only the first and the last sample are taken: between them nothing changes. */
  sampleEquity(dueUs: number, untilUs: number): void {
    for (const runner of this.#desk.runners) this.#desk.accounts.sample(runner.id);
    const everyUs = this.#equityEveryUs;
    const quietUntilUs = Math.min(untilUs, this.#timers.nextDueWithout(this.#equityTimer));
    const lastUs = nextMultipleUs(quietUntilUs, everyUs) - everyUs;
    this.#timers.set(this.#equityTimer, Math.max(dueUs + everyUs, lastUs));
    this.#desk.settle();
  }
}
