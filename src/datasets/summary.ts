// What a recording holds, counted in one pass over its records and events: span, counts, gaps, time without a
// valid book. A pure fold: the same recording gives the same summary, live or years later.
import { EVENT_KIND_NAMES, type EventBatch, EventKind, Flag, type StatusDetail } from '../core/event.ts';
import type { Control, JournalRecord } from '../core/frame.ts';
import type { Counts, Gap, Manifest, SymbolCounts } from './manifest.ts';

export type SummaryResult = Pick<Manifest, 'span' | 'counts' | 'gaps'>;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type OpenGap = Mutable<Gap>;

/** The kind of event by which a channel shows that it flows again; of a book, only a snapshot does. */
const CHANNEL_KINDS: Readonly<Record<string, EventKind>> = {
  book: EventKind.level,
  trade: EventKind.trade,
  ticker: EventKind.quote,
  ohlc: EventKind.candle,
  instrument: EventKind.instrument,
};

export class Summary {
  readonly #symbols: readonly string[];
  readonly #perSymbol: Mutable<SymbolCounts>[];
  readonly #frames = new Float64Array(4);
  readonly #events = new Float64Array(EVENT_KIND_NAMES.length);
  readonly #gaps: OpenGap[] = [];
  #open: OpenGap[] = [];
  /** Per instrument: whether a snapshot is under way, and since when the book is not to be trusted. */
  readonly #isSnapshot: Uint8Array;
  readonly #invalidSinceUs: Float64Array;
  readonly #hasBook: Uint8Array;
  #records = 0;
  #unknown = 0;
  #connections = 0;
  /** Connection numbers seen: an imported capture has no record of a socket that opened, but a number for each file. */
  #files = 0;
  #clockSteps = 0;
  /** When the recorder last ended in good order; NaN otherwise. */
  #endedUs = Number.NaN;
  #firstUs = Number.NaN;
  #lastUs = Number.NaN;

