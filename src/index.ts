// The public surface: what a strategy, a notebook or a test imports. Nothing else is promised to stay.
export type { Candle } from './core/candle.ts';
export { DataError, UsageError, VenueError } from './core/errors.ts';
export { EventBatch, EventKind, type Feed, Flag, NO_INSTRUMENT } from './core/event.ts';
export type { Instrument } from './core/instrument.ts';
export type { Fill, Order, Side, Signal, TimeInForce } from './core/order.ts';
export { Random } from './core/random.ts';
export type { Position, RunLog, RunRecord } from './core/record.ts';
export { formatDurationUs, formatTimeUs, parseDurationUs, parseTimeUs } from './core/time.ts';
export { parseRunConfig, type RunConfig, runConfigSchema } from './engine/config.ts';
export { Engine, type EngineOptions, type EngineStatus, type LoadedStrategy } from './engine/engine.ts';
export * from './engine/inputs.ts';
export { prepare } from './engine/runner.ts';
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
} from './engine/strategy.ts';
export { CandleSeries } from './market/candles.ts';
export type { Indicator } from './market/indicator.ts';
export * from './market/indicators.ts';
