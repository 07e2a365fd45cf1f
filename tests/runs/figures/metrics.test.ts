// Every figure against a value worked out by hand.
import { describe, expect, test } from 'vitest';
import { figuresJson } from '../../../src/runs/figures/catalogue.ts';
import { type Curve, findDrawdowns } from '../../../src/runs/figures/curve.ts';
import { computeAgainst, computeMetrics } from '../../../src/runs/figures/metrics.ts';
import { normalShareBelow, quantile } from '../../../src/runs/figures/statistics.ts';
import type { RoundTrip } from '../../../src/runs/figures/trips.ts';

const DAY_US = 86_400e6;
const NOTHING = { notional: 0, fees: 0, held: [] };

function trip(pnl: number, changes: Partial<RoundTrip> = {}): RoundTrip {
  const names = { strategy: 'a', symbol: 'BTC/USD', side: 'long', entryReason: '', exitReason: '' } as const;
  const money = { size: 1, entryPrice: 100, exitPrice: 100 + pnl, pnl, fees: 0, returnFraction: pnl / 100 };
  const open = { isOpen: false, unrealized: 0, rate: 1 };
  return {
    ...names,
    ...money,
    ...open,
    openedUs: 0,
    closedUs: 10,
    mae: Number.NaN,
    mfe: Number.NaN,
    ...changes,
  };
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
  });

  test('a year of 252 days has returns of weekdays only: a weekend counts to its Monday', () => {
    // Day 0 is a Thursday. Each day gains 1 %, so a Monday, with its weekend, gains 1.01³ − 1.
    const curve = growing(Array.from({ length: 40 }, () => 0.01));
    const weekdays = Array.from({ length: 40 }, (_, day) => (day + 3) % 7).filter((day) => day < 5);
    const r = weekdays.map((day, i) => (day === 0 && i > 0 ? 1.01 ** 3 - 1 : 0.01));
    const mean = r.reduce((sum, value) => sum + value, 0) / r.length;
    const squares = r.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    const deviation = Math.sqrt(squares / (r.length - 1));
    const { sharpe, volatility } = computeMetrics(curve, [], NOTHING, 'weekdays');
    expect(volatility).toBeCloseTo(deviation * Math.sqrt(252), 10);
    expect(sharpe).toBeCloseTo((mean / deviation) * Math.sqrt(252), 8);
  });

  test('gains against losses: Omega 2, gain to pain 1, recovery factor 1', () => {
    expect(metrics.omega).toBeCloseTo(2, 10);
    expect(metrics.gainToPain).toBeCloseTo(1, 10);
    expect(metrics.recoveryFactor).toBeCloseTo(1, 10);
  });

  test('tails: value at risk of a normal, what lies below it, and their ratio', () => {
    expect(metrics.valueAtRisk).toBeCloseTo(MEAN - 1.6448536269514722 * DEVIATION, 12);
    expect(metrics.conditionalValueAtRisk).toBeCloseTo(MEAN - 2.0627128075074275 * DEVIATION, 12);
    // 31 sorted returns: the 5 % quantile lies halfway between the second and the third, which are 0.
    expect([metrics.valueAtRiskHistorical, metrics.conditionalValueAtRiskHistorical]).toEqual([
      0,
      expect.closeTo(-0.05 / 30, 12),
    ]);
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
    // Each sample's drawdown lasts to the next: weighted by time, samples that only repeat a value change nothing.
    expect(found.ulcer).toBeCloseTo(Math.sqrt((0.1 ** 2 + 0.5 ** 2 + 0.25 ** 2) / 6), 12);
    const often = {
      timesUs: [0, 1, 1.25, 1.5, 2, 3, 4, 5, 6],
      values: [100, 90, 90, 90, 100, 120, 60, 90, 120],
    };
    expect(computeMetrics(often, [], NOTHING).ulcer).toBeCloseTo(found.ulcer, 12);
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
    held: [50, 50],
  });

  test('wins and losses', () => {
    expect(metrics).toMatchObject({ trades: 6, winRate: 0.5, best: 4, worst: -1, fees: 3, turnover: 2.5 });
    expect(metrics.expectancy).toBeCloseTo((3 / 6) * (7 / 3) - (2 / 6) * 1, 12);
    expect(metrics.profitFactor).toBeCloseTo(7 / 2, 12);
    expect(metrics.payoff).toBeCloseTo(7 / 3, 12);
    expect(metrics.kelly).toBeCloseTo(0.5 - 0.5 / (7 / 3), 12);
    const squares = pnls.reduce((sum, pnl) => sum + (pnl - 5 / 6) ** 2, 0);
    expect(metrics.sqn).toBeCloseTo((Math.sqrt(6) * (5 / 6)) / Math.sqrt(squares / 5), 12);
  });

  test('streaks, durations, exposure', () => {
    expect(metrics).toMatchObject({ winStreak: 1, lossStreak: 2, averageDurationUs: 5 });
    expect(metrics).toMatchObject({ timeInMarket: 0.3, exposure: 0.5 });
    const overlapping = [trip(1, { openedUs: 0, closedUs: 50 }), trip(1, { openedUs: 20, closedUs: 60 })];
    expect(computeMetrics({ timesUs: [0, 100], values: [1, 1] }, overlapping, NOTHING).timeInMarket).toBe(
      0.6,
    );
  });

  test('excursions leave out trips of which nothing is known', () => {
    const some = [trip(1, { mae: -0.02, mfe: 0.01 }), trip(1, { mae: -0.04, mfe: 0.03 }), trip(1)];
    const { maeAverage, mfeAverage } = computeMetrics({ timesUs: [], values: [] }, some, NOTHING);
    expect([maeAverage, mfeAverage]).toEqual([expect.closeTo(-0.03, 12), expect.closeTo(0.02, 12)]);
  });

  test('without a loss the profit factor is infinite, without a trip there is none', () => {
    expect(computeMetrics(CURVE, [trip(1)], NOTHING).profitFactor).toBe(Number.POSITIVE_INFINITY);
    expect(computeMetrics(CURVE, [], NOTHING).profitFactor).toBeNaN();
  });
});

