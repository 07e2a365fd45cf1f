// The bytes of a capture as they come from the disk, gzip or not by the first two of them, and the lines in them.
// Time is linear in the file, memory is bounded by the longest line. What a damaged gzip still gives is given first.
import { createReadStream, type Stats, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import { DataError } from '../../core/errors.ts';

/** Small pieces: a gzip grows a thousandfold at the most, and what one piece gives is in memory at once. */
const READ_BYTES = 64 << 10;

/** No line of a capture is longer: no frame is, and what stands beside it is short. */
export const LINE_BYTES_MAX = 32 << 20;

/** The chunks of a file, unzipped if need be. Throws DataError at what cannot be read, and at the end of a damaged gzip. */
export async function* readChunks(path: string): AsyncGenerator<Buffer, void, undefined> {
  const isZipped = await startsAsGzip(path);
  const file = createReadStream(path, { highWaterMark: READ_BYTES });
  try {
    if (isZipped) yield* unzip(file);
    else yield* file as AsyncIterable<Buffer>;
  } catch (cause) {
    throw new DataError(`cannot read ${path}: ${(cause as Error).message}`, { cause });
  } finally {
    file.destroy();
  }
}

async function startsAsGzip(path: string): Promise<boolean> {
  const head = new Uint8Array(2);
  try {
    const stats: Stats = statSync(path);
    if (!stats.isFile()) throw new Error('it is not a file');
    const file = await open(path, 'r');
    try {
      await file.read(head, 0, 2, 0);
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw new DataError(`cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
  return head[0] === 0x1f && head[1] === 0x8b;
}

/**
 * A stream would drop what it has unzipped when it fails; here each piece is waited for, and kept. A damaged gzip, or one
 * that is over before its bytes are, never says that a piece is done: its error, its end or its close does.
 */
async function* unzip(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  const gunzip = createGunzip({ chunkSize: READ_BYTES });
  const ready: Buffer[] = [];
  let failure: Error | undefined;
  let isOver = false;
  let given = 0;
  let goOn: () => void = () => {};
  gunzip.on('data', (chunk: Buffer) => ready.push(chunk));
  gunzip.on('error', (error) => {
    failure = error;
    goOn();
  });
  for (const event of ['end', 'close']) {
    gunzip.on(event, () => {
      isOver = true;
      goOn();
    });
  }
  try {
    for await (const chunk of source) {
      if (!isOver) {
        await new Promise<void>((resolve) => {
          goOn = resolve;
          gunzip.write(chunk, () => resolve());
        });
        yield* ready.splice(0);
        if (failure !== undefined) throw failure;
      }
      // Files are padded with zeros; anything else behind the end is not known to be nothing.
      if (isOver && chunk.subarray(Math.max(0, gunzip.bytesWritten - given)).some((byte) => byte !== 0)) {
        throw new Error('something stands behind the end of the gzip');
      }
      given += chunk.length;
    }
    if (isOver) return;
    await new Promise<void>((resolve) => {
      goOn = resolve;
      gunzip.end();
    });
    yield* ready.splice(0);
    if (failure !== undefined) throw failure;
  } finally {
    gunzip.destroy();
  }
}

/** A line, or so many bytes, is not what the format says. It is told with the line's number by whoever reads the file. */
export class BadLine extends Error {
  override readonly name = 'BadLine';
}

/** What has come and is not taken yet. The views it hands out are valid until more is put in. */
export class ByteWindow {
  /** The number of the line taken last, from 1. */
  line = 0;
  #bytes = Buffer.allocUnsafe(4 * READ_BYTES);
  #at = 0;
  #end = 0;
  /** No line feed stands before this place. */
  #searched = 0;
  #isEnded = false;
  /** Inside a line that is too long. */
  #isSkipping = false;

  put(chunk: Uint8Array): void {
    if (this.#end + chunk.length > this.#bytes.length) this.#makeRoom(chunk.length);
    this.#bytes.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** Nothing more will come: what is left without a line feed is a line, too. */
  end(): void {
    this.#isEnded = true;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  get length(): number {
    return this.#end - this.#at;
  }

  /** The next line without its end; undefined when it has not come whole. BadLine when it is longer than any. */
  takeLine(): Uint8Array | undefined {
    const found = this.#bytes.subarray(0, this.#end).indexOf(0x0a, Math.max(this.#at, this.#searched));
    if (found < 0 && !(this.#isEnded && this.#end > this.#at)) {
      this.#searched = this.#end;
      if (this.#isSkipping) this.#at = this.#end;
      else if (this.length > LINE_BYTES_MAX) this.#skipLong();
      return undefined;
    }
    const end = found < 0 ? this.#end : found;
    const line = this.#bytes.subarray(
      this.#at,
      this.#bytes[end - 1] === 0x0d && end > this.#at ? end - 1 : end,
    );
    this.#at = found < 0 ? end : end + 1;
    if (this.#isSkipping) {
      this.#isSkipping = false;
      return this.takeLine();
    }
    this.line++;
    return this.line === 1 && startsWithMark(line) ? line.subarray(3) : line;
  }

  /** Looks at so many bytes without taking them; undefined when they have not come. */
  peek(count: number): Uint8Array | undefined {
    return this.length >= count ? this.#bytes.subarray(this.#at, this.#at + count) : undefined;
  }

  skip(count: number): void {
    this.#at += count;
    this.line++;
  }

  /** The rest of a line that never ends is passed over as it comes. */
  #skipLong(): void {
    this.line++;
    this.#isSkipping = true;
    this.#at = this.#end;
    throw new BadLine(`longer than ${LINE_BYTES_MAX} bytes`);
  }

  #makeRoom(count: number): void {
    const live = this.length;
    const from = this.#bytes;
    if (live + count > from.length / 2) this.#bytes = Buffer.allocUnsafe(2 * (live + count));
    from.copy(this.#bytes, 0, this.#at, this.#end);
    this.#searched = Math.max(0, this.#searched - this.#at);
    this.#at = 0;
    this.#end = live;
  }
}

/** Some programs put a byte order mark before all text: it is no part of the first line. */
function startsWithMark(line: Uint8Array): boolean {
  return line[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf;
}
