// Percentiles of each stage.
import type { Latency } from '../../runs/run.ts';
import { type Chart, chart, type Row } from './chart.ts';

export function latencyChart(stages: Readonly<Record<string, Latency>>): Chart | undefined {
  const rows: Row[] = Object.entries(stages).flatMap(([stage, latency], order) =>
    (['p50', 'p90', 'p99', 'p999', 'max'] as const).map((p) => ({
      stage,
      order,
      p: p === 'p999' ? 'p99.9' : p,
      us: Math.max(0.1, latency[p]),
    })),
  );
  if (rows.length === 0) return undefined;
  return chart('Latency by stage, µs, logarithmic', {
    height: 34 * Object.keys(stages).length,
    data: { values: rows },
    mark: { type: 'point', filled: true, size: 70, opacity: 1, tooltip: true },
    encoding: {
      x: { field: 'us', type: 'quantitative', scale: { type: 'log' }, axis: { title: 'µs', format: '~s' } },
      y: {
        field: 'stage',
        type: 'nominal',
        sort: { field: 'order' },
        axis: { title: null, labelLimit: 220 },
      },
      color: { field: 'p', type: 'nominal', sort: null },
    },
  });
}
