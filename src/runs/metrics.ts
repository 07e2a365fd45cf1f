// Performance figures of one equity curve and its round trips: a pure function. Tools disagree about these, so the
// variant of each is stated where it is computed and shown beside it. A figure without enough data is NaN.
import type { RoundTrip } from './trades.ts';

export type Curve = { readonly timesUs: readonly number[]; readonly values: readonly number[] };

export type Drawdown = {
  readonly depth: number;
  readonly peakUs: number;
  readonly troughUs: number;
  readonly recoveredUs: number;
};

export type Metrics = {
  readonly startEquity: number;
  readonly endEquity: number;
  /** E_end ÷ E_0 − 1. */
  readonly totalReturn: number;
  /** (E_end ÷ E_0)^(1 ÷ years) − 1, years = days ÷ 365.25; NaN under 30 days. */
  readonly cagr: number;
  /** std(daily r, ddof 1)·√P; NaN under 30 days, as are the ratios built on daily returns below. */
  readonly volatility: number;
  /** mean(r) ÷ std(r, ddof 1)·√P, daily UTC equity, risk-free rate 0. */
  readonly sharpe: number;
  /** mean(r) ÷ √(Σ min(r, 0)² ÷ N)·√P, N = all periods. */
  readonly sortino: number;
  /** CAGR ÷ |maximum drawdown|. */
  readonly calmar: number;
  /** min(E ÷ running maximum − 1), on every sample: negative or 0. */
  readonly drawdownMax: number;
  /** Peak to recovery (or the end), the longest, µs. */
  readonly drawdownLongestUs: number;
  /** Share of time below the running maximum. */
  readonly underwater: number;
  /** √(Σ dd² ÷ (n − 1)) over samples. */
  readonly ulcer: number;
  readonly trades: number;
  readonly winRate: number;
  readonly best: number;
  readonly worst: number;
  readonly average: number;
  readonly averageDurationUs: number;
  /** Gross profit ÷ gross loss, in money; infinite without a loss. */
  readonly profitFactor: number;
  /** Average win ÷ |average loss|. */
  readonly payoff: number;
  /** Mean profit or loss of a trip, quote currency. */
  readonly expectancy: number;
  /** √n · mean(pnl) ÷ std(pnl, ddof 1). */
  readonly sqn: number;
  /** W − (1 − W) ÷ R, R the payoff. */
  readonly kelly: number;
  /** Share of time with an open position, by round trips. */
  readonly exposure: number;
  /** Σ traded notional ÷ mean equity. */
  readonly turnover: number;
  readonly fees: number;
  readonly worstDrawdowns: readonly Drawdown[];
};

const DAY_US = 86_400e6;
/** Under this many days an annualised figure says nothing. */
export const ANNUALISE_DAYS_MIN = 30;

/** `periods`: per year, 365 for markets that never close, 252 for exchanges with sessions. */
export function computeMetrics(
  curve: Curve,
  trips: readonly RoundTrip[],
  traded: { readonly notional: number; readonly fees: number },
  periods = 365,
): Metrics {
  const { timesUs, values } = curve;
  const startEquity = values[0] ?? Number.NaN;
  const endEquity = values.at(-1) ?? Number.NaN;
  const spanUs = (timesUs.at(-1) ?? Number.NaN) - (timesUs[0] ?? Number.NaN);
  const days = spanUs / DAY_US;
  const isLong = days >= ANNUALISE_DAYS_MIN;
  const daily = isLong ? returns(dailyValues(curve)) : [];
  const deviation = sampleDeviation(daily);
  const downside = Math.sqrt(mean(daily.map((r) => Math.min(r, 0) ** 2)));
  const cagr = isLong ? (endEquity / startEquity) ** (365.25 / days) - 1 : Number.NaN;
  const drawdowns = findDrawdowns(curve);
  const drawdownMax = Math.min(0, ...drawdowns.map(({ depth }) => depth));
  const pnls = trips.map(({ pnl }) => pnl);
  const wins = pnls.filter((pnl) => pnl > 0);
  const losses = pnls.filter((pnl) => pnl < 0);
  const winRate = wins.length / pnls.length;
  const payoff = mean(wins) / Math.abs(mean(losses));
  return {
    startEquity,
    endEquity,
    totalReturn: endEquity / startEquity - 1,
    cagr,
    volatility: deviation * Math.sqrt(periods),
    sharpe: (mean(daily) / deviation) * Math.sqrt(periods),
    sortino: (mean(daily) / downside) * Math.sqrt(periods),
    calmar: cagr / Math.abs(drawdownMax),
    drawdownMax,
    drawdownLongestUs: Math.max(0, ...drawdowns.map(({ peakUs, recoveredUs }) => recoveredUs - peakUs)),
    underwater: drawdowns.reduce((sum, { peakUs, recoveredUs }) => sum + (recoveredUs - peakUs), 0) / spanUs,
    ulcer: ulcer(values),
    trades: pnls.length,
    winRate,
    best: pnls.length === 0 ? Number.NaN : Math.max(...pnls),
    worst: pnls.length === 0 ? Number.NaN : Math.min(...pnls),
    average: mean(pnls),
    averageDurationUs: mean(trips.map(({ openedUs, closedUs }) => closedUs - openedUs)),
    profitFactor: sum(wins) / Math.abs(sum(losses)),
    payoff,
    expectancy: mean(pnls),
    sqn: (Math.sqrt(pnls.length) * mean(pnls)) / sampleDeviation(pnls),
    kelly: winRate - (1 - winRate) / payoff,
    exposure: covered(trips) / spanUs,
    turnover: traded.notional / mean(values),
    fees: traded.fees,
    worstDrawdowns: [...drawdowns].sort((a, b) => a.depth - b.depth).slice(0, 5),
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

/** The last value of each UTC day, days without a sample carried forward. */
function dailyValues({ timesUs, values }: Curve): readonly number[] {
  const daily: number[] = [];
  let day = Math.floor((timesUs[0] ?? 0) / DAY_US);
  for (let i = 0; i < values.length; i++) {
    const at = Math.floor(timesUs[i]! / DAY_US);
    while (day < at) {
      daily.push(values[Math.max(0, i - 1)]!);
      day += 1;
    }
  }
  if (values.length > 0) daily.push(values.at(-1)!);
  return daily;
}

function returns(values: readonly number[]): readonly number[] {
  return values.slice(1).map((value, i) => value / values[i]! - 1);
}

function ulcer(values: readonly number[]): number {
  let peak = Number.NEGATIVE_INFINITY;
  let squares = 0;
  for (const value of values) {
    peak = Math.max(peak, value);
    squares += (value / peak - 1) ** 2;
  }
  return Math.sqrt(squares / (values.length - 1));
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

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

function sampleDeviation(values: readonly number[]): number {
  if (values.length < 2) return Number.NaN;
  const centre = mean(values);
  return Math.sqrt(sum(values.map((value) => (value - centre) ** 2)) / (values.length - 1));
}
