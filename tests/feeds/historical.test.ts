import { beforeAll, describe, expect, test } from 'vitest';
import { EventBatch, EventKind, type Feed, Flag } from '../../src/core/event.ts';
import { formatTimeUs, parseTimeUs } from '../../src/core/time.ts';
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
    if (batch.kind[row]! < EventKind.level) continue;
    const { kind, instrument, seq, ordinal, exchangeUs, price, size, id } = batch;
    const columns = [kind, instrument, seq, ordinal, exchangeUs, price, size, id];
    texts.push(columns.map((column) => column[row]).join(' '));
  }
  return texts;
}

test('every market event is there once, and engine time is the latest venue time so far plus latency', async () => {
  const feed = historical(folder, { latencyUs: 250, batchSize: 64 });
  const found = await collect(feed);
  const recorded = await collect(replayTables(folder));
  expect(market(found).sort()).toEqual(market(recorded).sort());
  for (let row = 0; row < found.length; row++) {
    if (row > 0) expect(found.receivedUs[row]).toBeGreaterThanOrEqual(found.receivedUs[row - 1]!);
    if (found.kind[row]! < EventKind.level || Number.isNaN(found.exchangeUs[row])) continue;
    expect(found.receivedUs[row]).toBeGreaterThanOrEqual(found.exchangeUs[row]! + 250);
    if (found.kind[row] === EventKind.trade) expect(found.receivedUs[row]).toBe(found.exchangeUs[row]! + 250);
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

test('events without a venue time stand where their sequence puts them, and are counted', async () => {
  const feed = historical(folder, { tables: ['quotes'] });
  const found = (await quotesOf(feed)).join('\n');
  expect(feed.undated).toBeGreaterThan(0);
  expect(feed.leftOut).toBe(0);
  expect(found.split('\n').length).toBe(manifest.counts.events.quote);
  expect(found).toBe((await quotesOf(replayTables(folder))).join('\n'));
});

/** The quotes of each symbol, in the order of the feed. */
async function quotesOf(feed: Feed): Promise<readonly string[]> {
  const found = await collect(feed);
  const texts = [0, 1].map((instrument) => {
    const rows = Array.from({ length: found.length }, (_, row) => row);
    return rows
      .filter((row) => found.kind[row] === EventKind.quote && found.instrument[row] === instrument)
      .map((row) => `${instrument} ${found.seq[row]} ${found.price[row]} ${found.price2[row]}`);
  });
  return texts.flat();
}

describe('a book', () => {
  /** The level rows of each symbol in the order of a feed, and the feed's span of engine time. */
  async function levelsOf(feed: Feed) {
    const found = await collect(feed);
    const rows = Array.from({ length: found.length }, (_, row) => row);
    const levels = [0, 1].map((instrument) =>
      rows
        .filter((row) => found.kind[row] === EventKind.level && found.instrument[row] === instrument)
        .map((row) => `${found.seq[row]}.${found.ordinal[row]} ${found.flags[row]} ${found.price[row]}`),
    );
    const market = rows.filter((row) => found.kind[row]! >= EventKind.level);
    return { levels, fromUs: found.receivedUs[market[0]!]!, toUs: found.receivedUs[market.at(-1)!]!, found };
  }

  const stamp = /"timestamp":"([^"]+)"/g;
  const moved = (text: string, us: number): string =>
    text.replace(stamp, (_, at: string) => `"timestamp":"${formatTimeUs(parseTimeUs(at) + us)}"`);
  const isBook = (text: string): boolean => text.startsWith('{"channel":"book"');
  const edits: Readonly<Record<string, (text: string, step: number) => string>> = {
    'of which some updates bear an earlier time than those before': (text, step) =>
      isBook(text) && step % 3 === 1 ? moved(text, -200_000) : text,
    'whose snapshots bear no time': (text) =>
      text.includes('"book","type":"snapshot"') ? text.replace(/,"timestamp":"[^"]+"/, '') : text,
    'of which no message bears a time': (text) =>
      isBook(text) ? text.replace(/,"timestamp":"[^"]+"/, '') : text,
    'of which some messages are of another year, or an hour ahead': (text, step) =>
      isBook(text) && step % 17 === 3 ? moved(text, step % 2 === 0 ? 3600e6 : -31_536_000e6) : text,
  };
  test.each(Object.entries(edits))('%s keeps its sequence and its place', async (_, edit) => {
    const edited = await composeRecording({ steps: 200, edit });
    const { span } = await buildTables(edited, { rowsMax: 60 });
    const [history, replay] = [await levelsOf(historical(edited)), await levelsOf(replayTables(edited))];
    expect(history.levels).toEqual(replay.levels);
    expect(history.levels[0]!.length).toBeGreaterThan(50);
    // The venue's clock is 20 ms behind, and trades are stamped up to 3 ms earlier.
    expect(history.fromUs).toBeGreaterThan(span!.firstUs - 250_000);
    expect(history.toUs).toBeLessThanOrEqual(span!.lastUs);
  });
});

test('a book without times is seen neither before nor long after it was', async () => {
  const edit = (text: string): string =>
    text.startsWith('{"channel":"book"') ? text.replace(/,"timestamp":"[^"]+"/, '') : text;
  const edited = await composeRecording({ steps: 200, edit });
  await buildTables(edited);
  const [found, recorded] = [await collect(historical(edited)), await collect(replayTables(edited))];
  const received = new Map(Array.from(recorded.seq, (seq, row) => [seq, recorded.receivedUs[row]!]));
  for (let row = 0; row < found.length; row++) {
    if (found.kind[row] !== EventKind.level) continue;
    // The venue's clock is 20 ms behind, and it stamps trades and tickers up to 3 ms early.
    const aheadUs = found.receivedUs[row]! - (received.get(found.seq[row]!)! - 20_000);
    expect(Math.abs(aheadUs)).toBeLessThan(15_000);
  }
});

test('a trade with a time out of all proportion stands where its sequence puts it, and moves nothing else', async () => {
  let odd = 0;
  const edit = (text: string, step: number): string => {
    if (step < 40 || odd > 0 || !text.startsWith('{"channel":"trade","type":"update"')) return text;
    odd++;
    return text.replace(/"timestamp":"2026-01-0(\d)T/g, '"timestamp":"2031-01-0$1T');
  };
  const edited = await composeRecording({ steps: 200, edit });
  const { span } = await buildTables(edited);
  const [found, recorded] = [await collect(historical(edited)), await collect(replayTables(edited))];
  expect(odd).toBe(1);
  expect(found.receivedUs[found.length - 1]).toBeLessThanOrEqual(span!.lastUs);
  expect(market(found).sort()).toEqual(market(recorded).sort());
  const at = found.exchangeUs.findIndex((us) => us > span!.lastUs + 3600e6);
  const next = recorded.seq.findIndex((seq) => seq > found.seq[at]!);
  expect(Math.abs(found.receivedUs[at]! - recorded.receivedUs[next]!)).toBeLessThan(100_000);
});

test('a candle that a snapshot brought stays history, a trade that one brought does not', async () => {
  const edit = (text: string, step: number): string =>
    step % 3 === 0 ? text.replace(/"(ohlc|trade)","type":"update"/, '"$1","type":"snapshot"') : text;
  const edited = await composeRecording({ steps: 300, edit });
  await buildTables(edited);
  const [found, recorded] = [await collect(historical(edited)), await collect(replayTables(edited))];
  const late = (batch: EventBatch, kind: number): number =>
    Array.from({ length: batch.length }, (_, row) => row).filter(
      (row) => batch.kind[row] === kind && (batch.flags[row]! & Flag.late) !== 0,
    ).length;
  expect(late(recorded, EventKind.trade)).toBeGreaterThan(0);
  expect(late(found, EventKind.trade)).toBe(0);
  expect(late(recorded, EventKind.candle)).toBeGreaterThan(0);
  expect(late(found, EventKind.candle)).toBe(late(recorded, EventKind.candle));
});

test('a slice from the middle begins with the book as it is there', async () => {
  const whole = await collect(historical(folder));
  const fromUs = Math.round((manifest.span!.firstUs + manifest.span!.lastUs) / 2);
  const sliced = await collect(historical(folder, { fromUs }));
  expect(await booksAt(sliced, fromUs + 1000)).toEqual(await booksAt(whole, fromUs + 1000));
});

/** Both books as plain maps after all levels before a time. */
async function booksAt(batch: EventBatch, beforeUs: number) {
  const books = [0, 1].map(() => new Map<string, number>());
  for (let row = 0; row < batch.length; row++) {
    if (batch.kind[row] !== EventKind.level || batch.receivedUs[row]! >= beforeUs) continue;
    const book = books[batch.instrument[row]!]!;
    const flags = batch.flags[row]!;
    if ((flags & Flag.clear) !== 0) book.clear();
    const key = `${flags & Flag.ask} ${batch.price[row]}`;
    if (batch.size[row] === 0) book.delete(key);
    else book.set(key, batch.size[row]!);
  }
  return books.map((book) => [...book].sort());
}

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
