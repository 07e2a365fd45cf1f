// One indicator in two runs: both curves over each other, and how far they are apart.
import type { Curve } from '../../runs/figures/curve.ts';
import type { Thinned } from '../reduce.ts';
import { type Chart, lineRows, timeChart, valueAxis } from './chart.ts';

export type ParityCurves = {
  readonly name: string;
  readonly labels: readonly [string, string];
  readonly left: Thinned;
  readonly right: Thinned;
  /** (left − right) ÷ max(|left|, |right|), where both have a value. */
  readonly difference: Curve;
  /** How many values were compared. */
  readonly compared: number;
};

/** Where all values are equal there is one line to see, and a sentence says so instead of an empty panel. */
export function parityChart({ name, labels, left, right, difference, compared }: ParityCurves): Chart {
  const isEqual = difference.values.every((value) => value === 0);
  const rows = [...lineRows(left.points(), labels[0]), ...lineRows(right.points(), labels[1])];
  const overlay = {
    height: 110,
    layers: [
      {
        data: { name: 'values', values: rows },
        mark: { type: 'line', point: left.length < 2 },
        encoding: {
          y: valueAxis('v', { tickCount: 5 }),
          color: { field: 's', type: 'nominal', scale: { domain: labels } },
          strokeDash: {
            ...{ field: 's', type: 'nominal', legend: null },
            scale: {
              domain: labels,
              range: [
                [1, 0],
                [5, 4],
              ],
            },
          },
        },
      },
    ],
    readout: [{ data: 'values', format: ',.10~g' }],
  };
  const apart = {
    height: 56,
    layers: [
      {
        data: { name: 'difference', values: lineRows(difference) },
        mark: {
          type: 'area',
          interpolate: 'step-after',
          fill: 'var(--c2)',
          stroke: 'var(--c2)',
          strokeWidth: 1,
        },
        encoding: { y: valueAxis('v', { title: 'relative', format: '.0e', tickCount: 3 }, {}) },
      },
    ],
    readout: [{ data: 'difference', format: '.2e', label: 'relative difference' }],
  };
  const note =
    compared === 0 ? 'no value in common' : isEqual ? `all ${compared} common values are equal` : undefined;
  return timeChart(name, isEqual ? [overlay] : [overlay, apart], {}, note);
}
