// `--from` and `--to` of a dataset: times, dates, times of day, or so long after its beginning; always inside the data.
import { UsageError } from '../core/errors.ts';
import { formatTimeUs, parseDurationUs, parseTimeUs } from '../core/time.ts';
import type { Manifest } from '../datasets/manifest.ts';

/** What both flags take, for their descriptions. */
export const BOUND_FORMS =
  '2026-01-02T03:04:05Z, 2026-01-02T03:04, 2026-01-02, 03:04 (UTC), or +5m after the start of the data';

const DAY_US = 86_400e6;
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const MINUTE = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}Z?$/;
const TIME_OF_DAY = /^\d{2}:\d{2}(:\d{2}(\.\d+)?)?$/;

/** First and last time of the data, µs. */
export type DataSpan = { readonly firstUs: number; readonly lastUs: number };

/**
 * The span that was asked for. A date is its midnight; a time of day is the first such time after the data begins, or
 * that of its first day when it holds no other. Errors: UsageError when a bound is not a time, or leaves nothing.
 */
export function parseSpan(
  given: { readonly from?: unknown; readonly to?: unknown },
  data: { readonly name: string; readonly span: DataSpan | null },
): { readonly fromUs: number | undefined; readonly toUs: number | undefined } {
  const { span, name } = data;
  const fromUs = given.from === undefined ? undefined : parseBound(String(given.from), '--from', span);
  const toUs = given.to === undefined ? undefined : parseBound(String(given.to), '--to', span);
  if (span === null) return { fromUs, toUs };
  const holds = `${name} holds ${formatTimeUs(span.firstUs)} to ${formatTimeUs(span.lastUs)}`;
  if (fromUs !== undefined && toUs !== undefined && fromUs >= toUs) {
    throw new UsageError(
      `--from: ${formatTimeUs(fromUs)} is not before --to ${formatTimeUs(toUs)} (${holds})`,
    );
  }
  if (fromUs !== undefined && fromUs > span.lastUs) {
    throw new UsageError(`--from: ${formatTimeUs(fromUs)} is past the data (${holds})`);
  }
  if (toUs !== undefined && toUs <= span.firstUs) {
    throw new UsageError(`--to: ${formatTimeUs(toUs)} is before the data (${holds})`);
  }
  return { fromUs, toUs };
}

/** The span of a dataset by the venue's clock, as far as that is known. */
export function venueSpanOf({ span, lags }: Manifest, latencyUs: number): DataSpan | null {
  if (span === null) return null;
  const [first, last] = [lags?.[0]?.offsetUs ?? 0, lags?.at(-1)?.offsetUs ?? 0];
  return { firstUs: span.firstUs - first + latencyUs, lastUs: span.lastUs - last + latencyUs };
}

function parseBound(text: string, flag: string, span: DataSpan | null): number {
  const startUs = span?.firstUs ?? 0;
  if (text.startsWith('+')) return startUs + parseDurationUs(text.slice(1), flag);
  const us = TIME_OF_DAY.test(text) ? timeOfDayUs(text, span) : parseTimeUs(withSeconds(text));
  if (Number.isNaN(us)) throw new UsageError(`${flag}: ${text} is not a time (allowed: ${BOUND_FORMS})`);
  return us;
}

function withSeconds(text: string): string {
  if (DATE.test(text)) return `${text}T00:00:00Z`;
  return MINUTE.test(text) ? `${text.slice(0, 16)}:00Z` : text;
}

function timeOfDayUs(text: string, span: DataSpan | null): number {
  const { firstUs, lastUs } = span ?? { firstUs: 0, lastUs: 0 };
  const day = formatTimeUs(firstUs).slice(0, 10);
  const us = parseTimeUs(`${day}T${text.length === 5 ? `${text}:00` : text}Z`);
  return us < firstUs && us + DAY_US <= lastUs ? us + DAY_US : us;
}
