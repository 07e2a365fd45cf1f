// Signals, orders and fills of two runs, matched along their own chain: signals by what they wish and when, orders by the
// signals they came from, fills by their orders. Running numbers and times do not count; what they did does.
import type { Order } from '../../core/order.ts';
import { relativeDifference } from './causes.ts';
import {
  decisionWindowUs,
  type EvidencePair,
  type FillRecord,
  type OrderRecord,
  type Signal,
} from './evidence.ts';

export type Matching<A> = {
  readonly pairs: readonly (readonly [left: A, right: A])[];
  readonly onlyLeft: readonly A[];
  readonly onlyRight: readonly A[];
};

export type Matched = {
  readonly signals: Matching<Signal>;
  readonly orders: Matching<OrderRecord>;
  readonly fills: Matching<FillRecord>;
  /** Numbers of signals of the right run → of the left one. */
  readonly signalOf: ReadonlyMap<number, number>;
};

/**
 * Signals: same strategy, action and symbol, nearest in time, at most the decision window apart. Orders: of matched signals
 * (or of risk limits), same type, side, symbol and status, in order. Fills: of matched orders, in order.
 */
export function matchActions(evidence: EvidencePair): Matched {
  const { left, right } = evidence;
  const signals = matchNearest(left.signals, right.signals, decisionWindowUs(evidence));
  const signalOf = new Map(signals.pairs.map(([a, b]) => [b.record.id, a.record.id]));
  const orders = matchInTurn(left.orders, right.orders, {
    keyOfLeft: ({ order }) => keyOfOrder(order, order.signal),
    keyOfRight: ({ order }) => keyOfOrder(order, order.signal === 0 ? 0 : signalOf.get(order.signal)),
  });
  const orderOf = new Map(orders.pairs.map(([a, b]) => [b.order.id, a.order.id]));
  const fills = matchInTurn(left.fills, right.fills, {
    keyOfLeft: ({ fill }) => fill.order,
    keyOfRight: ({ fill }) => orderOf.get(fill.order),
  });
  return { signals, orders, fills, signalOf };
}

/** Pairs what is nearest in time; both lists are in order of time. */
function matchNearest(left: readonly Signal[], right: readonly Signal[], windowUs: number): Matching<Signal> {
  const pairs: (readonly [Signal, Signal])[] = [];
  const lists = [left, right].map((signals) => Map.groupBy(signals, keyOfSignal));
  for (const [key, a] of lists[0]!) {
    const b = lists[1]!.get(key) ?? [];
    const apartUs = (i: number, j: number): number =>
      Math.abs((a[i]?.momentUs ?? Number.POSITIVE_INFINITY) - (b[j]?.momentUs ?? Number.POSITIVE_INFINITY));
    for (let i = 0, j = 0; i < a.length && j < b.length; ) {
      const us = apartUs(i, j);
      const isNextNearer = apartUs(i, j + 1) < us && !(apartUs(i + 1, j + 1) < apartUs(i, j + 1));
      if (us > windowUs) a[i]!.momentUs < b[j]!.momentUs ? i++ : j++;
      else if (isNextNearer) j++;
      else if (apartUs(i + 1, j) < us && !(apartUs(i + 1, j + 1) < apartUs(i + 1, j))) i++;
      else pairs.push([a[i++]!, b[j++]!]);
    }
  }
  const inOrder = pairs.sort(([a], [b]) => a.record.id - b.record.id);
  return withRest(inOrder, left, right);
}

/** Pairs the first with the first of each key, the second with the second; without a key there is no partner. */
function matchInTurn<A, K extends string | number>(
  left: readonly A[],
  right: readonly A[],
  keys: {
    readonly keyOfLeft: (action: A) => K | undefined;
    readonly keyOfRight: (action: A) => K | undefined;
  },
): Matching<A> {
  const waiting = Map.groupBy(right, keys.keyOfRight);
  const taken = new Map<K | undefined, number>();
  const pairs: (readonly [A, A])[] = [];
  for (const action of left) {
    const key = keys.keyOfLeft(action);
    const turn = taken.get(key) ?? 0;
    const partner = key === undefined ? undefined : waiting.get(key)?.[turn];
    if (partner === undefined) continue;
    taken.set(key, turn + 1);
    pairs.push([action, partner]);
  }
  return withRest(pairs, left, right);
}

function withRest<A>(
  pairs: readonly (readonly [A, A])[],
  left: readonly A[],
  right: readonly A[],
): Matching<A> {
  const [lefts, rights] = [new Set(pairs.map(([a]) => a)), new Set(pairs.map(([, b]) => b))];
  return {
    pairs,
    onlyLeft: left.filter((action) => !lefts.has(action)),
    onlyRight: right.filter((action) => !rights.has(action)),
  };
}

function keyOfSignal({ record: { strategy, signal } }: Signal): string {
  return `${strategy}\n${signal.action}\n${signal.symbol ?? ''}`;
}

/** Undefined without a matched signal. */
function keyOfOrder(order: Order, signal: number | undefined): string | undefined {
  if (signal === undefined) return undefined;
  return [order.strategy, signal, order.type, order.side, order.symbol, order.status].join('\n');
}

/** A signal, order or fill without running numbers and times, as text. */
export function contentOf(action: Signal | OrderRecord | FillRecord): string {
  if ('record' in action) return JSON.stringify(action.record.signal);
  if (action.type === 'order') {
    return JSON.stringify({ ...action.order, id: 0, signal: 0, createdUs: 0, dueUs: 0 });
  }
  return JSON.stringify({ ...action.fill, ...NOT_OF_A_FILL });
}

/** Running numbers, and the extremes that the market met meanwhile: they are no part of what was filled. */
const NOT_OF_A_FILL = { id: 0, order: 0, signal: 0, markLow: 0, markHigh: 0 };

/**
 * Whether two matched ones came to the same within a relative tolerance of sizes and prices. What a strategy says of its
 * reasons is no part of that, nor are marks, fees and profits, which follow from the rest.
 */
export function agree(
  a: Signal | OrderRecord | FillRecord,
  b: Signal | OrderRecord | FillRecord,
  tolerance: number,
): boolean {
  const [left, right] = [amountsOf(a), amountsOf(b)];
  return left.every((value, i) => {
    const other = right[i];
    if (typeof value !== 'number' || typeof other !== 'number') return value === other;
    return Object.is(value, other) || relativeDifference(value, other) <= tolerance;
  });
}

function amountsOf(action: Signal | OrderRecord | FillRecord): readonly (number | string | undefined)[] {
  if ('record' in action) {
    const { size, quote, limit, stopLoss, takeProfit, timeInForce } = action.record.signal;
    return [size, quote, limit, stopLoss, takeProfit, timeInForce];
  }
  if (action.type === 'order') {
    const { size, filledSize, price, timeInForce } = action.order;
    return [size, filledSize, price, timeInForce];
  }
  const { price, size, side, liquidity } = action.fill;
  return [price, size, side, liquidity];
}
