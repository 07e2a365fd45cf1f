// A row of a file of candles: how it is read when it is imported, and again each time its dataset is decoded.
import { type CandleDetail, type EventBatch, NO_INSTRUMENT, type StatusDetail } from '../../core/event.ts';
import { decodeControl, type JournalRecord, RecordKind, type Session } from '../../core/frame.ts';
import { parseTimeUs } from '../../core/time.ts';
import { type FrameReader, guardFrame, MalformedFrame } from '../../venues/guard.ts';
import type { Decoder } from '../../venues/venue.ts';

export type CandleRow = { readonly candle: CandleDetail; readonly symbol: string };

/** Decodes the frames of a dataset of candles: each is a row that says all of its candle. */
export class CandleDecoder implements Decoder, FrameReader {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  decode(record: JournalRecord, out: EventBatch): void {
    const { seq, receivedUs, kind } = record;
    if (kind === RecordKind.control) {
      const detail: StatusDetail = { type: 'status', state: 'control', control: decodeControl(record) };
      out.addDetail(detail, NO_INSTRUMENT, seq, receivedUs, Number.NaN);
    } else {
      guardFrame(this, record, out);
    }
  }

  read({ seq, receivedUs, payload }: JournalRecord, out: EventBatch): void {
    const { symbols, candleUs } = this.#session;
    const row = parseRow(JSON.parse(new TextDecoder().decode(payload)), { symbols, intervalUs: candleUs });
    if (typeof row === 'string') throw new MalformedFrame(row);
    const instrument = symbols.indexOf(row.symbol);
    if (instrument < 0) throw new MalformedFrame(`candle of ${row.symbol}, which is not in the session`);
    const { candle } = row;
    out.addDetail(candle, instrument, seq, receivedUs, candle.startUs + candle.intervalUs);
  }

  /** A candle that could not be read leaves a hole, which the candles around it show. */
  miss(): void {}
}

type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
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
export function parseRow(
  item: unknown,
  defaults: { readonly symbols: readonly string[]; readonly intervalUs: number },
): CandleRow | string {
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
export function inferInterval(items: readonly unknown[]): number {
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
