// The contract of a command, and the exit codes they share.
import type { Argv } from 'yargs';

/** What a command's file exports. `run` returns the exit code; it throws the errors of core/errors.ts. */
export type Command = {
  readonly usage: string;
  readonly options: (argv: Argv) => Argv;
  readonly run: (args: Arguments) => Promise<number>;
};

/** Parsed flags and positionals; each command narrows what it declared. */
export type Arguments = Readonly<Record<string, unknown>>;

/** 130: interrupted after a clean flush. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  data: 3,
  venue: 4,
  internal: 70,
  interrupted: 130,
} as const;
