// The formats in which others keep captured frames, each read as a stream of the same few items.
// A capture is streamed, gzip or not by its first bytes; a frame's bytes are never changed.
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { DataError } from '../core/errors.ts';

export const CAPTURE_FORMATS = ['cbcap', 'lines', 'cryptofeed', 'jsonl'] as const;
export type CaptureFormat = (typeof CAPTURE_FORMATS)[number];

/** `receivedUs` is NaN where the format has no receive time. */
export type CaptureItem =
  | { readonly type: 'frame'; readonly receivedUs: number; readonly bytes: Uint8Array }
  | { readonly type: 'opened'; readonly receivedUs: number; readonly url: string }
  | { readonly type: 'sent'; readonly receivedUs: number; readonly text: string };

/** A receive time this far from the header's is that of a steady clock, which starts anywhere. */
const CLOCK_APART_US = 3600e6;
/** No frame of a venue is longer; a length beyond it is damage. */
const FRAME_BYTES_MAX = 1 << 28;

/**
 * | format | a record |
 * |---|---|
 * | `cbcap` | first `CBCAP1 <venue> <symbol> <unix ns>`; then `<receive ns> <bytes>`, the frame, each ended by a line feed |
 * | `lines` | `<receive ns> <frame>` |
 * | `cryptofeed` | `<url> <-> <s>` connected, `<url> <- <s>: <text>` sent, `<s>: <frame>` received |
 * | `jsonl` | a frame a line, no receive time |
 *
 * A steady clock in `cbcap` is moved so that its first record is at the header's time. Throws DataError naming the
 * file and the line at which it is not what the format says.
 */
export async function* readCapture(path: string, format: CaptureFormat): AsyncGenerator<CaptureItem> {
  const source = new LineSource(path, await openCapture(path));
  if (format === 'cbcap') {
    yield* readCbcap(source);
    return;
  }
  for (;;) {
    const bytes = await source.line();
    if (bytes === undefined) return;
    if (bytes.length > 0) yield parseLine(source, bytes, format);
  }
}

async function* readCbcap(source: LineSource): AsyncGenerator<CaptureItem> {
  const header = /^CBCAP1 \S+ \S+ (\d+)$/.exec(textOf((await source.line()) ?? new Uint8Array(0)));
  if (header === null) throw source.error('no CBCAP1 header');
  const headerUs = nanosToUs(header[1]!);
  let offsetUs = Number.NaN;
  for (;;) {
    const line = await source.line();
    if (line === undefined) return;
    if (line.length === 0) continue;
    const match = /^(\d+) (\d+)$/.exec(textOf(line));
    if (match === null || Number(match[2]) > FRAME_BYTES_MAX) throw source.error('no `<ns> <bytes>`');
    const us = nanosToUs(match[1]!);
    if (Number.isNaN(offsetUs)) offsetUs = Math.abs(us - headerUs) > CLOCK_APART_US ? headerUs - us : 0;
    yield { type: 'frame', receivedUs: us + offsetUs, bytes: await source.take(Number(match[2])) };
  }
}

function parseLine(source: LineSource, bytes: Uint8Array, format: CaptureFormat): CaptureItem {
  if (format === 'jsonl') return { type: 'frame', receivedUs: Number.NaN, bytes };
  if (format === 'lines') {
    const end = bytes.indexOf(0x20);
    const nanos = textOf(bytes.subarray(0, Math.max(0, end)));
    if (!/^\d+$/.test(nanos)) throw source.error('no `<receive ns> <frame>`');
    return { type: 'frame', receivedUs: nanosToUs(nanos), bytes: bytes.subarray(end + 1) };
  }
  const colon = asBuffer(bytes).indexOf(': ');
  const received = colon < 0 ? '' : textOf(bytes.subarray(0, colon));
  if (/^\d+(\.\d+)?$/.test(received)) {
    return { type: 'frame', receivedUs: secondsToUs(received), bytes: bytes.subarray(colon + 2) };
  }
  const text = textOf(bytes);
  const opened = /^(\S+) <-> (\d+(?:\.\d+)?)$/.exec(text);
  if (opened !== null) return { type: 'opened', receivedUs: secondsToUs(opened[2]!), url: opened[1]! };
  const sent = /^\S+ <- (\d+(?:\.\d+)?): (.*)$/s.exec(text);
  if (sent !== null) return { type: 'sent', receivedUs: secondsToUs(sent[1]!), text: sent[2]! };
  throw source.error('neither `<s>: <frame>` nor a connection line');
}

/** Nanoseconds are beyond the exact range of a double, so the last three digits go as text. */
function nanosToUs(text: string): number {
  return Number(text.slice(0, -3));
}

function secondsToUs(text: string): number {
  const [whole = '', fraction = ''] = text.split('.');
  return Number(whole) * 1e6 + Number(fraction.slice(0, 6).padEnd(6, '0'));
}

function textOf(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('utf8');
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

async function openCapture(path: string): Promise<Readable> {
  const head = new Uint8Array(2);
  try {
    const file = await open(path, 'r');
    try {
      await file.read(head, 0, 2, 0);
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw new DataError(`cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
  const stream = createReadStream(path);
  if (head[0] !== 0x1f || head[1] !== 0x8b) return stream;
  const unzipped = createGunzip();
  stream.on('error', (error) => unzipped.destroy(error));
  return stream.pipe(unzipped);
}

/** Lines and counted bytes from a stream, whose chunks end anywhere. */
class LineSource {
  readonly #path: string;
  readonly #chunks: AsyncIterator<Buffer>;
  #buffer: Buffer = Buffer.alloc(0);
  #at = 0;
  #line = 0;

  constructor(path: string, stream: Readable) {
    this.#path = path;
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  error(what: string, cause?: unknown): DataError {
    return new DataError(`${this.#path}: line ${this.#line}: ${what}`, { cause });
  }

  /** The next line without its end, in memory of its own; undefined at the end of the stream. */
  async line(): Promise<Uint8Array | undefined> {
    this.#line++;
    for (let searched = this.#at; ; ) {
      const end = this.#buffer.indexOf(0x0a, searched);
      if (end >= 0) return this.#cut(end, end + 1);
      const length = this.#buffer.length - this.#at;
      if (!(await this.#more())) return length === 0 ? undefined : this.#cut(this.#buffer.length);
      searched = this.#at + length;
    }
  }

  async take(count: number): Promise<Uint8Array> {
    while (this.#buffer.length - this.#at < count) {
      if (!(await this.#more())) throw this.error('the file ends inside a frame');
    }
    return this.#cut(this.#at + count);
  }

  #cut(end: number, next = end): Uint8Array {
    const from = this.#at;
    this.#at = next;
    const isCarriageReturn = next > end && end > from && this.#buffer[end - 1] === 0x0d;
    return new Uint8Array(this.#buffer.subarray(from, isCarriageReturn ? end - 1 : end));
  }

  async #more(): Promise<boolean> {
    const result = await this.#chunks.next().catch((cause: unknown) => {
      throw this.error((cause as Error).message, cause);
    });
    if (result.done === true) return false;
    const rest = this.#buffer.subarray(this.#at);
    this.#buffer = rest.length === 0 ? result.value : Buffer.concat([rest, result.value]);
    this.#at = 0;
    return true;
  }
}
