// What a recording is of: one venue, or several together. Instruments of all venues are numbered through; a name that is
// printed is the venue's symbol where there is one venue, and `venue:symbol` where there are several.
import { UsageError } from './errors.ts';
import type { Session, VenueSession } from './frame.ts';

/** A channel in our words. Recordings of the first schema have Kraken's for two of them. */
export function ourChannel(word: string): string {
  if (word === 'ticker') return 'quote';
  return word === 'ohlc' ? 'candle' : word;
}

/** One session of what several venues are asked for, in this order. Throws UsageError when one is named twice. */
export function joinSessions(venues: readonly VenueSession[]): Session {
  if (venues.length === 1) return venues[0]!;
  const twice = venues.find(({ venue }, at) => venues.findIndex((other) => other.venue === venue) !== at);
  if (twice !== undefined) throw new UsageError(`venue ${twice.venue} is given twice (allowed: each once)`);
  return {
    schema: 2,
    venue: venues.map(({ venue }) => venue).join('+'),
    url: '',
    symbols: venues.flatMap(({ venue, symbols }) => symbols.map((symbol) => nameOf(venue, symbol))),
    channels: [...new Set(venues.flatMap(({ channels }) => channels))],
    depth: Math.max(...venues.map(({ depth }) => depth)),
    candleUs: Math.max(...venues.map(({ candleUs }) => candleUs)),
    venues,
  };
}

/** What each venue was asked for. A session as the first schema recorded it is that of its one venue. */
export function venuesOf(session: Session): readonly VenueSession[] {
  return session.venues ?? [session];
}

/** The printed name of an instrument in a session of several venues. */
export function nameOf(venue: string, symbol: string): string {
  return `${venue}:${symbol}`;
}

/**
 * The number of the instrument that a name means, −1 when none is, −2 when several could be: a bare symbol will do where
 * one venue has it, and a venue may be named where there is one only.
 */
export function resolveName(names: readonly string[], name: string): number {
  const exact = names.indexOf(name);
  if (exact >= 0) return exact;
  const matches = names.flatMap((other, number) => (symbolOf(other) === name ? [number] : []));
  return matches.length > 1 ? -2 : (matches[0] ?? -1);
}

function symbolOf(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}
