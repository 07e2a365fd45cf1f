// What a strategy may import: declarations of inputs and signals, indicators to build on, texts of times.
// Everything here is plain code over its arguments, so that each strategy can have a copy of its own.
export type { Candle } from '../core/candle.ts';
export { UsageError } from '../core/errors.ts';
export type { Instrument } from '../core/instrument.ts';
export type { Fill, Order, Side, Signal, TimeInForce } from '../core/order.ts';
export { Random } from '../core/random.ts';
export { formatDurationUs, formatTimeUs, parseDurationUs, parseTimeUs } from '../core/time.ts';
export { CandleSeries } from '../market/candles.ts';
export type { Indicator } from '../market/indicator.ts';
export * from '../market/indicators.ts';
export * from './inputs.ts';
export {
  buy,
  type Context,
  cover,
  defineStrategy,
  type PositionView,
  type Strategy,
  sell,
  short,
  type Trigger,
} from './strategy.ts';
