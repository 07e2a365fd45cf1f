// The run log as Parquet tables for DuckDB and notebooks: signals, orders, fills, positions, indicators, candles, equity.
// They are derived: the log stays the truth, and the same log gives the same rows in the same order.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { RunRecord } from '../core/record.ts';
import { type Schema, type TableBatch, writeParquet } from '../parquet/parquet.ts';
import { parseRecord, readLines, valuesOf } from './log.ts';

type Cell = number | string | null;
type Table = {
  readonly type: RunRecord['type'];
  readonly schema: Schema;
  readonly row: (record: RunRecord) => Readonly<Record<string, Cell>>;
  /** Rows of another type of record, which has several. */
  readonly also?: {
    readonly type: RunRecord['type'];
    readonly rows: (record: RunRecord) => readonly Readonly<Record<string, Cell>>[];
  };
};

const POSITION = { event: 'int', seq: 'int', time_us: 'time' } as const;

/** Columns of each table; every row also has event (index in the run), seq (tape position) and time_us. */
const TABLES: Readonly<Record<string, Table>> = {
  signals: {
    type: 'signal',
    schema: {
      ...POSITION,
      signal_id: 'int',
      strategy: 'text',
      action: 'text',
      symbol: 'text',
      reason: 'text',
      json: 'text',
    },
    row: (r) =>
      r.type !== 'signal'
        ? {}
        : {
            signal_id: r.id,
            strategy: r.strategy,
            action: r.signal.action,
            symbol: r.signal.symbol ?? null,
            reason: r.signal.reason,
            json: JSON.stringify(r.signal),
          },
  },
  orders: {
    type: 'order',
    schema: {
      ...POSITION,
      order_id: 'int',
      signal_id: 'int',
      strategy: 'text',
      symbol: 'text',
      side: 'text',
      order_type: 'text',
      status: 'text',
      size: 'f64',
      filled_size: 'f64',
      price: 'f64',
      reason: 'text',
      created_us: 'time',
      due_us: 'time',
    },
    row: (r) =>
      r.type !== 'order'
        ? {}
        : {
            order_id: r.order.id,
            signal_id: r.order.signal,
            strategy: r.order.strategy,
            symbol: r.order.symbol,
            side: r.order.side,
            order_type: r.order.type,
            status: r.order.status,
            size: r.order.size,
            filled_size: r.order.filledSize,
            price: r.order.price,
            reason: r.order.reason,
            created_us: r.order.createdUs,
            due_us: r.order.dueUs,
          },
  },
  fills: {
    type: 'fill',
    schema: {
      ...POSITION,
      fill_id: 'int',
      order_id: 'int',
      signal_id: 'int',
      strategy: 'text',
      symbol: 'text',
      side: 'text',
      price: 'f64',
      size: 'f64',
      fee: 'text',
      fee_currency: 'text',
      liquidity: 'text',
      signal_mid: 'f64',
      arrival_mid: 'f64',
      fill_mid: 'f64',
      mark_low: 'f64',
      mark_high: 'f64',
      rate: 'f64',
      realized: 'text',
      is_across_gap: 'int',
    },
    row: (r) =>
      r.type !== 'fill'
        ? {}
        : {
            fill_id: r.fill.id,
            order_id: r.fill.order,
            signal_id: r.fill.signal,
            strategy: r.fill.strategy,
            symbol: r.fill.symbol,
            side: r.fill.side,
            price: r.fill.price,
            size: r.fill.size,
            fee: r.fill.fee,
            fee_currency: r.fill.feeCurrency,
            liquidity: r.fill.liquidity,
            signal_mid: r.fill.signalMid,
            arrival_mid: r.fill.arrivalMid,
            fill_mid: r.fill.fillMid,
            mark_low: r.fill.markLow,
            mark_high: r.fill.markHigh,
            rate: r.fill.rate ?? 1,
            realized: r.fill.realized,
            is_across_gap: r.fill.isAcrossGap === true ? 1 : 0,
          },
  },
  positions: {
    type: 'position',
    schema: {
      ...POSITION,
      strategy: 'text',
      symbol: 'text',
      currency: 'text',
      size: 'text',
      entry_price: 'f64',
      mark_price: 'f64',
      unrealized: 'text',
      rate: 'f64',
      mark_low: 'f64',
      mark_high: 'f64',
    },
    row: (r) =>
      r.type !== 'position'
        ? {}
        : {
            strategy: r.strategy,
            symbol: r.symbol,
            currency: r.currency,
            size: r.size,
            entry_price: r.entryPrice,
            mark_price: r.markPrice,
            unrealized: r.unrealized,
            rate: r.rate ?? 1,
            mark_low: r.markLow,
            mark_high: r.markHigh,
          },
  },
  indicators: {
    type: 'indicator',
    schema: { ...POSITION, name: 'text', at_us: 'time', value: 'f64' },
    row: (r) => (r.type !== 'indicator' ? {} : { name: r.name, at_us: r.atUs, value: r.value }),
    also: {
      type: 'sample',
      rows: (r) =>
        r.type !== 'sample' ? [] : valuesOf(r).map(([name, value]) => ({ name, at_us: r.atUs, value })),
    },
  },
  candles: {
    type: 'candle',
    schema: {
      ...POSITION,
      name: 'text',
      symbol: 'text',
      interval_us: 'int',
      start_us: 'time',
      open: 'f64',
      high: 'f64',
      low: 'f64',
      close: 'f64',
      volume: 'f64',
      buy_volume: 'f64',
      sell_volume: 'f64',
      trades: 'int',
      is_partial: 'int',
    },
    row: (r) =>
      r.type !== 'candle'
        ? {}
        : {
            name: r.name,
            symbol: r.symbol,
            interval_us: r.intervalUs,
            start_us: r.startUs,
            open: r.open,
            high: r.high,
            low: r.low,
            close: r.close,
            volume: r.volume,
            buy_volume: r.buyVolume,
            sell_volume: r.sellVolume,
            trades: r.trades,
            is_partial: r.isPartial ? 1 : 0,
          },
  },
  equity: {
    type: 'equity',
    schema: {
      ...POSITION,
      strategy: 'text',
      currency: 'text',
      equity: 'text',
      cash: 'text',
      realized: 'text',
      fees: 'text',
      positions: 'text',
      balances: 'text',
      rate_age_us: 'int',
    },
    row: (r) =>
      r.type !== 'equity'
        ? {}
        : {
            strategy: r.strategy,
            currency: r.currency,
            equity: r.equity,
            cash: r.cash,
            realized: r.realized,
            fees: r.fees,
            positions: JSON.stringify(r.positions),
            balances: JSON.stringify(r.balances ?? {}),
            rate_age_us: r.rateAgeUs ?? 0,
          },
  },
};

