// How fast the engine is, each time beside a hand-written loop that does the same arithmetic on the same columns:
// trades into minute candles, two EMAs, a strategy and its ledger; and book deltas with the best prices read after each.
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { InputDigest } from '../src/core/digest.ts';
import {
  defineStrategy,
  Ema,
  Engine,
  EventBatch,
  EventKind,
  Flag,
  type LoadedStrategy,
  parseRunConfig,
  prepare,
  quote,
  Random,
} from '../src/index.ts';
import { Book } from '../src/market/book.ts';
import { loadStrategies } from '../src/sessions/strategies.ts';
import { strategy as crossing } from './crossing.ts';
import { atLeast, atLeastOfBareLoop, type BenchRow, type Target } from './row.ts';

const SYMBOL = 'BTC/USD';
const START_US = Date.UTC(2026, 0, 2) * 1000;
const BATCH_ROWS = 8192;
const ROUNDS = 6;

/** Trades 10 to 70 ms apart around a wandering price, in whole batches as a feed delivers them. */
function tradeBatches(count: number): readonly EventBatch[] {
  const random = new Random(1);
  const batches: EventBatch[] = [];
  let nowUs = START_US;
  let ticks = 600_000;
  for (let made = 0; made < count; made += BATCH_ROWS) {
    const batch = new EventBatch(BATCH_ROWS);
    for (let i = 0; i < Math.min(BATCH_ROWS, count - made); i++) {
      nowUs += random.nextInt(10_000, 70_000);
      ticks += random.nextInt(-3, 3);
      const row = batch.add(EventKind.trade, 0, made + i + 1, nowUs, nowUs);
      batch.price[row] = ticks / 10;
      batch.size[row] = random.nextInt(1, 1000) / 1000;
      batch.flags[row] = random.nextFloat() < 0.5 ? Flag.buy : Flag.sell;
      batch.id[row] = made + i;
    }
    batches.push(batch);
  }
  return batches;
}

/** Single-level changes of a book 25 levels deep per side, each a message of its own. */
function levelBatches(count: number): readonly EventBatch[] {
  const random = new Random(2);
  const batches: EventBatch[] = [];
  const rules = { symbol: SYMBOL, base: 'BTC', quote: 'USD', tickSize: 0.1, lotSize: 1e-8, sizeMin: 0 };
  const instrument = { ...rules, notionalMin: 0, status: 'online', isStated: true };
  for (let made = 0; made < count; made += BATCH_ROWS) {
    const batch = new EventBatch(BATCH_ROWS);
    if (made === 0) batch.addDetail({ type: 'instrument', instrument }, 0, 1, START_US, Number.NaN);
    for (let i = batch.length; i < Math.min(BATCH_ROWS, count - made); i++) {
      const isSnapshot = made === 0 && i <= 50;
      const isAsk = isSnapshot ? i % 2 === 0 : random.nextFloat() < 0.5;
      const away = isSnapshot ? (i + 1) >> 1 : random.nextInt(1, 25);
      const row = batch.add(EventKind.level, 0, made + i + 1, START_US + made + i, START_US + made + i);
      batch.price[row] = (600_000 + (isAsk ? away : -away)) / 10;
      batch.size[row] = !isSnapshot && random.nextFloat() < 0.3 ? 0 : random.nextInt(1, 1000) / 100;
      batch.flags[row] = (isAsk ? Flag.ask : 0) | (isSnapshot && i < 50 ? 0 : Flag.last);
      if (isSnapshot && i === 1) batch.flags[row]! |= Flag.clear;
    }
    batches.push(batch);
  }
  return batches;
}

const watching = defineStrategy({
  name: 'watching',
  version: '1.0.0',
  description: 'Reads best bid and ask after each change of the book.',
  params: z.object({}),
  inputs: () => ({ best: quote(SYMBOL) }),
  trigger: () => ({ on: 'book', symbol: SYMBOL }),
  state: () => ({ sum: 0 }),
  decide: ({ best }, { state }) => {
    const { ask, bid } = best;
    if (ask > bid) state.sum += ask - bid;
    return null;
  },
});

function runEngine(batches: readonly EventBatch[], strategy: LoadedStrategy): number {
  const config = parseRunConfig(
    { name: 'bench', venue: 'bench', symbols: [SYMBOL], equityEvery: '1m' },
    'bench',
  );
  let records = 0;
  const log = {
    write: () => {
      records++;
    },
  };
  const engine = new Engine({ symbols: [SYMBOL], config, strategies: [strategy], log });
  for (const batch of batches) engine.apply(batch);
  engine.finish('end of data');
  return records;
}

