// What came of each strategy. It stands between the engine and its log, counts the records that pass, and changes none;
// what no record tells (calls, events, books that became valid) is counted where it happens and read at the end.
import type { EventCounts, InputActivity, StrategyActivity } from '../core/activity.ts';
import type { EventBatch } from '../core/event.ts';
import type { OrderStatus } from '../core/order.ts';
import type { RunLog, RunRecord } from '../core/record.ts';
import { formatDurationUs } from '../core/time.ts';
import type { Declared, DeclaredInput } from './graph.ts';
import type { Runner } from './runner.ts';

/** What was heard of one instrument. Plain numbers, counted up on the hot path. */
export class Heard {
  trades = 0;
  books = 0;
  quotes = 0;
  candles = 0;
  /** Venue's and engine's time of the last change of book or ticker, µs; NaN before the first, or where unknown. */
  exchangeUs = Number.NaN;
  receivedUs = Number.NaN;
  /** When a quote was there to be seen for the first time, and when a valid book was, µs; NaN before. */
  quotedSinceUs = Number.NaN;
  bookedSinceUs = Number.NaN;

  onBook(batch: EventBatch, row: number, isValid: boolean): void {
    this.books++;
    this.exchangeUs = batch.exchangeUs[row]!;
    this.receivedUs = batch.receivedUs[row]!;
    if (!isValid || !Number.isNaN(this.bookedSinceUs)) return;
    this.bookedSinceUs = this.receivedUs;
    if (Number.isNaN(this.quotedSinceUs)) this.quotedSinceUs = this.receivedUs;
  }

  onQuote(batch: EventBatch, row: number): void {
    this.quotes++;
    this.exchangeUs = batch.exchangeUs[row]!;
    this.receivedUs = batch.receivedUs[row]!;
    if (Number.isNaN(this.quotedSinceUs)) this.quotedSinceUs = this.receivedUs;
  }

  /** Nothing but candles has been heard, if anything. */
  get hasOnlyCandles(): boolean {
    return this.trades + this.books + this.quotes === 0;
  }

  get counts(): EventCounts {
    const { trades, books, quotes, candles } = this;
    return { trades, books, quotes, candles };
  }
}

/** Of one strategy, as its records pass. */
type Tally = {
  signals: number;
  faults: number;
  /** By number: an order is recorded at each change of its state. */
  /** What became of each so far, by id. */
  readonly orders: Map<number, OrderStatus>;
  readonly rejections: Record<string, number>;
};

export class Activity implements RunLog {
  readonly #log: RunLog;
  readonly #heard: readonly Heard[];
  readonly #symbols: readonly string[];
  readonly #tallies = new Map<string, Tally>();
  readonly #declared = new Map<string, Declared>();
  /** When each output was recorded for the first time, by `strategy.input.output`. */
  readonly #firstUs = new Map<string, number>();
  /** By symbol, then by reason. */
  readonly #unused = new Map<string, Record<string, number>>();

  constructor(log: RunLog, symbols: readonly string[], heard: readonly Heard[]) {
    this.#log = log;
    this.#symbols = symbols;
    this.#heard = heard;
  }

  add(id: string, declared: Declared): void {
    this.#declared.set(id, declared);
    this.#tallies.set(id, { signals: 0, faults: 0, orders: new Map(), rejections: {} });
  }

  write(record: RunRecord): void {
    this.#count(record);
    this.#log.write(record);
  }

  of(runner: Runner): StrategyActivity {
    const { signals, orders, faults, rejections } = this.#tallies.get(runner.id)!;
    const { inputs } = this.#declared.get(runner.id)!;
    const instruments = [...new Set(inputs.map(({ instrument }) => instrument))];
    const unused: Record<string, number> = {};
    for (const instrument of instruments) {
      for (const [reason, count] of Object.entries(this.#unused.get(this.#symbols[instrument]!) ?? {})) {
        unused[reason] = (unused[reason] ?? 0) + count;
      }
    }
    return {
      strategy: runner.id,
      isActive: runner.isActive,
      calls: runner.calls,
      skipped: runner.skipped,
      signals,
      orders: orders.size,
      fills: runner.fills,
      pending: countOf(orders, 'pending'),
      open: countOf(orders, 'open'),
      rejections,
      faults,
      unused,
      events: Object.fromEntries(
        instruments.map((instrument) => [this.#symbols[instrument]!, this.#heard[instrument]!.counts]),
      ),
      inputs: inputs.map((input) => this.#inputOf(runner.id, input)),
    };
  }

  #count(record: RunRecord): void {
    switch (record.type) {
      case 'signal':
        this.#tallies.get(record.strategy)!.signals++;
        return;
      case 'order': {
        const { id, strategy, status, reason } = record.order;
        const tally = this.#tallies.get(strategy)!;
        tally.orders.set(id, status);
        if (status === 'rejected') countUp(tally.rejections, withoutNumbers(reason));
        return;
      }
      case 'fault':
        this.#tallies.get(record.strategy)!.faults++;
        return;
      case 'indicator':
      case 'candle':
        if (!this.#firstUs.has(record.name)) this.#firstUs.set(record.name, record.timeUs);
        return;
      case 'unused': {
        let reasons = this.#unused.get(record.symbol);
        if (reasons === undefined) {
          reasons = {};
          this.#unused.set(record.symbol, reasons);
        }
        countUp(reasons, withoutNumbers(record.reason), record.count);
        return;
      }
      default:
    }
  }

  #inputOf(id: string, declared: DeclaredInput): InputActivity {
    const { name, instrument, spec, node, indicator } = declared;
    const symbol = this.#symbols[instrument]!;
    if (node === undefined) {
      const heard = this.#heard[instrument]!;
      const sinceUs = spec.input === 'book' ? heard.bookedSinceUs : heard.quotedSinceUs;
      const what = spec.input === 'book' ? `book(${spec.levels})` : 'quote';
      const none = { closed: 0, warmup: 0, warmupLeft: 0, memory: 1 };
      return { name, input: spec.input, what, symbol, ...none, readySinceUs: nullable(sinceUs) };
    }
    const closed = node.series.closedCount;
    const interval = formatDurationUs(node.series.intervalUs);
    const warmup = indicator?.warmup ?? 1;
    return {
      name,
      input: spec.input,
      what: spec.input === 'indicator' ? `${spec.key.replace('({})', '()')} of ${interval}` : interval,
      symbol,
      closed,
      warmup,
      warmupLeft: Math.max(0, warmup - closed),
      memory: indicator === undefined ? 1 : (indicator.memory ?? null),
      readySinceUs: nullable(this.#readySinceUs(`${id}.${name}`, indicator?.outputs)),
    };
  }

  /** When the last of its outputs was recorded for the first time; NaN while one never was. */
  #readySinceUs(name: string, outputs: readonly string[] | undefined): number {
    if (outputs === undefined) return this.#firstUs.get(name) ?? Number.NaN;
    return Math.max(...outputs.map((output) => this.#firstUs.get(`${name}.${output}`) ?? Number.NaN));
  }
}

function countOf(orders: ReadonlyMap<number, OrderStatus>, status: OrderStatus): number {
  let count = 0;
  for (const other of orders.values()) if (other === status) count++;
  return count;
}

function countUp(counts: Record<string, number>, key: string, times = 1): void {
  counts[key] = (counts[key] ?? 0) + times;
}

function nullable(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}

/** Reasons that differ in their amounts only are one reason. */
function withoutNumbers(reason: string): string {
  return reason.replaceAll(/(?<![\p{L}\d])-?\d[\d,]*(\.\d+)?(e[-+]?\d+)?(?![\p{L}\d.])/gu, '#');
}
