import { expect, test } from 'vitest';
import { feedLagWarning } from '../../src/runs/latency.ts';
import type { Latency, Run } from '../../src/runs/run.ts';

/** A run whose feed had this median lag, with this latency in its run file. */
function run(lagMs: number | undefined, latency: unknown): Run {
  const stage: Partial<Latency> = { p50: (lagMs ?? Number.NaN) * 1000 };
  const stages = lagMs === undefined ? {} : { 'venue to socket': stage };
  return { measured: { latency: stages }, manifest: { config: { latency } } } as unknown as Run;
}

test.each([
  [80, { model: 'fixed', ms: 75 }, true],
  [75, { model: 'fixed', ms: 75 }, false],
  [76, { model: 'uniform', minMs: 50, maxMs: 100 }, true],
  [74, { model: 'uniform', minMs: 50, maxMs: 100 }, false],
  [11, { model: 'empirical', samplesMs: [500, 10, 1] }, true],
  [9, { model: 'empirical', samplesMs: [500, 10, 1] }, false],
  [undefined, { model: 'fixed', ms: 0 }, false],
  [80, undefined, false],
])('a feed lag of %s ms against %j is warned of: %s', (lagMs, latency, isWarned) => {
  const warning = feedLagWarning(run(lagMs, latency));
  expect(warning !== undefined).toBe(isWarned);
  if (isWarned) expect(warning).toContain(`lags the venue by ${lagMs} ms`);
});
