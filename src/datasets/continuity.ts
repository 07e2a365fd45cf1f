// Whether any trade is missing: ids of a symbol that go on by one say no, a jump says how many are, and where a venue
// begins to count anew nobody can say.
import { type EventBatch, type EventDetail, EventKind, Flag } from '../core/event.ts';

export type TradeContinuity = {
  readonly trades: number;
  /** NaN ids are not counted; null when no trade has an id. */
  readonly firstId: number | null;
  readonly lastId: number | null;
  /** Ids between the first and the last that no trade has. */
  readonly missing: number;
  /** Trades whose id is not above the one before, nor one that was missing. */
  readonly repeated: number;
  /** How often the venue began to number its trades anew; counts of ids are of each numbering by itself. */
  readonly renumbered: number;
  /** Trades that were learned of after an outage. */
  readonly late: number;
};

export class Continuity {
  readonly #trades: Float64Array;
  readonly #first: Float64Array;
  readonly #last: Float64Array;
  readonly #missing: Float64Array;
  readonly #repeated: Float64Array;
  readonly #late: Float64Array;
  readonly #renumbered: Float64Array;

  constructor(symbols: number) {
    this.#trades = new Float64Array(symbols);
    this.#first = new Float64Array(symbols).fill(Number.NaN);
    this.#last = new Float64Array(symbols).fill(Number.NaN);
    this.#missing = new Float64Array(symbols);
    this.#repeated = new Float64Array(symbols);
    this.#late = new Float64Array(symbols);
    this.#renumbered = new Float64Array(symbols);
  }

  add(batch: EventBatch): void {
    for (let row = 0; row < batch.length; row++) {
      const kind = batch.kind[row];
      if (kind === EventKind.status) this.#addStatus(batch.detail[row], batch.instrument[row]!);
      else if (kind === EventKind.trade) this.#addTrade(batch, row);
    }
  }

  #addTrade(batch: EventBatch, row: number): void {
    const symbol = batch.instrument[row]!;
    const id = batch.id[row]!;
    const isLate = (batch.flags[row]! & Flag.late) !== 0;
    this.#trades[symbol]!++;
    if (isLate) this.#late[symbol]!++;
    if (Number.isNaN(id)) return;
    const last = this.#last[symbol]!;
    if (id <= last) {
      // One that was passed over and came after all.
      if (isLate && this.#missing[symbol]! > 0) this.#missing[symbol]!--;
      else this.#repeated[symbol]!++;
      return;
    }
    if (Number.isNaN(this.#first[symbol]!)) this.#first[symbol] = id;
    if (!Number.isNaN(last)) this.#missing[symbol]! += id - last - 1;
    this.#last[symbol] = id;
  }

  #addStatus(detail: EventDetail | undefined, symbol: number): void {
    if (detail?.type !== 'status' || detail.state !== 'gap' || detail.cause !== 'renumbered') return;
    this.#last[symbol] = Number.NaN;
    this.#renumbered[symbol]!++;
  }

  of(symbol: number): TradeContinuity {
    const orNull = (id: number) => (Number.isNaN(id) ? null : id);
    return {
      trades: this.#trades[symbol]!,
      firstId: orNull(this.#first[symbol]!),
      lastId: orNull(this.#last[symbol]!),
      missing: this.#missing[symbol]!,
      repeated: this.#repeated[symbol]!,
      late: this.#late[symbol]!,
      renumbered: this.#renumbered[symbol]!,
    };
  }
}
