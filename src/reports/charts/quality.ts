// Gaps along the run.
import { formatTimeUs } from '../../core/time.ts';
import type { GapEvidence } from '../evidence.ts';
import { type Chart, chart, ms, type Row, TIME_AXIS } from './chart.ts';

/** Gaps that are drawn. */
const GAPS_MAX = 1000;

/** The whole run, so that a gap is seen at its place in it. */
type Span = { readonly fromUs: number; readonly toUs: number };

/** Where along the run data was missing, a row for each channel and symbol. */
export function gapChart(gaps: readonly GapEvidence[], { fromUs, toUs }: Span): Chart | undefined {
  if (gaps.length === 0) return undefined;
  const rows: Row[] = gaps.slice(0, GAPS_MAX).map((gap) => ({
    t: ms(gap.fromUs),
    at: formatTimeUs(gap.fromUs),
    u: ms(gap.toUs ?? gap.fromUs),
    row: [gap.symbol || 'all', gap.channel].join(' '),
    cause: gap.cause,
    ms: ((gap.toUs ?? gap.fromUs) - gap.fromUs) / 1000,
  }));
  const y = { field: 'row', type: 'nominal', axis: { title: null, labelLimit: 200 } };
  const colour = { field: 'cause', type: 'nominal' };
  const tooltip = [
    { field: 'cause', type: 'nominal' },
    { field: 'at', type: 'nominal', title: 'from' },
    { field: 'ms', type: 'quantitative', title: 'length, ms', format: ',.1f' },
  ];
  const note = gaps.length > GAPS_MAX ? `the first ${GAPS_MAX} of ${gaps.length}` : undefined;
  const spec = {
    height: { step: 22 },
    data: { values: rows },
    layer: [
      // Nothing to see at both ends of the run: it only makes the axis as long as the run.
      {
        data: { values: [{ t: ms(fromUs) }, { t: ms(toUs) }] },
        mark: { type: 'tick', opacity: 0 },
        encoding: { x: TIME_AXIS },
      },
      {
        mark: { type: 'bar', height: 10 },
        encoding: { x: TIME_AXIS, x2: { field: 'u' }, y, color: colour, tooltip },
      },
      {
        mark: { type: 'tick', thickness: 2, size: 16 },
        encoding: { x: TIME_AXIS, y, color: colour, tooltip },
      },
    ],
  };
  return chart('Where data was missing', spec, note);
}
