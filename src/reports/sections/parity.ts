// Two runs held against each other: verdict, values, decisions, where the logs part, and the values drawn.
import { formatRecord } from '../../runs/log.ts';
import type { Chart } from '../charts/chart.ts';
import { parityChart } from '../charts/parity.ts';
import { html, type Markup, tableOf } from '../html.ts';
import { number, tiny, whole } from './format.ts';
import type { Section, Subject } from './section.ts';

export function parity({ evidence, other, comparison }: Subject): Section | undefined {
  if (comparison === undefined || other === undefined) return undefined;
  const labels =
    comparison.left.mode === comparison.right.mode
      ? ([comparison.left.id, comparison.right.id] as const)
      : ([comparison.left.mode, comparison.right.mode] as const);
  const charts = comparison.indicators.flatMap(({ name }) => {
    const [left, right] = [evidence.indicators.get(name), other.indicators.get(name)];
    return left === undefined || right === undefined ? [] : [parityChart(name, left, right, labels)];
  });
  const verdict = comparison.isEqual
    ? html`<p class="good">Equal, bit for bit: both logs have the digest <code>${comparison.left.digest}</code>.</p>`
    : html`<p class="${comparison.isWithin ? 'fair' : 'bad'}">The runs were fed different data; ${comparison.isWithin ? 'every indicator value is' : 'not every indicator value is'} within ${comparison.tolerance * 100}%.</p>`;
  const body: (Markup | Chart)[] = [
    verdict,
    tableOf(
      [
        'indicator',
        'matched',
        `only ${labels[0]}`,
        `only ${labels[1]}`,
        'missing inside',
        'unequal',
        'past tolerance',
        'max absolute',
        'max relative',
        'max ULP',
        'causes',
      ],
      comparison.indicators.map((p) => [
        p.name,
        whole(p.matched),
        whole(p.onlyLeft),
        whole(p.onlyRight),
        whole(p.missing),
        whole(p.unequal),
        whole(p.beyond),
        tiny(p.maxAbsolute),
        tiny(p.maxRelative),
        tiny(p.maxUlp),
        causes(p.causes),
      ]),
    ),
    tableOf(
      ['actions', labels[0], labels[1], 'matched', 'equal', 'max price, bps', 'max time, µs', 'causes'],
      comparison.actions.map((p) => [
        `${p.kind}s`,
        whole(p.left),
        whole(p.right),
        whole(p.matched),
        whole(p.equal),
        number(p.maxPriceBps, 2),
        whole(p.maxTimeUs),
        causes(p.causes),
      ]),
    ),
  ];
  const { divergence } = comparison;
  if (divergence !== undefined) {
    body.push(html`<h3>Where the logs part</h3><p>Line ${divergence.line}${divergence.fields.length > 0 ? `, in ${divergence.fields.join(', ')}` : ''}.</p>
<pre>${divergence.before.map((record) => html`  ${formatRecord(record)}`)}<span class="bad">&lt; ${divergence.left === undefined ? '(ended)\n' : formatRecord(divergence.left)}</span><span class="good">&gt; ${divergence.right === undefined ? '(ended)' : formatRecord(divergence.right)}</span></pre>`);
  }
  return { id: 'parity', title: `Parity: ${labels[0]} against ${labels[1]}`, body: [...body, ...charts] };
}

function causes(byCause: Readonly<Partial<Record<string, number>>>): string {
  return Object.entries(byCause)
    .map(([cause, times]) => `${cause} ${times}`)
    .join(', ');
}
