// Round trips one by one: what each made, and how far it went either way while it was open.
import type { RoundTrip } from '../../runs/figures/trips.ts';
import { at } from '../format.ts';
import { COLUMNS } from '../reduce.ts';
import { type Chart, chart, type Part, type Row, short } from './chart.ts';

/** Fewer trips are better read in the table. */
const TRIPS_MIN = 3;
/** Trips that are drawn one by one. */
const TRIPS_MAX = 500;

const SIGN = { condition: { test: 'datum.pnl >= 0', value: 'var(--up)' }, value: 'var(--down)' };
const TOOLTIP = [
  { field: 's', type: 'nominal', title: 'strategy' },
  { field: 'symbol', type: 'nominal' },
  { field: 'side', type: 'nominal' },
  { field: 'at', type: 'nominal', title: 'closed' },
  { field: 'pnl', type: 'quantitative', format: ',.4f', title: 'profit or loss' },
  { field: 'r', type: 'quantitative', format: '.3%', title: 'return' },
  { field: 'mae', type: 'quantitative', format: '.3%', title: 'worst while open' },
  { field: 'mfe', type: 'quantitative', format: '.3%', title: 'best while open' },
  { field: 'why', type: 'nominal', title: 'closed because' },
];

export function tripCharts(trips: readonly RoundTrip[]): readonly Chart[] {
  if (trips.length < TRIPS_MIN) return [];
  const first = Math.max(0, trips.length - TRIPS_MAX);
  const rows: Row[] = trips.slice(first).map((trip, i) => ({
    n: first + i + 1,
    at: at(trip.closedUs),
    ...{ s: trip.strategy, symbol: trip.symbol, side: trip.side, why: trip.exitReason },
    ...{ pnl: short(trip.pnl * trip.rate), r: short(trip.returnFraction) },
    ...{ mae: finite(trip.mae), mfe: finite(trip.mfe) },
  }));
  const note = trips.length > TRIPS_MAX ? `the last ${TRIPS_MAX} of ${trips.length}` : undefined;
  return [profits(rows, note), ...excursions(rows, note)];
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? short(value) : null;
}

function profits(rows: readonly Row[], note: string | undefined): Chart {
  const spec = {
    height: 120,
    data: { name: 'trips', values: rows },
    mark: { type: 'bar', size: Math.max(1, Math.min(14, (COLUMNS / rows.length) * 0.7)) },
    encoding: {
      x: {
        ...{ field: 'n', type: 'quantitative' },
        scale: { zero: false, nice: false, padding: 8 },
        axis: { title: 'round trip, in order of closing', tickMinStep: 1, grid: false, format: 'd' },
      },
      y: { field: 'pnl', type: 'quantitative', axis: { title: 'reporting currency', tickCount: 5 } },
      color: SIGN,
      tooltip: TOOLTIP,
    },
  };
  return chart('Profit and loss by round trip', spec, note);
}

/** From its worst to its best moment a trip is a line, at the height of what it made of them. */
function excursions(rows: readonly Row[], note: string | undefined): readonly Chart[] {
  const known = rows.filter(({ mae, mfe }) => mae !== null && mfe !== null);
  if (known.length < TRIPS_MIN) return [];
  const x = (field: string): Part => ({
    ...{ field, type: 'quantitative' },
    axis: { title: 'return while open, worst to best', format: '.2%', tickCount: 8 },
  });
  const spec = {
    height: 180,
    data: { name: 'trips', values: known },
    encoding: {
      y: {
        field: 'r',
        type: 'quantitative',
        axis: { title: 'return at the end', format: '.2%', tickCount: 6 },
      },
    },
    layer: [
      {
        mark: { type: 'rule', opacity: 0.55 },
        encoding: { x: x('mae'), x2: { field: 'mfe' }, color: SIGN, tooltip: TOOLTIP },
      },
      {
        mark: { type: 'tick', thickness: 2, size: 7 },
        encoding: { x: x('mae'), color: SIGN, tooltip: TOOLTIP },
      },
      {
        mark: { type: 'point', filled: true, size: 40, opacity: 1 },
        encoding: { x: x('mfe'), color: SIGN, tooltip: TOOLTIP },
      },
    ],
  };
  return [chart('How far round trips went: worst (tick) and best (dot) while open', spec, note)];
}
