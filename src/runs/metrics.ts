// Performance figures of one equity curve and its round trips: a pure function. Tools disagree about these, so the
// variant of each is stated here and shown beside it. A figure without enough data is NaN.
import {
  centralMoment,
  correlation,
  greatest,
  least,
  mean,
  normalShareBelow,
  quantile,
  sampleCovariance,
  sampleDeviation,
  sampleExcessKurtosis,
  sampleSkew,
  sum,
} from './statistics.ts';
import type { RoundTrip } from './trades.ts';

/** Samples in order of time. */
export type Curve = { readonly timesUs: readonly number[]; readonly values: readonly number[] };

export type Drawdown = {
  /** E ÷ running maximum − 1 at its lowest: negative. */
  readonly depth: number;
  /** The last time at the maximum. */
  readonly peakUs: number;
  readonly troughUs: number;
  /** When the maximum was reached again, or the curve's end. */
  readonly recoveredUs: number;
};

/** r are returns of daily UTC equity, the start's included; under 30 days every figure built on them is NaN. */
export type CurveMetrics = {
  readonly startEquity: number;
  readonly endEquity: number;
  /** E_end ÷ E_0 − 1. */
  readonly totalReturn: number;
  /** (E_end ÷ E_0)^(1 ÷ years) − 1, years = days ÷ 365.25; NaN under 30 days. */
  readonly cagr: number;
  /** std(r, ddof 1)·√P. */
  readonly volatility: number;
  /** mean(r) ÷ std(r, ddof 1)·√P, risk-free rate 0. */
  readonly sharpe: number;
  /** How sure it is that the true Sharpe ratio is above 0, given length, skew and tails (Bailey and López de Prado 2012). */
  readonly sharpeProbability: number;
  /** mean(r) ÷ √(Σ min(r, 0)² ÷ N)·√P, N = all periods. */
  readonly sortino: number;
  /** CAGR ÷ |maximum drawdown|. */
  readonly calmar: number;
  /** |Σr| ÷ |maximum drawdown|. */
  readonly recoveryFactor: number;
  /** Σ gains ÷ Σ losses of r, threshold 0. */
  readonly omega: number;
  /** Σr ÷ |Σ negative r|. */
  readonly gainToPain: number;
  /** |q95 ÷ q05| of r. */
  readonly tailRatio: number;
  /** mean(r) − 1.645·std(r): the 5 % quantile, were r normal; negative is a loss. */
  readonly valueAtRisk: number;
  /** Mean of r below the value at risk. */
  readonly conditionalValueAtRisk: number;
  /** Of r, corrected for sample size. */
  readonly skew: number;
  /** Of r, excess over the normal's, corrected for sample size. */
  readonly kurtosis: number;
  /** R² of a straight line through the logarithm of daily equity. */
  readonly stability: number;
  /** min(E ÷ running maximum − 1), on every sample: negative or 0. */
  readonly drawdownMax: number;
  /** Mean depth of all drawdowns; 0 without one. */
  readonly drawdownAverage: number;
  /** Peak to recovery (or the end), the longest, µs. */
  readonly drawdownLongestUs: number;
  readonly drawdownAverageUs: number;
  /** Share of time below the running maximum. */
  readonly underwater: number;
  /** √(Σ dd² ÷ (n − 1)) over samples. */
  readonly ulcer: number;
  readonly worstDrawdowns: readonly Drawdown[];
};

/** Money in quote currency, fees deducted. A trip that neither won nor lost is a trip, but neither win nor loss. */
export type TripMetrics = {
  readonly trades: number;
  /** Trips with pnl > 0 ÷ all. */
  readonly winRate: number;
  readonly best: number;
  readonly worst: number;
  readonly average: number;
  readonly averageDurationUs: number;
  /** Longest run of wins, and of losses, in the order of closing. */
  readonly winStreak: number;
  readonly lossStreak: number;
  /** Gross profit ÷ gross loss, in money; infinite without a loss. */
  readonly profitFactor: number;
  /** Average win ÷ |average loss|. */
  readonly payoff: number;
  /** Share won × average win − share lost × |average loss|: the mean profit or loss of a trip. */
  readonly expectancy: number;
  /** √n · mean(pnl) ÷ std(pnl, ddof 1). */
  readonly sqn: number;
  /** W − (1 − W) ÷ R, R the payoff. */
  readonly kelly: number;
  /** Mean of the worst and of the best unrealised return while a trip was open; trips without candles left out. */
  readonly maeAverage: number;
  readonly mfeAverage: number;
};

