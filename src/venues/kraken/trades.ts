// The trade channel: ids rise by one per symbol, so duplicates are dropped and holes are told.
// Invariant: no trade id leaves twice, and every id that is passed over is named in a gap.
import { type EventBatch, EventKind, Flag } from '../../core/event.ts';
import type { JournalRecord } from '../../core/frame.ts';
import { TradeFrame } from './frames.ts';
import type { Instruments } from './instruments.ts';
import { emitStatus } from './status.ts';

export class TradeChannel {
  /** Filled by whoever read the frame, consumed by `apply`. */
  readonly frame = new TradeFrame();
  readonly #symbols: readonly string[];
  readonly #instruments: Instruments;
  /** By instrument; NaN before the first. */
  readonly #lastIds: Float64Array;

  constructor(symbols: readonly string[], instruments: Instruments) {
    this.#symbols = symbols;
    this.#instruments = instruments;
    this.#lastIds = new Float64Array(symbols.length).fill(Number.NaN);
  }

  /** The events of `frame`. */
  apply(record: JournalRecord, out: EventBatch): void {
    const frame = this.frame;
    if (frame.isSnapshot) {
      for (const row of this.#openingRows()) this.#applyTrade(row, Flag.late, record, out);
      return;
    }
    for (let row = 0; row < frame.rows; row++) this.#applyTrade(row, 0, record, out);
  }

  /**
   * The rows of a trade snapshot that are news, oldest first. The first snapshot of a symbol tells of a time before
   * the recording: it only says which id came last.
   */
  #openingRows(): readonly number[] {
    const frame = this.frame;
    const rows = Array.from({ length: frame.rows }, (_, row) => row);
    const opened = new Map<number, number>();
    for (const row of rows) {
      const number = frame.instrument[row]!;
      if (!Number.isNaN(this.#lastIds[number]!)) continue;
      opened.set(number, Math.max(opened.get(number) ?? 0, frame.id[row]!));
    }
    for (const [number, id] of opened) this.#lastIds[number] = id;
    return rows.sort((left, right) => frame.id[left]! - frame.id[right]!);
  }

  #applyTrade(row: number, flags: number, record: JournalRecord, out: EventBatch): void {
    const frame = this.frame;
    const number = frame.instrument[row]!;
    const id = frame.id[row]!;
    const lastId = this.#lastIds[number]!;
    if (id <= lastId) return;
    this.#lastIds[number] = id;
    if (!this.#instruments.isStated(number)) {
      const seen = { decimals: frame.decimals[row]!, sizeDecimals: frame.sizeDecimals[row]! };
      this.#instruments.infer(number, seen, record, out);
    }
    if (id > lastId + 1) {
      const detail = `trade ids from ${lastId + 1} to ${id - 1} are missing`;
      const gap = { channel: 'trade', symbol: this.#symbols[number]!, cause: 'sequence', detail } as const;
      emitStatus({ type: 'status', state: 'gap', ...gap }, number, record, out);
    }
    const event = out.add(EventKind.trade, number, record.seq, record.receivedUs, frame.exchangeUs[row]!);
    out.flags[event] = flags | frame.side[row]!;
    out.price[event] = frame.price[row]!;
    out.size[event] = frame.size[row]!;
    out.id[event] = id;
  }
}
