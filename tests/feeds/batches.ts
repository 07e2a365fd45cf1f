// Small feeds and readable rows for the tests of this folder.

import { InputDigest } from '../../src/core/digest.ts';
import { EVENT_KIND_NAMES, EventBatch, EventKind, type Feed } from '../../src/core/event.ts';

export type Row = {
  readonly us: number;
  readonly kind?: EventKind;
  readonly instrument?: number;
  readonly seq?: number;
  readonly ordinal?: number;
  readonly price?: number;
  readonly size?: number;
  readonly flags?: number;
};

export function batchOf(rows: readonly Row[]): EventBatch {
  const batch = new EventBatch(Math.max(1, rows.length));
  for (const row of rows) {
    const at = batch.add(row.kind ?? EventKind.trade, row.instrument ?? 0, row.seq ?? 0, row.us, row.us - 5);
    batch.ordinal[at] = row.ordinal ?? 0;
    batch.price[at] = row.price ?? 0;
    batch.size[at] = row.size ?? 0;
    batch.flags[at] = row.flags ?? 0;
  }
  return batch;
}

export function feedOf(batches: readonly EventBatch[], symbols: readonly string[] = ['BTC/USD']): Feed {
  return {
    symbols,
    async *batches() {
      yield* batches;
    },
  };
}

/** Every column of every event, as text, in order. */
export async function textsOf(batches: AsyncIterable<EventBatch>): Promise<string[]> {
  const texts: string[] = [];
  for await (const batch of batches) {
    for (let row = 0; row < batch.length; row++) texts.push(textOf(batch, row));
  }
  return texts;
}

export function textOf(batch: EventBatch, row: number): string {
  const numbers = [
    batch.flags[row],
    batch.instrument[row],
    batch.seq[row],
    batch.ordinal[row],
    batch.receivedUs[row],
    batch.exchangeUs[row],
    batch.price[row],
    batch.size[row],
    batch.price2[row],
    batch.size2[row],
    batch.id[row],
  ];
  const detail = batch.detail[row];
  return `${EVENT_KIND_NAMES[batch.kind[row]!]} ${numbers.join(' ')} ${detail === undefined ? '' : JSON.stringify(detail)}`;
}

export async function digestOf(batches: AsyncIterable<EventBatch>): Promise<string> {
  const digest = new InputDigest();
  let events = 0;
  for await (const batch of batches) {
    digest.fold(batch, 0, batch.length);
    events += batch.length;
  }
  return `${events} ${digest.value()}`;
}
