// Every figure by name: what it means, in which unit it is, and why it may be missing. Whoever shows figures, a page, a
// terminal or a machine, takes them from here, so that they are called alike and say the same reasons.
import { formatTimeUs } from '../../core/time.ts';
import { ANNUALISE_DAYS_MIN, type Metrics } from './metrics.ts';

/** `share` is a fraction of 1, `money` in the ledger's currency, `time` a length in µs, `ratio` has no unit. */
export type Unit = 'share' | 'money' | 'time' | 'ratio' | 'count';

export type FigureKey = { [K in keyof Metrics]: Metrics[K] extends number ? K : never }[keyof Metrics];

export type FigureEntry = {
  readonly key: FigureKey;
  readonly name: string;
  readonly unit: Unit;
  /** The formula, where tools disagree. */
  readonly variant: string;
};

export type FigureGroup = {
  readonly title: string;
  /** Built on daily returns: missing in short runs. */
  readonly needsDays: boolean;
  readonly figures: readonly FigureEntry[];
};

const f = (key: FigureKey, name: string, unit: Unit, variant: string): FigureEntry => ({
  key,
  name,
  unit,
  variant,
});

export const FIGURE_GROUPS: readonly FigureGroup[] = [
  {
    title: 'return and risk',
    needsDays: false,
    figures: [
      f('startEquity', 'start equity', 'money', 'the capital'),
      f('endEquity', 'end equity', 'money', 'cash and positions at their mark prices'),
      f('profit', 'profit', 'money', 'E_end − E_0'),
      f('totalReturn', 'total return', 'share', 'E_end ÷ E_0 − 1'),
      f('drawdownMax', 'max drawdown', 'share', 'min(E ÷ running maximum − 1), every sample'),
      f('drawdownAverage', 'average drawdown', 'share', 'of all, at their deepest'),
      f('drawdownLongestUs', 'longest drawdown', 'time', 'peak to recovery, or to the end'),
      f('drawdownAverageUs', 'average drawdown, length', 'time', 'peak to recovery, or to the end'),
      f('underwater', 'time under water', 'share', 'share of the run below its highest equity'),
      f('ulcer', 'Ulcer index', 'share', '√(∫dd² dt ÷ span), weighted by time'),
      f('timeInMarket', 'time in market', 'share', 'share of time with a position, open ones included'),
      f('exposure', 'exposure', 'share', 'mean over time of |worth of positions| ÷ equity'),
      f('turnover', 'turnover', 'ratio', 'traded notional ÷ mean equity over time'),
      f('fees', 'fees', 'money', 'paid, rebates deducted'),
      f('wholeDays', 'whole days', 'count', 'UTC days the run covers from midnight to midnight'),
      f('partialDays', 'days in part', 'count', 'UTC days it only touches; their returns count as they are'),
    ],
  },
  {
    title: 'short run, not annualised',
    needsDays: false,
    figures: [
      f('profitPerHour', 'profit per hour', 'money', 'profit ÷ hours'),
      f('returnPerHour', 'return per hour', 'share', 'total return ÷ hours'),
      f('volatilityHourly', 'volatility per hour', 'share', 'std of returns between whole UTC hours, ddof 1'),
      f('tripReturn', 'return per trip', 'share', 'mean of pnl ÷ entry notional'),
      f('tripSharpe', 'Sharpe per trip', 'ratio', 'mean ÷ std (ddof 1) of returns per trip'),
    ],
  },
  {
    title:
      'from daily UTC returns r, annualised by P: 365 days a year, or 252 weekdays where the run file says so',
    needsDays: true,
    figures: [
      f('cagr', 'CAGR', 'share', '(E_end ÷ E_0)^(1 ÷ years) − 1, years = days ÷ 365.25'),
      f('volatility', 'volatility', 'share', 'std(r, ddof 1)·√P'),
      f('sharpe', 'Sharpe', 'ratio', 'mean(r) ÷ std(r, ddof 1)·√P, risk-free rate 0'),
      f(
        'sharpeProbability',
        'probability of a Sharpe above 0',
        'share',
        'given length, skew and tails (Bailey, López de Prado 2012)',
      ),
      f('sortino', 'Sortino', 'ratio', 'mean(r) ÷ √(Σmin(r, 0)² ÷ N)·√P, N = all days'),
      f('calmar', 'Calmar', 'ratio', 'CAGR ÷ |max drawdown|'),
      f('recoveryFactor', 'recovery factor', 'ratio', 'Σr ÷ |max drawdown|, with the sign of Σr'),
      f('omega', 'Omega', 'ratio', 'Σ gains ÷ Σ losses, threshold 0'),
      f('gainToPain', 'gain to pain', 'ratio', 'Σr ÷ |Σ negative r|'),
      f('tailRatio', 'tail ratio', 'ratio', '|q95 ÷ q05|'),
      f('valueAtRisk', 'value at risk 95%, normal', 'share', 'mean(r) − 1.645·std(r)'),
      f('conditionalValueAtRisk', 'CVaR 95%, normal', 'share', 'mean(r) − 2.063·std(r)'),
      f('valueAtRiskHistorical', 'value at risk 95%, historical', 'share', 'q05 of r'),
      f('conditionalValueAtRiskHistorical', 'CVaR 95%, historical', 'share', 'mean of r at or below q05'),
      f('skew', 'skew', 'ratio', 'corrected for sample size'),
      f('kurtosis', 'excess kurtosis', 'ratio', 'corrected for sample size'),
      f('stability', 'stability', 'ratio', 'R² of a line through log equity'),
    ],
  },
  {
    title: 'round trips, flat to flat, fees deducted; open ones at their mark price',
    needsDays: false,
    figures: [
      f('trades', 'round trips', 'count', 'closed and open'),
      f('openTrades', 'still open', 'count', 'of them, at the end of the run'),
      f('unrealized', 'unrealised', 'money', 'profit or loss of what is open, fees not counted'),
      f('winRate', 'win rate', 'share', 'trips with pnl > 0 ÷ all'),
      f('best', 'best trip', 'money', 'largest pnl'),
      f('worst', 'worst trip', 'money', 'smallest pnl'),
      f('expectancy', 'expectancy', 'money', 'mean pnl of a trip'),
      f('averageDurationUs', 'average duration', 'time', 'first fill to last, or to the end'),
      f('winStreak', 'longest winning streak', 'count', 'in the order of closing'),
      f('lossStreak', 'longest losing streak', 'count', 'in the order of closing'),
      f('maeAverage', 'MAE', 'share', 'mean of the worst return while open, by the prices seen then'),
      f('mfeAverage', 'MFE', 'share', 'mean of the best return while open'),
      f('profitFactor', 'profit factor', 'ratio', 'gross profit ÷ gross loss, in money'),
      f('payoff', 'payoff', 'ratio', 'average win ÷ |average loss|'),
      f('sqn', 'SQN', 'ratio', '√n·mean(pnl) ÷ std(pnl, ddof 1)'),
      f('kelly', 'Kelly', 'share', 'W − (1 − W) ÷ R, R the payoff'),
    ],
  },
];

