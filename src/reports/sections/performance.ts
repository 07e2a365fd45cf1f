// What the strategies made of it: equity, drawdown, every figure with its variant, costs.
import { formatTimeUs } from '../../core/time.ts';
import type { Metrics } from '../../runs/metrics.ts';
import { equityCharts, returnCharts } from '../charts/performance.ts';
import type { StrategyEvidence } from '../evidence.ts';
import { html, type Markup, tableOf } from '../html.ts';
import { number, percent, span, whole } from './format.ts';
import type { Section, Subject } from './section.ts';

export function performance({ evidence }: Subject): Section {
  const board = [...evidence.strategies].sort((a, b) => b.metrics.totalReturn - a.metrics.totalReturn);
  return {
    id: 'performance',
    title: 'Performance',
    body: [
      ...equityCharts(evidence),
      ...returnCharts(evidence),
      html`<h3>Figures</h3>`,
      ...figureTable(board),
      ...benchmarkTable(board),
      ...drawdownTable(board),
      html`<h3>Costs, in quote currency</h3>`,
      tableOf(
        ['strategy', 'fees', 'spread and depth', 'price moved on the way', 'together'],
        board.map(({ id, costs: { fees, spread, latency } }) => [
          id,
          ...[fees, spread, latency, fees + spread + latency].map((cost) => number(cost, 4)),
        ]),
      ),
    ],
  };
}

/** Figures on daily returns are named in one line, not shown empty, while the run is too short for them. */
function figureTable(board: readonly StrategyEvidence[]): readonly Markup[] {
  const rows = FIGURES.map(([name, variant, format]) => [
    name,
    ...board.map(({ metrics }) => format(metrics)),
    variant,
  ]);
  const isShort = board.every(({ metrics }) => Number.isNaN(metrics.cagr));
  const needsDays = (row: readonly string[]): boolean => isShort && row.at(-1)?.endsWith(NEEDS_DAYS) === true;
  const left = rows.filter(needsDays).map(([name]) => name);
  return [
    tableOf(
      ['figure', ...board.map(({ id }) => id), 'variant'],
      rows.filter((row) => !needsDays(row)),
    ),
    ...(left.length === 0
      ? []
      : [html`<p>Not given, since they say nothing about a run of under 30 days: ${left.join(', ')}.</p>`]),
  ];
}

function benchmarkTable(board: readonly StrategyEvidence[]): readonly Markup[] {
  const rows = board.flatMap(({ id, hold, metrics }) =>
    hold === undefined
      ? []
      : [
          [
            id,
            hold.symbol,
            percent(metrics.totalReturn, 3),
            percent(hold.against.totalReturn, 3),
            number(hold.against.beta),
            percent(hold.against.alpha),
            number(hold.against.correlation),
            number(hold.against.informationRatio),
          ],
        ],
  );
  if (rows.length === 0) return [];
  return [
    html`<h3>Against buying and holding</h3>`,
    tableOf(
      [
        'strategy',
        'held',
        'own return',
        'held return',
        'beta',
        'alpha, yearly',
        'correlation',
        'information ratio',
      ],
      rows,
    ),
    html`<p>Beta and what follows it compare daily returns and need 30 days.</p>`,
  ];
}

function drawdownTable(board: readonly StrategyEvidence[]): readonly Markup[] {
  const rows = board.flatMap(({ id, metrics }) =>
    metrics.worstDrawdowns.map(({ depth, peakUs, troughUs, recoveredUs }) => [
      id,
      percent(depth, 3),
      formatTimeUs(peakUs).slice(0, 19),
      formatTimeUs(troughUs).slice(0, 19),
      span(recoveredUs - peakUs),
    ]),
  );
  if (rows.length === 0) return [];
  return [
    html`<h3>Worst drawdowns</h3>`,
    tableOf(['strategy', 'depth', 'peak', 'trough', 'until recovered, or the end'], rows),
  ];
}

/** Ends the variant of figures on daily returns. */
const NEEDS_DAYS = '; needs 30 days';

type Figure = readonly [name: string, variant: string, format: (metrics: Metrics) => string];