/** The same arithmetic by hand: candles, averages, crosses, a position in doubles. */
function runBareTrades(batches: readonly EventBatch[]): number {
  const [fast, slow] = [new Ema(10), new Ema(30)];
  const minuteUs = 60e6;
  const candle = { startUs: 0, intervalUs: minuteUs, open: 0, high: 0, low: 0, close: 0 };
  const volumes = { volume: 0, buyVolume: 0, sellVolume: 0, trades: 0 };
  const bar = { ...candle, ...volumes };
  let endUs = 0;
  let position = 0;
  let cash = 100;
  for (const { length, price, size, flags, exchangeUs } of batches) {
    for (let row = 0; row < length; row++) {
      const timeUs = exchangeUs[row]!;
      const at = price[row]!;
      const volume = size[row]!;
      if (timeUs >= endUs) {
        if (endUs > 0) {
          fast.update(bar);
          slow.update(bar);
          const isUp = fast.output(0) > slow.output(0);
          if (isUp && position === 0) {
            position = 50 / at;
            cash -= 50.05;
          } else if (!isUp && position > 0) {
            cash += position * at * 0.999;
            position = 0;
          }
        }
        bar.startUs = Math.floor(timeUs / minuteUs) * minuteUs;
        endUs = bar.startUs + minuteUs;
        bar.open = at;
        bar.high = at;
        bar.low = at;
        bar.volume = 0;
        bar.buyVolume = 0;
        bar.sellVolume = 0;
        bar.trades = 0;
      }
      if (at > bar.high) bar.high = at;
      if (at < bar.low) bar.low = at;
      bar.close = at;
      bar.volume += volume;
      if ((flags[row]! & Flag.buy) !== 0) bar.buyVolume += volume;
      else bar.sellVolume += volume;
      bar.trades++;
    }
  }
  return cash + position * bar.close;
}

function runBareLevels(batches: readonly EventBatch[]): number {
  const book = new Book({ tickSize: 0.1 });
  let sum = 0;
  for (const { length, kind, price, size, flags } of batches) {
    for (let row = 0; row < length; row++) {
      if (kind[row] !== EventKind.level) continue;
      book.set((flags[row]! & Flag.ask) !== 0, price[row]!, size[row]!);
      const { bestAsk, bestBid } = book;
      if (bestAsk > bestBid) sum += bestAsk - bestBid;
    }
  }
  return sum;
}

function runDigest(batches: readonly EventBatch[]): number {
  const digest = new InputDigest();
  for (const batch of batches) digest.fold(batch, 0, batch.length);
  return Number.parseInt(digest.value().slice(0, 8), 16);
}

/**
 * Millions of events a second of each way to run, the best of some rounds: what else the machine does only ever takes
 * away. The ways take turns, so that a spell of noise meets all of them.
 */
function rates<K extends string>(count: number, ways: Readonly<Record<K, () => number>>): Record<K, number> {
  const best = {} as Record<K, number>;
  for (let round = 0; round < ROUNDS; round++) {
    for (const name in ways) {
      const from = performance.now();
      if (Number.isNaN(ways[name]())) throw new Error('a benchmark computes a number');
      const rate = count / (performance.now() - from) / 1000;
      best[name] = Math.max(best[name] ?? 0, rate);
    }
  }
  return best;
}

/** `scale` 1 is the full size of ten million trades and five million book changes. */
export async function benchEngine(scale = 1): Promise<readonly BenchRow[]> {
  const unit = 'M events/s';
  const tape = tradeBatches(Math.round(10e6 * scale));
  const count = Math.round(10e6 * scale);
  const bare = (): number => runBareTrades(tape);
  const everyTrade = prepare(crossing, { params: { everyTrade: true } });
  // Apart from each other, as in real runs, so that neither is compiled for the other's calls.
  const atClose = rates(count, { bare, engine: () => runEngine(tape, prepare(crossing)) });
  const atTrade = rates(count, { bare, engine: () => runEngine(tape, everyTrade) });
  const use = fileURLToPath(new URL('crossing.ts', import.meta.url));
  const strategies = [{ use, params: { everyTrade: true } }];
  const loading = parseRunConfig({ name: 'bench', venue: 'bench', symbols: [SYMBOL], strategies }, 'bench');
  const [loaded] = await loadStrategies(loading, 'bench');
  const inRealm = rates(count, { bare, engine: () => runEngine(tape, loaded!) });
  const digest = rates(count, { alone: () => runDigest(tape) });
  const changes = levelBatches(Math.round(5e6 * scale));
  const levels = rates(Math.round(5e6 * scale), {
    bare: () => runBareLevels(changes),
    engine: () => runEngine(changes, prepare(watching)),
  });
  const row = (name: string, value: number, bare?: number, target?: Target): BenchRow => ({
    name,
    value,
    unit,
    ...(bare === undefined ? {} : { ratio: value / bare }),
    ...(target === undefined ? {} : { target }),
  });
  const { onClose, onTrade } = { onClose: atClose.engine, onTrade: atTrade.engine };
  return [
    row('trades, candles, two EMAs, ledger: bare loop', atClose.bare),
    row('the same through the engine, called at each close', onClose, atClose.bare, atLeastOfBareLoop(0.4)),
    row('the same through the engine, called at each trade', onTrade, atTrade.bare),
    row('the same, its strategy loaded from a file', inRealm.engine, inRealm.bare),
    row('input digest alone', digest.alone),
    row('book changes, best prices read after each: bare loop', levels.bare),
    row('the same through the engine, called at each change', levels.engine, levels.bare, atLeast(10)),
  ];
}
