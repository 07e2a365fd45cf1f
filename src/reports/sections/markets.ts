// Each candle series with what stood on it: indicators, entries, exits.
import { candleChart } from '../charts/markets.ts';
import type { Section, Subject } from './section.ts';

export function markets({ evidence }: Subject): Section | undefined {
  const charts = evidence.series.map(candleChart).filter((chart) => chart !== undefined);
  return charts.length === 0
    ? undefined
    : { id: 'markets', title: 'Candles, indicators and fills', body: charts };
}
