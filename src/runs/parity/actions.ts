// Why decisions, orders and fills of two runs differ. Each is put down to the first rule whose evidence holds; an order
// and a fill inherit the cause of a decision that only one run took, and of one that was already another decision.

import type { SeriesPair } from './candles.ts';
import {
  type Cause,
  type CauseCounts,
  lowerBound,
  ROUNDING_RELATIVE,
  relativeDifference,
  Tally,
} from './causes.ts';
import {
  type EvidencePair,
  entry,
  type FillRecord,
  type OrderRecord,
  type Side,
  type Signal,
  strategyOf,
} from './evidence.ts';
import { agree, contentOf, type Matched, type Matching } from './matching.ts';
import type { ComparedSamples, SampleDifference } from './samples.ts';
import type { Setting } from './settings.ts';
import { type ComparedValues, visibleAt } from './values.ts';

export type ActionParity = {
  readonly kind: 'signal' | 'order' | 'fill';
  readonly left: number;
  readonly right: number;
  readonly matched: number;
  /** Matched ones that are equal in every field but times and running numbers. */
  readonly equal: number;
  /** Matched ones that came to the same: sizes and prices within the tolerance of fills. */
  readonly agreeing: number;
  /** Of those without a match, the ones before the other run began or after it ended. */
  readonly outside: number;
  /** Largest difference of price among matched fills, basis points. */
  readonly maxPriceBps: number;
  /** Largest difference of engine time among matched ones, µs. */
  readonly maxTimeUs: number;
  /** Of matched ones that are not equal, and of those without a match. */
  readonly causes: CauseCounts;
};

export type ActionRules = {
  readonly evidence: EvidencePair;
  readonly fillTolerance: number;
  readonly settings: readonly Setting[];
  readonly otherStrategies: ReadonlySet<string>;
  readonly isOtherSoftware: boolean;
  readonly series: ReadonlyMap<string, SeriesPair>;
  /** Of indicators, by `strategy.input.output`. */
  readonly values: ReadonlyMap<string, ComparedValues>;
  readonly samples: ComparedSamples;
  readonly all: Cause | undefined;
};

export type ComparedActions = {
  readonly parities: readonly ActionParity[];
  readonly causesOf: (strategy: string) => CauseCounts;
};

type Follower = OrderRecord | FillRecord;

export function compareActions(matched: Matched, rules: ActionRules): ComparedActions {
  const why = new Why(matched, rules);
  const byStrategy = new Map<string, Tally>();
  const count = (strategy: string, cause: Cause): void => {
    let tally = byStrategy.get(strategy);
    if (tally === undefined) {
      tally = new Tally();
      byStrategy.set(strategy, tally);
    }
    tally.add(cause);
  };
  const { fillTolerance } = rules;
  const parities = [
    summarize('signal', matched.signals, {
      fillTolerance,
      timeOf: ({ record }) => record.timeUs,
      unequal: (a, b) => why.ofSignals(a, b),
      alone: (signal, side) => why.ofLoneSignal(signal, side),
      onCause: (signal, cause) => count(signal.record.strategy, cause),
    }),
    ...(['order', 'fill'] as const).map((kind) =>
      summarize<Follower>(kind, kind === 'order' ? matched.orders : matched.fills, {
        fillTolerance,
        timeOf: ({ timeUs }) => timeUs,
        unequal: (a, b) => why.ofFollowers(a, b),
        alone: (action, side) => why.ofLoneFollower(action, side),
        onCause: (action, cause) => count(strategyIn(action), cause),
      }),
    ),
  ];
  return { parities, causesOf: (strategy) => byStrategy.get(strategy)?.counts ?? {} };
}

/** Why a run has something alone, and whether that lies outside the span that both covered. */
type Lone = { readonly cause: Cause; readonly isOutside: boolean };

/** What one kind of action says of itself and its differences. */
type Telling<A> = {
  readonly fillTolerance: number;
  readonly timeOf: (action: A) => number;
  readonly unequal: (left: A, right: A) => Cause;
  readonly alone: (action: A, side: Side) => Lone;
  readonly onCause: (action: A, cause: Cause) => void;
};

