// A capture's items with their receive times as µs since the epoch that never go back, and are never squeezed together:
// a single time out of order is held at the one before it, a clock that was set back goes on from where it was.
import { isTimeUs } from '../../core/bounds.ts';
import { DataError } from '../../core/errors.ts';
import { formatDurationUs } from '../../core/time.ts';
import { type CaptureClock, toMicros } from './clock.ts';
import { type CaptureFormat, type CaptureItem, readCapture } from './formats.ts';

export type TimedBatch = {
  readonly items: readonly CaptureItem[];
  /** By item; NaN where the capture has none. */
  readonly us: Float64Array;
  /** By item: how far the capture's clock was set back there, µs, 0 as a rule. */
  readonly stepUs: Float64Array;
};

/** What became of receive times that were not in order. */
export type TimeCounts = { held: number; steps: number };

/** Writers of a capture take turns: times within this are of the same moment, in the order of the file. */
const JITTER_US = 1_000_000;
/** A clock is not set back further; a file in which it is holds several captures. */
const STEP_MAX_US = 3600e6;

export type TimedOptions = {
  readonly file: string;
  readonly format: CaptureFormat;
  readonly clock: CaptureClock | undefined;
  readonly skipsBad: boolean;
  readonly counts: TimeCounts;
};

/** A batch is valid until the next one is asked for. */
export async function* readTimed(options: TimedOptions): AsyncGenerator<TimedBatch, void, undefined> {
  const { file, format, clock, skipsBad } = options;
  const order = new Order(options);
  // The last item waits for the one behind it, by which it is seen whether its own time is the odd one.
  let waiting: CaptureItem | undefined;
  for await (const batch of readCapture(file, format, { skipsBad })) {
    const items = waiting === undefined ? batch : [waiting, ...batch];
    const last = items.at(-1);
    if (last === undefined) continue;
    waiting = undefined;
    if (clock === undefined || items.length === 0) {
      yield order.place(items);
      continue;
    }
    yield order.place(items, items.length - 1);
    waiting = last.type === 'frame' ? { ...last, bytes: last.bytes.slice() } : last;
  }
  if (waiting !== undefined) yield order.place([waiting]);
}

class Order {
  readonly #options: TimedOptions;
  #lastUs = Number.NEGATIVE_INFINITY;
  #shiftUs: number;
  #items = 0;

  constructor(options: TimedOptions) {
    this.#options = options;
    this.#shiftUs = options.clock?.offsetUs ?? 0;
  }

  /** The first `count` items; those behind are only looked at. */
  place(items: readonly CaptureItem[], count = items.length): TimedBatch {
    const placed: CaptureItem[] = items.slice(0, count);
    const us = new Float64Array(count).fill(Number.NaN);
    const stepUs = new Float64Array(count);
    if (this.#options.clock === undefined) return { items: placed, us, stepUs };
    let ownUs = this.#micros(items[0]);
    for (let i = 0; i < count; i++) {
      this.#items++;
      const nextUs = this.#micros(items[i + 1]);
      if (!Number.isNaN(ownUs)) {
        const shiftedUs = ownUs + this.#shiftUs;
        if (isTimeUs(shiftedUs)) us[i] = this.#settle(shiftedUs, nextUs + this.#shiftUs, stepUs, i);
        else placed[i] = this.#outOfBounds(items[i]!.time);
      }
      ownUs = nextUs;
    }
    return { items: placed, us, stepUs };
  }

  #settle(ownUs: number, nextUs: number, stepUs: Float64Array, at: number): number {
    const lastUs = this.#lastUs;
    const { counts, file } = this.#options;
    const isNextInOrder = nextUs >= lastUs;
    const isAhead = ownUs > lastUs + JITTER_US && nextUs < ownUs - JITTER_US && isNextInOrder;
    const isBehind = ownUs < lastUs;
    if (isBehind && ownUs < lastUs - JITTER_US && !isNextInOrder) {
      if (lastUs - ownUs > STEP_MAX_US) {
        throw new DataError(
          `${file}: at record ${this.#items} the receive time goes back by ${formatDurationUs(lastUs - ownUs)}: import what stands before and behind as two files`,
        );
      }
      counts.steps++;
      stepUs[at] = ownUs - lastUs;
      this.#shiftUs += lastUs - ownUs;
      return lastUs;
    }
    if (isBehind || isAhead) {
      counts.held++;
      if (lastUs > Number.NEGATIVE_INFINITY) return lastUs;
    }
    this.#lastUs = ownUs;
    return ownUs;
  }

  #micros(item: CaptureItem | undefined): number {
    const { clock } = this.#options;
    if (item === undefined || item.time === '' || item.type === 'begun' || clock === undefined)
      return Number.NaN;
    return toMicros(item.time, clock.unit);
  }

  #outOfBounds(time: string): CaptureItem {
    const { file, clock, skipsBad } = this.#options;
    const reason = `record ${this.#items}: ${time} ${clock?.unit} is not a time`;
    if (skipsBad) return { type: 'bad', time: '', reason };
    throw new DataError(`${file}: ${reason} (--skip-bad leaves out what cannot be read)`);
  }
}
