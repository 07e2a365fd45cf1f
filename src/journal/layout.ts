// The bytes of an open segment: an Arrow IPC stream whose batches are laid out by hand.
// A batch's header is a pure function of its row count, payload size, first sequence number and checksum. So a
// header that differs in one bit from the one we would write is found, and the checksum covers all the rest.
import { crc32 } from 'node:zlib';
import { MessageHeader, MetadataVersion, TimeUnit } from 'apache-arrow/enum';
import { BufferRegion, FieldNode, Message, RecordBatch } from 'apache-arrow/ipc/metadata/message';
import { Field, Schema } from 'apache-arrow/schema';
import { Binary, Int64, Timestamp, Uint8, Uint16 } from 'apache-arrow/type';
import { assert } from '../core/assert.ts';

/** What a batch's header says. */
export type BatchHead = {
  readonly rows: number;
  /** Sum of the payloads' lengths. */
  readonly payloadBytes: number;
  readonly firstSeq: number;
  /** CRC-32 of the body, padding included. */
  readonly crc: number;
};

/** Where the columns lie in a batch's body, bytes from its start. Every column is padded to 8 bytes with zeros. */
export type BodyLayout = {
  readonly seq: number;
  readonly receivedUs: number;
  readonly kind: number;
  readonly connection: number;
  readonly offsets: number;
  readonly payload: number;
  readonly bytes: number;
};

/** The limits by which a reader tells a header from noise before it allocates anything. */
export const ROWS_MAX = 1 << 20;
export const PAYLOAD_BYTES_MAX = 1 << 30;

const COLUMNS = 5;
/** Written in place of a number when the template is made; each slot has its own. */
const SENTINEL = 0x1b2c3d4e5000;

/** The stream's first message: the schema. */
export const SCHEMA_BYTES = frame(Message.encode(Message.from(schema())));
/**
 * The end mark: Arrow's, and a word that readers of Arrow do not look at any more. Arrow's alone could be the first half of a
 * batch's header, followed by zeros that a crash left.
 */
export const END_BYTES = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, ...Buffer.from('end mark'));

const template = createTemplate();
/** Every batch header has this length. */
export const HEAD_BYTES = template.bytes.length;
/** What every batch header begins with, whatever it says. */
export const HEAD_PREFIX = template.bytes.subarray(
  0,
  Math.min(...template.slots, template.firstSeq, template.rows, template.crc),
);

export function layoutOf(rows: number, payloadBytes: number): BodyLayout {
  const receivedUs = rows * 8;
  const kind = receivedUs + rows * 8;
  const connection = kind + padded(rows);
  const offsets = connection + padded(rows * 2);
  const payload = offsets + padded((rows + 1) * 4);
  return { seq: 0, receivedUs, kind, connection, offsets, payload, bytes: payload + padded(payloadBytes) };
}

export function encodeHead(head: BatchHead): Uint8Array {
  assert(head.rows > 0 && head.rows <= ROWS_MAX, 'a batch has rows, and not too many');
  assert(head.payloadBytes <= PAYLOAD_BYTES_MAX, 'the payloads of a batch fit 32-bit offsets');
  const bytes = template.bytes.slice();
  const view = new DataView(bytes.buffer);
  const numbers = slotNumbers(head.rows, head.payloadBytes);
  for (let slot = 0; slot < numbers.length; slot++) writeInt64(view, template.slots[slot]!, numbers[slot]!);
  writeText(bytes, template.firstSeq, seqText(head.firstSeq));
  writeText(bytes, template.rows, rowsText(head.rows));
  writeText(bytes, template.crc, crcText(head.crc));
  return bytes;
}

/** The header in these bytes, or undefined when they are not exactly one of ours. */
export function decodeHead(bytes: Uint8Array): BatchHead | undefined {
  if (bytes.length < HEAD_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEAD_BYTES);
  const rows = readInt64(view, template.slots[0]!);
  // The last slot is the length of the payload buffer.
  const payloadBytes = readInt64(view, template.slots.at(-1)!);
  const firstSeq = Number(readText(bytes, template.firstSeq, 16));
  const crc = Number.parseInt(readText(bytes, template.crc, 8), 16);
  const isPossible = rows > 0 && rows <= ROWS_MAX && payloadBytes >= 0 && payloadBytes <= PAYLOAD_BYTES_MAX;
  if (!isPossible || !Number.isSafeInteger(firstSeq) || firstSeq < 1 || !(crc >= 0)) return undefined;
  const head = { rows, payloadBytes, firstSeq, crc };
  const expected = encodeHead(head);
  for (let i = 0; i < HEAD_BYTES; i++) if (bytes[i] !== expected[i]) return undefined;
  return head;
}

