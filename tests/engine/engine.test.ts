import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import {
  book,
  buy,
  candles,
  defineStrategy,
  EventBatch,
  ema,
  Flag,
  type LoadedStrategy,
  prepare,
  quote,
  sell,
  type Trigger,
} from '../../src/index.ts';
import { strategy as meanReversion } from '../../strategies/mean-reversion.ts';
import { strategy as orderFlow } from '../../strategies/order-flow.ts';
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
  textOf,
} from './synthetic.ts';

const SYMBOLS = ['XRP/USD', 'ADA/USD'];

const busy = (): readonly LoadedStrategy[] => [
  prepare(meanReversion, { params: { symbol: 'XRP/USD', fast: '1s', slow: '5s', length: 3 } }),
  prepare(orderFlow, { params: { symbol: 'ADA/USD', interval: '1s', length: 2 } }),
];

const at = (seconds: number): number => START_US + seconds * SECOND_US;

/** A strategy that notes engine time and last close at each call. */
function witness(trigger: Trigger | undefined, notes: string[], interval = '1s'): LoadedStrategy {
  return prepare(
    defineStrategy({
      name: 'witness',
      version: '1',
      description: 'notes its calls',
      params: z.object({}),
      inputs: () => ({ bars: candles('XRP/USD', interval) }),
      ...(trigger === undefined ? {} : { trigger: () => trigger }),
      decide: ({ bars }, { nowUs }) => {
        notes.push(`${(nowUs - START_US) / SECOND_US} ${bars.close}`);
        return null;
      },
    }),
  );
}

test('the same inputs give the same records, whatever the sizes of the batches', () => {
  const events = livelyMarket(7, 20, SYMBOLS);
  const settings = config({ symbols: SYMBOLS, latency: { model: 'uniform' } });
  const whole = textOf(run(events, busy(), { config: settings }));
  expect(whole).toContain('"type":"fill"');
  for (const batchSize of [1, 7, 4096]) {
    expect(textOf(run(events, busy(), { config: settings, batchSize }))).toBe(whole);
  }
});

test('any cut of the events into batches gives the same records', () => {
  const events = livelyMarket(8, 3);
  const whole = textOf(run(events, busy().slice(0, 1)));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: events.length }), (batchSize) => {
      expect(textOf(run(events, busy().slice(0, 1), { batchSize }))).toBe(whole);
    }),
    { numRuns: 15 },
  );
});

test('an engine that looks up after any number of steps, also in the middle of what is due, gives the same records', () => {
  const events = livelyMarket(9, 6, SYMBOLS);
  // A silence in which much is due.
  for (let row = Math.floor(events.length / 2); row < events.length; row++) {
    events.receivedUs[row]! += 900e6;
    events.exchangeUs[row]! += 900e6;
  }
  const settings = config({ symbols: SYMBOLS, latency: { model: 'uniform' }, equityEvery: '100ms' });
  const whole = textOf(run(events, busy(), { config: settings }));
  fc.assert(
    fc.property(
      fc.infiniteStream(fc.integer({ min: 1, max: 300 })),
      fc.integer({ min: 1, max: 2000 }),
      (cuts, batchSize) => {
        const steps = (): number => cuts.next().value as number;
        expect(textOf(run(events, busy(), { config: settings, batchSize, steps }))).toBe(whole);
      },
    ),
    { numRuns: 15 },
  );
});

test('another seed gives other latencies, and one changed price another digest', () => {
  const events = livelyMarket(7, 20, SYMBOLS);
  const logs = [1, 2].map((seed) =>
    run(events, busy(), { config: config({ symbols: SYMBOLS, latency: { model: 'uniform' }, seed }) }),
  );
  expect(logs[0]!.of('order').map((o) => o.order.dueUs)).not.toEqual(
    logs[1]!.of('order').map((o) => o.order.dueUs),
  );
  const before = logs[0]!.of('end')[0]!.inputs;
  expect(logs[1]!.of('end')[0]!.inputs).toBe(before);
  events.price[events.length - 1]! += 0.0001;
  expect(run(events, busy(), { config: config({ symbols: SYMBOLS }) }).of('end')[0]!.inputs).not.toBe(before);
});

test('a checkpoint stands after each ten thousand events, also inside a batch', () => {
  const events = new EventBatch();
  for (let i = 0; i < 25_000; i++) addBeat(events, START_US + i);
  const logs = [25_000, 777].map((batchSize) => run(events, [], { batchSize }));
  expect(logs[0]!.of('checkpoint').map(({ event }) => event)).toEqual([9_999, 19_999]);
  expect(textOf(logs[0]!)).toBe(textOf(logs[1]!));
  expect(logs[0]!.of('end')).toMatchObject([{ events: 25_000, reason: 'end of data' }]);
});

