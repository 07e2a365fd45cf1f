// The same strategies over historical data, as a vendor would sell it: market tables by venue time, no receive times,
// no outages. The engine is the one that runs live.

import { basename, resolve } from 'node:path';
import { readManifest } from '../datasets/manifest.ts';
import { historical } from '../feeds/historical.ts';
import type { Run } from '../runs/run.ts';
import { deadlineOf } from './deadline.ts';
import { identityOf, runFolder } from './identity.ts';
import { claimRun } from './place.ts';
import { INTERRUPTED, type RunRequest, RunSession, sliceOf } from './run.ts';
import { requireFit } from './runfile.ts';

export type BacktestRequest = RunRequest & {
  readonly dataset: string;
  readonly latencyUs: number;
  readonly fromUs: number | undefined;
  readonly toUs: number | undefined;
  readonly batchSize: number;
};

export async function backtest(
  request: BacktestRequest,
): Promise<{ readonly run: Run; readonly session: RunSession }> {
  const { config, strategies, latencyUs, fromUs, toUs, observer } = request;
  const manifest = readManifest(request.dataset);
  requireFit(config, manifest, request.dataset);
  const name = basename(resolve(request.dataset));
  const dataset = {
    name,
    digest: manifest.digest,
    feed: 'historical',
    fromUs: fromUs ?? null,
    toUs: toUs ?? null,
    latencyUs,
  };
  const slice = { ...sliceOf(request), latencyUs };
  const feed = historical(request.dataset, slice);
  const { undated, leftOut } = feed;
  const identity = identityOf(config, strategies, dataset);
  const place = await claimRun(request.out ?? runFolder(name, 'backtest', identity), {
    identity,
    isForced: request.isForced === true,
    apartFrom: [request.dataset],
  });
  const deadline = deadlineOf(request.signal);
  const session = new RunSession({ place, config, strategies, symbols: feed.symbols, observer });
  await session.consume(feed, { signal: request.signal, doing: 'backtesting' });
  const run = await session.finish({
    reason: request.signal.aborted ? INTERRUPTED : 'end of data',
    mode: 'backtest',
    dataset,
    deadline,
    measured: { speed: null, lagUs: null, latency: {}, quality: { undated, leftOut } },
  });
  if (undated > 0)
    observer.note(`${undated} events without a venue time stood where their sequence puts them`);
  if (leftOut > 0) observer.note(`${leftOut} events were left out: nothing in the dataset has a venue time`);
  return { run, session };
}
