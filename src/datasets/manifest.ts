// What a recording is: one JSON file that names its contents and their digests. Nothing in it depends on when
// it was written, so equal recordings have equal manifests, and its own digest identifies the dataset.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isTimeUs, jsonDepth } from '../core/bounds.ts';
import { DataError } from '../core/errors.ts';
import { requireFile, syncFile, syncFolder } from '../parquet/parquet.ts';

export const MANIFEST_FILE = 'manifest.json';
/** The lock of whoever derives the tables of a recording, and writes its manifest. */
export const TABLES_LOCK = 'tables.lock';
const SCHEMA_VERSION = 2;
/** Raised when the same journal gives other counts, gaps or events than before. */
export const DERIVATION = 3;

/** More instruments than any venue lists. */
export const SYMBOLS_MAX = 20_000;
/** Far more than any recording needs. */
const MANIFEST_BYTES_MAX = 256 << 20;
const DEPTH_MAX = 32;

const count = z.number().int().nonnegative();
const timeUs = z.number().refine(isTimeUs, 'not a time');
const digest = z.string();

/** In the order in which they are merged and listed. */
export const TABLES = [
  ...(['trades', 'book', 'quotes', 'candles'] as const),
  ...(['funding', 'open_interest', 'marks', 'liquidations', 'status'] as const),
] as const;

/** Below the recording, whatever stands in it: `trades/date=2026-01-02/symbol=BTC%2FUSD/000.parquet`. */
const TABLE_FILE = new RegExp(
  `^(${TABLES.join('|')})/date=\\d{4}-\\d{2}-\\d{2}/(symbol=[A-Z0-9_%-]+/)?\\d{3,9}\\.parquet$`,
);

/** What was seen of one symbol. Times in µs. */
const symbolCounts = z.strictObject({
  levels: count,
  books: count,
  snapshots: count,
  quotes: count,
  trades: count,
  lateTrades: count,
  candles: count,
  gaps: count,
  /** How long the book could not be trusted, from the start of the recording; 0 where no book was asked for. */
  invalidBookUs: count,
  /** Levels without a usable price or size. */
  refusedLevels: count.optional(),
  /** Levels between the ticks that the venue stated. */
  offTickLevels: count.optional(),
});

const counts = z.strictObject({
  records: count,
  frames: z.strictObject({
    text: count,
    binary: count,
    control: count,
    beat: count,
    /** Answers to requests over HTTP; absent where none was made. */
    answer: count.optional(),
  }),
  events: z.strictObject({
    beat: count,
    status: count,
    instrument: count,
    level: count,
    quote: count,
    trade: count,
    candle: count,
    // Absent in what the first version wrote.
    funding: count.optional(),
    interest: count.optional(),
    mark: count.optional(),
    liquidation: count.optional(),
  }),
  /** Frames that nobody could decode. */
  unknown: count,
  connections: count,
  clockSteps: count,
  /** How often the recorder paused, and how many frames were late by it; absent when it never did. */
  pauses: count.optional(),
  lateFrames: count.optional(),
  /** Trades whose venue time is far out of line with all others. */
  misdated: count.optional(),
  symbols: z.record(z.string(), symbolCounts),
});

const lagSpan = z.strictObject({
  fromUs: timeUs,
  toUs: timeUs,
  /** Receive time less venue time of the soonest events: the clocks' difference and the way. */
  offsetUs: z.number().int(),
  /** How much later the later trades came. */
  spreadUs: count,
});

const gap = z.strictObject({
  cause: z.string(),
  channel: z.string(),
  symbol: z.string(),
  detail: z.string(),
  /** When the last frame came before it. */
  fromUs: timeUs,
  /** When data flowed again; null when it never did. */
  toUs: timeUs.nullable(),
});

const segment = z.strictObject({
  /** Relative to the recording, with `/`. */
  file: z.string().regex(/^journal\/\d{6}\.(arrow|parquet)$/, 'not a segment of a journal'),
  rows: count,
  firstSeq: count,
  lastSeq: count,
  /** SHA-256 over its records, the same whatever the file format. */
  digest,
});

const tableFile = z.strictObject({
  /** Relative to the recording, with `/`. */
  file: z.string().regex(TABLE_FILE, 'not a file of a table'),
  /** Null in the status table, which is of all symbols. */
  symbol: z.string().nullable(),
  rows: count,
  bytes: count,
  /** SHA-256 of the file. */
  digest,
  /** Whether the rows are in order of exchange time, those without one left out. */
  isSorted: z.boolean(),
  /** Rows without an exchange time. */
  undated: count,
  /** First and last exchange time; null when no row has one. */
  firstExchangeUs: timeUs.nullable(),
  lastExchangeUs: timeUs.nullable(),
  firstReceivedUs: timeUs,
  lastReceivedUs: timeUs,
});

