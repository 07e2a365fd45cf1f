// Percentiles of each stage, on a logarithmic scale: the middle is the common case, the right end the worst.
import type { Latency } from '../../runs/run.ts';
import { type Chart, chart, type Row } from './chart.ts';

const PERCENTILES = ['p50', 'p90', 'p99', 'p999', 'max'] as const;
/** A clock cannot tell less apart. */
const SMALLEST_US = 0.1;

const DURATION_LABEL =
  "datum.value < 1000 ? format(datum.value, '~g') + ' µs' : datum.value < 1e6 ? format(datum.value / 1e3, '~g') + ' ms' : format(datum.value / 1e6, '~g') + ' s'";

export function latencyChart(stages: Readonly<Record<string, Latency>>): Chart | undefined {
  const names = Object.keys(stages);
  if (names.length === 0) return undefined;
  const rows: Row[] = Object.entries(stages).flatMap(([stage, latency]) =>
    PERCENTILES.map((p) => ({
      stage,
      p: p === 'p999' ? 'p99.9' : p,
      us: Math.max(SMALLEST_US, latency[p]),
    })),
  );
  const spans: Row[] = Object.entries(stages).map(([stage, { p50, max }]) => ({
    stage,
    us: Math.max(SMALLEST_US, p50),
    to: Math.max(SMALLEST_US, max),
  }));
  const labels = PERCENTILES.map((p) => (p === 'p999' ? 'p99.9' : p));
  return chart('Latency by stage, logarithmic', {
    height: { step: 32 },
    encoding: {
      x: {
        field: 'us',
        type: 'quantitative',
        scale: { type: 'log' },
        axis: { title: null, labelExpr: DURATION_LABEL, values: powersOver(rows) },
      },
      y: {
        field: 'stage',
        type: 'nominal',
        sort: names,
        axis: { title: null, labelLimit: 220, minExtent: 110 },
      },
    },
    layer: [
      {
        data: { values: spans },
        mark: { type: 'rule', strokeWidth: 3, color: 'var(--line)' },
        encoding: { x2: { field: 'to' } },
      },
      {
        data: { values: rows },
        mark: { type: 'point', filled: true, size: 80, opacity: 1 },
        encoding: {
          color: { field: 'p', type: 'nominal', scale: { domain: labels } },
          tooltip: [
            { field: 'stage', type: 'nominal' },
            { field: 'p', type: 'nominal', title: 'percentile' },
            { field: 'us', type: 'quantitative', title: 'µs', format: ',.1f' },
          ],
        },
      },
    ],
  });
}

/** 1, 10, 100 … from below the smallest to above the largest. */
function powersOver(rows: readonly Row[]): readonly number[] {
  const powers = rows.map(({ us }) => Math.log10(Number(us))).filter(Number.isFinite);
  const [first, last] = [Math.floor(Math.min(...powers)), Math.ceil(Math.max(...powers))];
  return Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i));
}
