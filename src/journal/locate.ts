// Batches by their place in a segment's file: the one that stands at a byte, whole or with the reason why it is not, and
// the next whole one behind it. A batch is whole when its header is exactly one of ours, the checksum of its body holds, and
// its own records are numbered one by one with times that never go back. What stands before it makes no difference here.
import { readSync } from 'node:fs';
import {
  type BatchHead,
  checksum,
  decodeHead,
  END_BYTES,
  HEAD_BYTES,
  HEAD_PREFIX,
  layoutOf,
} from './layout.ts';

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

export type Located =
  | { readonly state: 'whole'; readonly at: number; readonly batch: SegmentBatch; readonly endsAt: number }
  | { readonly state: 'broken'; readonly reason: string };

/** A segment's file, open for reading; `bytes` is its size, or how much of it counts. */
export type SegmentFile = { readonly descriptor: number; readonly bytes: number };

const TWO_32 = 0x1_0000_0000;
const SEARCH_BYTES = 1 << 20;

/** The batch at a byte, in memory of its own. */
export function readBatch(file: SegmentFile, at: number): Located {
  const left = file.bytes - at;
  if (left < HEAD_BYTES) return broken(`the batch at byte ${at} is incomplete`);
  const bytes = new Uint8Array(HEAD_BYTES);
  if (!readFully(file, bytes, at)) return broken(`byte ${at} cannot be read`);
  const head = decodeHead(bytes);
  if (head === undefined) return broken(`there is no batch header at byte ${at}`);
  const layout = layoutOf(head.rows, head.payloadBytes);
  const endsAt = at + HEAD_BYTES + layout.bytes;
  if (endsAt > file.bytes) return broken(`the batch at byte ${at} is incomplete`);
  const body = new Uint8Array(layout.bytes);
  if (!readFully(file, body, at + HEAD_BYTES)) return broken(`the batch at byte ${at} cannot be read`);
  if (checksum([body]) !== head.crc) return broken(`the batch at byte ${at} fails its checksum`);
  const batch = columnsOf(head, body);
  if (!isConsistent(batch, body)) return broken(`the batch at byte ${at} contradicts itself`);
  return { state: 'whole', at, batch, endsAt };
}

/** The first whole batch that begins at this byte or behind it. */
export function findBatch(file: SegmentFile, from: number): Extract<Located, { state: 'whole' }> | undefined {
  const window = Buffer.alloc(SEARCH_BYTES + HEAD_PREFIX.length);
  for (let start = from; start + HEAD_BYTES <= file.bytes; start += SEARCH_BYTES) {
    const length = Math.min(window.length, file.bytes - start);
    const bytes = window.subarray(0, length);
    if (!readFully(file, bytes, start)) return undefined;
    for (let at = bytes.indexOf(HEAD_PREFIX); at >= 0; at = bytes.indexOf(HEAD_PREFIX, at + 1)) {
      if (at >= SEARCH_BYTES) break;
      const found = readBatch(file, start + at);
      if (found.state === 'whole') return found;
    }
  }
  return undefined;
}

/** Whether the end mark stands at this byte. */
export function isEndMark(file: SegmentFile, at: number): boolean {
  const bytes = new Uint8Array(END_BYTES.length);
  return readFully(file, bytes, at) && Buffer.compare(bytes, END_BYTES) === 0;
}

/** Whether the file has all these bytes. */
export function readFully(file: SegmentFile, into: Uint8Array, at: number): boolean {
  if (at < 0 || at + into.length > file.bytes) return false;
  let done = 0;
  while (done < into.length) {
    const read = readSync(file.descriptor, into, done, into.length - done, at + done);
    if (read === 0) return false;
    done += read;
  }
  return true;
}

function broken(reason: string): Located {
  return { state: 'broken', reason };
}

/** What the checksum cannot tell: a writer that went wrong, or bytes that somebody composed. */
function isConsistent(batch: SegmentBatch, body: Uint8Array): boolean {
  const words = new Uint32Array(body.buffer, 0, batch.rows * 2);
  let lastUs = 0;
  for (let row = 0; row < batch.rows; row++) {
    const seq = words[row * 2 + 1]! * TWO_32 + words[row * 2]!;
    const receivedUs = batch.receivedUs[row]!;
    if (seq !== batch.firstSeq + row || receivedUs < lastUs) return false;
    if (batch.offsets[row]! > batch.offsets[row + 1]!) return false;
    lastUs = receivedUs;
  }
  return batch.offsets[0] === 0 && batch.offsets[batch.rows] === batch.payload.length;
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
