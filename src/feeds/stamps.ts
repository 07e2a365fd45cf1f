// The venue's time of a row, where its own stamp is missing or not to be believed. A recording's rows are in the order in
// which they came, so it lies between the stamps before and after it: there it stands as far behind its receipt as the
// stamped rows around it do. Never earlier than what came before it, so that nobody sees it before it was.
import type { EventBatch } from '../core/event.ts';

/** Receive time less venue time may change by so much from a row to the next. */
const LAG_STEP_US = 60e6;
/** Rows that are looked at to tell one wrong stamp from a clock that was set. */
const JURY = 16;

/** Which stamps of a table, in its own sequence, are to be believed. */
export class Stamps {
  #lagUs = Number.NaN;
  #believed: Uint8Array = new Uint8Array(0);

  /** 1 for each row of the batch whose stamp stands; 0 where there is none, or one that its neighbours contradict. */
  judge(batch: EventBatch): Uint8Array {
    const { length, receivedUs, exchangeUs } = batch;
    if (this.#believed.length < length) this.#believed = new Uint8Array(length);
    for (let row = 0; row < length; row++) {
      const lagUs = receivedUs[row]! - exchangeUs[row]!;
      let isBelieved = Math.abs(lagUs - this.#lagUs) <= LAG_STEP_US;
      // Later rows may bear the new lag out; a first row has nothing else to be held against.
      if (!isBelieved && !Number.isNaN(lagUs)) isBelieved = isBorneOut(batch, row, Number.isNaN(this.#lagUs));
      if (isBelieved) this.#lagUs = lagUs;
      this.#believed[row] = isBelieved ? 1 : 0;
    }
    return this.#believed;
  }
}

/** Whether most of the dated rows that follow lag as this one does; where none does, whether nothing contradicts it. */
function isBorneOut(batch: EventBatch, row: number, isFirst: boolean): boolean {
  const lagUs = batch.receivedUs[row]! - batch.exchangeUs[row]!;
  let [agree, others] = [0, 0];
  for (let next = row + 1; next < batch.length && agree + others < JURY; next++) {
    const otherUs = batch.receivedUs[next]! - batch.exchangeUs[next]!;
    if (Number.isNaN(otherUs)) continue;
    if (Math.abs(otherUs - lagUs) <= LAG_STEP_US) agree++;
    else others++;
  }
  return agree > others || (isFirst && others === 0);
}

/** The venue's time as a recording's sequence tells it. Asked in rising order of sequence numbers. */
export class SequenceClock {
  readonly #batches: AsyncIterator<EventBatch>;
  readonly #stamps = new Stamps();
  /** Receive time less venue time of the last believable row, µs. */
  #lagUs = Number.NaN;
  #batch: EventBatch | undefined;
  #believed: Uint8Array = new Uint8Array(0);
  #row = 0;
  #latestUs = Number.NaN;

  /** `rows` are all dated tables together, in sequence. */
  constructor(rows: AsyncIterable<EventBatch>) {
    this.#batches = rows[Symbol.asyncIterator]();
  }

  /** The venue's time of the row with this number and receive time; NaN when no row has a believable stamp. */
  async at(seq: number, receivedUs: number): Promise<number> {
    let nextUs = Number.POSITIVE_INFINITY;
    while (await this.#hasRow()) {
      const stampUs = this.#batch!.exchangeUs[this.#row]!;
      const isBelieved = this.#believed[this.#row] === 1;
      const lagUs = this.#batch!.receivedUs[this.#row]! - stampUs;
      if (this.#batch!.seq[this.#row]! >= seq) {
        if (isBelieved) nextUs = stampUs;
        // Before the first stamp there is only the one after to go by.
        if (isBelieved && Number.isNaN(this.#lagUs)) return Math.min(receivedUs - lagUs, stampUs);
        if (!Number.isNaN(this.#lagUs)) break;
      } else if (isBelieved) {
        this.#lagUs = lagUs;
        if (!(stampUs <= this.#latestUs)) this.#latestUs = stampUs;
      }
      this.#row++;
    }
    const betweenUs = Math.min(receivedUs - this.#lagUs, nextUs);
    return betweenUs > this.#latestUs ? betweenUs : this.#latestUs;
  }

  async close(): Promise<void> {
    await this.#batches.return?.();
  }

  async #hasRow(): Promise<boolean> {
    while (this.#batch === undefined || this.#row >= this.#batch.length) {
      const result = await this.#batches.next();
      if (result.done === true) return false;
      this.#batch = result.value;
      this.#believed = this.#stamps.judge(this.#batch);
      this.#row = 0;
    }
    return true;
  }
}
