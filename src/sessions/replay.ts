// A recording, fed to strategies at any speed. The speed never changes the result.

import { basename, resolve } from 'node:path';
import { wait } from '../connections/wait.ts';
import type { Feed } from '../core/event.ts';
import { type Gap, readManifest } from '../datasets/manifest.ts';
import { parseRunConfig, type RunConfig } from '../engine/config.ts';
import { type PacedFeed, paced } from '../feeds/pace.ts';
import { replayFrames, replayTables } from '../feeds/replay.ts';
import type { Run } from '../runs/run.ts';
import { deadlineOf } from './deadline.ts';
import { identityOf, runFolder } from './identity.ts';
import { claimRun } from './place.ts';
import { INTERRUPTED, type RunRequest, RunSession, sliceOf } from './run.ts';
import { requireFit } from './runfile.ts';

export type ReplayRequest = RunRequest & {
  readonly recording: string;
  readonly isRaw: boolean;
  /** Infinity: as fast as possible. */
  readonly speed: number;
  readonly fromUs: number | undefined;
  readonly toUs: number | undefined;
  readonly batchSize: number;
};

export async function replay(
  request: ReplayRequest,
): Promise<{ readonly run: Run; readonly session: RunSession }> {
  const { recording, config, strategies, fromUs, toUs, observer } = request;
  const manifest = readManifest(recording);
  requireFit(config, manifest, recording);
  const name = basename(resolve(recording));
  const dataset = {
    name,
    digest: manifest.digest,
    feed: request.isRaw ? 'frames' : 'tables',
    fromUs: fromUs ?? null,
    toUs: toUs ?? null,
    latencyUs: 0,
  };
  const identity = identityOf(config, strategies, dataset);
  const folder = request.out ?? runFolder(name, 'replay', identity);
  const slice = sliceOf(request);
  const source: Feed = request.isRaw ? replayFrames(recording, slice) : replayTables(recording, slice);
  const place = await claimRun(folder, {
    identity,
    isForced: request.isForced === true,
    apartFrom: [recording],
  });
  const pacer = paced(source, {
    speed: request.speed,
    sleep: async (ms) => {
      await wait(ms, request.signal);
      request.signal.throwIfAborted();
    },
    nowUs: () => performance.now() * 1000,
  });
  const deadline = deadlineOf(request.signal);
  const session = new RunSession({ place, config, strategies, symbols: source.symbols, observer });
  await session.consume(pacer, { signal: request.signal, doing: 'replaying' });
  const reason = request.signal.aborted ? INTERRUPTED : 'end of recording';
  const run = await session.finish({
    reason,
    mode: 'replay',
    dataset,
    deadline,
    measured: {
      ...measuredPace(pacer, request.speed),
      latency: {},
      quality: { gaps: manifest.gaps.filter((gap) => touches(gap, fromUs, toUs)) },
    },
  });
  return { run, session };
}

function touches(gap: Gap, fromUs = Number.NEGATIVE_INFINITY, toUs = Number.POSITIVE_INFINITY): boolean {
  return gap.fromUs < toUs && (gap.toUs ?? Number.POSITIVE_INFINITY) >= fromUs;
}

/** How far delivery was behind its schedule, where there was one. */
function measuredPace(pacer: PacedFeed, speed: number) {
  if (!Number.isFinite(speed)) return { speed: null, lagUs: null };
  const { lagP50Us, lagP99Us, lagMaxUs } = pacer.stats();
  return { speed, lagUs: { p50: lagP50Us, p99: lagP99Us, max: lagMaxUs } };
}

/** Without a run file a recording is replayed for its own sake: no strategy, the digest of its events. */
export async function bareConfig(recording: string): Promise<RunConfig> {
  const { venue, symbols } = readManifest(recording);
  return parseRunConfig({ name: basename(resolve(recording)), venue, symbols: [...symbols] }, recording);
}
