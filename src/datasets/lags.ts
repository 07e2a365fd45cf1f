// How far receipt lags the venue, connection by connection and from one step of a clock to the next, and how many trades
// bear a time that cannot be right: the estimate of core/lag.ts over all events of a recording, the one candles close by.
import { type EventBatch, EventKind, Flag } from '../core/event.ts';
import { stepsClock } from '../core/frame.ts';
import { LAG_BLOCK_EVENTS, Lag, type LagVerdict } from '../core/lag.ts';
import type { LagSpan } from './manifest.ts';

/** The grace that candles have by default; it does not change the estimate. */
const GRACE_US = 250_000;
/** A lag that changes by more at once, once it is known, is that of another clock, whatever the recording says. */
const STEP_US = 1e6;
/** Dated events after which a lag is known. */
const KNOWN_EVENTS = 16;
/** Connections that are listed; of a recording with more the last ones are left out. */
const SPANS_MAX = 1000;

export class LagFold {
  readonly #lag = new Lag(GRACE_US);
  readonly #spans: LagSpan[] = [];
  /** First and last dated event of the connection that lasts, µs; NaN before the first. */
  #fromUs = Number.NaN;
  #toUs = Number.NaN;
  #spreadUs = 0;
  #dated = 0;
  #event = 0;
  #held = 0;
  #misdated = 0;

  add(batch: EventBatch, row: number): void {
    this.#take(batch, row);
    this.#event++;
    if (this.#event % LAG_BLOCK_EVENTS !== 0) return;
    const before = this.#inForce();
    this.#lag.advance(this.#event, batch.receivedUs[row]!);
    this.#part(before, batch.receivedUs[row]!);
  }

  finish(): { readonly lags: LagSpan[]; readonly misdated: number } {
    this.#end();
    return { lags: this.#spans, misdated: this.#misdated };
  }

  #take(batch: EventBatch, row: number): void {
    const kind = batch.kind[row]!;
    const detail = batch.detail[row];
    if (detail?.type === 'status') {
      if (detail.state === 'control' && stepsClock(detail.control)) this.#end();
      return;
    }
    const lagUs = batch.receivedUs[row]! - batch.exchangeUs[row]!;
    const isTrade = kind === EventKind.trade && (batch.flags[row]! & Flag.late) === 0;
    const isWhole = kind !== EventKind.level || (batch.flags[row]! & Flag.last) !== 0;
    if (Number.isNaN(lagUs) || !isWhole || (kind === EventKind.trade && !isTrade)) return;
    if (Number.isNaN(this.#fromUs)) this.#fromUs = batch.receivedUs[row]!;
    this.#dated++;
    const isNews = isTrade
      ? !(lagUs >= this.#lag.lowUs && lagUs <= this.#lag.highUs)
      : lagUs < this.#lag.lowUs;
    if (isNews) {
      const before = this.#inForce();
      this.#follow(this.#lag.observe(lagUs, this.#event, batch.seq[row]!, isTrade), isTrade);
      this.#part(before, batch.receivedUs[row]!);
    }
    this.#toUs = batch.receivedUs[row]!;
  }

  /** What is in force now, as a span up to the last dated event. */
  #inForce(): LagSpan {
    this.#spreadUs = Math.max(this.#spreadUs, this.#lag.spreadUs);
    const { offsetUs } = this.#lag;
    return { fromUs: this.#fromUs, toUs: this.#toUs, offsetUs, spreadUs: this.#spreadUs };
  }

  /** Lists what was in force before where another lag begins. */
  #part(before: LagSpan, nowUs: number): void {
    const isStep = Math.abs(this.#lag.offsetUs - before.offsetUs) > STEP_US && this.#dated > KNOWN_EVENTS;
    if (!isStep) return;
    this.#list(before);
    this.#fromUs = nowUs;
    this.#toUs = nowUs;
    this.#spreadUs = 0;
    this.#dated = 0;
  }

  #list({ fromUs, toUs, offsetUs, spreadUs }: LagSpan): void {
    if (Number.isNaN(offsetUs) || Number.isNaN(fromUs) || this.#spans.length >= SPANS_MAX) return;
    this.#spans.push({ fromUs, toUs, offsetUs: Math.round(offsetUs), spreadUs: Math.round(spreadUs) });
  }

  #follow(verdict: LagVerdict, isTrade: boolean): void {
    if (verdict === 'refuted' || verdict === 'replaced') this.#misdated += this.#held;
    if (verdict !== 'held') this.#held = 0;
    if (isTrade && (verdict === 'held' || verdict === 'replaced')) this.#held++;
  }

  /** A connection, or what one clock showed of it, is over. */
  #end(): void {
    this.#misdated += this.#held;
    this.#held = 0;
    this.#list(this.#inForce());
    this.#lag.restart();
    this.#fromUs = Number.NaN;
    this.#spreadUs = 0;
    this.#dated = 0;
  }
}
