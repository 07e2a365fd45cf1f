// What positions consist of, lot by lot in the order in which entries opened them, and the stop loss and take profit
// that watch over a lot. A bracket closes what its entry opened and nothing else: what closes otherwise takes the oldest
// lots first. Its two prices share one state, so that only one of them can ever have an order on its way.
import { type Decimal, least } from '../core/decimal.ts';
import type { Side } from '../core/order.ts';
import type { Bounds } from './calm.ts';
import type { Bracket, WorkingOrder } from './working.ts';

export type Touch = {
  readonly bracket: Bracket;
  readonly type: 'stop' | 'takeProfit';
  readonly trigger: number;
  /** The price that touched it. */
  readonly price: number;
};

const NONE: readonly Touch[] = [];

export class Brackets {
  readonly #byInstrument: Bracket[][];

  constructor(instruments: number) {
    this.#byInstrument = Array.from({ length: instruments }, () => []);
  }

  count(instrument: number): number {
    return this.#byInstrument[instrument]!.length;
  }

  /** After a fill was booked that closed so much of the position and opened the rest of its size. */
  onFill(order: WorkingOrder, size: Decimal, closed: Decimal): void {
    if (closed > 0n) this.#close(order, closed);
    if (size > closed) this.#open(order, size - closed);
  }

  /** Those with a price that nothing has touched yet, as they are now. */
  watched(instrument: number): readonly Bracket[] {
    return this.#byInstrument[instrument]!.filter(
      ({ isTriggered, stopLoss, takeProfit }) =>
        !isTriggered && !(Number.isNaN(stopLoss) && Number.isNaN(takeProfit)),
    );
  }

  /** The brackets that a printed price touches. Allocates only when there are any. */
  touched(instrument: number, price: number): readonly Touch[] {
    return this.#touched(instrument, price, price);
  }

  /**
   * The brackets that the quote touches: a sell's stop when even the ask is at it or below, its take profit when the bid
   * is at it or above, so that no trade on the other side of it could print any more; a buy's the other way round.
   */
  touchedByQuote(instrument: number, bid: number, ask: number): readonly Touch[] {
    return this.#touched(instrument, bid, ask);
  }

  /** The prices strictly between which no bracket is touched: the highest that may not be fallen to, the lowest not risen to. */
  bounds(instrument: number): Bounds {
    let low = Number.NEGATIVE_INFINITY;
    let high = Number.POSITIVE_INFINITY;
    for (const { isTriggered, side, stopLoss, takeProfit } of this.#byInstrument[instrument]!) {
      if (isTriggered) continue;
      const closesLong = side === 'sell';
      const fallenTo = closesLong ? stopLoss : takeProfit;
      const risenTo = closesLong ? takeProfit : stopLoss;
      if (fallenTo > low) low = fallenTo;
      if (risenTo < high) high = risenTo;
    }
    return { low, high };
  }

  /** `low` is what must rise to a price to touch it, `high` what must fall to it. */
  #touched(instrument: number, low: number, high: number): readonly Touch[] {
    let touches: Touch[] | undefined;
    const brackets = this.#byInstrument[instrument]!;
    for (let i = 0; i < brackets.length; i++) {
      const bracket = brackets[i]!;
      if (bracket.isTriggered) continue;
      const { stopLoss, takeProfit } = bracket;
      const closesLong = bracket.side === 'sell';
      const isStopped = closesLong ? high <= stopLoss : low >= stopLoss;
      const isTaken = closesLong ? low >= takeProfit : high <= takeProfit;
      if (!isStopped && !isTaken) continue;
      touches ??= [];
      // A stop of a long and a take profit of a short are fallen to.
      const price = isStopped === closesLong ? high : low;
      if (isStopped) touches.push({ bracket, type: 'stop', trigger: stopLoss, price });
      else touches.push({ bracket, type: 'takeProfit', trigger: takeProfit, price });
    }
    return touches ?? NONE;
  }

  #close(order: WorkingOrder, closed: Decimal): void {
    const { account, sentBy } = order;
    const brackets = this.#byInstrument[order.instrument]!;
    let rest = closed;
    const own = sentBy === undefined ? [] : [sentBy];
    for (const bracket of [...own, ...brackets]) {
      if (bracket.account !== account) continue;
      const taken = least(rest, bracket.size);
      bracket.size -= taken;
      rest -= taken;
      if (rest === 0n) break;
    }
    for (let i = brackets.length - 1; i >= 0; i--) if (brackets[i]!.size === 0n) brackets.splice(i, 1);
  }

  #open(order: WorkingOrder, size: Decimal): void {
    const { account, stopLoss, takeProfit } = order;
    const brackets = this.#byInstrument[order.instrument]!;
    const isWatched = !Number.isNaN(stopLoss) || !Number.isNaN(takeProfit);
    const last = brackets.findLast((bracket) => bracket.account === account);
    const known = isWatched
      ? brackets.find((bracket) => bracket.entry === order.id)
      : last !== undefined && Number.isNaN(last.stopLoss) && Number.isNaN(last.takeProfit)
        ? last
        : undefined;
    if (known !== undefined) {
      known.size += size;
      return;
    }
    const side: Side = order.side === 'buy' ? 'sell' : 'buy';
    const { id: entry, signal, instrument } = order;
    brackets.push({
      account,
      instrument,
      entry,
      signal,
      side,
      stopLoss,
      takeProfit,
      size,
      isTriggered: false,
      isAcrossGap: false,
    });
  }
}
