// Reading a journal back, in order, sealed and open segments alike. Sealed segments are proven unchanged before a single
// record of theirs is handed out; sequence numbers go on by one over the whole journal or the reading stops.
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DataError } from '../core/errors.ts';
import type { JournalRecord, RecordKind } from '../core/frame.ts';
import { readParquet } from '../parquet/parquet.ts';
import { readAcknowledged, requireAcknowledged } from './acknowledged.ts';
import { digestArrow, readSummary, sealedSchema, verifySegment } from './seal.ts';
import { listSegments, recordsOf, requireSummarised, type Segment, SegmentReader } from './segment.ts';

export type ReadJournalOptions = {
  /** Begin with this record. Default: the first. */
  readonly fromSeq?: number;
  /** Begin with the first record received at this time or later, µs. */
  readonly fromUs?: number;
  /** End before the first record received at this time or later, µs. */
  readonly toUs?: number;
  /** Compare sealed segments with their digests before they are read. Default true. */
  readonly verify?: boolean;
  /** Told when the open segment does not end where its file ends: a writer is at work, or was stopped. */
  readonly onCut?: (cut: { readonly file: string; readonly row: number; readonly reason: string }) => void;
};

/** A segment as a manifest lists it. */
export type SegmentEntry = {
  /** Relative to the recording. */
  readonly file: string;
  readonly rows: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** SHA-256 over the records; sealing does not change it. */
  readonly digest: string;
};

/**
 * The records of a recording or of its journal folder, some thousand at a time. Arrays and payloads stay valid. Throws
 * DataError naming file and row when a segment is corrupt, changed since it was sealed, or missing.
 */
export async function* readJournal(
  folder: string,
  options: ReadJournalOptions = {},
): AsyncGenerator<readonly JournalRecord[], void, undefined> {
  const { fromSeq = 1, fromUs = -Infinity, toUs = Infinity } = options;
  const journal = journalFolder(folder);
  // Read before the segments are: a writer that is at work only adds to what was acknowledged by now.
  const acknowledged = readAcknowledged(journal);
  const segments = listSegments(journal);
  requireSummarised(journal, segments);
  let nextSeq = 1;
  let lastUs = 0;
  for (const segment of segments) {
    const summary = segment.arrow === undefined ? readSummary(segment.parquet!) : undefined;
    if (summary !== undefined) {
      checkFollows(segment.parquet!, { seq: summary.firstSeq, receivedUs: summary.firstUs }, nextSeq, lastUs);
      if (summary.firstUs >= toUs) return;
      if (summary.lastSeq < fromSeq || summary.lastUs < fromUs) {
        nextSeq = summary.lastSeq + 1;
        lastUs = summary.lastUs;
        continue;
      }
    }
    for await (const { file, records } of readSegment(segment, segment === segments.at(-1), options)) {
      // Rows of a sealed segment before `fromSeq` are left out by the database.
      if (summary !== undefined) nextSeq = Math.max(nextSeq, Math.min(fromSeq, summary.lastSeq));
      for (const record of records) {
        checkFollows(file, record, nextSeq, lastUs);
        nextSeq += 1;
        lastUs = record.receivedUs;
      }
      if (records[0]!.receivedUs >= toUs) return;
      const wanted = select(records, fromSeq, fromUs, toUs);
      if (wanted.length > 0) yield wanted;
    }
  }
  requireAcknowledged(journal, acknowledged, nextSeq - 1);
}

/** The segments of a recording, sealed ones verified; an open one as far as it is whole. */
export async function readSegments(folder: string): Promise<readonly SegmentEntry[]> {
  const entries: SegmentEntry[] = [];
  const journal = journalFolder(folder);
  const acknowledged = readAcknowledged(journal);
  const segments = listSegments(journal);
  requireSummarised(journal, segments);
  for (const segment of segments) {
    const { arrow, parquet } = segment;
    const path = arrow ?? parquet!;
    const state = segment === segments.at(-1) ? 'may be torn' : 'closed';
    const summary = arrow === undefined ? await verifySegment(path) : await digestArrow(arrow, state);
    const { rows, firstSeq, lastSeq, records: digest } = summary;
    if (rows > 0) entries.push({ file: `journal/${basename(path)}`, rows, firstSeq, lastSeq, digest });
  }
  requireAcknowledged(journal, acknowledged, entries.at(-1)?.lastSeq ?? 0);
  return entries;
}

