// Performance figures of one equity curve and its round trips: a pure function. Tools disagree about these, so the
// variant of each is stated here and shown beside it (catalogue.ts). A figure without enough data is NaN, and nothing
// is computed through an equity of 0 or less: a return on nothing means nothing.
import {
  bankruptUs,
  type Calendar,
  type Curve,
  commonDays,
  DAY_US,
  DAYS_PER_YEAR,
  type Drawdown,
  dailyValues,
  daysOf,
  findDrawdowns,
  HOUR_US,
  hourlyReturns,
  returnsOf,
  spanOf,
  timeMean,
  underWater,
} from './curve.ts';
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
import type { RoundTrip } from './trips.ts';

/**
 * r are returns of daily UTC equity, the start's included; under 30 days every figure built on them is NaN. All but
 * money and time is NaN when the equity was ever 0 or less. P is 365, or 252 where only weekdays have returns.
 */
export type CurveMetrics = {
  readonly startEquity: number;
  readonly endEquity: number;
  /** E_end − E_0, in money. */
  readonly profit: number;
  /** The first time at which the equity was 0 or less, µs; NaN when it never was. */
  readonly bankruptUs: number;
  /** Length of the curve, µs, and the UTC days it holds wholly and in part. */
  readonly spanUs: number;
  readonly wholeDays: number;
  readonly partialDays: number;
  /** E_end ÷ E_0 − 1. */
  readonly totalReturn: number;
  /** Profit ÷ hours; NaN under one hour. Not annualised, like the two below. */
  readonly profitPerHour: number;
  /** Total return ÷ hours. */
  readonly returnPerHour: number;
  /** std of returns from whole UTC hour to whole hour, ddof 1. */
  readonly volatilityHourly: number;
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
  /** Σr ÷ |maximum drawdown|, with the sign of Σr. */
  readonly recoveryFactor: number;
  /** Σ gains ÷ Σ losses of r, threshold 0. */
  readonly omega: number;
  /** Σr ÷ |Σ negative r|. */
  readonly gainToPain: number;
  /** |q95 ÷ q05| of r. */
  readonly tailRatio: number;
  /** mean(r) − 1.645·std(r): the 5 % quantile, were r normal; negative is a loss. */
  readonly valueAtRisk: number;
  /** mean(r) − 2.063·std(r): the mean of what lies below it, were r normal. */
  readonly conditionalValueAtRisk: number;
  /** q05 of r itself, and the mean of r at or below it. */
  readonly valueAtRiskHistorical: number;
  readonly conditionalValueAtRiskHistorical: number;
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
  /** √(∫dd² dt ÷ span): weighted by time. */
  readonly ulcer: number;
  readonly worstDrawdowns: readonly Drawdown[];
};

/**
 * Money in the curve's currency, at the rate of a trip's last fill, fees deducted. Trips that are still open count at the price they are marked at. A trip
 * that neither won nor lost is a trip, but neither win nor loss.
 */
export type TripMetrics = {
  readonly trades: number;
  /** Of them, those still open at the end, and what they stand to win or lose. */
  readonly openTrades: number;
  readonly unrealized: number;
  /** Trips with pnl > 0 ÷ all. */
  readonly winRate: number;
  readonly best: number;
  readonly worst: number;
  /** Share won × average win − share lost × |average loss|: the mean profit or loss of a trip. */
  readonly expectancy: number;
  /** Mean of pnl ÷ entry notional, and that ÷ its std (ddof 1): a Sharpe ratio by trip, not annualised. */
  readonly tripReturn: number;
  readonly tripSharpe: number;
  readonly averageDurationUs: number;
  /** Longest run of wins, and of losses, in the order of closing. */
  readonly winStreak: number;
  readonly lossStreak: number;
  /** Gross profit ÷ gross loss, in money; infinite without a loss. */
  readonly profitFactor: number;
  /** Average win ÷ |average loss|. */
  readonly payoff: number;
  /** √n · mean(pnl) ÷ std(pnl, ddof 1). */
  readonly sqn: number;
  /** W − (1 − W) ÷ R, R the payoff. */
  readonly kelly: number;
  /** Mean of the worst and of the best unrealised return while a trip was open, by the prices seen then. */
  readonly maeAverage: number;
  readonly mfeAverage: number;
};

