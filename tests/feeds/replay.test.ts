import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { DataError } from '../../src/core/errors.ts';
import type { Feed } from '../../src/core/event.ts';
import { type Manifest, readManifest } from '../../src/datasets/manifest.ts';
import { buildTables } from '../../src/datasets/tables.ts';
import { replayFrames, replayTables } from '../../src/feeds/replay.ts';
import { composeRecording, SYMBOLS } from '../datasets/recording.ts';
import { digestOf, textsOf } from './batches.ts';

let folder = '';
let manifest: Manifest;
beforeAll(async () => {
  folder = await composeRecording({ rotateBytes: 40_000 });
  // So few rows in memory that every partition is written in several parts.
  manifest = await buildTables(folder, { rowsMax: 100 });
});

const sources: readonly [
  string,
  (options?: { batchSize?: number; fromUs?: number; toUs?: number }) => Feed,
][] = [
  ['frames', (options) => replayFrames(folder, options)],
  ['tables', (options) => replayTables(folder, options)],
];

test('frames and tables give the same events in every column', async () => {
  const frames = await textsOf(replayFrames(folder).batches());
  const tables = await textsOf(replayTables(folder).batches());
  expect(tables).toEqual(frames);
  const counted = Object.values(manifest.counts.events).reduce<number>((sum, count) => sum + (count ?? 0), 0);
  expect(frames.length).toBe(counted);
  for (const kind of ['beat', 'status', 'instrument', 'level', 'quote', 'trade', 'candle'] as const) {
    expect(manifest.counts.events[kind], kind).toBeGreaterThan(0);
  }
  expect(manifest.segments.length).toBeGreaterThan(1);
  expect(manifest.tables.some((table) => table.files.some(({ file }) => file.endsWith('001.parquet')))).toBe(
    true,
  );
});

test.each(sources)('%s: the size of the batches changes nothing', async (_, open) => {
  expect(open().symbols).toEqual(SYMBOLS);
  const digests = new Set<string>();
  for (const batchSize of [1, 7, 4096]) digests.add(await digestOf(open({ batchSize }).batches()));
  expect(digests.size).toBe(1);
  let largest = 0;
  for await (const batch of open({ batchSize: 7 }).batches()) largest = Math.max(largest, batch.length);
  expect(largest).toBe(7);
});

test('frames and tables give the same slice, wherever it begins and ends', async () => {
  const { firstUs, lastUs } = manifest.span!;
  for (const [from, to] of [
    [0.1, 0.9],
    [0.3, 0.31],
    [0.55, 2],
    [-1, 0.5],
    [1.5, 2],
  ] as const) {
    const at = (share: number) => Math.round(firstUs + share * (lastUs - firstUs));
    const [a, b] = await Promise.all(
      sources.map(([, open]) => textsOf(open({ fromUs: at(from), toUs: at(to), batchSize: 50 }).batches())),
    );
    expect(b).toEqual(a);
  }
});

describe('damage is found before anything is replayed', () => {
  const flip = (path: string, at: number) => {
    const bytes = readFileSync(path);
    bytes[at]! ^= 1;
    writeFileSync(path, bytes);
  };

  test.each(['journal', 'tables'] as const)('a flipped byte in the %s', async (where) => {
    const damaged = await composeRecording({ steps: 60 });
    const built = await buildTables(damaged);
    const file = where === 'journal' ? built.segments[0]!.file : built.tables[1]!.files[0]!.file;
    flip(join(damaged, file), 200);
    const feed = where === 'journal' ? replayFrames(damaged) : replayTables(damaged);
    const failure = await textsOf(feed.batches()).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(DataError);
    expect(String(failure)).toContain(file);
  });

  test('a changed manifest', async () => {
    const changed = await composeRecording({ steps: 60 });
    await buildTables(changed);
    const path = join(changed, 'manifest.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"depth": 10', '"depth": 25'));
    expect(() => replayFrames(changed)).toThrow(/manifest\.json: digest/);
    writeFileSync(path, '{"schema": 99}');
    expect(() => readManifest(changed)).toThrow(/schema 99 is newer/);
    writeFileSync(path, '{');
    expect(() => readManifest(changed)).toThrow(/not JSON/);
    expect(() => readManifest(join(changed, 'nowhere'))).toThrow(/no manifest there/);
  });
});

test('equal recordings have equal manifests, and another recording has another digest', async () => {
  const [same, again, other] = [
    await buildTables(await composeRecording({ steps: 60 })),
    await buildTables(await composeRecording({ steps: 60 })),
    await buildTables(await composeRecording({ steps: 60, seed: 8 })),
  ];
  expect(again).toEqual(same);
  expect(other!.digest).not.toBe(same!.digest);
});