/** CRC-32 over consecutive pieces of a body. */
export function checksum(pieces: readonly Uint8Array[]): number {
  let crc = 0;
  for (const piece of pieces) crc = crc32(piece, crc);
  return crc;
}

export function padded(bytes: number): number {
  return (bytes + 7) & ~7;
}

function schema(): Schema {
  return new Schema(
    [
      new Field('seq', new Int64(), false),
      new Field('received_us', new Timestamp(TimeUnit.MICROSECOND, 'UTC'), false),
      new Field('kind', new Uint8(), false),
      new Field('connection', new Uint16(), false),
      new Field('payload', new Binary(), false),
    ],
    new Map([['retick', 'journal 1']]),
  );
}

/** Every 64-bit number of a batch's header: rows, body length, then rows of each column, then offset and length of each buffer. */
function slotNumbers(rows: number, payloadBytes: number): readonly number[] {
  const at = layoutOf(rows, payloadBytes);
  // A buffer of length 0 before each column's own says that no value is missing.
  return [
    ...[rows, at.bytes],
    ...[rows, rows, rows, rows, rows],
    ...[at.seq, at.seq, rows * 8],
    ...[at.receivedUs, at.receivedUs, rows * 8],
    ...[at.kind, at.kind, rows],
    ...[at.connection, at.connection, rows * 2],
    ...[at.offsets, at.offsets, (rows + 1) * 4],
    ...[at.payload, payloadBytes],
  ];
}

/** Lets the library encode a header full of sentinels, and finds out where it put them. */
function createTemplate() {
  let next = SENTINEL;
  const slot = (): number => next++;
  const rows = slot();
  const bodyBytes = slot();
  const nodes = Array.from({ length: COLUMNS }, () => new FieldNode(slot(), 0));
  const buffers: BufferRegion[] = [];
  for (let column = 0; column < COLUMNS; column++) {
    buffers.push(new BufferRegion(slot(), 0), new BufferRegion(slot(), slot()));
  }
  buffers.push(new BufferRegion(slot(), slot()));
  const texts = { firstSeq: 'S'.repeat(16), rows: 'R'.repeat(10), crc: 'C'.repeat(8) };
  const message = new Message(
    bodyBytes,
    MetadataVersion.V5,
    MessageHeader.RecordBatch,
    new RecordBatch(rows, nodes, buffers, null),
    new Map([
      ['first_seq', texts.firstSeq],
      ['rows', texts.rows],
      ['crc32', texts.crc],
    ]),
  );
  const bytes = frame(Message.encode(message));
  const slots = Array.from({ length: next - SENTINEL }, (_, index) => {
    const pattern = new Uint8Array(8);
    writeInt64(new DataView(pattern.buffer), 0, SENTINEL + index);
    return findOnce(bytes, pattern);
  });
  const find = (text: string): number => findOnce(bytes, Buffer.from(text, 'latin1'));
  return { bytes, slots, firstSeq: find(texts.firstSeq), rows: find(texts.rows), crc: find(texts.crc) };
}

/** An encapsulated IPC message without its body: continuation mark, length, flatbuffer, padding. */
function frame(flatbuffer: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + padded(flatbuffer.length));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0xffffffff, true);
  view.setInt32(4, padded(flatbuffer.length), true);
  bytes.set(flatbuffer, 8);
  return bytes;
}

function findOnce(bytes: Uint8Array, pattern: Uint8Array): number {
  const haystack = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const at = haystack.indexOf(pattern);
  assert(at >= 0 && haystack.lastIndexOf(pattern) === at, 'each number of a header has a place of its own');
  return at;
}

function seqText(seq: number): string {
  return String(seq).padStart(16, '0');
}

function rowsText(rows: number): string {
  return String(rows).padStart(10, '0');
}

function crcText(crc: number): string {
  return crc.toString(16).padStart(8, '0');
}

function writeText(bytes: Uint8Array, at: number, text: string): void {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
}

function readText(bytes: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + length));
}

function writeInt64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true);
}

/** NaN when the number is not exact in a double. */
function readInt64(view: DataView, at: number): number {
  const value = view.getInt32(at + 4, true) * 0x1_0000_0000 + view.getUint32(at, true);
  return Number.isSafeInteger(value) ? value : Number.NaN;
}
