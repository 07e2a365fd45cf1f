// Every figure against a value worked out by hand.
import { describe, expect, test } from 'vitest';
import { type Curve, computeAgainst, computeMetrics, findDrawdowns } from '../../src/runs/metrics.ts';
import { normalShareBelow, quantile } from '../../src/runs/statistics.ts';
import type { RoundTrip } from '../../src/runs/trades.ts';

const DAY_US = 86_400e6;
const NOTHING = { notional: 0, fees: 0 };

function trip(pnl: number, changes: Partial<RoundTrip> = {}): RoundTrip {
  const names = { strategy: 'a', symbol: 'BTC/USD', side: 'long', entryReason: '', exitReason: '' } as const;
  const money = { size: 1, entryPrice: 100, exitPrice: 100 + pnl, pnl, fees: 0, returnFraction: pnl / 100 };
  return { ...names, ...money, openedUs: 0, closedUs: 10, mae: Number.NaN, mfe: Number.NaN, ...changes };
}

/** One sample at the end of each day, the first at the start of the first. */
function daily(values: readonly number[]): Curve {
  return { timesUs: values.map((_, day) => day * DAY_US - (day === 0 ? 0 : 1)), values };
}

/** From 100, each day's return upon the other. */
function growing(returns: readonly number[]): Curve {
  const values = [100];
  for (const r of returns) values.push(values.at(-1)! * (1 + r));
  return daily(values);
}

/** Thirty-one days of returns: one of +10 %, one of −5 %, the others flat. */
const CURVE = daily([100, 110, 104.5, ...Array.from({ length: 29 }, () => 104.5)]);
const DAYS = 31;
const MEAN = 0.05 / DAYS;
const DEVIATION = Math.sqrt((0.1 ** 2 + 0.05 ** 2 - DAYS * MEAN ** 2) / (DAYS - 1));

