// What can be wrong with a request or with the world, one class per exit code.
// Thrown anywhere, caught only at the roof, printed there as one line.
import { closest, distance } from 'fastest-levenshtein';

/** The request is wrong: arguments, run file, parameter. Exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The data is missing or corrupt. The message names file and row. Exit code 3. */
export class DataError extends Error {
  override readonly name = 'DataError';
}

/** The venue refused, or the network failed for good. Exit code 4. */
export class VenueError extends Error {
  override readonly name = 'VenueError';
}

/** `unknown venue: krakn (known: kraken); did you mean kraken?` — the one wording for a wrong name. */
export function unknownName(kind: string, name: string, known: readonly string[], from?: string): UsageError {
  const origin = from === undefined ? '' : ` in ${from}`;
  const list = known.length === 0 ? 'there are none' : `known: ${known.join(', ')}`;
  const near = nearestName(name, known);
  const hint = near === undefined ? '' : `; did you mean ${near}?`;
  return new UsageError(`unknown ${kind}${origin}: ${name} (${list})${hint}`);
}

/** The known name that was probably meant; undefined when none is near. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  const lower = known.map((each) => each.toLowerCase());
  const near = known[lower.indexOf(closest(name.toLowerCase(), lower))]!;
  return distance(name.toLowerCase(), near.toLowerCase()) <= Math.max(2, near.length / 3) ? near : undefined;
}
