// Saving and restoring: every indicator is made of parts that write themselves into one array of numbers.
// Invariant: what was saved fits only an indicator of the same parameters, and says so when it does not.
import { assert } from '../../core/assert.ts';

export interface Part {
  /** Numbers in its saved state; depends on its parameters only. */
  readonly stateSize: number;
  save(to: Float64Array): void;
  restore(from: Float64Array): void;
}

export function saveState(...parts: readonly (Part | Float64Array)[]): Float64Array {
  const state = new Float64Array(sizeOf(parts));
  let at = 0;
  for (const part of parts) {
    if (part instanceof Float64Array) state.set(part, at);
    else part.save(state.subarray(at, at + part.stateSize));
    at += part instanceof Float64Array ? part.length : part.stateSize;
  }
  return state;
}

export function restoreState(state: Float64Array, ...parts: readonly (Part | Float64Array)[]): void {
  assert(state.length === sizeOf(parts), 'a saved state comes from an indicator of the same parameters');
  let at = 0;
  for (const part of parts) {
    const size = part instanceof Float64Array ? part.length : part.stateSize;
    const slice = state.subarray(at, at + size);
    if (part instanceof Float64Array) part.set(slice);
    else part.restore(slice);
    at += size;
  }
}

/** A period in candles. */
export function assertPeriod(period: number, least = 1): void {
  assert(Number.isSafeInteger(period) && period >= least, `a period is a whole number of at least ${least}`);
}

/** Outputs before there are any. */
export function noOutputs(count: number): Float64Array {
  return new Float64Array(count).fill(Number.NaN);
}

export const SINGLE_OUTPUT: readonly string[] = ['value'];

function sizeOf(parts: readonly (Part | Float64Array)[]): number {
  let size = 0;
  for (const part of parts) size += part instanceof Float64Array ? part.length : part.stateSize;
  return size;
}
