// The charts as Vega-Lite specifications: data in, specification out. Every colour is a CSS variable, so that one
// picture follows light, dark and print. Times are UTC.
import type { TopLevelSpec } from 'vega-lite';
import type { Latency } from '../runs/run.ts';
import type { CandleSeriesEvidence, RunEvidence, Series } from './evidence.ts';
import { COLUMNS, mergeCandles, reduceSeries } from './reduce.ts';

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
const TIME_AXIS = {
  field: 't',
  type: 'temporal',
  scale: { type: 'utc' },
  axis: { title: null, labelExpr: TIME_LABEL, tickCount: 10, labelOverlap: true },
} as const;
/** Drag and wheel along time; the charts of one page share nothing, so each keeps its own zoom. */
const ZOOM = { name: 'zoom', select: { type: 'interval', encodings: ['x'] }, bind: 'scales' } as const;

type Row = Readonly<Record<string, number | string>>;

function chart(title: string, spec: Record<string, unknown>, note?: string): Chart {
  const whole = { width: COLUMNS, config: CONFIG, ...spec } as unknown as TopLevelSpec;
  return note === undefined ? { title, spec: whole } : { title, note, spec: whole };
}

const ms = (us: number): number => us / 1000;

export function equityCharts({ strategies }: RunEvidence): readonly Chart[] {
  const curves = strategies.filter(({ equity }) => equity.values.length > 1);
  if (curves.length === 0) return [];
  const equity: Row[] = [];
  const under: Row[] = [];
  for (const { id, equity: curve } of curves) {
    const first = curve.values[0]!;
    for (const [t, value] of points(reduceSeries(curve))) equity.push({ t, s: id, v: (value / first) * 100 });
    for (const [t, value] of points(reduceSeries(drawdownOf(curve)))) under.push({ t, s: id, v: value });
  }
  const colour = { field: 's', type: 'nominal' };
  return [
    chart('Equity, 100 at the start', {
      height: 220,
      data: { values: equity },
      params: [ZOOM],
      mark: { type: 'line', interpolate: 'step-after', tooltip: true },
      encoding: {
        x: TIME_AXIS,
        y: { field: 'v', type: 'quantitative', scale: { zero: false }, axis: { title: 'index' } },
        color: colour,
      },
    }),
    chart('Drawdown', {
      height: 110,
      data: { values: under },
      params: [ZOOM],
      mark: { type: 'line', interpolate: 'step-after', tooltip: true },
      encoding: {
        x: TIME_AXIS,
        y: { field: 'v', type: 'quantitative', axis: { title: null, format: '.2%' } },
        color: colour,
      },
    }),
  ];
}

function drawdownOf(curve: Series): Series {
  const drawdown: Series = { timesUs: curve.timesUs, values: [] };
  let peak = Number.NEGATIVE_INFINITY;
  for (const value of curve.values) {
    peak = Math.max(peak, value);
    drawdown.values.push(value / peak - 1);
  }
  return drawdown;
}

/** Candles with the run's fills and those indicators that live on the price scale; the others get a panel of their own. */
export function candleChart(series: CandleSeriesEvidence): Chart | undefined {
  if (series.candles.length === 0) return undefined;
  const merged = mergeCandles(series.candles);
  const candles: Row[] = merged.map((c) => ({
    t: ms(c.startUs),
    o: c.open,
    h: c.high,
    l: c.low,
    c: c.close,
    v: c.volume,
    n: c.trades,
  }));
  const [low, high] = [Math.min(...merged.map((c) => c.low)), Math.max(...merged.map((c) => c.high))];
  const reach = (high - low) * 2 || high * 0.01;
  const onPrice: Row[] = [];
  const panels = new Map<string, Row[]>();
  for (const [name, values] of series.indicators) {
    const label = name
      .split('.')
      .slice(1)
      .join('.')
      .replace(/\.value$/, '');
    const rows = points(reduceSeries(values)).map(([t, v]) => ({ t, s: label, v }));
    const isPrice = values.values.every((value) => value > low - reach && value < high + reach);
    if (isPrice) onPrice.push(...rows);
    else panels.set(label.split('.')[0]!, [...(panels.get(label.split('.')[0]!) ?? []), ...rows]);
  }
  const fills: Row[] = series.fills.map(({ timeUs, fill, reason }) => ({
    t: ms(timeUs),
    p: fill.price,
    side: fill.side,
    size: fill.size,
    reason,
  }));
  const y = (field: string) => ({
    field,
    type: 'quantitative',
    scale: { zero: false },
    axis: { title: series.symbol },
  });
  const layers = [
    {
      data: { values: candles },
      params: [ZOOM],
      mark: { type: 'rule', color: 'var(--soft)' },
      encoding: { x: TIME_AXIS, y: y('l'), y2: { field: 'h' } },
    },
    {
      data: { values: candles },
      mark: { type: 'bar', size: Math.max(1, Math.min(9, (COLUMNS / candles.length) * 0.6)), tooltip: true },
      encoding: {
        x: TIME_AXIS,
        y: y('o'),
        y2: { field: 'c' },
        color: { condition: { test: 'datum.c >= datum.o', value: 'var(--up)' }, value: 'var(--down)' },
        tooltip: [
          { field: 't', type: 'temporal', title: 'start', format: '%Y-%m-%d %H:%M:%S', formatType: 'utc' },
          ...['o', 'h', 'l', 'c', 'v', 'n'].map((field) => ({
            field,
            type: 'quantitative',
            title: { o: 'open', h: 'high', l: 'low', c: 'close', v: 'volume', n: 'trades' }[field],
          })),
        ],
      },
    },
    ...(onPrice.length === 0
      ? []
      : [
          {
            data: { values: onPrice },
            mark: { type: 'line', tooltip: true },
            encoding: { x: TIME_AXIS, y: y('v'), color: { field: 's', type: 'nominal' } },
          },
        ]),
    {
      data: { values: fills },
      mark: {
        type: 'point',
        filled: true,
        size: 90,
        opacity: 1,
        stroke: 'var(--ground)',
        strokeWidth: 1,
        tooltip: true,
      },
      encoding: {
        x: TIME_AXIS,
        y: y('p'),
        shape: {
          field: 'side',
          type: 'nominal',
          scale: { domain: ['buy', 'sell'], range: ['triangle-up', 'triangle-down'] },
          legend: null,
        },
        fill: {
          field: 'side',
          type: 'nominal',
          scale: { domain: ['buy', 'sell'], range: ['var(--buy)', 'var(--sell)'] },
          legend: null,
        },
        tooltip: [
          { field: 'side', type: 'nominal' },
          { field: 'p', type: 'quantitative', title: 'price' },
          { field: 'size', type: 'quantitative' },
          { field: 'reason', type: 'nominal' },
        ],
      },
    },
  ];
  const price = { width: COLUMNS, height: 260, layer: layers, resolve: { scale: { color: 'independent' } } };
  const below = [...panels].map(([name, rows]) => ({
    width: COLUMNS,
    height: 80,
    data: { values: rows },
    mark: { type: 'line', tooltip: true },
    encoding: {
      x: TIME_AXIS,
      y: { field: 'v', type: 'quantitative', scale: { zero: false }, axis: { title: name, tickCount: 3 } },
      color: { field: 's', type: 'nominal', legend: null },
    },
  }));
  const note =
    merged.length < series.candles.length
      ? `${series.candles.length} candles drawn as ${merged.length}`
      : undefined;
  const spec = { vconcat: [price, ...below], resolve: { scale: { x: 'shared', color: 'independent' } } };
  return chart(`${series.name}: ${series.symbol}`, spec, note);
}