export type Metrics = CurveMetrics &
  TripMetrics & {
    /** Share of time with an open position. */
    readonly timeInMarket: number;
    /** Mean over time of |worth of positions| ÷ equity. */
    readonly exposure: number;
    /** Σ traded notional ÷ mean equity over time. */
    readonly turnover: number;
    readonly fees: number;
  };

/** What was traded besides the trips: Σ price × size, fees, and what was held at each sample of the curve. */
export type Traded = { readonly notional: number; readonly fees: number; readonly held: readonly number[] };

/** Under this many days an annualised figure says nothing. */
export const ANNUALISE_DAYS_MIN = 30;
const WORST_DRAWDOWNS = 5;
/** The standard normal's 5 % quantile z, and the mean below it: φ(z) ÷ 0.05. */
const NORMAL_Q05 = -1.6448536269514722;
const NORMAL_BELOW_Q05 = -2.0627128075074275;

export function computeMetrics(
  curve: Curve,
  trips: readonly RoundTrip[],
  traded: Traded,
  calendar: Calendar = 'all',
): Metrics {
  const isBankrupt = !Number.isNaN(bankruptUs(curve));
  const { timesUs, values } = curve;
  const held = { timesUs, values: values.map((value, i) => Math.abs(traded.held[i] ?? Number.NaN) / value) };
  return {
    ...moneyMetrics(curve),
    ...(isBankrupt ? NO_RATIOS : ratioMetrics(curve, calendar)),
    ...tripMetrics(trips),
    timeInMarket: covered(trips, timesUs.at(-1) ?? Number.NaN) / spanOf(curve),
    exposure: isBankrupt ? Number.NaN : timeMean(held),
    turnover: isBankrupt ? Number.NaN : traded.notional / timeMean(curve),
    fees: traded.fees,
  };
}

type Money = 'startEquity' | 'endEquity' | 'profit' | 'bankruptUs' | 'spanUs' | 'wholeDays' | 'partialDays';
type MoneyMetrics = Pick<CurveMetrics, Money | 'profitPerHour'>;
type RatioMetrics = Omit<CurveMetrics, keyof MoneyMetrics>;

function moneyMetrics(curve: Curve): MoneyMetrics {
  const startEquity = curve.values[0] ?? Number.NaN;
  const endEquity = curve.values.at(-1) ?? Number.NaN;
  const profit = endEquity - startEquity;
  const spanUs = spanOf(curve);
  const { whole, partial } = daysOf(curve);
  return {
    ...{ startEquity, endEquity, profit, spanUs, wholeDays: whole, partialDays: partial },
    bankruptUs: bankruptUs(curve),
    profitPerHour: perHour(profit, spanUs),
  };
}

function ratioMetrics(curve: Curve, calendar: Calendar): RatioMetrics {
  const { values } = curve;
  const spanUs = spanOf(curve);
  const totalReturn = (values.at(-1) ?? Number.NaN) / (values[0] ?? Number.NaN) - 1;
  const drawdowns = findDrawdowns(curve);
  const durations = drawdowns.map(({ peakUs, recoveredUs }) => recoveredUs - peakUs);
  const depths = drawdowns.map(({ depth }) => depth);
  const drawdownMax = values.length === 0 ? Number.NaN : least([0, ...depths]);
  return {
    totalReturn,
    returnPerHour: perHour(totalReturn, spanUs),
    volatilityHourly: sampleDeviation(hourlyReturns(curve)),
    ...annualMetrics(curve, { calendar, totalReturn, drawdownMax }),
    drawdownMax,
    drawdownAverage: drawdowns.length === 0 ? drawdownMax : mean(depths),
    drawdownLongestUs: greatest([0, ...durations]),
    drawdownAverageUs: drawdowns.length === 0 ? 0 : mean(durations),
    underwater: sum(durations) / spanUs,
    ulcer: Math.sqrt(timeMean(underWater(curve), (depth) => depth ** 2)),
    worstDrawdowns: [...drawdowns].sort((a, b) => a.depth - b.depth).slice(0, WORST_DRAWDOWNS),
  };
}

