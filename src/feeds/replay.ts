// A recording, played back: from its frames through the decoder again, or from its derived tables. Both give the
// same events in the same order. Files are checked against the manifest before the first event goes out.
import { DataError } from '../core/errors.ts';
import type { EventBatch, Feed } from '../core/event.ts';
import { decodeRecording, sessionOf, verifySegments } from '../datasets/frames.ts';
import { type Manifest, readManifest } from '../datasets/manifest.ts';
import { bySymbol, readTable, verifyTables } from '../datasets/read.ts';
import { requireCurrent } from '../datasets/state.ts';
import type { Venue } from '../venues/venue.ts';
import { type MergeStream, mergeStreams } from './merge.ts';
import { slice } from './slice.ts';

export type ReplayOptions = {
  /** Events from this receive time on; see `slice`. Default: all. */
  readonly fromUs?: number | undefined;
  /** Events before this receive time. Default: all. */
  readonly toUs?: number | undefined;
  /** Events per batch. Default 4096. */
  readonly batchSize?: number | undefined;
  /** Those that the recording may name. Default: all there are. */
  readonly venues?: readonly Venue[] | undefined;
};

const BATCH_SIZE = 4096;

/** Decodes the journal's frames again. Throws DataError when the recording has no manifest. */
export function replayFrames(folder: string, options: ReplayOptions = {}): Feed {
  const { batchSize = BATCH_SIZE } = options;
  const manifest = readManifest(folder);
  const session = sessionOf(manifest);
  const frames: MergeStream = {
    startsUs: Number.NEGATIVE_INFINITY,
    async *open() {
      for await (const { events } of decodeRecording(folder, session, {
        isVerified: true,
        venues: options.venues,
      })) {
        yield events;
      }
    },
  };
  const feed = {
    symbols: manifest.symbols,
    async *batches(): AsyncGenerator<EventBatch> {
      await verifySegments(folder, manifest);
      // A merge of one stream: batches of the wanted size, and a check that time never goes back.
      yield* mergeStreams([frames], 'sequence', batchSize);
    },
  };
  return slice(feed, { fromUs: options.fromUs, toUs: options.toUs, batchSize });
}

/** Reads the derived tables. Throws DataError when there are none. */
export function replayTables(folder: string, options: ReplayOptions = {}): Feed {
  const { batchSize = BATCH_SIZE } = options;
  const manifest = readManifest(folder);
  if (manifest.tables.length === 0) {
    throw new DataError(`${folder}: the recording has no tables (retick data tables ${folder} builds them)`);
  }
  const feed = {
    symbols: manifest.symbols,
    async *batches(): AsyncGenerator<EventBatch> {
      requireCurrent(folder, manifest);
      await verifyTables(folder, manifest);
      yield* mergeStreams(tableStreams(folder, manifest), 'sequence', batchSize);
    },
  };
  return slice(feed, { fromUs: options.fromUs, toUs: options.toUs, batchSize });
}

/** One stream per table and symbol, days in order. */
export function tableStreams(folder: string, manifest: Manifest, tables = manifest.tables): MergeStream[] {
  return tables.flatMap((table) =>
    bySymbol(table.files, manifest.symbols).map(({ instrument, files }) => ({
      startsUs: files[0]!.firstReceivedUs,
      open: () => readTable(folder, table.name, files, { instrument }),
    })),
  );
}
