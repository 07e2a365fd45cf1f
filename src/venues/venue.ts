// The contract of a venue: what to say to it, how long its silence may last, how its frames decode.
// A venue opens no socket, reads no clock and keeps no secret; connection life is the recorder's.
import type { EventBatch } from '../core/event.ts';
import type { JournalRecord, Session } from '../core/frame.ts';

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
  readonly silence: SilenceLimits;
  /** What the client must say regularly, if anything. */
  readonly ping: { readonly everyMs: number; readonly text: (id: number) => string } | undefined;
  /** The texts that subscribe everything in the session, in order. */
  subscribe(session: Session): readonly string[];
  /** The texts that make the venue send one channel of one symbol afresh: unsubscribe, subscribe. */
  resync(session: Session, channel: string, symbol: string): readonly string[];
  /** A decoder for one recording, in its initial state. */
  createDecoder(session: Session): Decoder;
}

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