const OF_TRIPS: ReadonlySet<FigureKey> = new Set(FIGURE_GROUPS[3]!.figures.map(({ key }) => key));
const OF_DAYS: ReadonlySet<FigureKey> = new Set(FIGURE_GROUPS[2]!.figures.map(({ key }) => key));
const OF_RETURNS_OF_TRIPS: ReadonlySet<FigureKey> = new Set(['tripReturn', 'tripSharpe']);
const OF_WINS_AND_LOSSES: ReadonlySet<FigureKey> = new Set(['payoff', 'kelly']);

/** Why a figure is not a number; it is asked only then. */
export function whyMissing(key: FigureKey, metrics: Metrics): string {
  if (Number.isNaN(metrics.startEquity)) return 'no equity was sampled';
  if (OF_TRIPS.has(key) || OF_RETURNS_OF_TRIPS.has(key)) return whyTripless(key, metrics);
  if (!Number.isNaN(metrics.bankruptUs)) return `bankrupt at ${formatTimeUs(metrics.bankruptUs)}`;
  if (OF_DAYS.has(key)) {
    const isShort =
      metrics.wholeDays + metrics.partialDays < ANNUALISE_DAYS_MIN || Number.isNaN(metrics.cagr);
    return isShort ? `under ${ANNUALISE_DAYS_MIN} days` : 'the returns do not vary so';
  }
  if (key === 'profitPerHour' || key === 'returnPerHour') return 'under one hour';
  if (key === 'volatilityHourly') return 'under three whole hours';
  return 'the run has no length';
}

function whyTripless(key: FigureKey, { trades, winRate }: Metrics): string {
  if (trades === 0) return 'no round trip';
  if (key === 'maeAverage' || key === 'mfeAverage') return 'the log does not say';
  if (OF_WINS_AND_LOSSES.has(key)) return winRate === 0 ? 'no winning trip' : 'no losing trip';
  if (key === 'profitFactor') return 'no trip won or lost';
  return 'too few round trips';
}

/** A figure for machines: absent values say why, infinite ones are texts, since JSON knows neither. */
export type FigureValue = {
  readonly value: number | 'Infinity' | null;
  readonly unit: Unit;
  readonly reason?: string;
};

export function figuresJson(metrics: Metrics): Readonly<Record<string, FigureValue>> {
  const figures = FIGURE_GROUPS.flatMap((group) => group.figures);
  return Object.fromEntries(
    figures.map(({ key, unit }): readonly [string, FigureValue] => {
      const value = metrics[key];
      if (Number.isNaN(value)) return [key, { value: null, unit, reason: whyMissing(key, metrics) }];
      return [key, { value: Number.isFinite(value) ? value : 'Infinity', unit }];
    }),
  );
}
