// Moving runs of events between batches. Rows are copied unchanged in every column; no object exists per row.
import { assert } from '../core/assert.ts';
import type { EventBatch } from '../core/event.ts';

/** Below this many rows a plain loop beats the fixed cost of twelve `set` calls. */
const BLOCK_ROWS = 64;

/** Appends rows [from, to) of `source` to `out`, which must have room for them. */
export function copyRows(source: EventBatch, from: number, to: number, out: EventBatch): void {
  const at = out.length;
  const count = to - from;
  assert(from >= 0 && count >= 0 && to <= source.length, 'the copied rows are inside their batch');
  assert(at + count <= out.capacity, 'the copied rows fit into the batch');
  if (count >= BLOCK_ROWS) copyBlock(source, from, to, out);
  else copyFew(source, from, to, out);
  out.length = at + count;
  if (source.detail.length > 0) {
    for (let row = from; row < to; row++) {
      const detail = source.detail[row];
      if (detail !== undefined) out.detail[at + row - from] = detail;
    }
  }
}

function copyFew(source: EventBatch, from: number, to: number, out: EventBatch): void {
  let row = out.length;
  for (let i = from; i < to; i++) {
    out.kind[row] = source.kind[i]!;
    out.flags[row] = source.flags[i]!;
    out.instrument[row] = source.instrument[i]!;
    out.receivedUs[row] = source.receivedUs[i]!;
    out.exchangeUs[row] = source.exchangeUs[i]!;
    out.seq[row] = source.seq[i]!;
    out.ordinal[row] = source.ordinal[i]!;
    out.price[row] = source.price[i]!;
    out.size[row] = source.size[i]!;
    out.price2[row] = source.price2[i]!;
    out.size2[row] = source.size2[i]!;
    out.id[row] = source.id[i]!;
    row++;
  }
}

function copyBlock(source: EventBatch, from: number, to: number, out: EventBatch): void {
  const at = out.length;
  out.kind.set(source.kind.subarray(from, to), at);
  out.flags.set(source.flags.subarray(from, to), at);
  out.instrument.set(source.instrument.subarray(from, to), at);
  out.receivedUs.set(source.receivedUs.subarray(from, to), at);
  out.exchangeUs.set(source.exchangeUs.subarray(from, to), at);
  out.seq.set(source.seq.subarray(from, to), at);
  out.ordinal.set(source.ordinal.subarray(from, to), at);
  out.price.set(source.price.subarray(from, to), at);
  out.size.set(source.size.subarray(from, to), at);
  out.price2.set(source.price2.subarray(from, to), at);
  out.size2.set(source.size2.subarray(from, to), at);
  out.id.set(source.id.subarray(from, to), at);
}

/** Hands a batch of any length on in batches of at most `size` rows; `out` is reused for each of them. */
export function* cutBatch(batch: EventBatch, size: number, out: EventBatch): Generator<EventBatch> {
  if (batch.length <= size) {
    if (batch.length > 0) yield batch;
    return;
  }
  for (let from = 0; from < batch.length; from += size) {
    out.reset();
    copyRows(batch, from, Math.min(from + size, batch.length), out);
    yield out;
  }
}
