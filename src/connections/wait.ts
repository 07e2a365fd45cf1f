// Waiting, however long. A timer of the system counts at most 2³¹ ms, about 24.8 days, and fires at once when asked for
// more; here a longer wait is made of several. This is the only place that sets a timer of a length given from outside.
import { UsageError } from '../core/errors.ts';
import { formatDurationUs, parseDurationUs } from '../core/time.ts';

const TIMER_MAX_MS = 2 ** 31 - 1;

export type Wait = { clear(): void };

/** Calls the action once, after this many ms, unless it is cleared before. */
export function later(ms: number, action: () => void): Wait {
  let timer: NodeJS.Timeout;
  const arm = (leftMs: number): void => {
    const stepMs = Math.min(leftMs, TIMER_MAX_MS);
    timer = setTimeout(() => (leftMs > stepMs ? arm(leftMs - stepMs) : action()), stepMs);
  };
  arm(ms);
  return { clear: () => clearTimeout(timer) };
}

/** Resolves after this many ms, or as soon as the signal is raised. */
export function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const end = (): void => {
      timer.clear();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = later(ms, end);
    signal.addEventListener('abort', end, { once: true });
  });
}

/** The promise, or undefined as soon as the signal is raised; what the promise comes to then is nobody's concern. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const stop = (): void => resolve(undefined);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

/** Longer than anybody waits for anything on purpose: ten years. */
export const WAIT_MAX_US = 3660 * 86_400e6;

/** How long to wait, µs, as people write it. Throws UsageError, also when it is longer than `WAIT_MAX_US`. */
export function parseWaitUs(text: string, from: string): number {
  const us = parseDurationUs(text, from);
  if (us <= WAIT_MAX_US) return us;
  throw new UsageError(`${from}: ${text} is too long (allowed: up to ${formatDurationUs(WAIT_MAX_US)})`);
}

/** The longest that a venue is left alone because it says so, ms: the longest ban that a venue is known to give. */
export const RETRY_AFTER_MAX_MS = 3 * 86_400_000;
/** How long to leave a venue alone that says it is asked too often, and not how long, ms. */
const RETRY_AFTER_DEFAULT_MS = 60_000;

/** Numbers from here on are an instant and not a number of seconds: in seconds, and in ms, since 1970. */
const UNIX_SECONDS_MIN = 1e9;
const UNIX_MS_MIN = 1e12;

/**
 * What a `Retry-After` header asks for, ms: a number of seconds, an HTTP date, or, against the standard, a Unix time. What
 * is missing or makes no sense counts as a minute.
 */
export function retryAfterMs(header: string | undefined, nowMs: number): number {
  const text = header?.trim() ?? '';
  if (/^\d+(\.\d+)?$/.test(text)) {
    const number = Number(text);
    if (number >= UNIX_MS_MIN) return Math.max(0, number - nowMs);
    return number >= UNIX_SECONDS_MIN ? Math.max(0, number * 1000 - nowMs) : number * 1000;
  }
  const dateMs = /^[A-Za-z]{3}/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(dateMs) ? RETRY_AFTER_DEFAULT_MS : Math.max(0, dateMs - nowMs);
}
