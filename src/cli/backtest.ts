// `retick backtest`: the same strategies over historical data, as a vendor would sell it: market tables by venue
// time, no receive times, no outages. The engine is the one that runs live.
import { basename, resolve } from 'node:path';
import type { Argv } from 'yargs';
import { parseDurationUs } from '../core/time.ts';
import { readManifest } from '../datasets/manifest.ts';
import type { RunConfig } from '../engine/config.ts';
import { historical } from '../feeds/historical.ts';
import type { Run } from '../runs/run.ts';
import type { Arguments, Command, Context } from './command.ts';
import { ALLOW_FAULTS, exitOfRun } from './exit.ts';
import { deadlineOf } from './interrupt.ts';
import { loadStrategies, noteWarnings } from './load.ts';
import type { Output } from './output.ts';
import { claimRun } from './place.ts';
import { parseBatchSize, parseBound } from './replay.ts';
import { readRunFile, requireFit } from './runfile.ts';
import { INTERRUPTED, identityOf, type LoadedBundle, RunSession, runFolder, sliceOf } from './session.ts';
import { runJson, summarize } from './summary.ts';

export const command: Command = {
  usage: 'backtest RUN.yaml --data DATASET',
  options: (argv: Argv) =>
    argv
      .demandCommand(1, 1)
      .option('data', { type: 'string', demandOption: true, describe: 'Dataset folder' })
      .option('feed-latency', {
        type: 'string',
        default: '0',
        describe: 'Added to venue time to make the receive time, as 20ms',
      })
      .option('from', { type: 'string', describe: 'First venue time' })
      .option('to', { type: 'string', describe: 'Venue time at which to stop' })
      .option('batch-size', {
        type: 'number',
        default: 4096,
        describe: 'Events per batch; never changes the result',
      })
      .options(ALLOW_FAULTS)
      .option('out', { type: 'string', describe: 'Run folder (default: reports/DATASET-backtest-…)' })
      .option('force', {
        type: 'boolean',
        default: false,
        describe: 'Replace another run in the folder of --out; nothing but a run is ever replaced',
      }),
  run: async (args: Arguments, { output, interrupt }: Context) => {
    const file = String((args._ as readonly unknown[])[0]);
    const config = await readRunFile(file);
    const strategies = await loadStrategies(config, file);
    noteWarnings(strategies, output);
    const signal = interrupt.listen();
    const { run, session } = await backtest({
      dataset: String(args.data),
      config,
      strategies,
      latencyUs: args.feedLatency === '0' ? 0 : parseDurationUs(String(args.feedLatency), '--feed-latency'),
      fromUs: parseBound(args.from, '--from'),
      toUs: parseBound(args.to, '--to'),
      batchSize: parseBatchSize(args.batchSize),
      out: args.out as string | undefined,
      isForced: args.force === true,
      output,
      signal,
    });
    output.result(runJson(run, session), summarize(run, session));
    return exitOfRun(run, args);
  },
};

export type BacktestRequest = {
  readonly dataset: string;
  readonly config: RunConfig;
  readonly strategies: readonly LoadedBundle[];
  readonly latencyUs: number;
  readonly fromUs: number | undefined;
  readonly toUs: number | undefined;
  readonly batchSize: number;
  readonly out: string | undefined;
  /** Replace another run in `out`. */
  readonly isForced?: boolean;
  readonly output: Output;
  readonly signal: AbortSignal;
};

export async function backtest(
  request: BacktestRequest,
): Promise<{ readonly run: Run; readonly session: RunSession }> {
  const { config, strategies, latencyUs, fromUs, toUs, output } = request;
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
  const onLine = (line: string): void => output.note(line);
  const session = new RunSession({ place, config, strategies, symbols: feed.symbols, onLine });
  await session.consume(feed, { output, signal: request.signal, doing: 'backtesting' });
  const run = await session.finish({
    reason: request.signal.aborted ? INTERRUPTED : 'end of data',
    mode: 'backtest',
    dataset,
    deadline,
    output,
    measured: { speed: null, lagUs: null, latency: {}, quality: { undated, leftOut } },
  });
  if (undated > 0) output.note(`${undated} events without a venue time stood where their sequence puts them`);
  if (leftOut > 0) output.note(`${leftOut} events were left out: nothing in the dataset has a venue time`);
  return { run, session };
}
