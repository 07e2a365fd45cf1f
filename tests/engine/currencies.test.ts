// Money of several currencies over a whole engine: one reporting currency, and each currency beside it.
import { expect, test } from 'vitest';
import { z } from 'zod';
import type { AccountConfig } from '../../src/engine/config.ts';
import {
  type Context,
  defineStrategy,
  EventBatch,
  type LoadedStrategy,
  prepare,
  quote,
  type Signal,
  UsageError,
} from '../../src/index.ts';
import { addBook, addRules, addTrade, config, run, SECOND_US, START_US } from './synthetic.ts';

type Look = (context: Context<unknown, unknown>) => void;

/** Gives each wish at its second, and looks around at every second. */
function at(
  wishes: Readonly<Record<number, Signal>>,
  options: { readonly account?: AccountConfig; readonly id?: string; readonly look?: Look } = {},
): LoadedStrategy {
  let second = 0;
  const strategy = defineStrategy({
    name: options.id ?? 'timed',
    version: '1.0.0',
    description: 'acts at given seconds',
    params: z.object({}),
    inputs: () => ({ touch: quote('BTC/EUR') }),
    trigger: () => ({ on: 'timer' as const, everyUs: SECOND_US }),
    decide: (_, context) => {
      options.look?.(context as Context<unknown, unknown>);
      return wishes[second++] ?? null;
    },
  });
  return prepare(strategy as never, { account: options.account ?? {} }) as LoadedStrategy;
}

const buyEuro: Signal = { action: 'buy', symbol: 'BTC/EUR', size: 9, reason: 'test' };
const sellEuro: Signal = { action: 'sell', symbol: 'BTC/EUR', reason: 'test' };

/** Two instruments, of which BTC/EUR falls from 100 to `low` and BTC/USD stays at `usd`. */
function falling(symbols: readonly string[], low: number, usd = 100): EventBatch {
  const events = new EventBatch();
  for (const [i, symbol] of symbols.entries()) addRules(events, START_US, symbol, i);
  const show = (seconds: number, symbol: string, price: number) => {
    const instrument = symbols.indexOf(symbol);
    if (instrument < 0) return;
    const atUs = START_US + seconds * SECOND_US;
    addBook(events, { atUs, instrument, bids: [[price - 0.01, 1000]], asks: [[price + 0.01, 1000]] });
    addTrade(events, { atUs, price, instrument });
  };
  for (const symbol of symbols) show(0.1, symbol, symbol === 'BTC/EUR' ? 100 : usd);
  show(5.5, 'BTC/EUR', low);
  show(20, 'BTC/EUR', low);
  return events;
}

const base = { capital: { USD: 1000, EUR: 1000 }, fees: { makerBps: 0, takerBps: 0 } };

test('a loss in another currency counts in equity, in the limits and in what a strategy sees of itself', () => {
  const symbols = ['BTC/EUR', 'EUR/USD'];
  const seen: number[] = [];
  const wishes = { 2: buyEuro };
  const look: Look = ({ equity, equityIn, availableIn }) =>
    seen.push(equity, equityIn('EUR'), availableIn('USD'));
  const log = run(falling(symbols, 90, 1.25), [at(wishes, { look })], {
    symbols,
    config: config({ ...base, symbols, risk: { lossMax: 50 } }),
  });
  const samples = log.of('equity');
  expect(samples[0]).toMatchObject({
    currency: 'USD',
    equity: '2250',
    balances: { USD: '1000', EUR: '1000' },
  });
  // 9 bought at 100.01 and worth 90 each: 90.09 EUR lost, at 1.25.
  expect(samples.at(-1)).toMatchObject({ equity: '2137.3875', balances: { USD: '1000', EUR: '909.91' } });
  expect(log.of('risk')[0]).toMatchObject({ limit: 'loss', value: 112.6125, max: 50 });
  const [status] = log.engine.status().strategies;
  expect(status).toMatchObject({ currency: 'USD', equity: 2137.3875, profit: -112.6125 });
  expect(status!.balances).toEqual({ USD: 1000, EUR: 909.91 });
  expect(seen.slice(-3)).toEqual([2137.3875, 909.91, 1000]);
  expect(log.of('fill')[0]!.fill).toMatchObject({ feeCurrency: 'EUR', rate: 1.25 });
});

