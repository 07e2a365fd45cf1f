// Why two runs differ: the list of causes, and how they are counted. What each of them needs as evidence stands with the
// rules that name it: candles.ts, values.ts, samples.ts and actions.ts, each an ordered list that ends in `unexplained`.

export const CAUSES = [
  /** Equal events, strategies and settings gave other results: chance or time got in from outside. */
  'not deterministic',
  /** Strategy, parameters or rules of the run differ where they can have an effect. */
  'configuration',
  /** One run was told of a gap in that stream over just that time, and it is the one that lacks data. */
  'outage',
  /** The run that lacks trades says that as many came after their candle had closed. */
  'late trades',
  /** The run that lacks trades set as many apart, because their time could not be right. */
  'set apart',
  /** The same trades, on the other side of a boundary between candles that follow each other. */
  'candle boundary',
  /** The same trades at the same prices; one run was not told, or was told otherwise, which side took. */
  'taker side',
  /** As many trades of the same volume, at other prices. */
  'values differ',
  /** One run was given trades that the other was not. */
  'missing or extra events',
  /** One run had begun later: it has less history, or none. */
  'warm-up',
  /** One run had ended. */
  'end of span',
  /** One run met another moment of the market than the other. */
  'latency',
  /** The same moment of the market with other best prices. */
  'book prices',
  /** The same moment, the same best prices, other levels or sizes. */
  'book depth',
  /** The strategy had parted before, and held another position. */
  'other decision',
  /** The inputs are the same and the results apart in their last digits. */
  'rounding',
  /** Nothing that the logs hold explains it. */
  'unexplained',
] as const;

export type Cause = (typeof CAUSES)[number];

/** How many differences each cause was named for; one that has two causes counts for both. */
export type CauseCounts = Readonly<Partial<Record<Cause, number>>>;

export class Tally {
  readonly counts: Partial<Record<Cause, number>> = {};

  add(causes: Cause | readonly Cause[]): void {
    for (const cause of typeof causes === 'string' ? [causes] : new Set(causes)) {
      this.counts[cause] = (this.counts[cause] ?? 0) + 1;
    }
  }
}

/** Goes through two rising lists of times at once; an index is −1 where that list lacks the time. */
export function walkTimes(
  left: readonly number[],
  right: readonly number[],
  visit: (timeUs: number, i: number, j: number) => void,
): void {
  let [i, j] = [0, 0];
  while (i < left.length || j < right.length) {
    const a = left[i] ?? Number.POSITIVE_INFINITY;
    const b = right[j] ?? Number.POSITIVE_INFINITY;
    if (a === b) visit(a, i++, j++);
    else if (a < b) visit(a, i++, -1);
    else visit(b, -1, j++);
  }
}

/** The index of the first time that is not before this one. */
export function lowerBound(times: readonly number[], timeUs: number): number {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (times[middle]! < timeUs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** |a − b| ÷ max(|a|, |b|): 0 for the two zeros, infinite when one of them is not finite. */
export function relativeDifference(a: number, b: number): number {
  if (a === b) return 0;
  const relative = Math.abs(a - b) / Math.max(Math.abs(a), Math.abs(b));
  return Number.isNaN(relative) ? Number.POSITIVE_INFINITY : relative;
}

/** Up to this relative difference equal inputs may give unequal results: the order of additions. */
export const ROUNDING_RELATIVE = 1e-9;