test('a candle closes at its end plus the grace when no trade comes', () => {
  const events = new EventBatch();
  addTrade(events, { atUs: at(0.5), price: 1 });
  addBeat(events, at(1.2));
  addBeat(events, at(1.3));
  const log = run(events, [witness(undefined, [])]);
  expect(log.of('candle')).toMatchObject([{ timeUs: at(1.25), startUs: at(0), close: 1, event: 2, seq: 3 }]);
});

test('a candle closes after the grace, however soon a trade of the next one came', () => {
  const events = new EventBatch();
  const notes: string[] = [];
  addTrade(events, { atUs: at(0.5), price: 1 });
  addTrade(events, { atUs: at(1.1), price: 2 });
  addTrade(events, { atUs: at(1.15), exchangeUs: at(0.95), price: 1.5 });
  addBeat(events, at(1.3));
  const log = run(events, [witness(undefined, notes)]);
  expect(log.of('candle')).toMatchObject([{ timeUs: at(1.25), close: 1.5, trades: 2 }]);
  expect(notes).toEqual(['1.25 1.5']);
});

test('a trade within the grace belongs to its candle; one after it is counted as unused', () => {
  const events = new EventBatch();
  addTrade(events, { atUs: at(0.5), price: 1 });
  addTrade(events, { atUs: at(1.2), exchangeUs: at(0.9), price: 3 });
  addTrade(events, { atUs: at(1.3), exchangeUs: at(0.95), price: 9 });
  const log = run(events, [witness(undefined, [])]);
  expect(log.of('candle')).toMatchObject([{ close: 3, trades: 2 }]);
  expect(log.of('unused')).toMatchObject([{ symbol: 'XRP/USD', count: 1, event: 2, startUs: at(0) }]);
  expect(log.of('unused')[0]!.reason).toContain('late trade');
});

test('a silence becomes flat candles up to the configured number, then a hole', () => {
  const events = new EventBatch();
  addTrade(events, { atUs: at(0.5), price: 1 });
  addTrade(events, { atUs: at(7.5), price: 2 });
  addTrade(events, { atUs: at(8.5), price: 3 });
  const log = run(events, [witness(undefined, [])], { config: config({ candles: { fill: 2 } }) });
  expect(log.of('candle').map(({ startUs, volume }) => [(startUs - START_US) / SECOND_US, volume])).toEqual([
    [0, 1],
    [1, 0],
    [2, 0],
    [7, 1],
  ]);
  expect(log.of('candle').map(({ timeUs }) => timeUs)).toEqual([at(1.25), at(2.25), at(3.25), at(8.25)]);
});

test('what is due at one instant happens in the order exchange, candle, strategy, equity', () => {
  const events = new EventBatch();
  addRules(events, at(0));
  addSnapshot(events, { atUs: at(0), midTicks: 10_000 });
  addTrade(events, { atUs: at(0.5), price: 1 });
  addBeat(events, at(0.9));
  addBeat(events, at(3));
  const buyer = prepare(
    defineStrategy({
      name: 'buyer',
      version: '1',
      description: 'buys once so that the order arrives at second one',
      params: z.object({}),
      inputs: () => ({ bars: candles('XRP/USD', '1s') }),
      trigger: () => ({ on: 'trade', symbol: 'XRP/USD' }),
      decide: (_, { nowUs }) => (nowUs === at(0.5) ? buy({ size: 5, reason: 'once' }) : null),
    }),
  );
  const caller = prepare(
    defineStrategy({
      name: 'caller',
      version: '1',
      description: 'signals by timer',
      params: z.object({}),
      inputs: () => ({ price: quote('XRP/USD') }),
      trigger: () => ({ on: 'timer', everyUs: SECOND_US }),
      decide: () => buy({ size: 1, reason: 'timer' }),
    }),
  );
  const settings = config({ latency: { model: 'fixed', ms: 500 }, candles: { grace: '0.000001s' } });
  const instant = run(events, [buyer, caller], { config: settings }).records.filter(
    (r) => r.timeUs === at(1),
  );
  const order = instant.map(({ type }) => type);
  expect(order.indexOf('fill')).toBeGreaterThanOrEqual(0);
  expect(order.indexOf('signal')).toBeGreaterThan(order.indexOf('fill'));
  expect(order.lastIndexOf('equity')).toBeGreaterThan(order.indexOf('signal'));
});

