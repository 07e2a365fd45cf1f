// Sealing: an Arrow segment becomes a Parquet file that is proven to hold the same records, and only then is dropped.
// It runs in a process of its own, because a crash in native code must not take the recorder down.
// Beside each sealed segment lies its summary, with the digest by which a changed byte is found before a replay.
import { spawn } from 'node:child_process';
import { createHash, type Hash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { constants, setPriority } from 'node:os';
import { basename, dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { assert } from '../core/assert.ts';
import { DataError } from '../core/errors.ts';
import { syncFolder } from '../parquet/durable.ts';
import { readParquet, type TableBatch, writeParquet } from '../parquet/parquet.ts';
import type { SegmentBatch } from './locate.ts';
import { waitForLock } from './lock.ts';
import { SegmentReader } from './segment.ts';

/** What is known of a sealed segment without opening it; kept as `000001.json`. */
export type SegmentSummary = {
  readonly segment: string;
  readonly rows: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly firstUs: number;
  readonly lastUs: number;
  /** SHA-256 over the records, whatever the file format: see `RecordDigest`. */
  readonly records: string;
  /** Size and SHA-256 of the Parquet file. */
  readonly bytes: number;
  readonly sha256: string;
  /** SHA-256 of all the above; absent in summaries of earlier versions. */
  readonly digest?: string;
};

/** Columns of a sealed segment; `text` fields would cost a check for UTF-8, so payloads stay bytes. */
export const sealedSchema = {
  seq: 'int',
  received_us: 'time',
  kind: 'u8',
  connection: 'u16',
  payload: 'blob',
} as const;

/** A row group of the Parquet file holds about this many bytes: it is built and read back in memory. */
const ROW_GROUP_BYTES = 16 << 20;

/** The child's exit code for a segment whose records are not what was written. */
const DAMAGED = 3;

/**
 * Seals one Arrow segment in a child process and returns its summary. On failure the Arrow segment is still there. Throws
 * DataError when its records are not what was written, and Error when they could not be sealed for another reason, as for
 * want of space, memory or processes.
 */
export async function sealInChild(arrow: string): Promise<SegmentSummary> {
  const { said, complaint, ended } = await runSealer(arrow);
  if (ended === 0 && said !== '') return JSON.parse(said) as SegmentSummary;
  const why = complaint.trim() || (typeof ended === 'string' ? ended : `the sealer ended with ${ended}`);
  if (ended === DAMAGED) throw new DataError(why);
  throw new Error(`cannot seal ${arrow}: ${why}`);
}

type Ended = { readonly said: string; readonly complaint: string; readonly ended: number | string };

/** A child that cannot be started is one that ended with the system's words: nothing here may end the recorder. */
async function runSealer(arrow: string): Promise<Ended> {
  const { promise, resolve } = Promise.withResolvers<number | string>();
  let said = '';
  let complaint = '';
  // A process group of its own: the terminal's Ctrl-C is meant for the recorder, which drains and waits for the seal.
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), arrow], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  child.once('error', (error) => resolve(error.message));
  child.once('close', (code, signal) => resolve(code ?? `the sealer was ended by ${signal}`));
  // Without descriptors for the pipes there are none, whatever the types say.
  const { stdout, stderr } = child as Partial<typeof child>;
  stdout?.on('data', (chunk: Buffer) => {
    said += chunk;
  });
  stderr?.on('data', (chunk: Buffer) => {
    complaint += chunk;
  });
  lowerPriority(child.pid);
  const ended = await promise;
  return { said, complaint, ended };
}

/** Whatever else runs on this machine goes first, the recorder above all. */
function lowerPriority(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // It has ended already, or the system does not let us: it then seals at the usual priority.
  }
}

/**
 * Seals one Arrow segment in this process: write Parquet under a temporary name, read it back, compare, write the
 * summary, rename, sync the folder, drop the Arrow file. It may be repeated after a stop at any point.
 */
