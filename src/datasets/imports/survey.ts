// The first pass over a capture: what was subscribed, by what clock its receive times are, from when to when it goes.
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
  readonly onFrames: (count: number) => void;
};

export async function surveyFile(file: string, options: SurveyOptions): Promise<FileSurvey> {
  const { format, venue, stated, skipsBad, onFrames } = options;
  const detector = new SessionDetector(venue);
  const clocks = new ClockSurvey();
  let [first, last, url] = ['', '', ''];
  let [firstVenueUs, frames] = [Number.NaN, 0];
  for await (const items of readCapture(file, format, { skipsBad })) {
    for (const item of items) {
      if (item.type === 'begun') {
        clocks.begun = item.time;
        continue;
      }
      if (item.time !== '') {
        if (first === '') first = item.time;
        last = item.time;
      }
      if (item.type === 'opened') url = item.url;
      if (item.type !== 'frame') continue;
      frames++;
      const venueUs = detector.add(item.bytes);
      if (Number.isNaN(firstVenueUs)) firstVenueUs = frames < 1000 ? frameTimeUs(item.bytes) : venueUs;
      if (item.time !== '') clocks.add(item.time, venueUs);
    }
    onFrames(frames);
  }
  if (frames === 0) throw new DataError(`${file}: there is no frame in it`);
  if (detector.understood === 0) {
    throw new DataError(`${file}: 0 of ${frames} frames understood: is this ${venue.name}?`);
  }
  const detected = detector.result();
  if (first === '') {
    if (Number.isNaN(firstVenueUs)) throw new DataError(`${file}: no frame has a time`);
    const us = firstVenueUs;
    return { file, format, detected, clock: undefined, firstUs: us, lastUs: us, frames, url };
  }
  const clock = clocks.result(file, first, stated);
  const [firstUs, lastUs] = [first, last].map((time) => toMicros(time, clock.unit) + clock.offsetUs);
  return { file, format, detected, clock, firstUs: firstUs!, lastUs: lastUs!, frames, url };
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
