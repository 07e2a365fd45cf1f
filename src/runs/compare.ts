// Parity: two runs held against each other, value by value. Two grades of it:
// exact (live against a replay of its own recording: one digest) and explained (other data of the same span:
// values are aligned in time, compared within a tolerance, and each difference is put down to a cause).
import { type ActionParity, compareActions } from './actions.ts';
import { type CauseCounts, Causes, type SeriesDifference, Tally, walkTimes } from './causes.ts';
import { type Divergence, findDivergence, findInputWindow, type InputWindow } from './divergence.ts';
import { collect, type EvidencePair, type Values } from './evidence.ts';
import type { Run, RunManifest } from './run.ts';
import { ulpDistance } from './ulp.ts';

export type { ActionParity } from './actions.ts';
export type { Cause } from './causes.ts';
export type { Divergence, InputWindow } from './divergence.ts';

/** 0.01 %: the field's usual bound between a live and a historical indicator value. */
export const DEFAULT_TOLERANCE = 1e-4;

/** One indicator output of one strategy, its values matched by candle. */
export type IndicatorParity = {
  readonly name: string;
  readonly matched: number;
  readonly onlyLeft: number;
  readonly onlyRight: number;
  /** Of those, values that one side lacks though its candles were there: not for warm-up, start or end of a run. */
  readonly missing: number;
  /** Matched values that differ in any bit. */
  readonly unequal: number;
  /** Matched values whose relative difference is past the tolerance. */
  readonly beyond: number;
  readonly maxAbsolute: number;
  readonly maxRelative: number;
  /** In doubles; infinite when an infinity met another number. */
  readonly maxUlp: number;
  /** Candle of the first value past tolerance, µs; NaN when there is none. */
  readonly firstBeyondUs: number;
  /** Of each value that is unequal, or on one side only. */
  readonly causes: CauseCounts;
};

export type Comparison = {
  readonly left: RunManifest;
  readonly right: RunManifest;
  readonly tolerance: number;
  /** Same digest: every record equal in every bit. */
  readonly isEqual: boolean;
  /**
   * Some indicator value was matched, none is past tolerance, and none is missing on one side; always true with equal
   * digests, never true when there was nothing to compare.
   */
  readonly isWithin: boolean;
  readonly counts: readonly { readonly type: string; readonly left: number; readonly right: number }[];
  readonly candles: readonly SeriesDifference[];
  readonly indicators: readonly IndicatorParity[];
  readonly actions: readonly ActionParity[];
  readonly divergence: Divergence | undefined;
  readonly inputWindow: InputWindow | undefined;
};

/** Compares two runs. `tolerance` is relative: |left − right| ÷ max(|left|, |right|). */
export function compareRuns(left: Run, right: Run, tolerance = DEFAULT_TOLERANCE): Comparison {
  const isEqual = left.manifest.digest === right.manifest.digest;
  const evidence = { left: collect(left), right: collect(right) };
  const causes = new Causes(evidence);
  const indicators = compareIndicators(evidence, causes, tolerance);
  return {
    left: left.manifest,
    right: right.manifest,
    tolerance,
    isEqual,
    isWithin: isEqual || isWithin(indicators),
    counts: compareCounts(left.manifest, right.manifest),
    candles: causes.candles,
    indicators,
    actions: compareActions(evidence, causes),
    divergence: isEqual ? undefined : findDivergence(left, right),
    inputWindow: isEqual ? undefined : findInputWindow(evidence.left, evidence.right),
  };
}

function isWithin(indicators: readonly IndicatorParity[]): boolean {
  return (
    indicators.some(({ matched }) => matched > 0) &&
    indicators.every(({ beyond, missing }) => beyond === 0 && missing === 0)
  );
}

function compareCounts(left: RunManifest, right: RunManifest): Comparison['counts'] {
  const types = [...new Set([...Object.keys(left.counts), ...Object.keys(right.counts)])].sort();
  return types.map((type) => ({ type, left: left.counts[type] ?? 0, right: right.counts[type] ?? 0 }));
}

function compareIndicators(
  { left, right }: EvidencePair,
  causes: Causes,
  tolerance: number,
): readonly IndicatorParity[] {
  const names = [...new Set([...left.values.keys(), ...right.values.keys()])].sort();
  return names.map((name) => {
    const a = left.values.get(name);
    const b = right.values.get(name);
    return compareValues(name, { left: a ?? NO_VALUES, right: b ?? NO_VALUES }, causes, tolerance);
  });
}

const NO_VALUES: Values = { series: '', timesUs: [], values: [] };

function compareValues(
  name: string,
  sides: { readonly left: Values; readonly right: Values },
  causes: Causes,
  tolerance: number,
): IndicatorParity {
  const { left, right } = sides;
  const series = left.series === '' ? right.series : left.series;
  const tally = new Tally();
  let [matched, missing, unequal, beyond] = [0, 0, 0, 0];
  let [maxAbsolute, maxRelative, maxUlp, firstBeyondUs] = [0, 0, 0, Number.NaN];
  const lack = (atUs: number, side: 'left' | 'right'): void => {
    const valuesUs = sides[side].timesUs;
    const { cause, isInside } = causes.ofMissing(name, series, { atUs, side, valuesUs });
    tally.add(cause);
    if (isInside) missing += 1;
  };
  walkTimes(left.timesUs, right.timesUs, (atUs, i, j) => {
    if (i < 0) return lack(atUs, 'left');
    if (j < 0) return lack(atUs, 'right');
    matched += 1;
    const [a, b] = [left.values[i]!, right.values[j]!];
    if (Object.is(a, b)) return;
    unequal += 1;
    const absolute = Math.abs(a - b);
    const relative = relativeDifference(a, b);
    maxAbsolute = Math.max(maxAbsolute, absolute);
    maxRelative = Math.max(maxRelative, relative);
    maxUlp = Math.max(maxUlp, ulpDistance(a, b));
    tally.add(causes.ofValue(name, series, atUs, relative));
    if (relative <= tolerance) return;
    if (beyond === 0) firstBeyondUs = atUs;
    beyond += 1;
  });
  const [onlyLeft, onlyRight] = [left.timesUs.length - matched, right.timesUs.length - matched];
  return {
    name,
    ...{ matched, onlyLeft, onlyRight, missing, unequal, beyond },
    ...{ maxAbsolute, maxRelative, maxUlp, firstBeyondUs, causes: tally.counts },
  };
}

/** |a − b| ÷ max(|a|, |b|): 0 for the two zeros, infinite when one of them is not finite. */
function relativeDifference(a: number, b: number): number {
  if (a === b) return 0;
  const relative = Math.abs(a - b) / Math.max(Math.abs(a), Math.abs(b));
  return Number.isNaN(relative) ? Number.POSITIVE_INFINITY : relative;
}
