// Runs for the tests of the report: small, with something for every section, and texts that would break a page.
import type { Fill, Order } from '../../src/core/order.ts';
import type { RunRecord } from '../../src/core/record.ts';
import type { Run, RunManifest } from '../../src/runs/run.ts';
import { bars, runOf, SECOND_US } from '../runs/records.ts';

export const NASTY = '</script><script>alert(1)</script><img src=x onerror=alert(2)>\u2028"\'&';

export const STRATEGIES: RunManifest['strategies'] = [
  { id: 'a', name: 'a', version: '1', bundle: 'b', params: { note: NASTY, length: 3 } },
];

export const DAY_US = 86_400e6;

export function equity(timeUs: number, value: number, cash = value): RunRecord {
  return {
    ...{ event: 1, seq: 1, timeUs, type: 'equity', strategy: 'a', currency: 'USD' },
    ...{ equity: String(value), cash: String(cash), realized: '0', fees: '0', positions: {} },
    ...{ balances: { USD: String(value) }, rateAgeUs: 0 },
  };
}

export function trade(n: number, timeUs: number, side: 'buy' | 'sell', price: number): readonly RunRecord[] {
  const at = { event: n, seq: n, timeUs };
  const same = { strategy: 'a', instrument: 0, symbol: 'BTC/USD', side, size: 0.5, signal: n } as const;
  const order = {
    ...{ ...same, id: n, type: 'market', timeInForce: 'GTC', isReduceOnly: false, filledSize: 0.5 },
    ...{ price: Number.NaN, status: 'filled', reason: NASTY, createdUs: 0, dueUs: 0 },
  } satisfies Partial<Order> as Order;
  const fill = {
    ...{ ...same, id: n, order: n, price, fee: '0.01', feeCurrency: 'USD', liquidity: 'taker' },
    ...{ signalMid: price - 0.5, arrivalMid: price - 0.25, fillMid: price - 0.25, rate: 1, realized: '0' },
    ...{
      markLow: side === 'sell' ? price - 1 : Number.NaN,
      markHigh: side === 'sell' ? price + 1 : Number.NaN,
    },
  } satisfies Partial<Fill> as Fill;
  return [
    { ...at, type: 'order', order },
    { ...at, type: 'fill', fill },
  ];
}

const START = { event: 0, seq: 1, timeUs: 0 } as const;

/** Twenty seconds with candles, an indicator, four round trips, a gap, a fault; `bend` moves the indicator. */
export function busyRun(bend: (value: number, i: number) => number = (value) => value): Run {
  const gap = { state: 'gap', cause: 'checksum', channel: 'book', symbol: 'BTC/USD', detail: NASTY } as const;
  const records: RunRecord[] = [
    { ...START, type: 'status', symbol: 'BTC/USD', status: { type: 'status', ...gap } },
    { ...START, type: 'fault', strategy: 'a', message: NASTY, policy: 'disable' },
    { ...START, type: 'unused', symbol: 'BTC/USD', reason: `late trade ${NASTY}`, count: 2 },
    { ...START, type: 'risk', strategy: 'a', limit: 'loss', value: 2, max: 1, action: 'cancel' },
    ...bars(
      Array.from({ length: 20 }, (_, i) => ({
        ...{ open: 100 + i, high: 103 + i, low: 98 + i, close: 101 + i, isPartial: i === 7 },
        value: bend(50 + i, i),
      })),
    ),
    ...[1, 2, 3, 4, 5].flatMap((n) => [
      ...trade(2 * n - 1, (3 * n + 1) * SECOND_US, 'buy', 100 + n),
      ...trade(2 * n, (3 * n + 3) * SECOND_US, 'sell', 100 + (n % 2 === 0 ? 2 * n : 0)),
    ]),
    ...Array.from({ length: 20 }, (_, i) => equity((i + 1) * SECOND_US, 100 + (i % 3), 60)),
  ];
  const run = runOf(records, { strategies: STRATEGIES, firstUs: 0, lastUs: 20 * SECOND_US });
  const stage = { count: 10, p50: 5, p90: 50, p99: 500, p999: 5000, max: 50_000, mean: 20 };
  const symbols = { 'BTC/USD': { trades: 60, lateTrades: 2, gaps: 1, invalidBookUs: 1500 } };
  return {
    ...run,
    measured: {
      ...run.measured!,
      ...{ latency: { 'venue to socket': stage, 'through engine': stage }, quality: { frames: 99, symbols } },
    },
  };
}

/** A hundred days with one candle and one sample a day. */
export function longRun(config?: RunManifest['config']): Run {
  const price = (day: number): number => 100 + 10 * Math.sin(day / 7) + day / 5;
  const records = Array.from({ length: 100 }, (_, day): readonly RunRecord[] => {
    const [startUs, timeUs] = [day * DAY_US, (day + 1) * DAY_US - 1];
    const [open, close] = [price(day), price(day + 1)];
    const prices = { open, close, high: Math.max(open, close) + 1, low: Math.min(open, close) - 1 };
    const [candle] = bars([{ ...prices, startUs, timeUs, intervalUs: DAY_US }]);
    return [candle!, equity(timeUs, 1000 * (1 + 0.1 * Math.sin(day / 5) + day / 500))];
  });
  return runOf(records.flat(), { strategies: STRATEGIES, ...(config === undefined ? {} : { config }) });
}
