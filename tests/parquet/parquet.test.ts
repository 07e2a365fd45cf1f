import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { DataError } from '../../src/core/errors.ts';
import {
  query,
  quoteFile,
  quoteText,
  readParquet,
  type Schema,
  type TableBatch,
  writeParquet,
} from '../../src/parquet/parquet.ts';

const folder = mkdtempSync(join(tmpdir(), 'retick-parquet-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const schema = {
  kind: 'u8',
  instrument: 'u16',
  count: 'u32',
  seq: 'int',
  price: 'f64',
  exchangeUs: 'time',
  symbol: 'text',
  payload: 'blob',
} as const satisfies Schema;

type Row = readonly [number, number, number, number, number, number, string | null, Uint8Array | null];

function batchOf(rows: readonly Row[]): TableBatch {
  return {
    length: rows.length,
    columns: {
      kind: Uint8Array.from(rows, (row) => row[0]),
      instrument: Uint16Array.from(rows, (row) => row[1]),
      count: Uint32Array.from(rows, (row) => row[2]),
      seq: Float64Array.from(rows, (row) => row[3]),
      price: Float64Array.from(rows, (row) => row[4]),
      exchangeUs: Float64Array.from(rows, (row) => row[5]),
      symbol: rows.map((row) => row[6]),
      payload: rows.map((row) => row[7]),
    },
  };
}

async function collect(
  paths: readonly string[],
  columns: Schema,
  options: { where?: string; orderBy?: string } = {},
): Promise<unknown[][]> {
  const rows: unknown[][] = [];
  for await (const batch of readParquet(paths, columns, options)) {
    for (let row = 0; row < batch.length; row++) {
      rows.push(Object.keys(columns).map((name) => batch.columns[name]?.[row]));
    }
  }
  return rows;
}

function numbers(from: number, to: number): TableBatch {
  return {
    length: to - from,
    columns: { seq: Float64Array.from({ length: to - from }, (_, i) => from + i) },
  };
}

const integer = fc.integer({ min: -(2 ** 52), max: 2 ** 52 });
const rowOf = fc.tuple(
  fc.integer({ min: 0, max: 255 }),
  fc.integer({ min: 0, max: 65_535 }),
  fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  fc.oneof(integer, fc.constant(Number.NaN)),
  fc.double(),
  fc.oneof(integer, fc.constant(Number.NaN)),
  fc.option(fc.string({ unit: 'binary' })),
  fc.option(fc.uint8Array()),
);

test('every column type comes back as it was written, missing values included', async () => {
  const path = join(folder, 'all.parquet');
  await fc.assert(
    fc.asyncProperty(
      fc.array(rowOf, { maxLength: 40 }),
      fc.integer({ min: 1, max: 7 }),
      async (rows, size) => {
        const batches: TableBatch[] = [];
        for (let from = 0; from < rows.length; from += size)
          batches.push(batchOf(rows.slice(from, from + size)));
        const written = await writeParquet(path, schema, batches);
        expect(written.rows).toBe(rows.length);
        expect(written.bytes).toBe(readFileSync(path).length);
        const read = await collect([path], schema);
        expect(read.map((row) => [...row.slice(0, 7), row[7] && [...(row[7] as Uint8Array)]])).toEqual(
          rows.map((row) => [...row.slice(0, 7), row[7] && [...row[7]]]),
        );
      },
    ),
    { numRuns: 40 },
  );
});

test('batches larger than a chunk keep every row in order', async () => {
  const path = join(folder, 'large.parquet');
  const { rows } = await writeParquet(path, { seq: 'int' }, [numbers(0, 300_001), numbers(300_001, 300_003)]);
  expect(rows).toBe(300_003);
  let next = 0;
  for await (const batch of readParquet([path], { seq: 'int' })) {
    const seq = batch.columns.seq as Float64Array;
    for (let row = 0; row < batch.length; row++) if (seq[row] !== next++) throw new Error(`row ${next - 1}`);
  }
  expect(next).toBe(300_003);
});

test('several files are read one after the other, and two streams may be interleaved', async () => {
  const paths = ['a', 'b', 'c'].map((name) => join(folder, `${name}.parquet`));
  for (const [index, path] of paths.entries()) {
    await writeParquet(path, { seq: 'int' }, [numbers(index * 5000, index * 5000 + 5000)]);
  }
  const left = readParquet(paths, { seq: 'int' });
  const right = readParquet(paths, { seq: 'int' });
  const sums = [0, 0];
  for await (const batch of left) {
    for (let row = 0; row < batch.length; row++) sums[0]! += (batch.columns.seq as Float64Array)[row]!;
    const other = await right.next();
    if (other.done) continue;
    for (let row = 0; row < other.value.length; row++) {
      sums[1]! += (other.value.columns.seq as Float64Array)[row]!;
    }
  }
  expect(sums).toEqual([112_492_500, 112_492_500]);
});

test('a condition and an order are applied in the database', async () => {
  const path = join(folder, 'where.parquet');
  await writeParquet(path, { seq: 'int' }, [numbers(0, 10)]);
  const read = await collect([path], { seq: 'int' }, { where: 'seq >= 7', orderBy: 'seq DESC' });
  expect(read).toEqual([[9], [8], [7]]);
});

test('a stream that is left early is let go of, and the next one works', async () => {
  const path = join(folder, 'early.parquet');
  await writeParquet(path, { seq: 'int' }, [numbers(0, 100_000)]);
  for await (const batch of readParquet([path], { seq: 'int' })) {
    expect(batch.length).toBeGreaterThan(0);
    break;
  }
  expect(await collect([path], { seq: 'int' }, { where: 'seq = 99999' })).toEqual([[99_999]]);
});

test('names with quotes and pattern characters are names', async () => {
  const path = join(folder, "it's [a] *? file.parquet");
  await writeParquet(path, { 'a "b"': 'text' }, [{ length: 1, columns: { 'a "b"': ["x'y"] } }]);
  expect(await collect([path], { 'a "b"': 'text' })).toEqual([["x'y"]]);
  const [row] = await query(`SELECT count(*) AS n FROM read_parquet(${quoteFile(path)}) WHERE 'a''b' = ?`, [
    "a'b",
  ]);
  expect(row).toEqual({ n: 1 });
  expect(quoteText("a'b")).toBe("'a''b'");
});

test('a missing file, a file that is no Parquet and a damaged one are data errors naming it', async () => {
  const missing = join(folder, 'missing.parquet');
  await expect(collect([missing], { seq: 'int' })).rejects.toThrow(new DataError(`missing file: ${missing}`));
  const text = join(folder, 'text.parquet');
  writeFileSync(text, 'not Parquet at all, but long enough to have a footer');
  await expect(collect([text], { seq: 'int' })).rejects.toThrow(DataError);
  await expect(collect([text], { seq: 'int' })).rejects.toThrow(text);
  const damaged = join(folder, 'damaged.parquet');
  await writeParquet(damaged, { seq: 'int' }, [numbers(0, 10_000)]);
  writeFileSync(damaged, readFileSync(damaged).fill(0xff, 4, 60));
  await expect(collect([damaged], { seq: 'int' })).rejects.toThrow(DataError);
  await expect(collect([damaged], { seq: 'int' })).rejects.toThrow(damaged);
});

test('a column the file lacks is a data error', async () => {
  const path = join(folder, 'lacks.parquet');
  await writeParquet(path, { seq: 'int' }, [numbers(0, 3)]);
  await expect(collect([path], { price: 'f64' })).rejects.toThrow(/lacks\.parquet.*price/);
});

test('a source that throws leaves the old file in place and nothing beside it', async () => {
  const path = join(folder, 'kept.parquet');
  await writeParquet(path, { seq: 'int' }, [numbers(0, 3)]);
  function* broken(): Generator<TableBatch> {
    yield numbers(0, 5000);
    throw new DataError('the source broke');
  }
  await expect(writeParquet(path, { seq: 'int' }, broken())).rejects.toThrow(
    new DataError('the source broke'),
  );
  expect(await collect([path], { seq: 'int' })).toEqual([[0], [1], [2]]);
  expect(readdirSync(folder).filter((name) => name.endsWith('.partial'))).toEqual([]);
});

test('rows that have been written can be collected', async () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const write = async (file: string): Promise<WeakRef<Float64Array>> => {
    const seq = new Float64Array(1 << 20);
    await writeParquet(join(folder, file), { seq: 'int' }, [{ length: 5000, columns: { seq } }]);
    return new WeakRef(seq);
  };
  const written = [await write('rows-1.parquet'), await write('rows-2.parquet')];
  await setImmediate();
  collectGarbage();
  expect(written.map((rows) => rows.deref())).toEqual([undefined, undefined]);
});

test('small results have plain values', async () => {
  const rows = await query(
    `SELECT 7::BIGINT AS n, 9007199254740993::BIGINT AS big, TIMESTAMP '2026-01-02 03:04:05.000006' AS t,
            1.5::DOUBLE AS x, NULL AS nothing, ? AS text`,
    ['a'],
  );
  expect(rows).toEqual([
    { n: 7, big: '9007199254740993', t: 1_767_323_045_000_006, x: 1.5, nothing: null, text: 'a' },
  ]);
});
