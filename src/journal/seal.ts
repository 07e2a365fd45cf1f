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
import { waitForLock } from './lock.ts';
import { type SegmentBatch, SegmentReader } from './segment.ts';

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

/**
 * Seals one Arrow segment in a child process and returns its summary. On failure it throws DataError with the child's
 * words, and the Arrow segment is still there.
 */
export async function sealInChild(arrow: string): Promise<SegmentSummary> {
  // A process group of its own: the terminal's Ctrl-C is meant for the recorder, which drains and waits for the seal.
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), arrow], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  // Whatever else runs on this machine goes first, the recorder above all.
  if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
  let said = '';
  let complaint = '';
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk;
  });
  child.stderr.on('data', (chunk: Buffer) => {
    complaint += chunk;
  });
  const ended = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(code === 0 ? '' : `exit ${code ?? signal}`));
  });
  if (ended === '' && said !== '') return JSON.parse(said) as SegmentSummary;
  throw new DataError(`cannot seal ${arrow}: ${complaint.trim() || ended || 'the sealer said nothing'}`);
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
    const summary = { segment: basename(base), ...before, bytes, sha256 };
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
    const isWhole =
      summary.rows === summary.lastSeq - summary.firstSeq + 1 && /^[0-9a-f]{64}$/.test(summary.sha256);
    if (!isWhole) throw new Error('its numbers contradict each other');
    return summary;
  } catch (cause) {
    throw new DataError(`${path}: no summary of a sealed segment: ${(cause as Error).message}`, { cause });
  }
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

/** Digest of the records of an Arrow segment: DataError when it is damaged, unless an `open` one may have a torn end. */
export async function digestArrow(arrow: string, state: 'whole' | 'open' = 'whole'): Promise<RecordsDigest> {
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

/** The batches of a segment. One to be sealed is whole: recovery has cut off a torn end. */
function* batchesOf(arrow: string, state: 'whole' | 'open'): Generator<SegmentBatch, void, undefined> {
  const reader = new SegmentReader(arrow);
  try {
    for (let batch = reader.next(); batch !== undefined; batch = reader.next()) yield batch;
    if (state === 'whole' && reader.end?.state === 'cut' && reader.validBytes < reader.bytes) {
      throw new DataError(`${arrow}: damaged after row ${reader.rows}: ${reader.end.reason}`);
    }
  } finally {
    reader.close();
  }
}

function* tableOf(arrow: string): Generator<TableBatch, void, undefined> {
  for (const { rows, firstSeq, receivedUs, kind, connection, offsets, payload } of batchesOf(
    arrow,
    'whole',
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
    process.exitCode = 1;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv[2]);
