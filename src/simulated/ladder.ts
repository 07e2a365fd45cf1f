// One instrument's simulated order book: integer lots on a ring of integer ticks, both sides in one array.
// Invariants: the best bid is below the best ask; every level lies within `range` ticks of the middle;
// both sides hold at least one level. It records each change it makes, once per tick and step.
import { assert } from '../core/assert.ts';

const RING = 8192;
const MASK = RING - 1;
const RANGE_MAX = 3000;

/** The changes of one step, in the order they were made; no tick appears twice. */
export type LevelChanges = {
  length: number;
  readonly tick: Int32Array;
  readonly isAsk: Uint8Array;
  /** Absolute size after the change, lots; 0 means that the level is gone. */
  readonly lots: Float64Array;
  readonly lotsBefore: Float64Array;
};

export class Ladder {
  readonly #lots = new Float64Array(RING);
  /** Reach of the book, ticks from the middle to the farthest level. */
  readonly range: number;
  readonly changes: LevelChanges = {
    length: 0,
    tick: new Int32Array(RING),
    isAsk: new Uint8Array(RING),
    lots: new Float64Array(RING),
    lotsBefore: new Float64Array(RING),
  };
  bidBest: number;
  askBest: number;
  bidLevels = 0;
  askLevels = 0;
  #floor: number;
  #ceiling: number;

  /** A book of one lot at each side of the touch: `middle` is the tick of the first bid. */
  constructor(middle: number) {
    assert(
      Number.isInteger(middle) && middle > 64 && middle < 2 ** 30,
      'the first price is 65 to 2^30 ticks',
    );
    this.range = Math.min(RANGE_MAX, Math.floor(middle / 4));
    this.bidBest = middle;
    this.askBest = middle + 1;
    this.#floor = middle - this.range;
    this.#ceiling = middle + this.range;
    this.#put(middle, 1);
    this.#put(middle + 1, 1);
    this.bidLevels = 1;
    this.askLevels = 1;
  }

  /** The farthest ticks at which a level may stand. */
  get floor(): number {
    return this.#floor;
  }

  get ceiling(): number {
    return this.#ceiling;
  }

  /** Size at a tick inside [floor, ceiling], lots; 0 when there is no level. */
  lotsAt(tick: number): number {
    return this.#lots[tick & MASK]!;
  }

  /** Forgets the recorded changes: a new step begins. */
  begin(): void {
    this.changes.length = 0;
  }

  /** Sets the size of a bid (below the best ask) or an ask (above the best bid); 0 removes it. */
  set(tick: number, isAsk: boolean, lots: number): void {
    assert(isAsk ? tick > this.bidBest : tick < this.askBest, 'the book is never crossed');
    assert(tick >= this.#floor && tick <= this.#ceiling, 'a level lies within the range of the book');
    const before = this.#lots[tick & MASK]!;
    this.#put(tick, lots);
    this.#record(tick, isAsk, lots, before);
    if (isAsk) {
      if (before === 0) this.askLevels++;
      if (lots === 0) this.askLevels--;
      assert(this.askLevels > 0, 'the asks are never empty');
      if (lots > 0 && tick < this.askBest) this.askBest = tick;
      while (this.#lots[this.askBest & MASK] === 0) this.askBest++;
    } else {
      if (before === 0) this.bidLevels++;
      if (lots === 0) this.bidLevels--;
      assert(this.bidLevels > 0, 'the bids are never empty');
      if (lots > 0 && tick > this.bidBest) this.bidBest = tick;
      while (this.#lots[this.bidBest & MASK] === 0) this.bidBest--;
    }
  }

  /** Moves the range with the middle and drops the levels that fall out of it. Ends a step. */
  trim(): void {
    const middle = (this.bidBest + this.askBest) >> 1;
    const floor = middle - this.range;
    const ceiling = middle + this.range;
    for (let tick = this.#floor; tick < floor && this.bidLevels > 1; tick++) this.#drop(tick, false);
    for (let tick = this.#ceiling; tick > ceiling && this.askLevels > 1; tick--) this.#drop(tick, true);
    this.#floor = Math.min(floor, this.bidBest);
    this.#ceiling = Math.max(ceiling, this.askBest);
    assert(this.bidBest < this.askBest, 'the best bid is below the best ask');
    assert(this.#ceiling - this.#floor < RING, 'the book fits its ring');
  }

  #drop(tick: number, isAsk: boolean): void {
    const before = this.#lots[tick & MASK]!;
    if (before === 0) return;
    this.#put(tick, 0);
    this.#record(tick, isAsk, 0, before);
    if (isAsk) this.askLevels--;
    else this.bidLevels--;
  }

  #put(tick: number, lots: number): void {
    this.#lots[tick & MASK] = lots;
  }

  #record(tick: number, isAsk: boolean, lots: number, before: number): void {
    const { changes } = this;
    const row = changes.length++;
    changes.tick[row] = tick;
    changes.isAsk[row] = isAsk ? 1 : 0;
    changes.lots[row] = lots;
    changes.lotsBefore[row] = before;
  }
}
