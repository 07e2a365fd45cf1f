// A curve of equity over time: between two samples it holds the earlier one's value. What is averaged over it is
// weighted by time, so that a run with many samples and one with few give the same figures.

/** Samples in order of time. */
export type Curve = { readonly timesUs: readonly number[]; readonly values: readonly number[] };

export type Drawdown = {
  /** E ÷ running maximum − 1 at its lowest: negative. */
  readonly depth: number;
  /** The last time at the maximum. */
  readonly peakUs: number;
  readonly troughUs: number;
  /** When the maximum was reached again, or the curve's end. */
  readonly recoveredUs: number;
};

/**
 * Which days have returns, and how many of them make a year: `all` 365, for markets that never close; `weekdays` 252,
 * for exchanges with sessions, where what moved on a Saturday or Sunday counts to the Monday.
 */
export type Calendar = 'all' | 'weekdays';

export const DAYS_PER_YEAR: Readonly<Record<Calendar, number>> = { all: 365, weekdays: 252 };

/** The calendar that a run's settings name. */
export function calendarOf(config: Readonly<Record<string, unknown>>): Calendar {
  const report = config.report as { readonly calendar?: unknown } | undefined;
  return report?.calendar === 'weekdays' ? 'weekdays' : 'all';
}

export const HOUR_US = 3_600e6;
export const DAY_US = 86_400e6;

export function spanOf({ timesUs }: Curve): number {
  return (timesUs.at(-1) ?? Number.NaN) - (timesUs[0] ?? Number.NaN);
}

/** When the curve first stands at or below 0; NaN when it never does. */
export function bankruptUs({ timesUs, values }: Curve): number {
  const at = values.findIndex((value) => value <= 0);
  return at < 0 ? Number.NaN : timesUs[at]!;
}

/** ∫ f(value) dt ÷ span, each value from its own sample to the next; NaN for a curve of no length. */
export function timeMean({ timesUs, values }: Curve, of: (value: number) => number = (v) => v): number {
  let total = 0;
  for (let i = 0; i + 1 < values.length; i++) total += of(values[i]!) * (timesUs[i + 1]! - timesUs[i]!);
  return total / spanOf({ timesUs, values });
}

/** The first value, then the last one of each UTC day that counts; days without a sample carry the one before. */
export function dailyValues(curve: Curve, calendar: Calendar = 'all'): readonly number[] {
  const { values, timesUs } = curve;
  if (values.length === 0) return [];
  const daily = [values[0]!];
  let day = dayOf(timesUs[0]!);
  for (let i = 1; i < values.length; i++) {
    for (; day < dayOf(timesUs[i]!); day++) if (hasReturn(day, calendar)) daily.push(values[i - 1]!);
  }
  daily.push(values.at(-1)!);
  return daily;
}

/** The first value, then the value at each whole UTC hour inside the curve. */
export function hourlyReturns({ timesUs, values }: Curve): readonly number[] {
  const [firstUs, lastUs] = [timesUs[0], timesUs.at(-1)];
  if (firstUs === undefined || lastUs === undefined) return [];
  const marks: number[] = [];
  let i = 0;
  for (let atUs = Math.ceil(firstUs / HOUR_US) * HOUR_US; atUs <= lastUs; atUs += HOUR_US) {
    while (i + 1 < timesUs.length && timesUs[i + 1]! <= atUs) i++;
    marks.push(values[i]!);
  }
  return returnsOf(marks);
}

/** Days from midnight to midnight UTC that lie wholly inside the curve, and those it only touches. */
export function daysOf({ timesUs }: Curve): { readonly whole: number; readonly partial: number } {
  const [firstUs, lastUs] = [timesUs[0], timesUs.at(-1)];
  if (firstUs === undefined || lastUs === undefined) return { whole: 0, partial: 0 };
  const touched = dayOf(lastUs) - dayOf(firstUs) + 1;
  // A last sample in a day's last second stands for its end: samples come at the ends of periods, or just before.
  const whole = Math.floor((lastUs + 1e6) / DAY_US) - Math.ceil(firstUs / DAY_US);
  return { whole: Math.max(0, whole), partial: touched - Math.max(0, whole) };
}

export function returnsOf(values: readonly number[]): readonly number[] {
  return values.slice(1).map((value, i) => value / values[i]! - 1);
}

/** The daily values of two curves over the days that both have. */
export function commonDays(
  a: Curve,
  b: Curve,
  calendar: Calendar,
): readonly [readonly number[], readonly number[]] {
  const fromUs = Math.max(a.timesUs[0]!, b.timesUs[0]!);
  const toUs = Math.min(a.timesUs.at(-1)!, b.timesUs.at(-1)!);
  return [dailyValues(cut(a, fromUs, toUs), calendar), dailyValues(cut(b, fromUs, toUs), calendar)];
}

/** The sum of several curves at each time at which one of them has a sample; they begin together. */
export function sumOf(curves: readonly Curve[]): Curve {
  const timesUs = [...new Set(curves.flatMap((curve) => curve.timesUs))].sort((a, b) => a - b);
  const at = curves.map(() => 0);
  const values = timesUs.map((timeUs) =>
    curves.reduce((sum, curve, c) => {
      while (at[c]! + 1 < curve.timesUs.length && curve.timesUs[at[c]! + 1]! <= timeUs) at[c]!++;
      return sum + (curve.values[at[c]!] ?? 0);
    }, 0),
  );
  return { timesUs, values };
}

/** Every stretch below a running maximum, in time; one not recovered from ends with the curve. */
export function findDrawdowns({ timesUs, values }: Curve): readonly Drawdown[] {
  const found: Drawdown[] = [];
  let [peak, peakUs, depth, troughUs] = [Number.NEGATIVE_INFINITY, Number.NaN, 0, Number.NaN];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    const timeUs = timesUs[i]!;
    if (value >= peak) {
      if (depth < 0) found.push({ depth, peakUs, troughUs, recoveredUs: timeUs });
      [peak, peakUs, depth] = [value, timeUs, 0];
    } else if (value / peak - 1 < depth) {
      [depth, troughUs] = [value / peak - 1, timeUs];
    }
  }
  if (depth < 0) found.push({ depth, peakUs, troughUs, recoveredUs: timesUs.at(-1)! });
  return found;
}

/** How far below its running maximum the curve stands at each sample: 0 or negative. */
export function underWater({ timesUs, values }: Curve): Curve {
  let peak = Number.NEGATIVE_INFINITY;
  return {
    timesUs,
    values: values.map((value) => {
      peak = Math.max(peak, value);
      return value / peak - 1;
    }),
  };
}

/** The curve between two times, with the value it had at each. */
function cut({ timesUs, values }: Curve, fromUs: number, toUs: number): Curve {
  const inside = timesUs.map((timeUs, i) => ({ timeUs, value: values[i]! }));
  const at = (limitUs: number): number => inside.findLast(({ timeUs }) => timeUs <= limitUs)!.value;
  const kept = inside.filter(({ timeUs }) => timeUs > fromUs && timeUs < toUs);
  return {
    timesUs: [fromUs, ...kept.map(({ timeUs }) => timeUs), toUs],
    values: [at(fromUs), ...kept.map(({ value }) => value), at(toUs)],
  };
}

function dayOf(timeUs: number): number {
  return Math.floor(timeUs / DAY_US);
}

/** Whether a day, counted from the epoch, has a return of its own. Day 0, 1 January 1970, was a Thursday. */
export function hasReturn(day: number, calendar: Calendar): boolean {
  return calendar === 'all' || (day + 3) % 7 < 5;
}
