// The first pass over a capture: what was subscribed, by what clock its receive times are, from when to when it goes.
import { isTimeUs } from '../../core/bounds.ts';
import { DataError, UsageError } from '../../core/errors.ts';
import { formatTimeUs } from '../../core/time.ts';
import type { Venue } from '../../venues/venue.ts';
import { type Detected, frameTimeUs, SessionDetector } from '../detect.ts';
import { type CaptureClock, ClockSurvey, type StatedClock, toMicros } from './clock.ts';
import { type CaptureFormat, readCapture } from './formats.ts';

export type FileSurvey = {
  readonly file: string;
  readonly format: CaptureFormat;
  readonly detected: Detected;
  /** Undefined where the capture has no receive times. */
  readonly clock: CaptureClock | undefined;
  /** First and last receive time, or venue time where there is no other, µs. */
  readonly firstUs: number;
  readonly lastUs: number;
  readonly frames: number;
  /** Where the capture says that it was connected to; empty where it does not. */
  readonly url: string;
};

export type SurveyOptions = {
  readonly format: CaptureFormat;
  readonly venue: Venue;
  readonly stated: StatedClock;
  readonly skipsBad: boolean;
  readonly allowsUnknown: boolean;
  readonly onFrames: (count: number) => void;
};

export async function surveyFile(file: string, options: SurveyOptions): Promise<FileSurvey> {
  const { format, venue, stated, skipsBad, allowsUnknown, onFrames } = options;
  const detector = new SessionDetector(venue);
  const clocks = new ClockSurvey();
  const times = new Times();
  let url = '';
  let [firstVenueUs, frames] = [Number.NaN, 0];
  for await (const items of readCapture(file, format, { skipsBad })) {
    for (const item of items) {
      if (item.type === 'begun') {
        clocks.begun = item.time;
        continue;
      }
      if (item.time !== '') times.add(item.time);
      if (item.type === 'opened') url = item.url;
      if (item.type !== 'frame') continue;
      frames++;
      const venueUs = detector.add(item.bytes);
      if (Number.isNaN(firstVenueUs)) firstVenueUs = frames < 1000 ? frameTimeUs(item.bytes, venue) : venueUs;
      if (item.time !== '') clocks.add(item.time, venueUs);
    }
    onFrames(frames);
  }
  if (frames === 0) throw new DataError(`${file}: there is no frame in it`);
  if (detector.understood === 0 && !allowsUnknown) {
    throw new DataError(`${file}: 0 of ${frames} frames understood: is this ${venue.name}?`);
  }
  const detected = detector.result();
  if (times.first === '') {
    if (Number.isNaN(firstVenueUs)) throw new DataError(`${file}: no frame has a time`);
    const us = firstVenueUs;
    return { file, format, detected, clock: undefined, firstUs: us, lastUs: us, frames, url };
  }
  const clock = clocks.result(file, times.first, stated);
  const span = times.span(clock);
  if (span === undefined) throw new DataError(`${file}: not one receive time is a time in ${clock.unit}`);
  return { file, format, detected, clock, ...span, frames, url };
}

/** First and last receive time of a capture; those that are none in its unit, as of another one, are passed over. */
class Times {
  first = '';
  #items = 0;
  /** By the number of digits before the point: times of one unit have as many, or one more. */
  readonly #ends = new Map<number, { readonly first: string; last: string; item: number }>();

  add(time: string): void {
    if (this.first === '') this.first = time;
    const dot = time.indexOf('.');
    const digits = dot < 0 ? time.length : dot;
    const ends = this.#ends.get(digits);
    this.#items++;
    if (ends === undefined) this.#ends.set(digits, { first: time, last: time, item: this.#items });
    else {
      ends.last = time;
      ends.item = this.#items;
    }
  }

  span({ unit, offsetUs }: CaptureClock): { firstUs: number; lastUs: number } | undefined {
    const microsOf = (time: string) => toMicros(time, unit) + offsetUs;
    const ends = [...this.#ends.values()];
    const first = ends.find((each) => isTimeUs(microsOf(each.first)));
    const last = ends
      .toSorted((left, right) => right.item - left.item)
      .find((each) => isTimeUs(microsOf(each.last)));
    if (first === undefined || last === undefined) return undefined;
    return { firstUs: microsOf(first.first), lastUs: microsOf(last.last) };
  }
}

/** Captures of the same time are merged; two of them with the same stream would be mixed up: UsageError. */
export function requireSeparate(surveys: readonly FileSurvey[]): void {
  for (const [index, one] of surveys.entries()) {
    for (const other of surveys.slice(index + 1)) {
      const fromUs = Math.max(one.firstUs, other.firstUs);
      const toUs = Math.min(one.lastUs, other.lastUs);
      const shared = [...one.detected.streams].find((stream) => other.detected.streams.has(stream));
      if (fromUs >= toUs || shared === undefined) continue;
      throw new UsageError(
        `${one.file} and ${other.file} are of the same time, ${formatTimeUs(fromUs)} to ${formatTimeUs(toUs)}, and both hold ${shared.replace(' ', ' of ')}: import each as a recording of its own`,
      );
    }
  }
}
