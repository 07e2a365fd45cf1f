// What a Parquet file claims is looked at before it is opened: whatever its bytes are, it is read, or refused in little memory.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DataError } from '../../src/core/errors.ts';
import { requireBoundedParquet } from '../../src/parquet/bounds.ts';
import { readParquet, writeParquet } from '../../src/parquet/parquet.ts';

const folder = mkdtempSync(join(tmpdir(), 'retick-bounds-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, 'a.parquet');
let whole = Buffer.alloc(0);

beforeAll(async () => {
  const length = 5000;
  const text = Array.from({ length }, (_, i) => ['red', 'green', 'blue'][i % 3]!);
  const at = Float64Array.from({ length }, (_, i) => i);
  await writeParquet(path, { at: 'int', text: 'text' }, [{ length, columns: { at, text } }], {
    rowGroupRows: 2048,
  });
  whole = readFileSync(path);
});

/** A varint that claims so much, in the place of the one at hand; lengths before it do not change. */
function claim(bytes: Buffer, at: number, width: number): Buffer {
  const changed = Buffer.from(bytes);
  for (let i = 0; i < width; i++) changed[at + i] = i === width - 1 ? 0x7f : 0xff;
  return changed;
}

test('a file of ours is within bounds', () => {
  expect(() => requireBoundedParquet(path)).not.toThrow();
});

test('no page may claim more than there can be: of all changed heads none is read beyond bounds', async () => {
  const other = join(folder, 'b.parquet');
  let refused = 0;
  for (let at = 4; at < 40; at++) {
    for (const width of [2, 4, 5]) {
      writeFileSync(other, claim(whole, at, width));
      try {
        requireBoundedParquet(other);
      } catch (error) {
        expect(error).toBeInstanceOf(DataError);
        refused++;
      }
    }
  }
  expect(refused).toBeGreaterThan(20);
});

test('a page that claims gigabytes is refused by name before the database is asked', async () => {
  // The first page's head: its kind (field 1), then its size unpacked (field 2) as a zigzag varint.
  const head = Buffer.from([0x15, whole[5]!, 0x15]);
  expect(whole.subarray(4, 7)).toEqual(head);
  const rest = whole.subarray(7);
  const width = rest.findIndex((byte) => byte < 128) + 1;
  const grown = Buffer.concat([
    whole.subarray(0, 7),
    Buffer.from([0xfe, 0xff, 0xff, 0xff, 0x0f]),
    rest.subarray(width),
  ]);
  const other = join(folder, 'c.parquet');
  writeFileSync(other, grown);
  expect(() => requireBoundedParquet(other)).toThrow(/c\.parquet: a page of 2147483647 bytes/);
  const reading = readParquet([other], { at: 'int' });
  await expect(reading.next()).rejects.toThrow(/c\.parquet: a page of 2147483647 bytes/);
});

test.each([
  ['nothing', () => Buffer.alloc(0)],
  ['its end alone', () => whole.subarray(-8)],
  [
    'a footer longer than the file',
    () => Buffer.concat([whole.subarray(0, -8), Buffer.from('ffffff7f50415231', 'hex')]),
  ],
  [
    'a footer of lists in lists',
    () => Buffer.concat([Buffer.alloc(100_000, 0x19), Buffer.from('a086010050415231', 'hex')]),
  ],
  ['noise', () => Buffer.from(whole).fill(0xa5, whole.length - 200, whole.length - 8)],
])('what holds %s is no Parquet file', (_, make) => {
  const other = join(folder, 'd.parquet');
  writeFileSync(other, make());
  expect(() => requireBoundedParquet(other)).toThrow(/d\.parquet: not a Parquet file/);
});
