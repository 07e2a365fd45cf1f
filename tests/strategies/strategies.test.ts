import { expect, test } from 'vitest';
import { prepare } from '../../src/index.ts';
import { strategy as meanReversion } from '../../strategies/mean-reversion.ts';
import { strategy as orderFlow } from '../../strategies/order-flow.ts';
import { config, livelyMarket, type MemoryLog, run } from '../engine/synthetic.ts';

const SECONDS = 15;

const loaded = [
  prepare(meanReversion, { params: { symbol: 'XRP/USD', fast: '1s', slow: '5s', length: 3 } }),
  prepare(orderFlow, {
    params: { symbol: 'XRP/USD', interval: '1s', length: 2, pressure: 0, imbalance: 0.05 },
  }),
];

function tradesOf(
  log: MemoryLog,
  id: string,
): { readonly fills: number; readonly rejected: readonly string[] } {
  const rejected = log
    .of('order')
    .filter(({ order }) => order.strategy === id && order.status === 'rejected')
    .map(({ order }) => order.reason);
  return { fills: log.of('fill').filter(({ fill }) => fill.strategy === id).length, rejected };
}

test('both strategies trade in a lively market on one and five second candles within fifteen seconds', () => {
  for (const seed of [1, 2, 3]) {
    const latency = { model: 'uniform' };
    const log = run(livelyMarket(seed, SECONDS), loaded, { config: config({ latency }) });
    expect(log.of('fault')).toEqual([]);
    for (const { id } of loaded) {
      const { fills, rejected } = tradesOf(log, id);
      expect(rejected, `${id}, seed ${seed}`).toEqual([]);
      expect(fills, `${id}, seed ${seed}`).toBeGreaterThan(0);
    }
  }
});

test('the strategies decide only at candle closes', () => {
  const log = run(livelyMarket(1, SECONDS), loaded);
  const closes = new Set(log.of('candle').map(({ timeUs }) => timeUs));
  for (const { timeUs } of log.of('signal')) expect(closes).toContain(timeUs);
});

test('the defaults of both strategies are a whole set of parameters', () => {
  expect(prepare(meanReversion).params).toMatchObject({ fast: '1m', slow: '5m', length: 14 });
  expect(prepare(orderFlow).params).toMatchObject({ interval: '1m' });
  expect(() => prepare(orderFlow, { params: { lenght: 3 } as never })).toThrow(
    'unknown key in params of order-flow: lenght',
  );
});
