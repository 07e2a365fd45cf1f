// A new recording of what can still be read of a damaged one. The damaged one is not touched. Records are numbered anew;
// where some are lost, a record in their place says which, by the numbers that they had.
import { existsSync } from 'node:fs';
import { join, parse } from 'node:path';
import { DataError } from '../core/errors.ts';
import { decodeControl, encodeControl, type JournalRecord, RecordKind } from '../core/frame.ts';
import { takeLock } from '../journal/lock.ts';
import { readSegments } from '../journal/reader.ts';
import { type Known, type Lost, NOTHING_KNOWN, salvageJournal } from '../journal/salvage.ts';
import { JournalWriter } from '../journal/writer.ts';
import { journalFolder, sessionOf } from './frames.ts';
import { MANIFEST_FILE, type Manifest, readManifest } from './manifest.ts';
import { buildTables } from './tables.ts';

export type RecoverOptions = {
  readonly recording: string;
  /** The recording to make; there must be none. */
  readonly out: string;
  readonly software: string;
};

export type Recovered = {
  readonly recording: string;
  readonly out: string;
  /** Records that were kept. */
  readonly kept: number;
  /** Records that are lost, by the numbers that they had. */
  readonly lost: readonly Omit<Lost, 'state'>[];
  readonly lostRecords: number;
  /** Undefined when nothing is damaged: no new recording is made then. */
  readonly manifest: Manifest | undefined;
};

/** Records appended between two flushes that are waited for. */
const SYNC_EVERY = 20;

/** Throws DataError when there is no recording, or nothing of it can be read; UsageError while it is being recorded. */
export async function recoverRecording(options: RecoverOptions): Promise<Recovered> {
  const { recording, out } = options;
  const journal = journalFolder(recording);
  if (!existsSync(journal))
    throw new DataError(`${recording}: no recording there (a recording has a journal folder)`);
  const lock = await takeLock(join(journal, 'lock'), `journal ${journal}`);
  try {
    const manifest = manifestOf(recording);
    const known = knownOf(manifest);
    const { lost, kept } = await survey(journal, known);
    const result = {
      recording,
      out,
      kept,
      lost,
      lostRecords: lost.reduce((sum, one) => sum + sizeOf(one), 0),
    };
    if (lost.length === 0 && (await isSound(recording))) return { ...result, manifest: undefined };
    if (kept === 0) throw new DataError(`${journal}: no record can be read`);
    await copy(journal, known, manifest, options);
    return { ...result, manifest: await buildTables(out) };
  } finally {
    lock.release();
  }
}

/** The first pass: what there is, before anything is written. */
async function survey(journal: string, known: Known) {
  const lost: Omit<Lost, 'state'>[] = [];
  let kept = 0;
  for await (const piece of salvageJournal(journal, known)) {
    if (piece.state === 'records') {
      kept += piece.records.length;
    } else {
      const { firstSeq, lastSeq, reason } = piece;
      lost.push({ firstSeq, lastSeq, reason });
    }
  }
  return { lost, kept };
}

async function copy(
  journal: string,
  known: Known,
  manifest: Manifest | undefined,
  { out, software }: RecoverOptions,
): Promise<void> {
  const writer = await JournalWriter.open(journalFolder(out));
  let [receivedUs, connection, pieces, hasSession] = [0, 0, 0, false];
  let before: Lost[] = [];
  const tell = ({ firstSeq, lastSeq, reason }: Lost): void => {
    const control = encodeControl({ type: 'lost', firstSeq, lastSeq, reason });
    writer.append(RecordKind.control, connection, receivedUs, control);
  };
  try {
    for await (const piece of salvageJournal(journal, known)) {
      if (piece.state === 'lost') {
        // A time for it comes with the record behind it.
        if (receivedUs === 0) before.push(piece);
        else tell(piece);
        continue;
      }
      const [first] = piece.records;
      if (receivedUs === 0 && first !== undefined) {
        ({ receivedUs, connection } = first);
        if (before.length > 0) hasSession = beginAnew(writer, first, manifest, software);
        before.forEach(tell);
        before = [];
      }
      for (const record of piece.records) {
        ({ receivedUs, connection } = record);
        hasSession ||= isSession(record);
        writer.append(record.kind, connection, receivedUs, record.payload);
      }
      if (++pieces % SYNC_EVERY === 0) await writer.sync();
    }
    if (!hasSession)
      throw new DataError(`${journal}: no session can be read, so nobody knows how to decode the rest`);
  } finally {
    await writer.close();
  }
}

/** The first records are lost, and with them what says how to decode the others: the manifest says it, too. */
function beginAnew(
  writer: JournalWriter,
  { receivedUs, connection }: JournalRecord,
  manifest: Manifest | undefined,
  software: string,
): boolean {
  if (manifest === undefined) return false;
  const session = sessionOf(manifest);
  const control = encodeControl({ type: 'session', session, software, node: process.version });
  writer.append(RecordKind.control, connection, receivedUs, control);
  return true;
}

function isSession(record: JournalRecord): boolean {
  return record.kind === RecordKind.control && decodeControl(record).type === 'session';
}

/** Whether the recording can be read as it is. All its records may be there, and what describes a segment not. */
async function isSound(recording: string): Promise<boolean> {
  try {
    await readSegments(recording);
    return true;
  } catch (error) {
    if (error instanceof DataError) return false;
    throw error;
  }
}

function knownOf(manifest: Manifest | undefined): Known {
  const last = manifest?.segments.at(-1);
  if (manifest === undefined || last === undefined) return NOTHING_KNOWN;
  const digests = manifest.segments.map(({ file, digest }) => [parse(file).name, digest] as const);
  return { lastSeq: last.lastSeq, digests: new Map(digests) };
}

/** The manifest, unless it is damaged, too. */
function manifestOf(recording: string): Manifest | undefined {
  if (!existsSync(join(recording, MANIFEST_FILE))) return undefined;
  try {
    return readManifest(recording);
  } catch (error) {
    if (error instanceof DataError) return undefined;
    throw error;
  }
}

function sizeOf({ firstSeq, lastSeq }: Omit<Lost, 'state'>): number {
  return lastSeq - firstSeq + 1;
}
