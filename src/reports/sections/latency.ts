// How long each stage took, measured while the run ran.
import { latencyChart } from '../charts/latency.ts';
import { html, tableOf } from '../html.ts';
import { number, whole } from './format.ts';
import type { Section, Subject } from './section.ts';

export function latency({ evidence }: Subject): Section | undefined {
  const stages = evidence.run.measured?.latency ?? {};
  const chart = latencyChart(stages);
  if (chart === undefined) return undefined;
  const rows = Object.entries(stages).map(([stage, l]) => [
    stage,
    whole(l.count),
    ...[l.p50, l.p90, l.p99, l.p999, l.max, l.mean].map((us) => number(us, 1)),
  ]);
  return {
    id: 'latency',
    title: 'Latency',
    body: [
      html`<p>Measured from the socket’s callback, outside the engine; “venue to socket” is our clock less the venue’s.</p>`,
      chart,
      tableOf(['stage', 'count', 'p50', 'p90', 'p99', 'p99.9', 'max', 'mean'], rows),
    ],
  };
}
