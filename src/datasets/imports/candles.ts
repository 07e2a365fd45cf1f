// Files of candles, as archives and other programs keep them, become a dataset: one journal frame a candle, as it stood in
// the file, received when its interval ended. Nothing in them is made up: what has no start, price or volume is refused.
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DataError, UsageError } from '../../core/errors.ts';
import { encodeControl, RecordKind, type Session } from '../../core/frame.ts';
import { formatDurationUs, formatTimeUs } from '../../core/time.ts';
import { JournalWriter } from '../../journal/writer.ts';
import { MANIFEST_FILE, type Manifest } from '../manifest.ts';
import { buildTables } from '../tables.ts';
import { type CandleRow, inferInterval, isFields, parseRow } from './candle-row.ts';

/** What kind of files of candles are read. */
export const CANDLE_FORMATS = ['candles'] as const;

export type CandleImport = {
  readonly files: readonly string[];
  /** Whose candles they are; what a run file names. */
  readonly venue: string;
  readonly out: string;
  /** Of rows that name none: one symbol. */
  readonly symbols?: readonly string[] | undefined;
  /** Default: as the rows say, else the least time between two of them. */
  readonly intervalUs?: number | undefined;
  readonly skipsBad?: boolean | undefined;
  readonly software: string;
};

export type CandleImportResult = {
  readonly recording: string;
  readonly candles: number;
  readonly intervalUs: number;
  /** Intervals between the first and the last candle of a symbol that have none. */
  readonly missing: number;
  readonly skipped: number;
  readonly manifest: Manifest;
};

type Row = CandleRow & { readonly text: string };

const ROWS_SYNC = 20_000;

/** Throws UsageError on a wrong request, DataError naming file and row on what is not a candle. */
export async function importCandles(options: CandleImport): Promise<CandleImportResult> {
  const { out, venue, software } = options;
  const journal = join(out, 'journal');
  if (existsSync(join(out, MANIFEST_FILE)) || existsSync(journal)) {
    throw new UsageError(`${out}: there is a recording already (choose another --out)`);
  }
  const hadFolder = existsSync(out);
  const { rows, skipped } = readAll(options);
  const symbols = [...new Set(rows.map(({ symbol }) => symbol))];
  const { intervalUs } = rows[0]!.candle;
  const session: Session = {
    ...{ venue, url: '', symbols, channels: ['candles'], depth: 0, candleUs: intervalUs },
    frames: 'candles',
  };
  try {
    await writeJournal(journal, { rows, session, software });
    const manifest = await buildTables(out);
    const missing = missingOf(rows);
    return { recording: out, candles: rows.length, intervalUs, missing, skipped, manifest };
  } catch (error) {
    rmSync(journal, { recursive: true, force: true });
    if (!hadFolder && existsSync(out) && readdirSync(out).length === 0) rmdirSync(out);
    throw error;
  }
}

function readAll(options: CandleImport): { readonly rows: readonly Row[]; readonly skipped: number } {
  const { files, skipsBad = false } = options;
  const items = files.flatMap((file) =>
    readRows(file).map((item, index) => ({ item, where: `${file}: row ${index + 1}` })),
  );
  const intervalUs = options.intervalUs ?? inferInterval(items.map(({ item }) => item));
  const rows: Row[] = [];
  let skipped = 0;
  for (const { item, where } of items) {
    const row = parseRow(item, { symbols: options.symbols ?? [], intervalUs });
    if (typeof row !== 'string') rows.push({ ...row, text: JSON.stringify(item) });
    else if (skipsBad) skipped++;
    else throw new DataError(`${where}: ${row} (--skip-bad leaves such rows out)`);
  }
  if (rows.length === 0) throw new DataError(`${files.join(', ')}: no candles there`);
  const lengths = new Set(rows.map(({ candle }) => candle.intervalUs));
  if (lengths.size > 1) {
    const list = [...lengths].map(formatDurationUs).join(', ');
    throw new DataError(`${files.join(', ')}: candles of ${list} together (import each length by itself)`);
  }
  const inOrder = rows.toSorted((a, b) => a.candle.startUs - b.candle.startUs);
  const seen = new Set<string>();
  for (const { candle, symbol } of inOrder) {
    const key = `${symbol} ${candle.startUs}`;
    if (seen.has(key)) {
      throw new DataError(
        `${files.join(', ')}: two candles of ${symbol} begin at ${formatTimeUs(candle.startUs)}`,
      );
    }
    seen.add(key);
  }
  return { rows: inOrder, skipped };
}

/** The rows of a file: a JSON array, or an object that holds one. */
function readRows(file: string): readonly unknown[] {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    const why = cause instanceof SyntaxError ? 'is not JSON' : `cannot be read: ${(cause as Error).message}`;
    throw new DataError(`${file} ${why}`, { cause });
  }
  const list = isFields(value) ? Object.values(value).find((inner) => Array.isArray(inner)) : value;
  if (!Array.isArray(list)) throw new DataError(`${file}: no array of candles in it`);
  return list;
}

async function writeJournal(
  folder: string,
  from: { readonly rows: readonly Row[]; readonly session: Session; readonly software: string },
): Promise<void> {
  const { rows, session, software } = from;
  const options = { rotateBytes: 128e6, rotateUs: Number.POSITIVE_INFINITY, seal: false };
  const writer = await JournalWriter.open(folder, options);
  const encoder = new TextEncoder();
  try {
    let atUs = endOf(rows[0]!);
    const begin = encodeControl({ type: 'session', session, software, node: process.version });
    writer.append(RecordKind.control, 0, atUs, begin);
    for (const [index, row] of rows.entries()) {
      atUs = endOf(row);
      writer.append(RecordKind.text, 0, atUs, encoder.encode(row.text));
      if (index % ROWS_SYNC === ROWS_SYNC - 1) await writer.sync();
    }
    writer.append(RecordKind.control, 0, atUs, encodeControl({ type: 'end', reason: 'end of the candles' }));
  } finally {
    await writer.close();
  }
}

function endOf({ candle }: Row): number {
  return candle.startUs + candle.intervalUs;
}

function missingOf(rows: readonly Row[]): number {
  let missing = 0;
  for (const own of Map.groupBy(rows, ({ symbol }) => symbol).values()) {
    const { startUs, intervalUs } = own[0]!.candle;
    missing += Math.round((own.at(-1)!.candle.startUs - startUs) / intervalUs) + 1 - own.length;
  }
  return missing;
}
