// The derived tables, read back as events. Whoever reads has had the files' digests checked before.
import { join } from 'node:path';
import { isCount, isTimeUs } from '../core/bounds.ts';
import { DataError } from '../core/errors.ts';
import { EventBatch, NO_INSTRUMENT } from '../core/event.ts';
import { readParquet } from '../parquet/parquet.ts';
import { faultOf } from '../venues/guard.ts';
import { fromColumns, tableSchemas } from './columns.ts';
import { verifyFiles } from './digests.ts';
import type { Manifest, TableFile, TableName } from './manifest.ts';

export type ReadOptions = {
  /** Of every row; the status table names its own. */
  readonly instrument: number;
  /** SQL over the table's columns. */
  readonly where?: string | undefined;
  readonly orderBy?: string | undefined;
};

/** The events of some files of one table and one symbol, one file after the other. A batch is valid until the next. */
export async function* readTable(
  folder: string,
  table: TableName,
  files: readonly TableFile[],
  options: ReadOptions,
): AsyncGenerator<EventBatch> {
  const { instrument, where, orderBy } = options;
  const paths = files.map(({ file }) => join(folder, file));
  const batch = new EventBatch(0);
  const from = { instrument, where: paths.join(', ') };
  const conditions = { ...(where !== undefined && { where }), ...(orderBy !== undefined && { orderBy }) };
  for await (const rows of readParquet(paths, tableSchemas[table], conditions)) {
    fromColumns(table, rows, batch, from);
    requireBounded(batch, from.where);
    yield batch;
  }
}

/** The digest proves that a file is what its maker wrote, not that its maker wrote events. */
function requireBounded(batch: EventBatch, where: string): void {
  for (let row = 0; row < batch.length; row++) {
    const isTimed = isTimeUs(batch.receivedUs[row]!) && isCount(batch.seq[row]!);
    const fault = isTimed ? faultOf(batch, row) : `${batch.receivedUs[row]} is not a receive time`;
    if (fault !== undefined) throw new DataError(`${where}: record ${batch.seq[row]}: ${fault}`);
  }
}

export type SymbolFiles = { readonly instrument: number; readonly files: readonly TableFile[] };

/** Files grouped by symbol, in the order in which the manifest lists them: by time within a symbol. */
export function bySymbol(files: readonly TableFile[], symbols: readonly string[]): readonly SymbolFiles[] {
  return [...Map.groupBy(files, (file) => file.symbol)].map(([symbol, group]) => ({
    instrument: symbol === null ? NO_INSTRUMENT : symbols.indexOf(symbol),
    files: group,
  }));
}

/** Throws DataError, naming the file, when a table file is missing or not what the manifest says. */
export async function verifyTables(folder: string, manifest: Manifest): Promise<void> {
  for (const { files } of manifest.tables) await verifyFiles(folder, files);
}

/** Whether two rows are the same event: all columns but where in a recording it stands. NaN equals NaN. */
export function isSameEvent(a: EventBatch, i: number, b: EventBatch, j: number): boolean {
  return (
    a.kind[i] === b.kind[j] &&
    a.flags[i] === b.flags[j] &&
    a.instrument[i] === b.instrument[j] &&
    a.receivedUs[i] === b.receivedUs[j] &&
    Object.is(a.exchangeUs[i], b.exchangeUs[j]) &&
    Object.is(a.price[i], b.price[j]) &&
    Object.is(a.size[i], b.size[j]) &&
    Object.is(a.price2[i], b.price2[j]) &&
    Object.is(a.size2[i], b.size2[j]) &&
    Object.is(a.id[i], b.id[j]) &&
    (a.detail[i] === b.detail[j] || JSON.stringify(a.detail[i]) === JSON.stringify(b.detail[j]))
  );
}
