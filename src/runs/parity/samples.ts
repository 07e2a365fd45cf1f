// What quotes and books showed two runs when they decided. Samples are matched by what their call was for (the candle that
// closed, the timer that was due), those of calls at events by their signals; one cause stands for all outputs of a sample.
import type { SeriesPair } from './candles.ts';
import { type Cause, relativeDifference, Tally } from './causes.ts';
import {
  decisionWindowUs,
  type Evidence,
  type EvidencePair,
  entry,
  type SampleRecord,
  type Side,
  strategyOf,
} from './evidence.ts';
import { ulpDistance } from './ulp.ts';
import type { ValueParity } from './values.ts';

/** How a decision's look at quotes and books differed from that of its counterpart. */
export type SampleDifference = {
  readonly cause: Cause;
  /** One book was valid and the other was not, or best prices are past the tolerance. */
  readonly isWeighty: boolean;
};

export type SampleRules = {
  readonly evidence: EvidencePair;
  readonly tolerance: number;
  readonly series: ReadonlyMap<string, SeriesPair>;
  readonly otherStrategies: ReadonlySet<string>;
  /** Signals of the right run that are the same decision as one of the left: their numbers. */
  readonly signalOf: ReadonlyMap<number, number>;
  readonly all: Cause | undefined;
};

export type ComparedSamples = {
  readonly parities: readonly ValueParity[];
  /** By number of the signal that followed. */
  readonly bySignal: {
    readonly left: ReadonlyMap<number, readonly SampleDifference[]>;
    readonly right: ReadonlyMap<number, readonly SampleDifference[]>;
  };
};

const PRICES: ReadonlySet<string> = new Set(['bid', 'ask', 'mid']);

export function compareSamples(rules: SampleRules): ComparedSamples {
  const outputs = new Map<string, OutputTally>();
  const bySignal = {
    left: new Map<number, SampleDifference[]>(),
    right: new Map<number, SampleDifference[]>(),
  };
  const { pairs, onlyLeft, onlyRight } = matchSamples(rules);
  for (const [a, b] of pairs) {
    const names = [...new Set([...Object.keys(a.values), ...Object.keys(b.values)])];
    const isSame = names.every((name) => Object.is(a.values[name], b.values[name]));
    const cause = isSame ? undefined : causeOf(a, b, rules);
    for (const name of names) {
      const output = entry(outputs, `${a.name}.${name}`, () => new OutputTally(rules.tolerance));
      output.add(a.atUs, numberOf(a.values[name]), numberOf(b.values[name]), cause);
    }
    if (cause === undefined) continue;
    const difference = { cause, isWeighty: isWeighty(a, b, rules.tolerance) };
    if (a.signal > 0) entry(bySignal.left, a.signal, () => []).push(difference);
    if (b.signal > 0) entry(bySignal.right, b.signal, () => []).push(difference);
  }
  for (const [side, list] of [
    ['left', onlyLeft],
    ['right', onlyRight],
  ] as const) {
    for (const sample of list) {
      const { cause, isInside } = causeOfLone(sample, side, rules);
      for (const name of Object.keys(sample.values)) {
        const output = entry(outputs, `${sample.name}.${name}`, () => new OutputTally(rules.tolerance));
        output.addLone(side, cause, isInside);
      }
    }
  }
  const parities = [...outputs]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, tally]) => tally.parity(name));
  return { parities, bySignal };
}

type Matched = {
  readonly pairs: readonly (readonly [SampleRecord, SampleRecord])[];
  readonly onlyLeft: readonly SampleRecord[];
  readonly onlyRight: readonly SampleRecord[];
};

