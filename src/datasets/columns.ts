// The derived tables' columns, and the way between them and events, both ways and without loss.
// A table holds one kind of event (status: the three that describe the feed itself); a column holds what the event
// column holds, so reading shares the arrays it is given and copies nothing.
import { unreachable } from '../core/assert.ts';
import { jsonDepth } from '../core/bounds.ts';
import { DataError } from '../core/errors.ts';
import {
  type CandleDetail,
  EVENT_KIND_NAMES,
  type EventBatch,
  type EventDetail,
  EventKind,
} from '../core/event.ts';
import type { Column, Schema, TableBatch } from '../parquet/parquet.ts';
import { TABLES, type TableName } from './manifest.ts';

export const TABLE_NAMES: readonly TableName[] = TABLES;

const order = { seq: 'int', ordinal: 'u32', received_us: 'time', exchange_us: 'time', flags: 'u8' } as const;

/** `flags` are the bits of `Flag`; sizes and volumes in base currency; `size` of a book row is absolute, 0 removes. */
export const tableSchemas: Readonly<Record<TableName, Schema>> = {
  trades: { ...order, price: 'f64', size: 'f64', id: 'int' },
  book: { ...order, price: 'f64', size: 'f64' },
  quotes: { ...order, bid: 'f64', bid_size: 'f64', ask: 'f64', ask_size: 'f64' },
  candles: {
    ...order,
    start_us: 'time',
    interval_us: 'int',
    open: 'f64',
    high: 'f64',
    low: 'f64',
    close: 'f64',
    volume: 'f64',
    trades: 'int',
    is_closed: 'u8',
  },
  /** `rate` is a fraction of a position's worth: positive, longs pay; `period_us` 0 is unknown. */
  funding: { ...order, rate: 'f64', period_us: 'f64', paid_us: 'time' },
  /** In base currency, and its worth in quote currency; 0 is unknown. */
  open_interest: { ...order, size: 'f64', worth: 'f64' },
  /** Index price 0 is unknown. */
  marks: { ...order, mark: 'f64', index: 'f64' },
  /** The flags say which side the order that closed the position took. */
  liquidations: { ...order, price: 'f64', size: 'f64' },
  /** `instrument` 65535 means none; `detail` is the event's JSON, NULL for a beat. */
  status: { ...order, kind: 'text', instrument: 'u16', detail: 'text' },
};

export function tableOf(kind: number): TableName {
  switch (kind) {
    case EventKind.trade:
      return 'trades';
    case EventKind.level:
      return 'book';
    case EventKind.quote:
      return 'quotes';
    case EventKind.candle:
      return 'candles';
    case EventKind.funding:
      return 'funding';
    case EventKind.interest:
      return 'open_interest';
    case EventKind.mark:
      return 'marks';
    case EventKind.liquidation:
      return 'liquidations';
    default:
      return 'status';
  }
}

/** A batch whose rows all belong to one table, as columns of that table. The arrays are shared. */
export function toColumns(table: TableName, batch: EventBatch): TableBatch {
  const { length } = batch;
  const shared: Record<string, Column> = {
    seq: batch.seq,
    ordinal: batch.ordinal,
    received_us: batch.receivedUs,
    exchange_us: batch.exchangeUs,
    flags: batch.flags,
  };
  switch (table) {
    case 'trades':
      return { length, columns: { ...shared, price: batch.price, size: batch.size, id: batch.id } };
    case 'book':
      return { length, columns: { ...shared, price: batch.price, size: batch.size } };
    case 'quotes':
      return {
        length,
        columns: {
          ...shared,
          bid: batch.price,
          bid_size: batch.size,
          ask: batch.price2,
          ask_size: batch.size2,
        },
      };
    case 'candles':
      return { length, columns: { ...shared, ...candleColumns(batch) } };
    case 'funding': {
      const { price: rate, size: period_us, id: paid_us } = batch;
      return { length, columns: { ...shared, rate, period_us, paid_us } };
    }
    case 'open_interest':
      return { length, columns: { ...shared, size: batch.size, worth: batch.size2 } };
    case 'marks':
      return { length, columns: { ...shared, mark: batch.price, index: batch.price2 } };
    case 'liquidations':
      return { length, columns: { ...shared, price: batch.price, size: batch.size } };
    case 'status':
      return { length, columns: { ...shared, ...statusColumns(batch) } };
    default:
      return unreachable(table);
  }
}

