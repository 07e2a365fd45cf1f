// One decoder for a session of several venues: each record goes to the decoder of the venue whose connection it came on,
// and what that appends gets the session's numbers and names. What the recorder says of itself goes to all, and is told once.
import { EventBatch, NO_INSTRUMENT, type StatusDetail } from '../core/event.ts';
import {
  type Control,
  decodeControl,
  encodeControl,
  type JournalRecord,
  RecordKind,
  type Session,
  type VenueSession,
} from '../core/frame.ts';
import { nameOf, venuesOf } from '../core/session.ts';
import { emitUnknown } from './guard.ts';
import { findVenue, venues as known } from './list.ts';
import type { Action, BookChecks, ConnectionPlan, Decoder, Venue } from './venue.ts';

/** The decoder of a session. Throws UsageError, naming `from`, when a venue of it is not known. */
export function createDecoder(session: Session, venues: readonly Venue[] = known, from?: string): Decoder {
  if (session.venues === undefined) return findVenue(session.venue, from, venues).createDecoder(session);
  return new Router(
    session.venues,
    session.venues.map((own) => findVenue(own.venue, from, venues)),
  );
}

/** The connections of a session, numbered as its records number them, with the session's instrument numbers. */
export function planConnections(
  session: Session,
  venues: readonly Venue[] = known,
): readonly { readonly venue: string; readonly plan: ConnectionPlan }[] {
  let first = 0;
  return venuesOf(session).flatMap((own) => {
    const offset = first;
    first += own.symbols.length;
    return findVenue(own.venue, undefined, venues)
      .connections(own)
      .map((plan) => {
        const streams = plan.streams.map((it) => ({ ...it, instrument: it.instrument + offset }));
        return { venue: own.venue, plan: { ...plan, streams } };
      });
  });
}

/** A venue's part of the session. */
type Part = {
  readonly session: VenueSession;
  readonly decoder: Decoder;
  /** The session's number of its first instrument. */
  readonly first: number;
};

/** What a control record of a connection says; all others are of the recorder. */
const OF_CONNECTION: ReadonlySet<Control['type']> = new Set([
  ...(['connecting', 'opened', 'closed', 'failed', 'retry', 'breaker', 'sent', 'asked'] as const),
  ...(['unanswered', 'silence', 'resync', 'masked', 'drop'] as const),
]);

class Router implements Decoder {
  readonly #parts: readonly Part[];
  /** By plan: whose it is. */
  readonly #ofPlan: readonly Part[];
  readonly #ofConnection = new Map<number, Part>();
  readonly #scratch = new EventBatch(64);
  #asked: Part | undefined;

  constructor(sessions: readonly VenueSession[], venues: readonly Venue[]) {
    let first = 0;
    this.#parts = sessions.map((session, at) => {
      const part = { session, decoder: venues[at]!.createDecoder(session), first };
      first += session.symbols.length;
      return part;
    });
    this.#ofPlan = this.#parts.flatMap((part, at) => venues[at]!.connections(part.session).map(() => part));
  }

  get bookChecks(): readonly BookChecks[] {
    return this.#parts.flatMap(
      ({ decoder, session }) =>
        decoder.bookChecks ?? session.symbols.map(() => ({ verified: 0, failed: 0, unchecked: 0 })),
    );
  }

  takeAsks(): readonly Action[] {
    const { decoder, first } = this.#asked ?? this.#parts[0]!;
    const asks = decoder.takeAsks?.() ?? [];
    this.#asked = undefined;
    return asks.map((ask) => (ask.do === 'resync' ? { ...ask, instrument: ask.instrument + first } : ask));
  }

  decode(record: JournalRecord, out: EventBatch): void {
    this.#asked = undefined;
    if (record.kind === RecordKind.control) this.#control(decodeControl(record), record, out);
    else if (record.kind === RecordKind.beat) this.#parts[0]!.decoder.decode(record, out);
    else {
      const part = this.#ofConnection.get(record.connection);
      if (part === undefined) emitUnknown(`connection ${record.connection} was never opened`, record, out);
      else this.#decode(part, record, out);
    }
  }

  #decode(part: Part, record: JournalRecord, out: EventBatch): void {
    const from = out.length;
    part.decoder.decode(record, out);
    this.#asked = part;
    this.#rename(part, out, from);
  }

  #control(control: Control, record: JournalRecord, out: EventBatch): void {
    if (control.type === 'connecting' || control.type === 'opened') {
      const part = this.#ofPlan[control.plan ?? 0];
      if (part !== undefined) this.#ofConnection.set(record.connection, part);
    }
    const own = OF_CONNECTION.has(control.type) ? this.#ofConnection.get(record.connection) : undefined;
    if (own !== undefined) {
      this.#decode(own, withSymbolOf(own, control, record), out);
      return;
    }
    const from = out.length;
    // The recorder's own: what follows from it each venue tells, that it was said only the first.
    for (const [at, part] of this.#parts.entries()) {
      this.#scratch.reset();
      part.decoder.decode(record, this.#scratch);
      this.#rename(part, this.#scratch, 0);
      for (let row = 0; row < this.#scratch.length; row++) {
        const detail = this.#scratch.detail[row];
        const isControl = detail?.type === 'status' && detail.state === 'control';
        if (at > 0 && isControl) continue;
        out.copyRow(this.#scratch, row);
      }
    }
    // Rows of several decoders are counted through.
    for (let row = from; row < out.length; row++) out.ordinal[row] = row - from;
  }

  /** Numbers and names of a venue become those of the session. */
  #rename({ first, session }: Part, out: EventBatch, from: number): void {
    const { venue } = session;
    for (let row = from; row < out.length; row++) {
      if (first > 0 && out.instrument[row] !== NO_INSTRUMENT)
        out.instrument[row] = out.instrument[row]! + first;
      const detail = out.detail[row];
      if (detail === undefined) continue;
      if (detail.type === 'instrument') {
        const { instrument } = detail;
        out.detail[row] = {
          ...detail,
          instrument: { ...instrument, symbol: nameOf(venue, instrument.symbol) },
        };
      } else if (detail.type === 'status') {
        out.detail[row] = renamed(detail, venue);
      }
    }
  }
}

function renamed(detail: StatusDetail, venue: string): StatusDetail {
  if (detail.state === 'control') {
    const { control } = detail;
    if (!('symbol' in control) || control.symbol === '') return detail;
    return { ...detail, control: { ...control, symbol: nameOf(venue, control.symbol) } };
  }
  if (!('symbol' in detail) || detail.symbol === '') return detail;
  return { ...detail, symbol: nameOf(venue, detail.symbol) };
}

/** A control names an instrument as the session does; the venue's decoder knows its own symbols. */
function withSymbolOf({ session }: Part, control: Control, record: JournalRecord): JournalRecord {
  if (!('symbol' in control) || control.symbol === '') return record;
  const symbol = control.symbol.slice(session.venue.length + 1);
  return { ...record, payload: encodeControl({ ...control, symbol }) };
}