function summarize<A extends Signal | Follower>(
  kind: ActionParity['kind'],
  { pairs, onlyLeft, onlyRight }: Matching<A>,
  { fillTolerance, timeOf, unequal, alone, onCause }: Telling<A>,
): ActionParity {
  const tally = new Tally();
  const put = (action: A, cause: Cause): void => {
    tally.add(cause);
    onCause(action, cause);
  };
  let [equal, agreeing, outside, maxPriceBps, maxTimeUs] = [0, 0, 0, 0, 0];
  for (const [a, b] of pairs) {
    maxTimeUs = Math.max(maxTimeUs, Math.abs(timeOf(a) - timeOf(b)));
    maxPriceBps = Math.max(maxPriceBps, priceApartBps(a, b));
    if (agree(a, b, fillTolerance)) agreeing += 1;
    if (contentOf(a) === contentOf(b)) equal += 1;
    else put(a, unequal(a, b));
  }
  for (const [side, list] of [
    ['left', onlyLeft],
    ['right', onlyRight],
  ] as const) {
    for (const action of list) {
      const { cause, isOutside } = alone(action, side);
      if (isOutside) outside += 1;
      put(action, cause);
    }
  }
  const [left, right] = [pairs.length + onlyLeft.length, pairs.length + onlyRight.length];
  const counts = { left, right, matched: pairs.length, equal, agreeing, outside };
  return { kind, ...counts, maxPriceBps, maxTimeUs, causes: tally.counts };
}

function priceApartBps(a: Signal | Follower, b: Signal | Follower): number {
  if ('record' in a || 'record' in b || a.type !== 'fill' || b.type !== 'fill') return 0;
  return (Math.abs(a.fill.price - b.fill.price) / a.fill.price) * 1e4;
}

function strategyIn(action: Follower): string {
  return action.type === 'order' ? action.order.strategy : action.fill.strategy;
}

function sizeOf(action: Follower): number {
  return action.type === 'order' ? action.order.size : action.fill.size;
}

function signalIn(action: Follower): number {
  return action.type === 'order' ? action.order.signal : action.fill.signal;
}

/** The rules. It remembers what each decision was put down to, and which strategies have parted. */
class Why {
  readonly #rules: ActionRules;
  readonly #matched: Matched;
  /** By numbers of the left run. */
  readonly #signalPairs: ReadonlyMap<number, readonly [Signal, Signal]>;
  readonly #fillPairs: ReadonlyMap<number, readonly (readonly [FillRecord, FillRecord])[]>;
  readonly #hasOtherTrading: boolean;
  readonly #areOfOtherKind: boolean;
  /** Causes of decisions that are not equal, or alone, by their numbers. */
  readonly #ofSignal = { left: new Map<number, Cause>(), right: new Map<number, Cause>() };
  /** Why orders and fills that both runs have differ, in order of time, by strategy. */
  readonly #ofSizes = new Map<string, { readonly timeUs: number; readonly cause: Cause }[]>();
  /** Engine time of a strategy's first decision, order or fill that was not the same. */
  readonly #partedUs = new Map<string, number>();
  /** The same, since both runs had begun. */
  readonly #partedInsideUs = new Map<string, number>();
  readonly #positions: { readonly left: Positions; readonly right: Positions };

  constructor(matched: Matched, rules: ActionRules) {
    this.#rules = rules;
    this.#matched = matched;
    this.#signalPairs = new Map(matched.signals.pairs.map((pair) => [pair[0].record.id, pair]));
    this.#fillPairs = Map.groupBy(matched.fills.pairs, ([a]) => a.fill.order);
    const { left, right } = rules.evidence;
    this.#hasOtherTrading = rules.settings.some(({ scope }) => scope === 'trading' || scope === 'decisions');
    this.#areOfOtherKind = left.isHistorical !== right.isHistorical;
    this.#positions = { left: new Positions(left.fills), right: new Positions(right.fills) };
    this.#findPartings();
  }

  /** Of a decision that both took, with other words, sizes or prices in it. */
  ofSignals(a: Signal, b: Signal): Cause {
    const cause = this.#ofDecision(a, 'left', b);
    this.#ofSignal.left.set(a.record.id, cause);
    this.#ofSignal.right.set(b.record.id, cause);
    return cause;
  }

