// Orders and limits over a whole engine: what a venue and a careful risk desk would do with them.
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  type Context,
  candles,
  defineStrategy,
  EventBatch,
  type Instrument,
  type LoadedStrategy,
  prepare,
  quote,
  type Signal,
} from '../../src/index.ts';
import { obstaclesOf } from '../../src/runs/activity.ts';
import { addBook, addTrade, config, run, SECOND_US, START_US } from './synthetic.ts';

type Wish = Signal | readonly Signal[] | null | ((context: Context<unknown, unknown>) => Signal | null);

/** Does the n-th thing of a script at the n-th trade. */
function scripted(script: readonly Wish[]): LoadedStrategy {
  let next = 0;
  const strategy = defineStrategy({
    name: 'scripted',
    version: '1.0.0',
    description: 'acts by a script',
    params: z.object({}),
    inputs: () => ({ touch: quote('XRP/USD') }),
    trigger: () => ({ on: 'trade' as const, symbol: 'XRP/USD' }),
    decide: (_, context) => {
      const wish = script[next++] ?? null;
      return typeof wish === 'function' ? wish(context as Context<unknown, unknown>) : wish;
    },
  });
  return prepare(strategy as never) as LoadedStrategy;
}

const at = (seconds: number) => START_US + seconds * SECOND_US;
const signal = (action: Signal['action'], options: Partial<Signal> = {}): Signal => {
  return { action, reason: 'scripted', ...options };
};

class Tape {
  readonly events = new EventBatch();

  constructor(rules: Partial<Instrument> = {}) {
    this.rules(0, rules);
  }

  rules(seconds: number, over: Partial<Instrument> = {}): void {
    const steps = { tickSize: 0.01, lotSize: 0.001, sizeMin: 0, notionalMin: 0 };
    const instrument = { symbol: 'XRP/USD', base: 'XRP', quote: 'USD', ...steps, status: 'online' };
    const detail = { type: 'instrument', instrument: { ...instrument, isStated: true, ...over } } as const;
    this.events.addDetail(detail, 0, this.events.length + 1, at(seconds), Number.NaN);
  }

  /** One level a side. */
  book(seconds: number, bid: number, ask: number, size = 1000): void {
    addBook(this.events, { atUs: at(seconds), bids: [[bid, size]], asks: [[ask, size]] });
  }

  trades(fromSeconds: number, count: number, price: number, size = 1): void {
    for (let i = 0; i < count; i++) addTrade(this.events, { atUs: at(fromSeconds + i), price, size });
  }

  /** Runs it; positions at the end come back as text by symbol. */
  run(script: readonly Wish[], overrides: Readonly<Record<string, unknown>> = {}) {
    const log = run(this.events, [scripted(script)], {
      config: config({ capital: { USD: 100_000 }, ...overrides }),
    });
    const last = new Map(log.of('order').map(({ order }) => [order.id, order]));
    const positions = log.of('equity').at(-1)!.positions;
    return { log, orders: [...last.values()], fills: log.of('fill').map(({ fill }) => fill), positions };
  }
}

