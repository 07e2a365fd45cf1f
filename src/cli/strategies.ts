// `retick strategies`: which strategies there are, and each one's parameters with their defaults.
import { basename } from 'node:path';
import type { Argv } from 'yargs';
import { z } from 'zod';
import { UsageError } from '../core/errors.ts';
import { listStrategies } from '../sessions/bundle.ts';
import { type BundledStrategy, loadStrategy } from '../sessions/strategies.ts';
import type { Arguments, Command, Context } from './command.ts';
import { EXIT } from './exit.ts';
import { type Output, paint, table } from './output.ts';

export const command: Command = {
  usage: 'strategies [NAME|FILE]',
  options: (argv: Argv) => argv.demandCommand(0, 1),
  run: async (args: Arguments, { output }: Context) => {
    const [name] = args._ as readonly unknown[];
    if (name === undefined) {
      const all = await loadAll(output);
      output.result(
        all.map(describe),
        table(
          ['strategy', 'version', 'what it does'],
          all.map(({ strategy, path }) => [basename(path, '.ts'), strategy.version, strategy.description]),
        ),
      );
      return EXIT.done;
    }
    const bundled = await loadStrategy(String(name), 'argument');
    for (const warning of bundled.warnings) output.note(warning);
    output.result(describe(bundled), format(bundled));
    return EXIT.done;
  },
};

/** A file that is no strategy, as one with what several share, does not hide the others. */
async function loadAll(output: Output): Promise<readonly BundledStrategy[]> {
  const loads = [...listStrategies().keys()].map((use) => loadStrategy(use, 'strategies'));
  const all: BundledStrategy[] = [];
  for (const load of await Promise.allSettled(loads)) {
    if (load.status === 'fulfilled') all.push(load.value);
    else if (load.reason instanceof UsageError) output.note(`not listed: ${load.reason.message}`);
    else throw load.reason;
  }
  return all;
}

type Parameter = {
  readonly name: string;
  readonly type: string;
  readonly default: string;
  readonly meaning: string;
};

function parameters({ strategy }: BundledStrategy): readonly Parameter[] {
  const schema = z.toJSONSchema(strategy.params, { io: 'input' }) as {
    properties?: Readonly<
      Record<string, { type?: string; enum?: readonly unknown[]; default?: unknown; description?: string }>
    >;
  };
  return Object.entries(schema.properties ?? {}).map(([name, property]) => ({
    name,
    type: property.enum?.join(' | ') ?? property.type ?? '',
    default: property.default === undefined ? '' : String(property.default),
    meaning: property.description ?? '',
  }));
}

function describe(bundled: BundledStrategy): Readonly<Record<string, unknown>> {
  const { name, version, description } = bundled.strategy;
  return {
    name,
    version,
    description,
    path: bundled.path,
    bundle: bundled.bundle,
    params: parameters(bundled),
  };
}

function format(bundled: BundledStrategy): string {
  const { name, version, description } = bundled.strategy;
  return [
    `${paint('bold', name)} ${version} — ${description}`,
    `bundle ${bundled.bundle.slice(0, 16)}   ${bundled.path}`,
    '',
    table(
      ['parameter', 'type', 'default', 'meaning'],
      parameters(bundled).map((p) => [p.name, p.type, p.default, p.meaning]),
    ),
  ].join('\n');
}