export async function sealSegment(arrow: string): Promise<SegmentSummary> {
  const base = arrow.replace(/\.arrow$/, '');
  const lock = await waitForLock(`${base}.sealing`, `segment ${base}`);
  try {
    const parquet = `${base}.parquet`;
    if (!existsSync(arrow)) return await verifySegment(parquet);
    const unverified = `${base}.unverified`;
    const before = await digestArrow(arrow);
    if (before.rows === 0) throw new DataError(`${arrow}: there are no records to seal`);
    const averageBytes = (await stat(arrow)).size / before.rows;
    const rowGroupRows = Math.min(122_880, Math.max(2048, Math.floor(ROW_GROUP_BYTES / averageBytes)));
    await writeParquet(unverified, sealedSchema, tableOf(arrow), { rowGroupRows });
    const after = await digestParquet(unverified);
    compareRecords(arrow, before, after);
    const { bytes, sha256 } = await digestFile(unverified);
    const contents = { segment: basename(base), ...before, bytes, sha256 };
    const summary = { ...contents, digest: digestOf(contents) };
    await writeDurably(`${base}.json`, `${JSON.stringify(summary, null, 2)}\n`);
    await rename(unverified, parquet);
    await syncFolder(dirname(base));
    await rm(arrow);
    await syncFolder(dirname(base));
    return summary;
  } finally {
    lock.release();
  }
}

/** The summary beside a sealed segment. DataError when it is missing or no summary. */
export function readSummary(parquet: string): SegmentSummary {
  const path = parquet.replace(/\.parquet$/, '.json');
  try {
    const summary = JSON.parse(readFileSync(path, 'utf8')) as SegmentSummary;
    const { rows, firstSeq, lastSeq, firstUs, lastUs, sha256, digest } = summary;
    const isWhole =
      rows === lastSeq - firstSeq + 1 && firstUs >= 0 && lastUs >= firstUs && /^[0-9a-f]{64}$/.test(sha256);
    if (!isWhole) throw new Error('its numbers contradict each other');
    if (digest !== undefined && digest !== digestOf(summary)) throw new Error('a byte has changed');
    return summary;
  } catch (cause) {
    throw new DataError(`${path}: no summary of a sealed segment: ${(cause as Error).message}`, { cause });
  }
}

/** Of a summary without its digest: its numbers say where records are, so a changed one must not be believed. */
function digestOf({
  segment,
  rows,
  firstSeq,
  lastSeq,
  firstUs,
  lastUs,
  records,
  bytes,
  sha256,
}: SegmentSummary): string {
  const contents = [segment, rows, firstSeq, lastSeq, firstUs, lastUs, records, bytes, sha256];
  return createHash('sha256').update(JSON.stringify(contents)).digest('hex');
}

/** Proves that a sealed segment is, byte for byte, what was sealed. DataError naming the file when it is not. */
export async function verifySegment(parquet: string): Promise<SegmentSummary> {
  const summary = readSummary(parquet);
  if (!existsSync(parquet)) throw new DataError(`missing file: ${parquet}`);
  const { bytes, sha256 } = await digestFile(parquet);
  if (bytes !== summary.bytes) {
    throw new DataError(`${parquet}: ${bytes} bytes where ${summary.bytes} were sealed`);
  }
  if (sha256 !== summary.sha256) {
    throw new DataError(
      `${parquet}: digest ${sha256} where ${summary.sha256} was sealed: a byte has changed`,
    );
  }
  return summary;
}

export type RecordsDigest = Pick<
  SegmentSummary,
  'rows' | 'firstSeq' | 'lastSeq' | 'firstUs' | 'lastUs' | 'records'
>;

/** Throws DataError saying in what two digests of the same segment differ. */
export function compareRecords(segment: string, before: RecordsDigest, after: RecordsDigest): void {
  for (const key of ['rows', 'firstSeq', 'lastSeq', 'firstUs', 'lastUs', 'records'] as const) {
    if (before[key] !== after[key]) {
      throw new DataError(`${segment}: read back with ${key} ${after[key]} where ${before[key]} was written`);
    }
  }
}

type SegmentState = Parameters<SegmentReader['damage']>[0];

/** Digest of the records of an Arrow segment: DataError when it is damaged, of which a torn end may be none. */
export async function digestArrow(arrow: string, state: SegmentState = 'closed'): Promise<RecordsDigest> {
  const digest = new RecordDigest();
  for (const { rows, firstSeq, receivedUs, kind, connection, offsets, payload } of batchesOf(arrow, state)) {
    const seq = Float64Array.from({ length: rows }, (_, row) => firstSeq + row);
    const lengths = Uint32Array.from({ length: rows }, (_, row) => offsets[row + 1]! - offsets[row]!);
    digest.fold({ rows, seq, receivedUs, kind, connection, lengths }, [payload]);
  }
  return digest.value();
}

