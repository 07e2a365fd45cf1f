// What the strategies made of it: equity, drawdown, every figure with its variant, costs.

import { DAYS_PER_YEAR } from '../../runs/figures/curve.ts';
import type { StrategyFigures } from '../../runs/figures/figures.ts';
import { COST_PARTS, costChart } from '../charts/costs.ts';
import { byReturn, equityChart } from '../charts/performance.ts';
import type { RunEvidence, StrategyEvidence } from '../evidence.ts';
import { at, missing, number, percent, span, whole } from '../format.ts';
import { html, type Markup, tableOf } from '../html.ts';
import { figureTable } from './figures.ts';
import { LONG_DAYS_MIN, longRun } from './long.ts';
import type { Section, Subject } from './section.ts';

const DAY_US = 86_400e6;

export function performance({ evidence }: Subject): Section | undefined {
  const board = [...evidence.strategies].sort(byReturn);
  if (board.length === 0) return undefined;
  const lengthUs = evidence.span.toUs - evidence.span.fromUs;
  const equity = equityChart(evidence);
  const costs = costChart(board);
  const isLong = lengthUs >= LONG_DAYS_MIN * DAY_US;
  return {
    id: 'performance',
    title: 'Performance',
    body: [
      ...bankruptcies(board),
      ...leaderboard(board, evidence.total),
      ...(equity === undefined ? [html`<p>No equity was sampled.</p>`] : [equity]),
      ...(isLong ? longRun(evidence) : []),
      html`<h3>Figures</h3>`,
      figureTable(evidence.total === undefined ? board : [evidence.total, ...board], lengthUs),
      ...(isLong
        ? []
        : [
            html`<p class="note">Months, rolling figures and the distribution of daily returns are left out: they need ${LONG_DAYS_MIN} days, this run lasts ${span(lengthUs)}.</p>`,
          ]),
      ...benchmarkTable(board, evidence),
      ...drawdownTable(board, evidence.span.toUs),
      ...(costs === undefined ? [html`<h3>Costs</h3><p>Nothing was traded.</p>`] : [costs, costTable(board)]),
    ],
  };
}

function bankruptcies(board: readonly StrategyEvidence[]): readonly Markup[] {
  return board.flatMap(({ id, metrics: { bankruptUs, profit }, currency }) =>
    Number.isNaN(bankruptUs)
      ? []
      : [
          html`<p class="bad">${id} was bankrupt at ${at(bankruptUs)}: its equity was 0 or less. Its profit is ${number(profit)} ${currency}; no return, risk or drawdown is computed through that.</p>`,
        ],
  );
}

function leaderboard(
  board: readonly StrategyEvidence[],
  total: StrategyFigures | undefined,
): readonly Markup[] {
  if (board.length < 2) return [];
  const together = total === undefined ? [] : [['', ...leaderRow(total, undefined)]];
  const rows = board.map((strategy, rank) => [String(rank + 1), ...leaderRow(strategy, strategy.hold)]);
  const header = [
    ...['', 'strategy', 'equity', 'return', 'over holding', 'max drawdown'],
    ...['round trips', 'win rate', 'profit factor'],
  ];
  return [tableOf(header, [...rows, ...together])];
}

function leaderRow(
  { id, currency, metrics }: StrategyFigures,
  hold: StrategyEvidence['hold'],
): readonly string[] {
  return [
    id,
    `${number(metrics.endEquity)} ${currency}`,
    percent(metrics.totalReturn, 3),
    hold === undefined ? '–' : percent(metrics.totalReturn - hold.against.totalReturn, 3),
    percent(metrics.drawdownMax, 3),
    whole(metrics.trades),
    metrics.trades === 0 ? '–' : percent(metrics.winRate, 1),
    metrics.trades === 0 ? '–' : number(metrics.profitFactor),
  ];
}

function benchmarkTable(
  board: readonly StrategyEvidence[],
  evidence: Pick<RunEvidence, 'calendar'>,
): readonly Markup[] {
  const rows = board.flatMap(({ id, hold, metrics }) => {
    if (hold === undefined) return [];
    const { totalReturn, beta, alpha, correlation, informationRatio } = hold.against;
    const [returns, ratios] = [
      [percent(metrics.totalReturn, 3), percent(totalReturn, 3)],
      [number(beta), percent(alpha), number(correlation), number(informationRatio)],
    ];
    return [[id, hold.symbol, ...returns, ...ratios]];
  });
  if (rows.length === 0) return [];
  const header = [
    ...['strategy', 'held', 'own return', 'return of holding'],
    ...['beta', 'alpha, yearly', 'correlation', 'information ratio'],
  ];
  return [
    html`<h3>Against buying and holding</h3>`,
    tableOf(header, rows),
    html`<p class="note">Held: the strategy’s first symbol, from the open of its first candle. beta = cov(r, b) ÷ var(b), alpha = (mean(r) − beta·mean(b))·P, information ratio = mean(r − b) ÷ std(r − b)·√P, P = ${DAYS_PER_YEAR[evidence.calendar]}, on daily returns; n/a under 30 days.</p>`,
  ];
}

function drawdownTable(board: readonly StrategyEvidence[], endUs: number): readonly Markup[] {
  const rows = board.flatMap(({ id, metrics, equity }) =>
    metrics.worstDrawdowns.map(({ depth, peakUs, troughUs, recoveredUs }) => {
      const isOpen = recoveredUs >= (equity.timesUs.at(-1) ?? endUs) && !isRecovered(equity.values);
      return [
        ...[id, percent(depth, 3), at(peakUs), at(troughUs), span(recoveredUs - peakUs)],
        isOpen ? missing('not until the end') : at(recoveredUs),
      ];
    }),
  );
  if (rows.length === 0) return [];
  return [
    html`<h3>Worst drawdowns</h3>`,
    tableOf(['strategy', 'depth', 'peak', 'trough', 'lasted', 'recovered'], rows),
  ];
}

/** Whether a curve ends at its maximum. */
function isRecovered(values: readonly number[]): boolean {
  let peak = Number.NEGATIVE_INFINITY;
  for (const value of values) peak = Math.max(peak, value);
  return values.at(-1) === peak;
}

function costTable(board: readonly StrategyEvidence[]): Markup {
  const traded = board.filter(({ costs }) => costs.notional > 0);
  return tableOf(
    ['strategy', 'traded', ...COST_PARTS, 'together', 'of what was traded'],
    traded.map(({ id, currency, costs: { notional, fees, spread, latency } }) => [
      id,
      `${number(notional)} ${currency}`,
      ...[fees, spread, latency, fees + spread + latency].map((cost) => number(cost, 4)),
      `${number(((fees + spread + latency) / notional) * 1e4)} bps`,
    ]),
  );
}
