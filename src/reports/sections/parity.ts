// Two runs held against each other: verdict, values, decisions, where the logs part, and the values drawn.

import { type Comparison, formatLimit } from '../../runs/compare.ts';
import type { Curve } from '../../runs/figures/curve.ts';
import { formatRecord, type LoggedRecord, valuesOf } from '../../runs/log.ts';
import { walkTimes } from '../../runs/parity/causes.ts';
import { collect } from '../../runs/parity/evidence.ts';
import type { Run } from '../../runs/run.ts';
import type { Chart } from '../charts/chart.ts';
import { parityChart } from '../charts/parity.ts';
import type { RunEvidence } from '../evidence.ts';
import { at, number, span, tiny, whole } from '../format.ts';
import { html, type Markup, tableOf } from '../html.ts';
import { type Span, Thinned } from '../reduce.ts';
import type { Section, Subject } from './section.ts';

type Labels = readonly [string, string];

/** Charts are large; the table above them is of all. */
const CHARTS_MAX = 24;

export function parity({ evidence, other, comparison }: Subject): Section | undefined {
  if (comparison === undefined || other === undefined) return undefined;
  const { left, right } = comparison;
  const labels: Labels = left.mode === right.mode ? [left.id, right.id] : [left.mode, right.mode];
  return {
    id: 'parity',
    title: `Parity: ${labels[0]} against ${labels[1]}`,
    body: [
      verdict(comparison),
      judgedTable(comparison),
      ...settingTable(comparison, labels),
      ...indicatorTable(comparison, labels),
      ...candleTable(comparison, labels),
      actionTable(comparison, labels),
      ...profitTable(comparison, labels),
      ...partingOf(comparison),
      ...charts(comparison, evidence, other, labels),
    ],
  };
}

function verdict({ isEqual, isWithin, left, verdict: { headline, reasons } }: Comparison): Markup {
  if (isEqual) {
    return html`<p class="good">Equal, bit for bit: both logs have the digest <code>${left.digest}</code>.</p><p>${headline}</p>`;
  }
  if (isWithin) return html`<p class="fair">Not equal, but within limits: ${headline}.</p>`;
  return html`<p class="bad">Different: ${headline}.</p><ul>${reasons.map((reason) => html`<li>${reason}</li>`)}</ul>`;
}

function judgedTable({ verdict: { parts, profit } }: Comparison): Markup {
  const outcome = (passes: boolean): Markup =>
    passes ? html`<span class="good">ok</span>` : html`<span class="bad">fails</span>`;
  return tableOf(
    ['judged', 'the same', 'of', 'excused', 'differ', 'allowed', ''],
    [
      ...parts.map(({ part, agreeing, of, excused, differing, limit, passes }) => [
        part,
        ...[agreeing, of, excused, differing].map(whole),
        formatLimit(limit),
        outcome(passes),
      ]),
      ...profit.map(({ strategy, currency, difference, share, limit, passes }) => [
        `profit of ${strategy}`,
        ...['', '', '', `${number(difference, 4)} ${currency} (${(share * 100).toFixed(3)}%)`],
        formatLimit(limit),
        outcome(passes),
      ]),
    ],
  );
}

function settingTable({ settings }: Comparison, labels: Labels): readonly Markup[] {
  if (settings.length === 0) return [];
  const say = (value: unknown): string =>
    value === undefined ? 'not set' : typeof value === 'string' ? value : JSON.stringify(value);
  const rows = settings.map(({ path, left, right }) => [path, say(left), say(right)]);
  return [html`<p>Configuration differs:</p>`, tableOf(['setting', ...labels], rows)];
}

function profitTable({ profit }: Comparison, labels: Labels): readonly Markup[] {
  if (profit.length === 0) return [];
  const header = ['profit in the common span', ...labels, 'differs by', 'causes'];
  const rows = profit.map(({ strategy, currency, left, right, difference, causes: why }) => [
    `${strategy} (${currency})`,
    ...[left, right, difference].map((amount) => number(amount, 4)),
    causes(why),
  ]);
  return [tableOf(header, rows)];
}

function indicatorTable({ indicators }: Comparison, labels: Labels): readonly Markup[] {
  if (indicators.length === 0) return [];
  const header = [
    ...['value', 'matched', `only ${labels[0]}`, `only ${labels[1]}`, 'missing', 'unequal'],
    ...['past tolerance', 'first at', 'max abs', 'max rel', 'max ULP', 'causes'],
  ];
  const rows = indicators.map((p) => [
    p.name,
    ...[p.matched, p.onlyLeft, p.onlyRight, p.missing, p.unequal, p.beyond].map(whole),
    Number.isNaN(p.firstBeyondUs) ? '–' : at(p.firstBeyondUs),
    ...[p.maxAbsolute, p.maxRelative, p.maxUlp].map(tiny),
    causes(p.causes),
  ]);
  return [tableOf(header, rows)];
}

