// How far receipt lags the venue on one connection: the local clock less the venue's, plus the way. Learned from the
// records alone, so that live, replay of frames and of tables agree. Invariant: one wild stamp, or all those of one
// frame, move nothing; a stamp far out of line waits until others keep it company or put it in the wrong.
import { assert } from './assert.ts';

/** Lags within this of each other are one lag; what is in force changes by no less. */
export const LAG_STEP_US = 50_000;
/** A candle waits no longer than this past its end and the offset, however much later some events come. */
export const GRACE_MAX_US = 10e6;
/** No event's venue time may be further ahead of the others than this. */
const AHEAD_MAX_US = 1e6;
/** Before anything is known, and while little is: how far the venue may be ahead of the local clock. */
const SKEW_MAX_US = 10e6;
/** An event that comes this much later than the others is of no use to any candle and may be misdated. */
const BEHIND_MAX_US = 600e6;
/** Frames in a row that must agree out of line to be believed. */
const COMPANY = 3;
const AGREE_US = 1e6;
/** Events after a start during which a smaller lag is a faster way, not a wrong stamp. */
const SETTLING_EVENTS = 16;
/** The estimate looks back over one to two blocks, each of so many events and so long at least. */
export const LAG_BLOCK_EVENTS = 512;
const BLOCK_US = 10e6;

/**
 * What to do with an event. `taken`: use it. `refuted`: use it, and give up those held, which were wrong. `held`: hold
 * it back. `replaced`: give up those held, and hold this one back. `adopted`: use those held, then this one, for they
 * agree: a clock was stepped.
 */
export type LagVerdict = 'taken' | 'refuted' | 'held' | 'replaced' | 'adopted';

/** The two least lags of a block and the two greatest of its trades, each of different frames. */
class Block {
  low1 = Number.POSITIVE_INFINITY;
  low2 = Number.POSITIVE_INFINITY;
  high1 = Number.NEGATIVE_INFINITY;
  high2 = Number.NEGATIVE_INFINITY;
  #lowSeq = Number.NaN;
  #highSeq = Number.NaN;

  reset(): void {
    this.copy(EMPTY);
    this.#lowSeq = Number.NaN;
    this.#highSeq = Number.NaN;
  }

  copy(other: Pick<Block, 'low1' | 'low2' | 'high1' | 'high2'>): void {
    this.low1 = other.low1;
    this.low2 = other.low2;
    this.high1 = other.high1;
    this.high2 = other.high2;
  }

