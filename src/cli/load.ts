// Strategies as commands load them, and what is said aloud of what they get in place of what they asked for.
import type { BundledStrategy } from '../sessions/strategies.ts';
import type { Output } from './output.ts';

export { listStrategies, strategyFolders } from '../sessions/bundle.ts';
export { type BundledStrategy, loadStrategies, loadStrategy } from '../sessions/strategies.ts';

/** Lines shown of one strategy; a bundled library may have hundreds. */
const WARNINGS_MAX = 12;

export function noteWarnings(strategies: readonly BundledStrategy[], output: Output): void {
  const byPath = new Map(strategies.map(({ path, warnings }) => [path, warnings]));
  for (const [path, warnings] of byPath) {
    for (const warning of warnings.slice(0, WARNINGS_MAX)) output.note(`warning: ${warning}`);
    const more = warnings.length - WARNINGS_MAX;
    if (more > 0) output.note(`warning: ${path}: ${more} more of these`);
  }
}