export type Metrics = CurveMetrics &
  TripMetrics & {
    /** Share of time with an open position, by round trips. */
    readonly exposure: number;
    /** Σ traded notional ÷ mean of the equity samples. */
    readonly turnover: number;
    readonly fees: number;
  };

const DAY_US = 86_400e6;
/** Under this many days an annualised figure says nothing. */
export const ANNUALISE_DAYS_MIN = 30;
const WORST_DRAWDOWNS = 5;
/** The standard normal's 5 % quantile. */
const NORMAL_Q05 = -1.6448536269514722;

/** `periods`: per year, 365 for markets that never close, 252 for exchanges with sessions. */
export function computeMetrics(
  curve: Curve,
  trips: readonly RoundTrip[],
  traded: { readonly notional: number; readonly fees: number },
  periods = 365,
): Metrics {
  return {
    ...curveMetrics(curve, periods),
    ...tripMetrics(trips),
    exposure: covered(trips) / spanOf(curve),
    turnover: traded.notional / mean(curve.values),
    fees: traded.fees,
  };
}

function curveMetrics(curve: Curve, periods: number): CurveMetrics {
  const { values } = curve;
  const startEquity = values[0] ?? Number.NaN;
  const endEquity = values.at(-1) ?? Number.NaN;
  const spanUs = spanOf(curve);
  const days = spanUs / DAY_US;
  const isLong = days >= ANNUALISE_DAYS_MIN;
  const equity = isLong ? dailyValues(curve) : [];
  const daily = returnsOf(equity);
  const cagr = isLong ? (endEquity / startEquity) ** (365.25 / days) - 1 : Number.NaN;
  const drawdowns = findDrawdowns(curve);
  const durations = drawdowns.map(({ peakUs, recoveredUs }) => recoveredUs - peakUs);
  const depths = drawdowns.map(({ depth }) => depth);
  const drawdownMax = least([0, ...depths]);
  const valueAtRisk = mean(daily) + NORMAL_Q05 * sampleDeviation(daily);
  const gains = sum(daily.filter((r) => r > 0));
  const losses = isLong ? sum(daily.filter((r) => r < 0)) : Number.NaN;
  return {
    startEquity,
    endEquity,
    totalReturn: endEquity / startEquity - 1,
    cagr,
    volatility: sampleDeviation(daily) * Math.sqrt(periods),
    sharpe: (mean(daily) / sampleDeviation(daily)) * Math.sqrt(periods),
    sharpeProbability: sharpeProbability(daily),
    sortino: (mean(daily) / Math.sqrt(mean(daily.map((r) => Math.min(r, 0) ** 2)))) * Math.sqrt(periods),
    calmar: cagr / Math.abs(drawdownMax),
    recoveryFactor: isLong ? Math.abs(sum(daily)) / Math.abs(drawdownMax) : Number.NaN,
    omega: gains / -losses,
    gainToPain: (gains + losses) / -losses,
    tailRatio: Math.abs(quantile(daily, 0.95) / quantile(daily, 0.05)),
    valueAtRisk,
    conditionalValueAtRisk: mean(daily.filter((r) => r < valueAtRisk)),
    skew: sampleSkew(daily),
    kurtosis: sampleExcessKurtosis(daily),
    stability: stabilityOf(equity),
    drawdownMax,
    drawdownAverage: drawdowns.length === 0 ? 0 : mean(depths),
    drawdownLongestUs: greatest([0, ...durations]),
    drawdownAverageUs: drawdowns.length === 0 ? 0 : mean(durations),
    underwater: sum(durations) / spanUs,
    ulcer: ulcerOf(values),
    worstDrawdowns: [...drawdowns].sort((a, b) => a.depth - b.depth).slice(0, WORST_DRAWDOWNS),
  };
}

