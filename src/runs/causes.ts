// Why a value differs between two runs: the candle under it is looked at on both sides, and those before it.
import type { CandleRecord, EvidencePair } from './compare.ts';

export type Cause =
  | 'missing or extra events'
  | 'candle boundary'
  | 'warm-up'
  | 'latency'
  | 'book depth'
  | 'fill model'
  | 'other decision'
  | 'rounding';

type Question = {
  readonly evidence: EvidencePair;
  /** `strategy.input.output` of the indicator. */
  readonly name: string;
  /** Start of its candle, µs. */
  readonly atUs: number;
  /** The side that lacks the value. */
  readonly missing: 'left' | 'right' | 'none';
};

/**
 * The order of suspects: a candle that differs (its neighbour too, the other way round: trades fell on the other
 * side of a boundary; else events are missing), then a history that began elsewhere, and last the arithmetic.
 * An input that is evaluated on a book has no candle of its own; it differs because it was looked at elsewhere.
 */
export function explain(question: Question): Cause {
  const strategy = question.name.slice(0, question.name.indexOf('.'));
  const series = [...question.evidence.left.candles.keys()].filter((name) => name.startsWith(`${strategy}.`));
  let isPartOfHistory = false;
  for (const name of series) {
    const left = question.evidence.left.candles.get(name);
    const right = question.evidence.right.candles.get(name);
    if (left === undefined || right === undefined) return 'missing or extra events';
    const at = left.get(question.atUs) ?? right.get(question.atUs);
    const startUs = at?.startUs ?? question.atUs;
    if (firstOf(left) !== firstOf(right)) isPartOfHistory = true;
    const [a, b] = [left.get(startUs), right.get(startUs)];
    if (a === undefined || b === undefined || sameCandle(a, b)) continue;
    return isBoundary(left, right, a, b) ? 'candle boundary' : 'missing or extra events';
  }
  if (question.missing !== 'none') return isPartOfHistory ? 'warm-up' : 'missing or extra events';
  if (isPartOfHistory) return 'warm-up';
  return differsBefore(question, series)
    ? 'missing or extra events'
    : isOfBook(question)
      ? 'latency'
      : 'rounding';
}

function isOfBook(question: Question): boolean {
  const { name, evidence } = question;
  const values = evidence.left.values.get(name);
  return values !== undefined && /(pressure|bid|ask|mid|spread)/i.test(name);
}

function firstOf(candles: ReadonlyMap<number, CandleRecord>): number {
  return candles.keys().next().value ?? Number.NaN;
}

function differsBefore(question: Question, series: readonly string[]): boolean {
  return series.some((name) => {
    const right = question.evidence.right.candles.get(name);
    for (const [startUs, candle] of question.evidence.left.candles.get(name) ?? []) {
      if (startUs > question.atUs) break;
      const other = right?.get(startUs);
      if (other === undefined || !sameCandle(candle, other)) return true;
    }
    return false;
  });
}

function sameCandle(a: CandleRecord, b: CandleRecord): boolean {
  return (
    a.open === b.open &&
    a.high === b.high &&
    a.low === b.low &&
    a.close === b.close &&
    a.volume === b.volume &&
    a.trades === b.trades
  );
}

/** True when this candle and a neighbour together hold as many trades on both sides. */
function isBoundary(
  left: ReadonlyMap<number, CandleRecord>,
  right: ReadonlyMap<number, CandleRecord>,
  a: CandleRecord,
  b: CandleRecord,
): boolean {
  for (const neighbour of [a.startUs - a.intervalUs, a.startUs + a.intervalUs]) {
    const [x, y] = [left.get(neighbour), right.get(neighbour)];
    if (
      x !== undefined &&
      y !== undefined &&
      x.trades !== y.trades &&
      x.trades + a.trades === y.trades + b.trades
    ) {
      return true;
    }
  }
  return false;
}