test('a fast series sees the slow candle that closes at the same instant, and no slow candle before its close', () => {
  const events = livelyMarket(3, 21);
  const seen: { slowStartUs: number; nowUs: number; fastStartUs: number }[] = [];
  const strategy = defineStrategy({
    name: 'both',
    version: '1',
    description: 'compares two intervals',
    params: z.object({}),
    inputs: () => ({ fast: candles('XRP/USD', '1s'), slow: candles('XRP/USD', '5s') }),
    decide: ({ fast, slow }, { nowUs }) => {
      seen.push({ slowStartUs: slow.startUs, nowUs, fastStartUs: fast.startUs });
      return null;
    },
  });
  run(events, [prepare(strategy)]);
  expect(seen.length).toBeGreaterThan(15);
  for (const { slowStartUs, fastStartUs, nowUs } of seen) {
    const fastEndUs = fastStartUs + SECOND_US;
    expect(fastEndUs).toBeLessThanOrEqual(nowUs + 40_000);
    const expected = Math.floor(fastEndUs / (5 * SECOND_US)) * 5 * SECOND_US - 5 * SECOND_US;
    if (expected < START_US) expect(slowStartUs).toBeNaN();
    else expect(slowStartUs).toBe(expected);
  }
});

test('closed views stay still inside a candle, forming views move with each trade', () => {
  const events = new EventBatch();
  for (const [i, price] of [1, 2, 3, 4, 5, 6].entries()) addTrade(events, { atUs: at(0.3 + i * 0.5), price });
  const seen: number[][] = [];
  const strategy = defineStrategy({
    name: 'both',
    version: '1',
    description: 'looks at both views',
    params: z.object({}),
    inputs: () => {
      const closed = candles('XRP/USD', '1s');
      const forming = candles('XRP/USD', '1s', { shows: 'forming' });
      return { closed, forming, steady: ema(closed, 2), live: ema(forming, 2) };
    },
    trigger: () => ({ on: 'trade', symbol: 'XRP/USD' }),
    decide: ({ closed, forming, steady, live }) => {
      seen.push([closed.close, forming.close, steady.value, live.value]);
      return null;
    },
  });
  const log = run(events, [prepare(strategy)]);
  const n = Number.NaN;
  expect(seen).toEqual([
    [n, 1, n, n],
    [n, 2, n, n],
    [2, 3, n, 2.5],
    [2, 4, n, 3],
    [4, 5, 3, 3 + ((5 - 3) * 2) / 3],
    [4, 6, 3, 3 + ((6 - 3) * 2) / 3],
  ]);
  const values = log
    .of('indicator')
    .map(({ name, atUs, value }) => [name, (atUs - START_US) / SECOND_US, value]);
  expect(values).toEqual([
    ['both.steady.value', 1, 3],
    ['both.live.value', 1, 3],
  ]);
});

test('triggers call on each event of their kind: trade, last row of a book message, quote, timer', () => {
  const events = new EventBatch();
  addSnapshot(events, { atUs: at(0.1), midTicks: 10_000 });
  addQuote(events, at(0.2), 1, 1.1);
  addTrade(events, { atUs: at(0.3), price: 1 });
  addTrade(events, { atUs: at(0.4), exchangeUs: at(0.01), price: 7, flags: Flag.buy | Flag.late });
  addBeat(events, at(2.5));
  const symbol = 'XRP/USD';
  const triggers: readonly Trigger[] = [
    { on: 'book', symbol },
    { on: 'quote', symbol },
    { on: 'trade', symbol },
    { on: 'timer', everyUs: SECOND_US },
  ];
  const times = triggers.map((trigger) => {
    const notes: string[] = [];
    run(events, [witness(trigger, notes, '1m')]);
    return notes.map((note) => note.split(' ')[0]);
  });
  expect(times).toEqual([['0.1'], ['0.2'], ['0.3'], ['1', '2']]);
});

