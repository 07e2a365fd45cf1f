// The recorder with the real venue against the simulated one, which hangs up, corrupts a checksum, goes silent, refuses
// and babbles on the way.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { Recorder, type RecorderOptions } from '../../src/connections/recorder.ts';
import { InputDigest } from '../../src/core/digest.ts';
import { EventBatch, EventKind, Flag, type StatusDetail } from '../../src/core/event.ts';
import { type Control, decodeControl, RecordKind, type Session } from '../../src/core/frame.ts';
import { readJournal } from '../../src/journal/reader.ts';
import { type ServerOptions, startServer } from '../../src/simulated/server.ts';
import { findVenue } from '../../src/venues/list.ts';
import { Tape } from './toy.ts';

const cleanups: (() => unknown)[] = [];
const kraken = findVenue('kraken');

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

type Item = { readonly seq: number; readonly control: Control | undefined; readonly status: StatusDetail[] };

async function record(faults: NonNullable<ServerOptions['faults']>, options: Partial<RecorderOptions> = {}) {
  const server = await startServer({ seed: 7, eventsPerSecond: 600, faults });
  cleanups.push(() => server.stop());
  const folder = mkdtempSync(join(tmpdir(), 'retick-kraken-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  const channels = ['instrument', 'book', 'trade', 'ticker'];
  const symbols = ['BTC/USD', 'ETH/USD'];
  const session: Session = { venue: 'kraken', url: server.url, symbols, channels, depth: 10, candleUs: 0 };
  const digest = new InputDigest();
  const items = new Tape<Item>();
  const snapshots = new Tape<number>();
  const recorder = new Recorder({
    folder,
    session,
    connection: { checkMs: 20, backoff: { minMs: 20 } },
    onEvents(batch, { seq, kind }) {
      digest.fold(batch, 0, batch.length);
      const status = batch.detail.filter((detail) => detail?.type === 'status');
      const control = status[0]?.state === 'control' ? status[0].control : undefined;
      if (status.length > 0) items.push({ seq, control, status });
      for (let row = 0; row < batch.length; row++) {
        if (kind === RecordKind.text && (batch.flags[row]! & Flag.clear) !== 0) snapshots.push(seq);
      }
    },
    ...options,
  });
  cleanups.push(() => recorder.stop('the test is over'));
  return { server, folder, session, recorder, digest, items, snapshots };
}

const hasGap = (cause: string) => (item: Item) =>
  item.status.some((status) => status.state === 'gap' && status.cause === cause);

test('lives through a corrupted checksum and a lost connection, and its journal decodes to what was live', async () => {
  const faults = [
    { atS: 0.2, type: 'checksum', symbol: 'BTC/USD' },
    { atS: 0.8, type: 'disconnect' },
  ] as const;
  const { folder, session, recorder, digest, items, snapshots } = await record(faults);
  await recorder.start();
  const bad = await items.until(hasGap('checksum'));
  const resync = await items.until((item) => item.control?.type === 'resync');
  expect(resync.control).toEqual({ type: 'resync', channel: 'book', symbol: 'BTC/USD', cause: 'checksum' });
  expect(resync.seq).toBeGreaterThan(bad.seq);
  const closed = await items.until((item) => item.control?.type === 'closed');
  // One book came afresh between both faults, and both of them after the second.
  const between = snapshots.items.filter((seq) => seq > resync.seq && seq < closed.seq);
  expect(between).toHaveLength(1);
  await snapshots.until(
    (seq) => seq > closed.seq && snapshots.items.filter((at) => at > closed.seq).length === 2,
  );
  const summary = await recorder.stop('done');
  expect(summary).toMatchObject({ reconnects: 1, unknown: 0, drops: 0, refused: 0 });
  // A gap for each stream: books, trades and tickers of two symbols.
  expect(summary.gaps).toMatchObject({ checksum: 1, disconnect: 6 });

  const again = new InputDigest();
  const decoder = kraken.createDecoder(session);
  const batch = new EventBatch();
  let trades = 0;
  for await (const records of readJournal(folder)) {
    for (const item of records) {
      batch.reset();
      decoder.decode(item, batch);
      again.fold(batch, 0, batch.length);
      trades += batch.kind.subarray(0, batch.length).filter((kind) => kind === EventKind.trade).length;
    }
  }
  expect(again.value()).toBe(digest.value());
  expect(trades).toBeGreaterThan(50);
});

test('leaves a venue that goes silent, and keeps frames that are nonsense or too large', async () => {
  const faults = [
    { atS: 0.1, type: 'malformed' },
    { atS: 0.2, type: 'oversized', bytes: 200_000 },
    { atS: 0.8, type: 'silence', forS: 5 },
  ] as const;
  const connection = {
    checkMs: 20,
    backoff: { minMs: 20 },
    maxPayloadBytes: 100_000,
    silence: { frameMs: 300 },
  };
  const { folder, recorder, items } = await record(faults, { connection });
  await recorder.start();
  const silence = await items.until((item) => item.control?.type === 'silence');
  await items.until((item) => item.control?.type === 'opened' && item.seq > silence.seq);
  const summary = await recorder.stop('done');
  expect(summary).toMatchObject({ unknown: 1, drops: 1, reconnects: 2 });
  const causes: string[] = [];
  for await (const records of readJournal(folder)) {
    for (const item of records) {
      const control = item.kind === RecordKind.control ? decodeControl(item) : undefined;
      if (control?.type === 'closed') causes.push(`${control.code} ${control.cause}`);
    }
  }
  expect(causes).toEqual(['1009 disconnect', '1006 idle', '1000 end']);
});

test('a refusal at the start is the venue speaking', async () => {
  const { recorder } = await record([{ atS: 0, type: 'refuse', error: 'Currency pair not supported' }]);
  await expect(recorder.start()).rejects.toThrow(/^kraken refused .*: Currency pair not supported$/);
});
