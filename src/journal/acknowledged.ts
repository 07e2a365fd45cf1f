// How far a journal is safe, kept beside its segments for whoever reads it: the last record that the disk has confirmed.
// It is written after the confirmation, in place, so it may lag but never runs ahead. A journal that ends before it has
// lost records that were acknowledged: a write that never reached the disk, a file cut short, a segment that is gone.
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { DataError } from '../core/errors.ts';
import { recordingOf } from './segment.ts';

export const ACKNOWLEDGED_FILE = 'acknowledged';

export type Acknowledged = {
  /** Every record up to this one was on the disk. */
  readonly seq: number;
  /** Its receive time, µs. */
  readonly receivedUs: number;
  /** The segment it was written to, as `000002`. */
  readonly segment: string;
};

/** Less than a sector, so that it is there whole or as it was. */
const LINE_BYTES = 128;

/** Writes the mark of one journal; one write after the other. */
export class AcknowledgedMark {
  readonly #path: string;
  #file: FileHandle | undefined;
  #work: Promise<void> = Promise.resolve();

  constructor(folder: string) {
    this.#path = join(folder, ACKNOWLEDGED_FILE);
  }

  write(mark: Acknowledged): Promise<void> {
    return this.#do(async () => {
      this.#file ??= await open(this.#path, existsSync(this.#path) ? 'r+' : 'w');
      await this.#file.write(Buffer.from(formatLine(mark)), 0, LINE_BYTES, 0);
    });
  }

  /** Makes durable what was written, and closes the file. */
  close(): Promise<void> {
    return this.#do(async () => {
      const file = this.#file;
      this.#file = undefined;
      try {
        await file?.sync();
      } finally {
        await file?.close();
      }
    });
  }

  #do(step: () => Promise<void>): Promise<void> {
    const done = this.#work.then(step);
    // Whoever asked for the step learns of its error.
    this.#work = done.catch(() => {});
    return done;
  }
}

/**
 * What the mark in a journal's folder says. Undefined when there is none, as in older journals, or when it is not whole.
 * Throws DataError where something else than a file stands in its place: a pipe would be waited for, a link leads away.
 */
export function readAcknowledged(folder: string): Acknowledged | undefined {
  const path = join(folder, ACKNOWLEDGED_FILE);
  const entry = lstatSync(path, { throwIfNoEntry: false });
  if (entry === undefined) return undefined;
  if (!entry.isFile()) throw new DataError(`${path}: it is not a file`);
  if (entry.size !== LINE_BYTES) return undefined;
  const line = readFileSync(path, 'latin1');
  const match = /^record +(\d+) received +(\d+) segment (\d{6}) crc32 ([0-9a-f]{8}) *\n$/.exec(line);
  if (match === null) return undefined;
  const mark = { seq: Number(match[1]), receivedUs: Number(match[2]), segment: match[3]! };
  return formatLine(mark) === line ? mark : undefined;
}

/** Throws DataError when a journal that was read to its end, with its mark read before, does not reach the mark. */
export function requireAcknowledged(folder: string, mark: Acknowledged | undefined, lastSeq: number): void {
  if (mark === undefined || lastSeq >= mark.seq) return;
  const has = lastSeq === 0 ? 'holds no record' : `ends with record ${lastSeq}`;
  throw new DataError(
    `${folder}: the journal ${has}, but record ${mark.seq} (segment ${mark.segment}) was on the disk: ${mark.seq - lastSeq} records are lost (retick data recover ${recordingOf(folder)} keeps what is readable)`,
  );
}

function formatLine({ seq, receivedUs, segment }: Acknowledged): string {
  const text = `record ${String(seq).padStart(16)} received ${String(receivedUs).padStart(17)} segment ${segment}`;
  const crc = crc32(text).toString(16).padStart(8, '0');
  return `${`${text} crc32 ${crc}`.padEnd(LINE_BYTES - 1)}\n`;
}
