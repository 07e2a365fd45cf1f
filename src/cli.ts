// The roof: which commands there are, and the only place that catches. Each command's file is loaded when it is
// asked for, so that `--help` stays fast.
import type { Command } from './cli/command.ts';
import { EXIT } from './cli/exit.ts';
import { Interrupt } from './cli/interrupt.ts';
import { Output } from './cli/output.ts';
import { createParser, originOf, parseArguments } from './cli/parser.ts';
import { DataError, UsageError, unknownName, VenueError } from './core/errors.ts';
import { redact } from './core/secret.ts';

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
  hideSecrets(argv);
  const output = new Output(argv.includes('--json'));
  process.exitCode = await dispatch(argv, output).catch((error: unknown) => explain(error, argv, output));
  const lost = await output.settle();
  if (lost === undefined) return;
  process.exitCode ||= EXIT.data;
  output.note(`retick: what was to be printed could not be written: ${lost.message}`);
}

/** Whoever lists processes sees the command line; an address with a secret in it is replaced there. */
function hideSecrets(argv: readonly string[]): void {
  const safe = argv.map((word) => redact(word));
  if (safe.some((word, index) => word !== argv[index])) process.title = ['retick', ...safe].join(' ');
}

async function dispatch(argv: readonly string[], output: Output): Promise<number> {
  const name = argv[0];
  if (name !== undefined && !name.startsWith('-') && !COMMANDS.some(([known]) => known === name)) {
    throw unknownName(
      'command',
      name,
      COMMANDS.map(([known]) => known),
    );
  }
  const entry = COMMANDS.find(([known]) => known === name);
  if (entry === undefined) return await overview(argv);
  const { command } = await entry[2]();
  const words = argv.slice(1);
  const parser = createParser(words).usage(`retick ${command.usage}\n\n${entry[1]}.`);
  const args = await parseArguments(command.options(parser), words, command.usage);
  if (args.help === true || args.version === true) return EXIT.done;
  output.isJson = args.json === true;
  const interrupt = new Interrupt((text) => output.note(text));
  try {
    const code = await command.run(args, { output, interrupt });
    return interrupt.isRaised ? EXIT.interrupted : code;
  } finally {
    interrupt.release();
  }
}

/** What there is, for those who named no command; and the shell's completions, which need every command's flags. */
async function overview(argv: readonly string[]): Promise<number> {
  let parser = createParser(argv)
    .usage(
      'retick <command> [options]\n\nRecords live market feeds, replays them at any speed, and proves that a strategy does the\nsame thing live, replayed and backtested.',
    )
    .epilogue(
      'Start with: retick demo. Help on a command: retick <command> --help.\nShell completion: retick --completion >> ~/.bashrc\nExit codes: 0 done; 1 a check failed; 2 usage; 3 data missing or corrupt; 4 venue or network; 130 interrupted.',
    );
  const isCompletion = argv.some((word) => word === '--get-yargs-completions');
  for (const [known, text, load] of COMMANDS) {
    const options = isCompletion ? (await load()).command.options : (inner: typeof parser) => inner;
    parser = parser.command(known, text, options);
  }
  if (argv.includes('--completion')) {
    parser.showCompletionScript();
    return EXIT.done;
  }
  if (argv.length > 0) {
    await parseArguments(parser.completion('completion', false), argv);
    return EXIT.done;
  }
  process.stdout.write(`${await parser.getHelp()}\n`);
  return EXIT.usage;
}

/** One line on stderr, and the exit code. A broken invariant shows where it broke. */
function explain(error: unknown, argv: readonly string[], output: Output): number {
  const code = codeOf(error);
  const words = error instanceof Error ? error.message : String(error);
  const stack = code === EXIT.internal && error instanceof Error ? error.stack : undefined;
  output.failure(code, words + originOf(words, argv), stack);
  return code;
}

function codeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof DataError) return EXIT.data;
  if (error instanceof VenueError) return EXIT.venue;
  // The system refused: a path that cannot be made, a full disk. Its words name call and path.
  if (error instanceof Error && 'syscall' in error) return EXIT.data;
  return EXIT.internal;
}
