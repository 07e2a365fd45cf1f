// Where the run stands: the event it is at, and engine time. Engine time never goes back; while something that was
// due happens it is the due time, so a timer's record names the event that made time pass and its own instant.
import type { EventBatch } from '../core/event.ts';
import type { Position } from '../core/record.ts';

export class Cursor {
  /** Engine time, µs. */
  nowUs = 0;
  /** Events taken before the row 0 of the current batch. */
  base = 0;
  /** The current event's row in the current batch. */
  row = 0;
  #batch: EventBatch | undefined = undefined;
  #lastSeq = 0;

  enter(batch: EventBatch): void {
    this.#batch = batch;
    this.row = 0;
  }

  /** Leaves the batch after its first `rows` events; the position is then behind the last event taken. */
  leave(rows: number): void {
    if (rows > 0) this.#lastSeq = this.#batch!.seq[rows - 1]!;
    this.#batch = undefined;
    this.base += rows;
    this.row = 0;
  }

  /** How many events came before the current one. */
  get event(): number {
    return this.base + this.row;
  }

  position(): Position {
    const seq = this.#batch === undefined ? this.#lastSeq : this.#batch.seq[this.row]!;
    return { event: this.base + this.row, seq, timeUs: this.nowUs };
  }
}
