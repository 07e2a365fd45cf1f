// Time as integer microseconds since the Unix epoch, UTC: exact in a double until the year 2255.
// Pure conversions only; nobody here reads a clock.
import { UsageError } from './errors.ts';

const MICROS: Readonly<Record<string, number>> = {
  us: 1,
  ms: 1e3,
  s: 1e6,
  m: 60e6,
  h: 3600e6,
  d: 86_400e6,
  w: 604_800e6,
};

const RFC3339 = /^(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})?$/;

/** The days of a month of the Gregorian calendar; 0 where there is no such month. */
export function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return DAYS[month - 1] ?? 0;
}

const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * RFC 3339 text (0–9 fractional digits, cut below a microsecond; no zone means UTC) to µs. NaN if it is not a time: the
 * 30th of February and the hour 24 are none; so are leap seconds, which no count of seconds since the epoch has.
 */
export function parseTimeUs(text: string): number {
  const match = RFC3339.exec(text);
  if (match === null) return Number.NaN;
  const [, year, month, day, hour, minute, second, fraction = '', zone = 'Z'] = match;
  if (+day! === 0 || +day! > daysInMonth(+year!, +month!)) return Number.NaN;
  if (+hour! > 23 || +minute! > 59 || +second! > 59) return Number.NaN;
  const ms = Date.UTC(+year!, +month! - 1, +day!, +hour!, +minute!, +second!);
  const micros = Number(fraction.slice(0, 6).padEnd(6, '0'));
  const sign = zone[0] === '-' ? -1 : 1;
  const offsetUs = zone === 'Z' ? 0 : sign * (+zone.slice(1, 3) * MICROS.h! + +zone.slice(4, 6) * MICROS.m!);
  return ms * 1000 + micros - offsetUs;
}

/** µs to `2026-01-02T03:04:05.000001Z`; always six fractional digits, so that texts sort as times do. */
export function formatTimeUs(us: number): string {
  if (!Number.isFinite(us)) return 'n/a';
  const ms = Math.floor(us / 1000);
  const micros = us - ms * 1000;
  return `${new Date(ms).toISOString().slice(0, -1)}${String(micros).padStart(3, '0')}Z`;
}

/** `2026-01-02`, the UTC day of a time: the name of a table's partition. */
export function formatDay(us: number): string {
  return formatTimeUs(us).slice(0, 10);
}

/** `250ms`, `5s`, `1m`, `1h30m` to µs. `from` names where the text stood, for the error. */
export function parseDurationUs(text: string, from = 'duration'): number {
  let total = 0;
  let rest = text.trim();
  while (rest !== '') {
    const match = /^(\d+(?:\.\d+)?)(us|ms|s|m|h|d|w)/.exec(rest);
    if (match === null) break;
    total += Number(match[1]) * MICROS[match[2]!]!;
    rest = rest.slice(match[0].length);
  }
  if (rest !== '' || total <= 0) {
    throw new UsageError(
      `${from}: ${JSON.stringify(text)} is no duration (allowed: like 250ms, 5s, 1m, 1h30m)`,
    );
  }
  return Math.round(total);
}

/** The shortest exact text that `parseDurationUs` reads back: `1m`, `90s`, `250ms`. */
export function formatDurationUs(us: number): string {
  for (const unit of ['w', 'd', 'h', 'm', 's', 'ms']) {
    if (us >= MICROS[unit]! && us % MICROS[unit]! === 0) return `${us / MICROS[unit]!}${unit}`;
  }
  return `${us}us`;
}