function tripMetrics(trips: readonly RoundTrip[]): TripMetrics {
  const pnls = trips.map(({ pnl }) => pnl);
  const wins = pnls.filter((pnl) => pnl > 0);
  const losses = pnls.filter((pnl) => pnl < 0);
  const winRate = wins.length / pnls.length;
  const payoff = mean(wins) / Math.abs(mean(losses));
  return {
    trades: pnls.length,
    winRate,
    best: greatest(pnls),
    worst: least(pnls),
    average: mean(pnls),
    averageDurationUs: mean(trips.map(({ openedUs, closedUs }) => closedUs - openedUs)),
    winStreak: longestStreak(pnls, (pnl) => pnl > 0),
    lossStreak: longestStreak(pnls, (pnl) => pnl < 0),
    profitFactor: sum(wins) / Math.abs(sum(losses)),
    payoff,
    expectancy: mean(pnls),
    sqn: (Math.sqrt(pnls.length) * mean(pnls)) / sampleDeviation(pnls),
    kelly: winRate - (1 - winRate) / payoff,
    maeAverage: mean(trips.map(({ mae }) => mae).filter((mae) => !Number.isNaN(mae))),
    mfeAverage: mean(trips.map(({ mfe }) => mfe).filter((mfe) => !Number.isNaN(mfe))),
  };
}

/** A curve against another of the same time, as buying and holding. */
export type BenchmarkMetrics = {
  /** E_end ÷ E_0 − 1 of the benchmark. */
  readonly totalReturn: number;
  /** cov(r, b) ÷ var(b) of daily returns, ddof 1; NaN under 30 days, as are the others below. */
  readonly beta: number;
  /** (mean(r) − beta · mean(b)) · P. */
  readonly alpha: number;
  readonly correlation: number;
  /** mean(r − b) ÷ std(r − b, ddof 1)·√P. */
  readonly informationRatio: number;
};

/** Days that only one of them has are left out. */
export function computeAgainst(curve: Curve, benchmark: Curve, periods = 365): BenchmarkMetrics {
  const isLong = Math.min(spanOf(curve), spanOf(benchmark)) >= ANNUALISE_DAYS_MIN * DAY_US;
  const [own, other] = isLong ? commonDays(curve, benchmark) : [[], []];
  const [r, b] = [returnsOf(own), returnsOf(other)];
  const excess = r.map((value, i) => value - b[i]!);
  const beta = sampleCovariance(r, b) / sampleCovariance(b, b);
  return {
    totalReturn: (benchmark.values.at(-1) ?? Number.NaN) / (benchmark.values[0] ?? Number.NaN) - 1,
    beta,
    alpha: (mean(r) - beta * mean(b)) * periods,
    correlation: correlation(r, b),
    informationRatio: (mean(excess) / sampleDeviation(excess)) * Math.sqrt(periods),
  };
}

/** Every stretch below a running maximum, in time; one not recovered from ends with the curve. */
export function findDrawdowns({ timesUs, values }: Curve): readonly Drawdown[] {
  const found: Drawdown[] = [];
  let [peak, peakUs, depth, troughUs] = [Number.NEGATIVE_INFINITY, Number.NaN, 0, Number.NaN];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    const timeUs = timesUs[i]!;
    if (value >= peak) {
      if (depth < 0) found.push({ depth, peakUs, troughUs, recoveredUs: timeUs });
      [peak, peakUs, depth] = [value, timeUs, 0];
    } else if (value / peak - 1 < depth) {
      [depth, troughUs] = [value / peak - 1, timeUs];
    }
  }
  if (depth < 0) found.push({ depth, peakUs, troughUs, recoveredUs: timesUs.at(-1)! });
  return found;
}

