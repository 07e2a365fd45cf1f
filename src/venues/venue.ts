// The contract of a venue: which connections a session needs and what each says and carries, and how frames decode.
// A venue opens no socket, reads no clock and keeps no secret. Its decoder asks, a connection acts, and liveness watches
// the streams that the connection's plan names.
import type { EventBatch } from '../core/event.ts';
import type { GapCause, HttpRequest, JournalRecord, VenueSession } from '../core/frame.ts';
import type { Fields } from './fields.ts';

export interface Venue {
  readonly name: string;
  /** The public address; `--url` overrides it. */
  readonly url: string;
  /** Every channel this venue knows, in the order in which they are subscribed. */
  readonly channels: readonly string[];
  readonly defaultChannels: readonly string[];
  /** Book depths the venue offers, levels per side. */
  readonly depths: readonly number[];
  readonly defaultDepth: number;
  /** The connections that the session needs. Throws UsageError when the venue cannot serve it. */
  connections(session: VenueSession): readonly ConnectionPlan[];
  /**
   * What a frame of somebody else's capture says of the session that it was of, and the venue's own time in it. Absent in a
   * venue whose captures cannot be imported.
   */
  detect?(frame: Fields, found: SessionDraft): void;
  /** A decoder for one recording, in its initial state. */
  createDecoder(session: VenueSession): Decoder;
}

/** What frames have told of a session so far; names and channels in the venue's words. */
export type SessionDraft = {
  readonly symbols: Set<string>;
  readonly channels: Set<string>;
  /** `channel symbol` of each stream that data came of. */
  readonly streams: Set<string>;
  /** As acknowledged; 0 before. */
  depth: number;
  /** Of the largest side of a snapshot. */
  snapshotLevels: number;
  candleUs: number;
  /** Frames that have the venue's envelope. */
  understood: number;
  /** The venue's own time in the last frame, µs; NaN where it has none. */
  timeUs: number;
};

export function emptyDraft(): SessionDraft {
  return {
    symbols: new Set(),
    channels: new Set(),
    streams: new Set(),
    ...{ depth: 0, snapshotLevels: 0, candleUs: 0, understood: 0, timeUs: Number.NaN },
  };
}

/** One connection: where it leads, what is said on it, what comes of it. */
export type ConnectionPlan = {
  readonly url: string;
  /** Of the handshake. Values may hold `${NAME}`, as addresses, messages and requests may. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What liveness watches on it, and nothing else. */
  readonly streams: readonly Stream[];
  /** What is done once it is open, in this order. */
  readonly opening: readonly Step[];
  readonly silence: SilenceLimits;
  /** What the client must say regularly, if anything. */
  readonly ping?: { readonly everyMs: number; readonly message: string };
  /** No more messages than this are sent in any such time; the rest wait. */
  readonly pace?: { readonly messages: number; readonly perMs: number };
  /** After this the connection is replaced, while it still works, by one that overlaps with it. */
  readonly lifetimeMs?: number;
};

/** A channel of an instrument. */
export type Stream = {
  readonly channel: string;
  readonly instrument: number;
  /** What makes the venue send it afresh, a book with a snapshot; empty where only a new connection does. */
  readonly again: readonly Action[];
};

export type Action =
  | { readonly do: 'send'; readonly message: string }
  /** The answer becomes a record, and reaches the decoder like a frame. */
  | { readonly do: 'fetch'; readonly request: HttpRequest }
  /** A stream went wrong, or has to begin anew: it is asked for as its plan says, a few times before the connection is given up. */
  | {
      readonly do: 'resync';
      readonly channel: string;
      readonly instrument: number;
      readonly cause: GapCause;
    }
  | { readonly do: 'reconnect'; readonly cause: GapCause; readonly why: string };

/** A step of an opening: an action, or waiting for the venue; it is given up when that takes longer than `ms`. */
export type Step =
  | Action
  | { readonly do: 'wait'; readonly state: 'authenticated' | 'subscribed'; readonly ms: number };

/** How long the venue may be silent before the connection counts as dead, ms. */
export type SilenceLimits = {
  /** No frame at all. */
  readonly frameMs: number;
  /** No frame that carries data of a subscribed channel. */
  readonly dataMs: number;
  /** No frame of one channel of one symbol; a channel that is not named may be silent for ever. */
  readonly channelMs: Readonly<Record<string, number>>;
  /** No answer to a subscription. */
  readonly ackMs: number;
};

/**
 * Frames to events: a pure state machine over the records of one recording, in order. The same records give
 * the same events, live or years later; a format change is chosen by `receivedUs`, never by a mode.
 * It never throws on what a venue sent: a frame it cannot read becomes an `unknown` status event.
 */
export interface Decoder {
  /** Appends the record's events to `out`. Control records become status events; beats become beat events. */
  decode(record: JournalRecord, out: EventBatch): void;
  /**
   * What the last record makes necessary: a snapshot, a pong, a new connection. The connection that it came on acts; in a
   * replay nobody asks. Absent in a decoder that never needs anything.
   */
  takeAsks?(): readonly Action[];
  /** By instrument number, counted so far; absent where a venue sends nothing to check a book by. */
  readonly bookChecks?: readonly BookChecks[];
}

/** What became of the book messages of one instrument. */
export type BookChecks = {
  /** The book after the message was what the venue said it should be. */
  readonly verified: number;
  readonly failed: number;
  /** The message carried no checksum, or came while the book waited for its next snapshot. */
  readonly unchecked: number;
};
