// Live-paper: records, and runs strategies on the very records that go to the journal.

import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { ConnectionLimits } from '../connections/connection.ts';
import { parseQuietMs } from '../connections/liveness.ts';
import { Recorder, type RecorderSummary } from '../connections/recorder.ts';
import { VenueError } from '../core/errors.ts';
import type { Manifest } from '../datasets/manifest.ts';
import type { Run } from '../runs/run.ts';
import { deadlineOf } from './deadline.ts';
import { LatencyProbe } from './latency.ts';
import { claimRun, discardRecording, requireRecordingPlace } from './place.ts';
import { deriveTables, runRecorder, sessionOf } from './record.ts';
import { type RunRequest, RunSession } from './run.ts';
import { SOFTWARE } from './software.ts';

export type PaperRequest = RunRequest & {
  readonly durationUs: number | undefined;
  readonly recording: string;
  /** What the recording says it was made by. Default: name and version. */
  readonly software?: string;
  readonly connection?: Partial<ConnectionLimits>;
};

export type PaperResult = {
  readonly run: Run;
  readonly session: RunSession;
  readonly summary: RecorderSummary;
  /** Undefined when it was interrupted and there was no time to derive the tables. */
  readonly manifest: Manifest | undefined;
  readonly recording: string;
};

export async function paper(request: PaperRequest): Promise<PaperResult> {
  const { config, strategies, recording, observer } = request;
  requireRecordingPlace(recording, '--recording', 'new');
  const hadFolder = existsSync(recording);
  const feed = sessionOf(config);
  const name = basename(resolve(recording));
  const place = await claimRun(request.out ?? join('reports', `${name}-paper`), {
    identity: undefined,
    isForced: request.isForced === true,
    apartFrom: [recording],
  });
  const session = new RunSession({
    place,
    config,
    strategies,
    symbols: feed.symbols,
    observer,
  });
  const probe = new LatencyProbe();
  session.log.listen(probe.onRecord);
  const halt = Promise.withResolvers<string>();
  let failure: Error | undefined;
  const drainSoon = betweenFrames(() => session.log.drain());
  const recorder = new Recorder({
    folder: join(recording, 'journal'),
    session: feed,
    software: request.software ?? SOFTWARE,
    seed: config.seed,
    probe,
    connection: {
      ...(config.quiet !== undefined && { resync: { quietMs: parseQuietMs(config.quiet, 'quiet') } }),
      ...request.connection,
    },
    onEvents: (batch) => {
      probe.observe(batch);
      if (session.engine.halted) return;
      session.engine.apply(batch);
      if (session.log.isWaiting) drainSoon();
      if (session.engine.halted) halt.resolve('engine halted');
    },
    onListenerError: (error) => {
      failure = error;
      halt.resolve('engine failed');
    },
  });
  const deadline = deadlineOf(request.signal);
  const ended = { ...LIVE, dataset: { ...LIVE.dataset, name }, deadline };
  const summary = await runRecorder({
    recorder,
    durationUs: request.durationUs,
    observer,
    signal: request.signal,
    what: name,
    until: halt.promise,
    onUnreached: () => discardRecording(recording, { folder: hadFolder, journal: false }),
    deadline,
  }).catch(async (error: unknown) => {
    // What was decided until the recording broke off is kept; where there was no venue, nothing was.
    if (error instanceof VenueError) session.discard();
    else await session.finish({ ...ended, reason: 'the recording failed' });
    throw error;
  });
  if (failure !== undefined) throw failure;
  const measured = { ...LIVE.measured, latency: probe.summary(), quality: qualityOf(summary, undefined) };
  // The run is on disk before anything is derived from the recording, which may fail, or be left out.
  const live = await session.finish({ ...ended, measured });
  const manifest = await deriveTables(recording, deadline, observer);
  if (manifest === undefined) return { run: live, session, summary, manifest, recording };
  const run = session.amend(live, {
    dataset: { ...live.manifest.dataset, digest: manifest.digest },
    quality: qualityOf(summary, manifest),
  });
  return { run, session, summary, manifest, recording };
}

/** What every live run has in common. The recording's digest is known once its tables are derived. */
const LIVE = {
  reason: 'end of recording',
  mode: 'paper',
  dataset: { name: '', digest: '', feed: 'live', fromUs: null, toUs: null, latencyUs: 0 },
  measured: { speed: 1, lagUs: null, latency: {}, quality: {} },
} as const;

/** Calls the action once after the frames that are at hand, however often it is asked for before. */
function betweenFrames(action: () => void): () => void {
  let isPlanned = false;
  const run = (): void => {
    isPlanned = false;
    action();
  };
  return () => {
    if (isPlanned) return;
    isPlanned = true;
    setImmediate(run);
  };
}

function qualityOf(
  summary: RecorderSummary,
  manifest: Manifest | undefined,
): Readonly<Record<string, unknown>> {
  const { frames, reconnects, unknown, drops, refused, gaps } = summary;
  const { pauses, pausedMs, lateFrames, stalls, stalledMs } = summary;
  return {
    frames,
    reconnects,
    unknown,
    drops,
    refused,
    ...{ pauses, pausedMs, lateFrames, stalls, stalledMs },
    gapsByCause: gaps,
    ...(manifest === undefined ? {} : { gaps: manifest.gaps, symbols: manifest.counts.symbols }),
  };
}
