// `retick paper`: records, and runs strategies on the very records that go to the journal.
import { join } from 'node:path';
import type { Argv } from 'yargs';
import { parseWaitUs } from '../connections/wait.ts';
import { paper } from '../sessions/paper.ts';
import { stampNow } from '../sessions/record.ts';
import { readRunFile } from '../sessions/runfile.ts';
import { loadStrategies } from '../sessions/strategies.ts';
import type { Arguments, Command, Context } from './command.ts';
import { ALLOW_FAULTS, exitOfRun } from './exit.ts';
import { formatLatency } from './latency.ts';
import { formatSummary } from './record.ts';
import { runJson, summarize } from './summary.ts';
import { noteWarnings, watch } from './watch.ts';

export const command: Command = {
  usage: 'paper RUN.yaml [--duration 10m] [--recording datasets/NAME] [--out reports/NAME]',
  options: (argv: Argv) =>
    argv
      .demandCommand(1, 1)
      .option('duration', {
        type: 'string',
        describe: 'As 10m; default: that of the run file, else until Ctrl-C',
      })
      .option('url', { type: 'string', describe: 'Another address of the venue' })
      .option('recording', {
        type: 'string',
        describe: 'Recording folder to make (default: datasets/NAME-TIME)',
      })
      .options(ALLOW_FAULTS)
      .option('out', { type: 'string', describe: 'Run folder (default: reports/RECORDING-paper)' })
      .option('force', {
        type: 'boolean',
        default: false,
        describe: 'Replace another run in the folder of --out; nothing but a run is ever replaced',
      })
      .epilogue('Nothing is ever sent to a venue but subscriptions: orders are simulated.'),
  run: async (args: Arguments, { output, interrupt }: Context) => {
    const file = String((args._ as readonly unknown[])[0]);
    const config = await readRunFile(file);
    const strategies = await loadStrategies(config, file);
    noteWarnings(strategies, output);
    const signal = interrupt.listen();
    const duration = (args.duration as string | undefined) ?? config.duration;
    const result = await paper({
      config: args.url === undefined ? config : { ...config, url: String(args.url) },
      strategies,
      durationUs: duration === undefined ? undefined : parseWaitUs(duration, '--duration'),
      recording: (args.recording as string | undefined) ?? join('datasets', `${config.name}-${stampNow()}`),
      out: args.out as string | undefined,
      isForced: args.force === true,
      observer: watch(output, interrupt),
      signal,
    });
    const { run, session, summary, manifest } = result;
    output.result(
      { ...runJson(run, session), summary },
      [
        formatSummary(result.recording, summary, manifest),
        '',
        summarize(run, session),
        '',
        formatLatency(run.measured?.latency ?? {}),
      ].join('\n'),
    );
    return exitOfRun(run, args);
  },
};
