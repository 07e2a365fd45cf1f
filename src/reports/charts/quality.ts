// Where along the run data was missing, not to be trusted, or too late.

import { at } from '../format.ts';
import type { Gap, LateData } from '../notes.ts';
import { COLUMNS, type Span } from '../reduce.ts';
import { AT, type Chart, ms, type Row, timeChart } from './chart.ts';

/** Gaps that are drawn. */
const GAPS_MAX = 1000;

/** A row for each channel and symbol over the whole run; a gap that never healed goes on to its end. */
export function qualityChart(gaps: readonly Gap[], late: readonly LateData[], span: Span): Chart | undefined {
  if (gaps.length + late.length === 0) return undefined;
  const rows: Row[] = gaps.slice(0, GAPS_MAX).map((gap) => ({
    t: ms(gap.fromUs),
    at: at(gap.fromUs),
    u: ms(gap.toUs ?? span.toUs),
    row: [gap.symbol, gap.channel].filter((part) => part !== '').join(' '),
    cause: gap.cause,
    ms: gap.toUs === undefined ? 'never healed' : ((gap.toUs - gap.fromUs) / 1000).toFixed(3),
    detail: gap.detail,
  }));
  rows.push(...thinLate(late, span));
  const names = [...new Set(rows.map(({ row }) => String(row)))].sort();
  const causes = [...new Set(rows.map(({ cause }) => String(cause)))].sort();
  const y = {
    field: 'row',
    type: 'nominal',
    scale: { domain: names },
    axis: { title: null, labelLimit: 200, minExtent: 110 },
  };
  const color = { field: 'cause', type: 'nominal', scale: { domain: causes } };
  const tooltip = [
    { ...AT, title: 'from' },
    { field: 'ms', type: 'nominal', title: 'length, ms' },
    { field: 'cause', type: 'nominal' },
    { field: 'detail', type: 'nominal' },
  ];
  const values = { name: 'gaps', values: rows };
  const layers = [
    {
      data: { name: 'span', values: [{ t: ms(span.fromUs), u: ms(span.toUs) }] },
      mark: { type: 'rule', opacity: 0, color: 'var(--line)' },
      encoding: { x2: { field: 'u' } },
    },
    {
      data: values,
      mark: { type: 'bar', height: 10, opacity: 1 },
      encoding: { x2: { field: 'u' }, y, color, tooltip },
    },
    // A gap of no length, or of less than a pixel, is seen too.
    {
      data: { name: 'gaps' },
      mark: { type: 'tick', thickness: 2, size: 16, opacity: 1 },
      encoding: { y, color, tooltip },
    },
  ];
  const note = gaps.length > GAPS_MAX ? `the first ${GAPS_MAX} of ${gaps.length}` : undefined;
  return timeChart(
    'Where data was missing, wrong or late',
    [{ height: 22 * names.length, layers }],
    {},
    note,
  );
}

/** One mark a column is enough. */
function thinLate(late: readonly LateData[], span: Span): readonly Row[] {
  const width = (span.toUs - span.fromUs) / COLUMNS || 1;
  const places = Map.groupBy(late, ({ timeUs, symbol, reason }) =>
    [Math.floor((timeUs - span.fromUs) / width), symbol, reason].join('\n'),
  );
  return [...places.values()].map((group) => {
    const { timeUs, symbol, reason } = group[0]!;
    const detail = group.length > 1 ? `${reason}, ${group.length} times` : reason;
    return {
      t: ms(timeUs),
      at: at(timeUs),
      u: ms(timeUs),
      row: [symbol, 'unused'].filter((part) => part !== '').join(' '),
      cause: 'not used',
      ms: '0',
      detail,
    };
  });
}