  add(lagUs: number, seq: number, isTrade: boolean): void {
    if (lagUs < this.low1) {
      if (seq !== this.#lowSeq) this.low2 = this.low1;
      this.low1 = lagUs;
      this.#lowSeq = seq;
    } else if (lagUs < this.low2 && seq !== this.#lowSeq) {
      this.low2 = lagUs;
    }
    if (!isTrade) return;
    if (lagUs > this.high1) {
      if (seq !== this.#highSeq) this.high2 = this.high1;
      this.high1 = lagUs;
      this.#highSeq = seq;
    } else if (lagUs > this.high2 && seq !== this.#highSeq) {
      this.high2 = lagUs;
    }
  }
}

const EMPTY = {
  low1: Number.POSITIVE_INFINITY,
  low2: Number.POSITIVE_INFINITY,
  high1: Number.NEGATIVE_INFINITY,
  high2: Number.NEGATIVE_INFINITY,
};

/** What the samples of one connection have said so far. */
export class Lag {
  /** A trade's sample between these two teaches nothing: it is in line and need not be observed. */
  lowUs = Number.POSITIVE_INFINITY;
  highUs = Number.NEGATIVE_INFINITY;
  /** In force: receive time less venue time of the events that come soonest, µs; NaN before the first one. */
  offsetUs = Number.NaN;
  /** In force: how long after its end and the offset a candle waits for what comes later, µs. */
  graceUs: number;
  /** How often what is in force has changed. */
  changes = 0;
  /** Observed samples in a row that were within a second of the least. */
  steady = 0;
  readonly #graceMinUs: number;
  readonly #block = new Block();
  readonly #before = new Block();
  #blockEvent = 0;
  #blockUs = Number.NaN;
  /** The event at which this connection's first sample came. */
  #firstEvent = Number.NaN;
  /** The estimate of the connection before. */
  #formerUs = Number.NaN;
  /** Frames in a row that are out of line and agree. */
  #company = 0;
  #companySeq = Number.NaN;
  #companyLowUs = Number.NaN;
  #companyHighUs = Number.NaN;
  /** Of their events so many are held back. */
  #held = 0;

  /** `graceMinUs` is the least grace, whatever is measured. */
  constructor(graceMinUs: number) {
    this.#graceMinUs = graceMinUs;
    this.graceUs = graceMinUs;
  }

  /** The offset in force; 0 while nothing is known. */
  get knownOffsetUs(): number {
    return Number.isNaN(this.offsetUs) ? 0 : this.offsetUs;
  }

  /** How much later than the soonest events the later trades come, µs: second greatest lag less the least. */
  get spreadUs(): number {
    const spreadUs = this.#highest() - this.#lowest();
    return Number.isFinite(spreadUs) && spreadUs > 0 ? spreadUs : 0;
  }

  /** Whether the last samples are out of line, and it is not known yet who is right. */
  get isDoubtful(): boolean {
    return this.#company > 0;
  }

  /** Whether an event that comes after a silence says that by the venue's clock no such time has passed. */
  deniesSilence(lagUs: number): boolean {
    return lagUs > this.offsetUs + GRACE_MAX_US;
  }

  /** Another connection, or a stepped clock. What is held must be given up; what is in force stays until more is known. */
  restart(): void {
    const lowestUs = this.#lowest();
    if (lowestUs !== Number.POSITIVE_INFINITY) this.#formerUs = lowestUs;
    this.#block.reset();
    this.#before.reset();
    this.#firstEvent = Number.NaN;
    this.#part();
  }

  /**
   * One dated event: `lagUs` is its receive time less its venue time, `event` its number in the sequence, `seq` the
   * record it came in. Only a trade that is not a snapshot's says how late events may be: others are told again.
   */
  observe(lagUs: number, event: number, seq: number, isTrade: boolean): LagVerdict {
    assert(!Number.isNaN(lagUs), 'an event without a venue time says nothing about the lag');
    if (Number.isNaN(this.#firstEvent)) this.#firstEvent = event;
    const lowestUs = this.#lowest();
    const isUsable = this.#isUsable(lagUs, lowestUs, event);
    const isLate = lowestUs !== Number.POSITIVE_INFINITY && lagUs > lowestUs + GRACE_MAX_US;
    if (!isTrade && (isLate || (!isUsable && lagUs > 0))) return 'taken';
    if (!isUsable || isLate) return this.#stray(lagUs, event, seq, isUsable);
    const isRefuting = this.#held > 0;
    this.#part();
    this.#block.add(lagUs, seq, isTrade);
    this.steady =
      Math.abs(lagUs - this.#lowest()) <= AGREE_US && lagUs >= lowestUs - AGREE_US ? this.steady + 1 : 0;
    this.#learn(false);
    return isRefuting ? 'refuted' : 'taken';
  }

  /** To be called at each multiple of `LAG_BLOCK_EVENTS`: forgets what is too long ago. */
  advance(event: number, nowUs: number): void {
    if (Number.isNaN(this.#blockUs)) this.#blockUs = nowUs;
    const isOver = event >= this.#blockEvent + LAG_BLOCK_EVENTS && nowUs >= this.#blockUs + BLOCK_US;
    if (!isOver || this.#block.low2 === Number.POSITIVE_INFINITY) return;
    this.#before.copy(this.#block);
    this.#block.reset();
    this.#blockEvent = event;
    this.#blockUs = nowUs;
    this.#learn(true);
  }

  #isUsable(lagUs: number, lowestUs: number, event: number): boolean {
    const isNear = lagUs >= -SKEW_MAX_US && lagUs <= BEHIND_MAX_US;
    if (lowestUs === Number.POSITIVE_INFINITY) {
      const formerUs = this.#formerUs;
      return isNear || (lagUs >= formerUs - AHEAD_MAX_US && lagUs <= formerUs + BEHIND_MAX_US);
    }
    if (lagUs > lowestUs + BEHIND_MAX_US) return false;
    if (lagUs >= lowestUs - AHEAD_MAX_US) return true;
    return isNear && event < this.#firstEvent + SETTLING_EVENTS;
  }

  #stray(lagUs: number, event: number, seq: number, isUsable: boolean): LagVerdict {
    const agrees = lagUs >= this.#companyHighUs - AGREE_US && lagUs <= this.#companyLowUs + AGREE_US;
    const isReplacing = !agrees && this.#held > 0;
    if (!agrees) this.#part();
    if (seq !== this.#companySeq) this.#company++;
    this.#companySeq = seq;
    this.#companyLowUs = this.#company === 1 ? lagUs : Math.min(this.#companyLowUs, lagUs);
    this.#companyHighUs = this.#company === 1 ? lagUs : Math.max(this.#companyHighUs, lagUs);
    // Until this is settled every event is looked at: the next in line refutes those that are held.
    this.lowUs = Number.POSITIVE_INFINITY;
    if (this.#company < COMPANY) {
      if (isUsable) return isReplacing ? 'refuted' : 'taken';
      this.#held++;
      return isReplacing ? 'replaced' : 'held';
    }
    const verdict = this.#held > 0 ? 'adopted' : 'taken';
    const [lowUs, highUs] = [this.#companyLowUs, this.#companyHighUs];
    this.restart();
    this.#firstEvent = event;
    this.#block.add(lowUs, Number.NaN, false);
    this.#block.add(lowUs, Number.NaN, true);
    this.#block.add(highUs, Number.NaN, true);
    this.#learn(true);
    return verdict;
  }

  #part(): void {
    this.#company = 0;
    this.#companySeq = Number.NaN;
    this.#companyLowUs = Number.NaN;
    this.#companyHighUs = Number.NaN;
    this.#held = 0;
    this.#narrow();
  }

  #narrow(): void {
    this.lowUs = this.#block.low2;
    this.highUs = this.#block.high2;
  }

  /** Puts in force what is known, where it differs by a step; the grace shrinks only when a block is over. */
  #learn(isOver: boolean): void {
    this.#narrow();
    const lowestUs = this.#lowest();
    if (lowestUs === Number.POSITIVE_INFINITY) return;
    let hasChanged = false;
    if (!(Math.abs(lowestUs - this.offsetUs) < LAG_STEP_US)) {
      this.offsetUs = lowestUs;
      hasChanged = true;
    }
    const neededUs = Math.ceil(this.spreadUs / LAG_STEP_US) * LAG_STEP_US + LAG_STEP_US;
    const graceUs = Math.max(this.#graceMinUs, Math.min(neededUs, GRACE_MAX_US));
    if (graceUs > this.graceUs || (isOver && graceUs < this.graceUs)) {
      this.graceUs = graceUs;
      hasChanged = true;
    }
    if (hasChanged) this.changes++;
  }

  /** The least of all lags in both blocks, or the second least where that one stands alone; +∞ while there is none. */
  #lowest(): number {
    const [block, before] = [this.#block, this.#before];
    const firstUs = Math.min(block.low1, before.low1);
    const secondUs =
      block.low1 <= before.low1 ? Math.min(block.low2, before.low1) : Math.min(before.low2, block.low1);
    const isAlone = secondUs - firstUs > AHEAD_MAX_US && secondUs !== Number.POSITIVE_INFINITY;
    return isAlone ? secondUs : firstUs;
  }

  #highest(): number {
    const [block, before] = [this.#block, this.#before];
    return block.high1 >= before.high1
      ? Math.max(block.high2, before.high1)
      : Math.max(before.high2, block.high1);
  }
}