describe('a limit of the position', () => {
  test('counts what is on its way: of ten orders of 90 in one call one passes a limit of 100', () => {
    const tape = new Tape();
    tape.book(0.1, 99.9, 100);
    tape.trades(1, 1, 100);
    tape.book(2, 99.9, 100);
    const ten = Array.from({ length: 10 }, () => signal('buy', { size: 0.9 }));
    const { fills, orders, positions } = tape.run([ten], { risk: { positionNotionalMax: 100 } });
    expect(fills).toHaveLength(1);
    expect(positions).toEqual({ 'XRP/USD': '0.9' });
    expect(orders[1]!.reason).toBe('risk limit: position notional 180 is above 100');
  });

  test('counts what rests, on the side where it would be largest', () => {
    const tape = new Tape();
    tape.book(0.1, 99.9, 100);
    tape.trades(1, 10, 100);
    tape.trades(20, 1, 90, 1000);
    const resting = signal('buy', { size: 0.9, limit: 95 });
    const script = [...Array.from({ length: 9 }, () => resting), signal('short', { size: 0.9, limit: 105 })];
    const { positions, orders } = tape.run(script, { risk: { positionNotionalMax: 100 } });
    expect(positions).toEqual({ 'XRP/USD': '0.9' });
    expect(orders.map(({ status }) => status)).toEqual([
      'filled',
      ...Array.from({ length: 8 }, () => 'rejected'),
      'open',
    ]);
  });

  test('and of all positions together holds in a price that runs away', () => {
    const tape = new Tape();
    tape.book(0.1, 99.9, 100, 0.5);
    tape.trades(1, 1, 100);
    tape.book(1.01, 99.9, 160);
    tape.trades(2, 1, 100);
    const { fills, orders } = tape.run([signal('buy', { size: 1 }), signal('buy', { size: 1 })], {
      risk: { positionNotionalMax: 120, notionalMax: 250 },
      latency: { model: 'fixed', ms: 50 },
    });
    expect(fills.map(({ size, price }) => [size, price])).toEqual([[0.75, 160]]);
    expect(orders[0]!.reason).toContain('size cut from 1 to 0.75 by the limit of the position notional');
    expect(orders[1]!.status).toBe('rejected');
  });
});

describe('an exit', () => {
  test('is not held back by a breach, and every entry is', () => {
    const tape = new Tape();
    tape.book(0.1, 99.9, 100);
    tape.trades(1, 1, 100);
    tape.book(3, 79.9, 80);
    tape.trades(5, 3, 80);
    const script = [signal('buy', { size: 10 }), signal('buy', { size: 1 }), signal('sell', {})];
    const { orders, positions } = tape.run(script, { risk: { lossMax: 50 } });
    expect(orders.map(({ status }) => status)).toEqual(['filled', 'rejected', 'filled']);
    expect(orders[1]!.reason).toMatch(/^risk limit: reducing only since loss .* is above 50$/);
    expect(positions).toEqual({});
  });

  test('is not held back by the rate of orders or by the minimum notional', () => {
    const tape = new Tape({ notionalMin: 5, sizeMin: 0.05 });
    tape.book(0.1, 99.9, 100);
    tape.trades(1, 1, 100);
    tape.book(1.1, 49.9, 50);
    tape.trades(1.2, 1, 50);
    tape.trades(1.4, 2, 50);
    const script = [signal('buy', { size: 0.06 }), signal('sell', { size: 0.02 }), signal('sell', {})];
    const { orders, positions } = tape.run(script, { risk: { ordersPerSecondMax: 1 } });
    expect(orders.map(({ status }) => status)).toEqual(['filled', 'filled', 'filled']);
    expect(positions).toEqual({});
  });

  test('is taken by a venue that is reduce_only, and a touched stop sends one order', () => {
    const tape = new Tape();
    tape.book(0.1, 100, 100.1);
    tape.trades(1, 1, 100);
    tape.rules(2, { status: 'reduce_only' });
    tape.trades(3, 1, 100);
    tape.book(4, 80, 80.1);
    tape.trades(5, 10, 80);
    const script = [signal('buy', { size: 1, stopLoss: 95 }), signal('buy', { size: 1 })];
    const { orders, positions } = tape.run(script);
    expect(orders.map(({ type, status }) => [type, status])).toEqual([
      ['market', 'filled'],
      ['market', 'rejected'],
      ['stop', 'filled'],
    ]);
    expect(orders[1]!.reason).toBe('instrument XRP/USD is reduce_only: no order may open a position');
    expect(positions).toEqual({});
  });

  test('waits, once, for a venue that takes none now', () => {
    const tape = new Tape();
    tape.book(0.1, 100, 100.1);
    tape.trades(1, 1, 100);
    tape.rules(2, { status: 'post_only' });
    tape.trades(3, 3, 90);
    tape.book(7, 85, 85.1);
    tape.rules(8, { status: 'online' });
    tape.trades(9, 1, 85);
    const resting = [signal('buy', { size: 1, limit: 70 }), signal('buy', { size: 1, limit: 120 })];
    const script = [
      signal('buy', { size: 1, stopLoss: 95 }),
      null,
      [...resting, signal('short', { size: 1 })],
    ];
    const { orders, fills } = tape.run(script);
    expect(orders.map(({ type, status }) => [type, status])).toEqual([
      ['market', 'filled'],
      ['stop', 'filled'],
      ['limit', 'open'],
      ['limit', 'rejected'],
      ['market', 'rejected'],
    ]);
    expect(orders[1]!.reason).toContain('waits: instrument XRP/USD is post_only: no market order is taken');
    expect(orders[3]!.reason).toBe('instrument XRP/USD is post_only: no order may take liquidity');
    expect(fills.map(({ price }) => price)).toEqual([100.1, 85]);
  });
});

