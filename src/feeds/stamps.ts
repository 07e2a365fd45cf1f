// The venue's time of a row, where its own stamp is missing or not to be believed. A recording's rows are in the order in
// which they came, so a row stands at the latest time that was stamped before it; where nothing was, at the first after.
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
  #batch: EventBatch | undefined;
  #believed: Uint8Array = new Uint8Array(0);
  #row = 0;
  #latestUs = Number.NaN;

  /** `rows` are all dated tables together, in sequence. */
  constructor(rows: AsyncIterable<EventBatch>) {
    this.#batches = rows[Symbol.asyncIterator]();
  }

  /** The latest believable stamp before a sequence number; the first one after it where there is none; else NaN. */
  async at(seq: number): Promise<number> {
    while (await this.#hasRow()) {
      const isBefore = this.#batch!.seq[this.#row]! < seq;
      if (!isBefore && !Number.isNaN(this.#latestUs)) break;
      const stampUs = this.#batch!.exchangeUs[this.#row]!;
      if (this.#believed[this.#row] === 1 && !(stampUs <= this.#latestUs)) this.#latestUs = stampUs;
      this.#row++;
    }
    return this.#latestUs;
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