/** The same digest of a Parquet file. */
export async function digestParquet(parquet: string): Promise<RecordsDigest> {
  const digest = new RecordDigest();
  for await (const { length: rows, columns } of readParquet([parquet], sealedSchema)) {
    const payloads = columns.payload as readonly Uint8Array[];
    digest.fold(
      {
        rows,
        seq: columns.seq as Float64Array,
        receivedUs: columns.received_us as Float64Array,
        kind: columns.kind as Uint8Array,
        connection: columns.connection as Uint16Array,
        lengths: Uint32Array.from(payloads, (payload) => payload.length),
      },
      payloads,
    );
  }
  return digest.value();
}

type DigestColumns = {
  readonly rows: number;
  readonly seq: Float64Array;
  readonly receivedUs: Float64Array;
  readonly kind: Uint8Array;
  readonly connection: Uint16Array;
  readonly lengths: Uint32Array;
};

/**
 * SHA-256 of the digests of six streams: seq and time as doubles, kind, connection and payload length as unsigned
 * integers of 8, 16 and 32 bits, all little-endian, and the payloads' bytes. How records are batched makes no difference.
 */
class RecordDigest {
  readonly #hashes: readonly Hash[] = Array.from({ length: 6 }, () => createHash('sha256'));
  #rows = 0;
  #firstSeq = 0;
  #lastSeq = 0;
  #firstUs = 0;
  #lastUs = 0;

  fold(columns: DigestColumns, payloads: readonly Uint8Array[]): void {
    const { rows, seq, receivedUs } = columns;
    if (rows === 0) return;
    if (this.#rows === 0) {
      this.#firstSeq = seq[0]!;
      this.#firstUs = receivedUs[0]!;
    }
    this.#rows += rows;
    this.#lastSeq = seq[rows - 1]!;
    this.#lastUs = receivedUs[rows - 1]!;
    [seq, receivedUs, columns.kind, columns.connection, columns.lengths].forEach((column, index) => {
      this.#hashes[index]!.update(column.subarray(0, rows));
    });
    const bytes = this.#hashes[5]!;
    for (const payload of payloads) bytes.update(payload);
  }

  value(): RecordsDigest {
    const all = createHash('sha256');
    for (const hash of this.#hashes) all.update(hash.digest());
    return {
      rows: this.#rows,
      firstSeq: this.#firstSeq,
      lastSeq: this.#lastSeq,
      firstUs: this.#firstUs,
      lastUs: this.#lastUs,
      records: all.digest('hex'),
    };
  }
}

/** The batches of a segment. One to be sealed is closed: recovery has cut off a torn end. */
function* batchesOf(arrow: string, state: SegmentState): Generator<SegmentBatch, void, undefined> {
  const reader = new SegmentReader(arrow);
  try {
    for (let batch = reader.next(); batch !== undefined; batch = reader.next()) yield batch;
    const damage = reader.damage(state);
    if (damage !== undefined) throw damage;
  } finally {
    reader.close();
  }
}

function* tableOf(arrow: string): Generator<TableBatch, void, undefined> {
  for (const { rows, firstSeq, receivedUs, kind, connection, offsets, payload } of batchesOf(
    arrow,
    'closed',
  )) {
    yield {
      length: rows,
      columns: {
        seq: Float64Array.from({ length: rows }, (_, row) => firstSeq + row),
        received_us: receivedUs,
        kind,
        connection,
        payload: Array.from({ length: rows }, (_, row) => payload.subarray(offsets[row]!, offsets[row + 1]!)),
      },
    };
  }
}

async function digestFile(path: string): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return { bytes: (await stat(path)).size, sha256: hash.digest('hex') };
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(`${path}.partial`, 'w');
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.partial`, path);
}

/** The child: seals the segment named on its command line, prints the summary. */
async function main(arrow: string | undefined): Promise<void> {
  assert(arrow !== undefined, 'the sealer is told which segment to seal');
  try {
    process.stdout.write(JSON.stringify(await sealSegment(arrow)));
  } catch (error) {
    process.stderr.write(error instanceof Error ? error.message : String(error));
    process.exitCode = (await isWhole(arrow)) ? 1 : DAMAGED;
  }
}

/** Whether the segment could still be sealed by another try. */
async function isWhole(arrow: string): Promise<boolean> {
  try {
    await digestArrow(arrow);
    return true;
  } catch {
    // Damaged, or gone: what it was has been said already.
    return false;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv[2]);
