import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { later, parseWaitUs, retryAfterMs, wait } from '../../src/connections/wait.ts';

const DAY_MS = 86_400_000;

describe('a wait', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test.each([5, 2 ** 31 - 1, 2 ** 31, 30 * DAY_MS, 400 * DAY_MS])('of %d ms lasts that long', (ms) => {
    const act = vi.fn();
    later(ms, act);
    vi.advanceTimersByTime(ms - 1);
    expect(act).toHaveBeenCalledTimes(0);
    vi.advanceTimersByTime(1);
    expect(act).toHaveBeenCalledTimes(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('is over when it is cleared or its signal is raised, in any of its parts', async () => {
    const act = vi.fn();
    const cleared = later(60 * DAY_MS, act);
    vi.advanceTimersByTime(40 * DAY_MS);
    cleared.clear();
    const stop = new AbortController();
    const waited = wait(Number.POSITIVE_INFINITY, stop.signal);
    vi.advanceTimersByTime(100 * DAY_MS);
    stop.abort();
    await waited;
    await wait(DAY_MS, stop.signal);
    vi.advanceTimersByTime(100 * DAY_MS);
    expect(act).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });
});

test('a length that nobody means is refused', () => {
  expect(parseWaitUs('25d', '--duration')).toBe(25 * 86_400e6);
  for (const text of ['99999d', '99999999999999999999999w']) {
    expect(() => parseWaitUs(text, '--duration')).toThrow(/^--duration: .* too long \(allowed: up to /);
  }
});

describe('Retry-After', () => {
  const now = Date.UTC(2026, 0, 2, 3, 4, 5);
  test.each([
    ['7', 7000],
    ['0', 0],
    ['1.5', 1500],
    ['2592000', 30 * DAY_MS],
    ['Fri, 02 Jan 2026 03:05:05 GMT', 60_000],
    ['Fri, 02 Jan 2026 03:00:00 GMT', 0],
    [String(now / 1000 + 90), 90_000],
    [String(now + 90_000), 90_000],
    [String(now / 1000 - 90), 0],
    ['soon', 60_000],
    ['-5', 60_000],
    ['', 60_000],
    [undefined, 60_000],
  ])('%s asks for %d ms', (header, ms) => {
    expect(retryAfterMs(header, now)).toBe(ms);
  });
});
