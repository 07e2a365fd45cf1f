// `retick report`: one self-contained HTML file about a run, or about two held against each other.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Argv } from 'yargs';
import { reportTitle, writeReport } from '../reports/report.ts';
import { compareRuns, DEFAULT_TOLERANCE } from '../runs/compare.ts';
import { readRun } from '../runs/run.ts';
import { requireReportPlace } from '../sessions/place.ts';
import type { Arguments, Command, Context } from './command.ts';
import { EXIT } from './exit.ts';
import { bytes } from './output.ts';

export const command: Command = {
  usage: 'report RUN [RUN_B] [--out FILE.html]',
  options: (argv: Argv) =>
    argv
      .demandCommand(1, 2)
      .option('out', { type: 'string', describe: 'The file to write (default: RUN/report.html)' })
      .option('force', {
        type: 'boolean',
        default: false,
        describe: 'Replace the report of another run in the file of --out; no other file is ever replaced',
      })
      .option('static', { type: 'boolean', default: false, describe: 'Leave the script out: pictures only' })
      .option('tolerance', { type: 'number', default: DEFAULT_TOLERANCE, describe: 'As in compare' }),
  run: async (args: Arguments, { output }: Context) => {
    const [left, right] = (args._ as readonly unknown[]).map((folder) => readRun(String(folder)));
    const out = args.out as string | undefined;
    const path = out ?? join(left!.folder, 'report.html');
    // The report in a run's own folder is made anew with whatever it is held against.
    requireReportPlace(path, reportTitle(left!, right), args.force === true || out === undefined);
    const comparison = right === undefined ? undefined : compareRuns(left!, right, args.tolerance as number);
    await writeReport(path, { run: left!, other: right, comparison, isStatic: args.static === true });
    output.result({ path }, `wrote ${path} (${bytes(statSync(path).size)})`);
    return EXIT.done;
  },
};
