// What a run records of quotes and books at decisions, and what it says at its end of strategies that did nothing.
import { expect, test } from 'vitest';
import { z } from 'zod';
import {
  book,
  buy,
  candles,
  defineStrategy,
  EventBatch,
  Flag,
  prepare,
  quote,
  rsi,
  type Strategy,
  sma,
} from '../../src/index.ts';
import { obstaclesOf } from '../../src/runs/activity.ts';
import {
  addBeat,
  addQuote,
  addRules,
  addSnapshot,
  addTrade,
  config,
  livelyMarket,
  run,
  SECOND_US,
  START_US,
} from './synthetic.ts';

function strategyOf(changes: Partial<Strategy>) {
  const idle = { name: 's', version: '1.0.0', description: 'd', params: z.object({}), decide: () => null };
  return prepare(defineStrategy({ ...idle, ...changes } as Strategy));
}

const withBook = (changes: Partial<Strategy> = {}) =>
  strategyOf({ inputs: () => ({ bars: candles('XRP/USD', '1s'), k: book('XRP/USD', 2) }), ...changes });

test('a book is sampled at each close at which its strategy is called, and shows what the strategy saw', () => {
  const seen: unknown[] = [];
  const strategy = withBook({
    decide: ((inputs: { readonly k: Readonly<Record<string, unknown>> }) => {
      const { bid, bidSize, ask, askSize, mid, spread, isValid, pressure } = inputs.k;
      seen.push({ bid, bidSize, ask, askSize, mid, spread, isValid, pressure });
      return null;
    }) as unknown as Strategy['decide'],
  });
  const log = run(livelyMarket(3, 6), [strategy]);
  const samples = log.of('sample');
  expect(samples.map(({ values }) => values)).toEqual(seen);
  expect(samples.map(({ atUs }) => atUs)).toEqual(log.of('candle').map(({ startUs }) => startUs));
  expect(samples.length).toBeGreaterThan(3);
  for (const { name, signal, exchangeUs, receivedUs, timeUs } of samples) {
    expect({ name, signal }).toEqual({ name: 's.k', signal: 0 });
    expect(receivedUs).toBeLessThanOrEqual(timeUs);
    expect(exchangeUs).toBe(receivedUs);
  }
});

test('where a strategy is called at events only signals are worth a sample, and it names the first of them', () => {
  let calls = 0;
  const strategy = strategyOf({
    inputs: () => ({ q: quote('XRP/USD') }),
    trigger: () => ({ on: 'trade', symbol: 'XRP/USD' }),
    decide: () =>
      ++calls % 10 === 0 ? [buy({ quote: 5, reason: 'a' }), buy({ quote: 5, reason: 'b' })] : null,
  });
  const log = run(livelyMarket(5, 4), [strategy]);
  const signals = log.of('signal');
  expect(signals.length).toBeGreaterThan(4);
  expect(log.of('sample').map(({ signal }) => signal)).toEqual(
    signals.filter(({ signal }) => signal.reason === 'a').map(({ id }) => id),
  );
  expect(log.of('sample').map(({ timeUs, atUs }) => timeUs - atUs)).toEqual(log.of('sample').map(() => 0));
  expect(Object.keys(log.of('sample')[0]!.values)).toEqual([
    ...['bid', 'bidSize', 'ask', 'askSize', 'mid', 'spread'],
  ]);
});

test('a timer samples when it was due; what is not known is left out, and a side without a time is null', () => {
  const events = new EventBatch();
  addBeat(events, START_US);
  addBeat(events, START_US + 1.5 * SECOND_US);
  addQuote(events, START_US + 1.6 * SECOND_US, 1.99, 2.01);
  addBeat(events, START_US + 2.2 * SECOND_US);
  const strategy = strategyOf({
    inputs: () => ({ q: quote('XRP/USD') }),
    trigger: () => ({ on: 'timer', everyUs: SECOND_US }),
  });
  const samples = run(events, [strategy]).of('sample');
  expect(samples).toMatchObject([
    { atUs: START_US + SECOND_US, exchangeUs: null, receivedUs: null, values: {} },
    { atUs: START_US + 2 * SECOND_US, exchangeUs: null, receivedUs: START_US + 1.6 * SECOND_US },
  ]);
  expect(samples[1]!.values).toMatchObject({ bid: 1.99, ask: 2.01 });
});

test('a run without such inputs has no samples', () => {
  const strategy = strategyOf({ inputs: () => ({ bars: candles('XRP/USD', '1s') }) });
  expect(run(livelyMarket(3, 6), [strategy]).of('sample')).toEqual([]);
});

