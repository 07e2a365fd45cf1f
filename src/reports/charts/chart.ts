// The charts as Vega-Lite specifications: data in, specification out. Every colour is a CSS variable, so that one
// picture follows light, dark and print. Times are UTC.
import type { TopLevelSpec } from 'vega-lite';
import type { Series } from '../evidence.ts';
import { COLUMNS } from '../reduce.ts';

export type Chart = { readonly title: string; readonly note?: string; readonly spec: TopLevelSpec };

const SERIES_COLOURS = ['var(--c1)', 'var(--c2)', 'var(--c3)', 'var(--c4)', 'var(--c5)', 'var(--c6)'];

const CONFIG = {
  background: 'transparent',
  font: 'system-ui, sans-serif',
  view: { stroke: 'var(--line)' },
  axis: {
    labelColor: 'var(--soft)',
    titleColor: 'var(--soft)',
    gridColor: 'var(--line)',
    domainColor: 'var(--line)',
    tickColor: 'var(--line)',
    titleFontWeight: 'normal',
    labelFontSize: 11,
    titleFontSize: 11,
  },
  legend: {
    labelColor: 'var(--ink)',
    titleColor: 'var(--soft)',
    orient: 'top',
    title: null,
    labelFontSize: 12,
  },
  range: { category: SERIES_COLOURS },
  line: { strokeWidth: 1.5 },
} as const;

/** Labels as fine as the ticks need to be, and no finer. */
const TIME_LABEL =
  "utcFormat(datum.value, utchours(datum.value) + utcminutes(datum.value) + utcseconds(datum.value) === 0 ? '%b %d' : utcseconds(datum.value) === 0 ? '%H:%M' : '%H:%M:%S')";
export const TIME_AXIS = {
  field: 't',
  type: 'temporal',
  scale: { type: 'utc' },
  axis: { title: null, labelExpr: TIME_LABEL, tickCount: 10, labelOverlap: true },
} as const;
/** Drag and wheel along time; the charts of one page share nothing, so each keeps its own zoom. */
export const ZOOM = { name: 'zoom', select: { type: 'interval', encodings: ['x'] }, bind: 'scales' } as const;

export type Row = Readonly<Record<string, number | string>>;

export function chart(title: string, spec: Record<string, unknown>, note?: string): Chart {
  const whole = { width: COLUMNS, config: CONFIG, ...spec } as unknown as TopLevelSpec;
  return note === undefined ? { title, spec: whole } : { title, note, spec: whole };
}

export const ms = (us: number): number => us / 1000;

/** Time in ms against value, as rows want it. */
export function points(series: Series): readonly (readonly [number, number])[] {
  return series.timesUs.map((timeUs, i) => [ms(timeUs), series.values[i]!] as const);
}
