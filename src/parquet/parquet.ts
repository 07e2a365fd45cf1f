// Parquet through DuckDB: the only importer of the database, so the only place that knows its types.
// Tables go in and out as typed columns, a chunk at a time; no file is ever held in memory whole.
// A file appears under its name only when it is complete and on the disk.
import { existsSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { DuckDBConnection, DuckDBDataChunk, DuckDBInstance, DuckDBType } from '@duckdb/node-api';
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

type Api = typeof import('@duckdb/node-api');
type Database = { readonly api: Api; readonly instance: DuckDBInstance };

/** DuckDB hands over at most this many rows at once. */
const CHUNK_ROWS = 2048;

let settings = { memoryLimit: '256MB', threads: 2 };
let database: Promise<Database> | undefined;
let tables = 0;

/** Bounds of the one database of this process. Has to be called before the first read or write. */
export function configureParquet(options: {
  readonly memoryLimit?: string;
  readonly threads?: number;
}): void {
  assert(database === undefined, 'the database is configured before it is first used');
  settings = { ...settings, ...options };
}

/**
 * Writes a Parquet file (format V2, zstd) and returns its row count and size. `path` appears, or is replaced,
 * only once the whole file is on the disk; after an error it is as it was. A batch is read completely
 * before the next one is asked for, so the iterable may reuse its arrays.
 */
export async function writeParquet(
  path: string,
  schema: Schema,
  batches: Iterable<TableBatch>,
  options: { readonly rowGroupRows?: number } = {},
): Promise<{ readonly rows: number; readonly bytes: number }> {
  const { api } = await openDatabase();
  const source = new ChunkSource(api, schema, batches);
  const partial = `${path}.partial`;
  const select = Object.entries(schema).map(
    ([name, type]) => `${writeSql(name, type)} AS ${quoteName(name)}`,
  );
  const rowGroup = options.rowGroupRows ?? 122_880;
  assert(Number.isInteger(rowGroup) && rowGroup > 0, 'a row group holds at least one row');
  try {
    await withConnection(async (connection) => {
      const name = `source_${++tables}`;
      connection.registerTableFunction(
        api.DuckDBTableFunction.create({
          name,
          bindFunction: (info) => {
            for (const [column, type] of Object.entries(schema)) {
              info.addResultColumn(column, sourceType(api, type));
            }
          },
          initFunction: () => {},
          mainFunction: (info, chunk) => {
            try {
              source.fill(chunk);
            } catch (error) {
              source.failure = error;
              info.setError('the source of rows failed');
            }
          },
        }),
      );
      await connection.run(
        `COPY (SELECT ${select.join(', ')} FROM ${name}()) TO ${quoteText(partial)}
         (FORMAT parquet, PARQUET_VERSION V2, COMPRESSION zstd, ROW_GROUP_SIZE ${rowGroup})`,
      );
    });
    const bytes = await syncFile(partial);
    await rename(partial, path);
    await syncFolder(dirname(path));
    return { rows: source.rows, bytes };
  } catch (error) {
    await rm(partial, { force: true });
    if (source.failure !== undefined) throw source.failure;
    throw new DataError(`cannot write ${path}: ${messageOf(error)}`, { cause: error });
  } finally {
    source.close();
  }
}

/**
 * Streams the named columns of some Parquet files, in the order of the paths and of the rows within, unless
 * `orderBy` says otherwise. `where` and `orderBy` are SQL over the columns of the file. The numeric arrays
 * of a batch are valid until the next one is asked for, texts and blobs for ever. Throws DataError, naming the file, when one is missing or corrupt.
 */
export async function* readParquet(
  paths: readonly string[],
  columns: Schema,
  options: { readonly where?: string; readonly orderBy?: string } = {},
): AsyncGenerator<TableBatch, void, undefined> {
  if (paths.length === 0) return;
  for (const path of paths) if (!existsSync(path)) throw new DataError(`missing file: ${path}`);
  const { instance } = await openDatabase();
  const names = Object.keys(columns);
  const select = names.map((name) => `${readSql(name, columns[name]!)} AS ${quoteName(name)}`);
  const sql = `SELECT ${select.join(', ')}
    FROM read_parquet([${paths.map(quoteFile).join(', ')}], hive_partitioning = false)
    ${options.where === undefined ? '' : `WHERE ${options.where}`}
    ${options.orderBy === undefined ? '' : `ORDER BY ${options.orderBy}`}`;
  const sinks = names.map((name) => createColumn(columns[name]!));
  const connection = await instance.connect();
  try {
    const result = await connection.stream(sql).catch((error: unknown) => throwDataError(paths, error));
    for (;;) {
      const chunk = await result.fetchChunk().catch((error: unknown) => throwDataError(paths, error));
      if (chunk === null || chunk.rowCount === 0) return;
      const length = chunk.rowCount;
      const batch: Record<string, Column> = {};
      names.forEach((name, index) => {
        batch[name] = readColumn(chunk, index, sinks[index]!, () => `${paths.join(', ')}: column ${name}`);
      });
      yield { length, columns: batch };
    }
  } finally {
    connection.interrupt();
    connection.disconnectSync();
  }
}

/**
 * Runs one statement and returns its rows, for small results. Integers come as numbers (as text beyond 2^53),
 * timestamps as µs since the epoch, blobs as bytes, other exotic types as text.
 */
export async function query(
  sql: string,
  values: readonly (string | number | null)[] = [],
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const { api } = await openDatabase();
  return withConnection(async (connection) => {
    const reader = await connection.runAndReadAll(sql, [...values]);
    return reader
      .getRowObjects()
      .map((row) =>
        Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(api, value)])),
      );
  });
}

