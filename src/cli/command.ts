// The contract of a command: what its file exports, and what the roof lends it.
import type { Argv } from 'yargs';
import type { Interrupt } from './interrupt.ts';
import type { Output } from './output.ts';

/** What a command's file exports. `run` returns the exit code; it throws the errors of core/errors.ts. */
export type Command = {
  readonly usage: string;
  readonly options: (argv: Argv) => Argv;
  readonly run: (args: Arguments, context: Context) => Promise<number>;
};

/** Parsed flags and positionals; each command narrows what it declared. */
export type Arguments = Readonly<Record<string, unknown>>;

/** What the roof lends a command. */
export type Context = {
  readonly output: Output;
  /** For commands that have something to bring to an order; the roof turns a raised one into exit code 130. */
  readonly interrupt: Interrupt;
};
