// What a recording holds, counted in one pass over its records and events: span, counts, gaps, time without a
// valid book. A pure fold: the same recording gives the same summary, live or years later.
import { EVENT_KIND_NAMES, type EventBatch, EventKind, Flag, type StatusDetail } from '../core/event.ts';
import type { Control, JournalRecord, Session } from '../core/frame.ts';
import { GapFold } from '../core/gap.ts';
import { isLevel, isOnTick } from '../core/instrument.ts';
import { LagFold } from './lags.ts';
import type { Counts, Manifest, SymbolCounts } from './manifest.ts';

export type SummaryResult = Pick<Manifest, 'span' | 'counts' | 'gaps' | 'lags'>;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export class Summary {
  readonly #symbols: readonly string[];
  readonly #perSymbol: Mutable<SymbolCounts>[];
  readonly #frames = new Float64Array(5);
  readonly #events = new Float64Array(EVENT_KIND_NAMES.length);
  readonly #gaps = new GapFold();
  readonly #lags = new LagFold();
  readonly #hasBooks: boolean;
  /** Per instrument: whether a snapshot is under way, and since when the book is not to be trusted. */
  readonly #isSnapshot: Uint8Array;
  /** −∞ is the beginning of the recording: a book is not to be trusted before its first snapshot. */
  readonly #invalidSinceUs: Float64Array;
  /** As the venue stated them last; NaN before. */
  readonly #tickSizes: Float64Array;
  #records = 0;
  #unknown = 0;
  #unknownSeq = Number.NaN;
  #connections = 0;
  /** Connection numbers seen: an imported capture has no record of a socket that opened, but a number for each file. */
  #files = 0;
  #clockSteps = 0;
  #pauses = 0;
  #lateFrames = 0;
  #firstUs = Number.NaN;
  #lastUs = Number.NaN;

  constructor({ symbols, channels }: Pick<Session, 'symbols' | 'channels'>) {
    this.#symbols = symbols;
    this.#hasBooks = channels.includes('book');
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
      refusedLevels: 0,
      offTickLevels: 0,
    }));
    this.#isSnapshot = new Uint8Array(symbols.length);
    this.#invalidSinceUs = new Float64Array(symbols.length).fill(Number.NEGATIVE_INFINITY);
    this.#tickSizes = new Float64Array(symbols.length).fill(Number.NaN);
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
      this.#lags.add(batch, row);
      const counts = this.#perSymbol[batch.instrument[row]!];
      if (counts !== undefined) this.#countRow(batch, row, counts);
      if (kind !== EventKind.status && kind !== EventKind.instrument) continue;
      const detail = batch.detail[row];
      if (detail?.type === 'status') {
        if (detail.state === 'unknown') this.#countUnknown(batch.seq[row]!);
        this.#addStatus(detail, batch.receivedUs[row]!);
      } else if (detail?.type === 'instrument' && detail.instrument.isStated) {
        this.#tickSizes[batch.instrument[row]!] = detail.instrument.tickSize;
      }
    }
  }

  finish(): SummaryResult {
    const lastUs = this.#lastUs;
    const symbols = this.#perSymbol.map((counts, instrument) => {
      const invalidBookUs = this.#hasBooks ? counts.invalidBookUs + this.#invalidUs(instrument, lastUs) : 0;
      return [this.#symbols[instrument]!, { ...counts, invalidBookUs }];
    });
    const [text, binary, control, beat, answer] = this.#frames;
    const { lags, misdated } = this.#lags.finish();
    return {
      span: this.#records === 0 ? null : { firstUs: this.#firstUs, lastUs },
      counts: {
        records: this.#records,
        frames: {
          text: text!,
          binary: binary!,
          control: control!,
          beat: beat!,
          ...(answer! > 0 && { answer: answer! }),
        },
        events: Object.fromEntries(
          // Kinds that the first version did not know are named only where they came.
          EVENT_KIND_NAMES.map((name) => [name, this.#events[EventKind[name]]!] as const).filter(
            ([name, count]) => EventKind[name] <= EventKind.candle || count > 0,
          ),
        ) as Counts['events'],
        unknown: this.#unknown,
        connections: this.#connections || this.#files,
        clockSteps: this.#clockSteps,
        ...(this.#pauses > 0 && { pauses: this.#pauses, lateFrames: this.#lateFrames }),
        misdated,
        symbols: Object.fromEntries(symbols),
      },
      gaps: this.#gaps.gaps.map((gap) => ({ ...gap })),
      lags,
    };
  }

  /** How long the book has not been to be trusted by now. */
  #invalidUs(instrument: number, nowUs: number): number {
    const sinceUs = this.#invalidSinceUs[instrument]!;
    return Number.isNaN(sinceUs) ? 0 : nowUs - Math.max(sinceUs, this.#firstUs);
  }

  #countRow(batch: EventBatch, row: number, counts: Mutable<SymbolCounts>): void {
    const flags = batch.flags[row]!;
    switch (batch.kind[row]) {
      case EventKind.level: {
        counts.levels++;
        const instrument = batch.instrument[row]!;
        if ((flags & Flag.clear) !== 0) this.#isSnapshot[instrument] = 1;
        this.#checkLevel(batch, row, counts);
        if ((flags & Flag.last) === 0) break;
        counts.books++;
        if (this.#isSnapshot[instrument] === 0) break;
        this.#isSnapshot[instrument] = 0;
        counts.snapshots++;
        counts.invalidBookUs += this.#invalidUs(instrument, batch.receivedUs[row]!);
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

  #checkLevel(batch: EventBatch, row: number, counts: Mutable<SymbolCounts>): void {
    const price = batch.price[row]!;
    const size = batch.size[row]!;
    // One row without price and size says that a snapshot is empty.
    if (size === 0 && Number.isNaN(price)) return;
    if (!isLevel(price, size)) counts.refusedLevels!++;
    else if (!isOnTick(price, this.#tickSizes[batch.instrument[row]!]!)) counts.offTickLevels!++;
  }

  /** A frame of several parts may be told of more than once. */
  #countUnknown(seq: number): void {
    if (seq !== this.#unknownSeq) this.#unknown++;
    this.#unknownSeq = seq;
  }

  #addStatus(status: StatusDetail, receivedUs: number): void {
    if (status.state === 'control') this.#addControl(status.control);
    const gap = this.#gaps.add(status, receivedUs);
    if (gap === undefined) return;
    const instrument = this.#symbols.indexOf(gap.symbol);
    if (instrument < 0) return;
    this.#perSymbol[instrument]!.gaps++;
    if (gap.channel === 'book' && Number.isNaN(this.#invalidSinceUs[instrument])) {
      this.#invalidSinceUs[instrument] = gap.fromUs;
    }
  }

  #addControl(control: Control): void {
    if (control.type === 'clockStep') this.#clockSteps++;
    else if (control.type === 'pause') this.#pauses++;
    else if (control.type === 'late') this.#lateFrames += control.frames;
    else if (control.type === 'opened') this.#connections++;
  }
}
