// Round trips one by one: what each made, and how far it went either way.
import { formatTimeUs } from '../../core/time.ts';
import type { RoundTrip } from '../../runs/trades.ts';
import { COLUMNS } from '../reduce.ts';
import { type Chart, chart, type Row } from './chart.ts';

/** Trips that are drawn one by one. */
const TRIPS_MAX = 500;

/** What each round trip made, when, and how far it went either way while it was open. */
export function tripCharts(trips: readonly RoundTrip[]): readonly Chart[] {
  if (trips.length < 3) return [];
  const rows: Row[] = trips.slice(-TRIPS_MAX).map((trip, n) => ({
    n: n + 1,
    at: formatTimeUs(trip.closedUs),
    s: trip.strategy,
    pnl: trip.pnl,
    mae: trip.mae,
    mfe: trip.mfe,
    r: trip.returnFraction,
    why: trip.exitReason,
  }));
  const tooltip = [
    { field: 's', type: 'nominal', title: 'strategy' },
    { field: 'at', type: 'nominal', title: 'closed' },
    { field: 'pnl', type: 'quantitative', format: '.4f' },
    { field: 'why', type: 'nominal', title: 'closed because' },
  ];
  const sign = { condition: { test: 'datum.pnl >= 0', value: 'var(--up)' }, value: 'var(--down)' };
  const axis = (title: string) => ({ title, format: '.2%' });
  const half = (COLUMNS - 90) / 2;
  const scatter = (field: string, title: string) => ({
    width: half,
    height: 160,
    mark: { type: 'point', filled: true, size: 45, opacity: 0.85 },
    encoding: {
      x: { field, type: 'quantitative', axis: axis(title) },
      y: { field: 'r', type: 'quantitative', axis: axis('return') },
      color: sign,
      tooltip,
    },
  });
  const bars = {
    width: COLUMNS,
    height: 110,
    mark: { type: 'bar', size: Math.max(1, Math.min(14, (COLUMNS / rows.length) * 0.7)) },
    encoding: {
      x: { field: 'n', type: 'quantitative', axis: { title: 'round trip', tickMinStep: 1 } },
      y: { field: 'pnl', type: 'quantitative', axis: { title: 'profit or loss' } },
      color: sign,
      tooltip,
    },
  };
  const note = trips.length > TRIPS_MAX ? `the last ${TRIPS_MAX} of ${trips.length}` : undefined;
  const spec = {
    data: { values: rows },
    vconcat: [
      bars,
      { hconcat: [scatter('mae', 'worst while open (MAE)'), scatter('mfe', 'best while open (MFE)')] },
    ],
  };
  return [chart('Profit and loss by round trip', spec, note)];
}