/** A rate by the hour is none of a run that lasts less: it would be stretched, not measured. */
function perHour(value: number, spanUs: number): number {
  return spanUs >= HOUR_US ? value / (spanUs / HOUR_US) : Number.NaN;
}

/** The figures built on daily returns. */
type AnnualMetrics = Omit<
  RatioMetrics,
  | 'totalReturn'
  | 'returnPerHour'
  | 'volatilityHourly'
  | 'drawdownMax'
  | 'drawdownAverage'
  | 'drawdownLongestUs'
  | 'drawdownAverageUs'
  | 'underwater'
  | 'ulcer'
  | 'worstDrawdowns'
>;

function annualMetrics(
  curve: Curve,
  given: { readonly calendar: Calendar; readonly totalReturn: number; readonly drawdownMax: number },
): AnnualMetrics {
  const days = spanOf(curve) / DAY_US;
  if (!(days >= ANNUALISE_DAYS_MIN)) return NO_ANNUAL;
  const { calendar, totalReturn, drawdownMax } = given;
  const equity = dailyValues(curve, calendar);
  const r = returnsOf(equity);
  const year = Math.sqrt(DAYS_PER_YEAR[calendar]);
  const [average, deviation] = [mean(r), sampleDeviation(r)];
  const cagr = (1 + totalReturn) ** (365.25 / days) - 1;
  const gains = sum(r.filter((value) => value > 0));
  const losses = sum(r.filter((value) => value < 0));
  const q05 = quantile(r, 0.05);
  return {
    cagr,
    volatility: deviation * year,
    sharpe: (average / deviation) * year,
    sharpeProbability: sharpeProbability(r),
    sortino: (average / Math.sqrt(mean(r.map((value) => Math.min(value, 0) ** 2)))) * year,
    calmar: cagr / Math.abs(drawdownMax),
    recoveryFactor: sum(r) / Math.abs(drawdownMax),
    omega: gains / -losses,
    gainToPain: (gains + losses) / -losses,
    tailRatio: Math.abs(quantile(r, 0.95) / q05),
    valueAtRisk: average + NORMAL_Q05 * deviation,
    conditionalValueAtRisk: average + NORMAL_BELOW_Q05 * deviation,
    valueAtRiskHistorical: q05,
    conditionalValueAtRiskHistorical: mean(r.filter((value) => value <= q05)),
    skew: sampleSkew(r),
    kurtosis: sampleExcessKurtosis(r),
    stability: stabilityOf(equity),
  };
}

const NO_ANNUAL: AnnualMetrics = {
  ...{ cagr: Number.NaN, volatility: Number.NaN, sharpe: Number.NaN, sharpeProbability: Number.NaN },
  ...{ sortino: Number.NaN, calmar: Number.NaN, recoveryFactor: Number.NaN, omega: Number.NaN },
  ...{ gainToPain: Number.NaN, tailRatio: Number.NaN, valueAtRisk: Number.NaN },
  ...{ conditionalValueAtRisk: Number.NaN, valueAtRiskHistorical: Number.NaN },
  ...{ conditionalValueAtRiskHistorical: Number.NaN, skew: Number.NaN, kurtosis: Number.NaN },
  stability: Number.NaN,
};

