// Latency by stage, measured outside the engine: one histogram a stage, 25 ns a record, percentiles at the end.
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import type { Probe } from '../connections/recorder.ts';
import { type EventBatch, Flag } from '../core/event.ts';
import type { RunRecord } from '../core/record.ts';
import { FEED_LAG } from '../runs/latency.ts';
import type { Latency } from '../runs/run.ts';

/** Stages of a frame's way, in order. Each is measured from the socket's callback, except the first. */
const STAGES = [FEED_LAG, 'to journal', 'to events', 'through engine', 'to order'] as const;

export class LatencyProbe implements Probe {
  readonly #stages = new Map(
    STAGES.map((stage) => [stage as string, createHistogram({ lowest: 1, highest: 60e9 })]),
  );
  readonly #network = this.#stage(FEED_LAG);
  readonly #journal = this.#stage('to journal');
  readonly #events = this.#stage('to events');
  readonly #engine = this.#stage('through engine');
  readonly #order = this.#stage('to order');
  #hasOrder = false;

  /** Watches the run log: the frame under way has led to an order. */
  readonly onRecord = (record: RunRecord): void => {
    if (record.type === 'order' && record.order.status === 'pending') this.#hasOrder = true;
  };

  /** The venue's own time against ours, of the last event of a frame; a venue clock that is ahead counts as 0. */
  observe(batch: EventBatch): void {
    const row = batch.length - 1;
    if (row < 0) return;
    const lagUs = batch.receivedUs[row]! - batch.exchangeUs[row]!;
    if (lagUs > 0) this.#network.record(Math.min(60e9, Math.round(lagUs * 1000)));
  }

  frame(journalledNs: number, decodedNs: number, deliveredNs: number): void {
    this.#journal.record(Math.max(1, Math.round(journalledNs)));
    this.#events.record(Math.max(1, Math.round(decodedNs)));
    this.#engine.record(Math.max(1, Math.round(deliveredNs)));
    if (this.#hasOrder) this.#order.record(Math.max(1, Math.round(deliveredNs)));
    this.#hasOrder = false;
  }

  summary(): Readonly<Record<string, Latency>> {
    const stages = [...this.#stages].filter(([, histogram]) => histogram.count > 0);
    return Object.fromEntries(stages.map(([stage, histogram]) => [stage, latencyOf(histogram)]));
  }

  #stage(name: (typeof STAGES)[number]): RecordableHistogram {
    return this.#stages.get(name)!;
  }
}

/** Samples of one batch at the most. */
const SAMPLES_MAX = 128;
/** Longer than this is no way that data takes, but a clock or a stamp. */
const LAG_MAX_US = 86_400e6;

/** How far the events of any feed lag the venue, receive time less venue time; what came late after a gap says nothing. */
export class FeedLag {
  readonly #lags = createHistogram({ lowest: 1, highest: LAG_MAX_US * 1000 });

  observe({ length, receivedUs, exchangeUs, flags }: EventBatch): void {
    const step = 1 + Math.floor(length / SAMPLES_MAX);
    for (let row = 0; row < length; row += step) {
      const lagUs = receivedUs[row]! - exchangeUs[row]!;
      if (Number.isNaN(lagUs) || (flags[row]! & Flag.late) !== 0) continue;
      this.#lags.record(Math.max(1, Math.round(Math.min(lagUs, LAG_MAX_US) * 1000)));
    }
  }

  summary(): Readonly<Record<string, Latency>> {
    return this.#lags.count === 0 ? {} : { [FEED_LAG]: latencyOf(this.#lags) };
  }
}

/** Nanoseconds in, microseconds out. */
export function latencyOf(histogram: RecordableHistogram): Latency {
  const at = (percentile: number): number => histogram.percentile(percentile) / 1000;
  return {
    count: histogram.count,
    p50: at(50),
    p90: at(90),
    p99: at(99),
    p999: at(99.9),
    max: histogram.max / 1000,
    mean: histogram.mean / 1000,
  };
}
