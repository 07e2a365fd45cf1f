// Captures made by others become a recording, so that they are checked and replayed like one of our own.
// Frames keep their bytes and their order; each file says by what clock its receive times were read. An import that was
// interrupted is gone on with by the same command: what is there is compared, record by record, with what the files give.
import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DataError, UsageError } from '../core/errors.ts';
import type { Session } from '../core/frame.ts';
import { sealInChild } from '../journal/seal.ts';
import { listSegments } from '../journal/segment.ts';
import { findVenue } from '../venues/list.ts';
import { joinDetected } from './detect.ts';
import { journalFolder } from './frames.ts';
import type { ClockKind, TimeUnit } from './imports/clock.ts';
import { CAPTURE_FORMATS, type CaptureFormat } from './imports/formats.ts';
import { mergeCaptures } from './imports/merge.ts';
import { type FileSurvey, requireSeparate, surveyFile } from './imports/survey.ts';
import { ImportTape } from './imports/tape.ts';
import { readTimed, type TimeCounts } from './imports/timed.ts';
import { MANIFEST_FILE, type Manifest, SYMBOLS_MAX } from './manifest.ts';
import { buildTables } from './tables.ts';

export { CLOCKS, type ClockKind, TIME_UNITS, type TimeUnit } from './imports/clock.ts';
export { CAPTURE_FORMATS, type CaptureFormat };

export type ImportOptions = {
  /** Each is a connection of its own. Where they have receive times their order does not matter. */
  readonly files: readonly string[];
  readonly format: CaptureFormat;
  readonly venue: string;
  /** The recording to make, or the unfinished import to go on with. */
  readonly out: string;
  /** Default: those found in the frames, in the order in which they appear. */
  readonly symbols?: readonly string[] | undefined;
  /** Default: as acknowledged, else the smallest on offer that holds the snapshots, else the venue's default. */
  readonly depth?: number | undefined;
  /** Default: as the frames' own times show. */
  readonly timeUnit?: TimeUnit | undefined;
  readonly clock?: ClockKind | undefined;
  /** Leave out what cannot be read, and say so in the journal. Default: refuse the file. */
  readonly skipsBad?: boolean | undefined;
  /** Take captures of which not one frame looks like the venue's; they need `symbols`. Default: refuse them. */
  readonly allowsUnknown?: boolean | undefined;
  /** Seal the journal's segments. Default true; otherwise they stay open ones, which are read alike. */
  readonly seals?: boolean | undefined;
  /** Kept in the journal as what recorded it. Default `retick`. */
  readonly software?: string | undefined;
  readonly onProgress?: ((progress: ImportProgress) => void) | undefined;
  /** Ends the import in good order; it throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
};

/** `count` is of frames, segments, or events. */
export type ImportProgress = {
  readonly step: 'looking at' | 'importing' | 'sealing' | 'deriving tables of';
  readonly what: string;
  readonly count: number;
};

export type ImportedFile = {
  readonly file: string;
  /** Null where the capture has no receive times. */
  readonly clock: { readonly unit: TimeUnit; readonly kind: ClockKind; readonly offsetUs: number } | null;
};

export type ImportResult = {
  readonly recording: string;
  readonly session: Session;
  readonly files: readonly ImportedFile[];
  readonly frames: number;
  /** Receive times that were out of order and were held at the one before. */
  readonly clamped: number;
  /** Times at which a capture's clock was set back; what follows goes on from where it was. */
  readonly clockSteps: number;
  /** Frames without a receive time of their own, which took the venue's or the one before. */
  readonly untimed: number;
  /** Lines, or damaged ends, that could not be read and were left out. */
  readonly skipped: number;
  /** Records that an interrupted import had left. */
  readonly resumed: number;
  /** Why segments could not be sealed; they stay open ones, which are read alike. */
  readonly unsealed: readonly string[];
  readonly manifest: Manifest;
};

/** Throws UsageError on a wrong request, DataError on a capture that is not what its format says. */
export async function importCapture(options: ImportOptions): Promise<ImportResult> {
  const { out, software = 'retick', skipsBad = false, seals = true, signal, onProgress } = options;
  if (options.files.length === 0) throw new UsageError('import needs at least one file');
  if (existsSync(join(out, MANIFEST_FILE))) {
    throw new UsageError(`${out}: there is a recording already (choose another --out)`);
  }
  const surveys = await surveyAll(options);
  const session = sessionOf(options, surveys);
  const counts: TimeCounts = { held: 0, steps: 0 };
  const [isNew, hadFolder] = [!existsSync(journalFolder(out)), existsSync(out)];
  const tape = await ImportTape.open(journalFolder(out), { session, software, surveys });
  try {
    const hasTimes = surveys.every(({ clock }) => clock !== undefined);
    const sources = surveys.map(({ file, clock, firstUs }) => ({
      firstUs: hasTimes ? firstUs : Number.NaN,
      batches: readTimed({ file, format: options.format, clock, skipsBad, counts }),
    }));
    await mergeCaptures(sources, {
      open: (source) => tape.openFile(source),
      close: (source) => tape.closeFile(source),
      take: (merged) => {
        const count = tape.frames;
        onProgress?.({ step: 'importing', what: basename(surveys[merged.source]!.file), count });
        signal?.throwIfAborted();
        return tape.take(merged);
      },
    });
    await tape.finish();
  } catch (error) {
    await tape.close();
    // Of an import that came to nothing nothing is left; one that was interrupted can be gone on with.
    if (isNew && signal?.aborted !== true) {
      rmSync(journalFolder(out), { recursive: true, force: true });
      if (!hadFolder && readdirSync(out).length === 0) rmdirSync(out);
    }
    throw error;
  }
  const unsealed = seals ? await sealAll(options) : [];
  const manifest = await buildTables(out, {
    onProgress: ({ events }) => {
      onProgress?.({ step: 'deriving tables of', what: out, count: events });
      signal?.throwIfAborted();
    },
  });
  return {
    recording: out,
    session,
    files: surveys.map(({ file, clock }) => ({ file, clock: clock ?? null })),
    frames: tape.frames,
    clamped: counts.held,
    clockSteps: counts.steps,
    untimed: tape.untimed,
    skipped: tape.skipped,
    resumed: tape.resumed,
    unsealed,
    manifest,
  };
}

/** Seals the segments one after the other. An interrupt does not wait: the sealer ends by itself, or is done again. */
async function sealAll({ out, signal, onProgress }: ImportOptions): Promise<readonly string[]> {
  const failures: string[] = [];
  const aborted = new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve()));
  for (const { arrow, name, number } of listSegments(journalFolder(out))) {
    if (arrow === undefined) continue;
    onProgress?.({ step: 'sealing', what: name, count: number });
    const sealed = sealInChild(arrow).catch((error: unknown) => failures.push((error as Error).message));
    await Promise.race([sealed, aborted]);
    signal?.throwIfAborted();
  }
  return failures;
}

