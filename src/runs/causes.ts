// Why two runs differ. Each pair of candle series is walked through once: where do they first differ, and what does
// either log know of that time? A value is then put down to the last candle before it that was not the same.
import type { Candles, Evidence, EvidencePair, Outage } from './evidence.ts';
import { emptyCandles, strategyOf } from './evidence.ts';
import type { RunManifest } from './run.ts';

export type Cause =
  /** One run was told of an outage there: trades are missing, or came when the candle had closed. */
  | 'outage'
  /** A trade came after its candle had closed, without an outage: the grace was too short for it. */
  | 'late trades'
  /** The same trades, on the other side of a boundary between two candles. */
  | 'candle boundary'
  /** One run was given trades that the other was not. */
  | 'missing or extra events'
  /** One run had begun later: it has less history, or none. */
  | 'warm-up'
  /** One run had ended. */
  | 'end of span'
  /** The market had moved on: one run decided, or its order arrived, at another moment. */
  | 'latency'
  /** The same moment and the same mid price, yet another fill: the levels of the book differ. */
  | 'book depth'
  /** Strategy, parameters or the rules of the run differ. */
  | 'configuration'
  /** The strategy had parted before: it holds another position or has other orders open. */
  | 'other decision'
  /** The inputs are the same and the results apart in their last digits. */
  | 'rounding'
  /** Nothing that the logs record differs. */
  | 'unexplained';

export type CauseCounts = Readonly<Partial<Record<Cause, number>>>;

/** Candles of one series, held against each other. */
export type SeriesDifference = {
  readonly name: string;
  readonly matched: number;
  readonly onlyLeft: number;
  readonly onlyRight: number;
  readonly unequal: number;
  readonly causes: CauseCounts;
};

/** Up to this relative difference equal inputs may give unequal results: the order of additions. */
const ROUNDING_RELATIVE = 1e-9;

/** A candle that one side lacks because that side's series begins later, or ends earlier, is outside the common span. */
type Series = {
  readonly difference: SeriesDifference;
  readonly firstUs: readonly [left: number, right: number];
  readonly lastUs: readonly [left: number, right: number];
  readonly intervalUs: number;
  /** Starts of the candles that differ, in order, and why. */
  readonly partedUs: readonly number[];
  readonly partedBy: readonly Cause[];
};

export class Causes {
  readonly #evidence: EvidencePair;
  readonly #series = new Map<string, Series>();
  readonly #otherStrategies: ReadonlySet<string>;
  readonly isOtherRules: boolean;

  constructor(evidence: EvidencePair) {
    const { left, right } = evidence;
    this.#evidence = evidence;
    this.#otherStrategies = otherStrategies(left.manifest, right.manifest);
    this.isOtherRules = rulesOf(left.manifest) !== rulesOf(right.manifest);
    for (const name of [...new Set([...left.candles.keys(), ...right.candles.keys()])].sort()) {
      this.#series.set(name, this.#walk(name));
    }
  }

