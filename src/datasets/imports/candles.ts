// Files of candles, as archives and other programs keep them, become a dataset: one journal frame a candle, as it stood in
// the file, received when its interval ended. Nothing in them is made up: what has no start, price or volume is refused.
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DataError, UsageError } from '../../core/errors.ts';
import { type CandleDetail, type EventBatch, NO_INSTRUMENT, type StatusDetail } from '../../core/event.ts';
import {
  type Control,
  decodeControl,
  encodeControl,
  type JournalRecord,
  RecordKind,
  type Session,
} from '../../core/frame.ts';
import { formatDurationUs, formatTimeUs, parseTimeUs } from '../../core/time.ts';
import { JournalWriter } from '../../journal/writer.ts';
import type { Decoder } from '../../venues/venue.ts';
import { MANIFEST_FILE, type Manifest } from '../manifest.ts';
import { buildTables } from '../tables.ts';

/** What kind of files of candles are read. */
export const CANDLE_FORMATS = ['candles'] as const;
export type CandleFormat = (typeof CANDLE_FORMATS)[number];

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

type Row = { readonly candle: CandleDetail; readonly symbol: string; readonly text: string };

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

/** Decodes the frames of such a dataset: each is a row that says all of its candle. */
export class CandleDecoder implements Decoder {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  decode(record: JournalRecord, out: EventBatch): void {
    const { seq, receivedUs, kind, payload } = record;
    if (kind === RecordKind.control) {
      const control: Control = decodeControl(record);
      const detail: StatusDetail = { type: 'status', state: 'control', control };
      out.addDetail(detail, NO_INSTRUMENT, seq, receivedUs, Number.NaN);
      return;
    }
    const { symbols, candleUs } = this.#session;
    const row = parseRow(JSON.parse(new TextDecoder().decode(payload)), { symbols, intervalUs: candleUs });
    const instrument = typeof row === 'string' ? -1 : symbols.indexOf(row.symbol);
    if (typeof row === 'string' || instrument < 0) {
      const reason = typeof row === 'string' ? row : `candle of ${row.symbol}, which is not in the session`;
      const detail: StatusDetail = { type: 'status', state: 'unknown', reason };
      out.addDetail(detail, NO_INSTRUMENT, seq, receivedUs, Number.NaN);
      return;
    }
    const { candle } = row;
    const endUs = candle.startUs + candle.intervalUs;
    out.addDetail(candle, instrument, seq, receivedUs, endUs);
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

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const START = [
  'openTimeInMillis',
  'openTime',
  'open_time',
  'start',
  'time',
  'timestamp',
  'date',
  't',
  'openTimeInISO',
];
const LENGTH = ['sizeInMillis'];
const PRICES = {
  open: ['open', 'o'],
  high: ['high', 'h'],
  low: ['low', 'l'],
  close: ['close', 'c'],
} as const;
const VOLUME = ['volume', 'v'];
const TRADES = ['trades', 'count', 'n'];

/**
 * A candle out of a row, or what is wrong with it. A row is an object by the names that archives use, or an array of
 * start, open, high, low, close, volume. Numbers may be texts; a start is text or counted in s, ms, µs or ns since 1970.
 */
function parseRow(
  item: unknown,
  defaults: { readonly symbols: readonly string[]; readonly intervalUs: number },
): Omit<Row, 'text'> | string {
  const fields = Array.isArray(item) ? ofArray(item) : item;
  if (!isFields(fields)) return `${JSON.stringify(item)?.slice(0, 40)} is not a candle`;
  const startUs = timeOf(pick(fields, START));
  if (!Number.isSafeInteger(startUs)) return 'the start of the candle is not a time';
  const stated = pick(fields, LENGTH);
  const intervalUs = stated === undefined ? defaults.intervalUs : numberOf(stated) * 1000;
  if (!(Number.isSafeInteger(intervalUs) && intervalUs > 0))
    return 'its length is not known (name it by --interval)';
  const [open, high, low, close] = Object.values(PRICES).map((names) => numberOf(pick(fields, names)));
  const volume = numberOf(pick(fields, VOLUME));
  const trades = pick(fields, TRADES) === undefined ? 0 : numberOf(pick(fields, TRADES));
  const isWhole = Number.isSafeInteger(trades) && trades >= 0 && volume >= 0 && Number.isFinite(volume);
  const arePrices = low! > 0 && low! <= Math.min(open!, close!) && high! >= Math.max(open!, close!);
  if (!arePrices || !Number.isFinite(high))
    return `${open}, ${high}, ${low}, ${close} are not open, high, low, close`;
  if (!isWhole) return `volume ${volume} or trades ${trades} are not amounts`;
  const symbol = symbolOf(fields) ?? (defaults.symbols.length === 1 ? defaults.symbols[0] : undefined);
  if (symbol === undefined) return 'no instrument is named (name one by --symbols)';
  const values = { open: open!, high: high!, low: low!, close: close!, volume, trades };
  return { symbol, candle: { type: 'candle', startUs, intervalUs, ...values, isClosed: true } };
}

function ofArray([start, open, high, low, close, volume]: readonly unknown[]): Fields {
  return { start, open, high, low, close, volume };
}

function symbolOf({ symbol, product_id, base, counter, quote }: Fields): string | undefined {
  for (const name of [symbol, product_id]) if (typeof name === 'string' && name !== '') return name;
  const priced = counter ?? quote;
  return typeof base === 'string' && typeof priced === 'string' ? `${base}/${priced}` : undefined;
}

function pick(fields: Fields, names: readonly string[]): unknown {
  return fields[names.find((name) => fields[name] !== undefined) ?? ''];
}

function numberOf(value: unknown): number {
  return typeof value === 'number' || (typeof value === 'string' && value.trim() !== '')
    ? Number(value)
    : Number.NaN;
}

function timeOf(value: unknown): number {
  if (typeof value === 'string' && !/^\d+(\.\d+)?$/.test(value)) {
    return parseTimeUs(/^\d{4}-\d{2}-\d{2}$/.test(value) ? `${value}T00:00:00Z` : value);
  }
  const count = numberOf(value);
  if (count < 1e11) return count * 1e6;
  if (count < 1e14) return count * 1e3;
  return count < 1e17 ? count : Math.floor(count / 1e3);
}

/** The least time between two starts; NaN for a single candle. */
function inferInterval(items: readonly unknown[]): number {
  const starts = items
    .map((item) => timeOf(pick((Array.isArray(item) ? ofArray(item) : (item ?? {})) as Fields, START)))
    .filter((startUs) => Number.isFinite(startUs))
    .sort((a, b) => a - b);
  let least = Number.POSITIVE_INFINITY;
  for (let i = 1; i < starts.length; i++) {
    const apart = starts[i]! - starts[i - 1]!;
    if (apart > 0 && apart < least) least = apart;
  }
  return Number.isFinite(least) ? least : Number.NaN;
}

function missingOf(rows: readonly Row[]): number {
  let missing = 0;
  for (const own of Map.groupBy(rows, ({ symbol }) => symbol).values()) {
    const { startUs, intervalUs } = own[0]!.candle;
    missing += Math.round((own.at(-1)!.candle.startUs - startUs) / intervalUs) + 1 - own.length;
  }
  return missing;
}
