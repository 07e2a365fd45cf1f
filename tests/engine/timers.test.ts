import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nextMultipleUs, TimerRank, Timers } from '../../src/engine/timers.ts';

test('timers fire in order of due time, then rank, then creation', () => {
  const due = fc.record({ rank: fc.integer({ min: 0, max: 3 }), dueUs: fc.integer({ min: 0, max: 5 }) });
  fc.assert(
    fc.property(fc.array(due, { maxLength: 20 }), (wanted) => {
      const timers = new Timers();
      const ids = wanted.map(({ rank }) => timers.add(rank as TimerRank));
      wanted.forEach(({ dueUs }, i) => {
        timers.set(ids[i]!, dueUs);
      });
      const fired: number[] = [];
      while (timers.next() >= 0) {
        expect(timers.nextDueUs).toBe(timers.dueUs(timers.next()));
        fired.push(timers.next());
        timers.clear(timers.next());
      }
      const expected = ids.toSorted(
        (a, b) => wanted[a]!.dueUs - wanted[b]!.dueUs || wanted[a]!.rank - wanted[b]!.rank || a - b,
      );
      expect(fired).toEqual(expected);
    }),
  );
});

test('a timer can be moved and taken back', () => {
  const timers = new Timers();
  const first = timers.add(TimerRank.equity);
  const second = timers.add(TimerRank.candle);
  expect(timers.next()).toBe(-1);
  timers.set(first, 10);
  timers.set(second, 20);
  expect(timers.nextDueUs).toBe(10);
  timers.set(first, 30);
  expect(timers.next()).toBe(second);
  timers.clear(second);
  timers.clear(first);
  expect(timers.nextDueUs).toBe(Number.POSITIVE_INFINITY);
});

test('periods stand on multiples, and a time on a multiple gets the next one', () => {
  expect(nextMultipleUs(1_999_999, 1_000_000)).toBe(2_000_000);
  expect(nextMultipleUs(2_000_000, 1_000_000)).toBe(3_000_000);
});