function matchSamples({ evidence: { left, right }, signalOf }: SampleRules): Matched {
  const pairs: (readonly [SampleRecord, SampleRecord])[] = [];
  const byCall = new Map(right.samples.map((sample) => [`${sample.name} ${sample.atUs}`, sample]));
  const taken = new Set<SampleRecord>();
  const rest: SampleRecord[] = [];
  for (const sample of left.samples) {
    const partner = byCall.get(`${sample.name} ${sample.atUs}`);
    if (partner === undefined || taken.has(partner)) {
      rest.push(sample);
      continue;
    }
    taken.add(partner);
    pairs.push([sample, partner]);
  }
  const bySignal = new Map(
    right.samples
      .filter((sample) => !taken.has(sample) && signalOf.has(sample.signal))
      .map((sample) => [`${sample.name} ${signalOf.get(sample.signal)}`, sample]),
  );
  const onlyLeft: SampleRecord[] = [];
  for (const sample of rest) {
    const partner = sample.signal > 0 ? bySignal.get(`${sample.name} ${sample.signal}`) : undefined;
    if (partner === undefined) onlyLeft.push(sample);
    else {
      taken.add(partner);
      pairs.push([sample, partner]);
    }
  }
  return { pairs, onlyLeft, onlyRight: right.samples.filter((sample) => !taken.has(sample)) };
}

/** The first rule that holds. */
function causeOf(a: SampleRecord, b: SampleRecord, rules: SampleRules): Cause {
  const { evidence, all, otherStrategies } = rules;
  if (all !== undefined) return all;
  if (otherStrategies.has(strategyOf(a.name))) return 'configuration';
  const blind = blindSide(a, b);
  if (blind !== undefined) {
    const sample = blind === 'left' ? a : b;
    if (isOut(evidence[blind], sample)) return 'outage';
    return isReady(evidence[blind], sample) ? 'missing or extra events' : 'warm-up';
  }
  if (isOtherMoment(a, b, evidence)) return 'latency';
  if (!isSameMoment(a, b)) return 'missing or extra events';
  const hasOtherPrices = [...PRICES].some((name) => !Object.is(a.values[name], b.values[name]));
  return hasOtherPrices ? 'book prices' : 'book depth';
}

/** The side whose book was not valid, or that had no price, when the other's was. */
function blindSide(a: SampleRecord, b: SampleRecord): Side | undefined {
  const sees = ({ values }: SampleRecord): boolean => values.isValid !== false && values.mid !== undefined;
  if (sees(a) === sees(b)) return undefined;
  return sees(a) ? 'right' : 'left';
}

function isOut({ bookOutages }: Evidence, { symbol, timeUs }: SampleRecord): boolean {
  const last = (bookOutages.get(symbol) ?? []).findLast(({ fromUs }) => fromUs <= timeUs);
  // A book is valid again with its snapshot, a moment after it was subscribed.
  return last !== undefined && last.toUs + SNAPSHOT_US >= timeUs;
}

const SNAPSHOT_US = 1_000_000;

/** Whether this quote or book had ever been there to be seen, by what the run says of its inputs at its end. */
function isReady({ activity }: Evidence, { name, timeUs }: SampleRecord): boolean {
  const strategy = activity.find((one) => one.strategy === strategyOf(name));
  const input = strategy?.inputs.find((one) => `${strategy.strategy}.${one.name}` === name);
  if (input === undefined) return true;
  return input.readySinceUs !== null && input.readySinceUs <= timeUs;
}

function isSameMoment(a: SampleRecord, b: SampleRecord): boolean {
  if (a.exchangeUs !== null && b.exchangeUs !== null) return a.exchangeUs === b.exchangeUs;
  return a.receivedUs === b.receivedUs;
}

/**
 * One of them had heard of a change that the other had not yet: a change of the last moment, by the venue's time where it
 * is known. What is older was not late, it is missing.
 */
function isOtherMoment(a: SampleRecord, b: SampleRecord, evidence: EvidencePair): boolean {
  if (isSameMoment(a, b)) return false;
  const [ofA, ofB] =
    a.exchangeUs !== null && b.exchangeUs !== null
      ? [a.exchangeUs, b.exchangeUs]
      : [a.receivedUs, b.receivedUs];
  const newest =
    (ofA ?? Number.NEGATIVE_INFINITY) > (ofB ?? Number.NEGATIVE_INFINITY)
      ? ([ofA, a] as const)
      : ([ofB, b] as const);
  const [changedUs, sample] = newest;
  return changedUs !== null && sample.timeUs - changedUs <= decisionWindowUs(evidence);
}

