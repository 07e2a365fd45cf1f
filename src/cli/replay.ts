// `retick replay`: a recording, fed to strategies at any speed. The speed never changes the result.
import type { Argv } from 'yargs';
import { UsageError } from '../core/errors.ts';
import { readManifest } from '../datasets/manifest.ts';
import { bareConfig, type ReplayRequest, replay } from '../sessions/replay.ts';
import { readRunFile } from '../sessions/runfile.ts';
import { loadStrategies } from '../sessions/strategies.ts';
import type { Arguments, Command, Context } from './command.ts';
import { ALLOW_FAULTS, exitOfRun } from './exit.ts';
import { BOUND_FORMS, parseSpan } from './span.ts';
import { runJson, summarize } from './summary.ts';
import { noteWarnings, watch } from './watch.ts';

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
        describe: `First receive time, as ${BOUND_FORMS}; books are rebuilt up to it`,
      })
      .option('to', { type: 'string', describe: 'Receive time at which to stop, in the same forms' })
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
    const span = parseSpan(args, { name: recording, span: readManifest(recording).span });
    const signal = interrupt.listen();
    const request: ReplayRequest = {
      recording,
      config: config ?? (await bareConfig(recording)),
      strategies,
      isRaw: args.raw === true,
      speed,
      ...span,
      batchSize: parseBatchSize(args.batchSize),
      out: args.out as string | undefined,
      isForced: args.force === true,
      observer: watch(output),
      signal,
    };
    const { run, session } = await replay(request);
    output.result(runJson(run, session), summarize(run, session));
    return exitOfRun(run, args);
  },
};

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
