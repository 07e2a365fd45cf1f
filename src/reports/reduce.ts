// Fewer points, the same picture: first, last, lowest and highest of each pixel column (M4, Jugel et al. 2014),
// so that no true extreme is lost; and candles merged into fewer candles.
import type { RecordOf } from '../runs/log.ts';
import type { Series } from './evidence.ts';

/** As wide as the charts are, in pixels. */
export const COLUMNS = 960;

export function reduceSeries(series: Series, columns = COLUMNS): Series {
  const { timesUs, values } = series;
  if (values.length <= columns * 4) return series;
  const from = timesUs[0]!;
  const width = (timesUs.at(-1)! - from) / columns || 1;
  const kept: Series = { timesUs: [], values: [] };
  let start = 0;
  while (start < values.length) {
    const column = Math.floor((timesUs[start]! - from) / width);
    let [end, low, high] = [start, start, start];
    while (end < values.length && Math.floor((timesUs[end]! - from) / width) === column) {
      if (values[end]! < values[low]!) low = end;
      if (values[end]! > values[high]!) high = end;
      end += 1;
    }
    for (const index of [...new Set([start, low, high, end - 1])].sort((a, b) => a - b)) {
      kept.timesUs.push(timesUs[index]!);
      kept.values.push(values[index]!);
    }
    start = end;
  }
  return kept;
}

/** At most `max` candles: neighbours are merged, n by n. */
export function mergeCandles(
  candles: readonly RecordOf<'candle'>[],
  max = 480,
): readonly RecordOf<'candle'>[] {
  const size = Math.ceil(candles.length / max);
  if (size <= 1) return candles;
  const merged: RecordOf<'candle'>[] = [];
  for (let start = 0; start < candles.length; start += size) {
    const group = candles.slice(start, start + size);
    const first = group[0]!;
    merged.push({
      ...first,
      intervalUs: first.intervalUs * size,
      high: Math.max(...group.map(({ high }) => high)),
      low: Math.min(...group.map(({ low }) => low)),
      close: group.at(-1)!.close,
      volume: group.reduce((sum, { volume }) => sum + volume, 0),
      trades: group.reduce((sum, { trades }) => sum + trades, 0),
    });
  }
  return merged;
}
