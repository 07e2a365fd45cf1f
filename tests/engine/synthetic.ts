// Seeded events for engine tests: a book snapshot, then trades around a wandering price with book changes between.
import type { RunLog, RunRecord } from '../../src/core/record.ts';
import {
  Engine,
  EventBatch,
  EventKind,
  Flag,
  type LoadedStrategy,
  parseRunConfig,
  Random,
  type RunConfig,
} from '../../src/index.ts';

export const START_US = Date.UTC(2026, 0, 2) * 1000;
export const SECOND_US = 1_000_000;

export type Events = EventBatch;

export function config(overrides: Readonly<Record<string, unknown>> = {}): RunConfig {
  const latency = { model: 'fixed', ms: 0 };
  return parseRunConfig(
    { name: 'test', venue: 'kraken', symbols: ['XRP/USD'], latency, ...overrides },
    'test',
  );
}

export class MemoryLog implements RunLog {
  readonly records: RunRecord[] = [];

  write(record: RunRecord): void {
    this.records.push(record);
  }

  of<T extends RunRecord['type']>(type: T): readonly Extract<RunRecord, { type: T }>[] {
    return this.records.filter((record): record is Extract<RunRecord, { type: T }> => record.type === type);
  }
}

/** Runs an engine over events, cut into batches of a size, and returns what it logged. */
export function run(
  events: EventBatch,
  strategies: readonly LoadedStrategy[],
  options: {
    readonly config?: RunConfig;
    readonly batchSize?: number;
    readonly symbols?: readonly string[];
    /** Steps of each look of the engine at a batch; default: all at once. */
    readonly steps?: () => number;
  } = {},
): MemoryLog & { readonly engine: Engine } {
  const log = new MemoryLog();
  const runConfig = options.config ?? config();
  const symbols = options.symbols ?? runConfig.symbols;
  const engine = new Engine({ symbols, config: runConfig, strategies, log });
  const { batchSize = events.length } = options;
  const batch = new EventBatch(4);
  for (let from = 0; from < events.length; from += batchSize) {
    batch.reset();
    for (let row = from; row < Math.min(events.length, from + batchSize); row++) batch.copyRow(events, row);
    if (options.steps === undefined) engine.apply(batch);
    else for (let row = 0; row < batch.length; ) row = engine.advance(batch, row, options.steps());
  }
  engine.finish('end of data');
  return Object.assign(log, { engine });
}

export type TradeAt = {
  readonly atUs: number;
  readonly price: number;
  readonly size?: number;
  readonly exchangeUs?: number;
  readonly flags?: number;
  readonly instrument?: number;
};

export function addTrade(events: EventBatch, trade: TradeAt): void {
  const { atUs, price, size = 1, exchangeUs = atUs, flags = Flag.buy, instrument = 0 } = trade;
  const row = events.add(EventKind.trade, instrument, events.length + 1, atUs, exchangeUs);
  events.price[row] = price;
  events.size[row] = size;
  events.flags[row] = flags;
}

export function addBeat(events: EventBatch, atUs: number): void {
  events.add(EventKind.beat, 0xffff, events.length + 1, atUs, Number.NaN);
}

export function addQuote(events: EventBatch, atUs: number, bid: number, ask: number): void {
  const row = events.add(EventKind.quote, 0, events.length + 1, atUs, Number.NaN);
  events.price[row] = bid;
  events.size[row] = 1000;
  events.price2[row] = ask;
  events.size2[row] = 1000;
}

/** A snapshot of `levels` levels per side around a price of whole ticks of 0.0001. */
export function addSnapshot(
  events: EventBatch,
  at: {
    readonly atUs: number;
    readonly midTicks: number;
    readonly levels?: number;
    readonly instrument?: number;
    /** Of the size of a level: what bids have more, and asks less. */
    readonly lean?: number;
  },
): void {
  const { atUs, midTicks, levels = 5, instrument = 0, lean = 0 } = at;
  const seq = events.length + 1;
  for (let i = 0; i < levels * 2; i++) {
    const isAsk = i >= levels;
    const away = (i % levels) + 1;
    const row = events.add(EventKind.level, instrument, seq, atUs, atUs);
    events.price[row] = (isAsk ? midTicks + away : midTicks - away) / 10_000;
    events.size[row] = 500 + (isAsk ? -lean : lean);
    events.flags[row] =
      (isAsk ? Flag.ask : 0) | (i === 0 ? Flag.clear : 0) | (i === levels * 2 - 1 ? Flag.last : 0);
  }
}

export function addRules(events: EventBatch, atUs: number, symbol = 'XRP/USD', instrument = 0): void {
  const [base = '', quote = ''] = symbol.split('/');
  const rules = { symbol, base, quote, tickSize: 0.0001, lotSize: 0.01, sizeMin: 1, notionalMin: 0 };
  const detail = { type: 'instrument', instrument: { ...rules, status: 'online', isStated: true } } as const;
  events.addDetail(detail, instrument, events.length + 1, atUs, Number.NaN);
}

/** A lively market: 20 trades a second around a wandering price, a fresh book for each move, beats. */
export function livelyMarket(
  seed: number,
  seconds: number,
  symbols: readonly string[] = ['XRP/USD'],
): EventBatch {
  const random = new Random(seed);
  const events = new EventBatch();
  const mids = symbols.map(() => 20_000);
  for (const [i, symbol] of symbols.entries()) addRules(events, START_US, symbol, i);
  for (const [i, midTicks] of mids.entries())
    addSnapshot(events, { atUs: START_US, midTicks, instrument: i });
  let nowUs = START_US;
  while (nowUs < START_US + seconds * SECOND_US) {
    nowUs += random.nextInt(1, 100_000);
    const instrument = random.nextInt(0, symbols.length - 1);
    const drift = Math.round(Math.sin((nowUs - START_US) / (4 * SECOND_US)) * 6);
    mids[instrument] = mids[instrument]! + drift + random.nextInt(-8, 8);
    const midTicks = mids[instrument]!;
    addSnapshot(events, { atUs: nowUs, midTicks, instrument, lean: drift * 30 });
    const isBuy = random.nextFloat() < 0.5 + drift / 20;
    addTrade(events, {
      atUs: nowUs,
      exchangeUs: nowUs - random.nextInt(0, 40_000),
      price: (isBuy ? midTicks + 1 : midTicks - 1) / 10_000,
      size: random.nextInt(1, 50),
      flags: isBuy ? Flag.buy : Flag.sell,
      instrument,
    });
    if (random.nextFloat() < 0.1) addBeat(events, nowUs);
  }
  return events;
}

/** What identical runs share: every record, as text. */
export function textOf(log: MemoryLog): string {
  return log.records.map((record) => JSON.stringify(record)).join('\n');
}

type Levels = readonly (readonly [price: number, size: number])[];

/** A snapshot of just these levels. */
export function addBook(
  events: EventBatch,
  at: { readonly atUs: number; readonly bids: Levels; readonly asks: Levels; readonly instrument?: number },
): void {
  const seq = events.length + 1;
  const rows = [
    ...at.bids.map((level) => [0, ...level] as const),
    ...at.asks.map((l) => [Flag.ask, ...l] as const),
  ];
  for (const [i, [side, price, size]] of rows.entries()) {
    const row = events.add(EventKind.level, at.instrument ?? 0, seq, at.atUs, at.atUs);
    events.price[row] = price;
    events.size[row] = size;
    events.flags[row] = side | (i === 0 ? Flag.clear : 0) | (i === rows.length - 1 ? Flag.last : 0);
  }
}
