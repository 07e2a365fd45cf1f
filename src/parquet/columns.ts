// Columns on both sides of the database: their types, and the copying between typed arrays and DuckDB's vectors.
// Values are cast in SQL, where that is vectorised, so no 64-bit integer ever reaches JavaScript.
import type { DuckDBDataChunk, DuckDBType } from '@duckdb/node-api';
import { assert, unreachable } from '../core/assert.ts';
import { DataError } from '../core/errors.ts';

/**
 * | type | in JavaScript | in the file |
 * |---|---|---|
 * | `u8` `u16` `u32` | Uint8Array, Uint16Array, Uint32Array | unsigned integer of that width, never NULL |
 * | `int` | Float64Array of integers; NaN ↔ NULL | BIGINT |
 * | `f64` | Float64Array; NULL is read as NaN | DOUBLE |
 * | `time` | Float64Array of µs since the epoch; NaN ↔ NULL | TIMESTAMP in µs, to be read as UTC |
 * | `text` | array of string or null | VARCHAR |
 * | `blob` | array of Uint8Array or null | BLOB |
 */
export type ColumnType = 'u8' | 'u16' | 'u32' | 'int' | 'f64' | 'time' | 'text' | 'blob';

/** Column names and types, in the order of the file. */
export type Schema = Readonly<Record<string, ColumnType>>;

export type Column =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | Float64Array
  | readonly (string | null)[]
  | readonly (Uint8Array | null)[];

/** `length` rows; the columns' arrays may be longer than that. */
export type TableBatch = { readonly length: number; readonly columns: Readonly<Record<string, Column>> };

export type Api = typeof import('@duckdb/node-api');

/** DuckDB hands over at most this many rows at once. */
const CHUNK_ROWS = 2048;

/** Hands the batches to DuckDB, a chunk per call. A chunk never spans two batches. */
export class ChunkSource {
  readonly #api: Api;
  readonly #columns: readonly (readonly [string, ColumnType])[];
  #batches: Iterator<TableBatch> | undefined;
  #batch: TableBatch | undefined;
  #from = 0;
  rows = 0;
  failure: unknown;

  constructor(api: Api, schema: Schema, batches: Iterable<TableBatch>) {
    this.#api = api;
    this.#columns = Object.entries(schema);
    this.#batches = batches[Symbol.iterator]();
  }

  fill(chunk: DuckDBDataChunk): void {
    while (this.#batches !== undefined && (this.#batch === undefined || this.#from === this.#batch.length)) {
      const next = this.#batches.next();
      if (next.done === true) this.#batches = undefined;
      this.#batch = next.done === true ? undefined : next.value;
      this.#from = 0;
    }
    const batch = this.#batch;
    if (batch === undefined) {
      chunk.rowCount = 0;
      return;
    }
    const from = this.#from;
    const to = Math.min(from + CHUNK_ROWS, batch.length);
    chunk.rowCount = to - from;
    for (let index = 0; index < this.#columns.length; index++) {
      const [name, type] = this.#columns[index]!;
      const column = batch.columns[name];
      assert(
        column !== undefined && column.length >= batch.length,
        `column ${name} has a value in every row`,
      );
      if (ArrayBuffer.isView(column)) {
        const vector = vectorOf(chunk, index);
        assert(
          column.BYTES_PER_ELEMENT === vector.items.BYTES_PER_ELEMENT,
          `column ${name} is of type ${type}`,
        );
        vector.items.set(column.subarray(from, to));
        vector.flush();
      } else if (type === 'blob') {
        const values = column.slice(from, to) as readonly (Uint8Array | null)[];
        const { DuckDBBlobValue } = this.#api;
        chunk.setColumnValues(
          index,
          values.map((bytes) => (bytes === null ? null : new DuckDBBlobValue(bytes))),
        );
      } else {
        chunk.setColumnValues(index, column.slice(from, to) as readonly (string | null)[]);
      }
    }
    this.#from = to;
    this.rows += to - from;
  }

  /**
   * Lets a generator that was not read to its end run its `finally`, and lets go of the rows: the database keeps the
   * table function, and with it this source, for as long as it lives.
   */
  close(): void {
    this.#batches?.return?.();
    this.#batches = undefined;
    this.#batch = undefined;
  }
}

