// When events happened by the venue's clock, and how far that clock is from ours. A trade whose stamp is out of line
// is held back; when others agree with it, it completes candles late, and otherwise it is set apart and told.
import { type EventBatch, EventKind, Flag, type StatusDetail } from '../core/event.ts';
import { restartsClock, stepsClock } from '../core/frame.ts';
import { GRACE_MAX_US, type Lag, type LagVerdict } from '../core/lag.ts';

import type { RunLog } from '../core/record.ts';
import type { Closes } from './closes.ts';
import type { Cursor } from './cursor.ts';

type HeldTrade = {
  readonly instrument: number;
  readonly price: number;
  readonly size: number;
  readonly side: number;
  readonly venueUs: number;
  readonly lagUs: number;
};

export type DatingOptions = {
  readonly symbols: readonly string[];
  readonly lag: Lag;
  readonly closes: Closes;
  /** Whether series are built from trades. */
  readonly usesTrades: boolean;
  readonly cursor: Cursor;
  readonly log: RunLog;
};

export class Dating {
  readonly #options: DatingOptions;
  readonly #lag: Lag;
  readonly #held: HeldTrade[] = [];
  #changes = 0;

  constructor(options: DatingOptions) {
    this.#options = options;
    this.#lag = options.lag;
  }

  /** The venue time of a trade, µs; NaN when it is set apart, for now or for good: it must not be used. */
  trade(batch: EventBatch, row: number, side: number): number {
    const { cursor } = this.#options;
    const venueUs = batch.exchangeUs[row]!;
    const lagUs = cursor.nowUs - venueUs;
    // A trade without a venue time happened when the venue's clock, as estimated, showed what ours does now.
    if (Number.isNaN(lagUs)) {
      if (this.#options.closes.areHeld) this.#options.closes.resume();
      return cursor.nowUs - this.#lag.knownOffsetUs;
    }
    // What is learned of after an outage comes late for that, and says nothing of other events.
    if ((batch.flags[row]! & Flag.late) !== 0) return venueUs;
    const verdict = this.#lag.observe(lagUs, cursor.event, batch.seq[row]!, true);
    const isUsed = this.#follow(verdict);
    if (!isUsed) {
      const [price, size] = [batch.price[row]!, batch.size[row]!];
      this.#held.push({ instrument: batch.instrument[row]!, price, size, side, venueUs, lagUs });
    }
    return isUsed ? venueUs : Number.NaN;
  }

  /** Takes what the time of a change of book or ticker says of the lag. Such a change is used whatever its time is. */
  look(batch: EventBatch, row: number): void {
    const lagUs = batch.receivedUs[row]! - batch.exchangeUs[row]!;
    // Only the least lags are learned here; NaN is below nothing.
    if (!(lagUs < this.#lag.lowUs)) return;
    this.#follow(this.#lag.observe(lagUs, this.#options.cursor.event, batch.seq[row]!, false));
  }

  /** After a new connection or a stepped clock the lag is another one. */
  heed(status: StatusDetail): void {
    if (status.state !== 'control' || !stepsClock(status.control)) return;
    this.#giveUp();
    this.#lag.restart();
  }

  /**
   * Before time passes up to an event: holds the closes when that event says that no such time has passed at the venue.
   * A silence ends with a session that begins anew, or with a clock step, or with a trade that is dated before it.
   */
  weigh(batch: EventBatch, row: number): void {
    const { closes, cursor } = this.#options;
    if (closes.areHeld) return;
    const detail = batch.detail[row];
    const isStep = detail?.type === 'status' && detail.state === 'control' && restartsClock(detail.control);
    const lagUs = batch.receivedUs[row]! - batch.exchangeUs[row]!;
    const isSilence = batch.receivedUs[row]! > cursor.nowUs + GRACE_MAX_US;
    const isTrade = batch.kind[row] === EventKind.trade && (batch.flags[row]! & Flag.late) === 0;
    if (isStep || (isSilence && isTrade && this.#lag.deniesSilence(lagUs))) closes.hold();
  }

  /** To be called at each multiple of `LAG_BLOCK_EVENTS` events. */
  advance(event: number): void {
    this.#lag.advance(event, this.#options.cursor.nowUs);
    this.#tell();
  }

  /** No more events come: what is still held is never confirmed. */
  finish(): void {
    this.#giveUp();
  }

  /** Whether the event itself is to be used. */
  #follow(verdict: LagVerdict): boolean {
    if (verdict === 'refuted' || verdict === 'replaced') this.#giveUp();
    this.#tell();
    if (verdict === 'adopted') this.#release();
    if (this.#options.closes.areHeld && !this.#lag.isDoubtful) this.#options.closes.resume();
    return verdict !== 'held' && verdict !== 'replaced';
  }

  #release(): void {
    for (const { instrument, price, size, side, venueUs } of this.#held) {
      if (this.#options.usesTrades) {
        this.#options.closes.addTrade(instrument, { price, size, side, timeUs: venueUs });
      }
    }
    this.#held.length = 0;
  }

  #giveUp(): void {
    const { log, cursor, symbols } = this.#options;
    for (const { instrument, venueUs, lagUs } of this.#held) {
      const way = lagUs < this.#lag.knownOffsetUs ? 'ahead of' : 'behind';
      log.write({
        ...cursor.position(),
        type: 'unused',
        symbol: symbols[instrument]!,
        reason: `trade set apart: its venue time is far ${way} all others`,
        count: 1,
        atUs: venueUs,
      });
    }
    this.#held.length = 0;
  }

  /** Records what is in force when it has changed, and moves what is due by it. */
  #tell(): void {
    if (this.#lag.changes === this.#changes) return;
    this.#changes = this.#lag.changes;
    const { offsetUs, spreadUs, graceUs } = this.#lag;
    const { log, cursor, closes } = this.#options;
    log.write({ ...cursor.position(), type: 'lag', offsetUs, spreadUs, graceUs });
    closes.reschedule();
  }
}
