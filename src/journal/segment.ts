// Segments of a journal: which there are, and reading an open one. A reader hands out whole batches whose header
// and checksum hold and whose records continue those before; it stops at the first byte for which that is not so.
import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../core/errors.ts';
import type { JournalRecord, RecordKind } from '../core/frame.ts';
import {
  type BatchHead,
  checksum,
  decodeHead,
  END_BYTES,
  HEAD_BYTES,
  layoutOf,
  SCHEMA_BYTES,
} from './layout.ts';

/** A segment by its number; sealed, open, or both while its sealing is not finished. */
export type Segment = {
  readonly number: number;
  /** `000001` */
  readonly name: string;
  readonly arrow: string | undefined;
  readonly parquet: string | undefined;
};

/** Consecutive records in columns; record `row` has sequence number `firstSeq + row`. */
export type SegmentBatch = {
  readonly rows: number;
  readonly firstSeq: number;
  readonly receivedUs: Float64Array;
  readonly kind: Uint8Array;
  readonly connection: Uint16Array;
  /** Payload of `row`: bytes [offsets[row], offsets[row + 1]) of `payload`. */
  readonly offsets: Int32Array;
  readonly payload: Uint8Array;
};

/** How a segment's stream of batches came to its end. */
export type SegmentEnd =
  /** With its end mark: the writer closed it. */
  | { readonly state: 'ended' }
  /** Without one: the writer stopped, or is still writing, or the bytes from there on are damaged. */
  | { readonly state: 'cut'; readonly reason: string };

const TWO_32 = 0x1_0000_0000;

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

/** The names in a folder; DataError when it is not there. */
export function readFolder(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (cause) {
    throw new DataError(`no journal at ${folder}: ${(cause as Error).message}`, { cause });
  }
}

export class SegmentReader {
  readonly path: string;
  readonly #file: number;
  readonly bytes: number;
  readonly #head = new Uint8Array(HEAD_BYTES);
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
    this.#file = openSync(path, 'r');
    this.bytes = fstatSync(this.#file).size;
    const schema = new Uint8Array(SCHEMA_BYTES.length);
    const isWhole = this.#read(schema, 0) && Buffer.compare(schema, SCHEMA_BYTES) === 0;
    if (isWhole) this.validBytes = SCHEMA_BYTES.length;
    else this.#end = { state: 'cut', reason: 'the file does not begin with the schema of a journal' };
  }

  /** Set once `next` has returned undefined. */
  get end(): SegmentEnd | undefined {
    return this.#end;
  }

  /** The next batch, in memory of its own. */
  next(): SegmentBatch | undefined {
    if (this.#end !== undefined) return undefined;
    const at = this.validBytes;
    const left = this.bytes - at;
    if (this.#isEndMark(at)) {
      if (left > END_BYTES.length) return this.#cut(`there are bytes after the end mark at byte ${at}`);
      this.validBytes += END_BYTES.length;
      this.#end = { state: 'ended' };
      return undefined;
    }
    if (left === 0) return this.#cut('there is no end mark');
    if (left < HEAD_BYTES) return this.#cut(`the batch at byte ${at} is incomplete`);
    if (!this.#read(this.#head, at)) return this.#cut(`byte ${at} cannot be read`);
    const head = decodeHead(this.#head);
    if (head === undefined) return this.#cut(`there is no batch header at byte ${at}`);
    const layout = layoutOf(head.rows, head.payloadBytes);
    if (left < HEAD_BYTES + layout.bytes) return this.#cut(`the batch at byte ${at} is incomplete`);
    const body = new Uint8Array(layout.bytes);
    if (!this.#read(body, at + HEAD_BYTES)) return this.#cut(`the batch at byte ${at} cannot be read`);
    if (checksum([body]) !== head.crc) return this.#cut(`the batch at byte ${at} fails its checksum`);
    const batch = columnsOf(head, body);
    if (!this.#follows(batch, body))
      return this.#cut(`the batch at byte ${at} does not follow the one before`);
    this.validBytes = at + HEAD_BYTES + layout.bytes;
    this.rows += batch.rows;
    this.lastSeq = batch.firstSeq + batch.rows - 1;
    this.lastUs = batch.receivedUs[batch.rows - 1]!;
    return batch;
  }

  close(): void {
    closeSync(this.#file);
  }

  #cut(reason: string): undefined {
    this.#end = { state: 'cut', reason };
    return undefined;
  }

  #isEndMark(at: number): boolean {
    const bytes = this.#head.subarray(0, END_BYTES.length);
    return this.#read(bytes, at) && Buffer.compare(bytes, END_BYTES) === 0;
  }

  /** Whether sequence numbers go on by one and times do not go back; the checksum cannot tell. */
  #follows(batch: SegmentBatch, body: Uint8Array): boolean {
    if (this.rows === 0) {
      this.firstSeq = batch.firstSeq;
      this.firstUs = batch.receivedUs[0]!;
    } else if (batch.firstSeq !== this.lastSeq + 1) {
      return false;
    }
    const words = new Uint32Array(body.buffer, 0, batch.rows * 2);
    let lastUs = this.rows === 0 ? 0 : this.lastUs;
    for (let row = 0; row < batch.rows; row++) {
      const seq = words[row * 2 + 1]! * TWO_32 + words[row * 2]!;
      const receivedUs = batch.receivedUs[row]!;
      if (seq !== batch.firstSeq + row || receivedUs < lastUs) return false;
      if (batch.offsets[row]! > batch.offsets[row + 1]!) return false;
      lastUs = receivedUs;
    }
    return batch.offsets[0] === 0 && batch.offsets[batch.rows] === batch.payload.length;
  }

  /** Whether the file has all these bytes. */
  #read(into: Uint8Array, at: number): boolean {
    let done = 0;
    while (done < into.length) {
      const read = readSync(this.#file, into, done, into.length - done, at + done);
      if (read === 0) return false;
      done += read;
    }
    return true;
  }
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

function columnsOf(head: BatchHead, body: Uint8Array): SegmentBatch {
  const { rows, payloadBytes, firstSeq } = head;
  const at = layoutOf(rows, payloadBytes);
  const words = new Uint32Array(body.buffer, at.receivedUs, rows * 2);
  const receivedUs = new Float64Array(rows);
  for (let row = 0; row < rows; row++) receivedUs[row] = words[row * 2 + 1]! * TWO_32 + words[row * 2]!;
  return {
    rows,
    firstSeq,
    receivedUs,
    kind: new Uint8Array(body.buffer, at.kind, rows),
    connection: new Uint16Array(body.buffer, at.connection, rows),
    offsets: new Int32Array(body.buffer, at.offsets, rows + 1),
    payload: new Uint8Array(body.buffer, at.payload, payloadBytes),
  };
}
