// Where two feeds part: the first event that is not the same in every column, with the events around it as text.
import { assert } from '../core/assert.ts';
import { EVENT_KIND_NAMES, type EventBatch, EventKind, type Feed, Flag } from '../core/event.ts';
import { formatTimeUs } from '../core/time.ts';
import { isSameEvent } from '../datasets/read.ts';

/** An event for people. */
export type DescribedEvent = {
  /** One line: all fields that are not empty. */
  readonly text: string;
  /** Field names and values, in the order in which they are shown. */
  readonly fields: Readonly<Record<string, string>>;
};

export type FeedDifference = {
  /** Position in the feeds, counted from 0. */
  readonly event: number;
  /** Undefined when that feed has ended. */
  readonly left?: DescribedEvent;
  readonly right?: DescribedEvent;
  /** Names of the fields that differ. */
  readonly fields: readonly string[];
  /** The last events that both have, oldest first. */
  readonly before: readonly DescribedEvent[];
  readonly leftAfter: readonly DescribedEvent[];
  readonly rightAfter: readonly DescribedEvent[];
};

export type DifferOptions = {
  /** Events before this position are skipped. Default 0. */
  readonly fromEvent?: number;
  /** Events from this position on are not looked at. Default: the end. */
  readonly toEvent?: number;
  /** Events shown before and after. Default 3. */
  readonly context?: number;
};

/** Undefined when the feeds are equal over the span. Sequence numbers are shown but not compared. */
export async function firstDifference(
  left: Feed,
  right: Feed,
  options: DifferOptions = {},
): Promise<FeedDifference | undefined> {
  const { fromEvent = 0, toEvent = Number.POSITIVE_INFINITY, context = 3 } = options;
  assert(fromEvent >= 0 && context >= 0, 'positions and counts are not negative');
  const a = new Cursor(left, context);
  const b = new Cursor(right, context);
  try {
    for (let event = 0; event < toEvent; event++) {
      const hasLeft = a.hasRow() || (await a.refill());
      const hasRight = b.hasRow() || (await b.refill());
      if (!hasLeft && !hasRight) return undefined;
      if (event >= fromEvent && !(hasLeft && hasRight && isSameEvent(a.batch, a.row, b.batch, b.row))) {
        return await describeDifference(a, b, event, context);
      }
      a.row++;
      b.row++;
    }
    return undefined;
  } finally {
    await Promise.all([a.close(), b.close()]);
  }
}

export function describeEvent(batch: EventBatch, row: number, symbols: readonly string[]): DescribedEvent {
  const fields = fieldsOf(batch, row, symbols);
  const { kind, received, ...rest } = fields;
  const pairs = Object.entries(rest).filter(([, value]) => value !== '');
  return { text: [received, kind, ...pairs.map(([name, value]) => `${name}=${value}`)].join(' '), fields };
}

function fieldsOf(batch: EventBatch, row: number, symbols: readonly string[]): Record<string, string> {
  const kind = batch.kind[row]!;
  const shared = {
    kind: EVENT_KIND_NAMES[kind] ?? String(kind),
    received: formatTimeUs(batch.receivedUs[row]!),
    exchange: formatTimeUs(batch.exchangeUs[row]!),
    symbol: symbols[batch.instrument[row]!] ?? '',
    seq: `${batch.seq[row]}.${batch.ordinal[row]}`,
    flags: flagNames(batch.flags[row]!),
  };
  const price = String(batch.price[row]);
  const size = String(batch.size[row]);
  const detail = batch.detail[row];
  if (detail !== undefined) return { ...shared, detail: JSON.stringify(detail) };
  switch (kind) {
    case EventKind.level:
      return { ...shared, price, size };
    case EventKind.trade:
      return { ...shared, price, size, id: String(batch.id[row]) };
    case EventKind.quote:
      return {
        ...shared,
        bid: price,
        bidSize: size,
        ask: String(batch.price2[row]),
        askSize: String(batch.size2[row]),
      };
    case EventKind.funding:
      return { ...shared, rate: price, periodUs: size, paidUs: String(batch.id[row]) };
    case EventKind.interest:
      return { ...shared, size, worth: String(batch.size2[row]) };
    case EventKind.mark:
      return { ...shared, mark: price, index: String(batch.price2[row]) };
    case EventKind.liquidation:
      return { ...shared, price, size };
    default:
      return shared;
  }
}

class Cursor {
  readonly symbols: readonly string[];
  readonly #batches: AsyncIterator<EventBatch>;
  readonly #context: number;
  #batch: EventBatch | undefined;
  /** The last events of the batches before this one. */
  #passed: readonly DescribedEvent[] = [];
  row = 0;

  constructor(feed: Feed, context: number) {
    this.#context = context;
    this.symbols = feed.symbols;
    this.#batches = feed.batches()[Symbol.asyncIterator]();
  }

  get batch(): EventBatch {
    assert(this.#batch !== undefined, 'a cursor is filled before it is read');
    return this.#batch;
  }

  hasRow(): boolean {
    return this.#batch !== undefined && this.row < this.#batch.length;
  }

  async refill(): Promise<boolean> {
    this.#passed = this.before();
    for (;;) {
      const result = await this.#batches.next();
      if (result.done === true) {
        this.#batch = undefined;
        this.row = 0;
        return false;
      }
      this.#batch = result.value;
      this.row = 0;
      if (this.#batch.length > 0) return true;
    }
  }

  /** The events just before the current row, oldest first. */
  before(): readonly DescribedEvent[] {
    const events = [...this.#passed];
    for (let row = Math.max(0, this.row - this.#context); row < this.row; row++) {
      events.push(describeEvent(this.batch, row, this.symbols));
    }
    return this.#context === 0 ? [] : events.slice(-this.#context);
  }

  describe(): DescribedEvent {
    return describeEvent(this.batch, this.row, this.symbols);
  }

  async close(): Promise<void> {
    await this.#batches.return?.();
  }
}

async function describeDifference(
  a: Cursor,
  b: Cursor,
  event: number,
  context: number,
): Promise<FeedDifference> {
  const before = a.before();
  const left = a.hasRow() ? a.describe() : undefined;
  const right = b.hasRow() ? b.describe() : undefined;
  const names = new Set([...Object.keys(left?.fields ?? {}), ...Object.keys(right?.fields ?? {})]);
  names.delete('seq');
  return {
    event,
    ...(left !== undefined && { left }),
    ...(right !== undefined && { right }),
    fields: [...names].filter((name) => left?.fields[name] !== right?.fields[name]),
    before,
    leftAfter: await following(a, context),
    rightAfter: await following(b, context),
  };
}

async function following(cursor: Cursor, count: number): Promise<DescribedEvent[]> {
  const events: DescribedEvent[] = [];
  while (events.length < count) {
    if (cursor.hasRow()) cursor.row++;
    if (!cursor.hasRow() && !(await cursor.refill())) break;
    events.push(cursor.describe());
  }
  return events;
}

function flagNames(flags: number): string {
  return Object.entries(Flag)
    .filter(([, bit]) => (flags & bit) !== 0)
    .map(([name]) => name)
    .join(' ');
}
