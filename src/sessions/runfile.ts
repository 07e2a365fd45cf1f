// Run files: YAML or JSON text to a checked run configuration.
import { existsSync, readFileSync } from 'node:fs';
import { UsageError, unknownName } from '../core/errors.ts';
import type { Manifest } from '../datasets/manifest.ts';
import { parseRunConfig, type RunConfig } from '../engine/config.ts';

/** A run file that speaks of another venue, or of symbols the dataset does not hold, was meant for another one. */
export function requireFit(config: RunConfig, { venue, symbols }: Manifest, dataset: string): void {
  if (config.venue !== venue) {
    throw new UsageError(`run file ${config.name} is for ${config.venue}, but ${dataset} is of ${venue}`);
  }
  const unknown = config.symbols.find((symbol) => !symbols.includes(symbol));
  if (unknown !== undefined)
    throw unknownName('symbol', unknown, symbols, `run file ${config.name} for ${dataset}`);
}

/** Reads a run file. Errors: UsageError naming file, path in it, value and what was allowed. */
export async function readRunFile(path: string): Promise<RunConfig> {
  if (!existsSync(path))
    throw new UsageError(`there is no run file ${path} (retick init writes one to start from)`);
  const { parse } = await import('yaml');
  const text = readText(path);
  let value: unknown;
  try {
    value = parse(text);
  } catch (cause) {
    throw new UsageError(
      `${path} is no YAML: ${cause instanceof Error ? cause.message.split('\n')[0] : cause}`,
      { cause },
    );
  }
  return parseRunConfig(value, path);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new UsageError(`${path} cannot be read: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
  }
}