function candleTable({ candles }: Comparison, labels: Labels): readonly Markup[] {
  if (candles.length === 0) return [];
  const header = [
    ...['candles', 'matched', `only ${labels[0]}`, `only ${labels[1]}`],
    ...['missing', 'unequal', 'past tolerance', 'causes'],
  ];
  const rows = candles.map((c) => [
    c.name,
    ...[c.matched, c.onlyLeft, c.onlyRight, c.missing, c.unequal, c.beyond].map(whole),
    causes(c.causes),
  ]);
  return [tableOf(header, rows)];
}

function actionTable({ actions }: Comparison, labels: Labels): Markup {
  return tableOf(
    ['actions', ...labels, 'matched', 'equal', 'agree', 'max price, bps', 'max time', 'causes'],
    actions.map((p) => [
      `${p.kind}s`,
      ...[p.left, p.right, p.matched, p.equal, p.agreeing].map(whole),
      number(p.maxPriceBps, 2),
      span(p.maxTimeUs),
      causes(p.causes),
    ]),
  );
}

function causes(byCause: Readonly<Partial<Record<string, number>>>): string {
  const list = Object.entries(byCause).map(([cause, times]) => `${cause} ${whole(times ?? 0)}`);
  return list.length === 0 ? '–' : list.join(', ');
}

function partingOf({ divergence }: Comparison): readonly Markup[] {
  if (divergence === undefined) return [];
  const { line, fields, before, left, right, leftAfter, rightAfter } = divergence;
  const where = fields.length === 0 ? '' : `, in ${fields.join(', ')}`;
  const first = left ?? right;
  const moment =
    first === undefined
      ? ''
      : `: event ${whole(first.event)}, tape position ${whole(first.seq)}, ${at(first.timeUs)}`;
  const lines = (mark: string, records: readonly LoggedRecord[]): readonly Markup[] =>
    records.map((record) => html`${mark} ${formatRecord(record)}`);
  return [
    html`<h3>Where the logs part</h3><p>Line ${whole(line)}${where}${moment}.</p>
<pre>${lines(' ', before)}<span class="bad">${left === undefined ? '< (ended)\n' : lines('<', [left, ...leftAfter])}</span><span class="good">${right === undefined ? '> (ended)' : lines('>', [right, ...rightAfter])}</span></pre>`,
  ];
}

function charts(
  { indicators, isEqual }: Comparison,
  evidence: RunEvidence,
  other: RunEvidence,
  labels: Labels,
): readonly (Chart | Markup)[] {
  const names = indicators
    .filter(({ kind, name }) => kind === 'indicator' || DRAWN_SAMPLES.test(name))
    .map(({ name }) => name)
    .filter((name) => thinnedOf(evidence, name) !== undefined && thinnedOf(other, name) !== undefined);
  const shown = names.slice(0, CHARTS_MAX);
  if (shown.length === 0) return [];
  const overlap = {
    fromUs: Math.min(evidence.span.fromUs, other.span.fromUs),
    toUs: Math.max(evidence.span.toUs, other.span.toUs),
  };
  const sides = isEqual ? undefined : ([curvesOf(evidence.run), curvesOf(other.run)] as const);
  const drawn = shown.map((name) => {
    const [left, right] = [thinnedOf(evidence, name)!, thinnedOf(other, name)!];
    if (sides === undefined) {
      return parityChart({ name, labels, left, right, difference: NONE, compared: left.length });
    }
    const apart = differenceOf(sides[0].get(name)!, sides[1].get(name)!, overlap);
    return parityChart({ name, labels, left, right, difference: apart.points(), compared: apart.length });
  });
  const left = names.length - shown.length;
  return [
    html`<h3>Values of both runs</h3>`,
    ...drawn,
    ...(left > 0 ? [html`<p class="note">${left} more values are in the table above.</p>`] : []),
  ];
}

/** Of what a quote or book shows, the price and the lean say most; the table is of all. */
const DRAWN_SAMPLES = /\.(mid|pressure)$/;

function thinnedOf({ indicators, samples }: RunEvidence, name: string): Thinned | undefined {
  return indicators.get(name) ?? samples.get(name);
}

/** Values of indicators and of samples, whole. */
function curvesOf(run: Run): ReadonlyMap<string, Curve> {
  const { values, samples } = collect(run);
  const curves = new Map<string, { readonly timesUs: number[]; readonly values: number[] }>(values);
  for (const sample of samples) {
    for (const [name, value] of valuesOf(sample)) {
      const curve = curves.get(name) ?? { timesUs: [], values: [] };
      curves.set(name, curve);
      curve.timesUs.push(sample.atUs);
      curve.values.push(value);
    }
  }
  return curves;
}

const NONE: Curve = { timesUs: [], values: [] };

/** (left − right) ÷ max(|left|, |right|) of the values that both have; 0 where they are equal. */
function differenceOf(left: Curve, right: Curve, over: Span): Thinned {
  const difference = new Thinned(over);
  walkTimes(left.timesUs, right.timesUs, (timeUs, i, j) => {
    if (i < 0 || j < 0) return;
    const [a, b] = [left.values[i]!, right.values[j]!];
    difference.push(timeUs, a === b ? 0 : (a - b) / Math.max(Math.abs(a), Math.abs(b)));
  });
  return difference;
}
