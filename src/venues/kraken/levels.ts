// The book channel: applies book frames, proves them by the checksum, emits level rows that need no depth rule.
// Invariants: no row leaves for a book that its checksum did not confirm; a book that failed stays silent until its
// next snapshot.
import { type EventBatch, EventKind, Flag } from '../../core/event.ts';
import type { JournalRecord, VenueSession } from '../../core/frame.ts';
import type { Loss, StreamGaps } from '../gaps.ts';
import type { Instruments } from '../instruments.ts';
import type { Action, BookChecks } from '../venue.ts';
import { ChecksumBook } from './book.ts';
import { BookFrame } from './frames.ts';

type Market = {
  readonly book: ChecksumBook;
  isValid: boolean;
  readonly checks: { -readonly [K in keyof BookChecks]: number };
};

export class LevelChannel {
  /** Filled by whoever read the frame, consumed by `apply`. */
  readonly frame = new BookFrame();
  readonly #depth: number;
  readonly #markets: readonly Market[];
  readonly #instruments: Instruments;
  readonly #gaps: StreamGaps;
  readonly #asks: Action[];

  constructor(session: VenueSession, instruments: Instruments, gaps: StreamGaps, asks: Action[]) {
    this.#asks = asks;
    this.#depth = session.depth;
    this.#instruments = instruments;
    this.#gaps = gaps;
    this.#markets = session.symbols.map(() => ({
      book: new ChecksumBook(),
      isValid: false,
      checks: { verified: 0, failed: 0, unchecked: 0 },
    }));
  }

  /** What became of the book messages so far, by instrument. */
  get checks(): readonly BookChecks[] {
    return this.#markets.map(({ checks }) => checks);
  }

  /** The events of `frame`. */
  apply(record: JournalRecord, out: EventBatch): void {
    const frame = this.frame;
    let from = 0;
    for (let entry = 0; entry < frame.entries; entry++) {
      const to = frame.rowsEnd[entry]!;
      this.#applyEntry(entry, from, record, out);
      from = to;
    }
  }

  #applyEntry(entry: number, from: number, record: JournalRecord, out: EventBatch): void {
    const frame = this.frame;
    const to = frame.rowsEnd[entry]!;
    const number = frame.instrument[entry]!;
    const market = this.#markets[number]!;
    const book = market.book;
    if (frame.isSnapshot) {
      book.clear();
    } else if (!market.isValid) {
      market.checks.unchecked++;
      if (this.#gaps.isOpen('book', number)) return;
      this.lose(number, { cause: 'sequence', detail: 'update before a snapshot' }, record, out);
      return;
    }
    book.apply(frame, from, to);
    const stated = frame.checksum[entry]!;
    // The checked levels are well inside every depth on offer, so the book need not be cut before it is checked.
    if (Number.isNaN(stated)) {
      market.checks.unchecked++;
    } else {
      const computed = book.checksum();
      if (computed !== stated) {
        market.checks.failed++;
        const detail = `venue ${stated}, computed ${computed}`;
        this.lose(number, { cause: 'checksum', detail }, record, out);
        return;
      }
      market.checks.verified++;
    }
    market.isValid = true;
    this.#gaps.hear('book', number, record, out);
    if (!this.#instruments.isStated(number) && from < to) {
      let decimals = 0;
      let sizeDecimals = 0;
      for (let row = from; row < to; row++) {
        decimals = Math.max(decimals, frame.decimals[row]!);
        sizeDecimals = Math.max(sizeDecimals, frame.sizeDecimals[row]!);
      }
      this.#instruments.infer(number, { decimals, sizeDecimals }, record, out);
    }
    this.#emitLevels(entry, from, record, out);
  }

  /** The rows that changed the book, then a removal for each level that the depth pushes out. */
  #emitLevels(entry: number, from: number, record: JournalRecord, out: EventBatch): void {
    const frame = this.frame;
    const to = frame.rowsEnd[entry]!;
    const number = frame.instrument[entry]!;
    const exchangeUs = frame.exchangeUs[entry]!;
    const { seq, receivedUs } = record;
    const book = this.#markets[number]!.book;
    let last = -1;
    let first: number = frame.isSnapshot ? Flag.clear : 0;
    for (let row = from; row < to; row++) {
      if (frame.isChange[row] === 0) continue;
      last = out.add(EventKind.level, number, seq, receivedUs, exchangeUs);
      out.flags[last] = first | (frame.isAsk[row] === 1 ? Flag.ask : 0);
      out.price[last] = frame.price[row]!;
      out.size[last] = frame.size[row]!;
      first = 0;
    }
    while (book.bids.count > this.#depth) {
      last = out.add(EventKind.level, number, seq, receivedUs, exchangeUs);
      out.price[last] = book.worstPrice(book.bids);
      book.bids.dropWorst();
    }
    while (book.asks.count > this.#depth) {
      last = out.add(EventKind.level, number, seq, receivedUs, exchangeUs);
      out.flags[last] = Flag.ask;
      out.price[last] = book.worstPrice(book.asks);
      book.asks.dropWorst();
    }
    if (last < 0) {
      if (!frame.isSnapshot) return;
      last = out.add(EventKind.level, number, seq, receivedUs, exchangeUs);
      out.flags[last] = first;
      out.price[last] = Number.NaN;
    }
    out.flags[last] = out.flags[last]! | Flag.last;
  }

  /** Whether the book stands as the venue has it. */
  isValid(number: number): boolean {
    return this.#markets[number]!.isValid;
  }

  /** The book is wrong from here to its next snapshot, for a reason that is told elsewhere; −1 is every book. */
  distrust(number: number): void {
    if (number >= 0) this.#markets[number]!.isValid = false;
    else for (const market of this.#markets) market.isValid = false;
  }

  /** The book is wrong from here to its next snapshot, which is asked for. */
  lose(number: number, loss: Loss, record: JournalRecord, out: EventBatch): void {
    this.distrust(number);
    this.#asks.push({ do: 'resync', channel: 'book', instrument: number, cause: loss.cause });
    this.#gaps.lose('book', number, loss, record, out);
  }
}
