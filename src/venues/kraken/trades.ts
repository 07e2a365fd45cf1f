// The trade channel: ids rise by one per symbol, so duplicates are dropped and holes are told.
// Invariant: no trade leaves twice, every id that is passed over is named in a gap, and a venue that numbers its trades
// anew loses none.
import { type EventBatch, EventKind, Flag } from '../../core/event.ts';
import type { JournalRecord } from '../../core/frame.ts';
import type { StreamGaps } from '../gaps.ts';
import type { Instruments } from '../instruments.ts';
import { TradeFrame } from './frames.ts';

/** Holes in the ids that are remembered for each symbol, the newest. */
const HOLES_MAX = 64;

/** The trades of one symbol so far. */
type Sequence = {
  /** NaN before the first. */
  lastId: number;
  /** The latest venue time, µs. */
  lastUs: number;
  /** Ids that were passed over: from, to. */
  readonly holes: [from: number, to: number][];
};

export class TradeChannel {
  /** Filled by whoever read the frame, consumed by `apply`. */
  readonly frame = new TradeFrame();
  readonly #instruments: Instruments;
  readonly #gaps: StreamGaps;
  readonly #sequences: readonly Sequence[];

  constructor(symbols: readonly string[], instruments: Instruments, gaps: StreamGaps) {
    this.#instruments = instruments;
    this.#gaps = gaps;
    this.#sequences = symbols.map(() => ({
      lastId: Number.NaN,
      lastUs: Number.NEGATIVE_INFINITY,
      holes: [],
    }));
  }

  /** The events of `frame`. */
  apply(record: JournalRecord, out: EventBatch): void {
    const frame = this.frame;
    if (frame.isSnapshot) this.#applySnapshot(record, out);
    else for (let row = 0; row < frame.rows; row++) this.#applyTrade(row, 0, record, out);
  }

  /**
   * Trades that may be known already, oldest first. The first snapshot of a symbol tells of a time before the
   * recording: it only says which trade came last.
   */
  #applySnapshot(record: JournalRecord, out: EventBatch): void {
    const { rows, id, exchangeUs, instrument } = this.frame;
    const order = Array.from({ length: rows }, (_, row) => row);
    order.sort((left, right) => exchangeUs[left]! - exchangeUs[right]! || id[left]! - id[right]!);
    const isFirst = this.#sequences.map(({ lastId }) => Number.isNaN(lastId));
    for (const row of order) {
      const number = instrument[row]!;
      if (!isFirst[number]) {
        this.#applyTrade(row, Flag.late, record, out);
        continue;
      }
      this.#gaps.hear('trade', number, record, out);
      this.#pass(this.#sequences[number]!, row);
    }
  }

  #applyTrade(row: number, flags: number, record: JournalRecord, out: EventBatch): void {
    const frame = this.frame;
    const number = frame.instrument[row]!;
    const id = frame.id[row]!;
    const sequence = this.#sequences[number]!;
    const { lastId } = sequence;
    if (id <= lastId) {
      const isStraggler = fillHole(sequence, id);
      const isNew = frame.exchangeUs[row]! > sequence.lastUs;
      if (isStraggler || !isNew) {
        this.#gaps.hear('trade', number, record, out);
        if (isStraggler) this.#emit(row, flags | Flag.late, record, out);
        return;
      }
      // A number that was used before, at a later time than any trade: the venue has begun to count anew.
      const detail = `trade ids begin anew: ${id} after ${lastId}`;
      this.#gaps.lose('trade', number, { cause: 'renumbered', detail }, record, out);
      sequence.holes.length = 0;
    } else if (id > lastId + 1) {
      const detail = `trade ids from ${lastId + 1} to ${id - 1} are missing`;
      this.#gaps.lose('trade', number, { cause: 'sequence', detail }, record, out);
      sequence.holes.push([lastId + 1, id - 1]);
      if (sequence.holes.length > HOLES_MAX) sequence.holes.shift();
    }
    this.#gaps.hear('trade', number, record, out);
    this.#pass(sequence, row);
    this.#emit(row, flags, record, out);
  }

  #pass(sequence: Sequence, row: number): void {
    const exchangeUs = this.frame.exchangeUs[row]!;
    sequence.lastId = this.frame.id[row]!;
    if (exchangeUs > sequence.lastUs) sequence.lastUs = exchangeUs;
  }

  #emit(row: number, flags: number, record: JournalRecord, out: EventBatch): void {
    const frame = this.frame;
    const number = frame.instrument[row]!;
    if (!this.#instruments.isStated(number)) {
      const seen = { decimals: frame.decimals[row]!, sizeDecimals: frame.sizeDecimals[row]! };
      this.#instruments.infer(number, seen, record, out);
    }
    const event = out.add(EventKind.trade, number, record.seq, record.receivedUs, frame.exchangeUs[row]!);
    out.flags[event] = flags | frame.side[row]!;
    out.price[event] = frame.price[row]!;
    out.size[event] = frame.size[row]!;
    out.id[event] = frame.id[row]!;
  }
}

/** Whether an id is one that was passed over; then it is no more. */
function fillHole({ holes }: Sequence, id: number): boolean {
  const at = holes.findIndex(([from, to]) => from <= id && id <= to);
  if (at < 0) return false;
  const [from, to] = holes[at]!;
  const rest: [number, number][] = [
    [from, id - 1],
    [id + 1, to],
  ];
  holes.splice(at, 1, ...rest.filter(([first, last]) => first <= last));
  return true;
}
