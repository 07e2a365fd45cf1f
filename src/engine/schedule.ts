// What happens by time alone: strategies that asked for a timer, and samples of equity. Both stand on multiples of their
// period, so that they fall on the same instants in every run. Between two events nothing changes but the time, so of a
// silence that is longer than any strategy can mean only the first calls and the last one happen; the rest is told.
import { UsageError } from '../core/errors.ts';
import type { RunLog } from '../core/record.ts';
import type { Cursor } from './cursor.ts';
import type { Desk } from './desk.ts';
import type { Runner } from './runner.ts';
import { nextMultipleUs, TimerRank, type Timers } from './timers.ts';

/** Calls of one strategy between two events; the timer of a second reaches it after more than a day without a beat. */
const CALLS_MAX = 100_000;

type Periodic = {
  readonly runner: Runner;
  readonly everyUs: number;
  readonly timer: number;
  /** The event up to which time passes, and how often the timer has fired before it. */
  event: number;
  calls: number;
};

export type ScheduleOptions = {
  readonly timers: Timers;
  readonly desk: Desk;
  readonly cursor: Cursor;
  readonly log: RunLog;
  readonly equityEveryUs: number;
};

export class Schedule {
  readonly #options: ScheduleOptions;
  readonly #timers: Timers;
  readonly #desk: Desk;
  readonly #equityTimer: number;
  readonly #periodic: Periodic[] = [];

  constructor(options: ScheduleOptions) {
    this.#options = options;
    this.#timers = options.timers;
    this.#desk = options.desk;
    this.#equityTimer = options.timers.add(TimerRank.equity);
  }

  /** Errors: UsageError when the period is less than a microsecond. */
  add(runner: Runner, everyUs: number, from: string): void {
    if (!(everyUs >= 1)) throw new UsageError(`${from}: everyUs is ${everyUs} (allowed: 1 or more)`);
    const timer = this.#timers.add(TimerRank.strategy);
    this.#periodic.push({ runner, everyUs, timer, event: -1, calls: 0 });
  }

  start(nowUs: number): void {
    for (const { timer, everyUs } of this.#periodic) this.#timers.set(timer, nextMultipleUs(nowUs, everyUs));
    this.#timers.set(this.#equityTimer, nextMultipleUs(nowUs, this.#options.equityEveryUs));
  }

  callPeriodic(timer: number, dueUs: number, untilUs: number): void {
    const periodic = this.#periodic.find((candidate) => candidate.timer === timer)!;
    const { event } = this.#options.cursor;
    if (periodic.event !== event) periodic.calls = 0;
    periodic.event = event;
    periodic.calls++;
    const isEnough = periodic.calls >= CALLS_MAX;
    this.#timers.set(timer, isEnough ? this.#skip(periodic, dueUs, untilUs) : dueUs + periodic.everyUs);
    this.#desk.call(periodic.runner, dueUs);
  }

  #skip({ runner, everyUs }: Periodic, dueUs: number, untilUs: number): number {
    const nextUs = dueUs + everyUs;
    const lastUs = nextMultipleUs(untilUs, everyUs) - everyUs;
    const count = Math.round((lastUs - nextUs) / everyUs);
    if (count <= 0) return nextUs;
    const { log, cursor } = this.#options;
    const reason = `timer of ${runner.id}: calls left out in a silence`;
    log.write({ ...cursor.position(), type: 'unused', symbol: '', reason, count });
    return lastUs;
  }

  /** Of a silence longer than the period only the first and the last sample are taken: between them nothing changes. */
  sampleEquity(dueUs: number, untilUs: number): void {
    for (const runner of this.#desk.runners) this.#desk.accounts.sample(runner.id);
    const everyUs = this.#options.equityEveryUs;
    const quietUntilUs = Math.min(untilUs, this.#timers.nextDueWithout(this.#equityTimer));
    const lastUs = nextMultipleUs(quietUntilUs, everyUs) - everyUs;
    this.#timers.set(this.#equityTimer, Math.max(dueUs + everyUs, lastUs));
    this.#desk.settle();
  }
}