describe('flatten', () => {
  const flatten = { risk: { lossMax: 50, onBreach: 'flatten' }, latency: { model: 'fixed', ms: 75 } };

  test('closes what fills before its cancel arrives', () => {
    const tape = new Tape();
    tape.book(0.1, 99.9, 100);
    tape.trades(1.1, 1, 100);
    tape.trades(1.2, 1, 100);
    tape.book(2.9, 92, 92.1);
    tape.trades(3.03, 1, 89, 1000);
    for (let i = 4; i < 8; i++) tape.book(i, 92 - i, 92.1 - i);
    const script = [signal('buy', { size: 10 }), signal('buy', { size: 5, limit: 90 })];
    const { orders, positions } = tape.run(script, flatten);
    expect(orders.map(({ id, size, status, isReduceOnly }) => [id, size, status, isReduceOnly])).toEqual([
      [1, 10, 'filled', false],
      [2, 5, 'filled', false],
      [3, 10, 'filled', true],
      [4, 5, 'filled', true],
    ]);
    expect(positions).toEqual({});
  });

  test('goes on through an exhausted and an invalid book, with one order', () => {
    const tape = new Tape();
    tape.book(0.1, 99.9, 100);
    tape.trades(1.1, 1, 100);
    tape.book(2.9, 92, 92.1, 3);
    const gap = {
      type: 'status',
      state: 'gap',
      channel: 'book',
      symbol: 'XRP/USD',
      cause: 'checksum',
      detail: '',
    };
    tape.events.addDetail(gap as never, 0, tape.events.length + 1, at(4), Number.NaN);
    tape.trades(5, 3, 91);
    tape.book(9, 88, 88.1, 2);
    tape.book(10, 87, 87.1, 1000);
    const { orders, fills, positions } = tape.run([signal('buy', { size: 10 })], flatten);
    expect(orders.map(({ status }) => status)).toEqual(['filled', 'filled']);
    expect(fills.slice(1).map(({ size, price }) => [size, price])).toEqual([
      [3, 92],
      [2, 88],
      [5, 87],
    ]);
    expect(positions).toEqual({});
  });
});

describe('stop losses', () => {
  test('close only what is left of what their entry opened', () => {
    const tape = new Tape();
    tape.book(0.1, 99.9, 100);
    tape.trades(1, 5, 100);
    tape.trades(7, 1, 94);
    tape.book(9, 99.9, 100);
    const script = [
      signal('buy', { size: 2, stopLoss: 95 }),
      signal('sell', { size: 1 }),
      signal('buy', { size: 1 }),
    ];
    const { fills, positions } = tape.run(script);
    expect(fills.map(({ side, size }) => `${side} ${size}`)).toEqual(['buy 2', 'sell 1', 'buy 1', 'sell 1']);
    expect(positions).toEqual({ 'XRP/USD': '1' });
  });

  test('are touched by a quote that leaves no better trade possible, when no trades print', () => {
    const tape = new Tape();
    tape.book(0.1, 99.9, 100);
    tape.trades(1, 1, 100);
    for (let i = 2; i < 20; i++) tape.book(i, 101 - i, 101.1 - i);
    const { fills, orders } = tape.run([signal('buy', { size: 1, stopLoss: 95 })]);
    expect(fills.map(({ price }) => price)).toEqual([100, 94]);
    expect(orders[1]!.reason).toBe('stop loss 95 of order 1 touched at 94.1');
  });
});

