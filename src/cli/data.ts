// `retick data check|info|tables|import`: what a recording holds, whether it is whole, and how others' captures become one.
import type { Argv } from 'yargs';
import { type Arguments, type Command, EXIT } from '../cli.ts';
import { UsageError, unknownName } from '../core/errors.ts';
import { formatTimeUs } from '../core/time.ts';
import { type CheckReport, checkRecording } from '../datasets/check.ts';
import { importCapture } from '../datasets/import.ts';
import { describeRecording } from '../datasets/info.ts';
import { buildTables } from '../datasets/tables.ts';
import { count, Output, paint, table } from './output.ts';

const ACTIONS = ['check', 'info', 'tables', 'import'] as const;
const FORMATS = ['cbcap', 'lines', 'cryptofeed', 'jsonl'] as const;
type Format = (typeof FORMATS)[number];

export const command: Command = {
  usage: `data ${ACTIONS.join('|')} …`,
  options: (argv: Argv) =>
    argv
      .usage(
        [
          'retick data check RECORDING            is it whole? counts, gaps, checksums, continuity; exit 1 if not',
          '       retick data info RECORDING             what is in it',
          '       retick data tables RECORDING           derive its tables from the journal again',
          '       retick data import FILE… --format F --venue V [--out datasets/NAME]',
        ].join('\n'),
      )
      .demandCommand(2)
      .option('format', {
        type: 'string',
        describe: `import: ${FORMATS.join(', ')} (lines is <receive ns> <json>; gzip or not)`,
      })
      .option('venue', { type: 'string', describe: 'import: whose frames they are' })
      .option('out', { type: 'string', describe: 'import: the recording to write (default: datasets/FILE)' })
      .option('symbols', {
        type: 'array',
        string: true,
        describe: 'import: instruments (default: those found in the frames)',
      })
      .option('depth', {
        type: 'number',
        describe: 'import: book depth subscribed (default: as acknowledged in the frames)',
      }),
  run: async (args: Arguments) => {
    const [action = '', ...paths] = (args._ as readonly unknown[]).map(String);
    const output = new Output(args.json === true);
    if (action === 'import') return await runImport(paths, args, output);
    if (!(ACTIONS as readonly string[]).includes(action)) throw unknownName('data command', action, ACTIONS);
    const [recording] = paths;
    if (recording === undefined || paths.length > 1)
      throw new UsageError(`data ${action} takes one recording, got ${paths.length}`);
    if (action === 'tables') {
      const built = await buildTables(recording);
      output.result(built, `derived the tables of ${recording}\n${JSON.stringify(built, null, 2)}`);
      return EXIT.done;
    }
    if (action === 'info') {
      const info = await describeRecording(recording);
      output.result(info, formatInfo(info));
      return EXIT.done;
    }
    const report = await checkRecording(recording);
    output.result(report, formatCheck(recording, report));
    return report.problems.length === 0 ? EXIT.done : EXIT.failed;
  },
};
