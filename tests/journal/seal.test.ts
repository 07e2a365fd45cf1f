import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { DataError } from '../../src/core/errors.ts';
import {
  compareRecords,
  digestArrow,
  digestParquet,
  readSummary,
  sealedSchema,
  sealSegment,
  verifySegment,
} from '../../src/journal/seal.ts';
import type { SealFailure } from '../../src/journal/sealer.ts';
import { JournalWriter } from '../../src/journal/writer.ts';
import { writeParquet } from '../../src/parquet/parquet.ts';
import { appendRecords, expectRecords, readAll, temporaryFolder } from './frames.ts';
import { recordOf } from './records.ts';

let arrow: Buffer;
let parquet: Buffer;
let summary: Buffer;

beforeAll(async () => {
  const folder = temporaryFolder();
  const writer = await JournalWriter.open(folder, { seal: false });
  appendRecords(writer, 1, 2500);
  await writer.close();
  arrow = readFileSync(join(folder, '000001.arrow'));
  await sealSegment(join(folder, '000001.arrow'));
  parquet = readFileSync(join(folder, '000001.parquet'));
  summary = readFileSync(join(folder, '000001.json'));
});

test('a sealed segment has the records of the open one, and the open one is gone', async () => {
  const folder = temporaryFolder();
  const path = join(folder, '000001.arrow');
  writeFileSync(path, arrow);
  const before = await digestArrow(path);
  const sealed = await sealSegment(path);
  expect(sealed).toMatchObject({ ...before, segment: '000001', rows: 2500, firstSeq: 1, lastSeq: 2500 });
  expect(readdirSync(folder).sort()).toEqual(['000001.json', '000001.parquet']);
  expect(readSummary(join(folder, '000001.parquet'))).toEqual(sealed);
  expect(await verifySegment(join(folder, '000001.parquet'))).toEqual(sealed);
  expect(await digestParquet(join(folder, '000001.parquet'))).toEqual(before);
  expectRecords(await readAll(folder), 1, 2500);
});

test('a seal that was stopped at any step is done again', async () => {
  const steps: Record<string, Record<string, Buffer>> = {
    'in the middle of writing': { '000001.unverified.partial': parquet.subarray(0, 500) },
    'before the comparison': { '000001.unverified': parquet },
    'in the summary': { '000001.unverified': parquet, '000001.json.partial': summary.subarray(0, 20) },
    'before the rename': { '000001.unverified': parquet, '000001.json': summary },
    'before the Arrow file was dropped': { '000001.parquet': parquet, '000001.json': summary },
    'after a crash that lost the summary': { '000001.parquet': parquet.subarray(0, 800) },
  };
  for (const [step, files] of Object.entries(steps)) {
    const folder = temporaryFolder();
    writeFileSync(join(folder, '000001.arrow'), arrow);
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
    expectRecords(await readAll(folder), 1, 2500);
    await sealSegment(join(folder, '000001.arrow'));
    expect(readdirSync(folder).sort(), step).toEqual(['000001.json', '000001.parquet']);
    expectRecords(await readAll(folder), 1, 2500);
  }
});

test('when both files are there, a Parquet file that verifies lets the Arrow one go, and any other does not', async () => {
  for (const isIntact of [true, false]) {
    const folder = temporaryFolder();
    writeFileSync(join(folder, '000001.arrow'), arrow);
    writeFileSync(join(folder, '000001.json'), summary);
    writeFileSync(join(folder, '000001.parquet'), isIntact ? parquet : parquet.subarray(0, -1));
    const writer = await JournalWriter.open(folder, { seal: false });
    expect(writer.lastSeq).toBe(2500);
    await writer.close();
    expect(existsSync(join(folder, '000001.arrow'))).toBe(!isIntact);
    expectRecords(await readAll(folder), 1, 2500);
  }
});

test('a seal that fails leaves the Arrow segment, is told, and is done at the next start', async () => {
  const folder = temporaryFolder();
  const failures: SealFailure[] = [];
  const writer = await JournalWriter.open(folder, { onSealFailure: (failure) => failures.push(failure) });
  // Where the sealer wants to write its file there is a folder.
  mkdirSync(join(folder, '000001.json.partial'));
  appendRecords(writer, 1, 50);
  await writer.close();
  expect(writer.failure).toBeUndefined();
  const reason = expect.stringMatching(/cannot seal .*000001\.arrow: .*EISDIR/);
  expect(failures).toEqual([{ segment: '000001', reason, attempt: 1, isDamaged: false }]);
  expect(writer.sealFailures).toEqual(failures);
  expect(existsSync(join(folder, '000001.arrow'))).toBe(true);
  expectRecords(await readAll(folder), 1, 50);
  rmSync(join(folder, '000001.json.partial'), { recursive: true });
  await (await JournalWriter.open(folder)).close();
  expect(readdirSync(folder).sort()).toEqual(['000001.json', '000001.parquet', 'acknowledged']);
  expectRecords(await readAll(folder), 1, 50);
});

