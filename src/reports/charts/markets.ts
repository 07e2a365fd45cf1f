// Candles with what stood on them: indicators on the price or below it, fills, and the round trips between them.

import type { RoundTrip, TimedFill } from '../../runs/figures/trips.ts';
import { at } from '../format.ts';
import type { SeriesEvidence } from '../markets.ts';
import { COLUMNS, type Thinned } from '../reduce.ts';
import {
  AT,
  type Chart,
  lineRows,
  ms,
  type Panel,
  type Part,
  type Row,
  short,
  timeChart,
  valueAxis,
} from './chart.ts';

export function candleChart(series: SeriesEvidence): Chart | undefined {
  const { candles, fills, trips, symbol, name } = series;
  if (candles.length === 0) return undefined;
  const { onPrice, below } = place(series);
  const bars = candles.bars();
  const rows: Row[] = bars.map((bar) => ({
    t: ms(bar.startUs + bar.intervalUs / 2),
    at: at(bar.startUs),
    // A body leaves a little air on both sides, whatever the zoom.
    a: ms(bar.startUs + bar.intervalUs * 0.15),
    b: ms(bar.startUs + bar.intervalUs * 0.85),
    ...{ o: bar.open, h: bar.high, l: bar.low, c: bar.close, v: short(bar.volume), n: bar.trades },
    heard: bar.isPartial ? 'in part' : 'whole',
  }));
  const marks = thinFills(fills, spanOf(rows));
  const lines = tripRows(trips);
  const y = (field: string): Part => valueAxis(field, { title: symbol, tickCount: 7 });
  const price: Panel = {
    height: 280,
    layers: [
      ...bodies(rows, y),
      ...(onPrice.length === 0 ? [] : [indicatorLines('onPrice', onPrice, y('v'))]),
      ...(lines.length === 0 ? [] : [tripLines(lines, y)]),
      ...(marks.length === 0 ? [] : [fillMarks(marks, y)]),
    ],
    ...(onPrice.length === 0 ? {} : { readout: [{ data: 'onPrice', format: ',.8~g' }] }),
  };
  const notes = [
    ...(fills.length === 0 ? [] : ['▲ buy ▼ sell']),
    ...(bars.length < candles.length ? [`${candles.length} candles drawn as ${bars.length}`] : []),
    ...(marks.length < fills.length ? [`${fills.length} fills drawn as ${marks.length}`] : []),
  ];
  // An axis cannot be made of zeros alone.
  const volume = bars.some((bar) => bar.volume > 0) ? [volumePanel(rows)] : [];
  const panels = [price, ...volume, ...below];
  return timeChart(`${symbol}, ${name}`, panels, {}, notes.length === 0 ? undefined : notes.join('; '));
}

/** An indicator that stays near the prices is drawn on them; the outputs of another share a panel of its own. */
function place({ candles, indicators }: SeriesEvidence): {
  readonly onPrice: readonly Row[];
  readonly below: readonly Panel[];
} {
  const low = candles.bars().reduce((least, bar) => Math.min(least, bar.low), Number.POSITIVE_INFINITY);
  const high = candles.bars().reduce((most, bar) => Math.max(most, bar.high), Number.NEGATIVE_INFINITY);
  const reach = Math.max((high - low) / 2, high * 0.005);
  // A value belongs to its candle: it stands where the candle's body does.
  const shiftUs = candles.intervalUs / 2;
  const onPrice: Row[] = [];
  const below = new Map<string, Map<string, Thinned>>();
  for (const [name, values] of indicators) {
    const isPrice = low > 0 && values.low > low - reach && values.high < high + reach;
    if (isPrice) onPrice.push(...lineRows(values.points(), labelOf(name), shiftUs));
    else {
      const input = name.split('.')[0]!;
      const outputs = below.get(input) ?? new Map<string, Thinned>();
      below.set(input, outputs.set(labelOf(name), values));
    }
  }
  return { onPrice, below: [...below].map(([input, outputs]) => indicatorPanel(input, outputs, shiftUs)) };
}

/** `rsi.value` → `rsi`: the only output needs no name of its own. */
function labelOf(name: string): string {
  return name.replace(/\.value$/, '');
}

function indicatorPanel(input: string, outputs: ReadonlyMap<string, Thinned>, shiftUs: number): Panel {
  const rows = [...outputs].flatMap(([label, values]) => lineRows(values.points(), label, shiftUs));
  const legend = outputs.size > 1 ? {} : { legend: null };
  return {
    height: 80,
    layers: [indicatorLines(input, rows, valueAxis('v', { title: input, tickCount: 4 }), legend)],
    readout: [{ data: input, format: ',.6~g' }],
  };
}

function indicatorLines(data: string, rows: readonly Row[], y: Part, legend: Part = {}): Part {
  return {
    data: { name: data, values: rows },
    mark: { type: 'line', point: rows.length === 1 },
    encoding: { y, color: { field: 's', type: 'nominal', sort: null, ...legend } },
  };
}

