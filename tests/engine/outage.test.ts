// Orders and stops that stand while data is missing: each is told once, and the run file says what happens to it.
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { StatusDetail } from '../../src/core/event.ts';
import { buy, defineStrategy, EventBatch, prepare, quote } from '../../src/index.ts';
import { addBeat, addRules, addSnapshot, addTrade, config, run, SECOND_US, START_US } from './synthetic.ts';

const SYMBOL = 'XRP/USD';
const atS = (seconds: number): number => START_US + seconds * SECOND_US;

function addStatus(events: EventBatch, seconds: number, detail: Omit<StatusDetail, 'type'>): void {
  const status = { type: 'status', ...detail } as StatusDetail;
  events.addDetail(status, 0, events.length + 1, atS(seconds), Number.NaN);
}

function addGap(events: EventBatch, seconds: number, channel: string, fromS: number): void {
  const gap = { cause: 'idle', channel, symbol: SYMBOL, detail: '', fromUs: atS(fromS) } as const;
  addStatus(events, seconds, { state: 'gap', ...gap } as never);
}

function addHeal(events: EventBatch, seconds: number, channel: string): void {
  addStatus(events, seconds, { state: 'healed', channel, symbol: SYMBOL } as never);
}

/** Buys with a stop and a take profit at the first second, and rests a limit below the market at the second. */
function resting() {
  return prepare(
    defineStrategy({
      name: 'resting',
      version: '1',
      description: 'has something standing',
      params: z.object({}),
      inputs: () => ({ look: quote(SYMBOL) }),
      trigger: () => ({ on: 'timer', everyUs: SECOND_US }),
      decide: (_, { nowUs }) => {
        const second = (nowUs - START_US) / SECOND_US;
        const exits = { stopLoss: 0.49, takeProfit: 0.6 };
        if (second === 1) return buy({ symbol: SYMBOL, size: 10, reason: 'entry', ...exits });
        return second === 2 ? buy({ symbol: SYMBOL, size: 5, limit: 0.495, reason: 'rest' }) : null;
      },
    }),
    { id: 'resting' },
  );
}

/** The market stands at 0.5, is not heard from second 4 on (known at 10), and comes back at 15 at another price. */
function tape(): EventBatch {
  const events = new EventBatch();
  addRules(events, START_US);
  addSnapshot(events, { atUs: START_US, midTicks: 5000 });
  addTrade(events, { atUs: atS(0.5), price: 0.5 });
  addBeat(events, atS(4));
  addGap(events, 10, 'book', 4);
  addGap(events, 10, 'trade', 4);
  addStatus(events, 12, { state: 'subscribed', channel: 'trade', symbol: SYMBOL } as never);
  addHeal(events, 15, 'book');
  addSnapshot(events, { atUs: atS(15), midTicks: 4800 });
  addHeal(events, 15.1, 'trade');
  addTrade(events, { atUs: atS(15.2), price: 0.48, size: 100 });
  addBeat(events, atS(20));
  return events;
}

describe.each(['hold', 'cancel', 'mark'] as const)('outage: %s', (outage) => {
  const log = run(tape(), [resting()], { config: config({ outage, capital: { USD: 1000 } }) });

  test('tells each order and stop that stands across the gap once, when it is known, since the last frame', () => {
    expect(
      log
        .of('outage')
        .map(({ timeUs, order, what, price, policy, channel, fromUs }) => [
          ...[(timeUs - START_US) / SECOND_US, order, what, price],
          ...[policy, channel, (fromUs - START_US) / SECOND_US],
        ]),
    ).toEqual([
      [10, 2, 'limit', 0.495, outage, 'book', 4],
      [10, 1, 'stop', 0.49, outage, 'book', 4],
      [10, 1, 'takeProfit', 0.6, outage, 'book', 4],
    ]);
  });

  test('does with them what it says', () => {
    const fills = log
      .of('fill')
      .map(({ timeUs, fill }) => ({ ...fill, atS: (timeUs - START_US) / SECOND_US }));
    const last = log.of('order').findLast(({ order }) => order.id === 2)!.order;
    if (outage === 'cancel') {
      expect(fills.map(({ order }) => order)).toEqual([1]);
      expect(last).toMatchObject({ status: 'cancelled', filledSize: 0 });
      expect(last.reason).toBe('outage: book data of its instrument is missing');
      expect(log.of('position').map(({ size }) => Number(size))).toEqual([10]);
      return;
    }
    // The limit fills from the first book after the gap, the stop's order at the price it meets then.
    expect(fills.map(({ order, side, atS: second }) => [order, side, Math.floor(second)])).toEqual([
      [1, 'buy', 1],
      [2, 'buy', 15],
      [3, 'sell', 15],
    ]);
    expect(fills[2]!.price).toBeLessThan(0.49);
    const isMarked = outage === 'mark' ? true : undefined;
    expect(fills.map(({ isAcrossGap }) => isAcrossGap)).toEqual([undefined, isMarked, isMarked]);
  });
});

test('an order that stands across two outages is told for each of them', () => {
  const events = new EventBatch();
  addRules(events, START_US);
  addSnapshot(events, { atUs: START_US, midTicks: 5000 });
  for (const [from, to] of [
    [5, 6],
    [8, 9],
  ] as const) {
    addGap(events, from, 'book', from - 1);
    addHeal(events, to, 'book');
    addSnapshot(events, { atUs: atS(to), midTicks: 5000 });
  }
  addBeat(events, atS(12));
  const log = run(events, [resting()], { config: config({ capital: { USD: 1000 } }) });
  const limits = log.of('outage').filter(({ what }) => what === 'limit');
  expect(limits.map(({ timeUs }) => (timeUs - START_US) / SECOND_US)).toEqual([5, 8]);
});

test('an end in good order leaves nothing behind, and a ticker is no matter where a book is kept', () => {
  const events = new EventBatch();
  addRules(events, START_US);
  addSnapshot(events, { atUs: START_US, midTicks: 5000 });
  addGap(events, 5, 'ticker', 4);
  const closed = { type: 'closed', code: 1000, reason: '', cause: 'end' } as const;
  addStatus(events, 9, { state: 'control', control: closed } as never);
  const log = run(events, [resting()], { config: config({ capital: { USD: 1000 } }) });
  expect(log.of('outage')).toEqual([]);
  expect(log.engine.status().strategies[0]!.openOrders).toBe(1);
});
