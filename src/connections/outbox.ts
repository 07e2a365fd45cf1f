// What waits to be sent on a socket: in order, no faster than the plan's pace.
import type { ConnectionPlan } from '../venues/venue.ts';
import type { Clock } from './clock.ts';
import { later, type Wait } from './wait.ts';

export class Outbox {
  readonly #pace: ConnectionPlan['pace'];
  readonly #clock: Clock;
  readonly #send: (message: string) => void;
  /** All that waited has been sent. */
  readonly #emptied: () => void;
  readonly #queue: string[] = [];
  /** When messages were sent lately, ms, as far as the pace asks. */
  #sentMs: number[] = [];
  #waiting: Wait | undefined;

  constructor(
    pace: ConnectionPlan['pace'],
    clock: Clock,
    send: (message: string) => void,
    emptied: () => void,
  ) {
    this.#pace = pace;
    this.#clock = clock;
    this.#send = send;
    this.#emptied = emptied;
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  add(message: string): void {
    this.#queue.push(message);
    if (this.#waiting === undefined) this.#flush();
  }

  /** Forgets what waits. */
  clear(): void {
    this.#waiting?.clear();
    this.#waiting = undefined;
    this.#queue.length = 0;
  }

  #flush(): void {
    while (this.#queue.length > 0) {
      const waitMs = this.#waitMs();
      if (waitMs > 0) {
        this.#waiting = later(waitMs, () => {
          this.#waiting = undefined;
          this.#flush();
          if (this.#queue.length === 0) this.#emptied();
        });
        return;
      }
      if (this.#pace !== undefined) this.#sentMs.push(this.#clock.nowUs() / 1000);
      this.#send(this.#queue.shift()!);
    }
  }

  #waitMs(): number {
    if (this.#pace === undefined) return 0;
    const { messages, perMs } = this.#pace;
    const nowMs = this.#clock.nowUs() / 1000;
    this.#sentMs = this.#sentMs.filter((ms) => ms > nowMs - perMs);
    return this.#sentMs.length < messages ? 0 : this.#sentMs[0]! + perMs - nowMs;
  }
}
