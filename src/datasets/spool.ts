// Where events wait to become table files: a buffer per partition, written out as numbered parts.
// Memory is bounded by the rows kept over all partitions, however many there are and however long the recording.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError } from '../core/errors.ts';
import { EventBatch, IS_MARKET } from '../core/event.ts';
import { formatDay } from '../core/time.ts';
import { writeParquet } from '../parquet/parquet.ts';
import { TABLE_NAMES, tableOf, tableSchemas, toColumns } from './columns.ts';
import { digestFile } from './digests.ts';
import type { Table, TableFile, TableName } from './manifest.ts';
import { encodeSymbol } from './names.ts';

const DAY_US = 86_400e6;

/** One table, day and symbol. */
type Partition = {
  readonly table: TableName;
  readonly day: number;
  readonly symbol: string | null;
  readonly folder: string;
  parts: number;
  batch: EventBatch;
};

export class Spool {
  readonly #folder: string;
  readonly #symbols: readonly string[];
  readonly #rowsMax: number;
  /** What a partition holds: a day, or longer where rows are few. */
  readonly #periodUs: number;
  readonly #partitions = new Map<string, Partition>();
  /** The partitions of the last day seen, by table and instrument: what the hot path looks up. */
  readonly #current: (Partition | undefined)[] = [];
  readonly #files = new Map<TableName, TableFile[]>(TABLE_NAMES.map((name) => [name, []]));
  #day = Number.NaN;
  #rows = 0;

  /** `rowsMax` rows are kept in memory over all partitions; then the fullest is written. */
  constructor(folder: string, symbols: readonly string[], rowsMax: number, days = 1) {
    this.#folder = folder;
    this.#symbols = symbols;
    this.#rowsMax = rowsMax;
    this.#periodUs = days * DAY_US;
  }

  add(events: EventBatch): void {
    for (let row = 0; row < events.length; row++) {
      const day = Math.floor(events.receivedUs[row]! / this.#periodUs);
      if (day !== this.#day) {
        this.#day = day;
        this.#current.length = 0;
      }
      const kind = events.kind[row]!;
      const slot = IS_MARKET[kind] === 0 ? 0 : 1 + events.instrument[row]! * IS_MARKET.length + kind;
      let partition = this.#current[slot];
      if (partition === undefined) {
        partition = this.#open(tableOf(kind), day, slot === 0 ? null : this.#symbolOf(events, row));
        this.#current[slot] = partition;
      }
      partition.batch.copyRow(events, row);
    }
    this.#rows += events.length;
  }

  /** Writes the fullest partitions until what is kept is within bounds. */
  async drain(rowsMax = this.#rowsMax): Promise<void> {
    while (this.#rows > rowsMax) {
      let fullest: Partition | undefined;
      for (const partition of this.#partitions.values()) {
        if (partition.batch.length > (fullest?.batch.length ?? 0)) fullest = partition;
      }
      if (fullest === undefined) return;
      await this.#write(fullest);
    }
  }

  /** Writes what is left; returns the tables with their files, by table, symbol and time. */
  async finish(): Promise<Table[]> {
    await this.drain(0);
    return TABLE_NAMES.map((name) => {
      const rank = (file: TableFile) => (file.symbol === null ? -1 : this.#symbols.indexOf(file.symbol));
      // Parts of one partition were written in order, and the sort is stable.
      const files = this.#files
        .get(name)!
        .sort((a, b) => rank(a) - rank(b) || a.firstReceivedUs - b.firstReceivedUs);
      return {
        name,
        rows: files.reduce((sum, file) => sum + file.rows, 0),
        isSorted: areSorted(files),
        files,
      };
    });
  }

  #symbolOf(events: EventBatch, row: number): string {
    const symbol = this.#symbols[events.instrument[row]!];
    if (symbol === undefined) {
      throw new DataError(
        `record ${events.seq[row]} gave an event of instrument ${events.instrument[row]}, of which the session knows nothing`,
      );
    }
    return symbol;
  }

  #open(table: TableName, day: number, symbol: string | null): Partition {
    const date = `${table}/date=${formatDay(day * this.#periodUs)}`;
    const folder = symbol === null ? date : `${date}/symbol=${encodeSymbol(symbol)}`;
    let partition = this.#partitions.get(folder);
    if (partition === undefined) {
      partition = { table, day, symbol, folder, parts: 0, batch: new EventBatch() };
      this.#partitions.set(folder, partition);
    }
    return partition;
  }

  async #write(partition: Partition): Promise<void> {
    const { table, symbol, folder, batch } = partition;
    const file = `${folder}/${String(partition.parts++).padStart(3, '0')}.parquet`;
    const path = join(this.#folder, file);
    await mkdir(join(this.#folder, folder), { recursive: true });
    const { rows, bytes } = await writeParquet(path, tableSchemas[table], [toColumns(table, batch)]);
    this.#rows -= rows;
    this.#files
      .get(table)!
      .push({ file, symbol, rows, bytes, digest: await digestFile(path), ...timesOf(batch) });
    // A partition of a past day is done; its memory goes.
    if (partition.day === this.#day) partition.batch = new EventBatch();
    else this.#partitions.delete(folder);
  }
}

function timesOf(batch: EventBatch) {
  let [firstUs, lastUs, isSorted] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, true];
  let undated = 0;
  for (let row = 0; row < batch.length; row++) {
    const exchangeUs = batch.exchangeUs[row]!;
    if (Number.isNaN(exchangeUs)) {
      undated++;
      continue;
    }
    if (exchangeUs < lastUs) isSorted = false;
    if (exchangeUs < firstUs) firstUs = exchangeUs;
    if (exchangeUs > lastUs) lastUs = exchangeUs;
  }
  const isDated = firstUs <= lastUs;
  return {
    isSorted,
    undated,
    firstExchangeUs: isDated ? firstUs : null,
    lastExchangeUs: isDated ? lastUs : null,
    firstReceivedUs: batch.receivedUs[0]!,
    lastReceivedUs: batch.receivedUs[batch.length - 1]!,
  };
}

/** Whether each symbol's files, one after the other, are in order of exchange time. */
function areSorted(files: readonly TableFile[]): boolean {
  let [symbol, lastUs]: [string | null | undefined, number] = [undefined, Number.NEGATIVE_INFINITY];
  for (const file of files) {
    if (file.symbol !== symbol) [symbol, lastUs] = [file.symbol, Number.NEGATIVE_INFINITY];
    if (!file.isSorted || (file.firstExchangeUs ?? lastUs) < lastUs) return false;
    lastUs = file.lastExchangeUs ?? lastUs;
  }
  return true;
}
