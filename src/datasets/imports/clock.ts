// In what unit, and by what clock, a capture's receive times are: held against the times that stand in its frames.
// Nothing is guessed: what fits in one way is taken, what fits in none, or cannot be compared, must be stated.
import { UsageError } from '../../core/errors.ts';

export const TIME_UNITS = ['s', 'ms', 'us', 'ns'] as const;
export type TimeUnit = (typeof TIME_UNITS)[number];

/** `unix`: since 1970. `steady`: since the machine was started, or whenever. */
export const CLOCKS = ['unix', 'steady'] as const;
export type ClockKind = (typeof CLOCKS)[number];

/** How the receive times of a file become µs since the epoch: in that unit, plus the offset. */
export type CaptureClock = { readonly unit: TimeUnit; readonly kind: ClockKind; readonly offsetUs: number };

export type StatedClock = { readonly unit?: TimeUnit | undefined; readonly kind?: ClockKind | undefined };

/** Digits by which the decimal point moves to the right. */
const PLACES: Readonly<Record<TimeUnit, number>> = { s: 6, ms: 3, us: 0, ns: -3 };

/** A clock that is off by more than a day is no Unix clock: time zones and corrections are less. */
const UNIX_APART_US = 86_400e6;
/** A steady clock must run as the venue's does over at least this time, within this ratio. */
const STEADY_SPAN_US = 200_000;
const STEADY_RATIO_MAX = 1.25;
const SAMPLES_MIN = 4;
const SAMPLES_MAX = 4096;

/** A receive time as it stands in a file, to whole µs; exact, because it goes digit by digit. */
export function toMicros(time: string, unit: TimeUnit): number {
  const places = PLACES[unit];
  const dot = time.indexOf('.');
  const whole = dot < 0 ? time : time.slice(0, dot);
  if (places < 0) return Number(whole.slice(0, places));
  const fraction = dot < 0 ? '' : time.slice(dot + 1, dot + 1 + places);
  return Number(whole + fraction.padEnd(places, '0'));
}

/** Pairs of a receive time and the venue's own, evenly over a file. */
export class ClockSurvey {
  #pairs: { readonly raw: number; readonly venueUs: number }[] = [];
  #stride = 1;
  #seen = 0;
  /** When the capture says that it began, ns by a Unix clock; empty where it does not say. */
  begun = '';

  add(time: string, venueUs: number): void {
    if (Number.isNaN(venueUs) || this.#seen++ % this.#stride !== 0) return;
    this.#pairs.push({ raw: Number(time), venueUs });
    if (this.#pairs.length < SAMPLES_MAX) return;
    this.#pairs = this.#pairs.filter((_, index) => index % 2 === 0);
    this.#stride *= 2;
  }

  /** `first` is the file's first receive time. Throws UsageError saying which option states what cannot be told. */
  result(file: string, first: string, stated: StatedClock): CaptureClock {
    const { unit, kind } = stated;
    const units = unit === undefined ? TIME_UNITS : [unit];
    // Stated in full, it is as stated, whatever the frames say.
    if (kind === 'unix' && unit !== undefined) return { unit, kind, offsetUs: 0 };
    const unix = kind === 'steady' ? undefined : units.find((each) => this.#fitsUnix(each));
    if (unix !== undefined) return { unit: unix, kind: 'unix', offsetUs: 0 };
    const isStated = kind === 'steady' && unit !== undefined && (this.begun !== '' || this.#pairs.length > 0);
    const steady = kind === 'unix' ? undefined : units.find((each) => isStated || this.#fitsSteady(each));
    if (steady !== undefined) {
      return { unit: steady, kind: 'steady', offsetUs: this.#offsetUs(first, steady) };
    }
    // Where the frames are too few to say it, the head of the file does.
    if (this.begun !== '' && this.#pairs.length < SAMPLES_MIN) return headClock(this.begun, first);
    throw new UsageError(`${file}: ${this.#whyNot(stated)}`);
  }

  #whyNot({ unit, kind }: StatedClock): string {
    const options = [
      ...(unit === undefined ? [`--time-unit ${TIME_UNITS.join('|')}`] : []),
      ...(kind === undefined ? [`--clock ${CLOCKS.join('|')}`] : []),
    ];
    if (kind === 'steady' && unit !== undefined) {
      return 'no frame has a time of its own, so nothing says when its steady clock began (a Unix clock is needed)';
    }
    const why =
      this.#pairs.length === 0
        ? 'no frame has a time of its own to hold the receive times against'
        : `its receive times fit the frames' own times in no unit of ${TIME_UNITS.join(', ')}, neither by a Unix clock nor by a steady one`;
    return `${why}: state it by ${options.join(' and ')}`;
  }

  #fitsUnix(unit: TimeUnit): boolean {
    if (this.#pairs.length === 0) return false;
    const apart = this.#pairs.map(({ raw, venueUs }) => raw * factorOf(unit) - venueUs);
    return Math.abs(quantile(apart, 0.5)) <= UNIX_APART_US;
  }

  /** Whether the clock ran as fast as the venue's: by the middle of the slopes between the halves of the file. */
  #fitsSteady(unit: TimeUnit): boolean {
    const half = Math.floor(this.#pairs.length / 2);
    if (this.#pairs.length < SAMPLES_MIN) return false;
    const ratios: number[] = [];
    const spans: number[] = [];
    for (let i = 0; i < half; i++) {
      const [from, to] = [this.#pairs[i]!, this.#pairs[i + half]!];
      spans.push(to.venueUs - from.venueUs);
      ratios.push(((to.raw - from.raw) * factorOf(unit)) / (to.venueUs - from.venueUs));
    }
    const ratio = quantile(ratios, 0.5);
    return quantile(spans, 0.5) >= STEADY_SPAN_US && ratio < STEADY_RATIO_MAX && ratio > 1 / STEADY_RATIO_MAX;
  }

  /** By the head of the file; else so that hardly a frame was received before the venue sent it. */
  #offsetUs(first: string, unit: TimeUnit): number {
    if (this.begun !== '') return toMicros(this.begun, 'ns') - toMicros(first, unit);
    const lags = this.#pairs.map(({ raw, venueUs }) => raw * factorOf(unit) - venueUs);
    return -Math.floor(quantile(lags, 0.02));
  }
}

/** The head of a file is in ns by a Unix clock: times near it are, too, others are of a steady clock. */
function headClock(begun: string, first: string): CaptureClock {
  const apartUs = toMicros(begun, 'ns') - toMicros(first, 'ns');
  return Math.abs(apartUs) <= UNIX_APART_US
    ? { unit: 'ns', kind: 'unix', offsetUs: 0 }
    : { unit: 'ns', kind: 'steady', offsetUs: apartUs };
}

function factorOf(unit: TimeUnit): number {
  return 10 ** PLACES[unit];
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((left, right) => left - right);
  return sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
}
