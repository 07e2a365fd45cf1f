// What may be read as a file at all: plain files. A pipe would be waited for, a device read for ever.
import { type Stats, statSync } from 'node:fs';
import { DataError } from '../core/errors.ts';

/** What is known of a file. DataError when it is none, or larger than `bytesMax`. */
export function requireFile(path: string, bytesMax = Number.POSITIVE_INFINITY): Stats {
  let stats: Stats;
  try {
    stats = statSync(path);
  } catch (cause) {
    throw new DataError(`cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
  if (!stats.isFile()) throw new DataError(`${path} is not a file`);
  if (stats.size > bytesMax) {
    throw new DataError(`${path}: ${stats.size} bytes are too many (at most ${bytesMax})`);
  }
  return stats;
}
