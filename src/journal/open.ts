// The segment that is being written: its file, and how much of it was written. What the disk has confirmed is held against
// the file itself, and the file against the place where it was made: a lost write and a lost folder are both noticed.
import { rmSync } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncFolder } from '../parquet/durable.ts';
import { END_BYTES, SCHEMA_BYTES } from './layout.ts';
import { segmentName } from './segment.ts';

export class OpenSegment {
  readonly path: string;
  /** As `000002`. */
  readonly name: string;
  readonly #file: FileHandle;
  readonly #inode: number;
  #isClosed = false;
  /** What was written, and has to be found in the file. */
  bytes = 0;
  /** Time of its first record, µs; 0 before. */
  firstUs = 0;

  private constructor(path: string, name: string, file: FileHandle, inode: number) {
    this.path = path;
    this.name = name;
    this.#file = file;
    this.#inode = inode;
  }

  /** Makes the file, whose name is durable then. Leaves nothing behind when it throws. */
  static async create(folder: string, number: number): Promise<OpenSegment> {
    const name = segmentName(number);
    const path = join(folder, `${name}.arrow`);
    const file = await open(path, 'wx');
    try {
      const segment = new OpenSegment(path, name, file, (await file.stat()).ino);
      await segment.write([SCHEMA_BYTES]);
      await syncFolder(dirname(path));
      return segment;
    } catch (error) {
      await file.close();
      rmSync(path, { force: true });
      throw error;
    }
  }

  /** Writes all pieces behind what is there, by one call unless the system takes less; returns their size. */
  async write(pieces: readonly Uint8Array[]): Promise<number> {
    let left = pieces.filter((piece) => piece.length > 0);
    let done = 0;
    while (left.length > 0) {
      const { bytesWritten } = await this.#file.writev(left, this.bytes + done);
      if (bytesWritten === 0) throw new Error('the system wrote nothing');
      done += bytesWritten;
      left = after(left, bytesWritten);
    }
    this.bytes += done;
    return done;
  }

  /** Has the disk confirm what was written by now. Throws when it did not, or when the file is shorter all the same. */
  async sync(): Promise<void> {
    const { bytes } = this;
    await this.#file.datasync();
    // Ended while the disk confirmed: the end looks at the size itself.
    if (this.#isClosed) return;
    const { size } = await this.#file.stat();
    if (size < bytes) throw new Error(`${this.path} has ${size} bytes where ${bytes} were written`);
  }

  /** Ends it with its mark, confirmed; one without records is removed. */
  async end(): Promise<void> {
    if (this.firstUs === 0) {
      await this.close();
      rmSync(this.path);
      return;
    }
    await this.write([END_BYTES]);
    await this.sync();
    await this.close();
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return this.#file.close();
  }

  /** Whether the file still stands where it was made. A system that does not answer for another reason counts as yes. */
  async isInPlace(): Promise<boolean> {
    try {
      return (await stat(this.path)).ino === this.#inode;
    } catch (error) {
      return !['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
    }
  }
}

function after(pieces: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let skip = bytes;
  const rest: Uint8Array[] = [];
  for (const piece of pieces) {
    if (skip < piece.length) rest.push(piece.subarray(skip));
    skip = Math.max(0, skip - piece.length);
  }
  return rest;
}
