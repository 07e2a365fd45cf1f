import { expect, test } from 'vitest';
import type { EventBatch } from '../../src/core/event.ts';
import { type PacedFeed, paced } from '../../src/feeds/pace.ts';
import { batchOf, feedOf, textsOf } from './batches.ts';

/** A clock that moves only when somebody sleeps. */
function createClock(overshootMs = 0) {
  const clock = {
    us: 1_000_000,
    sleeps: 0,
    nowUs: () => clock.us,
    sleep: async (ms: number) => {
      clock.sleeps++;
      clock.us += (ms + overshootMs) * 1000;
    },
  };
  return clock;
}

const second = batchOf(Array.from({ length: 1000 }, (_, i) => ({ us: i * 1000, price: i })));

test('a second of events takes a second at speed 1 and ten milliseconds at speed 100', async () => {
  for (const speed of [1, 100]) {
    const clock = createClock();
    const feed = paced(feedOf([second]), { speed, sleep: clock.sleep, nowUs: clock.nowUs });
    let events = 0;
    for await (const batch of feed.batches()) {
      const dueUs = 1_000_000 + batch.receivedUs[0]! / speed;
      expect(clock.us).toBeGreaterThanOrEqual(dueUs);
      expect(batch.receivedUs[batch.length - 1]! - batch.receivedUs[0]!).toBeLessThanOrEqual(1000 * speed);
      events += batch.length;
    }
    expect(events).toBe(1000);
    expect(clock.us - 1_000_000).toBeGreaterThan(990_000 / speed - 1000);
    expect(feed.stats().achievedSpeed / speed).toBeCloseTo(1, 0);
    expect(feed.stats().lagMaxUs).toBe(0);
  }
});

test('cutting into slices changes no event', async () => {
  const clock = createClock(3);
  const feed = paced(feedOf([second]), { speed: 10, sleep: clock.sleep, nowUs: clock.nowUs });
  expect(await textsOf(feed.batches())).toEqual(await textsOf(feedOf([second]).batches()));
});

test('at speed Infinity nothing waits and the batches pass as they are', async () => {
  const clock = createClock();
  const feed = paced(feedOf([second]), { speed: Number.POSITIVE_INFINITY, ...clock });
  const seen: EventBatch[] = [];
  for await (const batch of feed.batches()) seen.push(batch);
  expect(seen).toEqual([second]);
  expect(clock.sleeps).toBe(0);
});

test('what is late is delivered at once, and the lag is told', async () => {
  const clock = createClock(5);
  const feed = paced(feedOf([second]), { speed: 1, sleep: clock.sleep, nowUs: clock.nowUs });
  let largest = 0;
  for await (const batch of feed.batches()) largest = Math.max(largest, batch.length);
  expect(largest).toBeGreaterThan(4);
  expect(feed.stats().lagMaxUs).toBeGreaterThanOrEqual(4900);
  expect(feed.stats().lagMaxUs).toBeLessThanOrEqual(5100);
  expect(feed.stats().lagP50Us).toBeGreaterThan(0);
});

test('a paused feed gives only what it is stepped, and goes on without catching up', async () => {
  const clock = createClock();
  const feed: PacedFeed = paced(feedOf([second]), { speed: 1, sleep: clock.sleep, nowUs: clock.nowUs });
  const batches = feed.batches()[Symbol.asyncIterator]();
  await batches.next();
  feed.pause();
  let isDelivered = false;
  const stepped = batches.next().then((result) => {
    isDelivered = true;
    return result.value as EventBatch;
  });
  await new Promise(setImmediate);
  expect(isDelivered).toBe(false);
  feed.step(3);
  expect((await stepped).length).toBe(3);
  clock.us += 60_000_000;
  feed.resume();
  const before = clock.us;
  const next = (await batches.next()).value as EventBatch;
  expect(clock.us - before).toBeLessThanOrEqual(2000);
  expect(next.length).toBeLessThanOrEqual(3);
  expect(feed.stats().lagMaxUs).toBe(0);
});

test('a change of speed applies from now on, also to a wait that has begun', async () => {
  const far = batchOf([{ us: 0 }, { us: 3_600_000_000 }]);
  let us = 0;
  const feed = paced(feedOf([far]), {
    speed: 1,
    nowUs: () => us,
    sleep: async (ms) => {
      if (ms > 1000) await new Promise(() => {});
      us += ms * 1000;
    },
  });
  const batches = feed.batches()[Symbol.asyncIterator]();
  await batches.next();
  const next = batches.next();
  feed.setSpeed(3_600_000);
  expect(((await next).value as EventBatch).receivedUs[0]).toBe(3_600_000_000);
  expect(us).toBe(1000);
});