const FIGURES: readonly Figure[] = [
  ['total return', 'E_end ÷ E_0 − 1', (m) => percent(m.totalReturn, 3)],
  ['CAGR', `years = days ÷ 365.25${NEEDS_DAYS}`, (m) => percent(m.cagr)],
  ['volatility', `daily UTC, ddof 1, √365${NEEDS_DAYS}`, (m) => percent(m.volatility)],
  ['Sharpe', `daily UTC, rf 0, ddof 1, √365${NEEDS_DAYS}`, (m) => number(m.sharpe)],
  ['Sortino', `downside over all periods, √365${NEEDS_DAYS}`, (m) => number(m.sortino)],
  [
    'probability of a Sharpe above 0',
    `given length, skew and tails${NEEDS_DAYS}`,
    (m) => percent(m.sharpeProbability, 1),
  ],
  ['Calmar', `CAGR ÷ |max drawdown|${NEEDS_DAYS}`, (m) => number(m.calmar)],
  ['recovery factor', `|Σr| ÷ |max drawdown|${NEEDS_DAYS}`, (m) => number(m.recoveryFactor)],
  ['Omega', `Σ gains ÷ Σ losses of daily r${NEEDS_DAYS}`, (m) => number(m.omega)],
  ['gain to pain', `Σr ÷ |Σ negative r|${NEEDS_DAYS}`, (m) => number(m.gainToPain)],
  ['tail ratio', `|q95 ÷ q05| of daily r${NEEDS_DAYS}`, (m) => number(m.tailRatio)],
  ['value at risk, 95%', `normal, of daily r${NEEDS_DAYS}`, (m) => percent(m.valueAtRisk)],
  ['CVaR', `mean of daily r below that${NEEDS_DAYS}`, (m) => percent(m.conditionalValueAtRisk)],
  [
    'skew / excess kurtosis',
    `daily r, corrected for sample size${NEEDS_DAYS}`,
    (m) => `${number(m.skew)} / ${number(m.kurtosis)}`,
  ],
  ['stability', `R² of log equity over days${NEEDS_DAYS}`, (m) => number(m.stability)],
  ['max drawdown', 'over every equity sample', (m) => percent(m.drawdownMax, 3)],
  ['average drawdown', 'of all, at their deepest', (m) => percent(m.drawdownAverage, 3)],
  [
    'longest / average drawdown',
    'peak to recovery, or the end',
    (m) => `${span(m.drawdownLongestUs)} / ${span(m.drawdownAverageUs)}`,
  ],
  ['time under water', 'share of the run', (m) => percent(m.underwater, 1)],
  ['Ulcer index', '√(Σdd² ÷ (n−1)), per sample', (m) => percent(m.ulcer, 3)],
  ['round trips', 'flat to flat', (m) => whole(m.trades)],
  ['win rate', 'trips with pnl > 0, fees deducted', (m) => percent(m.winRate, 1)],
  ['best / worst', 'quote currency', (m) => `${number(m.best, 4)} / ${number(m.worst, 4)}`],
  ['expectancy', 'mean pnl of a trip', (m) => number(m.expectancy, 4)],
  ['average duration', 'of a round trip', (m) => span(m.averageDurationUs)],
  ['longest streaks', 'wins / losses', (m) => `${whole(m.winStreak)} / ${whole(m.lossStreak)}`],
  [
    'MAE / MFE',
    'mean of worst / best return while open',
    (m) => `${percent(m.maeAverage, 3)} / ${percent(m.mfeAverage, 3)}`,
  ],
  ['profit factor', 'gross profit ÷ gross loss, money', (m) => number(m.profitFactor)],
  ['payoff', 'average win ÷ average loss', (m) => number(m.payoff)],
  ['SQN', '√n·mean(pnl) ÷ std(pnl)', (m) => number(m.sqn)],
  ['Kelly', 'W − (1−W) ÷ R', (m) => percent(m.kelly, 1)],
  ['exposure', 'share of time in a round trip', (m) => percent(m.exposure, 1)],
  ['turnover', 'traded notional ÷ mean equity', (m) => number(m.turnover)],
  ['fees', 'quote currency', (m) => number(m.fees, 4)],
];