/** A recording's folder stands for the journal inside it. */
function journalFolder(folder: string): string {
  const inside = join(folder, 'journal');
  return existsSync(inside) ? inside : folder;
}

type Piece = { readonly file: string; readonly records: readonly JournalRecord[] };

async function* readSegment(
  segment: Segment,
  isLast: boolean,
  options: ReadJournalOptions,
): AsyncGenerator<Piece, void, undefined> {
  const { arrow, parquet } = segment;
  const reader = arrow === undefined ? undefined : openArrow(arrow);
  if (reader !== undefined) {
    yield* readArrow(reader, isLast, options);
    return;
  }
  // An Arrow segment that is gone has been sealed since the folder was listed; it is then read from its first row on.
  const path = parquet ?? arrow!.replace(/\.arrow$/, '.parquet');
  if (options.verify !== false) await verifySegment(path);
  yield* readSealed(path, arrow === undefined ? (options.fromSeq ?? 1) : 1);
}

function openArrow(path: string): SegmentReader | undefined {
  try {
    return new SegmentReader(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function* readArrow(
  reader: SegmentReader,
  isLast: boolean,
  options: ReadJournalOptions,
): Generator<Piece, void, undefined> {
  const { path: file } = reader;
  try {
    for (let batch = reader.next(); batch !== undefined; batch = reader.next()) {
      yield { file, records: recordsOf(batch) };
    }
    const { end, rows } = reader;
    const damage = reader.damage(isLast ? 'may be torn' : 'closed');
    if (damage !== undefined) throw damage;
    if (isLast && end?.state === 'cut') options.onCut?.({ file, row: rows, reason: end.reason });
  } finally {
    reader.close();
  }
}

/** The records of a sealed segment from a number on, as they stand in the file: verified by whoever asks. */
export async function* readSealed(file: string, fromSeq: number): AsyncGenerator<Piece, void, undefined> {
  const where = fromSeq > 1 ? { where: `seq >= ${fromSeq}` } : {};
  for await (const { length, columns } of readParquet([file], sealedSchema, where)) {
    const seq = columns.seq as Float64Array;
    const receivedUs = columns.received_us as Float64Array;
    const kind = columns.kind as Uint8Array;
    const connection = columns.connection as Uint16Array;
    const payload = columns.payload as readonly (Uint8Array | null)[];
    const records: JournalRecord[] = [];
    for (let row = 0; row < length; row++) {
      records.push({
        seq: seq[row]!,
        receivedUs: receivedUs[row]!,
        kind: kind[row] as RecordKind,
        connection: connection[row]!,
        payload: payload[row] ?? EMPTY,
      });
    }
    yield { file, records };
  }
}

const EMPTY = new Uint8Array(0);

function checkFollows(
  file: string,
  record: { readonly seq: number; readonly receivedUs: number },
  nextSeq: number,
  lastUs: number,
): void {
  if (record.seq !== nextSeq) {
    throw new DataError(`${file}: record ${record.seq} stands where record ${nextSeq} has to follow`);
  }
  // Written so that a time that is no number fails, too.
  if (!(record.receivedUs >= lastUs)) {
    throw new DataError(
      `${file}: record ${record.seq} was received at ${record.receivedUs}, before ${lastUs}`,
    );
  }
}

function select(
  records: readonly JournalRecord[],
  fromSeq: number,
  fromUs: number,
  toUs: number,
): readonly JournalRecord[] {
  const first = records[0]!;
  const last = records.at(-1)!;
  if (first.seq >= fromSeq && first.receivedUs >= fromUs && last.receivedUs < toUs) return records;
  return records.filter(({ seq, receivedUs }) => seq >= fromSeq && receivedUs >= fromUs && receivedUs < toUs);
}
