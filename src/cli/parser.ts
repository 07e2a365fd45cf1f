// From words to arguments: yargs, with our words for what is wrong, and the environment between flags and defaults.
import yargs, { type Argv } from 'yargs';
import { UsageError, unknownName } from '../core/errors.ts';
import { SOFTWARE } from '../sessions/software.ts';
import type { Arguments } from './command.ts';

/** `RETICK_BATCH_SIZE=7` is `--batch-size 7` where that flag exists and is not given. */
const PREFIX = 'RETICK_';

/** A parser with what every command understands. Nothing in it exits or prints an error by itself. */
export function createParser(argv: readonly string[]): Argv {
  return yargs([...argv])
    .scriptName('retick')
    .option('json', {
      type: 'boolean',
      default: false,
      describe: 'Print one JSON value on stdout instead of text',
    })
    .help()
    .version(SOFTWARE)
    .exitProcess(false)
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .parserConfiguration({ 'duplicate-arguments-array': false, 'camel-case-expansion': true })
    .showHelpOnFail(false);
}

/** Parses strictly. Errors: UsageError that names the flag, where it came from, and the nearest known one. */
export async function parseArguments(
  parser: Argv,
  argv: readonly string[],
  usage = '<command>',
): Promise<Arguments> {
  const flags = flagsOf(parser);
  const fromEnvironment = environment(flags, argv);
  const args = await parser
    .config(fromEnvironment)
    .strict()
    .fail((message, error) => {
      if (error !== undefined && error !== null && !message) throw error;
      throw usageError(message ?? 'wrong arguments', { flags, argv, usage });
    })
    .parseAsync();
  for (const flag of flags) {
    if (!Number.isNaN(args[flag])) continue;
    throw new UsageError(`--${flag}: ${fromEnvironment[flag] ?? given(flag, argv)} is no number`);
  }
  return args;
}

/** ` (from RETICK_SPEED)` where a message speaks of a flag whose value the environment gave. */
export function originOf(message: string, argv: readonly string[]): string {
  const flag = /--([a-z][a-z0-9-]*)/.exec(message)?.[1];
  if (flag === undefined || isGiven(flag, argv)) return '';
  const name = variableOf(flag);
  return process.env[name] === undefined ? '' : ` (from ${name})`;
}

function flagsOf(parser: Argv): readonly string[] {
  const { key } = (parser as unknown as { getOptions(): { key: Record<string, unknown> } }).getOptions();
  const dashed = Object.keys(key).map((name) =>
    name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
  );
  return [...new Set(dashed)];
}

function environment(flags: readonly string[], argv: readonly string[]): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const flag of flags) {
    const value = process.env[variableOf(flag)];
    if (value !== undefined && !isGiven(flag, argv)) found[flag] = value;
  }
  return found;
}

function variableOf(flag: string): string {
  return PREFIX + flag.toUpperCase().replaceAll('-', '_');
}

function isGiven(flag: string, argv: readonly string[]): boolean {
  return argv.some(
    (word) => word === `--${flag}` || word.startsWith(`--${flag}=`) || word === `--no-${flag}`,
  );
}

function given(flag: string, argv: readonly string[]): string {
  const at = argv.findIndex((word) => word === `--${flag}` || word.startsWith(`--${flag}=`));
  return argv[at]?.split('=')[1] ?? argv[at + 1] ?? '';
}

type Request = {
  readonly flags: readonly string[];
  readonly argv: readonly string[];
  readonly usage: string;
};

function usageError(message: string, { flags, argv, usage }: Request): UsageError {
  const count = /^(Not enough|Too many) non-option arguments: got (\d+)/.exec(message);
  if (count !== null) {
    const words = count[1] === 'Too many' ? 'too many' : 'too few';
    return new UsageError(`${words} arguments (${count[2]}); usage: retick ${usage.split('\n')[0]}`);
  }
  const unknown = /^Unknown arguments?: ([^,]+)/.exec(message)?.[1]?.trim();
  if (unknown === undefined) return new UsageError(`${message.replace(/\s+/g, ' ')} (see --help)`);
  if (!argv.some((word) => word.startsWith(`--${unknown}`))) {
    return new UsageError(`unexpected argument: ${unknown} (see --help)`);
  }
  return unknownName(
    'flag',
    `--${unknown}`,
    flags.map((flag) => `--${flag}`),
  );
}