const NO_RATIOS: RatioMetrics = {
  ...NO_ANNUAL,
  ...{ totalReturn: Number.NaN, returnPerHour: Number.NaN, volatilityHourly: Number.NaN },
  ...{ drawdownMax: Number.NaN, drawdownAverage: Number.NaN, drawdownLongestUs: Number.NaN },
  ...{ drawdownAverageUs: Number.NaN, underwater: Number.NaN, ulcer: Number.NaN, worstDrawdowns: [] },
};

function tripMetrics(trips: readonly RoundTrip[]): TripMetrics {
  const pnls = trips.map(({ pnl, rate }) => pnl * rate);
  const returns = trips.map(({ returnFraction }) => returnFraction);
  const open = trips.filter(({ isOpen }) => isOpen);
  const wins = pnls.filter((pnl) => pnl > 0);
  const losses = pnls.filter((pnl) => pnl < 0);
  const winRate = wins.length / pnls.length;
  const payoff = mean(wins) / Math.abs(mean(losses));
  return {
    trades: pnls.length,
    openTrades: open.length,
    unrealized: sum(open.map(({ unrealized, rate }) => unrealized * rate)),
    winRate,
    best: greatest(pnls),
    worst: least(pnls),
    expectancy: mean(pnls),
    tripReturn: mean(returns),
    tripSharpe: mean(returns) / sampleDeviation(returns),
    averageDurationUs: mean(trips.map(({ openedUs, closedUs }) => closedUs - openedUs)),
    winStreak: longestStreak(pnls, (pnl) => pnl > 0),
    lossStreak: longestStreak(pnls, (pnl) => pnl < 0),
    profitFactor: sum(wins) / Math.abs(sum(losses)),
    payoff,
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
  /** cov(r, b) ÷ var(b) of daily returns, ddof 1; NaN under 30 days and after a bankruptcy, as are those below. */
  readonly beta: number;
  /** (mean(r) − beta · mean(b)) · P. */
  readonly alpha: number;
  readonly correlation: number;
  /** mean(r − b) ÷ std(r − b, ddof 1)·√P. */
  readonly informationRatio: number;
};

/** Days that only one of them has are left out. */
export function computeAgainst(curve: Curve, benchmark: Curve, calendar: Calendar = 'all'): BenchmarkMetrics {
  const isLong = Math.min(spanOf(curve), spanOf(benchmark)) >= ANNUALISE_DAYS_MIN * DAY_US;
  const isSound = isLong && Number.isNaN(bankruptUs(curve));
  const [own, other] = isSound ? commonDays(curve, benchmark, calendar) : [[], []];
  const [r, b] = [returnsOf(own), returnsOf(other)];
  const excess = r.map((value, i) => value - b[i]!);
  const beta = sampleCovariance(r, b) / sampleCovariance(b, b);
  const periods = DAYS_PER_YEAR[calendar];
  return {
    totalReturn: (benchmark.values.at(-1) ?? Number.NaN) / (benchmark.values[0] ?? Number.NaN) - 1,
    beta,
    alpha: (mean(r) - beta * mean(b)) * periods,
    correlation: correlation(r, b),
    informationRatio: (mean(excess) / sampleDeviation(excess)) * Math.sqrt(periods),
  };
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

function longestStreak(pnls: readonly number[], counts: (pnl: number) => boolean): number {
  let [longest, length] = [0, 0];
  for (const pnl of pnls) {
    length = counts(pnl) ? length + 1 : 0;
    longest = Math.max(longest, length);
  }
  return longest;
}

/** Time covered by at least one trip, µs; an open one lasts to the end of the curve. */
function covered(trips: readonly RoundTrip[], endUs: number): number {
  let total = 0;
  let untilUs = Number.NEGATIVE_INFINITY;
  for (const trip of [...trips].sort((a, b) => a.openedUs - b.openedUs)) {
    const closedUs = trip.isOpen ? endUs : trip.closedUs;
    total += Math.max(0, closedUs - Math.max(trip.openedUs, untilUs));
    untilUs = Math.max(untilUs, closedUs);
  }
  return total;
}
