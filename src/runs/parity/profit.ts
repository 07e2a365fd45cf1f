// What the strategies of two runs earned in the span that both covered, by their equity samples.
import type { CauseCounts } from './causes.ts';
import { decisionWindowUs, type EquityRecord, type EvidencePair } from './evidence.ts';

export type ProfitParity = {
  readonly strategy: string;
  readonly currency: string;
  /** Equity at the end of the common span less that at its start; NaN for a run without samples of this strategy. */
  readonly left: number;
  readonly right: number;
  /** right − left */
  readonly difference: number;
  /** |difference| ÷ equity at the start of the common span, the larger of the two. */
  readonly share: number;
  /** Causes of the strategy's decisions, orders and fills that differ. */
  readonly causes: CauseCounts;
};

export function compareProfit(
  evidence: EvidencePair,
  causesOf: (strategy: string) => CauseCounts,
): readonly ProfitParity[] {
  const { left, right } = evidence;
  // By the venue's clock, as each run had it: clocks that are apart cover the same span.
  const fromUs = Math.max(left.beganUs - left.offsetUs, right.beganUs - right.offsetUs);
  const toUs =
    Math.min(left.endedUs - left.offsetUs, right.endedUs - right.offsetUs) + decisionWindowUs(evidence);
  const spans = [left, right].map(({ offsetUs }) => ({ fromUs: fromUs + offsetUs, toUs: toUs + offsetUs }));
  const sides = [left, right].map(({ equity }) => Map.groupBy(equity, ({ strategy }) => strategy));
  const strategies = [...new Set(sides.flatMap((side) => [...side.keys()]))].sort();
  return strategies.map((strategy) => {
    const [a, b] = sides.map((side, n) => earned(side.get(strategy) ?? [], spans[n]!));
    const difference = b!.profit - a!.profit;
    return {
      strategy,
      currency: a!.currency === '' ? b!.currency : a!.currency,
      left: a!.profit,
      right: b!.profit,
      difference,
      share: difference === 0 ? 0 : Math.abs(difference) / Math.max(a!.start, b!.start),
      causes: difference === 0 ? {} : why(causesOf(strategy), a!.endUs === b!.endUs),
    };
  });
}

type SpanUs = { readonly fromUs: number; readonly toUs: number };
type Earned = {
  readonly currency: string;
  readonly start: number;
  readonly profit: number;
  /** When its last sample was taken, µs. */
  readonly endUs: number;
};

/** Where all decisions and fills are the same, an open position was valued: at another time, or at another price. */
function why(ofActions: CauseCounts, isSameTime: boolean): CauseCounts {
  if (Object.keys(ofActions).length > 0) return ofActions;
  return isSameTime ? { unexplained: 1 } : { latency: 1 };
}

/** A last sample a moment after the end of the other run is still that of the end. */
function earned(samples: readonly EquityRecord[], { fromUs, toUs }: SpanUs): Earned {
  const start = samples.findLast(({ timeUs }) => timeUs <= fromUs) ?? samples[0];
  const end = samples.findLast(({ timeUs }) => timeUs <= toUs) ?? samples.at(-1);
  if (start === undefined || end === undefined) {
    return { currency: '', start: Number.NaN, profit: Number.NaN, endUs: Number.NaN };
  }
  const from = Number(start.equity);
  return { currency: start.currency, start: from, profit: Number(end.equity) - from, endUs: end.timeUs };
}