test('at its end a run says what each strategy was given and did, and the engine says the same while it runs', () => {
  const strategy = withBook({
    inputs: () => {
      const bars = candles('XRP/USD', '1s');
      return { bars, mean: sma(bars, 3), slow: rsi(bars, 60), k: book('XRP/USD', 2) };
    },
    decide: (_inputs, { position, openOrders }) =>
      position.isFlat && openOrders === 0 ? buy({ quote: 20, reason: 'in' }) : null,
  });
  const log = run(livelyMarket(3, 8), [strategy]);
  const [activity] = log.of('activity');
  const { event: _event, seq: _seq, timeUs: _timeUs, type: _type, ...told } = activity!;
  expect(log.engine.activity()).toEqual([told]);
  expect(log.records.slice(-2).map(({ type }) => type)).toEqual(['activity', 'end']);
  const closed = log.of('candle').length;
  expect(told).toMatchObject({
    ...{ strategy: 's', isActive: true, calls: closed, skipped: 0, faults: 0, rejections: {} },
    ...{ signals: log.of('signal').length, fills: log.of('fill').length },
  });
  expect(told.orders).toBe(new Set(log.of('order').map(({ order }) => order.id)).size);
  const first = log.of('candle')[0]!.timeUs;
  const third = log.of('candle')[2]!.timeUs;
  expect(told.inputs).toEqual([
    {
      name: 'bars',
      input: 'candles',
      what: '1s',
      symbol: 'XRP/USD',
      closed,
      warmup: 1,
      warmupLeft: 0,
      memory: 1,
      readySinceUs: first,
    },
    {
      name: 'mean',
      input: 'indicator',
      what: 'sma(3) of 1s',
      symbol: 'XRP/USD',
      closed,
      warmup: 3,
      warmupLeft: 0,
      memory: 3,
      readySinceUs: third,
    },
    {
      name: 'slow',
      input: 'indicator',
      what: 'rsi(60) of 1s',
      symbol: 'XRP/USD',
      closed,
      warmup: 61,
      warmupLeft: 61 - closed,
      memory: null,
      readySinceUs: null,
    },
    {
      name: 'k',
      input: 'book',
      what: 'book(2)',
      symbol: 'XRP/USD',
      closed: 0,
      warmup: 0,
      warmupLeft: 0,
      memory: 1,
      readySinceUs: START_US,
    },
  ]);
  expect(told.events['XRP/USD']).toMatchObject({ quotes: 0, candles: 0 });
  expect(told.events['XRP/USD']!.trades).toBeGreaterThan(100);
  expect(obstaclesOf(told)).toEqual([
    `slow: rsi(60) of 1s was never ready, ${closed} candles closed and ${61 - closed} more needed`,
  ]);
});

test('a strategy that nothing was fed, that was never called, or whose orders were refused, says so', () => {
  const events = new EventBatch();
  addRules(events, START_US, 'XRP/USD', 0);
  addRules(events, START_US, 'ADA/USD', 1);
  addSnapshot(events, { atUs: START_US, midTicks: 20_000 });
  addTrade(events, { atUs: START_US + 100, price: 2 });
  addTrade(events, { atUs: START_US + 1.1 * SECOND_US, price: 2 });
  addTrade(events, { atUs: START_US + 5 * SECOND_US, price: 2 });
  addTrade(events, {
    atUs: START_US + 5.1 * SECOND_US,
    price: 2,
    exchangeUs: START_US + 200,
    flags: Flag.sell,
  });
  addBeat(events, START_US + 5.2 * SECOND_US);
  const named = (name: string, changes: Partial<Strategy>) =>
    prepare(
      defineStrategy({
        ...{ version: '1', description: 'd', params: z.object({}), decide: () => null },
        ...{ name, ...changes },
      } as Strategy),
    );
  const log = run(
    events,
    [
      named('elsewhere', { inputs: () => ({ bars: candles('ADA/USD', '1s') }) }),
      named('slow', { inputs: () => ({ bars: candles('XRP/USD', '1h') }) }),
      named('quiet', { inputs: () => ({ bars: candles('XRP/USD', '1s') }) }),
      named('poor', {
        inputs: () => ({ bars: candles('XRP/USD', '1s') }),
        decide: () => buy({ quote: 1, reason: 'r' }),
      }),
      named('ill', {
        inputs: () => ({ bars: candles('XRP/USD', '1s') }),
        decide: () => {
          throw new Error('no');
        },
      }),
    ],
    { config: config({ symbols: ['XRP/USD', 'ADA/USD'], candles: { fill: 0 } }) },
  );
  const told = new Map(log.of('activity').map((activity) => [activity.strategy, obstaclesOf(activity)]));
  const late = 'unused once: late trade: closed already, the candle of 1s';
  expect(told.get('elsewhere')).toEqual([
    'never fed: no trade, book, quote or candle of ADA/USD came',
    'never called: no candle of its series closed',
    'bars: 1s was never ready, 0 candles closed and 1 more needed',
  ]);
  expect(told.get('slow')?.slice(0, 2)).toEqual([
    'never called: no candle of its series closed',
    'bars: 1h was never ready, 0 candles closed and 1 more needed',
  ]);
  expect(told.get('quiet')).toEqual(['gave no signal in 2 calls', late]);
  expect(told.get('poor')?.[0]).toMatch(/^2 orders rejected: .*#/);
  expect(told.get('ill')?.slice(0, 2)).toEqual([
    'not asked once: the run was warming up, or the strategy had been disabled',
    'disabled after a fault',
  ]);
});

test('calls during the warm-up of a run are held back, and counted', () => {
  const strategy = strategyOf({ inputs: () => ({ bars: candles('XRP/USD', '1s') }) });
  const [activity] = run(livelyMarket(3, 6), [strategy], { config: config({ warmup: '3s' }) }).of('activity');
  expect(activity!.skipped).toBeGreaterThan(1);
  expect(activity!.calls).toBeGreaterThan(1);
});

test('a trade that came too late names the candle that lacks it', () => {
  const events = new EventBatch();
  for (const atS of [0.1, 1.1, 2.9]) addTrade(events, { atUs: START_US + atS * SECOND_US, price: 2 });
  addTrade(events, { atUs: START_US + 3 * SECOND_US, price: 2, exchangeUs: START_US + 1.4 * SECOND_US });
  const strategy = strategyOf({ inputs: () => ({ bars: candles('XRP/USD', '1s') }) });
  expect(run(events, [strategy]).of('unused')).toMatchObject([{ count: 1, startUs: START_US + SECOND_US }]);
});
