// `retick replay`: a recording, fed to strategies at any speed. The speed never changes the result.
import { basename, resolve } from 'node:path';
import type { Argv } from 'yargs';
import { UsageError } from '../core/errors.ts';
import type { Feed } from '../core/event.ts';
import { parseTimeUs } from '../core/time.ts';
import { type Gap, readManifest } from '../datasets/manifest.ts';
import { parseRunConfig, type RunConfig } from '../engine/config.ts';
import { type PacedFeed, paced } from '../feeds/pace.ts';
import { replayFrames, replayTables } from '../feeds/replay.ts';
import { wait } from '../journal/wait.ts';
import type { Run } from '../runs/run.ts';
import type { Arguments, Command, Context } from './command.ts';
import { ALLOW_FAULTS, exitOfRun } from './exit.ts';
import { deadlineOf } from './interrupt.ts';
import { loadStrategies, noteWarnings } from './load.ts';
import type { Output } from './output.ts';
import { claimRun } from './place.ts';
import { readRunFile, requireFit } from './runfile.ts';
import { INTERRUPTED, identityOf, type LoadedBundle, RunSession, runFolder, sliceOf } from './session.ts';
import { runJson, summarize } from './summary.ts';

export const command: Command = {
  usage: 'replay RECORDING [RUN.yaml] [--speed 1|100|max] [--raw]',
  options: (argv: Argv) =>
    argv
      .demandCommand(1, 2)
      .option('speed', { type: 'string', default: 'max', describe: 'Event time over wall time, or max' })
      .option('raw', {
        type: 'boolean',
        default: false,
        describe: 'Decode the recorded frames again instead of reading derived tables',
      })
      .option('from', {
        type: 'string',
        describe: 'First receive time, as 2026-01-02T03:04:05Z; books are rebuilt up to it',
      })
      .option('to', { type: 'string', describe: 'Receive time at which to stop' })
      .option('batch-size', {
        type: 'number',
        default: 4096,
        describe: 'Events per batch; never changes the result',
      })
      .options(ALLOW_FAULTS)
      .option('out', { type: 'string', describe: 'Run folder (default: reports/RECORDING-replay-…)' })
      .option('force', {
        type: 'boolean',
        default: false,
        describe: 'Replace another run in the folder of --out; nothing but a run is ever replaced',
      })
      .example('retick replay datasets/demo run.yaml --speed 100', 'a hundred times as fast as it happened'),
  run: async (args: Arguments, { output, interrupt }: Context) => {
    const [recording, file] = (args._ as readonly unknown[]).map(String);
    if (recording === undefined) throw new UsageError('replay needs a recording');
    const speed = parseSpeed(String(args.speed));
    const config = file === undefined ? undefined : await readRunFile(file);
    const strategies = config === undefined ? [] : await loadStrategies(config, file ?? '');
    noteWarnings(strategies, output);
    const signal = interrupt.listen();
    const request: ReplayRequest = {
      recording,
      config: config ?? (await bareConfig(recording)),
      strategies,
      isRaw: args.raw === true,
      speed,
      fromUs: parseBound(args.from, '--from'),
      toUs: parseBound(args.to, '--to'),
      batchSize: parseBatchSize(args.batchSize),
      out: args.out as string | undefined,
      isForced: args.force === true,
      output,
      signal,
    };
    const { run, session } = await replay(request);
    output.result(runJson(run, session), summarize(run, session));
    return exitOfRun(run, args);
  },
};

export type ReplayRequest = {
  readonly recording: string;
  readonly config: RunConfig;
  readonly strategies: readonly LoadedBundle[];
  readonly isRaw: boolean;
  /** Infinity: as fast as possible. */
  readonly speed: number;
  readonly fromUs: number | undefined;
  readonly toUs: number | undefined;
  readonly batchSize: number;
  readonly out: string | undefined;
  /** Replace another run in `out`. */
  readonly isForced?: boolean;
  readonly output: Output;
  readonly signal: AbortSignal;
};

export async function replay(
  request: ReplayRequest,
): Promise<{ readonly run: Run; readonly session: RunSession }> {
  const { recording, config, strategies, fromUs, toUs, output } = request;
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
  const onLine = (line: string): void => output.note(line);
  const session = new RunSession({ place, config, strategies, symbols: source.symbols, onLine });
  await session.consume(pacer, { output, signal: request.signal, doing: 'replaying' });
  const reason = request.signal.aborted ? INTERRUPTED : 'end of recording';
  const run = await session.finish({
    reason,
    mode: 'replay',
    dataset,
    deadline,
    output,
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

export function parseSpeed(text: string): number {
  if (text === 'max') return Number.POSITIVE_INFINITY;
  const speed = Number(text.replace(/x$/, ''));
  if (speed > 0 && Number.isFinite(speed)) return speed;
  throw new UsageError(`--speed: ${text} is wrong (allowed: a number above 0, as 1 or 100, or max)`);
}

export function parseBatchSize(value: unknown): number {
  if (Number.isInteger(value) && Number(value) >= 1) return Number(value);
  throw new UsageError(`--batch-size: ${value} is wrong (allowed: a whole number above 0)`);
}

export function parseBound(value: unknown, flag: string): number | undefined {
  if (value === undefined) return undefined;
  const us = parseTimeUs(String(value));
  if (Number.isNaN(us))
    throw new UsageError(`${flag}: ${value} is no time (allowed: like 2026-01-02T03:04:05.678Z)`);
  return us;
}

/** Without a run file a recording is replayed for its own sake: no strategy, the digest of its events. */
async function bareConfig(recording: string): Promise<RunConfig> {
  const { venue, symbols } = readManifest(recording);
  return parseRunConfig({ name: basename(resolve(recording)), venue, symbols: [...symbols] }, recording);
}
