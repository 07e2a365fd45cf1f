// Every venue there is. A new one is one line here.
import { unknownName } from '../core/errors.ts';
import { kraken } from './kraken.ts';
import type { Venue } from './venue.ts';

export const venues: readonly Venue[] = [kraken];

/** The venue of that name; `from` says where the name stood, for the error. */
export function findVenue(name: string, from?: string, among: readonly Venue[] = venues): Venue {
  const venue = among.find((candidate) => candidate.name === name);
  if (venue === undefined) {
    throw unknownName(
      'venue',
      name,
      among.map((candidate) => candidate.name),
      from,
    );
  }
  return venue;
}
