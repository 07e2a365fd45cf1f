// The roof: which commands there are, and the only place that catches. Each command's file is loaded when it is
// asked for, so that `--help` stays fast.
import yargs, { type Argv } from 'yargs';
import { type Command, EXIT } from './cli/command.ts';
import { DataError, UsageError, unknownName, VenueError } from './core/errors.ts';

type Entry = readonly [name: string, description: string, load: () => Promise<{ readonly command: Command }>];

const COMMANDS: readonly Entry[] = [
  [
    'demo',
    'See the whole thing work, offline: live-paper, replay, backtest, compare, report',
    () => import('./cli/demo.ts'),
  ],
  ['record', 'Record live market feeds into a journal', () => import('./cli/record.ts')],
  ['paper', 'Record, and run strategies on the same sequence', () => import('./cli/paper.ts')],
  ['replay', 'Feed a recording to strategies at any speed', () => import('./cli/replay.ts')],
  ['backtest', 'Run strategies over historical data', () => import('./cli/backtest.ts')],
  ['compare', 'Hold two runs against each other, value by value', () => import('./cli/compare.ts')],
  ['report', 'Write the HTML report of a run, or of two', () => import('./cli/report.ts')],
  ['data', 'Check, describe, derive or import recordings', () => import('./cli/data.ts')],
  ['strategies', 'List strategies and their parameters', () => import('./cli/strategies.ts')],
  ['init', 'Write a run file and a strategy to start from', () => import('./cli/init.ts')],
  ['simulate', 'Serve a simulated market that speaks a venue’s protocol', () => import('./cli/simulate.ts')],
  ['bench', 'Measure latency from frame to order', () => import('./cli/bench.ts')],
  ['doctor', 'Check that this machine has what retick needs', () => import('./cli/doctor.ts')],
];

export async function main(argv: readonly string[]): Promise<void> {
  try {
    process.exitCode = await dispatch(argv);
  } catch (error) {
    process.exitCode = explain(error, argv.includes('--json'));
  }
}

async function dispatch(argv: readonly string[]): Promise<number> {
  const name = argv[0];
  if (name !== undefined && !name.startsWith('-') && !COMMANDS.some(([known]) => known === name)) {
    throw unknownName(
      'command',
      name,
      COMMANDS.map(([known]) => known),
    );
  }
  const entry = COMMANDS.find(([known]) => known === name);
  if (entry === undefined) {
    const parser = COMMANDS.reduce(
      (parser, [known, text]) => parser.command(known, text),
      base(yargs([...argv])),
    )
      .usage(
        'retick <command> [options]\n\nRecords live market feeds, replays them at any speed, and proves that a strategy does the\nsame thing live, replayed and backtested.',
      )
      .epilogue(
        'Start with: retick demo. Help on a command: retick <command> --help.\nExit codes: 0 done; 1 a check failed; 2 usage; 3 data missing or corrupt; 4 venue or network; 130 interrupted.',
      );
    if (argv.length > 0) {
      await parser.strictOptions().fail(rethrow(parser)).parseAsync();
      return EXIT.done;
    }
    process.stdout.write(`${await parser.getHelp()}\n`);
    return EXIT.usage;
  }
  const { command } = await entry[2]();
  const parser = base(command.options(yargs(argv.slice(1)).usage(`retick ${command.usage}\n\n${entry[1]}.`)));
  const args = await parser.strict().fail(rethrow(parser)).parseAsync();
  return args.help === true || args.version === true ? EXIT.done : await command.run(args);
}

function base(parser: Argv): Argv {
  return parser
    .scriptName('retick')
    .env('RETICK')
    .option('json', {
      type: 'boolean',
      default: false,
      describe: 'Print one JSON value on stdout instead of text',
    })
    .help()
    .version(false)
    .exitProcess(false)
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .parserConfiguration({ 'duplicate-arguments-array': false, 'camel-case-expansion': true })
    .showHelpOnFail(false);
}

/** yargs says what is wrong in its own words; ours name the value and the nearest known flag. */
function rethrow(parser: Argv): (message: string | null, error: Error | undefined) => never {
  return (message, error) => {
    if (error !== undefined && error !== null && !message) throw error;
    const unknown = /^Unknown arguments?: ([^,]+)/.exec(message ?? '')?.[1];
    if (unknown !== undefined) throw unknownFlag(unknown.trim(), parser);
    throw new UsageError(
      `${(message ?? 'wrong arguments').replaceAll('\n', ' ').replace(/\s+/g, ' ')} (see --help)`,
    );
  };
}

function unknownFlag(name: string, parser: Argv): UsageError {
  const options = (parser as unknown as { getOptions(): { key: Record<string, unknown> } }).getOptions();
  const known = Object.keys(options.key).filter((key) => key.length > 1);
  const dashed = [...new Set(known.map((key) => key.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)))];
  const isFlag = process.argv.some((word) => word.startsWith(`--${name}`));
  if (!isFlag) return new UsageError(`unexpected argument: ${name} (see --help)`);
  return unknownName(
    'flag',
    `--${name}`,
    dashed.map((key) => `--${key}`),
  );
}

/** One line on stderr, and the exit code. A broken invariant shows where it broke. */
function explain(error: unknown, isJson: boolean): number {
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : String(error);
  if (isJson) process.stdout.write(`${JSON.stringify({ error: { code, message } })}\n`);
  process.stderr.write(`retick: ${message}\n`);
  if (code === EXIT.internal && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`);
  return code;
}

function codeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof DataError) return EXIT.data;
  if (error instanceof VenueError) return EXIT.venue;
  return EXIT.internal;
}
