// Equity, drawdown and returns by month.
import type { TopLevelSpec } from 'vega-lite';
import { formatTimeUs } from '../../core/time.ts';
import type { RunEvidence, Series } from '../evidence.ts';
import { reduceSeries } from '../reduce.ts';
import { type Chart, chart, points, type Row, TIME_AXIS, ZOOM } from './chart.ts';

/** Equity beside buying and holding, and what is below the highest it has been. */
export function equityCharts({ strategies }: RunEvidence): readonly Chart[] {
  const curves = strategies.filter(({ equity }) => equity.values.length > 1);
  if (curves.length === 0) return [];
  const index = ({ timesUs, values }: Series, name: string): readonly Row[] => {
    const first = values[0] ?? 1;
    return points(reduceSeries({ timesUs, values })).map(([t, value]) => ({
      t,
      s: name,
      v: (value / first) * 100,
    }));
  };
  const holds = new Map(
    curves.flatMap(({ hold }) => (hold === undefined ? [] : [[hold.symbol, hold.equity] as const])),
  );
  const own = curves.flatMap(({ id, equity }) => index(equity, id));
  const held = [...holds].flatMap(([symbol, equity]) => index(equity, `hold ${symbol}`));
  const under = curves.flatMap(({ id, equity }) =>
    points(reduceSeries(drawdownOf(equity))).map(([t, v]) => ({ t, s: id, v })),
  );
  const colour = { field: 's', type: 'nominal', sort: null };
  const y = { field: 'v', type: 'quantitative', scale: { zero: false }, axis: { title: 'index' } };
  return [
    chart('Equity and buying and holding, 100 at the start', {
      height: 240,
      layer: [
        {
          data: { values: own },
          params: [ZOOM],
          mark: { type: 'line', interpolate: 'step-after', tooltip: true },
          encoding: { x: TIME_AXIS, y, color: colour },
        },
        {
          data: { values: held },
          mark: { type: 'line', strokeDash: [3, 3], strokeWidth: 1, tooltip: true },
          encoding: { x: TIME_AXIS, y, color: colour },
        },
      ],
    }),
    chart('Drawdown', {
      height: 110,
      data: { values: under },
      params: [ZOOM],
      mark: { type: 'line', interpolate: 'step-after', tooltip: true },
      encoding: {
        x: TIME_AXIS,
        y: { field: 'v', type: 'quantitative', axis: { title: null, format: '.2%' } },
        color: colour,
      },
    }),
  ];
}

/** Months are only worth drawing when there are a few of them. */
const MONTHS_MIN = 3;

/** Returns by month as a heat map, one row a year and strategy; nothing for a shorter run. */
export function returnCharts({ strategies }: RunEvidence): readonly Chart[] {
  const rows = strategies.flatMap(({ id, equity }) => monthly(equity).map((month) => ({ ...month, s: id })));
  if (new Set(rows.map(({ y, m }) => `${y}-${m}`)).size < MONTHS_MIN) return [];
  return [
    chart('Return by month', {
      data: { values: rows },
      height: { step: 26 },
      mark: { type: 'rect', tooltip: true },
      encoding: {
        x: { field: 'm', type: 'ordinal', axis: { title: 'month', labelAngle: 0 } },
        y: { field: 'row', type: 'nominal', axis: { title: null } },
        color: {
          condition: { test: 'datum.v >= 0', value: 'var(--up)' },
          value: 'var(--down)',
        },
        opacity: { field: 'size', type: 'quantitative', legend: null, scale: { range: [0.15, 1] } },
        tooltip: [
          { field: 'row', type: 'nominal' },
          { field: 'm', type: 'ordinal', title: 'month' },
          { field: 'v', type: 'quantitative', format: '.2%', title: 'return' },
        ],
      },
    }),
  ].map((one) => ({ ...one, spec: withRows(one.spec) }));
}

function withRows(spec: TopLevelSpec): TopLevelSpec {
  const transform = [
    { calculate: "datum.s + ' ' + datum.y", as: 'row' },
    { calculate: 'abs(datum.v)', as: 'size' },
  ];
  return { ...spec, transform } as TopLevelSpec;
}

function monthly({
  timesUs,
  values,
}: Series): readonly { readonly y: number; readonly m: number; readonly v: number }[] {
  const ends = new Map<string, number>();
  timesUs.forEach((timeUs, i) => {
    ends.set(formatTimeUs(timeUs).slice(0, 7), values[i]!);
  });
  let before = values[0] ?? Number.NaN;
  return [...ends].map(([month, end]) => {
    const v = end / before - 1;
    before = end;
    return { y: Number(month.slice(0, 4)), m: Number(month.slice(5)), v };
  });
}

function drawdownOf(curve: Series): Series {
  const drawdown: Series = { timesUs: curve.timesUs, values: [] };
  let peak = Number.NEGATIVE_INFINITY;
  for (const value of curve.values) {
    peak = Math.max(peak, value);
    drawdown.values.push(value / peak - 1);
  }
  return drawdown;
}