test('a damaged segment is not sealed', async () => {
  const folder = temporaryFolder();
  const path = join(folder, '000001.arrow');
  writeFileSync(path, arrow.subarray(0, -100));
  await expect(sealSegment(path)).rejects.toThrow(/000001\.arrow: damaged after row 2000: .*incomplete/);
  expect(readdirSync(folder)).toEqual(['000001.arrow']);
});

test('a file that reads back with one record changed is not taken for the segment', async () => {
  const folder = temporaryFolder();
  const path = join(folder, '000001.arrow');
  writeFileSync(path, arrow);
  const written = await digestArrow(path);
  const changes: Record<string, (records: ReturnType<typeof recordOf>[]) => void> = {
    rows: (records) => records.pop(),
    firstSeq: (records) => {
      records[0] = { ...records[0]!, seq: 0 };
    },
    'lastUs ': (records) => {
      records[2499] = { ...records[2499]!, receivedUs: records[2499]!.receivedUs + 1 };
    },
    records: (records) => {
      records[1200] = { ...records[1200]!, payload: Buffer.from('{}') };
    },
    'records ': (records) => {
      // The same bytes in another place: only the lengths differ.
      const [left, right] = [records[1]!, records[2]!];
      const all = Buffer.concat([left.payload, right.payload]);
      records[1] = { ...left, payload: all.subarray(0, 3) };
      records[2] = { ...right, payload: all.subarray(3) };
    },
  };
  for (const [name, change] of Object.entries(changes)) {
    const records = Array.from({ length: 2500 }, (_, index) => recordOf(index + 1));
    change(records);
    const other = join(folder, 'other.parquet');
    await writeParquet(other, sealedSchema, [
      {
        length: records.length,
        columns: {
          seq: Float64Array.from(records, (record) => record.seq),
          received_us: Float64Array.from(records, (record) => record.receivedUs),
          kind: Uint8Array.from(records, (record) => record.kind),
          connection: Uint16Array.from(records, (record) => record.connection),
          payload: records.map((record) => record.payload),
        },
      },
    ]);
    const read = await digestParquet(other);
    expect(() => compareRecords(path, written, read)).toThrow(DataError);
    expect(() => compareRecords(path, written, read)).toThrow(`${path}: read back with ${name.trim()} `);
  }
});

test('a changed byte in a sealed segment is found before anything of it is read', async () => {
  const folder = temporaryFolder();
  const path = join(folder, '000001.parquet');
  writeFileSync(join(folder, '000001.json'), summary);
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: parquet.length - 1 }),
      fc.integer({ min: 0, max: 7 }),
      async (byte, bit) => {
        const bytes = Buffer.from(parquet);
        bytes[byte]! ^= 1 << bit;
        writeFileSync(path, bytes);
        await expect(readAll(folder)).rejects.toThrow(new RegExp(`${path}: digest .* a byte has changed`));
      },
    ),
    { numRuns: 30 },
  );
  writeFileSync(path, parquet.subarray(1));
  await expect(readAll(folder)).rejects.toThrow(
    `${path}: ${parquet.length - 1} bytes where ${parquet.length} were`,
  );
  rmSync(path);
  copyFileSync(join(folder, '000001.json'), join(folder, '000002.json'));
  await expect(verifySegment(path)).rejects.toThrow(`missing file: ${path}`);
});

test('a sealed segment without its summary, or with a wrong one, is a data error', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, '000001.parquet'), parquet);
  await expect(readAll(folder)).rejects.toThrow(/000001\.json: no summary of a sealed segment/);
  writeFileSync(join(folder, '000001.json'), JSON.stringify({ ...JSON.parse(String(summary)), rows: 7 }));
  await expect(readAll(folder)).rejects.toThrow(/000001\.json: .*contradict/);
  await expect(JournalWriter.open(folder)).rejects.toThrow(DataError);
});
