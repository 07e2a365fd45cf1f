// `retick backtest`: the same strategies over historical data, as a vendor would sell it: market tables by venue
// time, no receive times, no outages. The engine is the one that runs live.
import type { Argv } from 'yargs';
import { parseDurationUs } from '../core/time.ts';
import { readManifest } from '../datasets/manifest.ts';
import { backtest } from '../sessions/backtest.ts';
import { readRunFile } from '../sessions/runfile.ts';
import { loadStrategies } from '../sessions/strategies.ts';
import type { Arguments, Command, Context } from './command.ts';
import { ALLOW_FAULTS, exitOfRun } from './exit.ts';
import { parseBatchSize } from './replay.ts';
import { BOUND_FORMS, parseSpan, venueSpanOf } from './span.ts';
import { runJson, summarize } from './summary.ts';
import { noteWarnings, watch } from './watch.ts';

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
      .option('from', { type: 'string', describe: `First venue time, as ${BOUND_FORMS}` })
      .option('to', { type: 'string', describe: 'Venue time at which to stop, in the same forms' })
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
    const dataset = String(args.data);
    const latencyUs =
      args.feedLatency === '0' ? 0 : parseDurationUs(String(args.feedLatency), '--feed-latency');
    const span = parseSpan(args, { name: dataset, span: venueSpanOf(readManifest(dataset), latencyUs) });
    const signal = interrupt.listen();
    const { run, session } = await backtest({
      dataset,
      config,
      strategies,
      latencyUs,
      ...span,
      batchSize: parseBatchSize(args.batchSize),
      out: args.out as string | undefined,
      isForced: args.force === true,
      observer: watch(output),
      signal,
    });
    output.result(runJson(run, session), summarize(run, session));
    return exitOfRun(run, args);
  },
};