  get candles(): readonly SeriesDifference[] {
    return [...this.#series.values()].map(({ difference }) => difference);
  }

  /** Of a value that both runs have, and that is not the same. */
  ofValue(name: string, series: string, atUs: number, relative: number): Cause {
    if (this.#otherStrategies.has(strategyOf(name))) return 'configuration';
    const candles = this.#series.get(series);
    if (candles !== undefined) {
      const parted = lastParted(candles, atUs);
      if (parted !== undefined) return parted.cause;
      if (candles.firstUs[0] !== candles.firstUs[1]) return 'warm-up';
    }
    return relative <= ROUNDING_RELATIVE ? 'rounding' : 'unexplained';
  }

  /**
   * Of a value that one side lacks. It is outside the common span when that side's candles had not begun, or had ended,
   * or when it began later and its indicator was still warming up. `valuesUs` are the times of the values it has; they
   * stand in for the candles of a series that no strategy declared by itself, which no log holds.
   */
  ofMissing(
    name: string,
    series: string,
    lack: { readonly atUs: number; readonly side: 'left' | 'right'; readonly valuesUs: readonly number[] },
  ): { readonly cause: Cause; readonly isInside: boolean } {
    const { atUs, side, valuesUs } = lack;
    const isBeforeValues = !(atUs >= valuesUs[0]!);
    if (this.#otherStrategies.has(strategyOf(name))) return { cause: 'configuration', isInside: true };
    const candles = this.#series.get(series);
    if (candles === undefined) {
      if (isBeforeValues) return { cause: 'warm-up', isInside: false };
      const isAfterValues = atUs > valuesUs.at(-1)!;
      return isAfterValues
        ? { cause: 'end of span', isInside: false }
        : { cause: 'unexplained', isInside: true };
    }
    const [own, other] = side === 'left' ? [0, 1] : [1, 0];
    const { firstUs, lastUs } = candles;
    if (!(atUs >= firstUs[own]!)) return { cause: 'warm-up', isInside: false };
    if (atUs > lastUs[own]!) return { cause: 'end of span', isInside: false };
    if (firstUs[own]! > firstUs[other]! && isBeforeValues) return { cause: 'warm-up', isInside: false };
    return { cause: lastParted(candles, atUs)?.cause ?? 'unexplained', isInside: true };
  }

  /** Of a decision: by the last candle that differed before it; with equal candles it met another book or price. */
  ofDecision(strategy: string, timeUs: number): Cause {
    if (this.#otherStrategies.has(strategy)) return 'configuration';
    let last: { readonly atUs: number; readonly cause: Cause } | undefined;
    for (const [name, series] of this.#series) {
      if (strategyOf(name) !== strategy) continue;
      const parted = lastParted(series, timeUs - series.intervalUs);
      if (parted !== undefined && (last === undefined || parted.atUs > last.atUs)) last = parted;
    }
    return last?.cause ?? (this.isOtherRules ? 'configuration' : 'latency');
  }

  #walk(name: string): Series {
    const { left, right } = this.#evidence;
    const a = left.candles.get(name) ?? NO_CANDLES;
    const b = right.candles.get(name) ?? NO_CANDLES;
    const { symbol, intervalUs } = a === NO_CANDLES ? b : a;
    const firstUs = [a.startsUs[0] ?? Number.NaN, b.startsUs[0] ?? Number.NaN] as const;
    const lastUs = [a.startsUs.at(-1) ?? Number.NaN, b.startsUs.at(-1) ?? Number.NaN] as const;
    const partedUs: number[] = [];
    const partedBy: Cause[] = [];
    const counts = new Tally();
    const part = (startUs: number, cause: Cause): void => {
      partedUs.push(startUs);
      partedBy.push(cause);
      counts.add(cause);
    };
    let [matched, unequal] = [0, 0];
    walkTimes(a.startsUs, b.startsUs, (startUs, i, j) => {
      const latestFirstUs = Math.max(...firstUs);
      if (!(startUs >= latestFirstUs)) return counts.add('warm-up');
      if (!(startUs <= Math.min(...lastUs))) return counts.add('end of span');
      if (i >= 0 && j >= 0) {
        matched += 1;
        if (isSameCandle(a, i, b, j)) return;
        unequal += 1;
      }
      const known = this.#knownTrouble(symbol, startUs, intervalUs);
      if (known !== undefined) part(startUs, known);
      else if (i >= 0 && j >= 0 && isBoundary(a, i, b, j)) part(startUs, 'candle boundary');
      else if (startUs === latestFirstUs) part(startUs, 'warm-up');
      else part(startUs, this.#isOtherCandles() ? 'configuration' : 'missing or extra events');
    });
    const [onlyLeft, onlyRight] = [a.startsUs.length - matched, b.startsUs.length - matched];
    const difference = { name, matched, onlyLeft, onlyRight, unequal, causes: counts.counts };
    return { difference, firstUs, lastUs, intervalUs, partedUs, partedBy };
  }

  #isOtherCandles(): boolean {
    const { left, right } = this.#evidence;
    return JSON.stringify(left.manifest.config.candles) !== JSON.stringify(right.manifest.config.candles);
  }

  /** What either log knows of the time of a candle. Trades are learned of late, so one interval more is looked at. */
  #knownTrouble(symbol: string, startUs: number, intervalUs: number): Cause | undefined {
    const untilUs = startUs + 2 * intervalUs;
    const sides: readonly Evidence[] = [this.#evidence.left, this.#evidence.right];
    const hasOutage = sides.some(({ outages }) => overlaps(outages.get(symbol) ?? [], startUs, untilUs));
    if (hasOutage) return 'outage';
    const isLate = sides.some(({ lateUs }) => {
      const times = lateUs.get(symbol) ?? [];
      return times[lowerBound(times, startUs + intervalUs)]! <= untilUs;
    });
    return isLate ? 'late trades' : undefined;
  }
}

/** Counts by cause. */
export class Tally {
  readonly counts: Partial<Record<Cause, number>> = {};

  add(cause: Cause, times = 1): void {
    this.counts[cause] = (this.counts[cause] ?? 0) + times;
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
function lowerBound(times: readonly number[], timeUs: number): number {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (times[middle]! < timeUs) low = middle + 1;
    else high = middle;
  }
  return low;
}

function lastParted(
  { partedUs, partedBy }: Series,
  atUs: number,
): { readonly atUs: number; readonly cause: Cause } | undefined {
  const index = lowerBound(partedUs, atUs + 1) - 1;
  return index < 0 ? undefined : { atUs: partedUs[index]!, cause: partedBy[index]! };
}

/** Outages of a symbol are in order and do not overlap each other. */
function overlaps(outages: readonly Outage[], fromUs: number, untilUs: number): boolean {
  return outages.some((outage) => outage.fromUs <= untilUs && outage.toUs >= fromUs);
}

function isSameCandle(a: Candles, i: number, b: Candles, j: number): boolean {
  return (
    a.open[i] === b.open[j] &&
    a.high[i] === b.high[j] &&
    a.low[i] === b.low[j] &&
    a.close[i] === b.close[j] &&
    a.volume[i] === b.volume[j] &&
    a.buyVolume[i] === b.buyVolume[j] &&
    a.sellVolume[i] === b.sellVolume[j] &&
    a.trades[i] === b.trades[j]
  );
}

/** Whether this candle and a neighbour together hold as many trades on both sides, though neither does alone. */
function isBoundary(a: Candles, i: number, b: Candles, j: number): boolean {
  for (const step of [-1, 1]) {
    const [x, y] = [a.trades[i + step], b.trades[j + step]];
    const isNeighbour = a.startsUs[i + step] === b.startsUs[j + step];
    if (x === undefined || y === undefined || !isNeighbour || x === y) continue;
    if (x + a.trades[i]! === y + b.trades[j]!) return true;
  }
  return false;
}

const NO_CANDLES = emptyCandles('', 0);

/** Ids of the strategies that are not the same code with the same parameters on both sides. */
function otherStrategies(left: RunManifest, right: RunManifest): ReadonlySet<string> {
  const describe = ({ strategies }: RunManifest): ReadonlyMap<string, string> =>
    new Map(strategies.map(({ id, bundle, params }) => [id, JSON.stringify([bundle, params])]));
  const [a, b] = [describe(left), describe(right)];
  return new Set([...a.keys(), ...b.keys()].filter((id) => a.get(id) !== b.get(id)));
}

/** What decides a run besides its events and strategies. */
function rulesOf({ config }: RunManifest): string {
  const { name: _name, url: _url, duration: _duration, venue: _venue, strategies: _own, ...rules } = config;
  return JSON.stringify(rules);
}
