// One indicator in two runs.
import type { Series } from '../evidence.ts';
import { COLUMNS, reduceSeries } from '../reduce.ts';
import { type Chart, chart, points, type Row, TIME_AXIS } from './chart.ts';

/** Two runs' values of one indicator over each other, and their relative difference below where there is one. */
export function parityChart(
  name: string,
  left: Series,
  right: Series,
  labels: readonly [string, string],
): Chart {
  const values: Row[] = [
    ...points(reduceSeries(left)).map(([t, v]) => ({ t, s: labels[0], v })),
    ...points(reduceSeries(right)).map(([t, v]) => ({ t, s: labels[1], v })),
  ];
  const y = { field: 'v', type: 'quantitative', scale: { zero: false }, axis: { title: null, tickCount: 4 } };
  const overlay = {
    width: COLUMNS,
    height: 110,
    data: { values },
    mark: { type: 'line', tooltip: true },
    encoding: {
      x: TIME_AXIS,
      y,
      color: { field: 's', type: 'nominal', sort: null },
      strokeDash: { field: 's', type: 'nominal', sort: null, legend: null },
    },
  };
  const apart = differenceOf(left, right);
  if (apart.values.every((value) => value === 0)) {
    const note = `${apart.values.length} matched values, equal in every bit: one line lies on the other`;
    return chart(name, overlay, note);
  }
  const difference = {
    width: COLUMNS,
    height: 50,
    data: { values: points(reduceSeries(apart)).map(([t, v]) => ({ t, v })) },
    mark: { type: 'bar', size: 3, color: 'var(--c2)', tooltip: true },
    encoding: {
      x: TIME_AXIS,
      y: { field: 'v', type: 'quantitative', axis: { title: 'relative', format: '.0e', tickCount: 3 } },
    },
  };
  return chart(name, {
    vconcat: [overlay, difference],
    resolve: { scale: { x: 'shared', color: 'independent' } },
  });
}

/** (left − right) ÷ the larger of both, of the values that both have. */
function differenceOf(left: Series, right: Series): Series {
  const others = new Map(right.timesUs.map((timeUs, i) => [timeUs, right.values[i]!]));
  const difference: Series = { timesUs: [], values: [] };
  left.timesUs.forEach((timeUs, i) => {
    const [a, b] = [left.values[i]!, others.get(timeUs)];
    if (b === undefined) return;
    difference.timesUs.push(timeUs);
    difference.values.push(a === b ? 0 : (a - b) / Math.max(Math.abs(a), Math.abs(b)));
  });
  return difference;
}
