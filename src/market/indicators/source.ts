// Which price of a candle an indicator looks at.
import { unreachable } from '../../core/assert.ts';
import type { Candle } from '../../core/candle.ts';

export type Source = 'open' | 'high' | 'low' | 'close' | 'hl2' | 'hlc3';

export const SOURCES: readonly Source[] = ['open', 'high', 'low', 'close', 'hl2', 'hlc3'];

export function sourcePrice(candle: Candle, source: Source): number {
  switch (source) {
    case 'close':
      return candle.close;
    case 'open':
      return candle.open;
    case 'high':
      return candle.high;
    case 'low':
      return candle.low;
    case 'hl2':
      return (candle.high + candle.low) / 2;
    case 'hlc3':
      return (candle.high + candle.low + candle.close) / 3;
    default:
      return unreachable(source);
  }
}
