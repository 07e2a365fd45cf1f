// What can still be read of a damaged journal. Every batch that is whole by itself is handed out, in the order of its
// numbers, with the numbers that are missing in between; nothing is handed out that is not provably what was written, and
// nothing is written here.
import { closeSync } from 'node:fs';
import { DataError } from '../core/errors.ts';
import type { JournalRecord } from '../core/frame.ts';
import { readAcknowledged } from './acknowledged.ts';
import { SCHEMA_BYTES } from './layout.ts';
import { findBatch, readBatch, type SegmentFile } from './locate.ts';
import { readSealed } from './reader.ts';
import { compareRecords, digestParquet, readSummary, verifySegment } from './seal.ts';
import { listSegments, openSegment, recordsOf, type Segment } from './segment.ts';

export type Salvaged = { readonly state: 'records'; readonly records: readonly JournalRecord[] } | Lost;

/** Records that were written and cannot be read, by their numbers. */
export type Lost = {
  readonly state: 'lost';
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly reason: string;
};

/** What is known from elsewhere, as from a recording's manifest. */
export type Known = {
  /** A record of this number has been there. */
  readonly lastSeq: number;
  /** SHA-256 over the records of a segment, by its name: what its file says is proven by it, too. */
  readonly digests: ReadonlyMap<string, string>;
};

export const NOTHING_KNOWN: Known = { lastSeq: 0, digests: new Map() };

export async function* salvageJournal(
  folder: string,
  known: Known = NOTHING_KNOWN,
): AsyncGenerator<Salvaged, void, undefined> {
  const dueSeq = Math.max(known.lastSeq, readAcknowledged(folder)?.seq ?? 0);
  let [nextSeq, lastUs, reason] = [1, 0, 'there is nothing of them'];
  for (const segment of listSegments(folder)) {
    const source = await sourceOf(segment, known.digests.get(segment.name));
    for await (const all of source.records) {
      // What stands twice is taken once; what contradicts the time before it is not ours.
      const records = all.filter(({ seq, receivedUs }) => seq >= nextSeq && receivedUs >= lastUs);
      const [first, last] = [records[0], records.at(-1)];
      if (first === undefined || last === undefined) continue;
      if (first.seq > nextSeq) {
        yield { state: 'lost', firstSeq: nextSeq, lastSeq: first.seq - 1, reason: source.damage ?? reason };
      }
      yield { state: 'records', records };
      nextSeq = last.seq + 1;
      lastUs = last.receivedUs;
    }
    reason = source.damage ?? reason;
  }
  if (nextSeq <= dueSeq) yield { state: 'lost', firstSeq: nextSeq, lastSeq: dueSeq, reason };
}

type Source = {
  readonly records: AsyncIterable<readonly JournalRecord[]> | Iterable<readonly JournalRecord[]>;
  /** What is wrong with the segment; undefined when it is whole. */
  readonly damage: string | undefined;
};

/** The better of a segment's files: the sealed one when it is proven unchanged, else what is whole of the other. */
async function sourceOf({ name, arrow, parquet }: Segment, digest: string | undefined): Promise<Source> {
  const damage = parquet === undefined ? undefined : await damageOf(parquet, digest);
  if (parquet !== undefined && damage === undefined) return { records: payloadsOf(parquet), damage };
  if (arrow !== undefined) return { records: wholeBatches(arrow), damage: `segment ${name} is damaged` };
  return { records: [], damage };
}

/**
 * Why a sealed segment cannot be believed. One whose records have the digest of its summary, or the one that is known from
 * elsewhere, can, whatever else changed.
 */
async function damageOf(parquet: string, known: string | undefined): Promise<string | undefined> {
  try {
    await verifySegment(parquet);
    return undefined;
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    try {
      const found = await digestParquet(parquet);
      if (found.records !== known) compareRecords(parquet, readSummary(parquet), found);
      return undefined;
    } catch (second) {
      if (second instanceof DataError) return error.message;
      throw second;
    }
  }
}

async function* payloadsOf(parquet: string): AsyncGenerator<readonly JournalRecord[]> {
  for await (const { records } of readSealed(parquet, 1)) yield records;
}

type Place = { readonly at: number; readonly firstSeq: number };

/** The whole batches of an Arrow segment, wherever they stand in it, in the order of their numbers. */
function* wholeBatches(path: string): Generator<readonly JournalRecord[], void, undefined> {
  const file = openSegment(path);
  try {
    for (const { at } of placesOf(file)) {
      const found = readBatch(file, at);
      if (found.state === 'whole') yield recordsOf(found.batch);
    }
  } finally {
    closeSync(file.descriptor);
  }
}

/** One pass without keeping what it reads: a segment may be larger than memory. */
function placesOf(file: SegmentFile): readonly Place[] {
  const places: Place[] = [];
  for (let from = SCHEMA_BYTES.length; ; ) {
    const here = readBatch(file, from);
    const found = here.state === 'whole' ? here : findBatch(file, places.length === 0 ? 0 : from);
    if (found === undefined) return places.sort((left, right) => left.firstSeq - right.firstSeq);
    places.push({ at: found.at, firstSeq: found.batch.firstSeq });
    from = found.endsAt;
  }
}
