// Indicator values of two runs, matched by candle, and why those that differ do: by the last candle that was not the same
// among those that the indicator still remembers. The rules stand in `ofValue` and `ofMissing`, the first that holds.
import type { InputActivity, StrategyActivity } from '../../core/activity.ts';
import type { SeriesPair } from './candles.ts';
import {
  type Cause,
  type CauseCounts,
  lowerBound,
  ROUNDING_RELATIVE,
  relativeDifference,
  Tally,
  walkTimes,
} from './causes.ts';
import { type EvidencePair, inputOf, type Side, strategyOf, type Values } from './evidence.ts';
import { ulpDistance } from './ulp.ts';

/** One output of one input of one strategy: of an indicator by candle, of a quote or book by decision. */
export type ValueParity = {
  readonly name: string;
  readonly kind: 'indicator' | 'sample';
  readonly matched: number;
  readonly onlyLeft: number;
  readonly onlyRight: number;
  /** Of those, values that one side lacks though its candles were there: not for warm-up, start or end of a run. */
  readonly missing: number;
  /** Matched values that differ in any bit. */
  readonly unequal: number;
  /** Matched values whose relative difference is past the tolerance. */
  readonly beyond: number;
  /** Of those and the missing ones, what a quote or book showed at another moment, or could not show in an outage. */
  readonly excused: number;
  readonly maxAbsolute: number;
  readonly maxRelative: number;
  /** In doubles; infinite when an infinity met another number. */
  readonly maxUlp: number;
  /** Candle or decision of the first value past tolerance, µs; NaN when there is none. */
  readonly firstBeyondUs: number;
  /** Of each value that is unequal, or on one side only. */
  readonly causes: CauseCounts;
};

/** A value that differs, as a decision may have met it. */
export type PartedValue = {
  /** Engine time from which on it was there to be seen, µs. */
  readonly seenUs: { readonly left: number; readonly right: number };
  readonly causes: readonly Cause[];
  readonly isBeyond: boolean;
  /** When the differences in a row that it belongs to began (start of a candle, µs), and whether it is the first of them. */
  readonly sinceUs: number;
  readonly isFirst: boolean;
};

export type ComparedValues = {
  readonly parity: ValueParity;
  /** Of one input of one strategy, in order of time. */
  readonly parted: readonly PartedValue[];
  /** Times at which any value became visible, by side. */
  readonly seenUs: { readonly left: readonly number[]; readonly right: readonly number[] };
};

export type ValueRules = {
  readonly evidence: EvidencePair;
  readonly tolerance: number;
  readonly series: ReadonlyMap<string, SeriesPair>;
  /** Strategies that are not the same on both sides. */
  readonly otherStrategies: ReadonlySet<string>;
  readonly isOtherSoftware: boolean;
  readonly all: Cause | undefined;
};

const NO_VALUES: Values = { series: '', timesUs: [], seenUs: [], values: [] };

export function compareValues(name: string, rules: ValueRules): ComparedValues {
  const left = rules.evidence.left.values.get(name) ?? NO_VALUES;
  const right = rules.evidence.right.values.get(name) ?? NO_VALUES;
  const memory = new Memory(name, { left, right }, rules);
  const tally = new Tally();
  const parted: PartedValue[] = [];
  let [matched, missing, unequal, beyond] = [0, 0, 0, 0];
  let [maxAbsolute, maxRelative, maxUlp, firstBeyondUs] = [0, 0, 0, Number.NaN];
  let sinceUs = Number.NaN;
  walkTimes(left.timesUs, right.timesUs, (atUs, i, j) => {
    const seenUs = { left: left.seenUs[i] ?? right.seenUs[j]!, right: right.seenUs[j] ?? left.seenUs[i]! };
    const part = (causes: readonly Cause[], isBeyond: boolean): void => {
      const isFirst = Number.isNaN(sinceUs);
      if (isFirst) sinceUs = atUs;
      tally.add(causes);
      parted.push({ seenUs, causes, isBeyond, sinceUs, isFirst });
    };
    if (i < 0 || j < 0) {
      const { cause, isInside } = memory.ofMissing(atUs, i < 0 ? 'left' : 'right');
      if (isInside) missing += 1;
      return part([cause], true);
    }
    matched += 1;
    const [a, b] = [left.values[i]!, right.values[j]!];
    if (Object.is(a, b)) {
      memory.agree(atUs, a);
      sinceUs = Number.NaN;
      return;
    }
    unequal += 1;
    const relative = relativeDifference(a, b);
    maxAbsolute = Math.max(maxAbsolute, Math.abs(a - b));
    maxRelative = Math.max(maxRelative, relative);
    maxUlp = Math.max(maxUlp, ulpDistance(a, b));
    part(memory.ofValue(atUs, relative), relative > rules.tolerance);
    if (relative <= rules.tolerance) return;
    if (beyond === 0) firstBeyondUs = atUs;
    beyond += 1;
  });
  const [onlyLeft, onlyRight] = [left.timesUs.length - matched, right.timesUs.length - matched];
  const parity: ValueParity = {
    ...{ name, kind: 'indicator', matched, onlyLeft, onlyRight, missing, unequal, beyond, excused: 0 },
    ...{ maxAbsolute, maxRelative, maxUlp, firstBeyondUs, causes: tally.counts },
  };
  return { parity, parted, seenUs: { left: left.seenUs, right: right.seenUs } };
}

/** What an indicator can have remembered when it had a value, and what of that was not the same. */
class Memory {
  readonly #name: string;
  readonly #sides: { readonly left: Values; readonly right: Values };
  readonly #rules: ValueRules;
  readonly #series: SeriesPair | undefined;
  readonly #input: InputActivity | undefined;
  #lastEqual = Number.NaN;
  /**
   * Both sides had one value here, another one than at the candle before: what had differed earlier is forgotten. An
   * equal value that stands still (an RSI at 100, say) does not prove that.
   */
  #syncedUs = Number.NEGATIVE_INFINITY;