  ofLoneSignal(signal: Signal, side: Side): Lone {
    const outside = this.#outsideOf(signal.record.timeUs, side);
    const cause = this.#rules.all ?? outside ?? this.#ofDecision(signal, side, undefined);
    this.#ofSignal[side].set(signal.record.id, cause);
    return { cause, isOutside: outside !== undefined };
  }

  /** Of an order or fill of one run, which the other has not. */
  ofLoneFollower(action: Follower, side: Side): Lone {
    const outside = this.#outsideOf(action.timeUs, side);
    const cause = this.#rules.all ?? outside ?? this.#ofLoneFollower(action, side);
    return { cause, isOutside: outside !== undefined };
  }

  #ofLoneFollower(action: Follower, side: Side): Cause {
    const { otherStrategies, isOtherSoftware } = this.#rules;
    const [strategy, signal] = [strategyIn(action), signalIn(action)];
    if (otherStrategies.has(strategy)) return 'configuration';
    const decided = this.#ofSignal[side].get(signal);
    if (decided !== undefined) return decided;
    if (this.#hasOtherTrading) return 'configuration';
    const seen = this.#seenBefore(signal, side);
    if (seen !== undefined) return seen.cause;
    if (this.#holdsOther(strategy, action.timeUs)) return this.#ofParting(strategy, action.timeUs);
    if (this.#areOfOtherKind) return 'latency';
    return isOtherSoftware ? 'configuration' : 'unexplained';
  }

  /** Of an order or fill that both have, with another size, price or mark. */
  ofFollowers(a: Follower, b: Follower): Cause {
    const cause = this.#ofFollowers(a, b);
    entry(this.#ofSizes, strategyIn(a), () => []).push({ timeUs: a.timeUs, cause });
    return cause;
  }

  #ofFollowers(a: Follower, b: Follower): Cause {
    const { all, otherStrategies, isOtherSoftware } = this.#rules;
    if (all !== undefined) return all;
    const strategy = strategyIn(a);
    if (otherStrategies.has(strategy) || this.#hasOtherTrading) return 'configuration';
    const decided = this.#ofSignal.left.get(signalIn(a));
    if (decided !== undefined && !this.#isSameWish(signalIn(a))) return decided;
    const older = this.#ofHeldSize(a, b);
    if (older !== undefined) return older;
    const seen = this.#seenBefore(signalIn(a), 'left');
    if (seen?.isWeighty === true) return seen.cause;
    const met = this.#metMoment(a, b);
    if (met !== undefined) return met;
    if (a.timeUs !== b.timeUs) return 'latency';
    if (seen !== undefined) return seen.cause;
    if (this.#holdsOther(strategy, a.timeUs)) return this.#ofParting(strategy, a.timeUs);
    const isSameMid = a.type !== 'fill' || b.type !== 'fill' || Object.is(a.fill.fillMid, b.fill.fillMid);
    if (!isSameMid) return this.#areOfOtherKind ? 'latency' : 'book prices';
    if (a.type === 'fill') return this.#areOfOtherKind ? 'latency' : 'book depth';
    return this.#ofItsFills(a) ?? (isOtherSoftware ? 'configuration' : 'unexplained');
  }

  /**
   * By the newest change of the market that was known when both decided: another one is another moment. The same one, and
   * another price or size all the same, is another book. Undefined where that is not known, or explains nothing.
   */
  #metMoment(a: Follower, b: Follower): Cause | undefined {
    const pair = this.#signalPairs.get(signalIn(a));
    const [left, right] = [pair?.[0].record.heardUs ?? null, pair?.[1].record.heardUs ?? null];
    if (left === null || right === null) return undefined;
    if (left !== right) return 'latency';
    const isOther =
      a.type === 'fill' && b.type === 'fill'
        ? !Object.is(a.fill.signalMid, b.fill.signalMid)
        : sizeOf(a) !== sizeOf(b);
    return isOther ? 'book prices' : undefined;
  }

  /** What one run decided: the settings, the position it held, then what it saw; without all that, when it looked. */
  #ofDecision(signal: Signal, side: Side, partner: Signal | undefined): Cause {
    const { all, otherStrategies, isOtherSoftware, samples } = this.#rules;
    const { id, strategy, timeUs } = signal.record;
    if (all !== undefined) return all;
    if (otherStrategies.has(strategy) || this.#hasOtherTrading) return 'configuration';
    if (partner === undefined && this.#holdsOther(strategy, timeUs)) return this.#ofParting(strategy, timeUs);
    const looks = samples.bySignal[side].get(id) ?? [];
    const inputs = this.#inputsAt(strategy, side, timeUs);
    const weighty = newest(inputs.filter(({ isBeyond }) => isBeyond));
    const look = looks.find(({ isWeighty }) => isWeighty);
    // A look at the market is of this very moment: what has differed for longer did not make the runs part now.
    if (look !== undefined && weighty?.isNew !== true) return look.cause;
    const cause = (weighty ?? newest(inputs))?.cause ?? looks[0]?.cause;
    if (cause !== undefined) return cause;
    if (partner !== undefined && partner.record.timeUs !== timeUs) return 'latency';
    if (this.#hasParted(strategy, timeUs)) return 'other decision';
    if (this.#areOfOtherKind) return 'latency';
    return isOtherSoftware ? 'configuration' : 'unexplained';
  }

  /** Indicators and candles of a strategy that showed it something else than the other run, when it decided. */
  #inputsAt(strategy: string, side: Side, timeUs: number): readonly SeenInput[] {
    const seen: SeenInput[] = [];
    for (const [name, values] of this.#rules.values) {
      if (strategyOf(name) !== strategy) continue;
      const parted = visibleAt(values, side, timeUs);
      const cause = parted?.causes[0];
      // Last digits decide nothing that anything else could have decided.
      if (parted === undefined || cause === undefined || cause === 'rounding') continue;
      const isNew = parted.seenUs[side] === timeUs && parted.isFirst;
      seen.push({ cause, isBeyond: parted.isBeyond, isNew, sinceUs: parted.sinceUs });
    }
    for (const [name, pair] of this.#rules.series) {
      if (strategyOf(name) !== strategy) continue;
      const { startsUs, seenUs } = pair[side];
      const startUs = startsUs[lowerBound(seenUs, timeUs + 1) - 1] ?? Number.NaN;
      const parted = pair.lastParted(startUs);
      if (parted === undefined || parted.startUs !== startUs) continue;
      seen.push({ cause: parted.cause, isBeyond: parted.isBeyond, isNew: true, sinceUs: startUs });
    }
    return seen;
  }

  /** What was different in the quotes and books that a decision saw; best prices before sizes. */
  #seenBefore(signal: number, side: Side): SampleDifference | undefined {
    const looks: readonly SampleDifference[] = this.#rules.samples.bySignal[side].get(signal) ?? [];
    return looks.find(({ isWeighty }) => isWeighty) ?? looks[0];
  }

  /** Another size, because the positions that it is to close were opened with another one: what was the reason then. */
  #ofHeldSize(a: Follower, b: Follower): Cause | undefined {
    if (sizeOf(a) === sizeOf(b) || this.#arePositionsNear(strategyIn(a), a.timeUs, ROUNDING_RELATIVE)) {
      return undefined;
    }
    const { timeUs } = a;
    const strategy = strategyIn(a);
    const before = this.#ofSizes.get(strategy)?.findLast((one) => one.timeUs < timeUs);
    if (before !== undefined) return before.cause;
    return this.#hasParted(strategy, timeUs) ? this.#ofParting(strategy, timeUs) : undefined;
  }

  /** Whether both runs' decision of this number (of the left run) wished for the same sizes and prices. */
  #isSameWish(id: number): boolean {
    const pair = this.#signalPairs.get(id);
    return pair !== undefined && agree(pair[0], pair[1], 0);
  }

  /** An order ends as its fills went. */
  #ofItsFills({ order }: OrderRecord): Cause | undefined {
    const pair = this.#fillPairs.get(order.id)?.find(([a, b]) => contentOf(a) !== contentOf(b));
    return pair === undefined ? undefined : this.#ofFollowers(pair[0], pair[1]);
  }

  #outsideOf(timeUs: number, side: Side): Cause | undefined {
    const own = this.#rules.evidence[side];
    const other = this.#rules.evidence[side === 'left' ? 'right' : 'left'];
    const atUs = timeUs - own.offsetUs + other.offsetUs;
    if (atUs < other.beganUs) return 'warm-up';
    return atUs > other.endedUs ? 'end of span' : undefined;
  }

  /** It had parted, and its positions are not the same now. */
  #holdsOther(strategy: string, timeUs: number): boolean {
    return this.#hasParted(strategy, timeUs) && !this.#arePositionsNear(strategy, timeUs, SAME_SIZE);
  }