const table = z.strictObject({
  name: z.enum(TABLES),
  rows: count,
  isSorted: z.boolean(),
  files: z.array(tableFile),
});

const venueSession = z.strictObject({
  venue: z.string(),
  url: z.string(),
  symbols: z.array(z.string()),
  channels: z.array(z.string()),
  depth: count,
  candleUs: count,
});

const manifestSchema = z.strictObject({
  /** 2 where several venues were recorded together. */
  schema: z.union([z.literal(1), z.literal(SCHEMA_VERSION)]),
  venue: z.string(),
  url: z.string(),
  /** Instrument numbers in events are indices into this list. */
  symbols: z.array(z.string()).max(SYMBOLS_MAX),
  channels: z.array(z.string()),
  depth: count,
  candleUs: count,
  /** What each venue was asked for, where there are several; the fields above say what they are together. */
  venues: z.array(venueSession).optional(),
  /** What the frames are, where they are not the venue's own. */
  frames: z.literal('candles').optional(),
  /** Receive times of the first and the last record; null when there is none. */
  span: z.strictObject({ firstUs: timeUs, lastUs: timeUs }).nullable(),
  counts,
  gaps: z.array(gap),
  /** How far receipt lagged the venue, for each connection and each time that a clock was stepped. */
  lags: z.array(lagSpan).optional(),
  segments: z.array(segment),
  /** Empty when the tables have not been built. */
  tables: z.array(table),
  /** Which rules counts, gaps and tables were derived by; absent in what the first version derived. */
  derivation: count.optional(),
  software: z.string(),
  node: z.string(),
  digest,
});

export type Manifest = z.infer<typeof manifestSchema>;
export type Counts = z.infer<typeof counts>;
export type SymbolCounts = z.infer<typeof symbolCounts>;
export type Gap = z.infer<typeof gap>;
export type LagSpan = z.infer<typeof lagSpan>;
export type Segment = z.infer<typeof segment>;
export type Table = z.infer<typeof table>;
export type TableFile = z.infer<typeof tableFile>;
export type TableName = Table['name'];

/** Throws DataError when the manifest is missing, corrupt, changed by hand or of a newer schema. */
export function readManifest(folder: string): Manifest {
  const path = join(folder, MANIFEST_FILE);
  const text = readText(path);
  const manifest = parseManifest(text, path);
  const expected = digestOf(manifest);
  if (manifest.digest !== expected) {
    throw new DataError(`${path}: digest ${manifest.digest} does not match the contents (${expected})`);
  }
  return manifest;
}

/** Writes the manifest in one step and returns it with its digest. */
export async function writeManifest(folder: string, contents: Omit<Manifest, 'digest'>): Promise<Manifest> {
  const manifest = manifestSchema.parse({ ...contents, digest: '' });
  const complete = { ...manifest, digest: digestOf(manifest) };
  const path = join(folder, MANIFEST_FILE);
  const partial = `${path}.partial`;
  try {
    // What stands under this name is a leftover, or a link to somewhere else: it is never written through.
    await rm(partial, { force: true });
    await writeFile(partial, `${JSON.stringify(complete, null, 2)}\n`, { flag: 'wx' });
    await syncFile(partial);
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
  await syncFolder(folder);
  return complete;
}

function readText(path: string): string {
  if (!existsSync(path)) {
    throw new DataError(`${path}: no manifest there (is it a recording? retick data tables makes one)`);
  }
  requireFile(path, MANIFEST_BYTES_MAX);
  return readFileSync(path, 'utf8');
}

function parseManifest(text: string, path: string): Manifest {
  if (jsonDepth(text, DEPTH_MAX) > DEPTH_MAX) throw new DataError(`${path}: nested too deep`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new DataError(`${path}: not JSON`, { cause });
  }
  const version = z.object({ schema: z.number() }).safeParse(json);
  if (version.success && version.data.schema > SCHEMA_VERSION) {
    throw new DataError(
      `${path}: schema ${version.data.schema} is newer than this retick knows (at most ${SCHEMA_VERSION})`,
    );
  }
  const result = manifestSchema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw new DataError(`${path}: ${issue.path.join('.') || 'contents'}: ${issue.message}`);
}

/** SHA-256 of the manifest without its digest; the schema fixes the order of the keys. */
function digestOf(manifest: Manifest): string {
  const { digest: _, ...contents } = manifest;
  return createHash('sha256').update(JSON.stringify(contents)).digest('hex');
}
