import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { DataError, UsageError } from '../../src/core/errors.ts';
import { decodeControl, encodeControl, type JournalRecord, RecordKind } from '../../src/core/frame.ts';
import { checkRecording } from '../../src/datasets/check.ts';
import { readManifest } from '../../src/datasets/manifest.ts';
import { recoverRecording } from '../../src/datasets/recover.ts';
import { buildTables } from '../../src/datasets/tables.ts';
import { replayFrames } from '../../src/feeds/replay.ts';
import { takeLock } from '../../src/journal/lock.ts';
import { readJournal, readSegments, type SegmentEntry } from '../../src/journal/reader.ts';
import { JournalWriter } from '../../src/journal/writer.ts';
import { composeRecording, temporaryFolder } from './recording.ts';

let recording: string;
let original: readonly JournalRecord[];
let missing: SegmentEntry;

async function recordsOf(folder: string): Promise<JournalRecord[]> {
  const all: JournalRecord[] = [];
  for await (const records of readJournal(folder)) all.push(...records);
  return all;
}

beforeAll(async () => {
  recording = await composeRecording({ rotateBytes: 30_000 });
  await buildTables(recording);
  original = await recordsOf(recording);
  const segments = await readSegments(recording);
  expect(segments.length).toBeGreaterThanOrEqual(3);
  missing = segments[1]!;
  rmSync(join(recording, missing.file));
});

test('a segment that is gone is told by whatever reads or continues the recording', async () => {
  const { file, firstSeq } = missing;
  await expect(recordsOf(recording)).rejects.toThrow(DataError);
  await expect(readSegments(recording)).rejects.toThrow(
    /the segment that it describes is missing.*data recover/,
  );
  await expect(JournalWriter.open(join(recording, 'journal'))).rejects.toThrow(DataError);
  await expect(buildTables(recording)).rejects.toThrow(DataError);
  await expect(replayFrames(recording).batches()[Symbol.asyncIterator]().next()).rejects.toThrow(DataError);
  expect((await checkRecording(recording)).problems.join('\n')).toContain(file.replace('parquet', 'json'));
  // Its summary gone as well, the numbers tell.
  const summary = join(recording, file.replace('parquet', 'json'));
  const text = readFileSync(summary);
  rmSync(summary);
  await expect(recordsOf(recording)).rejects.toThrow(new RegExp(`where record ${firstSeq} has to follow`));
  expect(text.length).toBeGreaterThan(0);
});

test('what is readable becomes a recording of its own that says which records are lost', async () => {
  const out = join(temporaryFolder(), 'rescued');
  const names = readdirSync(join(recording, 'journal'));
  const { kept, lost, manifest } = await recoverRecording({ recording, out, software: 'retick test' });
  const { firstSeq, lastSeq } = missing;
  expect(lost).toEqual([{ firstSeq, lastSeq, reason: expect.any(String) }]);
  expect(kept).toBe(original.length - missing.rows);
  const rescued = await recordsOf(out);
  const told = rescued.find(
    (record) => record.kind === RecordKind.control && decodeControl(record).type === 'lost',
  );
  expect(told?.seq).toBe(firstSeq);
  expect(decodeControl(told!)).toMatchObject({ type: 'lost', firstSeq, lastSeq });
  const others = rescued.filter((record) => record !== told);
  const expected = original.filter(({ seq }) => seq < firstSeq || seq > lastSeq);
  expect(others.map(({ payload }) => Buffer.from(payload).toString())).toEqual(
    expected.map(({ payload }) => Buffer.from(payload).toString()),
  );
  expect(others.map(({ receivedUs }) => receivedUs)).toEqual(expected.map(({ receivedUs }) => receivedUs));
  const { problems, tables, gaps } = await checkRecording(out);
  expect({ tables, problems: problems.filter((problem) => !problem.includes('trade ids')) }).toEqual({
    tables: 'equal',
    problems: [],
  });
  const detail = expect.stringContaining(
    `records ${firstSeq} to ${lastSeq} of the damaged recording are lost`,
  );
  expect(gaps).toContainEqual(expect.objectContaining({ cause: 'recovery', detail }));
  expect(manifest?.digest).toBe(readManifest(out).digest);
  expect(readdirSync(join(recording, 'journal'))).toEqual(names);
});

test('a segment whose summary is damaged is believed by the manifest: nothing of it is lost', async () => {
  const bent = await composeRecording({ steps: 60 });
  const { segments } = await buildTables(bent);
  const records = await recordsOf(bent);
  const summary = join(bent, segments[0]!.file.replace('.parquet', '.json'));
  writeFileSync(summary, readFileSync(summary, 'utf8').replace('"rows"', '"rowz"'));
  await expect(recordsOf(bent)).rejects.toThrow(DataError);
  const out = join(temporaryFolder(), 'rescued');
  const { kept, lost, manifest } = await recoverRecording({ recording: bent, out, software: 'retick test' });
  expect({ kept, lost }).toEqual({ kept: records.length, lost: [] });
  expect(manifest?.counts.records).toBe(records.length);
  expect((await checkRecording(out)).problems).toEqual([]);
  // Without the manifest nobody can say that the segment is what was written.
  rmSync(join(bent, 'manifest.json'));
  const other = join(temporaryFolder(), 'other');
  await expect(recoverRecording({ recording: bent, out: other, software: 'retick test' })).rejects.toThrow(
    'no record can be read',
  );
});

test('a recording that is whole, or being recorded, is left as it is', async () => {
  const whole = await composeRecording({ steps: 30 });
  const out = join(temporaryFolder(), 'none');
  const { lost, manifest, kept } = await recoverRecording({ recording: whole, out, software: 'retick test' });
  expect({ lost, manifest, kept }).toEqual({
    lost: [],
    manifest: undefined,
    kept: (await recordsOf(whole)).length,
  });
  const recorder = await takeLock(join(whole, 'journal', 'lock'), 'it');
  await expect(recoverRecording({ recording: whole, out, software: 'retick test' })).rejects.toThrow(
    UsageError,
  );
  await expect(buildTables(whole)).rejects.toThrow(/in use by process/);
  recorder.release();
});

test('several that derive one recording’s tables at once each leave it right', async () => {
  const folder = await composeRecording({ steps: 60 });
  const manifests = await Promise.all([buildTables(folder), buildTables(folder), buildTables(folder)]);
  expect(new Set(manifests.map(({ digest }) => digest)).size).toBe(1);
  expect(await checkRecording(folder)).toMatchObject({ tables: 'equal', problems: [] });
});

test('pauses of the recorder, and the frames that were late by them, are counted', async () => {
  const folder = await composeRecording({ steps: 30 });
  const writer = await JournalWriter.open(join(folder, 'journal'), { seal: false });
  for (const control of [
    { type: 'pause', pausedMs: 20_000 },
    { type: 'late', frames: 57, bytes: 5700, pausedMs: 20_000 },
    { type: 'pause', pausedMs: 700 },
  ] as const) {
    writer.append(RecordKind.control, 1, writer.lastUs, encodeControl(control));
  }
  await writer.close();
  const { counts } = await buildTables(folder);
  expect(counts).toMatchObject({ pauses: 2, lateFrames: 57 });
  const { pauses, lateFrames, problems } = await checkRecording(folder);
  expect({ pauses, lateFrames, problems }).toEqual({ pauses: 2, lateFrames: 57, problems: [] });
});