/**
 * Makes `out` the events of a table's rows. Its columns become the arrays of `rows`, so both are valid equally long.
 * `instrument` is that of the partition; the status table names its own. `where` names the files, for errors.
 */
export function fromColumns(
  table: TableName,
  rows: TableBatch,
  out: EventBatch,
  from: { readonly instrument: number; readonly where: string },
): void {
  out.reset();
  out.length = rows.length;
  out.seq = floats(rows, 'seq');
  out.ordinal = rows.columns.ordinal as Uint32Array;
  out.receivedUs = floats(rows, 'received_us');
  out.exchangeUs = floats(rows, 'exchange_us');
  out.flags = rows.columns.flags as Uint8Array;
  if (table !== 'status' && (out.capacity < rows.length || out.instrument[0] !== from.instrument)) {
    fillConstants(table, out, Math.max(out.capacity, rows.length), from.instrument);
  }
  switch (table) {
    case 'trades':
      out.id = floats(rows, 'id');
      out.price = floats(rows, 'price');
      out.size = floats(rows, 'size');
      return;
    case 'book':
      out.price = floats(rows, 'price');
      out.size = floats(rows, 'size');
      return;
    case 'quotes':
      out.price = floats(rows, 'bid');
      out.size = floats(rows, 'bid_size');
      out.price2 = floats(rows, 'ask');
      out.size2 = floats(rows, 'ask_size');
      return;
    case 'candles':
      readCandles(rows, out);
      return;
    case 'funding':
      out.price = floats(rows, 'rate');
      out.size = floats(rows, 'period_us');
      out.id = floats(rows, 'paid_us');
      return;
    case 'open_interest':
      out.size = floats(rows, 'size');
      out.size2 = floats(rows, 'worth');
      return;
    case 'marks':
      out.price = floats(rows, 'mark');
      out.price2 = floats(rows, 'index');
      return;
    case 'liquidations':
      out.price = floats(rows, 'price');
      out.size = floats(rows, 'size');
      return;
    case 'status':
      readStatus(rows, out, from.where);
      return;
    default:
      unreachable(table);
  }
}

/** The kind of a table's rows; those of the status table name their own. */
export const TABLE_KIND = {
  trades: EventKind.trade,
  book: EventKind.level,
  quotes: EventKind.quote,
  candles: EventKind.candle,
  funding: EventKind.funding,
  open_interest: EventKind.interest,
  marks: EventKind.mark,
  liquidations: EventKind.liquidation,
  status: EventKind.status,
} as const;

/** The columns that no file holds: equal in all rows of a partition. */
function fillConstants(table: TableName, out: EventBatch, capacity: number, instrument: number): void {
  out.capacity = capacity;
  out.kind = new Uint8Array(capacity).fill(TABLE_KIND[table]);
  out.instrument = new Uint16Array(capacity).fill(instrument);
  const zeros = new Float64Array(capacity);
  out.price = zeros;
  out.size = zeros;
  out.price2 = zeros;
  out.size2 = zeros;
  out.id = zeros;
}

function floats(rows: TableBatch, name: string): Float64Array {
  return rows.columns[name] as Float64Array;
}

