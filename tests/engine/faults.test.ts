import { expect, test } from 'vitest';
import { z } from 'zod';
import {
  buy,
  candles,
  defineStrategy,
  Engine,
  ema,
  indicator,
  type LoadedStrategy,
  prepare,
  quote,
  type Signal,
  type Strategy,
} from '../../src/index.ts';
import { addTrade, config, livelyMarket, MemoryLog, run, SECOND_US, START_US } from './synthetic.ts';

const SYMBOL = 'XRP/USD';

/** A strategy on one second candles that does at each close what it is told. */
function doing(
  name: string,
  decide: (close: number) => Signal | readonly Signal[] | null,
  more: Partial<Pick<Strategy, 'onFill' | 'onOrder'>> = {},
): LoadedStrategy {
  return prepare(
    defineStrategy({
      name,
      version: '1',
      description: 'does what it is told',
      params: z.object({}),
      inputs: () => ({ bars: candles(SYMBOL, '1s') }),
      decide: ({ bars }) => decide(bars.close),
      ...more,
    }),
  );
}

const events = livelyMarket(5, 6);

test('a strategy that throws is disabled with the event named, and the others go on', () => {
  let calls = 0;
  let others = 0;
  const broken = doing('broken', () => {
    if (++calls === 2) throw new TypeError('it is undefined');
    return null;
  });
  const sound = doing('sound', () => {
    others++;
    return null;
  });
  const log = run(events, [broken, sound]);
  const [fault] = log.of('fault');
  expect(log.of('fault')).toHaveLength(1);
  expect(fault).toMatchObject({
    strategy: 'broken',
    message: 'TypeError: it is undefined',
    policy: 'disable',
  });
  expect(fault!.seq).toBe(events.seq[fault!.event]);
  expect(calls).toBe(2);
  expect(others).toBeGreaterThan(3);
  expect(log.engine.status().strategies.map(({ isActive }) => isActive)).toEqual([false, true]);
});

test('a disabled strategy has its open orders cancelled', () => {
  let calls = 0;
  const resting = doing('resting', (close) => {
    if (++calls === 1) return buy({ size: 5, limit: 1, reason: `far below ${close}` });
    throw new Error('second call');
  });
  const log = run(events, [resting]);
  const states = log.of('order').map(({ order }) => order.status);
  expect(states).toEqual(['pending', 'open', 'cancelled']);
  expect(log.of('order').at(-1)!.order.reason).toContain('disabled after a fault');
});

test('under the policy halt the run takes no event after the one at fault', () => {
  const broken = doing('broken', () => {
    throw new Error('always');
  });
  const log = run(events, [broken], { config: config({ onError: 'halt' }) });
  const [fault] = log.of('fault');
  expect(log.engine.halted).toBe(true);
  expect(fault).toMatchObject({ policy: 'halt' });
  expect(log.of('end')[0]!.events).toBe(fault!.event + 1);
  const again = run(events, [broken], { config: config({ onError: 'halt' }), batchSize: 1 });
  expect(again.records).toEqual(log.records);
});

test.each([
  ['both size 1 and quote 2', { action: 'buy', size: 1, quote: 2, reason: 'x' }],
  ['buy without size or quote', { action: 'buy', reason: 'x' }],
  ['size is NaN', { action: 'buy', size: Number.NaN, reason: 'x' }],
  ['quote is -5', { action: 'short', quote: -5, reason: 'x' }],
  ['limit is Infinity', { action: 'buy', size: 1, limit: Number.POSITIVE_INFINITY, reason: 'x' }],
  ['unknown symbol: DOGE/USD (known: XRP/USD)', { action: 'buy', size: 1, symbol: 'DOGE/USD', reason: 'x' }],
  ['unknown action: hold', { action: 'hold', size: 1, reason: 'x' }],
  ['unknown time in force: GTD', { action: 'buy', size: 1, timeInForce: 'GTD', reason: 'x' }],
  ['a signal without a reason', { action: 'buy', size: 1 }],
  ['a signal is an object, not 5', 5],
])('a malformed signal is a fault: %s', (message, signal) => {
  const sound = buy({ size: 5, reason: 'stands beside a malformed one' });
  const log = run(events, [doing('broken', () => [sound, signal as Signal])]);
  expect(log.of('fault')).toHaveLength(1);
  expect(log.of('fault')[0]!.message).toContain(`malformed signal: ${message}`);
  expect(log.of('signal')).toEqual([]);
});