const RISES = { condition: { test: 'datum.c >= datum.o', value: 'var(--up)' }, value: 'var(--down)' };
const HEARD = { condition: { test: "datum.heard === 'in part'", value: 0.45 }, value: 1 };

function bodies(rows: readonly Row[], y: (field: string) => Part): readonly Part[] {
  const named = { o: 'open', h: 'high', l: 'low', c: 'close', v: 'volume', n: 'trades' };
  const tooltip = [
    AT,
    ...Object.entries(named).map(([field, title]) => ({ field, type: 'quantitative', title })),
    { field: 'heard', type: 'nominal' },
  ];
  return [
    {
      data: { name: 'candles', values: rows },
      mark: { type: 'rule' },
      encoding: { y: y('l'), y2: { field: 'h' }, color: RISES, opacity: HEARD, tooltip },
    },
    {
      data: { name: 'candles' },
      mark: { type: 'rect', strokeWidth: rows.length > COLUMNS / 4 ? 0.5 : 1 },
      encoding: {
        x: { field: 'a' },
        x2: { field: 'b' },
        y: y('o'),
        y2: { field: 'c' },
        ...{ fill: RISES, stroke: RISES, opacity: HEARD, tooltip },
      },
    },
  ];
}

function volumePanel(rows: readonly Row[]): Panel {
  const tooltip = [
    AT,
    { field: 'v', type: 'quantitative', title: 'volume' },
    { field: 'n', type: 'quantitative', title: 'trades' },
  ];
  return {
    height: 46,
    layers: [
      {
        data: { name: 'volume', values: rows.map(({ t, a, b, v, n, at }) => ({ t, a, b, v, n, at }) as Row) },
        mark: { type: 'rect', color: 'var(--soft)', opacity: 0.55 },
        encoding: {
          x: { field: 'a' },
          x2: { field: 'b' },
          y: valueAxis('v', { title: 'volume', tickCount: 2, format: '~s' }, {}),
          y2: { datum: 0 },
          tooltip,
        },
      },
    ],
  };
}

function tripLines(rows: readonly Row[], y: (field: string) => Part): Part {
  return {
    data: { name: 'trips', values: rows },
    mark: { type: 'rule', strokeDash: [3, 2], strokeWidth: 1.5 },
    encoding: {
      x2: { field: 'u' },
      y: y('p'),
      y2: { field: 'q' },
      color: { condition: { test: 'datum.pnl >= 0', value: 'var(--up)' }, value: 'var(--down)' },
    },
  };
}

function fillMarks(rows: readonly Row[], y: (field: string) => Part): Part {
  const sides = (range: readonly string[]): Part => ({
    field: 'side',
    type: 'nominal',
    scale: { domain: ['buy', 'sell'], range },
    legend: null,
  });
  return {
    data: { name: 'fills', values: rows },
    mark: {
      type: 'point',
      filled: true,
      size: rows.length > 60 ? 40 : 110,
      opacity: 1,
      stroke: 'var(--ground)',
      strokeWidth: 1,
    },
    encoding: {
      y: y('p'),
      shape: sides(['triangle-up', 'triangle-down']),
      fill: sides(['var(--buy)', 'var(--sell)']),
      tooltip: [
        AT,
        { field: 'side', type: 'nominal' },
        { field: 'p', type: 'quantitative', title: 'price' },
        { field: 'size', type: 'quantitative' },
        { field: 'fee', type: 'nominal' },
        { field: 'maker', type: 'nominal', title: 'liquidity' },
        { field: 'reason', type: 'nominal' },
      ],
    },
  };
}

function spanOf(rows: readonly Row[]): { readonly from: number; readonly to: number } {
  return { from: Number(rows[0]?.a ?? 0), to: Number(rows.at(-1)?.b ?? 0) };
}

/** Up to this many fills each is drawn; of more, the first of a side in each place. */
const FILLS_MAX = 200;
/** Places along the chart. */
const PLACES = COLUMNS / 5;

function thinFills(
  fills: readonly TimedFill[],
  { from, to }: { readonly from: number; readonly to: number },
): readonly Row[] {
  const width = (to - from) / PLACES || 1;
  const taken = new Set<string>();
  const rows: Row[] = [];
  for (const { timeUs, fill, reason } of fills) {
    const place = `${Math.floor((ms(timeUs) - from) / width)} ${fill.side}`;
    if (fills.length > FILLS_MAX && taken.has(place)) continue;
    taken.add(place);
    rows.push({
      ...{ t: ms(timeUs), at: at(timeUs), p: fill.price, side: fill.side, size: fill.size },
      ...{ fee: `${fill.fee} ${fill.feeCurrency}`, maker: fill.liquidity, reason },
    });
  }
  return rows;
}

/** More round trips than this would hide the candles. */
const TRIPS_MAX = 100;

function tripRows(trips: readonly RoundTrip[]): readonly Row[] {
  if (trips.length > TRIPS_MAX) return [];
  return trips.map(({ openedUs, closedUs, entryPrice, exitPrice, pnl }) => ({
    ...{ t: ms(openedUs), u: ms(closedUs), p: entryPrice, q: exitPrice, pnl },
  }));
}