/** Two runs' values of one indicator over each other, and their relative difference below. */
export function parityChart(
  name: string,
  left: Series,
  right: Series,
  labels: readonly [string, string],
): Chart {
  const overlay: Row[] = [
    ...points(reduceSeries(left)).map(([t, v]) => ({ t, s: labels[0], v })),
    ...points(reduceSeries(right)).map(([t, v]) => ({ t, s: labels[1], v })),
  ];
  const others = new Map(right.timesUs.map((timeUs, i) => [timeUs, right.values[i]!]));
  const difference: Series = { timesUs: [], values: [] };
  left.timesUs.forEach((timeUs, i) => {
    const [a, b] = [left.values[i]!, others.get(timeUs)];
    if (b === undefined) return;
    difference.timesUs.push(timeUs);
    difference.values.push(a === b ? 0 : (a - b) / Math.max(Math.abs(a), Math.abs(b)));
  });
  const rows = points(reduceSeries(difference)).map(([t, v]) => ({ t, v }));
  return chart(name, {
    vconcat: [
      {
        width: COLUMNS,
        height: 110,
        data: { values: overlay },
        mark: { type: 'line', tooltip: true },
        encoding: {
          x: TIME_AXIS,
          y: {
            field: 'v',
            type: 'quantitative',
            scale: { zero: false },
            axis: { title: null, tickCount: 4 },
          },
          color: { field: 's', type: 'nominal' },
          strokeDash: { field: 's', type: 'nominal', legend: null },
        },
      },
      {
        width: COLUMNS,
        height: 50,
        data: { values: rows },
        mark: { type: 'bar', size: 3, color: 'var(--c2)', tooltip: true },
        encoding: {
          x: TIME_AXIS,
          y: { field: 'v', type: 'quantitative', axis: { title: 'relative', format: '.0e', tickCount: 3 } },
        },
      },
    ],
    resolve: { scale: { x: 'shared', color: 'independent' } },
  });
}

export function latencyChart(stages: Readonly<Record<string, Latency>>): Chart | undefined {
  const rows: Row[] = Object.entries(stages).flatMap(([stage, latency], order) =>
    (['p50', 'p90', 'p99', 'p999', 'max'] as const).map((p) => ({
      stage,
      order,
      p: p === 'p999' ? 'p99.9' : p,
      us: Math.max(0.1, latency[p]),
    })),
  );
  if (rows.length === 0) return undefined;
  return chart('Latency by stage, µs, logarithmic', {
    height: 34 * Object.keys(stages).length,
    data: { values: rows },
    mark: { type: 'point', filled: true, size: 70, opacity: 1, tooltip: true },
    encoding: {
      x: { field: 'us', type: 'quantitative', scale: { type: 'log' }, axis: { title: 'µs', format: '~s' } },
      y: {
        field: 'stage',
        type: 'nominal',
        sort: { field: 'order' },
        axis: { title: null, labelLimit: 220 },
      },
      color: { field: 'p', type: 'nominal', sort: null },
    },
  });
}

function points(series: Series): readonly (readonly [number, number])[] {
  return series.timesUs.map((timeUs, i) => [ms(timeUs), series.values[i]!] as const);
}
