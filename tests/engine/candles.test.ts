import { expect, test } from 'vitest';
import { z } from 'zod';
import type { StatusDetail } from '../../src/core/event.ts';
import { buy, candles, defineStrategy, EventBatch, Flag, prepare, rsi } from '../../src/index.ts';
import { addBeat, addTrade, config, run, SECOND_US, START_US } from './synthetic.ts';

const at = (seconds: number): number => START_US + seconds * SECOND_US;

const watcher = prepare(
  defineStrategy({
    name: 'watcher',
    version: '1',
    description: 'stands on candles it does not declare',
    params: z.object({}),
    inputs: () => ({ rsi: rsi(candles('XRP/USD', '1s'), 2) }),
    decide: () => null,
  }),
);

function addStatus(events: EventBatch, atUs: number, detail: StatusDetail): void {
  events.addDetail(detail, 0, events.length + 1, atUs, Number.NaN);
}

function sample(): EventBatch {
  const events = new EventBatch();
  addTrade(events, { atUs: at(0.5), price: 1, size: 2 });
  addTrade(events, { atUs: at(0.6), price: 1, size: 3, flags: Flag.sell });
  addTrade(events, { atUs: at(1.5), price: 2, size: 1 });
  addStatus(events, at(1.8), {
    type: 'status',
    state: 'control',
    control: { type: 'closed', code: 1006, reason: '', cause: 'disconnect' },
  });
  addStatus(events, at(2.4), { type: 'status', state: 'subscribed', channel: 'trade', symbol: 'XRP/USD' });
  addTrade(events, { atUs: at(2.5), price: 3, size: 1 });
  addTrade(events, { atUs: at(3.5), price: 4, size: 1 });
  addBeat(events, at(9));
  return events;
}

test('candles that only an indicator stands on are recorded under its name, with the takers’ volumes', () => {
  const log = run(sample(), [watcher], { config: config() });
  const [first] = log.of('candle');
  expect(first).toMatchObject({ name: 'watcher.rsi', volume: 5, buyVolume: 2, sellVolume: 3, trades: 2 });
});

test('a candle is partial when listening began inside it, and when an outage lies in it', () => {
  const log = run(sample(), [watcher], { config: config() });
  const found = log
    .of('candle')
    .flatMap((record) =>
      record.trades > 0 ? [[(record.startUs - START_US) / SECOND_US, record.isPartial]] : [],
    );
  expect(found).toEqual([
    [0, true],
    [1, true],
    [2, true],
    [3, false],
  ]);
});

test('what is called on the context may be taken out of it by name', () => {
  const drawn: number[] = [];
  const dreamer = prepare(
    defineStrategy({
      name: 'dreamer',
      version: '1',
      description: 'takes functions out of the context',
      params: z.object({}),
      inputs: () => ({ bars: candles('XRP/USD', '1s') }),
      decide: (_inputs, { random, positionOf, cancelAll }) => {
        drawn.push(random());
        cancelAll();
        return positionOf('XRP/USD').isFlat ? buy({ quote: 1, reason: 'dream' }) : null;
      },
    }),
  );
  const log = run(sample(), [dreamer], { config: config() });
  expect(log.of('fault')).toEqual([]);
  expect(drawn.length).toBeGreaterThan(0);
});
