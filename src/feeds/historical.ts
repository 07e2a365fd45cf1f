// A recording as a data vendor would have sold it: market tables by venue time, no receive times, nothing about the
// feed itself. It shares no sequence with live, so whatever a strategy does the same here it does for the data's sake.
// Trades stand in order of their stamps. What restates something (a book, quotes, candles) keeps its own sequence, for in
// another order it would say something else; a row without a stamp stands where its sequence puts it.

import { DataError } from '../core/errors.ts';
import { EventBatch, EventKind, type Feed, Flag } from '../core/event.ts';
import {
  type Manifest,
  readManifest,
  TABLES,
  type Table,
  type TableFile,
  type TableName,
} from '../datasets/manifest.ts';
import { bySymbol, readTable, type SymbolFiles, verifyTables } from '../datasets/read.ts';
import { requireCurrent } from '../datasets/state.ts';
import { type MergeStream, mergeStreams } from './merge.ts';
import { tableStreams } from './replay.ts';
import { slice } from './slice.ts';
import { SequenceClock, Stamps } from './stamps.ts';

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
  /** Events of the chosen tables without a venue time: they stand where their sequence puts them. */
  readonly undated: number;
  /** Events that have no place at all, because nothing in the dataset has a venue time. */
  readonly leftOut: number;
}

const MARKET_TABLES: readonly MarketTable[] = TABLES.filter((name) => name !== 'status');

/** Where the rows come from and what becomes of their times. */
type Source = { readonly folder: string; readonly manifest: Manifest; readonly latencyUs: number };

/** Throws DataError when the dataset has no tables. */
export function historical(folder: string, options: HistoricalOptions = {}): HistoricalFeed {
  const { tables = MARKET_TABLES, latencyUs = 0, fromUs, toUs, batchSize = 4096 } = options;
  const manifest = readManifest(folder);
  if (manifest.tables.length === 0) {
    throw new DataError(`${folder}: the dataset has no tables (retick data tables ${folder} builds them)`);
  }
  const source: Source = { folder, manifest, latencyUs };
  const chosen = manifest.tables.filter(({ name }) => (tables as readonly TableName[]).includes(name));
  const isDated = manifest.tables.some(({ files }) => files.some((file) => file.firstExchangeUs !== null));
  const feed: Feed = {
    symbols: manifest.symbols,
    async *batches() {
      requireCurrent(folder, manifest);
      await verifyTables(folder, manifest);
      if (!isDated) return;
      const streams: MergeStream[] = [];
      for (const table of chosen) {
        for (const files of bySymbol(table.files, manifest.symbols)) {
          if (table.name === 'trades') streams.push(...(await tradeStreams(source, files)));
          else streams.push(sequenceStream(source, table.name, files));
        }
      }
      const { opening, changes } = await readRules(source);
      const merged = mergeStreams([changes, ...streams], 'rank', batchSize);
      yield* openWith(opening, merged);
    },
  };
  const { symbols, batches } = slice(feed, { fromUs, toUs, batchSize });
  const files = chosen.flatMap((table) => table.files);
  const total = (count: (file: TableFile) => number) => files.reduce((sum, file) => sum + count(file), 0);
  return {
    ...{ symbols, batches },
    undated: isDated ? total((file) => file.undated) : 0,
    leftOut: isDated ? 0 : total((file) => file.rows),
  };
}

/** A table of one symbol in its own sequence; a row's time is the latest stamp so far. */
function sequenceStream(
  source: Source,
  table: TableName,
  { instrument, files }: SymbolFiles,
  where?: string,
): MergeStream {
  const { folder, latencyUs } = source;
  return {
    startsUs: Number.NEGATIVE_INFINITY,
    async *open() {
      const stamps = new Stamps();
      let clock: SequenceClock | undefined;
      let receivedUs = new Float64Array(0);
      let lastUs = Number.NEGATIVE_INFINITY;
      try {
        for await (const batch of readTable(folder, table, files, { instrument, where })) {
          if (receivedUs.length < batch.length) receivedUs = new Float64Array(batch.length);
          const believed = where === undefined ? stamps.judge(batch) : undefined;
          for (let row = 0; row < batch.length; row++) {
            let timeUs = batch.exchangeUs[row]!;
            if (believed === undefined || believed[row] === 0) {
              clock ??= clockOf(source);
              timeUs = await clock.at(batch.seq[row]!, batch.receivedUs[row]!);
            }
            if (timeUs > lastUs) lastUs = timeUs;
            receivedUs[row] = lastUs + latencyUs;
            // A late trade is one like any other here; a late candle is history wherever it comes from.
            if (table === 'trades') batch.flags[row]! &= ~Flag.late;
          }
          batch.receivedUs = receivedUs;
          yield batch;
        }
      } finally {
        await clock?.close();
      }
    },
  };
}

/**
 * The trades of a symbol: each file by its stamps, and, where they stood in the sequence, those whose stamps are missing
 * or not to be believed. A file is opened when the merge reaches its first stamp, so few are open at once however long
 * the history; one that is out of order is sorted by the database, and no larger than a part of a partition.
 */
