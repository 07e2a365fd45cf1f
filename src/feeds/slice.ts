// A span of any feed. What came before it is not shown but remembered: the span begins with the rules of each
// instrument, the gaps that are open and one snapshot of each valid book, so that whoever starts here knows what had to be known.
// The state is a pure function of the events before, so every feed of the same events gives the same slice.
import {
  EventBatch,
  EventKind,
  type Feed,
  Flag,
  type InstrumentDetail,
  NO_INSTRUMENT,
} from '../core/event.ts';
import { GapFold } from '../core/gap.ts';
import { isLevel } from '../core/instrument.ts';
import { copyRows, cutBatch } from './rows.ts';

export type SliceOptions = {
  /** Events at or after this receive time; default all. */
  readonly fromUs?: number | undefined;
  /** Events before this receive time; default all. */
  readonly toUs?: number | undefined;
  /** Largest batch of state events. */
  readonly batchSize: number;
};

export function slice(feed: Feed, options: SliceOptions): Feed {
  const { fromUs = Number.NEGATIVE_INFINITY, toUs = Number.POSITIVE_INFINITY, batchSize } = options;
  if (fromUs === Number.NEGATIVE_INFINITY && toUs === Number.POSITIVE_INFINITY) return feed;
  return { symbols: feed.symbols, batches: () => sliced(feed, fromUs, toUs, batchSize) };
}

async function* sliced(
  feed: Feed,
  fromUs: number,
  toUs: number,
  batchSize: number,
): AsyncGenerator<EventBatch> {
  const state = new FeedState(feed.symbols);
  let hasBegun = fromUs === Number.NEGATIVE_INFINITY;
  let out = new EventBatch(0);
  for await (const batch of feed.batches()) {
    const from = hasBegun ? 0 : rowsBefore(batch, fromUs);
    const to = rowsBefore(batch, toUs);
    if (!hasBegun) {
      state.fold(batch, Math.min(from, to));
      if (from < to) {
        hasBegun = true;
        yield* cutBatch(state.toEvents(fromUs), batchSize, new EventBatch(batchSize));
      }
    }
    if (from === 0 && to === batch.length) {
      if (to > 0) yield batch;
    } else if (from < to) {
      if (out.capacity < to - from) out = new EventBatch(to - from);
      out.reset();
      copyRows(batch, from, to, out);
      yield out;
    }
    if (to < batch.length) return;
  }
}

/** How many rows lie before a time: the rows of a batch are in order of time. */
function rowsBefore(batch: EventBatch, timeUs: number): number {
  let low = 0;
  let high = batch.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (batch.receivedUs[middle]! < timeUs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Levels by price. A price is a double read from a decimal, so equal prices are equal keys. */
type BookState = {
  readonly bids: Map<number, number>;
  readonly asks: Map<number, number>;
  isValid: boolean;
  isSnapshot: boolean;
  exchangeUs: number;
};

/** What a reader who starts in the middle has to be told. */
class FeedState {
  readonly #symbols: readonly string[];
  readonly #books: readonly BookState[];
  readonly #rules: (InstrumentDetail | undefined)[] = [];
  readonly #gaps = new GapFold({ keepsEnded: false });
  #seq = 0;

  constructor(symbols: readonly string[]) {
    this.#symbols = symbols;
    this.#books = symbols.map(() => ({
      bids: new Map(),
      asks: new Map(),
      isValid: false,
      isSnapshot: false,
      exchangeUs: Number.NaN,
    }));
  }

  /** Takes the first `count` rows. */
  fold(batch: EventBatch, count: number): void {
    for (let row = 0; row < count; row++) {
      const kind = batch.kind[row];
      if (kind === EventKind.level) this.#foldLevel(batch, row);
      else if (kind === EventKind.instrument || kind === EventKind.status) this.#foldDetail(batch, row);
    }
    if (count > 0) this.#seq = batch.seq[count - 1]!;
  }

  #foldLevel(batch: EventBatch, row: number): void {
    const book = this.#books[batch.instrument[row]!];
    if (book === undefined) return;
    const flags = batch.flags[row]!;
    if ((flags & Flag.clear) !== 0) {
      book.bids.clear();
      book.asks.clear();
      book.isSnapshot = true;
    }
    const side = (flags & Flag.ask) !== 0 ? book.asks : book.bids;
    const price = batch.price[row]!;
    const size = batch.size[row]!;
    if (size === 0) side.delete(price);
    else side.set(price, size);
    // A level that no book can take makes it wrong until its next snapshot; an empty snapshot is one row without a price.
    if (!isLevel(price, size) && !(size === 0 && Number.isNaN(price))) {
      book.isValid = false;
      book.isSnapshot = false;
    }
    if ((flags & Flag.last) === 0) return;
    book.exchangeUs = batch.exchangeUs[row]!;
    if (book.isSnapshot) book.isValid = true;
    book.isSnapshot = false;
  }

  #foldDetail(batch: EventBatch, row: number): void {
    const detail = batch.detail[row];
    if (detail?.type === 'instrument') {
      this.#rules[batch.instrument[row]!] = detail;
    } else if (detail?.type === 'status') {
      this.#gaps.add(detail, batch.receivedUs[row]!);
      if (detail.state !== 'gap' || detail.channel !== 'book') return;
      const book = this.#books[this.#symbols.indexOf(detail.symbol)];
      if (book !== undefined) {
        book.isValid = false;
        book.isSnapshot = false;
      }
    }
  }

  /** Instrument rules, open gaps, then a snapshot of each valid book, best levels first, all received at `timeUs`. */
  toEvents(timeUs: number): EventBatch {
    const out = new EventBatch();
    this.#rules.forEach((detail, instrument) => {
      if (detail !== undefined) out.addDetail(detail, instrument, this.#seq, timeUs, Number.NaN);
    });
    for (const { toUs: _, ...gap } of this.#gaps.open) {
      const instrument = this.#symbols.indexOf(gap.symbol);
      // Whether a book is whole its rows say, in recordings too that tell no end of a gap.
      if (gap.channel === 'book' && this.#books[instrument]?.isValid === true) continue;
      const detail = { type: 'status', state: 'gap', ...gap } as const;
      out.addDetail(detail, instrument < 0 ? NO_INSTRUMENT : instrument, this.#seq, timeUs, Number.NaN);
    }
    this.#books.forEach((book, instrument) => {
      if (!book.isValid) return;
      const start = out.length;
      this.#addSide(out, book, instrument, timeUs, 0);
      this.#addSide(out, book, instrument, timeUs, Flag.ask);
      if (out.length === start) {
        // A valid book without a level is said by one row that removes nothing.
        const row = out.add(EventKind.level, instrument, this.#seq, timeUs, book.exchangeUs);
        out.price[row] = Number.NaN;
      }
      out.flags[start]! |= Flag.clear;
      out.flags[out.length - 1]! |= Flag.last;
    });
    return out;
  }

  #addSide(out: EventBatch, book: BookState, instrument: number, timeUs: number, side: number): void {
    const levels = [...(side === Flag.ask ? book.asks : book.bids)];
    levels.sort((left, right) => (side === Flag.ask ? left[0] - right[0] : right[0] - left[0]));
    for (const [price, size] of levels) {
      const row = out.add(EventKind.level, instrument, this.#seq, timeUs, book.exchangeUs);
      out.flags[row] = side;
      out.price[row] = price;
      out.size[row] = size;
    }
  }
}