/** The first pass over every file; files that have receive times come back in their order. */
async function surveyAll(options: ImportOptions): Promise<readonly FileSurvey[]> {
  const { files, format, skipsBad = false, allowsUnknown = false, signal, onProgress } = options;
  const venue = findVenue(options.venue, 'import');
  const surveys: FileSurvey[] = [];
  for (const file of files) {
    const onFrames = (count: number): void => {
      signal?.throwIfAborted();
      onProgress?.({ step: 'looking at', what: basename(file), count });
    };
    const stated = { unit: options.timeUnit, kind: options.clock };
    surveys.push(await surveyFile(file, { format, venue, stated, skipsBad, allowsUnknown, onFrames }));
  }
  if (surveys.some(({ clock }) => clock === undefined)) return surveys;
  requireSeparate(surveys);
  return surveys.toSorted((left, right) => left.firstUs - right.firstUs);
}

function sessionOf(options: ImportOptions, surveys: readonly FileSurvey[]): Session {
  const venue = findVenue(options.venue, 'import');
  const found = joinDetected(
    options.files.map((file) => surveys.find((survey) => survey.file === file)!.detected),
    venue,
  );
  const symbols = options.symbols ?? found.symbols;
  const where = options.files.join(', ');
  const frames = surveys.reduce((sum, survey) => sum + survey.frames, 0);
  if (symbols.length === 0) {
    throw new DataError(
      `${where}: no instrument found in ${frames} frames: is this ${venue.name}? (name them by --symbols)`,
    );
  }
  if (symbols.length > SYMBOLS_MAX) {
    throw new DataError(
      `${where}: ${symbols.length} instruments are too many (at most ${SYMBOLS_MAX}; --symbols names some)`,
    );
  }
  const depth = options.depth ?? (found.depth || venue.defaultDepth);
  if (!venue.depths.includes(depth)) {
    throw new UsageError(
      `--depth: ${depth} is wrong for ${venue.name} (allowed: ${venue.depths.join(', ')})`,
    );
  }
  const url = surveys.find((survey) => survey.url !== '')?.url ?? venue.url;
  const { channels, candleUs } = found;
  return { venue: venue.name, url, symbols, channels, depth, candleUs };
}
