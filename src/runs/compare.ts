// Parity: two runs held against each other. Two grades of it: exact (live against a replay of its own recording: one
// digest) and explained (other data of the same span: what both saw, decided and earned is aligned, compared within a
// tolerance, each difference is put down to a cause, and the whole is held against limits). Manifests come first.

import type { ActionParity } from './parity/actions.ts';
import { compareActions } from './parity/actions.ts';
import { type CandleParity, compareCandles } from './parity/candles.ts';
import type { Cause } from './parity/causes.ts';
import { type Divergence, findDivergence, findInputWindow, type InputWindow } from './parity/divergence.ts';
import { collect, type EvidencePair } from './parity/evidence.ts';
import { matchActions } from './parity/matching.ts';
import { compareProfit, type ProfitParity } from './parity/profit.ts';
import { compareSamples } from './parity/samples.ts';
import { differingSettings, type Setting, strategyOfSetting } from './parity/settings.ts';
import { compareValues, type ValueParity } from './parity/values.ts';
import { DEFAULT_LIMITS, judge, type Limits, type Verdict } from './parity/verdict.ts';
import type { Run, RunManifest } from './run.ts';

export type { ActionParity } from './parity/actions.ts';
export type { CandleParity } from './parity/candles.ts';
export { CAUSES, type Cause } from './parity/causes.ts';
export type { Divergence, InputWindow } from './parity/divergence.ts';
export type { ProfitParity } from './parity/profit.ts';
export { formatSetting, type Setting } from './parity/settings.ts';
export type { ValueParity } from './parity/values.ts';
export { DEFAULT_LIMITS, formatLimit, type Limit, type Limits, type Verdict } from './parity/verdict.ts';

/** 0.01 %: the field's usual bound between a live and a historical indicator value. */
export const DEFAULT_TOLERANCE = 1e-4;
/** 0.1 %: sizes and prices of decisions, orders and fills, which meet the market a moment apart. */
export const DEFAULT_FILL_TOLERANCE = 1e-3;

export type Comparison = {
  readonly left: RunManifest;
  readonly right: RunManifest;
  readonly tolerance: number;
  readonly fillTolerance: number;
  /** Same digest: every record equal in every bit. */
  readonly isEqual: boolean;
  /** Equal, or within every limit: `verdict.passes`. */
  readonly isWithin: boolean;
  readonly verdict: Verdict;
  /** What the runs were told to do differently. */
  readonly settings: readonly Setting[];
  readonly counts: readonly { readonly type: string; readonly left: number; readonly right: number }[];
  readonly candles: readonly CandleParity[];
  /** Outputs of indicators, and of quotes and books at decisions. */
  readonly indicators: readonly ValueParity[];
  readonly actions: readonly ActionParity[];
  readonly profit: readonly ProfitParity[];
  readonly divergence: Divergence | undefined;
  readonly inputWindow: InputWindow | undefined;
};

export type CompareOptions = {
  /** Of values, relative: |left − right| ÷ max(|left|, |right|). */
  readonly tolerance?: number;
  /** Of sizes and prices of decisions, orders and fills, relative. */
  readonly fillTolerance?: number;
  readonly limits?: Partial<Limits>;
};

/** Compares two runs; a number is the tolerance of values. */
export function compareRuns(left: Run, right: Run, options: CompareOptions | number = {}): Comparison {
  const given = typeof options === 'number' ? { tolerance: options } : options;
  const { tolerance = DEFAULT_TOLERANCE, fillTolerance = DEFAULT_FILL_TOLERANCE } = given;
  const isEqual = left.manifest.digest === right.manifest.digest;
  const evidence = { left: collect(left), right: collect(right) };
  const settings = differingSettings(left.manifest, right.manifest);
  const all: Cause | undefined = isChance(evidence, { isEqual, settings }) ? 'not deterministic' : undefined;
  const found = compareAll(evidence, { tolerance, fillTolerance, settings, all });
  const verdict = judge(
    { ...found, isEqual, values: found.indicators },
    { ...DEFAULT_LIMITS, ...given.limits },
  );
  return {
    ...{ left: left.manifest, right: right.manifest, tolerance, fillTolerance },
    ...{ isEqual, isWithin: isEqual || verdict.passes, verdict, settings },
    counts: compareCounts(left.manifest, right.manifest),
    ...found,
    divergence: isEqual ? undefined : findDivergence(left, right),
    inputWindow: isEqual ? undefined : findInputWindow(evidence.left, evidence.right),
  };
}

type Rules = {
  readonly tolerance: number;
  readonly fillTolerance: number;
  readonly settings: readonly Setting[];
  readonly all: Cause | undefined;
};

type Found = Pick<Comparison, 'candles' | 'indicators' | 'actions' | 'profit'>;

/** In the order of cause and effect: candles, what was computed from them, what was decided, what came of it. */
function compareAll(evidence: EvidencePair, { tolerance, fillTolerance, settings, all }: Rules): Found {
  const { left, right } = evidence;
  const otherStrategies = new Set(
    settings.map(strategyOfSetting).filter((strategy) => strategy !== undefined),
  );
  const isOtherSoftware = settings.some(({ scope }) => scope === 'software');
  const ofCandles = settings.filter(({ scope }) => scope === 'candles');
  const names = [...new Set([...left.candles.keys(), ...right.candles.keys()])].sort();
  const series = new Map(
    names.map((name) => [
      name,
      compareCandles(name, { evidence, tolerance, settings: ofCandles, otherStrategies, all }),
    ]),
  );
  const shared = { evidence, tolerance, series, otherStrategies, isOtherSoftware, all };
  const outputs = [...new Set([...left.values.keys(), ...right.values.keys()])].sort();
  const values = new Map(outputs.map((name) => [name, compareValues(name, shared)]));
  const matched = matchActions(evidence);
  const samples = compareSamples({ ...shared, signalOf: matched.signalOf });
  const actions = compareActions(matched, { ...shared, fillTolerance, settings, values, samples });
  return {
    candles: [...series.values()].map(({ parity }) => parity),
    indicators: [...[...values.values()].map(({ parity }) => parity), ...samples.parities],
    actions: actions.parities,
    profit: compareProfit(evidence, actions.causesOf),
  };
}

/** Equal events, settings and strategies give equal results, or something came in from outside. */
function isChance(
  { left, right }: EvidencePair,
  { isEqual, settings }: { readonly isEqual: boolean; readonly settings: readonly Setting[] },
): boolean {
  const [a, b] = [left.manifest, right.manifest];
  const isFedAlike = a.inputs !== '' && a.inputs === b.inputs && a.events === b.events;
  return !isEqual && isFedAlike && settings.length === 0 && a.strategies.length > 0;
}

function compareCounts(left: RunManifest, right: RunManifest): Comparison['counts'] {
  const types = [...new Set([...Object.keys(left.counts), ...Object.keys(right.counts)])].sort();
  return types.map((type) => ({ type, left: left.counts[type] ?? 0, right: right.counts[type] ?? 0 }));
}
