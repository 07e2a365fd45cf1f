// Segments of a journal: which there are, and reading an open one. A reader hands out whole batches whose header
// and checksum hold and whose records continue those before; it stops at the first byte for which that is not so.
import { closeSync, existsSync, fstatSync, openSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DataError } from '../core/errors.ts';
import type { JournalRecord, RecordKind } from '../core/frame.ts';
import { requireFile } from '../parquet/files.ts';
import { END_BYTES, SCHEMA_BYTES } from './layout.ts';
import { findBatch, isEndMark, readBatch, readFully, type SegmentBatch, type SegmentFile } from './locate.ts';

/** A segment by its number; sealed, open, or both while its sealing is not finished. */
export type Segment = {
  readonly number: number;
  /** `000001` */
  readonly name: string;
  readonly arrow: string | undefined;
  readonly parquet: string | undefined;
};

/** How a segment's stream of batches came to its end. */
export type SegmentEnd =
  /** With its end mark: the writer closed it. */
  | { readonly state: 'ended' }
  /** Without one, and with nothing whole behind: the writer stopped, or is still writing. */
  | { readonly state: 'cut'; readonly reason: string }
  /** Records that were written whole stand behind bytes that are not what was written. */
  | { readonly state: 'damaged'; readonly reason: string };

export function segmentName(number: number): string {
  return String(number).padStart(6, '0');
}

/** The segments of a journal folder in order. Anything else that lies there is not looked at. */
export function listSegments(folder: string): readonly Segment[] {
  const segments = new Map<number, Segment>();
  for (const file of readFolder(folder)) {
    const match = /^(\d{6})\.(arrow|parquet)$/.exec(file);
    if (match === null) continue;
    const [, name = '', extension] = match;
    const number = Number(name);
    const segment = segments.get(number) ?? { number, name, arrow: undefined, parquet: undefined };
    const path = join(folder, file);
    segments.set(number, { ...segment, ...(extension === 'arrow' ? { arrow: path } : { parquet: path }) });
  }
  return [...segments.values()].sort((left, right) => left.number - right.number);
}

/** A summary is written when its segment is about to be sealed: one without a segment says that the segment is gone. */
export function requireSummarised(folder: string, segments: readonly Segment[]): void {
  const names = new Set(segments.map(({ name }) => name));
  for (const file of readFolder(folder)) {
    const [, name] = /^(\d{6})\.json$/.exec(file) ?? [];
    if (name === undefined || names.has(name)) continue;
    throw new DataError(
      `${join(folder, file)}: the segment that it describes is missing (retick data recover ${recordingOf(folder)} keeps what is readable)`,
    );
  }
}

/** The names in a folder; DataError when it is not there, or when a pipe or a device stands in it under a name of ours. */
export function readFolder(folder: string): readonly string[] {
  let names: readonly string[];
  try {
    names = readdirSync(folder);
  } catch (cause) {
    throw new DataError(`no journal at ${folder}: ${(cause as Error).message}`, { cause });
  }
  for (const name of names) {
    // One that is gone by now has been sealed.
    if (/^(\d{6}\.(arrow|parquet|json)|acknowledged)$/.test(name) && existsSync(join(folder, name))) {
      requireFile(join(folder, name));
    }
  }
  return names;
}

export class SegmentReader {
  readonly path: string;
  readonly #file: SegmentFile;
  /** The length of the prefix that holds so far. */
  validBytes = 0;
  rows = 0;
  firstSeq = 0;
  lastSeq = 0;
  firstUs = Number.NaN;
  lastUs = Number.NaN;
  #end: SegmentEnd | undefined;

