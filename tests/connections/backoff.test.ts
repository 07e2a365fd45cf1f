import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Backoff, Breaker, defaultBackoff, defaultBreaker } from '../../src/connections/backoff.ts';
import { Random } from '../../src/core/random.ts';

/** What the generator of the back-off gives, in order. */
function drawsOf(seed: number, count: number): number[] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => random.nextFloat());
}

test('delays grow by the factor to their limit, each spread by its own draw over the whole of the jitter', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.double({ min: 0, max: 0.9, noNaN: true }),
      (seed, jitter) => {
        const backoff = new Backoff({ minMs: 1000, maxMs: 60_000, factor: 2, jitter }, new Random(seed));
        const draws = drawsOf(seed, 10);
        for (const [attempt, draw] of draws.entries()) {
          expect(backoff.attempt).toBe(attempt);
          const middleMs = Math.min(60_000, 1000 * 2 ** attempt);
          expect(backoff.next()).toBe(Math.round(middleMs * (1 - jitter + 2 * jitter * draw)));
        }
      },
    ),
  );
});

test('by default a delay lies anywhere from a fifth below to a fifth above, and clients do not return at once', () => {
  const delays = Array.from({ length: 400 }, (_, seed) =>
    new Backoff(defaultBackoff, new Random(seed + 1)).next(),
  );
  expect(Math.min(...delays)).toBeGreaterThanOrEqual(800);
  expect(Math.max(...delays)).toBeLessThanOrEqual(1200);
  expect(Math.min(...delays)).toBeLessThan(820);
  expect(Math.max(...delays)).toBeGreaterThan(1180);
  expect(new Set(delays).size).toBeGreaterThan(150);
});

test('good data makes the next delay the first again', () => {
  const backoff = new Backoff({ ...defaultBackoff, jitter: 0 }, new Random(1));
  expect([backoff.next(), backoff.next(), backoff.next()]).toEqual([1000, 2000, 4000]);
  backoff.reset();
  expect([backoff.attempt, backoff.next()]).toEqual([0, 1000]);
});

test('only failures within the window open the breaker: one that is as old as the window is forgotten', () => {
  const limits = { failures: 3, windowMs: 1000, cooldownMs: 5000 };
  const breaker = new Breaker(limits);
  expect([breaker.fail(0), breaker.fail(500_000), breaker.fail(1_000_000)]).toEqual([false, false, false]);
  expect(breaker.failures).toBe(2);
  expect(breaker.state).toBe('closed');
  // The third within a second: 500,000 µs is still inside by one.
  expect(breaker.fail(1_499_999)).toBe(true);
  expect(breaker.state).toBe('open');
  expect(breaker.failures).toBe(3);
});

test('the breaker opens exactly when so many failures lie within a window that ends with the last', () => {
  const times = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(times, fc.integer({ min: 1, max: 6 }), (stepsMs, failures) => {
      const breaker = new Breaker({ failures, windowMs: 1000, cooldownMs: 5000 });
      let nowMs = 0;
      const all: number[] = [];
      for (const step of stepsMs) {
        nowMs += step;
        all.push(nowMs);
        const within = all.filter((ms) => ms > nowMs - 1000).length;
        const opens = breaker.fail(nowMs * 1000);
        expect(breaker.failures).toBe(within);
        expect(opens).toBe(within >= failures);
        if (opens) return;
      }
      expect(breaker.state).toBe('closed');
    }),
  );
});

test('an open breaker lets one probe through: its failure opens it at once, its success forgets all', () => {
  const breaker = new Breaker(defaultBreaker);
  const fail = (count: number): boolean[] => Array.from({ length: count }, (_, index) => breaker.fail(index));
  expect(fail(8)).toEqual([...Array(7).fill(false), true]);
  expect(breaker.fail(9)).toBe(false);
  expect([breaker.probe(), breaker.state, breaker.probe()]).toEqual([true, 'half-open', false]);
  // Long after the window: a probe that fails needs no company.
  expect([breaker.fail(900e6), breaker.state]).toEqual([true, 'open']);
  breaker.probe();
  expect([breaker.succeed(), breaker.state, breaker.failures, breaker.succeed()]).toEqual([
    true,
    'closed',
    0,
    false,
  ]);
  expect(fail(7)).toEqual(Array(7).fill(false));
});
