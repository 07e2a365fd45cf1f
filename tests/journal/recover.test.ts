import {
  appendFileSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { DataError } from '../../src/core/errors.ts';
import { decodeControl, type JournalRecord } from '../../src/core/frame.ts';
import { END_BYTES, SCHEMA_BYTES } from '../../src/journal/layout.ts';
import { recordsOf, SegmentReader } from '../../src/journal/segment.ts';
import { JournalWriter } from '../../src/journal/writer.ts';
import { appendRecords, expectRecords, readAll, temporaryFolder } from './frames.ts';

const rows = 60;
/** A segment of batches of seven records, with its end mark, and where each batch ends in it. */
let whole: Buffer;
let ends: number[];

beforeAll(async () => {
  const folder = temporaryFolder();
  const writer = await JournalWriter.open(folder, { seal: false, flushRows: 7 });
  appendRecords(writer, 1, rows);
  await writer.close();
  whole = readFileSync(join(folder, '000001.arrow'));
  const reader = new SegmentReader(join(folder, '000001.arrow'));
  ends = [reader.validBytes];
  while (reader.next() !== undefined) ends.push(reader.validBytes);
  reader.close();
});

type Scanned = { readonly records: readonly JournalRecord[]; readonly state: string; readonly valid: number };

function scan(bytes: Uint8Array, path: string): Scanned {
  writeFileSync(path, bytes);
  const reader = new SegmentReader(path);
  try {
    const records: JournalRecord[] = [];
    for (let batch = reader.next(); batch !== undefined; batch = reader.next())
      records.push(...recordsOf(batch));
    return { records, state: reader.end!.state, valid: reader.validBytes };
  } finally {
    reader.close();
  }
}

/** How many records stand in whole batches before this byte. */
function rowsBefore(byte: number): number {
  return Math.min(rows, Math.max(0, ends.filter((end) => end <= byte).length - 1) * 7);
}

test('a segment cut off at any byte is read up to its last whole batch', () => {
  const path = join(temporaryFolder(), 'cut.arrow');
  fc.assert(
    fc.property(fc.integer({ min: 0, max: whole.length - 1 }), (length) => {
      const { records, state } = scan(whole.subarray(0, length), path);
      expect(state).toBe('cut');
      expectRecords(records, 1, rowsBefore(length));
    }),
    { numRuns: 200, endOnFailure: true },
  );
});

test('one changed bit anywhere is found, and the batches before it are kept', () => {
  const path = join(temporaryFolder(), 'flip.arrow');
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: whole.length - 1 }),
      fc.integer({ min: 0, max: 7 }),
      (byte, bit) => {
        const bytes = Buffer.from(whole);
        bytes[byte]! ^= 1 << bit;
        const { records, state } = scan(bytes, path);
        // The writer had ended the segment: its end mark stands there, or a whole batch does.
        expect(state).toBe(byte < whole.length - END_BYTES.length ? 'damaged' : 'cut');
        expectRecords(records, 1, rowsBefore(byte));
      },
    ),
    { numRuns: 400, endOnFailure: true },
  );
});

test('an end of zeros, or of noise, is not taken for records', () => {
  const path = join(temporaryFolder(), 'zeros.arrow');
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: whole.length - END_BYTES.length }),
      fc.oneof(
        fc.integer({ min: 1, max: 3000 }).map((length) => new Uint8Array(length)),
        fc.uint8Array({ minLength: 1, maxLength: 3000 }),
      ),
      (length, tail) => {
        // Zeros may be just what was cut off: padding, or half an end mark.
        fc.pre(Buffer.compare(whole.subarray(length, length + tail.length), tail) !== 0);
        const { records, state, valid } = scan(Buffer.concat([whole.subarray(0, length), tail]), path);
        expect(state).not.toBe('ended');
        expect(valid).toBeLessThan(length + tail.length);
        expectRecords(records, 1, records.length);
        expect(records.length).toBeGreaterThanOrEqual(rowsBefore(length));
      },
    ),
    { numRuns: 200, endOnFailure: true },
  );
});

test('the first bytes of a header followed by zeros are no end mark', () => {
  const path = join(temporaryFolder(), 'half.arrow');
  const bytes = Buffer.concat([whole.subarray(0, ends[2]! + 4), new Uint8Array(4)]);
  expect(scan(bytes, path)).toMatchObject({ state: 'cut', valid: ends[2] });
});

test('a whole batch that stands in the wrong place is not taken', () => {
  const path = join(temporaryFolder(), 'moved.arrow');
  const batch = (index: number): Buffer => whole.subarray(ends[index], ends[index + 1]);
  const schema = whole.subarray(0, ends[0]);
  expectRecords(scan(Buffer.concat([schema, batch(0), batch(2)]), path).records, 1, 7);
  expectRecords(scan(Buffer.concat([schema, batch(0), batch(0)]), path).records, 1, 7);
});