test('rates go through another instrument where none leads there directly, by the fewest steps', () => {
  const symbols = ['BTC/EUR', 'BTC/USD'];
  const log = run(falling(symbols, 80, 120), [at({})], { symbols, config: config({ ...base, symbols }) });
  const rates = log.of('rate').map(({ currency, to, path, rate }) => [currency, to, path.join(' '), rate]);
  expect(rates).toEqual([
    ['EUR', 'USD', 'BTC/EUR BTC/USD', null],
    ['EUR', 'USD', 'BTC/EUR BTC/USD', '1.2'],
  ]);
  expect(log.of('rate')[0]!.reason).toBe('no rate from EUR to USD: no price of BTC/EUR yet');
  const samples = log.of('equity').map(({ equity, rateAgeUs }) => [equity, rateAgeUs] as const);
  expect(samples[0]![0]).toBe('2200');
  expect(samples.at(-1)![0]).toBe('2500');
  // The price of BTC/USD was heard once.
  expect(samples.at(-1)![1]).toBe(19.9 * SECOND_US);
});

test('a trading loss is a loss although its currency rose meanwhile', () => {
  const symbols = ['BTC/EUR', 'BTC/USD'];
  const log = run(falling(symbols, 10), [at({ 2: buyEuro })], {
    symbols,
    config: config({ ...base, symbols, risk: { lossMax: 50 } }),
  });
  expect(Number(log.of('equity').at(-1)!.equity)).toBeGreaterThan(2250);
  expect(log.of('risk')[0]!.value).toBeCloseTo(8100.9, 6);
});

test('equity begins with the capital, even where the rates are known only after the first trade', () => {
  const symbols = ['BTC/EUR', 'BTC/USD'];
  const events = falling(symbols, 90);
  const late = new EventBatch();
  for (let row = 0; row < events.length; row++) {
    if (events.instrument[row] === 0 || events.detail[row] !== undefined) late.copyRow(events, row);
  }
  addTrade(late, { atUs: START_US + 21 * SECOND_US, price: 100, instrument: 1 });
  addTrade(late, { atUs: START_US + 22 * SECOND_US, price: 90, instrument: 0 });
  const log = run(late, [at({ 2: buyEuro, 8: sellEuro })], { symbols, config: config({ ...base, symbols }) });
  const samples = log.of('equity');
  expect(samples[0]).toMatchObject({ cash: samples[0]!.equity, realized: '0', positions: {} });
  expect(samples[0]!.balances).toEqual({ USD: '1000', EUR: '1000' });
  expect(log.of('fill').length).toBe(2);
  expect(samples[0]!.timeUs).toBeGreaterThan(log.of('fill')[1]!.timeUs);
});

test('capital that no instrument of the run leads anywhere is refused before the run', () => {
  const symbols = ['BTC/EUR', 'ETH/USD'];
  const start = () => run(falling(symbols, 90), [at({})], { symbols, config: config({ ...base, symbols }) });
  expect(start).toThrow(UsageError);
  expect(start).toThrow(
    'capital of timed: no rate from EUR to USD: no instrument of the run leads there (it has BTC/EUR, ETH/USD)',
  );
  const inEuro = config({ ...base, capital: { EUR: 10 }, symbols });
  expect(
    run(falling(symbols, 90), [at({})], { symbols, config: inEuro })
      .of('equity')
      .at(-1),
  ).toMatchObject({
    currency: 'EUR',
    equity: '10',
  });
});

test('capital, fees and limits may be one strategy’s own, fees one symbol’s own', () => {
  const symbols = ['BTC/EUR', 'BTC/USD'];
  const own: AccountConfig = {
    capital: { EUR: 2000 },
    fees: { takerBps: 0 },
    risk: { orderNotionalMax: 100 },
  };
  const buyDollar: Signal = { action: 'buy', symbol: 'BTC/USD', size: 1, reason: 'test' };
  const buyOne: Signal = { ...buyEuro, size: 1 };
  const wishes = { 2: buyEuro, 3: buyDollar, 4: buyOne };
  const fees = { makerBps: 0, takerBps: 20, symbols: { 'BTC/USD': { takerBps: 50 } } };
  const log = run(falling(symbols, 90), [at(wishes), at(wishes, { account: own, id: 'own' })], {
    symbols,
    config: config({ ...base, fees, symbols, report: { currency: 'EUR' } }),
  });
  const paid = log.of('fill').map(({ fill }) => [fill.strategy, fill.symbol, fill.size, fill.fee]);
  expect(paid).toEqual([
    ['timed', 'BTC/EUR', 9, '1.80018'],
    ['timed', 'BTC/USD', 1, '0.50005'],
  ]);
  const rejected = log.of('order').filter(({ order }) => order.strategy === 'own');
  expect(rejected.map(({ order }) => order.reason)).toEqual([
    'risk limit: order notional 900.09 is above 100',
    expect.stringContaining('insufficient balance'),
    'risk limit: order notional 100.01 is above 100',
  ]);
  expect(log.of('equity').filter(({ strategy }) => strategy === 'own')[0]).toMatchObject({
    currency: 'EUR',
    equity: '2000',
  });
});