function isWeighty(a: SampleRecord, b: SampleRecord, tolerance: number): boolean {
  if (blindSide(a, b) !== undefined) return true;
  return [...PRICES].some(
    (name) => relativeDifference(numberOf(a.values[name]), numberOf(b.values[name])) > tolerance,
  );
}

/** A call that one side did not have: its candle is missing there, or the run had not begun, or had ended. */
function causeOfLone(
  sample: SampleRecord,
  side: Side,
  { evidence, series, otherStrategies, all }: SampleRules,
): { readonly cause: Cause; readonly isInside: boolean } {
  const strategy = strategyOf(sample.name);
  if (all !== undefined) return { cause: all, isInside: true };
  if (otherStrategies.has(strategy)) return { cause: 'configuration', isInside: true };
  const other = evidence[side === 'left' ? 'right' : 'left'];
  const atUs = sample.timeUs - evidence[side].offsetUs + other.offsetUs;
  if (atUs < other.beganUs) return { cause: 'warm-up', isInside: false };
  if (atUs > other.endedUs) return { cause: 'end of span', isInside: false };
  for (const [name, pair] of series) {
    if (strategyOf(name) !== strategy) continue;
    const parted = pair.lastParted(sample.atUs);
    if (parted?.startUs === sample.atUs) return parted;
  }
  // At an event only signals are sampled: that the other run did not give this one is counted among decisions.
  return { cause: 'other decision', isInside: false };
}

function numberOf(value: number | boolean | undefined): number {
  return value === undefined ? Number.NaN : Number(value);
}

/**
 * A sample is of one moment. That one run looked a moment sooner, or could not see, is inherent in how they were fed: what
 * came of it is judged, in decisions, fills and profit.
 */
function isExcused(cause: Cause | undefined): boolean {
  return cause === 'latency' || cause === 'outage';
}

/** One output of one input, counted as its samples come. */
class OutputTally {
  readonly #tolerance: number;
  readonly #tally = new Tally();
  #counts = { matched: 0, onlyLeft: 0, onlyRight: 0, missing: 0, unequal: 0, beyond: 0, excused: 0 };
  #max = { maxAbsolute: 0, maxRelative: 0, maxUlp: 0 };
  #firstBeyondUs = Number.NaN;

  constructor(tolerance: number) {
    this.#tolerance = tolerance;
  }

  /** NaN: that side showed no number. `cause` is that of the whole sample. */
  add(atUs: number, left: number, right: number, cause: Cause | undefined): void {
    const counts = this.#counts;
    if (Number.isNaN(left) !== Number.isNaN(right)) {
      counts[Number.isNaN(left) ? 'onlyRight' : 'onlyLeft'] += 1;
      counts.missing += 1;
      if (isExcused(cause)) counts.excused += 1;
      this.#tally.add(cause!);
      return;
    }
    counts.matched += 1;
    if (Object.is(left, right)) return;
    counts.unequal += 1;
    this.#tally.add(cause!);
    const relative = relativeDifference(left, right);
    this.#max = {
      maxAbsolute: Math.max(this.#max.maxAbsolute, Math.abs(left - right)),
      maxRelative: Math.max(this.#max.maxRelative, relative),
      maxUlp: Math.max(this.#max.maxUlp, ulpDistance(left, right)),
    };
    if (relative <= this.#tolerance) return;
    if (counts.beyond === 0) this.#firstBeyondUs = atUs;
    counts.beyond += 1;
    if (isExcused(cause)) counts.excused += 1;
  }

  addLone(side: Side, cause: Cause, isInside: boolean): void {
    this.#counts[side === 'left' ? 'onlyLeft' : 'onlyRight'] += 1;
    if (isInside) this.#counts.missing += 1;
    this.#tally.add(cause);
  }

  parity(name: string): ValueParity {
    const [firstBeyondUs, causes] = [this.#firstBeyondUs, this.#tally.counts];
    return { name, kind: 'sample', ...this.#counts, ...this.#max, firstBeyondUs, causes };
  }
}