async function tradeStreams(source: Source, { instrument, files }: SymbolFiles): Promise<MergeStream[]> {
  const streams: MergeStream[] = [];
  const odd: TableFile[] = [];
  const wrong: string[] = [];
  for (const file of files) {
    const outliers = mayHoldOutliers(file) ? await outliersOf(source.folder, instrument, file) : [];
    wrong.push(...outliers);
    if (file.undated > 0 || outliers.length > 0) odd.push(file);
    if (file.firstExchangeUs !== null) streams.push(tradeStream(source, instrument, file, outliers));
  }
  if (odd.length === 0) return streams;
  const where = ['exchange_us IS NULL', ...(wrong.length > 0 ? [isAmong(wrong)] : [])].join(' OR ');
  return [...streams, sequenceStream(source, 'trades', { instrument, files: odd }, where)];
}

function tradeStream(
  { folder, latencyUs }: Source,
  instrument: number,
  file: TableFile,
  outliers: readonly string[],
): MergeStream {
  const isPlain = file.undated === 0 && outliers.length === 0;
  const isRight = ['exchange_us IS NOT NULL', ...(outliers.length > 0 ? [`NOT ${isAmong(outliers)}`] : [])];
  const options = {
    instrument,
    where: isPlain ? undefined : isRight.join(' AND '),
    orderBy: file.isSorted ? undefined : 'exchange_us, seq, ordinal',
  };
  return {
    startsUs: outliers.length > 0 ? Number.NEGATIVE_INFINITY : file.firstExchangeUs! + latencyUs,
    async *open() {
      let receivedUs = new Float64Array(0);
      for await (const batch of readTable(folder, 'trades', [file], options)) {
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

/** A file whose stamps lie about where its rows were received holds none that are out of all proportion. */
function mayHoldOutliers(file: TableFile): boolean {
  const { firstExchangeUs, lastExchangeUs, firstReceivedUs, lastReceivedUs } = file;
  const slackUs = 60e6;
  return firstExchangeUs! < firstReceivedUs - slackUs || lastExchangeUs! > lastReceivedUs + slackUs;
}

/** `(seq, ordinal)` of the trades whose stamps their neighbours contradict; a late one may be as old as it likes. */
async function outliersOf(folder: string, instrument: number, file: TableFile): Promise<string[]> {
  const stamps = new Stamps();
  const found: string[] = [];
  for await (const batch of readTable(folder, 'trades', [file], { instrument })) {
    const believed = stamps.judge(batch);
    for (let row = 0; row < batch.length; row++) {
      if (believed[row] === 1 || Number.isNaN(batch.exchangeUs[row]!)) continue;
      const isLate =
        (batch.flags[row]! & Flag.late) !== 0 && batch.exchangeUs[row]! <= batch.receivedUs[row]!;
      if (!isLate) found.push(`(${batch.seq[row]}, ${batch.ordinal[row]})`);
    }
  }
  return found;
}

function isAmong(places: readonly string[]): string {
  return `(seq, ordinal) IN (${places.join(', ')})`;
}

function clockOf({ folder, manifest }: Source): SequenceClock {
  const tables = manifest.tables.filter(({ name }) => name !== 'status');
  return new SequenceClock(mergeStreams(tableStreams(folder, manifest, tables), 'sequence', 4096));
}

/**
 * The instruments' rules: the first stated ones (else the last ones inferred) at the very beginning, later statements
 * where their sequence puts them.
 */
async function readRules(
  source: Source,
): Promise<{ readonly opening: EventBatch; readonly changes: MergeStream }> {
  const { folder, manifest, latencyUs } = source;
  const rules = new EventBatch();
  const status: Table | undefined = manifest.tables.find(({ name }) => name === 'status');
  if (status !== undefined && status.files.length > 0) {
    const options = { instrument: 0, where: "kind = 'instrument'" };
    for await (const batch of readTable(folder, 'status', status.files, options)) {
      for (let row = 0; row < batch.length; row++) rules.copyRow(batch, row);
    }
  }
  const rows = Array.from({ length: rules.length }, (_, row) => row);
  const opening = new EventBatch();
  const used = new Set<number>();
  manifest.symbols.forEach((_, instrument) => {
    const own = rows.filter((row) => rules.instrument[row] === instrument);
    const first = own.find((row) => isStated(rules, row)) ?? own.at(-1);
    if (first === undefined) return;
    used.add(first);
    opening.copyRow(rules, first);
  });
  const changes = new EventBatch();
  for (const row of rows) if (isStated(rules, row) && !used.has(row)) changes.copyRow(rules, row);
  const clock = clockOf(source);
  for (let row = 0; row < changes.length; row++) {
    changes.receivedUs[row] = (await clock.at(changes.seq[row]!, changes.receivedUs[row]!)) + latencyUs;
  }
  await clock.close();
  return { opening, changes: streamOf(changes) };
}

/** What comes first has the time of the first event. */
async function* openWith(
  opening: EventBatch,
  batches: AsyncIterable<EventBatch>,
): AsyncGenerator<EventBatch> {
  let hasBegun = false;
  for await (const batch of batches) {
    if (!hasBegun && opening.length > 0) {
      opening.receivedUs.fill(batch.receivedUs[0]!);
      yield opening;
    }
    hasBegun = true;
    yield batch;
  }
}

function streamOf(batch: EventBatch): MergeStream {
  return {
    startsUs: Number.NEGATIVE_INFINITY,
    async *open() {
      if (batch.length > 0) yield batch;
    },
  };
}

function isStated(batch: EventBatch, row: number): boolean {
  const detail = batch.detail[row];
  return (
    batch.kind[row] === EventKind.instrument && detail?.type === 'instrument' && detail.instrument.isStated
  );
}
