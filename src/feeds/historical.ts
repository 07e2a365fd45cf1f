// A recording as a data vendor would have sold it: market tables by venue time, no receive times, nothing about the
// feed itself. It shares no sequence with live, so whatever a strategy does the same here it does for the data's sake.

import { DataError } from '../core/errors.ts';
import { EventBatch, EventKind, type Feed, Flag } from '../core/event.ts';
import { type Manifest, readManifest, type TableFile, type TableName } from '../datasets/manifest.ts';
import { readTable, verifyTables } from '../datasets/read.ts';
import { type MergeStream, mergeStreams } from './merge.ts';
import { slice } from './slice.ts';

export type MarketTable = Exclude<TableName, 'status'>;

export type HistoricalOptions = {
  /** Default: every market table there is. */
  readonly tables?: readonly MarketTable[] | undefined;
  /** Added to the venue's time to make the engine's. Default 0. */
  readonly latencyUs?: number | undefined;
  /** Engine time; see `slice`. Default: all. */
  readonly fromUs?: number | undefined;
  readonly toUs?: number | undefined;
  /** Events per batch. Default 4096. */
  readonly batchSize?: number | undefined;
};

export interface HistoricalFeed extends Feed {
  /** Events of the chosen tables that have no venue time and so no place in this feed. */
  readonly undated: number;
}

const MARKET_TABLES: readonly MarketTable[] = ['trades', 'book', 'quotes', 'candles'];

/** Throws DataError when the dataset has no tables. */
export function historical(folder: string, options: HistoricalOptions = {}): HistoricalFeed {
  const { tables = MARKET_TABLES, latencyUs = 0, fromUs, toUs, batchSize = 4096 } = options;
  const manifest = readManifest(folder);
  if (manifest.tables.length === 0) {
    throw new DataError(`${folder}: the dataset has no tables (retick data tables ${folder} builds them)`);
  }
  const chosen = manifest.tables
    .filter(({ name }) => (tables as readonly TableName[]).includes(name))
    .flatMap(({ name, files }) => files.map((file) => ({ name, file })));
  const feed: Feed = {
    symbols: manifest.symbols,
    async *batches() {
      await verifyTables(folder, manifest);
      const streams = chosen
        .filter(({ file }) => file.firstExchangeUs !== null)
        .map(({ name, file }) => marketStream(folder, name, file, { manifest, latencyUs }));
      const startsUs = streams.reduce((least, stream) => Math.min(least, stream.startsUs), Infinity);
      const rules = await readRules(folder, manifest, startsUs);
      yield* mergeStreams([...rules, ...streams], 'rank', batchSize);
    },
  };
  const { symbols, batches } = slice(feed, { fromUs, toUs, batchSize });
  return { symbols, batches, undated: chosen.reduce((sum, { file }) => sum + file.undated, 0) };
}

/**
 * One file. It is opened when the merge reaches its first venue time, so few are open at once however long the
 * history; one that is out of order is sorted by the database, and no larger than a part of a partition.
 */
function marketStream(
  folder: string,
  table: TableName,
  file: TableFile,
  from: { readonly manifest: Manifest; readonly latencyUs: number },
): MergeStream {
  const { manifest, latencyUs } = from;
  const instrument = manifest.symbols.indexOf(file.symbol ?? '');
  const options = {
    instrument,
    where: file.undated > 0 ? 'exchange_us IS NOT NULL' : undefined,
    orderBy: file.isSorted ? undefined : 'exchange_us, seq, ordinal',
  };
  return {
    startsUs: file.firstExchangeUs! + latencyUs,
    async *open() {
      let receivedUs = new Float64Array(0);
      for await (const batch of readTable(folder, table, [file], options)) {
        if (receivedUs.length < batch.length) receivedUs = new Float64Array(batch.length);
        for (let row = 0; row < batch.length; row++) {
          receivedUs[row] = batch.exchangeUs[row]! + latencyUs;
          // Who sells history knows of no outage: a late trade stands where it happened, like any other.
          batch.flags[row]! &= ~Flag.late;
        }
        batch.receivedUs = receivedUs;
        yield batch;
      }
    },
  };
}

/**
 * The instruments' rules: the first stated ones (else the last ones inferred) at the very beginning, later statements
 * when they were received, the only time they have.
 */
async function readRules(folder: string, manifest: Manifest, startsUs: number): Promise<MergeStream[]> {
  const status = manifest.tables.find(({ name }) => name === 'status');
  if (status === undefined || status.files.length === 0 || startsUs === Infinity) return [];
  const rules = new EventBatch();
  const options = { instrument: 0, where: "kind = 'instrument'" };
  for await (const batch of readTable(folder, 'status', status.files, options)) {
    for (let row = 0; row < batch.length; row++) rules.copyRow(batch, row);
  }
  const rows = Array.from({ length: rules.length }, (_, row) => row);
  const opening = new EventBatch();
  const used = new Set<number>();
  manifest.symbols.forEach((_, instrument) => {
    const own = rows.filter((row) => rules.instrument[row] === instrument);
    const first = own.find((row) => isStated(rules, row)) ?? own.at(-1);
    if (first === undefined) return;
    used.add(first);
    opening.receivedUs[opening.copyRow(rules, first)] = startsUs;
  });
  const changes = new EventBatch();
  for (const row of rows) {
    const isLater = isStated(rules, row) && !used.has(row) && rules.receivedUs[row]! >= startsUs;
    if (isLater) changes.copyRow(rules, row);
  }
  return [opening, changes].filter((batch) => batch.length > 0).map(streamOf);
}

function streamOf(batch: EventBatch): MergeStream {
  return {
    startsUs: batch.receivedUs[0]!,
    async *open() {
      yield batch;
    },
  };
}

function isStated(batch: EventBatch, row: number): boolean {
  const detail = batch.detail[row];
  return (
    batch.kind[row] === EventKind.instrument && detail?.type === 'instrument' && detail.instrument.isStated
  );
}
