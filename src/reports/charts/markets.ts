// Candles with what stood on them.
import { formatTimeUs } from '../../core/time.ts';
import type { CandleSeriesEvidence } from '../evidence.ts';
import { COLUMNS, mergeCandles, reduceSeries } from '../reduce.ts';
import { type Chart, chart, ms, points, type Row, TIME_AXIS, ZOOM } from './chart.ts';

/** Candles with the run's fills and those indicators that live on the price scale; the others get a panel of their own. */
export function candleChart(series: CandleSeriesEvidence): Chart | undefined {
  if (series.candles.length === 0) return undefined;
  const merged = mergeCandles(series.candles);
  const candles: Row[] = merged.map((c) => ({
    t: ms(c.startUs),
    at: formatTimeUs(c.startUs),
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
          { field: 'at', type: 'nominal', title: 'start' },
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
