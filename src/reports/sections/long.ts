// What only a long run can show: months and years, figures over a moving window, the spread of daily returns.

import { formatDay } from '../../core/time.ts';
import { type Calendar, type Curve, DAYS_PER_YEAR, hasReturn } from '../../runs/figures/curve.ts';
import { mean, sampleCovariance, sampleDeviation } from '../../runs/figures/statistics.ts';
import type { Chart, Row } from '../charts/chart.ts';
import { ms } from '../charts/chart.ts';
import { byReturn, distributionChart, rollingChart } from '../charts/performance.ts';
import { dailyOf, type RunEvidence, type StrategyEvidence } from '../evidence.ts';
import { percent } from '../format.ts';
import { html, type Markup, tableOf } from '../html.ts';
import { Thinned } from '../reduce.ts';

/** Shorter runs have too few months and windows to say anything by them. */
export const LONG_DAYS_MIN = 60;
const WINDOW_DAYS = 30;
const DAY_US = 86_400e6;
/** More strategies than this make tables and lines that nobody reads. */
const STRATEGIES_MAX = 6;

export function longRun(evidence: RunEvidence): readonly (Markup | Chart)[] {
  // Nothing is computed through an equity of 0 or less.
  const sound = evidence.strategies.filter(({ metrics }) => Number.isNaN(metrics.bankruptUs));
  const board = [...sound].sort(byReturn).slice(0, STRATEGIES_MAX);
  const { calendar } = evidence;
  const returns = board.map((strategy) => ({ strategy, days: everyDay(strategy.equity, calendar) }));
  const daily = returns.flatMap(({ strategy, days }) => returnsOf(days).map((r) => ({ s: strategy.id, r })));
  return [
    ...board.flatMap(monthTable),
    rolling(evidence, returns),
    ...(daily.length === 0 ? [] : [distributionChart(daily)]),
  ];
}

/** Returns by month, a line a year, and the year's own. Those that the run does not cover wholly are marked. */
function monthTable({ id, equity }: StrategyEvidence): readonly Markup[] {
  const { timesUs, values } = dailyOf(equity);
  if (values.length === 0) return [];
  const ends = new Map<string, number>();
  timesUs.forEach((timeUs, i) => {
    const day = formatDay(timeUs);
    ends.set(day.slice(0, 7), values[i]!).set(day.slice(0, 4), values[i]!);
  });
  const growth = new Map<string, number>();
  const before = { month: values[0]!, year: values[0]! };
  for (const [name, end] of ends) {
    const unit = name.length === 4 ? 'year' : 'month';
    growth.set(name, end / before[unit] - 1);
    before[unit] = end;
  }
  const partial = partialPeriods(timesUs[0]!, timesUs.at(-1)!);
  const largest = Math.max(...[...growth.values()].map(Math.abs), Number.MIN_VALUE);
  const cell = (name: string) => shaded(growth.get(name), { largest, isPartial: partial.has(name) });
  const years = [...growth.keys()].filter((name) => name.length === 4).sort();
  const rows = years.map((year) => [
    year,
    ...MONTHS.map((_, month) => cell(`${year}-${String(month + 1).padStart(2, '0')}`)),
    cell(year),
  ]);
  return [
    html`<h3>Returns by month: ${id}</h3>`,
    tableOf(['', ...MONTHS, 'year'], rows, 'heat'),
    html`<p class="note">* the run covers only a part of it</p>`,
  ];
}

/** The months and years in which a run begins after their first instant, or ends before their last day is over. */
function partialPeriods(firstUs: number, lastUs: number): ReadonlySet<string> {
  const partial = new Set<string>();
  for (const digits of [4, 7]) {
    const nameOf = (timeUs: number): string => formatDay(timeUs).slice(0, digits);
    if (nameOf(firstUs) === nameOf(firstUs - 1)) partial.add(nameOf(firstUs));
    // A last sample in a day's last second stands for its end.
    if (nameOf(lastUs) === nameOf(lastUs + 1e6)) partial.add(nameOf(lastUs));
  }
  return partial;
}

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

