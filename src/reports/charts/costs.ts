// What trading cost, strategy by strategy, against what was traded.
import type { StrategyEvidence } from '../evidence.ts';
import { type Chart, chart, type Row, short } from './chart.ts';

export const COST_PARTS = ['fees', 'spread and depth', 'price moved on the way'] as const;

export function costChart(strategies: readonly StrategyEvidence[]): Chart | undefined {
  const traded = strategies.filter(({ costs }) => costs.notional > 0);
  if (traded.length === 0) return undefined;
  const rows: Row[] = traded.flatMap(({ id, costs }) =>
    [costs.fees, costs.spread, costs.latency].map((cost, i) => ({
      s: id,
      part: COST_PARTS[i]!,
      order: i,
      bps: short((cost / costs.notional) * 1e4),
    })),
  );
  return chart('Costs, basis points of what was traded', {
    height: { step: 26 },
    data: { values: rows },
    mark: { type: 'bar', height: 14 },
    encoding: {
      x: { field: 'bps', type: 'quantitative', axis: { title: null, tickCount: 8 } },
      y: { field: 's', type: 'nominal', sort: null, axis: { title: null, labelLimit: 200, minExtent: 110 } },
      color: { field: 'part', type: 'nominal', scale: { domain: COST_PARTS } },
      order: { field: 'order', type: 'quantitative' },
      tooltip: [
        { field: 's', type: 'nominal', title: 'strategy' },
        { field: 'part', type: 'nominal', title: 'cost' },
        { field: 'bps', type: 'quantitative', title: 'basis points', format: '.3f' },
      ],
    },
  });
}