describe('what is still open, short or lost', () => {
  test('an open trip is a trip, lasts to the end of the curve, and is won or lost at its mark price', () => {
    const open = trip(-3, { openedUs: 60, closedUs: 60, isOpen: true, unrealized: -2.5 });
    const metrics = computeMetrics({ timesUs: [0, 100], values: [100, 98] }, [trip(1), open], NOTHING);
    expect(metrics).toMatchObject({
      trades: 2,
      openTrades: 1,
      unrealized: -2.5,
      winRate: 0.5,
      timeInMarket: 0.5,
    });
  });

  test('money of trips in another currency counts at their rates', () => {
    const trips = [trip(2, { rate: 1.5 }), trip(-1, { isOpen: true, unrealized: -1, rate: 2 })];
    const metrics = computeMetrics({ timesUs: [0, 100], values: [100, 101] }, trips, NOTHING);
    expect(metrics).toMatchObject({ best: 3, worst: -2, expectancy: 0.5, profitFactor: 1.5, unrealized: -2 });
  });

  test('a short run has figures by the hour and by the trip, none of them annualised', () => {
    const HOUR_US = 3_600e6;
    const curve = {
      timesUs: [0, 1, 2, 3, 4].map((hour) => hour * HOUR_US),
      values: [100, 110, 99, 99, 108.9],
    };
    const metrics = computeMetrics(curve, [trip(1), trip(3)], NOTHING);
    expect(metrics.profitPerHour).toBeCloseTo(8.9 / 4, 12);
    expect(metrics.returnPerHour).toBeCloseTo(0.089 / 4, 12);
    const r = [0.1, -0.1, 0, 0.1];
    const squares = r.reduce((sum, value) => sum + (value - 0.025) ** 2, 0);
    expect(metrics.volatilityHourly).toBeCloseTo(Math.sqrt(squares / 3), 12);
    expect(metrics.tripReturn).toBeCloseTo(0.02, 12);
    expect(metrics.tripSharpe).toBeCloseTo(0.02 / Math.sqrt(2 * 0.01 ** 2), 10);
    expect(metrics).toMatchObject({ wholeDays: 0, partialDays: 1, sharpe: Number.NaN, cagr: Number.NaN });
  });

  test('days that the run only touches are told from whole ones', () => {
    const HOUR_US = 3_600e6;
    const { wholeDays, partialDays } = computeMetrics(
      { timesUs: [20 * HOUR_US, 3 * DAY_US + HOUR_US], values: [1, 1] },
      [],
      NOTHING,
    );
    expect([wholeDays, partialDays]).toEqual([2, 2]);
    expect(computeMetrics(daily([1, 1, 1]), [], NOTHING)).toMatchObject({ wholeDays: 2, partialDays: 0 });
  });

  test('nothing is computed through an equity of 0 or less', () => {
    const values = Array.from({ length: 40 }, (_, day) => 1000 - 30 * day);
    const metrics = computeMetrics(daily(values), [trip(-1170)], NOTHING);
    expect(metrics.bankruptUs).toBe(34 * DAY_US - 1);
    expect(metrics).toMatchObject({
      startEquity: 1000,
      endEquity: -170,
      profit: -1170,
      trades: 1,
      worst: -1170,
    });
    const ratios = figuresJson(metrics);
    for (const name of ['totalReturn', 'drawdownMax', 'sharpe', 'cagr', 'ulcer', 'exposure', 'turnover']) {
      expect(ratios[name], name).toMatchObject({
        value: null,
        reason: 'bankrupt at 1970-02-03T23:59:59.999999Z',
      });
    }
  });

  test('a losing run has a negative recovery factor', () => {
    const down = computeMetrics(growing(Array.from({ length: 31 }, () => -0.01)), [], NOTHING);
    expect(down.recoveryFactor).toBeCloseTo((-0.01 * 31) / (1 - 0.99 ** 31), 10);
  });

  test('machines get every figure with its unit, absent ones with their reason, infinite ones as a text', () => {
    const figures = figuresJson(
      computeMetrics({ timesUs: [0, 100], values: [100, 101] }, [trip(1)], NOTHING),
    );
    expect(figures.totalReturn).toEqual({ value: expect.closeTo(0.01, 12), unit: 'share' });
    expect(figures.sharpe).toEqual({ value: null, unit: 'ratio', reason: 'under 30 days' });
    expect(figures.profitFactor).toEqual({ value: 'Infinity', unit: 'ratio' });
    expect(figures.payoff).toMatchObject({ value: null, reason: 'no losing trip' });
    expect(figuresJson(computeMetrics({ timesUs: [], values: [] }, [], NOTHING)).totalReturn).toMatchObject({
      value: null,
      reason: 'no equity was sampled',
    });
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