  constructor(symbols: readonly string[]) {
    this.#symbols = symbols;
    this.#perSymbol = symbols.map(() => ({
      levels: 0,
      books: 0,
      snapshots: 0,
      quotes: 0,
      trades: 0,
      lateTrades: 0,
      candles: 0,
      gaps: 0,
      invalidBookUs: 0,
    }));
    this.#isSnapshot = new Uint8Array(symbols.length);
    this.#hasBook = new Uint8Array(symbols.length);
    this.#invalidSinceUs = new Float64Array(symbols.length).fill(Number.NaN);
  }

  addRecords(records: readonly JournalRecord[]): void {
    for (const record of records) {
      if (this.#records === 0) this.#firstUs = record.receivedUs;
      this.#records++;
      this.#frames[record.kind]!++;
      if (record.connection >= this.#files) this.#files = record.connection + 1;
      this.#lastUs = record.receivedUs;
    }
  }

  addEvents(batch: EventBatch): void {
    for (let row = 0; row < batch.length; row++) {
      const kind = batch.kind[row]!;
      this.#events[kind]!++;
      const counts = this.#perSymbol[batch.instrument[row]!];
      if (counts !== undefined) this.#countRow(batch, row, counts);
      if (kind === EventKind.status) {
        const detail = batch.detail[row];
        if (detail?.type === 'status') this.#addStatus(detail, batch.receivedUs[row]!);
      } else if (this.#open.length > 0) {
        this.#closeGaps(batch, row);
      }
    }
  }

  finish(): SummaryResult {
    const lastUs = this.#lastUs;
    const symbols = this.#perSymbol.map((counts, instrument) => {
      const sinceUs = this.#invalidSinceUs[instrument]!;
      const openUs = Number.isNaN(sinceUs) ? 0 : lastUs - sinceUs;
      return [this.#symbols[instrument]!, { ...counts, invalidBookUs: counts.invalidBookUs + openUs }];
    });
    const [text, binary, control, beat] = this.#frames;
    return {
      span: this.#records === 0 ? null : { firstUs: this.#firstUs, lastUs },
      counts: {
        records: this.#records,
        frames: { text: text!, binary: binary!, control: control!, beat: beat! },
        events: Object.fromEntries(
          EVENT_KIND_NAMES.map((name) => [name, this.#events[EventKind[name]]]),
        ) as Counts['events'],
        unknown: this.#unknown,
        connections: this.#connections || this.#files,
        clockSteps: this.#clockSteps,
        symbols: Object.fromEntries(symbols),
      },
      gaps: this.#gaps.map((gap) => ({ ...gap })),
    };
  }

  #countRow(batch: EventBatch, row: number, counts: Mutable<SymbolCounts>): void {
    const flags = batch.flags[row]!;
    switch (batch.kind[row]) {
      case EventKind.level: {
        counts.levels++;
        const instrument = batch.instrument[row]!;
        if ((flags & Flag.clear) !== 0) this.#isSnapshot[instrument] = 1;
        if ((flags & Flag.last) === 0) break;
        counts.books++;
        if (this.#isSnapshot[instrument] === 0) break;
        this.#isSnapshot[instrument] = 0;
        this.#hasBook[instrument] = 1;
        counts.snapshots++;
        const sinceUs = this.#invalidSinceUs[instrument]!;
        if (!Number.isNaN(sinceUs)) counts.invalidBookUs += batch.receivedUs[row]! - sinceUs;
        this.#invalidSinceUs[instrument] = Number.NaN;
        break;
      }
      case EventKind.trade:
        counts.trades++;
        if ((flags & Flag.late) !== 0) counts.lateTrades++;
        break;
      case EventKind.quote:
        counts.quotes++;
        break;
      case EventKind.candle:
        counts.candles++;
        break;
    }
  }

  #addStatus(status: StatusDetail, receivedUs: number): void {
    if (status.state === 'unknown') this.#unknown++;
    else if (status.state === 'control') this.#addControl(status.control, receivedUs);
    else if (status.state === 'subscribed') {
      if (status.channel !== 'book') this.#close(status.channel, status.symbol, receivedUs);
    } else if (status.state === 'gap') {
      const { cause, channel, symbol, detail } = status;
      // Of a recorder that was stopped and started again the gap began with its end.
      const fromUs = cause === 'recovery' && !Number.isNaN(this.#endedUs) ? this.#endedUs : receivedUs;
      const gap: OpenGap = { cause, channel, symbol, detail, fromUs, toUs: null };
      this.#gaps.push(gap);
      this.#open.push(gap);
      const instrument = this.#symbols.indexOf(symbol);
      if (instrument < 0) return;
      this.#perSymbol[instrument]!.gaps++;
      const isBook = channel === 'book' && this.#hasBook[instrument] === 1;
      if (isBook && Number.isNaN(this.#invalidSinceUs[instrument])) {
        this.#invalidSinceUs[instrument] = fromUs;
      }
    }
  }

  #addControl(control: Control, receivedUs: number): void {
    if (control.type === 'clockStep') this.#clockSteps++;
    else if (control.type === 'opened') this.#connections++;
    else if (control.type === 'end') this.#endedUs = receivedUs;
    else if (control.type === 'cut') this.#endedUs = Number.NaN;
  }

  #closeGaps(batch: EventBatch, row: number): void {
    const kind = batch.kind[row]!;
    const symbol = this.#symbols[batch.instrument[row]!];
    // A book's rows do not close its gap until the last row of a snapshot has made it valid again.
    if (kind === EventKind.level && !Number.isNaN(this.#invalidSinceUs[batch.instrument[row]!])) return;
    for (const gap of this.#open) {
      if (CHANNEL_KINDS[gap.channel] === kind && (gap.symbol === symbol || gap.symbol === '')) {
        this.#close(gap.channel, gap.symbol, batch.receivedUs[row]!);
        return;
      }
    }
  }

  #close(channel: string, symbol: string, receivedUs: number): void {
    for (const gap of this.#open) {
      if (gap.channel === channel && gap.symbol === symbol) gap.toUs = receivedUs;
    }
    this.#open = this.#open.filter((gap) => gap.toUs === null);
  }
}
