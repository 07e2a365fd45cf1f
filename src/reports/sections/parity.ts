// Two runs held against each other: verdict, values, decisions, where the logs part, and the values drawn.
import { walkTimes } from '../../runs/causes.ts';
import type { Comparison } from '../../runs/compare.ts';
import { collect } from '../../runs/evidence.ts';
import type { Curve } from '../../runs/figures/curve.ts';
import { formatRecord, type LoggedRecord } from '../../runs/log.ts';
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
      ...indicatorTable(comparison, labels),
      ...candleTable(comparison, labels),
      actionTable(comparison, labels),
      ...partingOf(comparison),
      ...charts(comparison, evidence, other, labels),
    ],
  };
}

function verdict({ isEqual, isWithin, left, tolerance, indicators }: Comparison): Markup {
  if (isEqual) {
    return html`<p class="good">Equal, bit for bit: both logs have the digest <code>${left.digest}</code>.</p>`;
  }
  const bound = `${tolerance * 100}%`;
  if (isWithin) {
    return html`<p class="fair">The runs were fed different data. Every indicator value they have in common is within ${bound}, and none is missing.</p>`;
  }
  if (!indicators.some(({ matched }) => matched > 0)) {
    return html`<p class="bad">The runs have no indicator value in common: nothing is proven.</p>`;
  }
  return html`<p class="bad">Not every indicator value is within ${bound}, or some are missing on one side.</p>`;
}

function indicatorTable({ indicators }: Comparison, labels: Labels): readonly Markup[] {
  if (indicators.length === 0) return [];
  const header = [
    ...['indicator', 'matched', `only ${labels[0]}`, `only ${labels[1]}`, 'missing', 'unequal'],
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
  const header = ['candles', 'matched', `only ${labels[0]}`, `only ${labels[1]}`, 'unequal', 'causes'];
  const rows = candles.map((c) => [
    c.name,
    ...[c.matched, c.onlyLeft, c.onlyRight, c.unequal].map(whole),
    causes(c.causes),
  ]);
  return [tableOf(header, rows)];
}

function actionTable({ actions }: Comparison, labels: Labels): Markup {
  return tableOf(
    ['actions', ...labels, 'matched', 'equal', 'max price, bps', 'max time', 'causes'],
    actions.map((p) => [
      `${p.kind}s`,
      ...[p.left, p.right, p.matched, p.equal].map(whole),
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
  const names = indicators.map(({ name }) => name).filter((name) => isInBoth(name, evidence, other));
  const shown = names.slice(0, CHARTS_MAX);
  if (shown.length === 0) return [];
  const overlap = {
    fromUs: Math.min(evidence.span.fromUs, other.span.fromUs),
    toUs: Math.max(evidence.span.toUs, other.span.toUs),
  };
  const sides = isEqual ? undefined : ([collect(evidence.run).values, collect(other.run).values] as const);
  const drawn = shown.map((name) => {
    const [left, right] = [evidence.indicators.get(name)!, other.indicators.get(name)!];
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
    ...(left > 0 ? [html`<p class="note">${left} more indicators are in the table above.</p>`] : []),
  ];
}

function isInBoth(name: string, evidence: RunEvidence, other: RunEvidence): boolean {
  return evidence.indicators.has(name) && other.indicators.has(name);
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