function candleColumns(batch: EventBatch): Record<string, Column> {
  const { length } = batch;
  const columns = {
    start_us: new Float64Array(length),
    interval_us: new Float64Array(length),
    open: new Float64Array(length),
    high: new Float64Array(length),
    low: new Float64Array(length),
    close: new Float64Array(length),
    volume: new Float64Array(length),
    trades: new Float64Array(length),
    is_closed: new Uint8Array(length),
  };
  for (let row = 0; row < length; row++) {
    const candle = batch.detail[row] as CandleDetail;
    columns.start_us[row] = candle.startUs;
    columns.interval_us[row] = candle.intervalUs;
    columns.open[row] = candle.open;
    columns.high[row] = candle.high;
    columns.low[row] = candle.low;
    columns.close[row] = candle.close;
    columns.volume[row] = candle.volume;
    columns.trades[row] = candle.trades;
    columns.is_closed[row] = candle.isClosed ? 1 : 0;
  }
  return columns;
}

function readCandles(rows: TableBatch, out: EventBatch): void {
  const [startUs, intervalUs] = [floats(rows, 'start_us'), floats(rows, 'interval_us')];
  const [open, high, low, close] = [
    floats(rows, 'open'),
    floats(rows, 'high'),
    floats(rows, 'low'),
    floats(rows, 'close'),
  ];
  const [volume, trades] = [floats(rows, 'volume'), floats(rows, 'trades')];
  const isClosed = rows.columns.is_closed as Uint8Array;
  for (let row = 0; row < rows.length; row++) {
    out.detail[row] = {
      type: 'candle',
      startUs: startUs[row]!,
      intervalUs: intervalUs[row]!,
      open: open[row]!,
      high: high[row]!,
      low: low[row]!,
      close: close[row]!,
      volume: volume[row]!,
      trades: trades[row]!,
      isClosed: isClosed[row] === 1,
    };
  }
}

function statusColumns(batch: EventBatch): Record<string, Column> {
  const { length } = batch;
  return {
    kind: Array.from({ length }, (_, row) => EVENT_KIND_NAMES[batch.kind[row]!]!),
    instrument: batch.instrument,
    detail: Array.from({ length }, (_, row) => {
      const detail = batch.detail[row];
      return detail === undefined ? null : JSON.stringify(detail);
    }),
  };
}

function readStatus(rows: TableBatch, out: EventBatch, where: string): void {
  if (out.capacity < rows.length || out.kind.length < rows.length) {
    fillConstants('status', out, Math.max(out.capacity, rows.length), 0);
  }
  out.instrument = rows.columns.instrument as Uint16Array;
  const kinds = rows.columns.kind as readonly string[];
  const details = rows.columns.detail as readonly (string | null)[];
  for (let row = 0; row < rows.length; row++) {
    const kind = EventKind[kinds[row] as keyof typeof EventKind];
    if (kind === undefined) throw new DataError(`${where}: unknown kind of event: ${kinds[row]}`);
    out.kind[row] = kind;
    const text = details[row];
    if (typeof text === 'string') out.detail[row] = parseDetail(text, kinds[row]!, where);
  }
}

/** What the journal's recorder, a venue or an instrument said; the file may be somebody else's. */
function parseDetail(text: string, kind: string, where: string): EventDetail {
  try {
    if (jsonDepth(text, DEPTH_MAX) > DEPTH_MAX) throw new Error('nested too deep');
    const detail = JSON.parse(text) as Partial<Record<string, unknown>> | null;
    if (typeof detail !== 'object' || detail?.type !== kind) throw new Error(`not of kind ${kind}`);
    const own =
      kind === 'instrument' ? detail.instrument : detail.state === 'control' ? detail.control : detail;
    if (typeof own !== 'object' || own === null) throw new Error('it lacks what it tells of');
    const texts = ['state', 'channel', 'symbol', 'cause', 'detail', 'reason', 'text'];
    if (kind === 'status' && texts.some((key) => !['string', 'undefined'].includes(typeof detail[key]))) {
      throw new Error('a word in it is not a text');
    }
    return detail as unknown as EventDetail;
  } catch (cause) {
    throw new DataError(`${where}: a row of the status table: ${(cause as Error).message}`, { cause });
  }
}

const DEPTH_MAX = 32;