/** The stronger the colour, the larger the return. */
function shaded(
  value: number | undefined,
  { largest, isPartial }: { readonly largest: number; readonly isPartial: boolean },
): Markup | string {
  if (value === undefined) return '';
  const weight = Math.round((Math.abs(value) / largest) * 55);
  const colour = value >= 0 ? 'var(--up)' : 'var(--down)';
  return html`<span style="background:color-mix(in srgb, ${colour} ${weight}%, transparent)">${percent(value, 1)}${isPartial ? '*' : ''}</span>`;
}

type Days = { readonly strategy: StrategyEvidence; readonly days: Curve };

function rolling({ span, calendar }: RunEvidence, all: readonly Days[]): Chart {
  const year = Math.sqrt(DAYS_PER_YEAR[calendar]);
  const panels = [
    { name: 'Sharpe', format: '.1f', of: (r: readonly number[]) => (mean(r) / sampleDeviation(r)) * year },
    {
      name: 'volatility',
      format: '.0%',
      of: (r: readonly number[]) => sampleDeviation(r) * year,
    },
    { name: 'beta', format: '.2~f', of: beta },
  ];
  return rollingChart(
    panels.map(({ name, format, of }) => ({
      name,
      format,
      rows: all.flatMap(({ strategy, days }): readonly Row[] => {
        const r = returnsOf(days);
        const b = strategy.hold === undefined ? [] : returnsOf(alignedTo(days, strategy.hold.curve));
        const thinned = new Thinned(span);
        for (let end = WINDOW_DAYS; end <= r.length; end++) {
          const window = [end - WINDOW_DAYS, end] as const;
          thinned.push(days.timesUs[end]!, of(r.slice(...window), b.slice(...window)));
        }
        const { timesUs, values } = thinned.points();
        return timesUs.map((timeUs, i) => ({ t: ms(timeUs), v: values[i]!, s: strategy.id }));
      }),
    })),
    WINDOW_DAYS,
  );
}

function beta(r: readonly number[], b: readonly number[]): number {
  return b.length === r.length ? sampleCovariance(r, b) / sampleCovariance(b, b) : Number.NaN;
}

/** A value for the end of each UTC day that has a return, days without a sample carrying the one before; the start first. */
function everyDay(curve: Curve, calendar: Calendar): Curve {
  const { timesUs, values } = dailyOf(curve);
  const days = { timesUs: [] as number[], values: [] as number[] };
  timesUs.forEach((timeUs, i) => {
    while (i > 0 && dayOf(timeUs) - dayOf(days.timesUs.at(-1)!) > 1) {
      days.timesUs.push(days.timesUs.at(-1)! + DAY_US);
      days.values.push(days.values.at(-1)!);
    }
    days.timesUs.push(timeUs);
    days.values.push(values[i]!);
  });
  const last = days.timesUs.length - 1;
  const kept = days.timesUs.flatMap((timeUs, i) =>
    i === 0 || i === last || hasReturn(dayOf(timeUs), calendar) ? [i] : [],
  );
  return { timesUs: kept.map((i) => days.timesUs[i]!), values: kept.map((i) => days.values[i]!) };
}

/** Of another curve, the last value at or before each time. */
function alignedTo({ timesUs }: Curve, other: Curve): Curve {
  let j = 0;
  const values = timesUs.map((timeUs) => {
    while (j + 1 < other.timesUs.length && other.timesUs[j + 1]! <= timeUs) j += 1;
    return other.values[j] ?? Number.NaN;
  });
  return { timesUs, values };
}

function dayOf(timeUs: number): number {
  return Math.floor(timeUs / DAY_US);
}

function returnsOf({ values }: Curve): readonly number[] {
  return values.slice(1).map((value, i) => value / values[i]! - 1);
}