test('a strategy that throws when told of a fill or an order is disabled too', () => {
  const fails = (): never => {
    throw new Error('told');
  };
  for (const more of [{ onFill: fails }, { onOrder: fails }]) {
    const log = run(events, [doing('broken', () => buy({ size: 2, reason: 'each close' }), more)]);
    expect(log.of('fault')).toMatchObject([{ message: 'Error: told' }]);
    expect(log.of('signal')).toHaveLength(1);
  }
});

test('an order is refused with a reason, and the strategy is told', () => {
  const told: string[] = [];
  const poor = doing('poor', () => buy({ size: 1e6, reason: 'too much' }), {
    onOrder: (order) => {
      told.push(`${order.status}: ${order.reason}`);
    },
  });
  const log = run(events, [poor], { config: config({ risk: { orderNotionalMax: 10 } }) });
  expect(log.of('fault')).toEqual([]);
  expect(told[0]).toContain('rejected: risk limit: order notional');
});

test('a loss past the limit is recorded and stops the strategy', () => {
  const heavy = doing('heavy', () => buy({ quote: 15, reason: 'again' }));
  const log = run(events, [heavy], { config: config({ risk: { lossMax: 0.01 } }) });
  expect(log.of('risk')).toMatchObject([{ strategy: 'heavy', limit: 'loss', max: 0.01, action: 'cancel' }]);
  const { timeUs } = log.of('risk')[0]!;
  for (const { timeUs: filledUs } of log.of('fill')) expect(filledUs).toBeLessThanOrEqual(timeUs);
});

test('equal declarations share one indicator, whoever made them', () => {
  let created = 0;
  const counted = (name: string): LoadedStrategy =>
    prepare(
      defineStrategy({
        name,
        version: '1',
        description: 'declares what another declares too',
        params: z.object({}),
        inputs: () => {
          const bars = candles(SYMBOL, '1s');
          const spec = ema(bars, 3);
          if (spec.input !== 'indicator') throw new Error('an ema is an indicator');
          const { create } = spec;
          const counting = (): ReturnType<typeof create> => {
            created++;
            return create();
          };
          return { mine: indicator<{ value: number }>(bars, 'counted(3)', counting) };
        },
        decide: () => null,
      }),
    );
  const log = run(events, [counted('one'), counted('two')]);
  expect(created).toBe(1);
  const names = log.of('indicator').map(({ name }) => name);
  expect(new Set(names)).toEqual(new Set(['one.mine.value', 'two.mine.value']));
});

test('a wrong declaration is refused before the run starts', () => {
  const declare = (inputs: Strategy['inputs'], trigger?: Strategy['trigger']): (() => Engine) => {
    const strategy = defineStrategy({
      name: 'wrong',
      version: '1',
      description: 'declares something wrong',
      params: z.object({}),
      inputs,
      ...(trigger === undefined ? {} : { trigger }),
      decide: () => null,
    });
    const log = new MemoryLog();
    return () => new Engine({ symbols: [SYMBOL], config: config(), strategies: [prepare(strategy)], log });
  };
  expect(declare(() => ({ bars: candles('XRP/USDT', '1s') }))).toThrow(
    'unknown symbol in inputs of wrong: bars: XRP/USDT (known: XRP/USD); did you mean XRP/USD?',
  );
  expect(declare(() => ({}))).toThrow('inputs of wrong: none declared');
  expect(declare(() => ({ price: quote(SYMBOL) }))).toThrow('declares no candles and no trigger');
  const bars = () => ({ bars: candles(SYMBOL, '1s') });
  expect(declare(bars, () => ({ on: 'close', of: 'bar' }))).toThrow('did you mean bars?');
  expect(declare(bars, () => ({ on: 'timer', everyUs: 0 }))).toThrow('everyUs is 0');
  expect(() => candles(SYMBOL, '1 minute')).toThrow('is no duration');
});

test('time that goes back is a broken invariant', () => {
  const backwards = livelyMarket(1, 1);
  addTrade(backwards, { atUs: START_US - SECOND_US, price: 1 });
  expect(() => run(backwards, [])).toThrow('time never goes back');
});
