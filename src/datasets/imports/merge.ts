// Several captures as one sequence in order of time. Captures that follow one another are read one after the other; those
// of the same time are merged, each a connection of its own, beside the others. Without times they follow as they are named.
import type { CaptureItem } from './formats.ts';
import type { TimedBatch } from './timed.ts';

export type MergeSource = {
  readonly batches: AsyncGenerator<TimedBatch, void, undefined>;
  /** First receive time, µs; NaN where the capture has none. */
  readonly firstUs: number;
};

/** One item of one of the sources. */
export type MergedItem = {
  source: number;
  item: CaptureItem;
  us: number;
  stepUs: number;
};

type Reader = {
  readonly source: number;
  readonly batches: AsyncGenerator<TimedBatch, void, undefined>;
  batch: TimedBatch;
  at: number;
  /** Of the item at hand; that of the one before where it has none. */
  us: number;
};

export type MergeHandlers = {
  readonly open: (source: number) => Promise<void>;
  readonly take: (merged: MergedItem) => Promise<void> | undefined;
  readonly close: (source: number) => Promise<void>;
};

/** Opens each source when its time comes, takes its items, closes it behind the last one. */
export async function mergeCaptures(sources: readonly MergeSource[], to: MergeHandlers): Promise<void> {
  const waiting = sources.map((source, index) => ({ ...source, index }));
  const readers: Reader[] = [];
  const merged: MergedItem = { source: 0, item: { type: 'bad', time: '', reason: '' }, us: 0, stepUs: 0 };
  try {
    for (;;) {
      const earliest = earliestOf(readers);
      const next = waiting[0];
      if (next !== undefined && (earliest === undefined || next.firstUs <= earliest.us)) {
        waiting.shift();
        const reader = await startReading(next.index, next.batches);
        if (reader !== undefined) {
          await to.open(next.index);
          readers.push(reader);
        }
        continue;
      }
      if (earliest === undefined) return;
      merged.source = earliest.source;
      merged.item = earliest.batch.items[earliest.at]!;
      merged.us = earliest.batch.us[earliest.at]!;
      merged.stepUs = earliest.batch.stepUs[earliest.at]!;
      const taken = to.take(merged);
      if (taken !== undefined) await taken;
      if (!step(earliest) && !(await refill(earliest))) {
        readers.splice(readers.indexOf(earliest), 1);
        await to.close(earliest.source);
      }
    }
  } finally {
    for (const { batches } of sources) await batches.return();
  }
}

function earliestOf(readers: readonly Reader[]): Reader | undefined {
  let earliest = readers[0];
  for (let i = 1; i < readers.length; i++) if (readers[i]!.us < earliest!.us) earliest = readers[i];
  return earliest;
}

async function startReading(source: number, batches: Reader['batches']): Promise<Reader | undefined> {
  const empty: TimedBatch = { items: [], us: new Float64Array(0), stepUs: new Float64Array(0) };
  const reader: Reader = { source, batches, batch: empty, at: 0, us: Number.NEGATIVE_INFINITY };
  return (await refill(reader)) ? reader : undefined;
}

/** Whether there is another item in the batch at hand. */
function step(reader: Reader): boolean {
  reader.at++;
  if (reader.at >= reader.batch.items.length) return false;
  remember(reader);
  return true;
}

async function refill(reader: Reader): Promise<boolean> {
  for (;;) {
    const next = await reader.batches.next();
    if (next.done === true) return false;
    if (next.value.items.length === 0) continue;
    reader.batch = next.value;
    reader.at = 0;
    remember(reader);
    return true;
  }
}

function remember(reader: Reader): void {
  const us = reader.batch.us[reader.at]!;
  if (!Number.isNaN(us)) reader.us = us;
}
