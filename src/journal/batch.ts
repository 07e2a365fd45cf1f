// One batch of a journal while it is being filled: preallocated columns and one buffer for the payloads' bytes.
// Its pieces are what goes to the file, in the layout of `layout.ts`; filling it again reuses the memory.
import { assert } from '../core/assert.ts';
import type { RecordKind } from '../core/frame.ts';
import { checksum, encodeHead, padded } from './layout.ts';

const TWO_32 = 0x1_0000_0000;

export class JournalBatch {
  readonly rowsMax: number;
  rows = 0;
  payloadBytes = 0;
  firstSeq = 0;
  firstUs = 0;
  lastUs = 0;
  // 64-bit integers as pairs of words, low word first: no BigInt for each record.
  readonly #seq: Uint32Array;
  readonly #receivedUs: Uint32Array;
  readonly #kind: Uint8Array;
  readonly #connection: Uint16Array;
  readonly #offsets: Int32Array;
  readonly #payload: Uint8Array;

  constructor(rowsMax: number, payloadBytes: number) {
    this.rowsMax = rowsMax;
    this.#seq = new Uint32Array(rowsMax * 2);
    this.#receivedUs = new Uint32Array(rowsMax * 2);
    this.#kind = new Uint8Array(padded(rowsMax));
    this.#connection = new Uint16Array(padded(rowsMax * 2) / 2);
    this.#offsets = new Int32Array(padded((rowsMax + 1) * 4) / 4);
    this.#payload = new Uint8Array(padded(payloadBytes));
  }

  /** What it occupies in memory, however full it is. */
  get memoryBytes(): number {
    return this.#payload.length + this.rowsMax * 23;
  }

  hasRoom(payloadBytes: number): boolean {
    return this.rows < this.rowsMax && this.payloadBytes + payloadBytes <= this.#payload.length;
  }

  /** Copies a record in. The caller has made sure that there is room. */
  add(seq: number, receivedUs: number, kind: RecordKind, connection: number, payload: Uint8Array): void {
    const row = this.rows;
    if (row === 0) {
      this.firstSeq = seq;
      this.firstUs = receivedUs;
    }
    const low = row * 2;
    this.#seq[low] = seq;
    this.#seq[low + 1] = seq / TWO_32;
    this.#receivedUs[low] = receivedUs;
    this.#receivedUs[low + 1] = receivedUs / TWO_32;
    this.#kind[row] = kind;
    this.#connection[row] = connection;
    this.#payload.set(payload, this.payloadBytes);
    this.payloadBytes += payload.length;
    this.rows = row + 1;
    this.#offsets[row + 1] = this.payloadBytes;
    this.lastUs = receivedUs;
  }

  /** Header and body, to be written one after the other. Views: valid until the batch is reset. */
  pieces(): readonly Uint8Array[] {
    const { rows, payloadBytes } = this;
    assert(rows > 0, 'only a batch with records is written');
    const body = [
      bytesOf(this.#seq, rows * 8),
      bytesOf(this.#receivedUs, rows * 8),
      bytesOf(this.#kind, rows),
      bytesOf(this.#connection, rows * 2),
      bytesOf(this.#offsets, (rows + 1) * 4),
      bytesOf(this.#payload, payloadBytes),
    ];
    const head = encodeHead({ rows, payloadBytes, firstSeq: this.firstSeq, crc: checksum(body) });
    return [head, ...body];
  }

  reset(): void {
    this.rows = 0;
    this.payloadBytes = 0;
  }
}

/** The first bytes of a column with its padding, which is made zero. */
function bytesOf(column: Uint8Array | Uint16Array | Uint32Array | Int32Array, bytes: number): Uint8Array {
  const view = new Uint8Array(column.buffer, 0, padded(bytes));
  view.fill(0, bytes);
  return view;
}
