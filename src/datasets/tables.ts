// The derived tables, rebuilt from the journal in one pass: decode every frame once, spool the events to their
// partitions, count what was seen. The tables are complete or not there: they are written aside, swapped in, and
// only then named by the manifest.
import { lstatSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { DataError } from '../core/errors.ts';
import { takeLock, waitForLock } from '../journal/lock.ts';
import { readSegments } from '../journal/reader.ts';
import type { Venue } from '../venues/venue.ts';
import { TABLE_NAMES } from './columns.ts';
import { decodeRecording, journalFolder, readSession, type SessionControl } from './frames.ts';
import {
  DERIVATION,
  MANIFEST_FILE,
  type Manifest,
  TABLES_LOCK,
  type Table,
  writeManifest,
} from './manifest.ts';
import { Spool } from './spool.ts';
import { Summary, type SummaryResult } from './summary.ts';

/** Days in a partition of a dataset of candles: of the longest there may be one a day. */
const CANDLE_DAYS = 365;

export type TablesOptions = {
  /** Rows kept in memory over all partitions, about 80 bytes each. Default 400,000. */
  readonly rowsMax?: number;
  /** Once it is raised nothing is derived any more, and what stood there before stands there still. */
  readonly signal?: AbortSignal;
  /** Those that the recording may name. Default: all there are. */
  readonly venues?: readonly Venue[];
  /** Told after each batch of records, for a progress line. */
  readonly onProgress?: (progress: { readonly records: number; readonly events: number }) => void;
};

const PARTIAL_FOLDER = '.tables-partial';

/**
 * Builds the tables and the manifest of a recording from its journal. Another one that does the same is waited for. Throws
 * DataError when the journal is corrupt, UsageError while it is being recorded, and the signal's reason when that is raised.
 */
export async function buildTables(folder: string, options: TablesOptions = {}): Promise<Manifest> {
  // Asked for first, so that nothing is written where there is no recording.
  const control = await readSession(folder);
  requireOwn(folder);
  const what = `the tables of ${folder}`;
  const deriving = await waitForLock(join(folder, TABLES_LOCK), what, { signal: options.signal });
  try {
    // A journal that grows would give a manifest of more than was decoded.
    const journal = await takeLock(join(journalFolder(folder), 'lock'), `journal ${journalFolder(folder)}`);
    try {
      return await derive(folder, control, options);
    } finally {
      journal.release();
    }
  } finally {
    deriving.release();
  }
}

/** A recording from elsewhere may hold links that lead out of it: nothing is written through them. */
function requireOwn(folder: string): void {
  for (const name of [
    'journal',
    'journal/lock',
    TABLES_LOCK,
    MANIFEST_FILE,
    PARTIAL_FOLDER,
    ...TABLE_NAMES,
  ]) {
    if (lstatSync(join(folder, name), { throwIfNoEntry: false })?.isSymbolicLink() !== true) continue;
    throw new DataError(`${join(folder, name)} is a link: nothing is written through it`);
  }
}

async function derive(folder: string, control: SessionControl, options: TablesOptions): Promise<Manifest> {
  const { rowsMax = 400_000, onProgress, signal, venues } = options;
  const partial = join(folder, PARTIAL_FOLDER);
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  try {
    const { symbols } = control.session;
    const summary = new Summary(control.session);
    const spool = new Spool(
      partial,
      symbols,
      rowsMax,
      control.session.frames === 'candles' ? CANDLE_DAYS : 1,
    );
    const progress = { records: 0, events: 0 };
    for await (const { records, events } of decodeRecording(folder, control.session, { venues })) {
      summary.addRecords(records);
      summary.addEvents(events);
      spool.add(events);
      await spool.drain();
      progress.records += records.length;
      progress.events += events.length;
      onProgress?.(progress);
      // A journal that is read without waiting for anything would let no signal through.
      if (signal !== undefined) await nextTurn();
      signal?.throwIfAborted();
    }
    const tables = await spool.finish();
    const contents = await describe(folder, control, summary.finish());
    // Between these two manifests a crash leaves a recording without tables, never one with half of them.
    await writeManifest(folder, { ...contents, tables: [] });
    await swapIn(folder, partial, tables);
    return await writeManifest(folder, { ...contents, tables });
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

async function describe(
  folder: string,
  { session, software, node }: SessionControl,
  summary: SummaryResult,
): Promise<Omit<Manifest, 'digest' | 'tables'>> {
  return {
    schema: session.schema ?? 1,
    derivation: DERIVATION,
    venue: session.venue,
    url: session.url,
    symbols: [...session.symbols],
    channels: [...session.channels],
    depth: session.depth,
    candleUs: session.candleUs,
    ...(session.venues && {
      venues: session.venues.map((own) => ({
        ...own,
        symbols: [...own.symbols],
        channels: [...own.channels],
      })),
    }),
    ...(session.frames === undefined ? {} : { frames: session.frames }),
    ...summary,
    segments: [...(await readSegments(folder))],
    software,
    node,
  };
}

async function swapIn(folder: string, partial: string, tables: readonly Table[]): Promise<void> {
  for (const name of TABLE_NAMES) {
    await rm(join(folder, name), { recursive: true, force: true });
    const isPresent = tables.some((table) => table.name === name && table.files.length > 0);
    if (isPresent) await rename(join(partial, name), join(folder, name));
  }
}
