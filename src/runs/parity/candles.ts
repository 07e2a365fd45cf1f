// Candles of two runs held against each other, series by series. Of each that differs one cause is named, by the first
// rule below whose evidence holds; every rule looks at this candle (and, for boundaries, at those it touches) alone.
import { parseDurationUs } from '../../core/time.ts';
import { type Cause, type CauseCounts, lowerBound, relativeDifference, Tally, walkTimes } from './causes.ts';
import {
  type Candles,
  type Evidence,
  type EvidencePair,
  emptyCandles,
  type Side,
  strategyOf,
} from './evidence.ts';
import { isTouched } from './outages.ts';
import type { Setting } from './settings.ts';

/** Candles of one series, held against each other. */
export type CandleParity = {
  readonly name: string;
  readonly matched: number;
  readonly onlyLeft: number;
  readonly onlyRight: number;
  /** Of the last two, those that lie in the span that both runs covered. */
  readonly missing: number;
  readonly unequal: number;
  /** Matched ones of which a price or volume is past the tolerance, and no run had begun or ended inside. */
  readonly beyond: number;
  readonly causes: CauseCounts;
};

/** A candle that is not the same on both sides. */
export type Parted = {
  readonly startUs: number;
  readonly cause: Cause;
  /** It lies in the span that both runs covered. */
  readonly isInside: boolean;
  /** It is missing on one side, or past the tolerance. */
  readonly isBeyond: boolean;
};

export class SeriesPair {
  readonly name: string;
  readonly left: Candles;
  readonly right: Candles;
  readonly parity: CandleParity;
  /** In order of time. */
  readonly parted: readonly Parted[];
  readonly #partedUs: readonly number[];

  constructor(
    name: string,
    sides: { readonly left: Candles; readonly right: Candles },
    parts: { readonly parity: CandleParity; readonly parted: readonly Parted[] },
  ) {
    this.name = name;
    this.left = sides.left;
    this.right = sides.right;
    this.parity = parts.parity;
    this.parted = parts.parted;
    this.#partedUs = parts.parted.map(({ startUs }) => startUs);
  }

