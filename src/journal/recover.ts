// Recovery, which is how every recorder starts: find what a former one left, keep what is provably whole, and say what
// is not. Only the last segment may be torn; a torn one before it is corrupt data, and nothing is touched then.
import {
  closeSync,
  createReadStream,
  createWriteStream,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  rmSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { DataError } from '../core/errors.ts';
import type { Control } from '../core/frame.ts';
import { syncFolder } from '../parquet/durable.ts';
import { readAcknowledged, requireAcknowledged } from './acknowledged.ts';
import { waitForLock } from './lock.ts';
import { readSummary, type SegmentSummary, verifySegment } from './seal.ts';
import { listSegments, recordingOf, requireSummarised, type Segment, SegmentReader } from './segment.ts';

export type Cut = Extract<Control, { readonly type: 'cut' }>;

export type Recovery = {
  /** The last record's sequence number and time; 0 when there is none. */
  readonly lastSeq: number;
  readonly lastUs: number;
  /** The number of the first segment that may be written. */
  readonly nextSegment: number;
  /** Arrow segments that are whole and still to be sealed. */
  readonly unsealed: readonly string[];
  /** What a stopped recorder left unfinished: at most one. */
  readonly cut: Cut | undefined;
};

/**
 * Makes a journal folder whole. The caller holds its lock. `knownSeq` is a record that is known from elsewhere to have been
 * there, as from a manifest. Throws DataError, and touches nothing, when records that were written are damaged or missing:
 * their numbers must not be used again.
 */
export async function recoverJournal(folder: string, knownSeq = 0): Promise<Recovery> {
  await waitForSealers(folder);
  const segments = listSegments(folder);
  requireSummarised(folder, segments);
  const found = new Map<Segment, Range | Scan>();
  let lastSeq = 0;
  let lastUs = 0;
  for (const segment of segments) {
    const isLast = segment === segments.at(-1);
    const range = (await isSealed(segment)) ? readSummary(segment.parquet!) : scan(segment, isLast);
    if (range.rows > 0 && range.firstSeq !== lastSeq + 1) {
      throw new DataError(
        `${segment.parquet ?? segment.arrow}: begins with record ${range.firstSeq} where ${lastSeq + 1} has to follow (retick data recover ${recordingOf(folder)} keeps what is readable)`,
      );
    }
    found.set(segment, range);
    if (range.rows > 0) ({ lastSeq, lastUs } = range);
  }
  requireAcknowledged(folder, readAcknowledged(folder), lastSeq);
  if (lastSeq < knownSeq) {
    throw new DataError(
      `${folder}: the journal ends with record ${lastSeq}, but its manifest names record ${knownSeq} (retick data recover ${recordingOf(folder)} keeps what is readable)`,
    );
  }
  return { lastSeq, lastUs, ...(await mend(found)), nextSegment: nextNumber(folder) };
}

/** Cuts off a torn end, and drops the Arrow files of segments that are sealed. */
async function mend(found: ReadonlyMap<Segment, Range | Scan>) {
  const unsealed: string[] = [];
  let cut: Cut | undefined;
  for (const [segment, range] of found) {
    if (!('validBytes' in range)) {
      if (segment.arrow !== undefined) rmSync(segment.arrow);
      continue;
    }
    if (range.cut !== undefined) await cutOff(segment, range.validBytes, range.cut);
    if (range.rows > 0) unsealed.push(segment.arrow!);
    cut = range.cut;
  }
  return { unsealed, cut };
}

type Range = Pick<SegmentSummary, 'rows' | 'firstSeq' | 'lastSeq' | 'lastUs'>;

/** A sealer outlives the recorder that started it and may be about to finish. */
async function waitForSealers(folder: string): Promise<void> {
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.sealing'))) {
    (await waitForLock(join(folder, name), `segment ${name}`)).release();
  }
}

/**
 * Whether the Parquet file is to be trusted. When both files are there, the sealer was stopped before its last step or
 * in the middle: a Parquet file that verifies has been compared with the Arrow one, which can go; any other is
 * made again.
 */
async function isSealed(segment: Segment): Promise<boolean> {
  if (segment.parquet === undefined) return false;
  if (segment.arrow === undefined) return true;
  try {
    await verifySegment(segment.parquet);
  } catch (error) {
    if (error instanceof DataError) return false;
    throw error;
  }
  return true;
}

type Scan = {
  readonly rows: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly lastUs: number;
  readonly validBytes: number;
  readonly cut: Cut | undefined;
};

function scan(segment: Segment, isLast: boolean): Scan {
  const path = segment.arrow!;
  const reader = new SegmentReader(path);
  try {
    while (reader.next() !== undefined);
    const damage = reader.damage(isLast ? 'may be torn' : 'closed');
    if (damage !== undefined) throw damage;
    const { rows, firstSeq, lastSeq, lastUs, validBytes, bytes, end } = reader;
    if (end?.state !== 'cut') return { rows, firstSeq, lastSeq, lastUs, validBytes, cut: undefined };
    const cut: Cut = {
      type: 'cut',
      segment: segment.name,
      rows,
      bytes: bytes - validBytes,
      reason: end.reason,
    };
    return { rows, firstSeq, lastSeq, lastUs, validBytes, cut: isLast ? cut : undefined };
  } finally {
    reader.close();
  }
}

/** Cuts the torn end off a segment and keeps it beside it: nobody can read it, but nobody threw it away. */
async function cutOff(segment: Segment, validBytes: number, cut: Cut): Promise<void> {
  const path = segment.arrow!;
  if (cut.bytes > 0) {
    const torn = path.replace(/\.arrow$/, '.torn');
    await pipeline(createReadStream(path, { start: validBytes }), createWriteStream(torn, { flush: true }));
  }
  if (cut.rows === 0) {
    rmSync(path);
  } else {
    const file = openSync(path, 'r+');
    ftruncateSync(file, validBytes);
    fsyncSync(file);
    closeSync(file);
  }
  await syncFolder(dirname(path));
}

/** Numbers are not used again, not even that of a segment of which only a torn end is left. */
function nextNumber(folder: string): number {
  let number = 0;
  for (const file of readdirSync(folder)) {
    const match = /^(\d{6})\./.exec(file);
    if (match !== null) number = Math.max(number, Number(match[1]));
  }
  return number + 1;
}
