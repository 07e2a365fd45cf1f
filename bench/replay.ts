// How fast a sealed recording's tables are replayed: from Parquet through the merge into batches, and nothing behind
// it. The recording is composed in a temporary folder: trades and book of two symbols, one book message in three
// followed by a trade, as a busy market does. Digests of the files are checked in the measured time.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventBatch, EventKind, type Feed, Flag } from '../src/core/event.ts';
import { Random } from '../src/core/random.ts';
import { writeManifest } from '../src/datasets/manifest.ts';
import { Spool } from '../src/datasets/spool.ts';
import { Summary } from '../src/datasets/summary.ts';
import { historical } from '../src/feeds/historical.ts';
import { replayTables } from '../src/feeds/replay.ts';

const EVENTS = 4_000_000;
const ROUNDS = 3;
const SYMBOLS = ['BTC/USD', 'ETH/USD'];
const START_US = 1_790_000_000_000_000;

export async function benchReplay(
  events = EVENTS,
): Promise<{ readonly name: string; readonly value: number; readonly unit: string }[]> {
  const folder = mkdtempSync(join(tmpdir(), 'retick-bench-replay-'));
  try {
    await composeTables(folder, events);
    const options = { batchSize: 4096 };
    const recorded = await measure(() => replayTables(folder, options));
    const bought = await measure(() => historical(folder, options));
    return [
      { name: 'replay of tables, trades + book', value: recorded.rate, unit: 'events/s' },
      { name: 'historical, trades + book', value: bought.rate, unit: 'events/s' },
      { name: 'replay, largest RSS', value: Math.max(recorded.rss, bought.rss), unit: 'bytes' },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(open: () => Feed): Promise<{ readonly rate: number; readonly rss: number }> {
  const rates: number[] = [];
  let rss = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    let events = 0;
    let batches = 0;
    for await (const batch of open().batches()) {
      events += batch.length;
      if (batches++ % 64 === 0) rss = Math.max(rss, process.memoryUsage.rss());
    }
    rates.push((events / (performance.now() - start)) * 1000);
  }
  rates.sort((left, right) => left - right);
  return { rate: rates[ROUNDS >> 1]!, rss };
}

/** Tables and manifest of a recording without a journal: a feed of tables never looks at one. */
async function composeTables(folder: string, events: number): Promise<void> {
  const spool = new Spool(folder, SYMBOLS, 400_000);
  const summary = new Summary(SYMBOLS);
  const random = new Random(1);
  const batch = new EventBatch(8192);
  let [seq, timeUs, tradeId, written] = [0, START_US, 1, 0];
  while (written < events) {
    batch.reset();
    while (batch.length < 8000) {
      seq++;
      timeUs += random.nextInt(1, 400);
      const instrument = random.nextInt(0, SYMBOLS.length - 1);
      if (random.nextFloat() < 0.25) {
        const row = batch.add(EventKind.trade, instrument, seq, timeUs, timeUs - 20_000);
        batch.flags[row] = Flag.buy;
        batch.price[row] = 60_000 + random.nextInt(-500, 500) / 10;
        batch.size[row] = random.nextInt(1, 1e8) / 1e8;
        batch.id[row] = tradeId++;
        continue;
      }
      const rows = random.nextInt(1, 3);
      for (let i = 0; i < rows; i++) {
        const row = batch.add(EventKind.level, instrument, seq, timeUs, timeUs - 20_000);
        batch.flags[row] = (random.nextFloat() < 0.5 ? Flag.ask : 0) | (i === rows - 1 ? Flag.last : 0);
        batch.price[row] = 60_000 + random.nextInt(-500, 500) / 10;
        batch.size[row] = random.nextFloat() < 0.2 ? 0 : random.nextInt(1, 1e8) / 1e8;
      }
    }
    summary.addEvents(batch);
    spool.add(batch);
    await spool.drain();
    written += batch.length;
  }
  await writeManifest(folder, {
    schema: 1,
    venue: 'kraken',
    url: '',
    symbols: SYMBOLS,
    channels: ['book', 'trade'],
    depth: 10,
    candleUs: 0,
    ...summary.finish(),
    segments: [],
    tables: await spool.finish(),
    software: 'bench',
    node: process.version,
  });
}