describe('prices and sizes', () => {
  test('that only the noise of doubles keeps off their step are taken, others are refused or rounded when asked', () => {
    const tape = new Tape();
    tape.book(0.1, 99.9, 100);
    tape.trades(1, 1, 100);
    tape.trades(2, 1, 100);
    const signals = [
      signal('buy', { size: 0.1 + 0.2, limit: 0.1 * 3 * 100 }),
      signal('buy', { size: 0.7 + 0.1, limit: 99.8001 }),
      signal('buy', { size: 0.7 + 0.1, limit: 99.8001, round: 'passive' }),
      signal('short', { size: 1, limit: 100.8001, round: 'passive' }),
      signal('short', { size: 1, limit: 100.8001, round: 'nearest' }),
    ];
    const { orders } = tape.run([signals]);
    expect(orders.map(({ price, size, status }) => [price, size, status])).toEqual([
      [30, 0.3, 'open'],
      [99.8001, 0, 'rejected'],
      [99.8, 0.8, 'open'],
      [100.81, 1, 'open'],
      [100.8, 1, 'open'],
    ]);
    expect(orders[1]!.reason).toBe('limit price 99.8001 is off the tick of 0.01');
  });

  test('of own orders fill the better price first, and one price in order of time', () => {
    const tape = new Tape();
    tape.book(0.1, 105, 106);
    tape.trades(1, 4, 105.5);
    tape.trades(6, 1, 99, 2.5);
    const limits = [100, 101, 100, 101].map((limit) => signal('buy', { size: 1, limit }));
    const { fills } = tape.run(limits);
    expect(fills.map(({ order, size }) => [order, size])).toEqual([
      [2, 1],
      [4, 1],
      [1, 0.5],
    ]);
  });
});

test('orders that are left when a run ends are counted, on their way and open', () => {
  const tape = new Tape();
  tape.book(0.1, 99.9, 100);
  tape.trades(1, 1, 100);
  tape.trades(1.01, 1, 100);
  const script = [signal('buy', { size: 1, limit: 90 }), signal('buy', { size: 1 })];
  const { log } = tape.run(script, { latency: { model: 'fixed', ms: 5 } });
  const [activity] = log.of('activity');
  expect(activity).toMatchObject({ orders: 2, pending: 1, open: 1 });
  expect(obstaclesOf(activity!)).toContain('orders left when the run ended: 1 on the way, 1 open');
});

test('resting orders share the volume of a candle, whatever prices it went through', () => {
  const events = new EventBatch();
  const bars = (i: number, [open, high, low, close]: readonly [number, number, number, number]) => {
    const candle = {
      type: 'candle',
      isClosed: true,
      startUs: at(i * 60),
      intervalUs: 60 * SECOND_US,
    } as const;
    const detail = { ...candle, open, high, low, close, volume: 10, trades: 5 };
    events.addDetail(detail, 0, events.length + 1, at((i + 1) * 60), Number.NaN);
  };
  bars(0, [100, 100, 100, 100]);
  bars(1, [100, 101, 80, 85]);
  bars(2, [85, 86, 84, 85]);
  let asked = false;
  const strategy = defineStrategy({
    name: 'resting',
    version: '1.0.0',
    description: 'rests one order',
    params: z.object({}),
    inputs: () => ({ bars: candles('XRP/USD', '1m') }),
    decide: () => {
      if (asked) return null;
      asked = true;
      return signal('buy', { size: 50, limit: 95 });
    },
  });
  const log = run(events, [prepare(strategy)], {
    config: config({ capital: { USD: 100_000 }, candles: { from: 'candles' } }),
  });
  const byTime = Map.groupBy(log.of('fill'), ({ timeUs }) => timeUs);
  const sizes = [...byTime.values()].map((fills) => fills.reduce((sum, { fill }) => sum + fill.size, 0));
  expect(sizes).toEqual([10, 10]);
});