describe('figures of a curve', () => {
  const metrics = computeMetrics(CURVE, [], NOTHING);

  test('total return, CAGR and volatility', () => {
    expect(metrics.totalReturn).toBeCloseTo(0.045, 12);
    const days = DAYS - 1 / DAY_US;
    expect(metrics.cagr).toBeCloseTo(1.045 ** (365.25 / days) - 1, 12);
    expect(metrics.volatility).toBeCloseTo(DEVIATION * Math.sqrt(365), 12);
  });

  test('Sharpe, Sortino and Calmar', () => {
    expect(metrics.sharpe).toBeCloseTo((MEAN / DEVIATION) * Math.sqrt(365), 10);
    expect(metrics.sortino).toBeCloseTo((MEAN / Math.sqrt(0.05 ** 2 / DAYS)) * Math.sqrt(365), 10);
    expect(metrics.calmar).toBeCloseTo(metrics.cagr / 0.05, 10);
    expect(computeMetrics(CURVE, [], NOTHING, 252).sharpe).toBeCloseTo(
      (MEAN / DEVIATION) * Math.sqrt(252),
      10,
    );
  });

  test('gains against losses: Omega 2, gain to pain 1, recovery factor 1', () => {
    expect(metrics.omega).toBeCloseTo(2, 10);
    expect(metrics.gainToPain).toBeCloseTo(1, 10);
    expect(metrics.recoveryFactor).toBeCloseTo(1, 10);
  });

  test('tails: value at risk of a normal, what lies below it, and their ratio', () => {
    expect(metrics.valueAtRisk).toBeCloseTo(MEAN - 1.6448536269514722 * DEVIATION, 12);
    expect(metrics.conditionalValueAtRisk).toBeCloseTo(-0.05, 12);
    // Of 31 sorted returns the quantiles 0.05 and 0.95 lie at positions 1.5 and 28.5: both among the zeros.
    expect(metrics.tailRatio).toBeNaN();
    const values = [1, 2, 3, 4];
    expect([quantile(values, 0), quantile(values, 0.5), quantile(values, 0.95)]).toEqual([
      1,
      2.5,
      expect.closeTo(3.85, 12),
    ]);
  });

  test('skew and kurtosis as a spreadsheet gives them', () => {
    // Returns 1, 2, 3, 10 in percent, each on a quarter of 32 days: SKEW and KURT of {1,2,3,10} × 8.
    const steps = Array.from({ length: 32 }, (_, i) => [1.01, 1.02, 1.03, 1.1][i % 4]!);
    const { skew, kurtosis, tailRatio } = computeMetrics(growing(steps.map((step) => step - 1)), [], NOTHING);
    expect(tailRatio).toBeCloseTo(0.1 / 0.01, 8);
    // m₂ = 12.5, m₃ = 45, m₄ = 348.5 by hand; corrected for n = 32.
    const [m2, m3, m4, n] = [12.5, 45, 348.5, 32];
    expect(skew).toBeCloseTo((Math.sqrt(n * (n - 1)) / (n - 2)) * (m3 / m2 ** 1.5), 8);
    const excess = ((n - 1) / ((n - 2) * (n - 3))) * ((n + 1) * (m4 / m2 ** 2) - 3 * (n - 1));
    expect(kurtosis).toBeCloseTo(excess, 8);
  });

  test('stability is one for steady growth, and the Sharpe ratio is then as good as certain', () => {
    const values = Array.from({ length: 40 }, (_, day) => 100 * 1.01 ** day);
    expect(computeMetrics(daily(values), [], NOTHING).stability).toBeCloseTo(1, 10);
    expect(normalShareBelow(0)).toBeCloseTo(0.5, 6);
    expect(normalShareBelow(1.959964)).toBeCloseTo(0.975, 6);
    expect(normalShareBelow(-1.959964)).toBeCloseTo(0.025, 6);
    const up = Array.from({ length: 40 }, (_, day) => 100 * 1.01 ** day * (day % 2 === 0 ? 1 : 1.002));
    expect(computeMetrics(daily(up), [], NOTHING).sharpeProbability).toBeGreaterThan(0.999);
    expect(metrics.sharpeProbability).toBeGreaterThan(0.5);
    expect(metrics.sharpeProbability).toBeLessThan(0.8);
  });

  test('drawdowns: depth, average, duration, time under water, Ulcer index', () => {
    const curve = { timesUs: [0, 1, 2, 3, 4, 5, 6], values: [100, 90, 100, 120, 60, 90, 120] };
    expect(findDrawdowns(curve)).toEqual([
      { depth: expect.closeTo(-0.1, 12), peakUs: 0, troughUs: 1, recoveredUs: 2 },
      { depth: -0.5, peakUs: 3, troughUs: 4, recoveredUs: 6 },
    ]);
    const found = computeMetrics(curve, [], NOTHING);
    expect(found.drawdownMax).toBe(-0.5);
    expect(found.drawdownAverage).toBeCloseTo(-0.3, 12);
    expect(found.drawdownLongestUs).toBe(3);
    expect(found.drawdownAverageUs).toBe(2.5);
    expect(found.underwater).toBeCloseTo(5 / 6, 12);
    expect(found.ulcer).toBeCloseTo(Math.sqrt((0.1 ** 2 + 0.5 ** 2 + 0.25 ** 2) / 6), 12);
    expect(found.worstDrawdowns.map(({ depth }) => depth)).toEqual([-0.5, expect.closeTo(-0.1, 12)]);
  });

  test('a drawdown that is not recovered from ends with the curve; a rising curve has none', () => {
    expect(findDrawdowns({ timesUs: [0, 1, 2], values: [10, 5, 8] })).toEqual([
      { depth: -0.5, peakUs: 0, troughUs: 1, recoveredUs: 2 },
    ]);
    const rising = computeMetrics({ timesUs: [0, 1], values: [1, 2] }, [], NOTHING);
    expect(rising).toMatchObject({ drawdownMax: 0, drawdownAverage: 0, drawdownLongestUs: 0, underwater: 0 });
  });

  test('under thirty days nothing is annualised and no daily figure is given', () => {
    const short = computeMetrics(daily(CURVE.values.slice(0, 30)), [], NOTHING);
    const names = [
      ...([
        'cagr',
        'volatility',
        'sharpe',
        'sharpeProbability',
        'sortino',
        'calmar',
        'recoveryFactor',
      ] as const),
      ...(['omega', 'gainToPain', 'tailRatio', 'valueAtRisk', 'conditionalValueAtRisk'] as const),
      ...(['skew', 'kurtosis', 'stability'] as const),
    ];
    expect(names.filter((name) => !Number.isNaN(short[name]))).toEqual([]);
    expect(short.totalReturn).toBeCloseTo(0.045, 12);
    const none = computeMetrics({ timesUs: [], values: [] }, [], NOTHING);
    expect(none.totalReturn).toBeNaN();
    expect(none.trades).toBe(0);
  });
});

