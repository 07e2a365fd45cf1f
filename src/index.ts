// The public surface: what a strategy, a notebook or a test imports. Nothing else is promised to stay.
export { DataError, VenueError } from './core/errors.ts';
export { EventBatch, EventKind, type Feed, Flag, NO_INSTRUMENT } from './core/event.ts';
export type { Position, RunLog, RunRecord } from './core/record.ts';
export { parseRunConfig, type RunConfig, runConfigSchema } from './engine/config.ts';
export { Engine, type EngineOptions, type EngineStatus, type LoadedStrategy } from './engine/engine.ts';
export { prepare, StrategyFault, type World } from './engine/runner.ts';
export * from './engine/surface.ts';