test('a torn segment is cut, kept, continued in a new one, and the cut is a record', async () => {
  const folder = temporaryFolder();
  const torn = ends[4]! + 100;
  writeFileSync(join(folder, '000001.arrow'), whole.subarray(0, torn));
  expectRecords(await readAll(folder), 1, 28);
  const writer = await JournalWriter.open(folder, { seal: false });
  expect(writer.lastSeq).toBe(29);
  expect(writer.cut).toEqual({
    type: 'cut',
    segment: '000001',
    rows: 28,
    bytes: 100,
    reason: `the batch at byte ${ends[4]} is incomplete`,
  });
  appendRecords(writer, 30, 40);
  await writer.close();
  const read = await readAll(folder);
  expectRecords(read.slice(0, 28), 1, 28);
  expectRecords(read.slice(29), 30, 40);
  expect(decodeControl(read[28]!)).toEqual(writer.cut);
  expect(read[28]!.receivedUs).toBe(read[27]!.receivedUs);
  expect(readFileSync(join(folder, '000001.torn'))).toEqual(whole.subarray(ends[4], torn));
  expect(readdirSync(folder).sort()).toEqual(['000001.arrow', '000001.torn', '000002.arrow', 'acknowledged']);
});

test('a recorder that stopped between two batches lost nothing it wrote, and the stop is a record', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, '000001.arrow'), whole.subarray(0, ends[3]));
  const writer = await JournalWriter.open(folder, { seal: false });
  expect(writer.cut).toMatchObject({ rows: 21, bytes: 0, reason: 'there is no end mark' });
  await writer.close();
  expect((await readAll(folder)).length).toBe(22);
  expect(existsSync(join(folder, '000001.torn'))).toBe(false);
});

test('a segment in which nothing had been written yet is no loss, however short it is', async () => {
  for (const length of [0, 1, SCHEMA_BYTES.length - 1, SCHEMA_BYTES.length, SCHEMA_BYTES.length + 9]) {
    const folder = temporaryFolder();
    writeFileSync(join(folder, '000001.arrow'), whole.subarray(0, length));
    expect(await readAll(folder)).toEqual([]);
    const writer = await JournalWriter.open(folder, { seal: false });
    expect(writer.lastSeq).toBe(0);
    appendRecords(writer, 1, 3);
    await writer.close();
    expectRecords(await readAll(folder), 1, 3);
  }
});

test('a crash during recovery is recovered from', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, '000001.arrow'), whole.subarray(0, ends[5]! - 1));
  // The first recovery cut the segment and began the second one, and there it ended.
  copyFileSync(join(folder, '000001.arrow'), join(folder, '000001.torn'));
  truncateSync(join(folder, '000001.arrow'), ends[4]);
  writeFileSync(join(folder, '000002.arrow'), SCHEMA_BYTES);
  const writer = await JournalWriter.open(folder, { seal: false });
  expect(writer.lastSeq).toBe(29);
  appendRecords(writer, 30, 35);
  await writer.close();
  const read = await readAll(folder);
  expectRecords(read.slice(0, 28), 1, 28);
  expectRecords(read.slice(29), 30, 35);
});

test('recovery seals what was left open, and the numbers go on', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, '000001.arrow'), whole.subarray(0, ends[2]! + 5));
  const writer = await JournalWriter.open(folder);
  await writer.close();
  expect(readdirSync(folder).sort()).toEqual([
    '000001.json',
    '000001.parquet',
    '000001.torn',
    '000002.json',
    '000002.parquet',
    'acknowledged',
  ]);
  expectRecords((await readAll(folder)).slice(0, 14), 1, 14);
});

test('a closed segment that is damaged or missing stops recorder and reader, and is not touched', async () => {
  const folder = temporaryFolder();
  const writer = await JournalWriter.open(folder, { seal: false, flushRows: 7, rotateBytes: 2000 });
  appendRecords(writer, 1, 60);
  await writer.close();
  const second = join(folder, '000002.arrow');
  const intact = readFileSync(second);
  const damaged = Buffer.from(intact);
  damaged[intact.length - 20]! ^= 1;
  writeFileSync(second, damaged);
  await expect(JournalWriter.open(folder)).rejects.toThrow(DataError);
  await expect(JournalWriter.open(folder)).rejects.toThrow(
    /000002\.arrow: damaged after row \d+: .*checksum/,
  );
  await expect(readAll(folder)).rejects.toThrow(/000002\.arrow: damaged after row \d+/);
  expect(readFileSync(second)).toEqual(damaged);
  renameSync(second, join(folder, 'elsewhere'));
  await expect(JournalWriter.open(folder)).rejects.toThrow(/000003\.arrow: .* record \d+ .*has to follow/);
  await expect(readAll(folder)).rejects.toThrow(/000003\.arrow: .* record \d+ .*has to follow/);
  writeFileSync(second, intact);
  appendFileSync(second, 'x');
  await expect(readAll(folder)).rejects.toThrow(/after the end mark/);
  rmSync(second);
});
