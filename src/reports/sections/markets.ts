// Each candle series with what stood on it: indicators, entries, exits.
import { candleChart } from '../charts/markets.ts';
import { html } from '../html.ts';
import type { Section, Subject } from './section.ts';

/** Charts are large; what is past these is in candles.parquet and indicators.parquet. */
const SERIES_MAX = 24;

export function markets({ evidence }: Subject): Section | undefined {
  const shown = evidence.series.slice(0, SERIES_MAX);
  const charts = shown.map(candleChart).filter((chart) => chart !== undefined);
  if (charts.length === 0) return undefined;
  const left = evidence.series.length - shown.length;
  return {
    id: 'markets',
    title: 'Candles, indicators and fills',
    body: [
      ...charts,
      ...(left > 0 ? [html`<p class="note">${left} more series are in candles.parquet.</p>`] : []),
    ],
  };
}
