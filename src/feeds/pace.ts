// Delivers a feed at a multiple of its own speed. The clock and the sleep are handed in; the events are never
// changed, only cut into batches that end where waiting begins. What is overdue goes out at once, and the lag
// is measured and reported, never hidden.
import { createHistogram } from 'node:perf_hooks';
import { assert } from '../core/assert.ts';
import { EventBatch, type Feed } from '../core/event.ts';
import { copyRows } from './rows.ts';

export type PaceOptions = {
  /** Event time over wall time: 1 is real time, 100 a hundred times as fast; Infinity never waits. */
  readonly speed: number;
  /** Resolves after about this many ms. */
  readonly sleep: (ms: number) => Promise<void>;
  /** A monotonic clock, µs. */
  readonly nowUs: () => number;
};

export type PaceStats = {
  readonly events: number;
  /** Event time delivered over the wall time it took, pauses not counted; NaN before two instants are delivered. */
  readonly achievedSpeed: number;
  /** Delivery behind schedule, µs, over all events (each counted with the oldest event of its slice). */
  readonly lagP50Us: number;
  readonly lagP99Us: number;
  readonly lagMaxUs: number;
};

export interface PacedFeed extends Feed {
  readonly isPaused: boolean;
  pause(): void;
  resume(): void;
  /** While paused: lets this many more events through at once. */
  step(events?: number): void;
  /** From now on; the schedule goes on from the event that is next. */
  setSpeed(speed: number): void;
  stats(): PaceStats;
}

/** Events that are due within this much wall time are delivered together. */
const SLICE_US = 1000;

export function paced(feed: Feed, options: PaceOptions): PacedFeed {
  return new Pacer(feed, options);
}

class Pacer implements PacedFeed {
  readonly symbols: readonly string[];
  readonly #feed: Feed;
  readonly #sleep: (ms: number) => Promise<void>;
  readonly #nowUs: () => number;
  readonly #lags = createHistogram();
  #speed: number;
  /** Event time `#eventUs` is due when the clock shows `#wallUs`; NaN: the next event sets both. */
  #eventUs = Number.NaN;
  #wallUs = Number.NaN;
  #events = 0;
  #deliveredUs = 0;
  #elapsedUs = 0;
  #lastEventUs = Number.NaN;
  #lastWallUs = Number.NaN;
  #isPaused = false;
  #steps = 0;
  /** Ends a wait early: the controller was touched. */
  #wake: () => void = () => {};

  constructor(feed: Feed, options: PaceOptions) {
    this.symbols = feed.symbols;
    this.#feed = feed;
    this.#sleep = options.sleep;
    this.#nowUs = options.nowUs;
    this.#speed = checkSpeed(options.speed);
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  pause(): void {
    this.#anchor();
    this.#isPaused = true;
    this.#lastWallUs = Number.NaN;
    this.#wake();
  }

  resume(): void {
    this.#isPaused = false;
    this.#steps = 0;
    this.#wallUs = this.#nowUs();
    this.#wake();
  }

  step(events = 1): void {
    assert(this.#isPaused, 'only a paused feed is stepped');
    this.#steps += events;
    this.#wake();
  }

  setSpeed(speed: number): void {
    this.#anchor();
    this.#speed = checkSpeed(speed);
    this.#wake();
  }

  stats(): PaceStats {
    const isEmpty = this.#lags.count === 0;
    return {
      events: this.#events,
      achievedSpeed: this.#elapsedUs > 0 ? this.#deliveredUs / this.#elapsedUs : Number.NaN,
      lagP50Us: isEmpty ? 0 : this.#lags.percentile(50) - 1,
      lagP99Us: isEmpty ? 0 : this.#lags.percentile(99) - 1,
      lagMaxUs: isEmpty ? 0 : this.#lags.max - 1,
    };
  }

  async *batches(): AsyncGenerator<EventBatch> {
    let out = new EventBatch(256);
    for await (const batch of this.#feed.batches()) {
      if (batch.length > out.capacity) out = new EventBatch(batch.length);
      let row = 0;
      while (row < batch.length) {
        const end = await this.#nextSlice(batch, row);
        this.#count(batch, row, end);
        if (row === 0 && end === batch.length) {
          yield batch;
        } else {
          out.reset();
          copyRows(batch, row, end, out);
          yield out;
        }
        row = end;
      }
    }
  }

  /** Waits until the event in `row` may go; returns the row after the last one that goes with it. */
  async #nextSlice(batch: EventBatch, row: number): Promise<number> {
    for (;;) {
      if (this.#isPaused) {
        if (this.#steps > 0) {
          const end = Math.min(row + this.#steps, batch.length);
          this.#steps -= end - row;
          this.#eventUs = batch.receivedUs[end - 1]!;
          return end;
        }
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      if (this.#speed === Number.POSITIVE_INFINITY) return batch.length;
      const wallUs = this.#nowUs();
      const firstUs = batch.receivedUs[row]!;
      if (Number.isNaN(this.#eventUs)) {
        this.#eventUs = firstUs;
        this.#wallUs = wallUs;
      }
      const dueUs = this.#wallUs + (firstUs - this.#eventUs) / this.#speed;
      if (dueUs > wallUs) {
        const touched = new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        await Promise.race([this.#sleep((dueUs - wallUs) / 1000), touched]);
        continue;
      }
      const lagUs = Math.max(0, Math.round(wallUs - dueUs));
      const untilUs = this.#eventUs + (Math.max(wallUs, dueUs + SLICE_US) - this.#wallUs) * this.#speed;
      let end = row + 1;
      while (end < batch.length && batch.receivedUs[end]! <= untilUs) end++;
      for (let i = row; i < end; i++) this.#lags.record(lagUs + 1);
      return end;
    }
  }

  #count(batch: EventBatch, row: number, end: number): void {
    const wallUs = this.#nowUs();
    const eventUs = batch.receivedUs[end - 1]!;
    if (!Number.isNaN(this.#lastEventUs) && !Number.isNaN(this.#lastWallUs)) {
      this.#deliveredUs += eventUs - this.#lastEventUs;
      this.#elapsedUs += wallUs - this.#lastWallUs;
    }
    this.#events += end - row;
    this.#lastEventUs = eventUs;
    this.#lastWallUs = this.#isPaused ? Number.NaN : wallUs;
  }

  /** Moves the anchor of the schedule to now, so that the speed may change from here on. */
  #anchor(): void {
    if (this.#isPaused || Number.isNaN(this.#eventUs)) return;
    const wallUs = this.#nowUs();
    const passedUs = (wallUs - this.#wallUs) * this.#speed;
    this.#eventUs = this.#speed === Number.POSITIVE_INFINITY ? Number.NaN : this.#eventUs + passedUs;
    this.#wallUs = wallUs;
  }
}

function checkSpeed(speed: number): number {
  assert(speed > 0, 'the speed of a replay is positive');
  return speed;
}