  /** Whether what was filled before a time had left both runs the same positions, within a relative tolerance. */
  #arePositionsNear(strategy: string, timeUs: number, tolerance: number): boolean {
    const [left, right] = [this.#positions.left, this.#positions.right].map((one) =>
      one.at(strategy, timeUs),
    );
    const symbols = new Set([...left!.keys(), ...right!.keys()]);
    return [...symbols].every((symbol) => {
      const [a, b] = [left!.get(symbol) ?? 0, right!.get(symbol) ?? 0];
      return Math.sign(a) === Math.sign(b) && relativeDifference(a, b) <= tolerance;
    });
  }

  #hasParted(strategy: string, timeUs: number): boolean {
    return timeUs > (this.#partedUs.get(strategy) ?? Number.POSITIVE_INFINITY);
  }

  /** Held since before the later run began, it is for want of that time; else since an own decision of one run. */
  #ofParting(strategy: string, timeUs: number): Cause {
    const insideUs = this.#partedInsideUs.get(strategy) ?? Number.POSITIVE_INFINITY;
    return insideUs < timeUs ? 'other decision' : 'warm-up';
  }

  #findPartings(): void {
    const { signals, fills } = this.#matched;
    const { left, right } = this.#rules.evidence;
    const commonUs = Math.max(left.beganUs, right.beganUs);
    const earliest = (times: Map<string, number>, strategy: string, timeUs: number): void => {
      times.set(strategy, Math.min(timeUs, times.get(strategy) ?? Number.POSITIVE_INFINITY));
    };
    const part = (strategy: string, timeUs: number): void => {
      earliest(this.#partedUs, strategy, timeUs);
      if (!(timeUs < commonUs)) earliest(this.#partedInsideUs, strategy, timeUs);
    };
    for (const { record } of [...signals.onlyLeft, ...signals.onlyRight])
      part(record.strategy, record.timeUs);
    for (const { fill, timeUs } of [...fills.onlyLeft, ...fills.onlyRight]) part(fill.strategy, timeUs);
  }
}

