// How far prices went while positions were open: the lowest and highest mark price seen between the fill that opened a
// position and now. Per instrument a short list, walked only where somebody holds something.
import type { Bounds } from './calm.ts';
import type { Account } from './working.ts';

/** NaN where no mark price was known. */
export type Excursion = { readonly markLow: number; readonly markHigh: number };

type Open = { readonly account: Account; markLow: number; markHigh: number };

const NOTHING_SEEN: Excursion = { markLow: Number.NaN, markHigh: Number.NaN };

export class Excursions {
  readonly #open: readonly Open[][];

  constructor(instruments: number) {
    this.#open = Array.from({ length: instruments }, () => []);
  }

  /** Open positions in this instrument. */
  count(instrument: number): number {
    return this.#open[instrument]!.length;
  }

  /** A new mark price, which every open position meets. */
  see(instrument: number, markPrice: number): void {
    const open = this.#open[instrument]!;
    for (let i = 0; i < open.length; i++) {
      const excursion = open[i]!;
      if (!(excursion.markLow <= markPrice)) excursion.markLow = markPrice;
      if (!(excursion.markHigh >= markPrice)) excursion.markHigh = markPrice;
    }
  }

  /** The mark prices that every open position has met already; NaN where one has met none. */
  bounds(instrument: number): Bounds {
    let low = Number.NEGATIVE_INFINITY;
    let high = Number.POSITIVE_INFINITY;
    for (const { markLow, markHigh } of this.#open[instrument]!) {
      low = Math.max(low, markLow);
      high = Math.min(high, markHigh);
    }
    return { low, high };
  }

  /** What an open position has met; NaN when there is none. */
  of(account: Account, instrument: number): Excursion {
    const found = this.#open[instrument]!.find((open) => open.account === account);
    return found === undefined ? NOTHING_SEEN : { markLow: found.markLow, markHigh: found.markHigh };
  }

  /** After a fill: a position that was opened or flipped begins at this mark price, one that is flat is forgotten. */
  follow(
    account: Account,
    instrument: number,
    {
      before,
      after,
      markPrice,
    }: { readonly before: number; readonly after: number; readonly markPrice: number },
  ): void {
    if (Math.sign(before) === Math.sign(after)) return;
    const open = this.#open[instrument]!;
    const at = open.findIndex((known) => known.account === account);
    if (at >= 0) open.splice(at, 1);
    if (after !== 0) open.push({ account, markLow: markPrice, markHigh: markPrice });
  }
}
