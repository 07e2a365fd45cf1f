// What a journal holds: raw frames as the venue sent them, and the recorder's own control records,
// in one sequence. Receive time and sequence number are given once, in the socket callback.
import { redact, redactAddress, redactHeaders, redactRequest } from './secret.ts';

/** How a journal row is to be read. The numbers are the file format. */
export const RecordKind = { text: 0, binary: 1, control: 2, beat: 3, answer: 4 } as const;
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind];

export type JournalRecord = {
  /** 1, 2, 3 … without a hole over the whole recording. */
  readonly seq: number;
  /** Local receive time, µs since the epoch, never smaller than the record before. */
  readonly receivedUs: number;
  readonly kind: RecordKind;
  /** Which connection of the session, counted from 0; each reconnect is a new one. */
  readonly connection: number;
  /**
   * The frame's bytes exactly as received; for `control` the JSON of a `Control`; empty for a beat; for `answer` a line of
   * JSON with the request and the status, then the body exactly as received.
   */
  readonly payload: Uint8Array;
};

/** What a session recorded of one venue: enough to decode its frames again without asking anyone. */
export type VenueSession = {
  readonly venue: string;
  readonly url: string;
  /** Instrument numbers in events are indices into this list. */
  readonly symbols: readonly string[];
  readonly channels: readonly string[];
  /** Book depth subscribed, levels per side. */
  readonly depth: number;
  /** Candle interval of a venue candle channel, µs; 0 when none is subscribed. */
  readonly candleUs: number;
  /** What the frames are, where they are not the venue's own: the rows of a file of candles. */
  readonly frames?: 'candles';
};

/**
 * What a session recorded. Of one venue it is that venue's; of several, its own fields say what they are together, and
 * `venues` what each was asked for. `venuesOf` reads both.
 */
export type Session = VenueSession & { readonly schema?: 2; readonly venues?: readonly VenueSession[] };

export type GapCause =
  | 'disconnect'
  | 'sequence'
  | 'checksum'
  | 'slow client'
  /** Frames came and were not kept. */
  | 'drop'
  | 'ack timeout'
  | 'idle'
  | 'refused'
  | 'rotation'
  /** The recorder died or was stopped, and was started again. */
  | 'recovery'
  /** The subscription ended and the next snapshot has not come yet. */
  | 'unsubscribed'
  /** The venue numbers its trades anew: how many lie between is not known. */
  | 'renumbered';

/** A step in the life of the recorder or of a connection. Each becomes a `status` event. */
export type Control =
  | { readonly type: 'session'; readonly session: Session; readonly software: string; readonly node: string }
  /** `plan`: which of the session's connections this is, where it has several. */
  | { readonly type: 'connecting'; readonly url: string; readonly attempt: number; readonly plan?: number }
  /**
   * The connection takes the place of the one of its plan that was open before. `isBeside`: all that were open stay so;
   * `replaces`: that one stays open until this one does its work.
   */
  | {
      readonly type: 'opened';
      readonly url: string;
      readonly plan?: number;
      readonly isBeside?: boolean;
      readonly replaces?: number;
    }
  /** A request that was sent over HTTP. Its answer is a record of its own kind, or `unanswered` says why there is none. */
  | { readonly type: 'asked'; readonly request: HttpRequest }
  | {
      readonly type: 'unanswered';
      readonly request: HttpRequest;
      readonly reason: string;
      readonly attempt: number;
      readonly delayMs: number;
    }
  /** The frames of this connection come from a capture of somebody else's, whose receive times were read in this way. */
  | {
      readonly type: 'import';
      readonly file: string;
      readonly format: string;
      /** Empty where the capture has no receive times. */
      readonly unit: string;
      readonly clock: string;
      readonly offsetUs: number;
    }
  | { readonly type: 'sent'; readonly text: string }
  | {
      readonly type: 'closed';
      readonly code: number;
      readonly reason: string;
      readonly cause: GapCause | 'end';
    }
  | { readonly type: 'failed'; readonly reason: string }
  /** `askedMs`: what the venue asked for, where that is more than anybody waits. */
  | { readonly type: 'retry'; readonly attempt: number; readonly delayMs: number; readonly askedMs?: number }
  | { readonly type: 'breaker'; readonly state: 'open' | 'half-open' | 'closed'; readonly failures: number }
  | {
      readonly type: 'silence';
      readonly clock: 'frame' | 'data' | 'channel';
      readonly channel: string;
      readonly symbol: string;
      readonly silentMs: number;
      readonly limitMs: number;
    }
  | { readonly type: 'resync'; readonly channel: string; readonly symbol: string; readonly cause: GapCause }
  | { readonly type: 'clockStep'; readonly stepUs: number }
  /** What listened to the live events threw, and hears no more of them; the recording goes on. */
  | { readonly type: 'fault'; readonly reason: string }
  /** The disk did not follow: the socket was not read for so long, and what it held is as much late. */
  | { readonly type: 'stall'; readonly queuedBytes: number; readonly stalledMs: number }
  /**
   * The recorder did not run for so long, being stopped, starved or busy. Frames from here to the next `late` record had
   * waited for it, and are late by up to that.
   */
  | { readonly type: 'pause'; readonly pausedMs: number }
  /** What had waited for a recorder that paused is taken: so many frames were late. */
  | { readonly type: 'late'; readonly frames: number; readonly bytes: number; readonly pausedMs: number }
  /** A segment could not be sealed; it stays as it was written, and is tried again. */
  | {
      readonly type: 'sealFailure';
      readonly segment: string;
      readonly reason: string;
      readonly attempt: number;
    }
  /** So many times the last frame held a secret of the session's own address; stars stand in its place. */
  | { readonly type: 'masked'; readonly secrets: number }
  | { readonly type: 'drop'; readonly frames: number; readonly bytes: number; readonly reason: string }
  /** A former recorder stopped without closing: of this segment so many rows were kept and so many bytes cut off. */
  | {
      readonly type: 'cut';
      readonly segment: string;
      readonly rows: number;
      readonly bytes: number;
      readonly reason: string;
    }
  /** Records of a damaged recording that could not be read, by the numbers that they had in it. */
  | {
      readonly type: 'lost';
      readonly firstSeq: number;
      readonly lastSeq: number;
      readonly reason: string;
    }
  | { readonly type: 'end'; readonly reason: string };

