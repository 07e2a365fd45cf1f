// What a fill says about the prices its position met, and what the run says about positions it leaves open.
import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineStrategy, EventBatch, prepare, quote, type Signal } from '../../src/index.ts';
import { addQuote, addRules, addTrade, config, run, SECOND_US, START_US } from '../engine/synthetic.ts';

const at = (seconds: number): number => START_US + seconds * SECOND_US;

/** A strategy that gives these signals at its first, second … trade. */
function script(signals: Readonly<Record<number, Signal>>) {
  let calls = 0;
  return prepare(
    defineStrategy({
      name: 'script',
      version: '1',
      description: 'trades by a script',
      params: z.object({}),
      inputs: () => ({ quote: quote('XRP/USD') }),
      trigger: () => ({ on: 'trade', symbol: 'XRP/USD' }),
      decide: () => signals[calls++] ?? null,
    }),
  );
}

const FREE = { fees: { makerBps: 0, takerBps: 0 }, capital: { USD: 10_000 } };

test('a closing fill knows the prices its position met, and none from before or after it', () => {
  const events = new EventBatch();
  addRules(events, START_US);
  const move = (second: number, mid: number): void => {
    addQuote(events, at(second), mid - 0.1, mid + 0.1);
    addTrade(events, { atUs: at(second), price: mid });
  };
  move(1, 150);
  move(2, 100);
  move(3, 104);
  move(4, 97);
  move(5, 101);
  move(6, 50);
  const log = run(
    events,
    [script({ 1: { action: 'buy', size: 2, reason: 'in' }, 4: { action: 'sell', reason: 'out' } })],
    { config: config(FREE) },
  );
  const [entry, exit] = log.of('fill').map(({ fill }) => fill);
  expect([entry!.markLow, entry!.markHigh]).toEqual([Number.NaN, Number.NaN]);
  expect([exit!.markLow, exit!.markHigh]).toEqual([97, 104]);
  expect(log.of('position')).toEqual([]);
});

test('a flip starts anew, and an open position is listed at the end with what it is worth', () => {
  const events = new EventBatch();
  addRules(events, START_US);
  [100, 90, 95, 96, 93].forEach((mid, i) => {
    addQuote(events, at(i), mid - 0.1, mid + 0.1);
    addTrade(events, { atUs: at(i), price: mid });
  });
  const log = run(
    events,
    [
      script({
        0: { action: 'buy', size: 2, reason: 'in' },
        2: { action: 'short', size: 5, reason: 'turn' },
      }),
    ],
    { config: config(FREE) },
  );
  const [, turn] = log.of('fill').map(({ fill }) => fill);
  expect([turn!.markLow, turn!.markHigh]).toEqual([90, 100]);
  const [open] = log.of('position');
  expect(open).toMatchObject({ strategy: 'script', symbol: 'XRP/USD', currency: 'USD', size: '-3' });
  expect(open).toMatchObject({ markPrice: 93, markLow: 93, markHigh: 96 });
  expect(Number(open!.unrealized)).toBeCloseTo(-3 * (93 - turn!.price), 9);
});

test('the mid at the venue is told apart from that at the fill: a resting order does not pay for drift by latency', () => {
  const events = new EventBatch();
  addRules(events, START_US);
  [100, 99, 98, 97, 96, 95].forEach((mid, i) => {
    addQuote(events, at(i), mid - 0.1, mid + 0.1);
    addTrade(events, { atUs: at(i), price: mid });
  });
  const log = run(events, [script({ 0: { action: 'buy', size: 1, limit: 96.5, reason: 'rest' } })], {
    config: config({ ...FREE, latency: { model: 'fixed', ms: 1500 } }),
  });
  const [fill] = log.of('fill').map(({ fill }) => fill);
  expect(fill).toMatchObject({ liquidity: 'maker', signalMid: 100, arrivalMid: 99, fillMid: 96 });
});
