// What is on its way to the venue, in the order in which it gets there: by due time, then by order id, then as sent.
import type { WorkingOrder } from './working.ts';

/** The order itself, or (with a reason) its cancel. */
export type Arrival = {
  readonly dueUs: number;
  readonly order: WorkingOrder;
  readonly cancel: string | undefined;
};

export class Arrivals {
  readonly #sorted: Arrival[] = [];
  #nextDueUs = Number.POSITIVE_INFINITY;

  /** Of the earliest arrival; Infinity when nothing is on its way. */
  get nextDueUs(): number {
    return this.#nextDueUs;
  }

  add(arrival: Arrival): void {
    let at = this.#sorted.length;
    while (at > 0 && isAfter(this.#sorted[at - 1]!, arrival)) at--;
    this.#sorted.splice(at, 0, arrival);
    this.#nextDueUs = this.#sorted[0]!.dueUs;
  }

  /** Removes and returns the earliest arrival, if it is due. */
  take(nowUs: number): Arrival | undefined {
    if (this.#nextDueUs > nowUs) return undefined;
    const arrival = this.#sorted.shift();
    this.#nextDueUs = this.#sorted[0]?.dueUs ?? Number.POSITIVE_INFINITY;
    return arrival;
  }
}

function isAfter(left: Arrival, right: Arrival): boolean {
  if (left.dueUs !== right.dueUs) return left.dueUs > right.dueUs;
  return left.order.id > right.order.id;
}
