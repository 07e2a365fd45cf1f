// What was run: everything that decides the result, so that anyone can have it again.
import type { RunManifest } from '../../runs/run.ts';
import { at, number, span, whole } from '../format.ts';
import { html, type Markup, tableOf } from '../html.ts';
import type { Section, Subject } from './section.ts';

export function manifest({ evidence, other }: Subject): Section {
  const runs = other === undefined ? [evidence.run] : [evidence.run, other.run];
  const line = (name: string, pick: (manifest: RunManifest) => string | Markup) => [
    name,
    ...runs.map((run) => pick(run.manifest)),
  ];
  const rows = [
    line('mode', (m) => m.mode),
    line('dataset', (m) => `${m.dataset.name}, fed as ${m.dataset.feed}${sliceOf(m)}`),
    line('dataset digest', (m) => code(m.dataset.digest)),
    line('log digest', (m) => code(m.digest)),
    line('input digest', (m) => code(m.inputs)),
    line('identity', (m) => code(m.identity)),
    line('from', (m) => at(m.firstUs ?? Number.NaN)),
    line('to', (m) => at(m.lastUs ?? Number.NaN)),
    line('events', (m) => whole(m.events)),
    line('records', (m) =>
      Object.entries(m.counts)
        .map(([type, count]) => `${type} ${whole(count)}`)
        .join(', '),
    ),
    line('seed', (m) => String(m.config.seed)),
    line('software', (m) => `${m.software}, Node ${m.node}`),
    ['wall time', ...runs.map(({ measured }) => span((measured?.wallSeconds ?? Number.NaN) * 1e6))],
    ['events a second', ...runs.map(({ measured }) => whole(measured?.eventsPerSecond ?? Number.NaN))],
    ['speed', ...runs.map(({ measured }) => speedOf(measured))],
  ];
  return {
    id: 'manifest',
    title: 'Run manifest',
    body: [
      tableOf(['', ...runs.map((run) => run.manifest.id)], rows),
      html`<h3>Strategies and their parameters</h3>`,
      html`<div class="side">${runs[0]!.manifest.strategies.map(parameters)}</div>`,
      html`<details><summary>Configuration</summary><pre>${JSON.stringify(runs[0]!.manifest.config, null, 2)}</pre></details>`,
    ],
  };
}

function code(text: string): Markup {
  return html`<code class="digest">${text}</code>`;
}

function sliceOf({ dataset: { fromUs, toUs, latencyUs } }: RunManifest): string {
  return [
    fromUs === null ? '' : `, from ${at(fromUs)}`,
    toUs === null ? '' : `, to ${at(toUs)}`,
    latencyUs === 0 ? '' : `, ${span(latencyUs)} of feed latency`,
  ].join('');
}

function speedOf(measured: Subject['evidence']['run']['measured']): string {
  if (measured === undefined) return 'n/a';
  const achieved = measured.achievedSpeed === null ? '' : `, ${number(measured.achievedSpeed, 0)}x achieved`;
  // Event time from the first event to the last over wall time, as everywhere.
  return `${measured.speed === null ? 'as fast as possible' : `${measured.speed}x`}${achieved}`;
}

function parameters({ id, name, version, bundle, params }: RunManifest['strategies'][number]): Markup {
  const values = Object.entries(params).map(([key, value]) => [
    key,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  return html`<div><p><b>${id}</b> ${name} ${version}, bundle <code>${bundle.slice(0, 16)}</code></p>${values.length === 0 ? undefined : tableOf(['parameter', 'value'], values)}</div>`;
}