/** Files of the tables, beside the log. */
export const TABLE_FILES: readonly string[] = Object.keys(TABLES).map((name) => `${name}.parquet`);

/**
 * Writes `<table>.parquet` for each table beside the log. Returns rows by table; undefined, with no table written, when
 * the signal was raised before all were done.
 */
export async function writeTables(
  folder: string,
  signal?: AbortSignal,
): Promise<Readonly<Record<string, number>> | undefined> {
  const rows: Record<string, number> = {};
  const log = join(folder, 'events.jsonl');
  try {
    for (const [name, table] of Object.entries(TABLES)) {
      await nextTurn();
      const written = await writeParquet(
        join(folder, `${name}.parquet`),
        table.schema,
        batchesOf(log, table, signal),
      );
      rows[name] = written.rows;
    }
  } catch (error) {
    if (signal?.aborted !== true) throw error;
    for (const file of TABLE_FILES) rmSync(join(folder, file), { force: true });
    return undefined;
  }
  return rows;
}

const BATCH_ROWS = 8192;

function* batchesOf(log: string, table: Table, signal: AbortSignal | undefined): Generator<TableBatch> {
  signal?.throwIfAborted();
  const { also } = table;
  const prefix = `{"type":"${table.type}"`;
  const otherPrefix = also === undefined ? undefined : `{"type":"${also.type}"`;
  let rows: Readonly<Record<string, Cell>>[] = [];
  for (const line of readLines(log)) {
    const isOther = otherPrefix !== undefined && line.startsWith(otherPrefix);
    if (!isOther && !line.startsWith(prefix)) continue;
    const record = parseRecord(line);
    const own = isOther ? also!.rows(record) : [table.row(record)];
    for (const row of own) {
      rows.push({ event: record.event, seq: record.seq, time_us: record.timeUs, ...row });
    }
    if (rows.length >= BATCH_ROWS) {
      yield toBatch(table.schema, rows);
      signal?.throwIfAborted();
      rows = [];
    }
  }
  yield toBatch(table.schema, rows);
}

function toBatch(schema: Schema, rows: readonly Readonly<Record<string, Cell>>[]): TableBatch {
  const columns: Record<string, Float64Array | (string | null)[]> = {};
  for (const [name, type] of Object.entries(schema)) {
    columns[name] =
      type === 'text'
        ? rows.map((row) => (row[name] == null ? null : String(row[name])))
        : Float64Array.from(rows, (row) => Number(row[name] ?? Number.NaN));
  }
  return { length: rows.length, columns };
}
