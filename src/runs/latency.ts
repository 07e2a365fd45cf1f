// Whether a run's orders were as slow as its feed. Orders meet the book as it was received, so a feed that lags costs
// them nothing: where it lags more than an order is said to travel, fills are better than a venue would have given.
import type { Run } from './run.ts';

/** The stage of a run's measured latency that is the feed's own lag: receive time less venue time. */
export const FEED_LAG = 'venue to socket';

/** A shorter lag is within what the clocks are set to. */
const LAG_TOLD_MS = 1;

/** One sentence, or undefined when the median lag of the feed is within the median latency of an order. */
export function feedLagWarning({ measured, manifest }: Run): string | undefined {
  const lagMs = (measured?.latency[FEED_LAG]?.p50 ?? Number.NaN) / 1000;
  const orderMs = medianMs(manifest.config.latency);
  if (!(lagMs > Math.max(orderMs, LAG_TOLD_MS))) return undefined;
  return (
    `the feed lags the venue by ${shown(lagMs)} ms (p50; a clock that is off counts too), more than the order latency of ` +
    `${shown(orderMs)} ms: orders met a book that was gone at the venue, so fills may be too good; set latency to the lag or more`
  );
}

/** The median of a latency model as the run file has it; NaN for what is not one. */
function medianMs(latency: unknown): number {
  const { ms, minMs, maxMs, samplesMs } = (latency ?? {}) as Readonly<Record<string, unknown>>;
  if (Array.isArray(samplesMs)) {
    const sorted = samplesMs.map(Number).sort((a, b) => a - b);
    return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
  }
  return typeof ms === 'number' ? ms : (Number(minMs) + Number(maxMs)) / 2;
}

function shown(ms: number): string {
  return ms < 10 ? ms.toFixed(1) : ms.toFixed(0);
}