/** A request over HTTP. Address, headers and body may hold `${NAME}`, which is filled at the socket and recorded unfilled. */
export type HttpRequest = {
  /** What the decoder knows its answer by, as `depth BTCUSDT`. */
  readonly tag: string;
  readonly url: string;
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
};

/** The answer to a request, whatever its status. */
export type HttpAnswer = {
  readonly request: HttpRequest;
  readonly status: number;
  readonly body: Uint8Array;
};

/** Steps after which frames are missing, until data is subscribed again. */
const LOSING: ReadonlySet<string> = new Set(['closed', 'failed', 'drop', 'cut', 'lost']);

/** Whether frames are missing from here on; after an end in good order nothing is. */
export function losesFrames(control: Control): boolean {
  return LOSING.has(control.type) && !(control.type === 'closed' && control.cause === 'end');
}

/** Steps after which receive times and the venue's may differ by another amount than before. */
const STEPPING: ReadonlySet<string> = new Set(['session', 'opened', 'closed', 'clockStep', 'cut']);

/** Steps before which the local clock, or the recorder itself, was interrupted. */
export function restartsClock(control: Control): boolean {
  return control.type === 'session' || control.type === 'cut' || control.type === 'clockStep';
}

export function stepsClock(control: Control): boolean {
  return STEPPING.has(control.type);
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The bytes of a control. Whatever is journalled comes through here, so no secret in an address or a request passes. */
export function encodeControl(control: Control): Uint8Array {
  return encoder.encode(JSON.stringify(withoutSecrets(control)));
}

function withoutSecrets(control: Control): Control {
  switch (control.type) {
    case 'session': {
      const { session } = control;
      const { venues } = session;
      const hidden = <T extends VenueSession>(one: T): T => ({ ...one, url: redactAddress(one.url) });
      return { ...control, session: { ...hidden(session), ...(venues && { venues: venues.map(hidden) }) } };
    }
    case 'connecting':
    case 'opened':
      return { ...control, url: redactAddress(control.url) };
    case 'asked':
    case 'unanswered':
      return { ...control, request: withoutSecret(control.request) };
    case 'sent':
      return { ...control, text: redactRequest(control.text) };
    default:
      return 'reason' in control ? { ...control, reason: redact(control.reason) } : control;
  }
}

/** The control record in a journal row that our own recorder wrote. */
export function decodeControl(record: JournalRecord): Control {
  return JSON.parse(decoder.decode(record.payload)) as Control;
}

/** A request as it may be kept. */
function withoutSecret(request: HttpRequest): HttpRequest {
  const { url, headers, body } = request;
  return {
    ...request,
    url: redactAddress(url),
    ...(headers !== undefined && { headers: redactHeaders(headers) }),
    ...(body !== undefined && { body: redactRequest(body) }),
  };
}

const LINE_END = 10;

/** The payload of an answer's record. */
export function encodeAnswer({ request, status, body }: HttpAnswer): Uint8Array {
  const head = encoder.encode(`${JSON.stringify({ request: withoutSecret(request), status })}\n`);
  const payload = new Uint8Array(head.length + body.length);
  payload.set(head);
  payload.set(body, head.length);
  return payload;
}

/** The answer in a journal row that our own recorder wrote. */
export function decodeAnswer(record: JournalRecord): HttpAnswer {
  const { payload } = record;
  const end = payload.indexOf(LINE_END);
  const head = JSON.parse(decoder.decode(payload.subarray(0, end))) as Omit<HttpAnswer, 'body'>;
  return { ...head, body: payload.subarray(end + 1) };
}
