import { beforeAll, expect, test } from 'vitest';
import { EventBatch, EventKind, type Feed, Flag } from '../../src/core/event.ts';
import type { Manifest } from '../../src/datasets/manifest.ts';
import { buildTables } from '../../src/datasets/tables.ts';
import { historical } from '../../src/feeds/historical.ts';
import { replayTables } from '../../src/feeds/replay.ts';
import { composeRecording } from '../datasets/recording.ts';
import { digestOf, textsOf } from './batches.ts';

let folder = '';
let manifest: Manifest;
beforeAll(async () => {
  folder = await composeRecording();
  manifest = await buildTables(folder, { rowsMax: 60 });
});

async function collect(feed: Feed): Promise<EventBatch> {
  const all = new EventBatch();
  for await (const batch of feed.batches()) {
    for (let row = 0; row < batch.length; row++) all.copyRow(batch, row);
  }
  return all;
}

/** A market event's identity and values; not its place in the recording's time. */
function market(batch: EventBatch): string[] {
  const texts: string[] = [];
  for (let row = 0; row < batch.length; row++) {
    if (batch.kind[row]! < EventKind.level || Number.isNaN(batch.exchangeUs[row])) continue;
    const { kind, instrument, seq, ordinal, exchangeUs, price, size, id } = batch;
    const columns = [kind, instrument, seq, ordinal, exchangeUs, price, size, id];
    texts.push(columns.map((column) => column[row]).join(' '));
  }
  return texts;
}

test('every dated market event is there once, in order of venue time, and engine time is venue time plus latency', async () => {
  const feed = historical(folder, { latencyUs: 250, batchSize: 64 });
  const found = await collect(feed);
  const recorded = await collect(replayTables(folder));
  expect(market(found).sort()).toEqual(market(recorded).sort());
  for (let row = 0; row < found.length; row++) {
    if (row > 0) expect(found.receivedUs[row]).toBeGreaterThanOrEqual(found.receivedUs[row - 1]!);
    if (found.kind[row]! < EventKind.level) continue;
    expect(found.receivedUs[row]).toBe(found.exchangeUs[row]! + 250);
  }
});

test('nothing is said about the feed itself, and the rules of the instruments come first', async () => {
  const found = await collect(historical(folder));
  const kinds = new Set(found.kind.subarray(0, found.length));
  expect([...kinds].sort()).toEqual(
    [EventKind.instrument, EventKind.level, EventKind.quote, EventKind.trade, EventKind.candle].sort(),
  );
  expect([...found.kind.subarray(0, 3)]).toEqual([
    EventKind.instrument,
    EventKind.instrument,
    EventKind.level,
  ]);
});

test('files out of order are sorted: trades of one symbol never go back in venue time', async () => {
  const trades = manifest.tables.find(({ name }) => name === 'trades')!;
  expect(trades.isSorted).toBe(false);
  expect(trades.files.length).toBeGreaterThan(manifest.symbols.length);
  const found = await collect(historical(folder, { tables: ['trades'] }));
  const dated = [...found.exchangeUs.subarray(2, found.length)];
  expect(dated.length).toBe(trades.rows);
  expect(dated).toEqual([...dated].sort((a, b) => a - b));
});

test('the rows of a book message stay together, ended by their last one', async () => {
  const found = await collect(historical(folder, { tables: ['book'] }));
  for (let row = 1; row < found.length; row++) {
    if (found.kind[row] !== EventKind.level || found.kind[row - 1] !== EventKind.level) continue;
    const endsMessage = (found.flags[row - 1]! & Flag.last) !== 0;
    expect(found.seq[row] !== found.seq[row - 1] || found.instrument[row] !== found.instrument[row - 1]).toBe(
      endsMessage,
    );
  }
});

test('events without a venue time have no place, and are counted', async () => {
  const quotes = (await collect(replayTables(folder))).kind.reduce(
    (count, kind) => count + (kind === EventKind.quote ? 1 : 0),
    0,
  );
  const feed = historical(folder, { tables: ['quotes'] });
  const found = await collect(feed);
  expect(feed.undated).toBeGreaterThan(0);
  expect(found.kind.filter((kind) => kind === EventKind.quote).length).toBe(quotes - feed.undated);
});

test('the size of the batches changes nothing, and a slice is a slice of the whole', async () => {
  const [one, seven] = [historical(folder, { batchSize: 1 }), historical(folder, { batchSize: 7 })];
  expect(await digestOf(one.batches())).toBe(await digestOf(seven.batches()));
  const whole = await textsOf(historical(folder).batches());
  const fromUs = Math.round((manifest.span!.firstUs + manifest.span!.lastUs) / 2);
  const sliced = await textsOf(historical(folder, { fromUs }).batches());
  const at = (text: string) => Number(text.split(' ')[5]);
  expect(sliced.slice(-50)).toEqual(whole.slice(-50));
  expect(sliced.filter((text) => at(text) > fromUs)).toEqual(whole.filter((text) => at(text) > fromUs));
});
