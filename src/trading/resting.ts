// Orders that stand at the venue, of all accounts, per instrument: limits by price, then by time of arrival, and exits
// that wait until the venue can fill them. A market event looks at the best limit of each side only.
import type { Side } from '../core/order.ts';
import type { WorkingOrder } from './working.ts';

const NONE: readonly WorkingOrder[] = [];

export class Resting {
  /** Highest limit first. */
  readonly #buys: WorkingOrder[] = [];
  /** Lowest limit first. */
  readonly #sells: WorkingOrder[] = [];
  /** In order of arrival. */
  readonly #waiting: WorkingOrder[] = [];

  get count(): number {
    return this.#buys.length + this.#sells.length + this.#waiting.length;
  }

  /** The highest limit of a buy, −∞ without one, and the lowest of a sell, +∞ without one. */
  get bestBuy(): number {
    return this.#buys[0]?.price ?? Number.NEGATIVE_INFINITY;
  }
  get bestSell(): number {
    return this.#sells[0]?.price ?? Number.POSITIVE_INFINITY;
  }

  /** A limit order rests behind those of its own price. */
  rest(order: WorkingOrder): void {
    const list = this.#of(order.side);
    const sign = order.side === 'buy' ? 1 : -1;
    let at = list.length;
    while (at > 0 && (order.price - list[at - 1]!.price) * sign > 0) at--;
    list.splice(at, 0, order);
  }

  /** An exit stays until it can be filled. */
  wait(order: WorkingOrder): void {
    this.#waiting.push(order);
  }

  remove(order: WorkingOrder): void {
    for (const list of [this.#of(order.side), this.#waiting]) {
      const at = list.indexOf(order);
      if (at >= 0) list.splice(at, 1);
    }
  }

  /**
   * Limits that these prices went strictly past: best price first, those of one price in order of arrival, and those that
   * `first` trades at before the other side's. Allocates only when there are any.
   */
  passed(bid: number, ask: number, first: Side = 'buy'): readonly WorkingOrder[] {
    const [buys, sells] = [this.#buys[0], this.#sells[0]];
    const hasBuys = buys !== undefined && ask < buys.price;
    const hasSells = sells !== undefined && bid > sells.price;
    if (!hasBuys && !hasSells) return NONE;
    const passedBuys = this.#buys.filter((order) => ask < order.price);
    const passedSells = this.#sells.filter((order) => bid > order.price);
    return first === 'buy' ? [...passedBuys, ...passedSells] : [...passedSells, ...passedBuys];
  }

  /** Exits to be tried again, as they are now: trying may end them. */
  waiting(): readonly WorkingOrder[] {
    return this.#waiting.length === 0 ? NONE : [...this.#waiting];
  }

  /** All orders, as they are now. */
  all(): readonly WorkingOrder[] {
    return this.count === 0 ? NONE : [...this.#buys, ...this.#sells, ...this.#waiting];
  }

  /** Orders that only reduce, of one account, as they are now. */
  reducing(account: WorkingOrder['account']): readonly WorkingOrder[] {
    return this.all().filter((order) => order.account === account && order.isReduceOnly);
  }

  #of(side: Side): WorkingOrder[] {
    return side === 'buy' ? this.#buys : this.#sells;
  }
}
