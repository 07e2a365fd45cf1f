// The curves that strategies drew with `context.plot`, one below the other.
import type { Thinned } from '../reduce.ts';
import { type Chart, lineRows, timeChart, valueAxis } from './chart.ts';

/** `plots` by `strategy.name`; each is a panel of its own, for nobody knows what unit it has. */
export function plotChart(plots: ReadonlyMap<string, Thinned>, note?: string): Chart | undefined {
  if (plots.size === 0) return undefined;
  const panels = [...plots].map(([name, values], i) => {
    const rows = lineRows(values.points());
    const y = valueAxis('v', { title: name, tickCount: 4, titleLimit: 90 });
    return {
      height: 80,
      layers: [
        {
          data: { name: `plot${i}`, values: rows },
          mark: { type: 'line', point: rows.length === 1 },
          encoding: { y },
        },
      ],
      readout: [{ data: `plot${i}`, format: ',.6~g', label: name }],
    };
  });
  return timeChart('Drawn by strategies', panels, {}, note);
}