/** A text as an SQL literal. */
export function quoteText(text: string): string {
  assert(!text.includes('\0'), 'a text in SQL has no zero byte');
  return `'${text.replaceAll("'", "''")}'`;
}

/** A file name as an SQL literal for `read_parquet` and its kin, which would otherwise read `*`, `?` and `[` as patterns. */
export function quoteFile(path: string): string {
  return quoteText(path.replace(/[*?[]/g, '[$&]'));
}

/** A column's or table's name in SQL. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Makes what was written to a file durable; returns the file's size. */
export async function syncFile(path: string): Promise<number> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
    return (await file.stat()).size;
  } finally {
    await file.close();
  }
}

/** Makes the names in a folder durable: a rename is only safe after this. */
export async function syncFolder(path: string): Promise<void> {
  // Windows cannot open a folder; its renames are journalled by the file system.
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function openDatabase(): Promise<Database> {
  database ??= import('@duckdb/node-api').then(async (api) => ({
    api,
    instance: await api.DuckDBInstance.create(':memory:', {
      memory_limit: settings.memoryLimit,
      threads: String(settings.threads),
      temp_directory: join(tmpdir(), `retick-${process.pid}`),
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      lock_configuration: 'true',
    }),
  }));
  return database;
}

/** Each call gets a connection of its own, so that streams may run interleaved. */
async function withConnection<T>(use: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
  const { instance } = await openDatabase();
  const connection = await instance.connect();
  try {
    return await use(connection);
  } finally {
    connection.disconnectSync();
  }
}

/** Hands the batches to DuckDB, a chunk per call. A chunk never spans two batches. */
class ChunkSource {
  readonly #api: Api;
  readonly #columns: readonly (readonly [string, ColumnType])[];
  readonly #batches: Iterator<TableBatch>;
  #batch: TableBatch | undefined;
  #from = 0;
  #done = false;
  rows = 0;
  failure: unknown;

  constructor(api: Api, schema: Schema, batches: Iterable<TableBatch>) {
    this.#api = api;
    this.#columns = Object.entries(schema);
    this.#batches = batches[Symbol.iterator]();
  }

  fill(chunk: DuckDBDataChunk): void {
    while (!this.#done && (this.#batch === undefined || this.#from === this.#batch.length)) {
      const next = this.#batches.next();
      this.#done = next.done === true;
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

  /** Lets a generator that was not read to its end run its `finally`. */
  close(): void {
    if (!this.#done) this.#batches.return?.();
    this.#done = true;
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

function readColumn(chunk: DuckDBDataChunk, index: number, sink: Column, where: () => string): Column {
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

function createColumn(type: ColumnType): Column {
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

function sourceType(api: Api, type: ColumnType): DuckDBType {
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
function writeSql(name: string, type: ColumnType): string {
  const column = quoteName(name);
  if (type === 'int') return `TRY_CAST(${column} AS BIGINT)`;
  return type === 'time' ? `make_timestamp(TRY_CAST(${column} AS BIGINT))` : column;
}

/** Casts in the database, where they are vectorised, so that no 64-bit integer reaches JavaScript. */
function readSql(name: string, type: ColumnType): string {
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

function plain(api: Api, value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof api.DuckDBTimestampValue) return Number(value.micros);
  if (value instanceof api.DuckDBBlobValue) return value.bytes;
  return String(value);
}

/** The paths that the database's message names, or else all of them, and what it said. */
function throwDataError(paths: readonly string[], error: unknown): never {
  const message = messageOf(error);
  const named = paths.filter((path) => message.includes(path));
  throw new DataError(`cannot read ${(named.length === 0 ? paths : named).join(', ')}: ${message}`, {
    cause: error,
  });
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
}
