// How long each stage took, measured while the run ran.
import { feedLagWarning } from '../../runs/latency.ts';
import { latencyChart } from '../charts/latency.ts';
import { number, span, whole } from '../format.ts';
import { html, tableOf } from '../html.ts';
import type { Section, Subject } from './section.ts';

export function latency({ evidence }: Subject): Section | undefined {
  const { measured } = evidence.run;
  const stages = measured?.latency ?? {};
  const chart = latencyChart(stages);
  if (chart === undefined || measured === undefined) return undefined;
  const rows = Object.entries(stages).map(([stage, l]) => [
    stage,
    whole(l.count),
    ...[l.p50, l.p90, l.p99, l.p999, l.max, l.mean].map((us) => number(us, us < 100 ? 1 : 0)),
  ]);
  const warning = feedLagWarning(evidence.run);
  return {
    id: 'latency',
    title: 'Latency',
    body: [
      ...(warning === undefined ? [] : [html`<p class="bad">Warning: ${warning}.</p>`]),
      chart,
      tableOf(['stage, µs', 'count', 'p50', 'p90', 'p99', 'p99.9', 'max', 'mean'], rows),
      html`<p class="note">Measured from the socket’s callback, outside the engine. “venue to socket” is this machine’s clock less the venue’s, so an offset between the two is in it. The run took ${span(measured.wallSeconds * 1e6)} of wall time.</p>`,
    ],
  };
}
