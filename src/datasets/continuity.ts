// Whether any trade is missing: ids of a symbol that go on by one say no, a jump says how many are.
import { type EventBatch, EventKind, Flag } from '../core/event.ts';

export type TradeContinuity = {
  readonly trades: number;
  /** NaN ids are not counted; null when no trade has an id. */
  readonly firstId: number | null;
  readonly lastId: number | null;
  /** Ids between the first and the last that no trade has. */
  readonly missing: number;
  /** Trades whose id is not above the one before. */
  readonly repeated: number;
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

  constructor(symbols: number) {
    this.#trades = new Float64Array(symbols);
    this.#first = new Float64Array(symbols).fill(Number.NaN);
    this.#last = new Float64Array(symbols).fill(Number.NaN);
    this.#missing = new Float64Array(symbols);
    this.#repeated = new Float64Array(symbols);
    this.#late = new Float64Array(symbols);
  }

  add(batch: EventBatch): void {
    for (let row = 0; row < batch.length; row++) {
      if (batch.kind[row] !== EventKind.trade) continue;
      const symbol = batch.instrument[row]!;
      const id = batch.id[row]!;
      this.#trades[symbol]!++;
      if ((batch.flags[row]! & Flag.late) !== 0) this.#late[symbol]!++;
      if (Number.isNaN(id)) continue;
      const last = this.#last[symbol]!;
      if (Number.isNaN(last)) this.#first[symbol] = id;
      else if (id <= last) this.#repeated[symbol]!++;
      else this.#missing[symbol]! += id - last - 1;
      if (!(id <= last)) this.#last[symbol] = id;
    }
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
    };
  }
}