/** A fixed-width vector of the client library: its memory as a typed array, which its type declarations hide. */
type FixedVector = {
  readonly items: Uint8Array | Uint16Array | Uint32Array | Float64Array;
  readonly validity: { readonly data: BigUint64Array | null };
  flush(): void;
};

function vectorOf(chunk: DuckDBDataChunk, index: number): FixedVector {
  return chunk.getColumnVector(index) as unknown as FixedVector;
}

export function readColumn(chunk: DuckDBDataChunk, index: number, sink: Column, where: () => string): Column {
  if (!ArrayBuffer.isView(sink)) {
    const vector = chunk.getColumnVector(index);
    if ('getItemBytes' in vector) {
      const blobs = vector as unknown as { getItemBytes(row: number): Uint8Array | null };
      return ownBytes(Array.from({ length: chunk.rowCount }, (_, row) => blobs.getItemBytes(row)));
    }
    return chunk.getColumnValues(index) as (string | null)[];
  }
  const vector = vectorOf(chunk, index);
  // The SELECT leaves no NULL in doubles, and unsigned columns must not have any.
  if (vector.validity.data !== null && chunk.getColumnValues(index).includes(null)) {
    throw new DataError(`${where()} has an empty value`);
  }
  sink.set(vector.items);
  return sink;
}

/** Copies values out of the database's memory, which is freed with the chunk, into one block of our own. */
function ownBytes(values: readonly (Uint8Array | null)[]): (Uint8Array | null)[] {
  let length = 0;
  for (const value of values) length += value?.length ?? 0;
  const block = new Uint8Array(length);
  let at = 0;
  return values.map((value) => {
    if (value === null) return null;
    block.set(value, at);
    at += value.length;
    return block.subarray(at - value.length, at);
  });
}

export function createColumn(type: ColumnType): Column {
  switch (type) {
    case 'u8':
      return new Uint8Array(CHUNK_ROWS);
    case 'u16':
      return new Uint16Array(CHUNK_ROWS);
    case 'u32':
      return new Uint32Array(CHUNK_ROWS);
    case 'int':
    case 'f64':
    case 'time':
      return new Float64Array(CHUNK_ROWS);
    case 'text':
    case 'blob':
      return [];
    default:
      return unreachable(type);
  }
}

export function sourceType(api: Api, type: ColumnType): DuckDBType {
  switch (type) {
    case 'u8':
      return api.UTINYINT;
    case 'u16':
      return api.USMALLINT;
    case 'u32':
      return api.UINTEGER;
    case 'int':
    case 'f64':
    case 'time':
      return api.DOUBLE;
    case 'text':
      return api.VARCHAR;
    case 'blob':
      return api.BLOB;
    default:
      return unreachable(type);
  }
}

/** NaN has no integer, so the cast that tries makes it NULL. */
export function writeSql(name: string, type: ColumnType): string {
  const column = quoteName(name);
  if (type === 'int') return `TRY_CAST(${column} AS BIGINT)`;
  return type === 'time' ? `make_timestamp(TRY_CAST(${column} AS BIGINT))` : column;
}

/** Casts in the database, where they are vectorised, so that no 64-bit integer reaches JavaScript. */
export function readSql(name: string, type: ColumnType): string {
  const column = quoteName(name);
  switch (type) {
    case 'u8':
      return `CAST(${column} AS UTINYINT)`;
    case 'u16':
      return `CAST(${column} AS USMALLINT)`;
    case 'u32':
      return `CAST(${column} AS UINTEGER)`;
    case 'int':
    case 'f64':
      return `COALESCE(CAST(${column} AS DOUBLE), 'nan'::DOUBLE)`;
    case 'time':
      return `COALESCE(CAST(epoch_us(${column}) AS DOUBLE), 'nan'::DOUBLE)`;
    case 'text':
      return `CAST(${column} AS VARCHAR)`;
    case 'blob':
      return `CAST(${column} AS BLOB)`;
    default:
      return unreachable(type);
  }
}

/** A column's or table's name in SQL. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
