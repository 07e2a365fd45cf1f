// What was run: everything that decides the result, so that anyone can have it again.
import { formatTimeUs } from '../../core/time.ts';
import { html, tableOf } from '../html.ts';
import type { Section, Subject } from './section.ts';

export function manifest({ evidence, other }: Subject): Section {
  const runs = other === undefined ? [evidence.run] : [evidence.run, other.run];
  const line = (
    name: string,
    pick: (run: (typeof runs)[number]['manifest']) => string,
  ): readonly string[] => [name, ...runs.map((run) => pick(run.manifest))];
  return {
    id: 'manifest',
    title: 'Run manifest',
    body: [
      tableOf(
        ['', ...runs.map(({ manifest }) => manifest.id)],
        [
          line('mode', (m) => m.mode),
          line('digest', (m) => m.digest),
          line('digest of inputs', (m) => m.inputs),
          line('identity', (m) => m.identity),
          line(
            'dataset',
            (m) => `${m.dataset.name} (${m.dataset.feed}), digest ${m.dataset.digest.slice(0, 16)}`,
          ),
          line('from', (m) => formatTimeUs(m.firstUs ?? Number.NaN)),
          line('to', (m) => formatTimeUs(m.lastUs ?? Number.NaN)),
          line('seed', (m) => String(m.config.seed)),
          line('software', (m) => `${m.software}, Node ${m.node}`),
          ...evidence.run.manifest.strategies.map(({ id }, i) =>
            line(
              `strategy ${id}`,
              (m) =>
                `${m.strategies[i]?.name} ${m.strategies[i]?.version}, bundle ${m.strategies[i]?.bundle.slice(0, 16)}, ${JSON.stringify(m.strategies[i]?.params)}`,
            ),
          ),
        ],
      ),
      html`<details><summary>Configuration</summary><pre>${JSON.stringify(evidence.run.manifest.config, null, 2)}</pre></details>`,
    ],
  };
}