  constructor(name: string, sides: { readonly left: Values; readonly right: Values }, rules: ValueRules) {
    this.#name = name;
    this.#sides = sides;
    this.#rules = rules;
    const { left, right } = rules.evidence;
    this.#input = declared(left.activity, name) ?? declared(right.activity, name);
    const told = seriesUnder(left.activity, name) ?? seriesUnder(right.activity, name);
    const logged = sides.left.series === '' ? sides.right.series : sides.left.series;
    this.#series =
      rules.series.get(inputOf(name)) ?? rules.series.get(told ?? logged) ?? rules.series.get(logged);
  }

  agree(atUs: number, value: number): void {
    if (value !== this.#lastEqual) this.#syncedUs = atUs;
    this.#lastEqual = value;
  }

  ofValue(atUs: number, relative: number): readonly Cause[] {
    const { all, otherStrategies, isOtherSoftware } = this.#rules;
    if (all !== undefined) return [all];
    const remembered = this.#remembered(atUs);
    if (otherStrategies.has(strategyOf(this.#name))) {
      return remembered === undefined ? ['configuration'] : ['configuration', remembered];
    }
    if (remembered !== undefined) return [remembered];
    if (relative <= ROUNDING_RELATIVE) return ['rounding'];
    return [isOtherSoftware ? 'configuration' : 'unexplained'];
  }

  ofMissing(atUs: number, side: Side): { readonly cause: Cause; readonly isInside: boolean } {
    const { all, otherStrategies } = this.#rules;
    if (all !== undefined) return { cause: all, isInside: true };
    if (otherStrategies.has(strategyOf(this.#name))) return { cause: 'configuration', isInside: true };
    const series = this.#series;
    if (series === undefined) return this.#ofHidden(atUs, side);
    const parted = series.lastParted(atUs);
    if (parted?.startUs === atUs && !has(series, side, atUs)) return parted;
    if (this.#isWarming(series, atUs, side)) return { cause: 'warm-up', isInside: false };
    return { cause: this.#remembered(atUs) ?? 'unexplained', isInside: true };
  }

  /** The cause of the last candle that differs, if the indicator can have remembered it. */
  #remembered(atUs: number): Cause | undefined {
    const parted = this.#series?.lastParted(atUs);
    if (parted === undefined) return undefined;
    const memory = this.#input?.memory ?? null;
    const isRemembered =
      memory === null
        ? parted.startUs >= this.#syncedUs
        : this.#series!.candlesBetween(parted.startUs, atUs) <= memory;
    return isRemembered ? parted.cause : undefined;
  }

  /** Its series began later than the other's, and has not closed as many candles as the indicator needs. */
  #isWarming(series: SeriesPair, atUs: number, side: Side): boolean {
    const [own, other] = side === 'left' ? [series.left, series.right] : [series.right, series.left];
    if (!(own.startsUs[0]! > other.startsUs[0]!)) return false;
    const closed = lowerBound(own.startsUs, atUs + 1);
    const needed = this.#input?.warmup;
    if (needed !== undefined) return closed < needed;
    return !(atUs >= this.#sides[side].timesUs[0]!);
  }

  /** Without candles of its own in any log, its own values say when it began and ended. */
  #ofHidden(atUs: number, side: Side): { readonly cause: Cause; readonly isInside: boolean } {
    const { timesUs } = this.#sides[side];
    if (!(atUs >= timesUs[0]!)) return { cause: 'warm-up', isInside: false };
    if (atUs > timesUs.at(-1)!) return { cause: 'end of span', isInside: false };
    return { cause: 'unexplained', isInside: true };
  }
}

function has(series: SeriesPair, side: Side, startUs: number): boolean {
  const { startsUs } = series[side];
  return startsUs[lowerBound(startsUs, startUs)] === startUs;
}

function declared(activity: readonly StrategyActivity[], name: string): InputActivity | undefined {
  const input = inputOf(name);
  const strategy = activity.find((one) => one.strategy === strategyOf(name));
  return strategy?.inputs.find((one) => `${strategy.strategy}.${one.name}` === input);
}

/** The candles an indicator is computed from, as its strategy declared them by themselves: `rsi(14) of 1m` stands on `1m`. */
function seriesUnder(activity: readonly StrategyActivity[], name: string): string | undefined {
  const input = declared(activity, name);
  const interval = / of (\w+)$/.exec(input?.what ?? '')?.[1];
  const strategy = activity.find((one) => one.strategy === strategyOf(name));
  const bars = strategy?.inputs.find(
    (one) => one.input === 'candles' && one.symbol === input?.symbol && one.what === interval,
  );
  return bars === undefined ? undefined : `${strategyOf(name)}.${bars.name}`;
}

/** Of an input at a time: what a decision then met of its differences; undefined when it met what the other side had. */
export function visibleAt(
  { parted, seenUs }: ComparedValues,
  side: Side,
  timeUs: number,
): PartedValue | undefined {
  let [low, high] = [0, parted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (parted[middle]!.seenUs[side] <= timeUs) low = middle + 1;
    else high = middle;
  }
  const last = parted[low - 1];
  if (last === undefined) return undefined;
  // A value seen since then was the same on both sides.
  const seen = seenUs[side];
  const newestUs = seen[lowerBound(seen, timeUs + 1) - 1] ?? Number.NEGATIVE_INFINITY;
  return last.seenUs[side] >= newestUs ? last : undefined;
}