test('a book is not trusted from a gap until the next snapshot', () => {
  const events = new EventBatch();
  const notes: boolean[] = [];
  const strategy = defineStrategy({
    name: 'watcher',
    version: '1',
    description: 'notes whether the book is valid',
    params: z.object({}),
    inputs: () => ({ book: book('XRP/USD', 5) }),
    trigger: () => ({ on: 'trade', symbol: 'XRP/USD' }),
    decide: ({ book }) => {
      notes.push(book.isValid && book.pressure === 0 && book.bid < book.ask);
      return null;
    },
  });
  const gap = {
    type: 'status',
    state: 'gap',
    cause: 'checksum',
    channel: 'book',
    symbol: 'XRP/USD',
    detail: '',
  } as const;
  addTrade(events, { atUs: at(0), price: 1 });
  addSnapshot(events, { atUs: at(1), midTicks: 10_000 });
  addTrade(events, { atUs: at(2), price: 1 });
  events.addDetail(gap, 0, 99, at(3), Number.NaN);
  addTrade(events, { atUs: at(4), price: 1 });
  addSnapshot(events, { atUs: at(5), midTicks: 10_000 });
  addTrade(events, { atUs: at(6), price: 1 });
  const log = run(events, [prepare(strategy)]);
  expect(notes).toEqual([false, true, false, true]);
  expect(log.of('status')).toMatchObject([{ symbol: 'XRP/USD', status: gap }]);
});

test('signals, orders, fills and equity are linked to each other and to the tape', () => {
  const log = run(livelyMarket(1, 15), busy().slice(0, 1));
  const signals = new Map(log.of('signal').map((record) => [record.id, record]));
  expect(signals.size).toBeGreaterThan(0);
  for (const { fill, timeUs } of log.of('fill')) {
    expect(timeUs).toBeGreaterThanOrEqual(signals.get(fill.signal)!.timeUs);
    const orders = log.of('order').filter(({ order }) => order.id === fill.order);
    expect(orders.at(-1)!.order.signal).toBe(fill.signal);
  }
  const sampled = log.of('equity').map(({ timeUs }) => timeUs);
  for (let second = 1; second <= 14; second++) expect(sampled).toContain(at(second));
  for (const { timeUs } of log.of('fill')) expect(sampled).toContain(timeUs);
});

test('equity begins with the capital; of a long silence only the first and the last sample are taken', () => {
  const events = new EventBatch();
  addBeat(events, at(0.5));
  addBeat(events, at(86_400.5));
  const log = run(events, [witness({ on: 'trade', symbol: 'XRP/USD' }, [])]);
  expect(log.of('equity').map(({ timeUs }) => timeUs)).toEqual([at(0.5), at(1), at(86_400), at(86_400.5)]);
});

test('candles of the feed build series when the config says so', () => {
  const events = new EventBatch();
  for (let i = 0; i < 10; i++) {
    const [startUs, open] = [at(i), i + 1];
    const prices = { open, high: open + 0.5, low: open - 0.5, close: open + 0.25 };
    const detail = {
      type: 'candle',
      startUs,
      intervalUs: SECOND_US,
      ...prices,
      volume: 2,
      trades: 3,
      isClosed: true,
    } as const;
    events.addDetail(detail, 0, i + 1, at(i + 1), Number.NaN);
  }
  const log = run(events, [witness(undefined, [], '5s')], {
    config: config({ candles: { from: 'candles' } }),
  });
  expect(log.of('candle')).toMatchObject([
    { startUs: at(0), open: 1, high: 5.5, low: 0.5, close: 5.25, volume: 10, trades: 15, timeUs: at(5) },
    { startUs: at(5), open: 6, high: 10.5, low: 5.5, close: 10.25, volume: 10, trades: 15, timeUs: at(10) },
  ]);
});

test('during the warm-up inputs run and no strategy is called', () => {
  const notes: string[] = [];
  const log = run(livelyMarket(2, 6), [witness(undefined, notes)], { config: config({ warmup: '3s' }) });
  expect(log.of('candle').length).toBeGreaterThan(4);
  expect(notes.length).toBeGreaterThan(0);
  for (const note of notes) expect(Number(note.split(' ')[0])).toBeGreaterThanOrEqual(3);
});

test('selling closes the whole position when no size is given', () => {
  const strategy = defineStrategy({
    name: 'in-and-out',
    version: '1',
    description: 'buys when flat, sells when not',
    params: z.object({}),
    inputs: () => ({ bars: candles('XRP/USD', '1s') }),
    decide: (_, { position }) =>
      position.isFlat ? buy({ quote: 20, reason: 'in' }) : sell({ reason: 'out' }),
  });
  const log = run(livelyMarket(4, 12), [prepare(strategy)]);
  const status = log.engine.status().strategies[0]!;
  expect(status.fills).toBeGreaterThan(4);
  expect(status.equity - status.profit).toBeCloseTo(100, 9);
  const positions = log.of('equity').map(({ positions }) => Object.keys(positions).length);
  expect(new Set(positions)).toEqual(new Set([0, 1]));
});
