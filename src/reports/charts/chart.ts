// What all charts share, as Vega-Lite specifications: data in, specification out. Every colour is a CSS variable, so
// that one picture follows light, dark and print. Times are UTC. Panels of one chart are linked: a drag along the time
// of one moves all, and the browser reads the values of every line at the pointer.
import type { TopLevelSpec } from 'vega-lite';
import type { Curve } from '../../runs/figures/curve.ts';
import { COLUMNS } from '../reduce.ts';

export type Chart = { readonly title: string; readonly note?: string; readonly spec: TopLevelSpec };

/** Any part of a specification; Vega-Lite checks it when it compiles the whole. */
export type Part = Readonly<Record<string, unknown>>;

export type Row = Readonly<Record<string, number | string | boolean | null>>;

/** What the browser reads of a data set at the pointer's time: columns `t`, `v` and, for several lines, `s`. */
export type Readout = { readonly data: string; readonly format: string; readonly label?: string };

export type Panel = {
  readonly height: number;
  readonly layers: readonly Part[];
  readonly readout?: readonly Readout[];
};

export const SERIES_COLOURS = [1, 2, 3, 4, 5, 6].map((n) => `var(--c${n})`);

/** All plots of a page begin at the same place: their value axes are this wide at least. */
const AXIS_WIDTH = 56;

const CONFIG = {
  background: 'transparent',
  font: 'system-ui, sans-serif',
  view: { stroke: 'var(--line)' },
  axis: {
    labelColor: 'var(--soft)',
    titleColor: 'var(--soft)',
    gridColor: 'var(--grid)',
    domainColor: 'var(--line)',
    tickColor: 'var(--line)',
    titleFontWeight: 'normal',
    labelFontSize: 11,
    titleFontSize: 11,
  },
  axisY: { minExtent: AXIS_WIDTH },
  legend: {
    labelColor: 'var(--ink)',
    titleColor: 'var(--soft)',
    orient: 'top',
    title: null,
    labelFontSize: 12,
    labelLimit: 320,
    columns: { expr: 'max(1, floor(width / 180))' },
  },
  range: { category: SERIES_COLOURS },
  line: { strokeWidth: 1.5 },
  /** Each mark would carry a description that nobody could follow; the tables hold the numbers. */
  aria: false,
} as const;

/** Labels as fine as the ticks need to be, and no finer. */
const TIME_LABEL = [
  "utcmilliseconds(datum.value) !== 0 ? utcFormat(datum.value, '%S.%L')",
  "utcseconds(datum.value) !== 0 ? utcFormat(datum.value, '%H:%M:%S')",
  "utchours(datum.value) + utcminutes(datum.value) !== 0 ? utcFormat(datum.value, '%H:%M')",
  "utcmonth(datum.value) === 0 && utcdate(datum.value) === 1 ? utcFormat(datum.value, '%Y')",
  "utcFormat(datum.value, '%b %d')",
].join(' : ');

/** A little air at both ends, so that the first and the last mark are whole. */
const TIME = { field: 't', type: 'temporal', scale: { type: 'utc', padding: 5 } } as const;
const TIME_TICKS = { title: null, labelExpr: TIME_LABEL, tickCount: 10, labelOverlap: true } as const;

/** For tooltips: a time as text, since Vega would write it in the reader's time zone. */
export const AT = { field: 'at', type: 'nominal', title: 'time' } as const;

export function chart(title: string, spec: Part, note?: string): Chart {
  const whole = { width: COLUMNS, config: CONFIG, ...spec } as unknown as TopLevelSpec;
  return note === undefined ? { title, spec: whole } : { title, note, spec: whole };
}

/** Panels under each other along one time; only the lowest has its labels. */
export function timeChart(title: string, panels: readonly Panel[], extra: Part = {}, note?: string): Chart {
  const zoom = {
    name: 'zoom',
    // Without a key, the wheel scrolls the page; a pinch on a touchpad arrives with the key held.
    select: { type: 'interval', encodings: ['x'], zoom: 'wheel![event.ctrlKey || event.metaKey]' },
    bind: 'scales',
    views: panels.map((_, i) => `panel${i}`),
  };
  const vconcat = panels.map(({ height, layers }, i) => ({
    width: COLUMNS,
    height,
    encoding: { x: { ...TIME, axis: i === panels.length - 1 ? TIME_TICKS : QUIET } },
    layer: layers.map((layer, j) => (j === 0 ? { name: `panel${i}`, ...layer } : layer)),
  }));
  const readout = panels.flatMap((panel) => panel.readout ?? []);
  const spec = {
    usermeta: { readout },
    params: [zoom],
    spacing: 10,
    vconcat,
    resolve: { scale: { x: 'shared', color: 'independent' } },
    ...extra,
  };
  return chart(title, spec, note);
}

const QUIET = { title: null, labels: false, ticks: false, tickCount: 10 } as const;

/** A value axis. */
export function valueAxis(field: string, axis: Part, scale: Part = { zero: false }): Part {
  return { field, type: 'quantitative', scale, axis: { title: null, ...axis } };
}

export const ms = (us: number): number => us / 1000;

/** Ten digits are more than a picture or a tooltip can show. */
export function short(value: number): number {
  return Number(value.toPrecision(10));
}

/** Rows of a line: time in ms, value, and its name when there are several. `shiftUs` moves it in time. */
export function lineRows({ timesUs, values }: Curve, name?: string, shiftUs = 0): readonly Row[] {
  const rows: Row[] = [];
  for (let i = 0; i < values.length; i++) {
    // Of a level stretch its ends draw the same line.
    if (i > 0 && values[i] === values[i - 1] && values[i] === values[i + 1]) continue;
    const row = { t: ms(timesUs[i]! + shiftUs), v: short(values[i]!) };
    rows.push(name === undefined ? row : { ...row, s: name });
  }
  return rows;
}
