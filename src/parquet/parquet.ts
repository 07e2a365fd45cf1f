// Parquet through DuckDB: this room is the only importer of the database, so the only one that knows its types.
// Tables go in and out as typed columns, a chunk at a time; no file is ever held in memory whole.
// A file appears under its name only when it is complete and on the disk.
import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { DuckDBConnection, DuckDBDataChunk, DuckDBInstance } from '@duckdb/node-api';
import { assert } from '../core/assert.ts';
import { DataError } from '../core/errors.ts';
import { requireBoundedParquet } from './bounds.ts';
import {
  type Api,
  ChunkSource,
  type Column,
  createColumn,
  quoteName,
  readColumn,
  readSql,
  type Schema,
  sourceType,
  type TableBatch,
  writeSql,
} from './columns.ts';
import { syncFile, syncFolder } from './durable.ts';

export { type Column, type ColumnType, quoteName, type Schema, type TableBatch } from './columns.ts';
export { syncFile, syncFolder } from './durable.ts';
export { requireFile } from './files.ts';

type Database = { readonly api: Api; readonly instance: DuckDBInstance };

/** Bounds of the one database of this process: reading and writing stream, so more memory buys nothing. */
const SETTINGS = { memoryLimit: '256MB', threads: 2 };
let database: Promise<Database> | undefined;
let tables = 0;

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
  for (const path of paths) {
    if (!existsSync(path)) throw new DataError(`missing file: ${path}`);
    requireBoundedParquet(path);
  }
  const { instance } = await openDatabase();
  const names = Object.keys(columns);
  const select = names.map((name) => `${readSql(name, columns[name]!)} AS ${quoteName(name)}`);
  const sql = `SELECT ${select.join(', ')}
    FROM read_parquet([${paths.map(quoteFile).join(', ')}], hive_partitioning = false)
    ${options.where === undefined ? '' : `WHERE ${options.where}`}
    ${options.orderBy === undefined ? '' : `ORDER BY ${options.orderBy}`}`;
  const sinks = names.map((name) => createColumn(columns[name]!));
  const connection = await instance.connect();
  let next: Promise<DuckDBDataChunk | null> | undefined;
  try {
    const result = await connection.stream(sql).catch((error: unknown) => throwDataError(paths, error));
    // The database works on the next chunk while the reader works on this one.
    const fetchNext = () => {
      next = result.fetchChunk();
      next.catch(() => {}); // Thrown when it is awaited, which may be later.
    };
    fetchNext();
    for (;;) {
      const chunk = await next!.catch((error: unknown) => throwDataError(paths, error));
      if (chunk === null || chunk.rowCount === 0) return;
      const length = chunk.rowCount;
      standInFor(length * names.length * Float64Array.BYTES_PER_ELEMENT);
      const batch: Record<string, Column> = {};
      names.forEach((name, index) => {
        batch[name] = readColumn(chunk, index, sinks[index]!, () => `${paths.join(', ')}: column ${name}`);
      });
      fetchNext();
      yield { length, columns: batch };
    }
  } finally {
    connection.interrupt();
    await next?.catch(() => {});
    connection.disconnectSync();
  }
}

/**
 * The database's memory of a chunk is freed with a small object of ours, and the collector knows only of that one. An
 * untouched buffer of the chunk's size makes it come in time: without, a hundred megabytes of read chunks pile up.
 */
function standInFor(bytes: number): ArrayBuffer {
  return new ArrayBuffer(bytes);
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

function openDatabase(): Promise<Database> {
  database ??= import('@duckdb/node-api').then(async (api) => ({
    api,
    instance: await api.DuckDBInstance.create(':memory:', {
      memory_limit: SETTINGS.memoryLimit,
      threads: String(SETTINGS.threads),
      temp_directory: join(tmpdir(), `retick-${process.pid}`),
      // A file is read once, from end to end: keeping its bytes would only fill memory up to the limit.
      enable_external_file_cache: 'false',
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
