// Signals, orders and fills of two runs, matched along their own chain: signals by what they wish and when, orders by
// the signals they came from, fills by their orders. Matched ones are compared without their running numbers and
// times: what they did counts, and how far apart in time they were is told beside it.
import { parseDurationUs } from '../core/time.ts';
import { type Cause, type CauseCounts, type Causes, Tally } from './causes.ts';
import type { EvidencePair, FillRecord, OrderRecord, SignalRecord } from './evidence.ts';
import type { RunManifest } from './run.ts';

export type ActionParity = {
  readonly kind: 'signal' | 'order' | 'fill';
  readonly left: number;
  readonly right: number;
  readonly matched: number;
  /** Matched ones that are equal in every field but times and running numbers. */
  readonly equal: number;
  /** Largest difference of price among matched fills, basis points. */
  readonly maxPriceBps: number;
  /** Largest difference of engine time among matched ones, µs. */
  readonly maxTimeUs: number;
  /** Of matched ones that are not equal, and of those without a match. */
  readonly causes: CauseCounts;
};

type Action = SignalRecord | OrderRecord | FillRecord;
type Matching<A> = {
  readonly pairs: readonly (readonly [left: A, right: A])[];
  readonly onlyLeft: readonly A[];
  readonly onlyRight: readonly A[];
};

/**
 * Signals: same strategy, action and symbol, nearest in engine time, at most a second and the candles' grace apart.
 * Orders: of matched signals (or of risk limits), same type, side, symbol and status, in order. Fills: of matched orders, in order.
 */
export function compareActions({ left, right }: EvidencePair, causes: Causes): readonly ActionParity[] {
  const windowUs = SAME_DECISION_US + Math.max(graceOf(left.manifest), graceOf(right.manifest));
  const signals = matchNearest(left.signals, right.signals, windowUs);
  const signalOf = new Map(signals.pairs.map(([a, b]) => [b.id, a.id]));
  const matchedOnLeft = new Set(signalOf.values());
  const orders = matchInTurn(left.orders, right.orders, {
    keyOfLeft: ({ order }) => keyOfOrder(order, order.signal),
    keyOfRight: ({ order }) => keyOfOrder(order, order.signal === 0 ? 0 : signalOf.get(order.signal)),
  });
  const orderOf = new Map(orders.pairs.map(([a, b]) => [b.order.id, a.order.id]));
  const fills = matchInTurn(left.fills, right.fills, {
    keyOfLeft: ({ fill }) => fill.order,
    keyOfRight: ({ fill }) => orderOf.get(fill.order),
  });
  const whyFollower: Why<OrderRecord | FillRecord> = {
    unequal: (a, b) => causeOfTrade(a, b, causes),
    alone: (action, side) => {
      const signal = action.type === 'order' ? action.order.signal : action.fill.signal;
      const isMatched = side === 'left' ? matchedOnLeft.has(signal) : signalOf.has(signal);
      if (signal !== 0 && !isMatched) return 'other decision';
      return causes.isOtherRules ? 'configuration' : 'latency';
    },
  };
  return [
    summarize('signal', signals, whySignals(causes)),
    summarize('order', orders, whyFollower),
    summarize('fill', fills, whyFollower),
  ];
}

/** Besides the candles' grace, how far apart in engine time two runs may come to the same decision. */
const SAME_DECISION_US = 1_000_000;

function graceOf({ config }: RunManifest): number {
  const { grace } = (config.candles ?? {}) as { readonly grace?: string };
  return grace === undefined ? 0 : parseDurationUs(grace, 'candles.grace');
}

