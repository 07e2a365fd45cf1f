// Latency by stage as a table.
import type { Latency } from '../runs/run.ts';
import { count, table } from './output.ts';

export function formatLatency(stages: Readonly<Record<string, Latency>>): string {
  return table(
    ['latency, µs', 'count', 'p50', 'p90', 'p99', 'p99.9', 'max'],
    Object.entries(stages).map(([stage, latency]) => [
      stage,
      count(latency.count),
      ...[latency.p50, latency.p90, latency.p99, latency.p999, latency.max].map((us) =>
        count(us, us < 100 ? 1 : 0),
      ),
    ]),
  );
}