function spanOf({ timesUs }: Curve): number {
  return (timesUs.at(-1) ?? Number.NaN) - (timesUs[0] ?? Number.NaN);
}

/** The first value, then the last one of each UTC day; days without a sample carry the one before. */
function dailyValues(curve: Curve): readonly number[] {
  const { values, timesUs } = curve;
  const daily = [values[0]!];
  let day = dayOf(timesUs[0]!);
  for (let i = 1; i < values.length; i++) {
    for (; day < dayOf(timesUs[i]!); day++) daily.push(values[i - 1]!);
  }
  daily.push(values.at(-1)!);
  return daily;
}

/** The daily values of two curves over the days that both have. */
function commonDays(a: Curve, b: Curve): readonly [readonly number[], readonly number[]] {
  const fromUs = Math.max(a.timesUs[0]!, b.timesUs[0]!);
  const toUs = Math.min(a.timesUs.at(-1)!, b.timesUs.at(-1)!);
  return [dailyValues(cut(a, fromUs, toUs)), dailyValues(cut(b, fromUs, toUs))];
}

/** The curve between two times, with the value it had at each. */
function cut({ timesUs, values }: Curve, fromUs: number, toUs: number): Curve {
  const inside = timesUs.map((timeUs, i) => ({ timeUs, value: values[i]! }));
  const at = (limitUs: number): number => inside.findLast(({ timeUs }) => timeUs <= limitUs)!.value;
  const kept = inside.filter(({ timeUs }) => timeUs > fromUs && timeUs < toUs);
  return {
    timesUs: [fromUs, ...kept.map(({ timeUs }) => timeUs), toUs],
    values: [at(fromUs), ...kept.map(({ value }) => value), at(toUs)],
  };
}

function dayOf(timeUs: number): number {
  return Math.floor(timeUs / DAY_US);
}

function returnsOf(values: readonly number[]): readonly number[] {
  return values.slice(1).map((value, i) => value / values[i]! - 1);
}

/** Φ(SR·√(n − 1) ÷ √(1 − γ₃·SR + (γ₄ − 1) ÷ 4·SR²)), SR per day, γ₃ and γ₄ skew and kurtosis of the sample itself. */
function sharpeProbability(daily: readonly number[]): number {
  const ratio = mean(daily) / sampleDeviation(daily);
  const variance = centralMoment(daily, 2);
  const skew = centralMoment(daily, 3) / variance ** 1.5;
  const kurtosis = centralMoment(daily, 4) / variance ** 2;
  const error = Math.sqrt(1 - skew * ratio + ((kurtosis - 1) / 4) * ratio ** 2);
  return normalShareBelow((ratio * Math.sqrt(daily.length - 1)) / error);
}

function stabilityOf(equity: readonly number[]): number {
  const days = equity.map((_, day) => day);
  return correlation(days, equity.map(Math.log)) ** 2;
}

function ulcerOf(values: readonly number[]): number {
  let peak = Number.NEGATIVE_INFINITY;
  let squares = 0;
  for (const value of values) {
    peak = Math.max(peak, value);
    squares += (value / peak - 1) ** 2;
  }
  return Math.sqrt(squares / (values.length - 1));
}

function longestStreak(pnls: readonly number[], counts: (pnl: number) => boolean): number {
  let [longest, length] = [0, 0];
  for (const pnl of pnls) {
    length = counts(pnl) ? length + 1 : 0;
    longest = Math.max(longest, length);
  }
  return longest;
}

/** Time covered by at least one trip, µs. */
function covered(trips: readonly RoundTrip[]): number {
  let total = 0;
  let untilUs = Number.NEGATIVE_INFINITY;
  for (const { openedUs, closedUs } of [...trips].sort((a, b) => a.openedUs - b.openedUs)) {
    total += Math.max(0, closedUs - Math.max(openedUs, untilUs));
    untilUs = Math.max(untilUs, closedUs);
  }
  return total;
}
