// Every figure, with the variant it is and, where it cannot be given, the reason.
import { ANNUALISE_DAYS_MIN, type Metrics } from '../../runs/metrics.ts';
import type { StrategyEvidence } from '../evidence.ts';
import { missing, number, percent, span, whole } from '../format.ts';
import { html, type Markup, tableOf } from '../html.ts';

type Figure = {
  readonly name: string;
  readonly variant: string;
  readonly values: (metrics: Metrics) => readonly number[];
  readonly format: (value: number) => string;
  /** Why a value is missing; undefined when this figure has no reason of its own. */
  readonly reason?: (metrics: Metrics) => string;
};

type Group = { readonly title: string; readonly needsDays: boolean; readonly figures: readonly Figure[] };

const ofTrips = (m: Metrics): string => (m.trades === 0 ? 'no round trip' : 'too few round trips');
const ofLosses = (m: Metrics): string =>
  m.trades === 0 ? 'no round trip' : m.winRate === 0 ? 'no winning trip' : 'no losing trip';
const ofCandles = (m: Metrics): string => (m.trades === 0 ? 'no round trip' : 'no candles');
const ofSamples = (): string => 'one equity sample';

function figure(
  name: string,
  variant: string,
  values: (metrics: Metrics) => number | readonly number[],
  format: (value: number) => string,
  reason?: (metrics: Metrics) => string,
): Figure {
  const list = (metrics: Metrics): readonly number[] => [values(metrics)].flat();
  return { name, variant, values: list, format, ...(reason === undefined ? {} : { reason }) };
}

const small = (value: number): string => percent(value, 3);
const share = (value: number): string => percent(value, 1);
const money = (value: number): string => number(value, 4);

const GROUPS: readonly Group[] = [
  {
    title: 'return and risk',
    needsDays: false,
    figures: [
      figure('total return', 'E_end ÷ E_0 − 1', (m) => m.totalReturn, small),
      figure('max drawdown', 'min(E ÷ running maximum − 1), every sample', (m) => m.drawdownMax, small),
      figure('average drawdown', 'of all, at their deepest', (m) => m.drawdownAverage, small),
      figure(
        'longest / average drawdown',
        'peak to recovery, or to the end',
        (m) => [m.drawdownLongestUs, m.drawdownAverageUs],
        span,
      ),
      figure('time under water', 'share of the run', (m) => m.underwater, share, ofSamples),
      figure('Ulcer index', '√(Σdd² ÷ (n − 1)), every sample', (m) => m.ulcer, small, ofSamples),
      figure('exposure', 'share of time in a round trip', (m) => m.exposure, share, ofSamples),
      figure('turnover', 'traded notional ÷ mean equity', (m) => m.turnover, number),
      figure('fees', 'ledger currency', (m) => m.fees, money),
    ],
  },
  {
    title: 'from daily UTC returns r',
    needsDays: true,
    figures: [
      figure('CAGR', '(E_end ÷ E_0)^(1 ÷ years) − 1, years = days ÷ 365.25', (m) => m.cagr, percent),
      figure('volatility', 'std(r, ddof 1)·√365', (m) => m.volatility, percent),
      figure('Sharpe', 'mean(r) ÷ std(r, ddof 1)·√365, risk-free rate 0', (m) => m.sharpe, number),
      figure(
        'probability of a Sharpe above 0',
        'given length, skew and tails (Bailey, López de Prado 2012)',
        (m) => m.sharpeProbability,
        share,
      ),
      figure('Sortino', 'mean(r) ÷ √(Σmin(r, 0)² ÷ N)·√365, N = all days', (m) => m.sortino, number),
      figure('Calmar', 'CAGR ÷ |max drawdown|', (m) => m.calmar, number),
      figure('recovery factor', '|Σr| ÷ |max drawdown|', (m) => m.recoveryFactor, number),
      figure('Omega', 'Σ gains ÷ Σ losses, threshold 0', (m) => m.omega, number),
      figure('gain to pain', 'Σr ÷ |Σ negative r|', (m) => m.gainToPain, number),
      figure('tail ratio', '|q95 ÷ q05|', (m) => m.tailRatio, number),
      figure('value at risk, 95%', 'mean(r) − 1.645·std(r), were r normal', (m) => m.valueAtRisk, percent),
      figure('CVaR, 95%', 'mean of r below that', (m) => m.conditionalValueAtRisk, percent),
      figure(
        'skew / excess kurtosis',
        'corrected for sample size',
        (m) => [m.skew, m.kurtosis],
        (value) => number(value),
      ),
      figure('stability', 'R² of a line through log equity', (m) => m.stability, number),
    ],
  },
  {
    title: 'round trips, flat to flat, fees deducted',
    needsDays: false,
    figures: [
      figure('round trips', 'closed ones', (m) => m.trades, whole),
      figure('win rate', 'trips with pnl > 0 ÷ all', (m) => m.winRate, share, ofTrips),
      figure('best / worst', 'ledger currency', (m) => [m.best, m.worst], money, ofTrips),
      figure('expectancy', 'mean pnl of a trip', (m) => m.expectancy, money, ofTrips),
      figure('average duration', 'first fill to last', (m) => m.averageDurationUs, span, ofTrips),
      figure('longest streaks', 'wins / losses', (m) => [m.winStreak, m.lossStreak], whole),
      figure(
        'MAE / MFE',
        'mean of worst / best return while open',
        (m) => [m.maeAverage, m.mfeAverage],
        small,
        ofCandles,
      ),
      figure('profit factor', 'gross profit ÷ gross loss, in money', (m) => m.profitFactor, number, ofTrips),
      figure('payoff', 'average win ÷ |average loss|', (m) => m.payoff, number, ofLosses),
      figure('SQN', '√n·mean(pnl) ÷ std(pnl, ddof 1)', (m) => m.sqn, number, ofTrips),
      figure('Kelly', 'W − (1 − W) ÷ R, R the payoff', (m) => m.kelly, share, ofLosses),
    ],
  },
];

/** One column a strategy. Figures that a short run cannot have share one line, which says why. */
export function figureTable(board: readonly StrategyEvidence[], lengthUs: number): Markup {
  const rows: (readonly (string | Markup)[])[] = [];
  const isShort = board.every(({ metrics }) => Number.isNaN(metrics.cagr));
  for (const { title, needsDays, figures } of GROUPS) {
    rows.push([html`<b>${title}</b>`]);
    if (needsDays && isShort) {
      const why = `needs ${ANNUALISE_DAYS_MIN} days of equity, this run lasts ${span(lengthUs)}`;
      rows.push([
        html`<small>${figures.map(({ name }) => name).join(', ')}</small>`,
        ...board.map(() => 'n/a'),
        html`<small>${why}</small>`,
      ]);
      continue;
    }
    for (const one of figures) {
      const cells = board.map(({ metrics }) => cellOf(one, metrics, needsDays));
      rows.push([one.name, ...cells, html`<small>${one.variant}</small>`]);
    }
  }
  return tableOf(['figure', ...board.map(({ id }) => id), 'variant'], rows, 'figures');
}

function cellOf({ values, format, reason }: Figure, metrics: Metrics, needsDays: boolean): string | Markup {
  const list = values(metrics);
  if (!list.some(Number.isNaN)) return list.map((value) => format(value)).join(' / ');
  if (needsDays) {
    const isShort = Number.isNaN(metrics.cagr);
    return missing(isShort ? `under ${ANNUALISE_DAYS_MIN} days` : 'the returns do not vary so');
  }
  return missing(reason?.(metrics) ?? 'no equity');
}