/** Positions of about the same size are the same: sizes are reckoned from prices. */
const SAME_SIZE = 0.01;

type SeenInput = {
  readonly cause: Cause;
  readonly isBeyond: boolean;
  /** It differs for the first time in a row, and was shown at this very moment. */
  readonly isNew: boolean;
  readonly sinceUs: number;
};

/** The one that parted last: what had differed before had not kept the runs from deciding alike. */
function newest(inputs: readonly SeenInput[]): SeenInput | undefined {
  return inputs.reduce<SeenInput | undefined>(
    (last, one) => (last === undefined || one.sinceUs > last.sinceUs ? one : last),
    undefined,
  );
}

/** Positions of strategies, by their fills. */
class Positions {
  readonly #fills: ReadonlyMap<string, readonly FillRecord[]>;

  constructor(fills: readonly FillRecord[]) {
    this.#fills = Map.groupBy(fills, ({ fill }) => fill.strategy);
  }

  /** Base currency by symbol, of what was filled before a time. */
  at(strategy: string, timeUs: number): ReadonlyMap<string, number> {
    const held = new Map<string, number>();
    for (const { fill, timeUs: filledUs } of this.#fills.get(strategy) ?? []) {
      if (filledUs >= timeUs) break;
      const size = fill.side === 'buy' ? fill.size : -fill.size;
      const before = held.get(fill.symbol) ?? 0;
      // Sizes are decimals: what remains of their sum below a millionth of the fill is nothing.
      const after = before + size;
      held.set(fill.symbol, Math.abs(after) < fill.size * 1e-6 ? 0 : after);
    }
    return held;
  }
}