  /** Throws the error of the file system (`ENOENT`) when the file cannot be opened. */
  constructor(path: string) {
    this.path = path;
    this.#file = openSegment(path);
    const schema = new Uint8Array(SCHEMA_BYTES.length);
    const isWhole = readFully(this.#file, schema, 0) && Buffer.compare(schema, SCHEMA_BYTES) === 0;
    if (isWhole) this.validBytes = SCHEMA_BYTES.length;
    else this.#stop('the file does not begin with the schema of a journal');
  }

  /** The size of the file when it was opened. */
  get bytes(): number {
    return this.#file.bytes;
  }

  /** Set once `next` has returned undefined. */
  get end(): SegmentEnd | undefined {
    return this.#end;
  }

  /** The next batch, in memory of its own. */
  next(): SegmentBatch | undefined {
    if (this.#end !== undefined) return undefined;
    const at = this.validBytes;
    if (isEndMark(this.#file, at)) return this.#finish(at);
    if (at === this.bytes) return this.#stop('there is no end mark');
    const found = readBatch(this.#file, at);
    if (found.state === 'broken') return this.#stop(found.reason);
    const { batch, endsAt } = found;
    if (!this.#follows(batch)) return this.#stop(`the batch at byte ${at} does not follow the one before`);
    if (this.rows === 0) {
      this.firstSeq = batch.firstSeq;
      this.firstUs = batch.receivedUs[0]!;
    }
    this.validBytes = endsAt;
    this.rows += batch.rows;
    this.lastSeq = batch.firstSeq + batch.rows - 1;
    this.lastUs = batch.receivedUs[batch.rows - 1]!;
    return batch;
  }

  /**
   * What is wrong with the segment, once it was read to its end: records that were written are missing. Only the last
   * segment of a journal may be torn; one that recovery cut off ends with its last whole batch.
   */
  damage(state: 'closed' | 'may be torn'): DataError | undefined {
    const end = this.#end;
    if (end === undefined || end.state === 'ended') return undefined;
    if (end.state === 'cut' && (state === 'may be torn' || this.validBytes === this.bytes)) return undefined;
    const recording = recordingOf(dirname(this.path));
    return new DataError(
      `${this.path}: damaged after row ${this.rows}: ${end.reason} (retick data recover ${recording} keeps what is readable)`,
    );
  }

  close(): void {
    closeSync(this.#file.descriptor);
  }

  #finish(at: number): undefined {
    if (at + END_BYTES.length < this.bytes) {
      this.#end = { state: 'damaged', reason: `there are bytes after the end mark at byte ${at}` };
      return undefined;
    }
    this.validBytes = this.bytes;
    this.#end = { state: 'ended' };
    return undefined;
  }

  /**
   * Nothing holds from here on. A write that was under way when the writer stopped leaves nothing whole behind it; a whole
   * batch or the end mark there says that these bytes were written, and are not any more what they were.
   */
  #stop(reason: string): undefined {
    const file = this.#file;
    const isClosed = isEndMark(file, file.bytes - END_BYTES.length);
    const next = findBatch(file, this.validBytes);
    if (next !== undefined) {
      const { at, batch } = next;
      this.#end = {
        state: 'damaged',
        reason: `${reason}, and record ${batch.firstSeq} is whole at byte ${at}`,
      };
    } else if (isClosed) {
      this.#end = { state: 'damaged', reason: `${reason}, and the writer had ended the segment` };
    } else {
      this.#end = { state: 'cut', reason };
    }
    return undefined;
  }

  /** Whether sequence numbers go on by one and times do not go back. */
  #follows({ firstSeq, receivedUs }: SegmentBatch): boolean {
    return this.rows === 0 || (firstSeq === this.lastSeq + 1 && receivedUs[0]! >= this.lastUs);
  }
}

/** As messages name it: the recording that a journal's folder is in. */
export function recordingOf(journal: string): string {
  return basename(journal) === 'journal' ? dirname(journal) : journal;
}

/** Throws the error of the file system when the file cannot be opened. */
export function openSegment(path: string): SegmentFile {
  const descriptor = openSync(path, 'r');
  return { descriptor, bytes: fstatSync(descriptor).size };
}

/** The records of a batch; their payloads are views into it. */
export function recordsOf(batch: SegmentBatch): JournalRecord[] {
  const { rows, firstSeq, receivedUs, kind, connection, offsets, payload } = batch;
  const records: JournalRecord[] = [];
  for (let row = 0; row < rows; row++) {
    records.push({
      seq: firstSeq + row,
      receivedUs: receivedUs[row]!,
      kind: kind[row] as RecordKind,
      connection: connection[row]!,
      payload: payload.subarray(offsets[row]!, offsets[row + 1]!),
    });
  }
  return records;
}
