import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { DataError } from '../../src/core/errors.ts';
import { readAcknowledged } from '../../src/journal/acknowledged.ts';
import { readSegments } from '../../src/journal/reader.ts';
import { salvageJournal } from '../../src/journal/salvage.ts';
import { JournalWriter } from '../../src/journal/writer.ts';
import { appendRecords, expectRecords, readAll, temporaryFolder } from './frames.ts';

const SEALED = 40;
const ROWS = 120;

type Image = ReadonlyMap<string, Buffer>;
/** A journal with a sealed segment and one that a recorder was writing, all of it acknowledged; and one that was closed. */
let growing: Image;
let closed: Image;

beforeAll(async () => {
  const folder = temporaryFolder();
  const first = await JournalWriter.open(folder);
  appendRecords(first, 1, SEALED);
  await first.close();
  const second = await JournalWriter.open(folder, { seal: false, flushRows: 7 });
  appendRecords(second, SEALED + 1, ROWS);
  await second.sync();
  growing = imageOf(folder);
  await second.close();
  closed = imageOf(folder);
});

function imageOf(folder: string): Image {
  const names = readdirSync(folder).filter((name) => name !== 'lock');
  return new Map(names.map((name) => [name, readFileSync(join(folder, name))]));
}

function lay(image: Image): string {
  const folder = temporaryFolder();
  for (const [name, bytes] of image) writeFileSync(join(folder, name), bytes);
  return folder;
}

type Damage = (bytes: Buffer) => Buffer | undefined;

const at = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
/** What happens to files: bits flip, blocks are zeroed, lost, swapped or repeated, ends are cut off, noise is added. */
const damages: fc.Arbitrary<Damage> = fc.oneof(
  fc.tuple(at, fc.integer({ min: 0, max: 7 })).map(
    ([place, bit]): Damage =>
      (bytes) => {
        const copy = Buffer.from(bytes);
        copy[Math.floor(place * bytes.length)]! ^= 1 << bit;
        return copy;
      },
  ),
  fc.tuple(at, fc.integer({ min: 1, max: 4096 })).map(
    ([place, length]): Damage =>
      (bytes) => {
        const from = Math.floor(place * bytes.length);
        return Buffer.from(bytes).fill(0, from, Math.min(bytes.length, from + length));
      },
  ),
  at.map(
    (place): Damage =>
      (bytes) =>
        bytes.subarray(0, Math.floor(place * bytes.length)),
  ),
  fc.tuple(at, fc.integer({ min: 1, max: 4096 })).map(
    ([place, length]): Damage =>
      (bytes) => {
        const from = Math.floor(place * bytes.length);
        return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + length)]);
      },
  ),
  fc.tuple(at, fc.constantFrom(64, 512, 1024)).map(
    ([place, size]): Damage =>
      (bytes) => {
        const from = Math.floor((place * bytes.length) / size) * size;
        const [a, b] = [bytes.subarray(from, from + size), bytes.subarray(from + size, from + 2 * size)];
        return Buffer.concat([bytes.subarray(0, from), b, a, bytes.subarray(from + 2 * size)]);
      },
  ),
  fc.tuple(at, fc.integer({ min: 1, max: 2000 })).map(
    ([place, length]): Damage =>
      (bytes) => {
        const from = Math.floor(place * bytes.length);
        const piece = bytes.subarray(from, from + length);
        return Buffer.concat([bytes.subarray(0, from), piece, bytes.subarray(from)]);
      },
  ),
  fc.uint8Array({ minLength: 1, maxLength: 600 }).map(
    (noise): Damage =>
      (bytes) =>
        Buffer.concat([bytes, noise]),
  ),
  fc.constant((): undefined => undefined),
);

async function outcome<T>(action: () => Promise<T>): Promise<T | DataError> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof DataError) return error;
    throw error;
  }
}

test.each(['growing', 'closed'] as const)(
  'damage anywhere in a %s journal is told or changes nothing: no acknowledged record is lost in silence',
  async (kind) => {
    const image = kind === 'growing' ? growing : closed;
    const names = [...image.keys()];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...names), damages, async (name, damage) => {
        const damaged = new Map(image);
        const bytes = damage(image.get(name)!);
        if (bytes === undefined) damaged.delete(name);
        else damaged.set(name, bytes);
        const folder = lay(damaged);
        try {
          const read = await outcome(() => readAll(folder));
          if (!(read instanceof DataError)) expectRecords(read, 1, ROWS);
          const listed = await outcome(() => readSegments(folder));
          if (!(listed instanceof DataError)) expect(listed.at(-1)?.lastSeq).toBe(ROWS);
          const writer = await outcome(() => JournalWriter.open(folder, { seal: false }));
          if (writer instanceof DataError) {
            // Nothing was touched: it is all there for whoever wants to rescue it.
            expect(imageOf(folder)).toEqual(damaged);
            expect(read).toBeInstanceOf(DataError);
          } else {
            expect(writer.lastSeq).toBeGreaterThanOrEqual(ROWS);
            await writer.close();
          }
        } finally {
          rmSync(folder, { recursive: true });
        }
      }),
      { numRuns: 120, endOnFailure: true },
    );
  },
);

test('what can be read of a damaged journal is right, and with what is lost makes up the whole', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(growing, closed),
      fc.array(fc.tuple(at, damages), { minLength: 1, maxLength: 3 }),
      async (image, hits) => {
        const damaged = new Map(image);
        const names = [...image.keys()].filter((name) => name !== 'acknowledged');
        for (const [place, damage] of hits) {
          const name = names[Math.floor(place * names.length)]!;
          const bytes = damaged.has(name) ? damage(damaged.get(name)!) : undefined;
          if (bytes === undefined) damaged.delete(name);
          else damaged.set(name, bytes);
        }
        const folder = lay(damaged);
        let nextSeq = 1;
        for await (const piece of salvageJournal(folder)) {
          if (piece.state === 'records') {
            expectRecords(piece.records, nextSeq, piece.records.at(-1)!.seq);
            nextSeq = piece.records.at(-1)!.seq + 1;
          } else {
            expect(piece.firstSeq).toBe(nextSeq);
            expect(piece.reason).not.toBe('');
            nextSeq = piece.lastSeq + 1;
          }
        }
        expect(nextSeq).toBe(ROWS + 1);
        expect(imageOf(folder)).toEqual(damaged);
        rmSync(folder, { recursive: true });
      },
    ),
    { numRuns: 120, endOnFailure: true },
  );
});

test('of a segment with one changed bit all but one batch is kept', async () => {
  const damaged = new Map(closed);
  const bytes = Buffer.from(closed.get('000002.arrow')!);
  bytes[Math.floor(bytes.length / 2)]! ^= 1;
  damaged.set('000002.arrow', bytes);
  const lost: number[] = [];
  for await (const piece of salvageJournal(lay(damaged))) {
    if (piece.state === 'lost') lost.push(piece.lastSeq - piece.firstSeq + 1);
  }
  expect(lost).toEqual([7]);
});

test.each([
  ['a pipe', (path: string) => void execFileSync('mkfifo', [path])],
  ['a folder', (path: string) => void mkdirSync(path)],
  ['a link', (path: string) => symlinkSync('/dev/zero', path)],
])('%s in the place of the mark is refused, not waited for and not followed', (_, put) => {
  const folder = lay(closed);
  const path = join(folder, 'acknowledged');
  expect(readAcknowledged(folder)).toMatchObject({ seq: ROWS });
  rmSync(path);
  put(path);
  expect(() => readAcknowledged(folder)).toThrow(DataError);
});
