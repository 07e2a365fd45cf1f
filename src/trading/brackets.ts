// Stop losses and take profits: one bracket per entry order, over what that order opened. The two prices of a bracket
// share one state, so that only one of them can ever have an order on its way (one cancels the other).
import { type Decimal, least } from '../core/decimal.ts';
import type { Side } from '../core/order.ts';
import { reducible } from './admission.ts';
import type { WorkingOrder } from './working.ts';

export type Bracket = {
  readonly entry: WorkingOrder;
  /** Of the order that closes. */
  readonly side: Side;
  /** What is still to be closed, base currency. */
  size: Decimal;
  /** Its order is on the way; it is watched again if that order ends before all is closed. */
  isTriggered: boolean;
};

export type Touch = {
  readonly bracket: Bracket;
  readonly type: 'stop' | 'takeProfit';
  readonly trigger: number;
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

  /** After a fill of `size` was booked: watches over what it opened, and forgets what it closed. */
  onFill(order: WorkingOrder, size: Decimal): void {
    const { instrument, account, sentBy } = order;
    if (sentBy !== undefined) sentBy.size -= least(size, sentBy.size);
    else if (!Number.isNaN(order.stopLoss) || !Number.isNaN(order.takeProfit)) this.#grow(order, size);
    const brackets = this.#byInstrument[instrument]!;
    for (let i = brackets.length - 1; i >= 0; i--) {
      const bracket = brackets[i]!;
      if (bracket.entry.account !== account) continue;
      if (reducible(account.ledger, instrument, bracket.side) === 0n) bracket.size = 0n;
      if (bracket.size === 0n) brackets.splice(i, 1);
    }
  }

  /** The brackets that this price touches. Allocates only when there are any. */
  touched(instrument: number, price: number): readonly Touch[] {
    let touches: Touch[] | undefined;
    for (const bracket of this.#byInstrument[instrument]!) {
      if (bracket.isTriggered) continue;
      const { stopLoss, takeProfit } = bracket.entry;
      const isLong = bracket.side === 'sell';
      const isStopped = isLong ? price <= stopLoss : price >= stopLoss;
      const isTaken = isLong ? price >= takeProfit : price <= takeProfit;
      if (!isStopped && !isTaken) continue;
      touches ??= [];
      if (isStopped) touches.push({ bracket, type: 'stop', trigger: stopLoss });
      else touches.push({ bracket, type: 'takeProfit', trigger: takeProfit });
    }
    return touches ?? NONE;
  }

  #grow(order: WorkingOrder, size: Decimal): void {
    const side: Side = order.side === 'buy' ? 'sell' : 'buy';
    const opened = least(size, reducible(order.account.ledger, order.instrument, side));
    if (opened === 0n) return;
    const brackets = this.#byInstrument[order.instrument]!;
    const known = brackets.find((bracket) => bracket.entry === order);
    if (known === undefined) brackets.push({ entry: order, side, size: opened, isTriggered: false });
    else known.size += opened;
  }
}