  /** The last candle that differs among those that start at or before a time. */
  lastParted(atUs: number): Parted | undefined {
    return this.parted[lowerBound(this.#partedUs, atUs + 1) - 1];
  }

  /** How many candles of the run that has more of them lie from one start to another, both included. */
  candlesBetween(fromUs: number, untilUs: number): number {
    const count = ({ startsUs }: Candles): number =>
      lowerBound(startsUs, untilUs + 1) - lowerBound(startsUs, fromUs);
    return Math.max(count(this.left), count(this.right));
  }
}

/** A candle at which both runs are looked at; an index is −1 where that side has none. */
type Spot = { readonly startUs: number; readonly i: number; readonly j: number };
type Pair = { readonly left: Candles; readonly right: Candles };

export type CandleRules = {
  readonly evidence: EvidencePair;
  readonly tolerance: number;
  /** Those of candles. */
  readonly settings: readonly Setting[];
  readonly otherStrategies: ReadonlySet<string>;
  /** What explains every difference, whatever it is. */
  readonly all: Cause | undefined;
};

export function compareCandles(name: string, rules: CandleRules): SeriesPair {
  const { left, right } = rules.evidence;
  const a = left.candles.get(name);
  const b = right.candles.get(name);
  const { symbol, intervalUs } = (a ?? b)!;
  const pair: Pair = {
    left: a ?? emptyCandles(symbol, intervalUs),
    right: b ?? emptyCandles(symbol, intervalUs),
  };
  const spots: Spot[] = [];
  let matched = 0;
  walkTimes(pair.left.startsUs, pair.right.startsUs, (startUs, i, j) => {
    if (i >= 0 && j >= 0) matched += 1;
    if (i < 0 || j < 0 || !isSameCandle(pair, i, j)) spots.push({ startUs, i, j });
  });
  const moved = movedAcross(pair, spots);
  // A strategy that is not the same may have declared another series under one name, or none.
  const isOtherSeries =
    a === undefined || b === undefined || a.intervalUs !== b.intervalUs || a.symbol !== b.symbol;
  const declared = isOtherSeries && rules.otherStrategies.has(strategyOf(name)) ? 'configuration' : undefined;
  const tally = new Tally();
  const counts = { missing: 0, unequal: 0, beyond: 0 };
  let last: Parted | undefined;
  const parted = spots.map((spot): Parted => {
    const { startUs, i, j } = spot;
    const isLone = i < 0 || j < 0;
    const outside = outsideOf(pair, spot, rules.evidence);
    const isInside = outside === undefined;
    const before = last?.startUs === startUs - intervalUs ? last.cause : undefined;
    const cause =
      rules.all ??
      declared ??
      outside ??
      causeOf(pair, spot, { ...rules, before, isMoved: moved.has(startUs) });
    const isBeyond = isLone || isCandleBeyond(pair, i, j, rules.tolerance);
    tally.add(cause);
    if (!isLone) counts.unequal += 1;
    if (isInside && isLone) counts.missing += 1;
    if (isInside && !isLone && isBeyond) counts.beyond += 1;
    last = { startUs, cause, isInside, isBeyond };
    return last;
  });
  const [onlyLeft, onlyRight] = [pair.left.startsUs.length - matched, pair.right.startsUs.length - matched];
  const parity = { name, matched, onlyLeft, onlyRight, ...counts, causes: tally.counts };
  return new SeriesPair(name, pair, { parity, parted });
}

/**
 * Warm-up and end of span: what one run could not have. A candle that ended before it began, or was not over when it
 * ended; and the first one it has, when it began later, inside it, and therefore counted fewer trades.
 */
function outsideOf(pair: Pair, { startUs, i, j }: Spot, evidence: EvidencePair): Cause | undefined {
  const { symbol, intervalUs } = pair.left;
  const sides: readonly (readonly [Side, number, number])[] = [
    ['left', i, j],
    ['right', j, i],
  ];
  for (const [side, own, other] of sides) {
    const run = evidence[side];
    const beganUs = beganOf(run, symbol) - run.offsetUs;
    const rival = evidence[side === 'left' ? 'right' : 'left'];
    const isLater = beganUs > beganOf(rival, symbol) - rival.offsetUs;
    const hasLess = own < 0 || (own === 0 && other >= 0 && lacksTrades(pair, side, i, j));
    if (hasLess && isLater && startUs < beganUs) return 'warm-up';
    const closesUs = startUs + intervalUs + run.offsetUs + run.waitUs;
    if (own < 0 && closesUs > run.endedUs) return 'end of span';
  }
  return undefined;
}

/** When a run began to hear the trades of a symbol. */
function beganOf({ heardUs, beganUs, candles }: Evidence, symbol: string): number {
  const subscribedUs = heardUs.get(symbol);
  if (subscribedUs === undefined) return beganUs;
  // Subscribed again later, when candles had closed already, is another matter.
  const firstUs = Math.min(
    ...[...candles.values()].filter((one) => one.symbol === symbol).map((one) => one.seenUs[0]!),
  );
  return subscribedUs <= firstUs ? subscribedUs : beganUs;
}

/** The first rule that holds. */
function causeOf(
  pair: Pair,
  spot: Spot,
  rules: CandleRules & { readonly isMoved: boolean; readonly before: Cause | undefined },
): Cause {
  if (rules.settings.some((setting) => explains(setting, pair, spot))) return 'configuration';
  // A candle without trades repeats the price before it, and is there because that one is.
  const isFlat = (pair.left.trades[spot.i] ?? 0) === 0 && (pair.right.trades[spot.j] ?? 0) === 0;
  if (isFlat && rules.before !== undefined) return rules.before;
  const lacking = (['left', 'right'] as const).filter((side) => lacksTrades(pair, side, spot.i, spot.j));
  if (lacking.some((side) => hadOutage(rules.evidence[side], pair, spot))) return 'outage';
  if (lacking.some((side) => hadLateTrades(rules.evidence[side], pair, spot))) return 'late trades';
  if (lacking.some((side) => hasSetApart(rules.evidence[side], pair, spot))) return 'set apart';
  if (rules.isMoved) return 'candle boundary';
  if (spot.i >= 0 && spot.j >= 0) {
    const same = (columns: readonly Column[]): boolean =>
      columns.every((column) => isSame(pair, spot, column));
    if (same([...PRICES, 'volume', 'trades'])) return 'taker side';
    if (same(['volume', 'buyVolume', 'sellVolume', 'trades'])) return 'values differ';
  }
  return 'missing or extra events';
}

/** A rule of candles explains no more than it decides: flat ones, those that waited less, or everything. */
function explains({ path, left, right }: Setting, pair: Pair, { i, j }: Spot): boolean {
  const [tradesLeft, tradesRight] = [pair.left.trades[i], pair.right.trades[j]];
  if (path === 'candles.fill') return (tradesLeft ?? 0) === 0 && (tradesRight ?? 0) === 0 && (i < 0 || j < 0);
  if (path !== 'candles.grace') return true;
  // The side that waited for less time is the one that may lack what came late.
  const [leftUs, rightUs] = [left, right].map((text) =>
    text === undefined ? 0 : parseDurationUs(String(text)),
  );
  return lacksTrades(pair, leftUs! < rightUs! ? 'left' : 'right', i, j);
}

/** Whether this side has no such candle, or one of fewer trades. */
function lacksTrades(pair: Pair, side: Side, i: number, j: number): boolean {
  const [own, other] =
    side === 'left'
      ? [pair.left.trades[i], pair.right.trades[j]]
      : [pair.right.trades[j], pair.left.trades[i]];
  if (other === undefined) return false;
  return own === undefined || own < other;
}

function hadOutage(
  { outages, offsetUs }: Evidence,
  { left: { symbol, intervalUs } }: Pair,
  { startUs }: Spot,
): boolean {
  return isTouched(outages.get(symbol) ?? [], startUs + offsetUs, startUs + intervalUs + offsetUs);
}

/** As many trades as it lacks came too late for this candle: named by the log, or learned of within an interval after it. */
function hadLateTrades({ late }: Evidence, pair: Pair, { startUs, i, j }: Spot): boolean {
  const { symbol, intervalUs } = pair.left;
  const untilUs = startUs + 2 * intervalUs;
  const came = (late.get(symbol) ?? []).filter((one) =>
    Number.isNaN(one.startUs)
      ? one.timeUs >= startUs + intervalUs && one.timeUs <= untilUs
      : one.startUs >= startUs && one.startUs < startUs + intervalUs,
  ).length;
  return came > 0 && Math.abs((pair.left.trades[i] ?? 0) - (pair.right.trades[j] ?? 0)) <= came;
}

/** As many trades as it lacks were set apart while the candle grew, or bore a time inside it. */
function hasSetApart({ apart, offsetUs }: Evidence, pair: Pair, { startUs, i, j }: Spot): boolean {
  const { symbol, intervalUs } = pair.left;
  const isInside = (timeUs: number): boolean => timeUs >= startUs && timeUs < startUs + intervalUs;
  const count = (apart.get(symbol) ?? []).filter(
    (one) => isInside(one.startUs) || isInside(one.timeUs - offsetUs),
  ).length;
  return count > 0 && Math.abs((pair.left.trades[i] ?? 0) - (pair.right.trades[j] ?? 0)) <= count;
}

const PRICES = ['open', 'high', 'low', 'close'] as const;
const COLUMNS = [...PRICES, 'volume', 'buyVolume', 'sellVolume', 'trades'] as const;
type Column = (typeof COLUMNS)[number];

function isSame({ left, right }: Pair, { i, j }: Spot, column: Column): boolean {
  return left[column][i] === right[column][j];
}

function isSameCandle(pair: Pair, i: number, j: number): boolean {
  return COLUMNS.every((column) => pair.left[column][i] === pair.right[column][j]);
}

function isCandleBeyond(pair: Pair, i: number, j: number, tolerance: number): boolean {
  return [...PRICES, 'volume', 'buyVolume', 'sellVolume'].some((column) => {
    const [a, b] = [pair.left[column as Column][i]!, pair.right[column as Column][j]!];
    return relativeDifference(a, b) > tolerance;
  });
}

/**
 * Starts of candles between which trades only changed sides of a boundary: neighbours that differ and together hold the
 * same number of trades and the same volume, by taker too, between the same first, last, highest and lowest price.
 */
function movedAcross(pair: Pair, spots: readonly Spot[]): ReadonlySet<number> {
  const moved = new Set<number>();
  const { intervalUs } = pair.left;
  for (let from = 0; from < spots.length; from++) {
    let end = from + 1;
    while (end < spots.length && spots[end]!.startUs === spots[end - 1]!.startUs + intervalUs) end++;
    const row = spots.slice(from, end);
    if (isShift(pair, row)) {
      for (const { startUs } of row) moved.add(startUs);
      from = end - 1;
      continue;
    }
    for (let to = from + 1; to < Math.min(end, from + CHAIN_MAX); to++) {
      const chain = spots.slice(from, to + 1);
      if (!isMove(pair, chain)) continue;
      for (const { startUs } of chain) moved.add(startUs);
      from = to;
      break;
    }
  }
  return moved;
}

/** Trades that crossed are looked for in rows of so many candles; a shift of every boundary shows in its own way. */
const CHAIN_MAX = 16;

/**
 * Clocks that differ move trades over every boundary: in a long row of candles what one of them lacks the next has more
 * of, again and again, so that the sums never part by more than a part of one candle.
 */
function isShift({ left, right }: Pair, row: readonly Spot[]): boolean {
  if (row.length < SHIFT_MIN) return false;
  let [trades, apart, gross, net, most, uneven] = [0, 0, 0, 0, 0, 0];
  for (const { i, j } of row) {
    const difference = (left.trades[i] ?? 0) - (right.trades[j] ?? 0);
    trades += Math.max(left.trades[i] ?? 0, right.trades[j] ?? 0);
    if (difference !== 0) uneven += 1;
    gross += Math.abs(difference);
    net += difference;
    apart = Math.max(apart, Math.abs(net));
    most = Math.max(most, Math.abs(difference));
  }
  const cancels = gross >= 4 * Math.abs(net) && apart <= Math.max(2 * most, 1);
  return cancels && uneven >= row.length / 2 && apart <= trades / row.length / 2;
}

const SHIFT_MIN = 8;

function isMove(pair: Pair, chain: readonly Spot[]): boolean {
  const left = joined(
    pair.left,
    chain.map(({ i }) => i),
  );
  const right = joined(
    pair.right,
    chain.map(({ j }) => j),
  );
  if (left === undefined || right === undefined) return false;
  const isSameTogether =
    left.trades === right.trades &&
    [...PRICES].every((column) => left[column] === right[column]) &&
    (['volume', 'buyVolume', 'sellVolume'] as const).every((column) => isNear(left[column], right[column]));
  if (!isSameTogether) return false;
  let across = 0;
  return chain.slice(1).every((after, n) => {
    const before = chain[n]!;
    across += (pair.left.trades[before.i] ?? 0) - (pair.right.trades[before.j] ?? 0);
    return across !== 0 && isEdgeCrossed(pair, { before, after }, across);
  });
}

/** One trade that crossed ends the candle before on one side and begins the one after on the other, at one price. */
function isEdgeCrossed(
  { left, right }: Pair,
  { before, after }: { readonly before: Spot; readonly after: Spot },
  across: number,
): boolean {
  if (across === 1) return left.close[before.i] === right.open[after.j];
  if (across === -1) return right.close[before.j] === left.open[after.i];
  return true;
}

type Joined = Readonly<Record<Column, number>>;

/** Candles in a row as one; undefined when none of them is there. */
function joined(candles: Candles, indices: readonly number[]): Joined | undefined {
  const present = indices.filter((index) => index >= 0 && candles.trades[index]! > 0);
  const [first, last] = [present[0], present.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  const sum = (column: Column): number => present.reduce((all, index) => all + candles[column][index]!, 0);
  return {
    open: candles.open[first]!,
    close: candles.close[last]!,
    high: Math.max(...present.map((index) => candles.high[index]!)),
    low: Math.min(...present.map((index) => candles.low[index]!)),
    ...{ volume: sum('volume'), buyVolume: sum('buyVolume'), sellVolume: sum('sellVolume') },
    trades: sum('trades'),
  };
}

/** Sums of the same numbers in another order. */
function isNear(a: number, b: number): boolean {
  return relativeDifference(a, b) <= 1e-12 || Math.abs(a - b) <= 1e-12;
}
