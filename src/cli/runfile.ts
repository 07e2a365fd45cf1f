// Run files: YAML or JSON text to a checked run configuration.
import { existsSync, readFileSync } from 'node:fs';
import { UsageError } from '../core/errors.ts';
import { parseRunConfig, type RunConfig } from '../engine/config.ts';

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
