// Books of a venue that is read by JSON.parse: when one is valid, what a hole in its numbers costs, how an answer over HTTP
// and the changes that came before it join. Rows leave only for a book that is known to be right; a book that is not asks
// for its snapshot once, and what comes meanwhile waits, in bounds.
import { type EventBatch, EventKind, Flag } from '../core/event.ts';
import type { JournalRecord } from '../core/frame.ts';
import type { Loss, StreamGaps } from './gaps.ts';
import type { Action, BookChecks } from './venue.ts';

export type Level = { readonly isAsk: boolean; readonly price: number; readonly size: number };

/** A message about a book. Sizes are absolute, 0 removes a level. */
export type BookMessage = {
  readonly levels: readonly Level[];
  readonly exchangeUs: number;
  /** The numbers of the changes in it, where the venue numbers them; `previous` is the one that came before. */
  readonly first?: number;
  readonly last?: number;
  readonly previous?: number;
};

export type BookRules = {
  /** What asks for a snapshot that comes as an answer over HTTP; absent where it comes among the frames. */
  readonly request?: (instrument: number) => Action;
  /** Levels per side beyond this are not the venue's any more, and are removed. */
  readonly cut?: number;
};

type Market = {
  isValid: boolean;
  isAsked: boolean;
  /** Of the last change that is in it; NaN where there are no numbers. */
  lastId: number;
  connection: number;
  readonly waiting: BookMessage[];
  /** Prices by side, best last, where the depth is cut. */
  readonly sides: readonly [bids: number[], asks: number[]];
  readonly checks: { -readonly [K in keyof BookChecks]: number };
};

/** Changes that wait for a snapshot, for one book; the oldest make way. */
const WAITING_MAX = 4096;

export class Books {
  readonly #rules: BookRules;
  readonly #gaps: StreamGaps;
  readonly #asks: Action[];
  readonly #markets: readonly Market[];

  constructor(count: number, rules: BookRules, gaps: StreamGaps, asks: Action[]) {
    this.#rules = rules;
    this.#gaps = gaps;
    this.#asks = asks;
    this.#markets = Array.from({ length: count }, () => ({
      isValid: false,
      isAsked: false,
      lastId: Number.NaN,
      connection: -1,
      waiting: [],
      sides: [[], []],
      checks: { verified: 0, failed: 0, unchecked: 0 },
    }));
  }

  get checks(): readonly BookChecks[] {
    return this.#markets.map(({ checks }) => checks);
  }

  isValid(number: number): boolean {
    return this.#markets[number]!.isValid;
  }

  /** The whole book, whatever it was before. */
  snapshot(number: number, message: BookMessage, record: JournalRecord, out: EventBatch): void {
    const market = this.#markets[number]!;
    market.connection = record.connection;
    market.isValid = true;
    market.isAsked = false;
    market.lastId = message.last ?? Number.NaN;
    for (const side of market.sides) side.length = 0;
    this.#gaps.hear('book', number, record, out);
    this.#emit(number, message, Flag.clear, record, out);
    const waiting = market.waiting.splice(0);
    for (const change of waiting) this.change(number, change, record, out);
  }

  change(number: number, message: BookMessage, record: JournalRecord, out: EventBatch): void {
    const market = this.#markets[number]!;
    market.connection = record.connection;
    if (!market.isValid) {
      market.checks.unchecked++;
      if (this.#rules.request !== undefined) this.#wait(number, message);
      else if (!this.#gaps.isOpen('book', number))
        this.lose(number, { cause: 'sequence', detail: 'update before a snapshot' }, record, out);
      return;
    }
    const { last, lastId } = { last: message.last, lastId: market.lastId };
    if (last !== undefined && last <= lastId) return;
    if (last !== undefined && !follows(message, lastId)) {
      market.checks.failed++;
      const detail = `changes after ${lastId} are missing`;
      this.lose(number, { cause: 'sequence', detail }, record, out);
      if (this.#rules.request !== undefined) this.#wait(number, message);
      return;
    }
    if (last === undefined) market.checks.unchecked++;
    else {
      market.checks.verified++;
      market.lastId = last;
    }
    this.#gaps.hear('book', number, record, out);
    this.#emit(number, message, 0, record, out);
  }

  /** The book is wrong from here to its next snapshot, which is asked for. */
  lose(number: number, loss: Loss, record: JournalRecord, out: EventBatch): void {
    this.reset(number);
    this.#gaps.lose('book', number, loss, record, out);
    if (this.#rules.request !== undefined) this.#ask(number);
    else this.#asks.push({ do: 'resync', channel: 'book', instrument: number, cause: loss.cause });
  }

  /** The book is wrong from here to its next snapshot, for a reason that is told elsewhere. */
  reset(number: number): void {
    const market = this.#markets[number]!;
    market.isValid = false;
    market.isAsked = false;
    market.waiting.length = 0;
  }

  /** The books that came on a connection, or all, are wrong from here on. */
  resetAll(connection?: number): void {
    for (const [number, market] of this.#markets.entries()) {
      if (connection === undefined || market.connection === connection) this.reset(number);
    }
  }

  /** What came on one connection comes on another from here on. */
  move(from: number, to: number): void {
    for (const market of this.#markets) if (market.connection === from) market.connection = to;
  }

  #wait(number: number, message: BookMessage): void {
    const { waiting } = this.#markets[number]!;
    waiting.push(message);
    if (waiting.length > WAITING_MAX) waiting.shift();
    this.#ask(number);
  }

  #ask(number: number): void {
    const market = this.#markets[number]!;
    if (market.isAsked) return;
    market.isAsked = true;
    this.#asks.push(this.#rules.request!(number));
  }

  /** Its rows, then a removal for each level that the depth pushes out. */
  #emit(number: number, message: BookMessage, first: number, record: JournalRecord, out: EventBatch): void {
    const { levels, exchangeUs } = message;
    let flags = first;
    let last = -1;
    const add = (isAsk: boolean, price: number, size: number): void => {
      last = out.add(EventKind.level, number, record.seq, record.receivedUs, exchangeUs);
      out.flags[last] = flags | (isAsk ? Flag.ask : 0);
      out.price[last] = price;
      out.size[last] = size;
      flags = 0;
    };
    for (const { isAsk, price, size } of levels) add(isAsk, price, size);
    if (this.#rules.cut !== undefined) this.#cut(number, levels, this.#rules.cut, add);
    // An empty snapshot is one row without a price.
    if (last < 0 && first !== 0) add(false, Number.NaN, 0);
    if (last >= 0) out.flags[last] = out.flags[last]! | Flag.last;
  }

  #cut(
    number: number,
    levels: readonly Level[],
    depth: number,
    remove: (isAsk: boolean, price: number, size: number) => void,
  ): void {
    const { sides } = this.#markets[number]!;
    for (const { isAsk, price, size } of levels) put(sides[isAsk ? 1 : 0], isAsk ? -price : price, size > 0);
    for (const [at, side] of sides.entries()) {
      while (side.length > depth) remove(at === 1, Math.abs(side.shift()!), 0);
    }
  }
}

function follows({ first, last, previous }: BookMessage, lastId: number): boolean {
  if (Number.isNaN(lastId)) return true;
  if (previous !== undefined) return previous === lastId;
  return (first ?? last!) <= lastId + 1;
}

/** Keys rise towards the best level. */
function put(side: number[], key: number, isThere: boolean): void {
  const at = side.findIndex((other) => other >= key);
  const isFound = at >= 0 && side[at] === key;
  if (isFound && !isThere) side.splice(at, 1);
  else if (!isFound && isThere) side.splice(at < 0 ? side.length : at, 0, key);
}