describe('figures of round trips', () => {
  const pnls = [2, -1, -1, 4, 0, 1];
  const trips = pnls.map((pnl, i) => trip(pnl, { openedUs: i * 10, closedUs: i * 10 + 5 }));
  const metrics = computeMetrics({ timesUs: [0, 100], values: [100, 100] }, trips, {
    notional: 250,
    fees: 3,
  });

  test('wins and losses', () => {
    expect(metrics).toMatchObject({ trades: 6, winRate: 0.5, best: 4, worst: -1, fees: 3, turnover: 2.5 });
    expect(metrics.average).toBeCloseTo(5 / 6, 12);
    expect(metrics.expectancy).toBeCloseTo((3 / 6) * (7 / 3) - (2 / 6) * 1, 12);
    expect(metrics.profitFactor).toBeCloseTo(7 / 2, 12);
    expect(metrics.payoff).toBeCloseTo(7 / 3, 12);
    expect(metrics.kelly).toBeCloseTo(0.5 - 0.5 / (7 / 3), 12);
    const squares = pnls.reduce((sum, pnl) => sum + (pnl - 5 / 6) ** 2, 0);
    expect(metrics.sqn).toBeCloseTo((Math.sqrt(6) * (5 / 6)) / Math.sqrt(squares / 5), 12);
  });

  test('streaks, durations, exposure', () => {
    expect(metrics).toMatchObject({ winStreak: 1, lossStreak: 2, averageDurationUs: 5, exposure: 0.3 });
    const overlapping = [trip(1, { openedUs: 0, closedUs: 50 }), trip(1, { openedUs: 20, closedUs: 60 })];
    expect(computeMetrics({ timesUs: [0, 100], values: [1, 1] }, overlapping, NOTHING).exposure).toBe(0.6);
  });

  test('excursions leave out trips without candles', () => {
    const some = [trip(1, { mae: -0.02, mfe: 0.01 }), trip(1, { mae: -0.04, mfe: 0.03 }), trip(1)];
    const { maeAverage, mfeAverage } = computeMetrics({ timesUs: [], values: [] }, some, NOTHING);
    expect([maeAverage, mfeAverage]).toEqual([expect.closeTo(-0.03, 12), expect.closeTo(0.02, 12)]);
  });

  test('without a loss the profit factor is infinite, without a trip there is none', () => {
    expect(computeMetrics(CURVE, [trip(1)], NOTHING).profitFactor).toBe(Number.POSITIVE_INFINITY);
    expect(computeMetrics(CURVE, [], NOTHING).profitFactor).toBeNaN();
  });
});

describe('against a benchmark', () => {
  test('twice its returns and a little more is beta two, correlation one, and the little more a year', () => {
    const market = Array.from({ length: 40 }, (_, day) => (day % 3 === 0 ? 0.02 : -0.005));
    const result = computeAgainst(growing(market.map((r) => 2 * r + 0.001)), growing(market));
    expect(result.beta).toBeCloseTo(2, 10);
    expect(result.correlation).toBeCloseTo(1, 10);
    expect(result.alpha).toBeCloseTo(0.365, 8);
    expect(result.totalReturn).toBeCloseTo(1.02 ** 14 * 0.995 ** 26 - 1, 10);
    expect(computeAgainst(daily([1, 2]), daily([1, 3]))).toMatchObject({ totalReturn: 2, beta: Number.NaN });
  });
});