/** Pairs what is nearest in time; both lists are in order of time. */
function matchNearest(
  left: readonly SignalRecord[],
  right: readonly SignalRecord[],
  windowUs: number,
): Matching<SignalRecord> {
  const pairs: (readonly [SignalRecord, SignalRecord])[] = [];
  const lists = [left, right].map((signals) => Map.groupBy(signals, keyOfSignal));
  for (const [key, a] of lists[0]!) {
    const b = lists[1]!.get(key) ?? [];
    const apartUs = (i: number, j: number): number =>
      Math.abs((a[i]?.timeUs ?? Number.POSITIVE_INFINITY) - (b[j]?.timeUs ?? Number.POSITIVE_INFINITY));
    for (let i = 0, j = 0; i < a.length && j < b.length; ) {
      const us = apartUs(i, j);
      const isNextNearer = apartUs(i, j + 1) < us && !(apartUs(i + 1, j + 1) < apartUs(i, j + 1));
      if (us > windowUs) a[i]!.timeUs < b[j]!.timeUs ? i++ : j++;
      else if (isNextNearer) j++;
      else if (apartUs(i + 1, j) < us && !(apartUs(i + 1, j + 1) < apartUs(i + 1, j))) i++;
      else pairs.push([a[i++]!, b[j++]!]);
    }
  }
  return withRest(
    pairs.sort(([a], [b]) => a.id - b.id),
    left,
    right,
  );
}

/** Pairs the first with the first of each key, the second with the second; without a key there is no partner. */
function matchInTurn<A extends Action, K extends string | number>(
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

function keyOfSignal({ strategy, signal }: SignalRecord): string {
  return `${strategy}\n${signal.action}\n${signal.symbol ?? ''}`;
}

/** Undefined without a matched signal. */
function keyOfOrder(order: OrderRecord['order'], signal: number | undefined): string | undefined {
  if (signal === undefined) return undefined;
  return [order.strategy, signal, order.type, order.side, order.symbol, order.status].join('\n');
}

/** What one kind of action says of its differences. */
type Why<A> = {
  readonly unequal: (left: A, right: A) => Cause;
  readonly alone: (action: A, side: 'left' | 'right') => Cause;
};

function summarize<A extends Action>(
  kind: ActionParity['kind'],
  { pairs, onlyLeft, onlyRight }: Matching<A>,
  why: Why<A>,
): ActionParity {
  const tally = new Tally();
  let [equal, maxPriceBps, maxTimeUs] = [0, 0, 0];
  for (const [a, b] of pairs) {
    maxTimeUs = Math.max(maxTimeUs, Math.abs(a.timeUs - b.timeUs));
    if (a.type === 'fill' && b.type === 'fill') {
      maxPriceBps = Math.max(maxPriceBps, (Math.abs(a.fill.price - b.fill.price) / a.fill.price) * 1e4);
    }
    if (contentOf(a) === contentOf(b)) equal += 1;
    else tally.add(why.unequal(a, b));
  }
  for (const action of onlyLeft) tally.add(why.alone(action, 'left'));
  for (const action of onlyRight) tally.add(why.alone(action, 'right'));
  const [left, right] = [pairs.length + onlyLeft.length, pairs.length + onlyRight.length];
  return { kind, left, right, matched: pairs.length, equal, maxPriceBps, maxTimeUs, causes: tally.counts };
}

/** The first decision that a run has alone is put down to its inputs, those after it to having parted. */
function whySignals(causes: Causes): Why<SignalRecord> {
  const parted = new Set<string>();
  return {
    unequal: (a) => causes.ofDecision(a.strategy, a.timeUs),
    alone: ({ strategy, timeUs }) => {
      if (parted.has(strategy)) return 'other decision';
      parted.add(strategy);
      return causes.ofDecision(strategy, timeUs);
    },
  };
}

/** Another mid price: the market had moved. The same one: the levels differ, or what became of the order before. */
function causeOfTrade(a: OrderRecord | FillRecord, b: OrderRecord | FillRecord, causes: Causes): Cause {
  if (causes.isOtherRules) return 'configuration';
  if (a.type === 'fill' && b.type === 'fill' && Object.is(a.fill.fillMid, b.fill.fillMid))
    return 'book depth';
  return 'latency';
}

/** An action without running numbers and times, as text. */
function contentOf(action: Action): string {
  switch (action.type) {
    case 'signal':
      return JSON.stringify(action.signal);
    case 'order':
      return JSON.stringify({ ...action.order, id: 0, signal: 0, createdUs: 0, dueUs: 0 });
    case 'fill':
      return JSON.stringify({ ...action.fill, id: 0, order: 0, signal: 0 });
  }
}
