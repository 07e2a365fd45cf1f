// What one connection owes us: an answer to each subscription, and data that keeps coming. Three clocks run (any frame,
// any data, each stream of its plan), and a stream that went wrong is asked for afresh. A market may be quiet: while frames
// come and subscriptions are answered the connection lives, and a quiet stream is asked for afresh, seldom. Pure in
// the times it is given: it decides, the connection acts. Nothing is allocated while all is well.
import { type EventBatch, EventKind, Flag, type StatusDetail } from '../core/event.ts';
import type { Control, GapCause } from '../core/frame.ts';
import { ourChannel } from '../core/session.ts';
import type { Action, SilenceLimits, Stream } from '../venues/venue.ts';
import { parseWaitUs } from './wait.ts';

/** What has to be done; a silence is only to be recorded, the remedy follows it. */
export type Reaction =
  | Extract<Control, { readonly type: 'silence' | 'resync' }>
  | { readonly type: 'reconnect'; readonly cause: GapCause; readonly reason: string }
  | {
      readonly type: 'refused';
      readonly channel: string;
      readonly symbol: string;
      readonly reason: string;
    };

export type ResyncLimits = {
  /** A stream that is silent while its connection lives is asked for afresh at most this often; Infinity: never. */
  readonly quietMs: number;
  /**
   * So many resyncs of one channel and symbol within the window are tried before the whole connection is given up; of a
   * stream that is only quiet, so many that bring nothing, before it is left alone for `quietMs`.
   */
  readonly resyncs: number;
  readonly windowMs: number;
  /** A subscription that was refused in mid-recording is asked for again this often. */
  readonly refusedRetryMs: number;
};

export const defaultResync: ResyncLimits = {
  quietMs: 900_000,
  resyncs: 3,
  windowMs: 300_000,
  refusedRetryMs: 60_000,
};

/** `15m`, or `never`, as a setting of `quietMs`; `from` names where the text stood, for the error. */
export function parseQuietMs(text: string, from: string): number {
  return text === 'never' ? Number.POSITIVE_INFINITY : parseWaitUs(text, from) / 1000;
}

/** Which channel, in our words, each kind of event arrives on. */
export const CHANNEL_OF_KIND: Readonly<Partial<Record<EventKind, string>>> = {
  [EventKind.instrument]: 'instrument',
  [EventKind.level]: 'book',
  [EventKind.quote]: 'quote',
  [EventKind.trade]: 'trade',
  [EventKind.candle]: 'candle',
  [EventKind.funding]: 'funding',
  [EventKind.interest]: 'interest',
  [EventKind.mark]: 'mark',
  [EventKind.liquidation]: 'liquidation',
};

/** The state of one subscription, a channel of a symbol. */
const State = { waiting: 0, live: 1, resyncing: 2, refused: 3 } as const;

export class Liveness {
  readonly #streams: readonly Stream[];
  readonly #names: readonly string[];
  readonly #silence: SilenceLimits;
  readonly #resync: ResyncLimits;
  /** Kind × instruments + instrument: the stream that such an event is of, or −1. */
  readonly #entryOf: Int32Array;
  readonly #isWatched: Uint8Array;
  /** Kinds from here on prove that the venue delivers; instruments alone do so only when nothing else is subscribed. */
  readonly #dataKindMin: number;
  // One entry per stream.
  readonly #state: Uint8Array;
  /** When the entry got into its state, µs. */
  readonly #sinceUs: Float64Array;
  readonly #dataUs: Float64Array;
  readonly #resyncsUs: number[][];
  /** When a quiet stream was asked for afresh last, µs, and how often in vain. */
  readonly #askedUs: Float64Array;
  readonly #vain: Uint32Array;
  #waiting = 0;
  #isOpen = false;
  #isAsked = false;
  #hasData = false;
  #lastFrameUs = 0;
  #lastDataUs = 0;
  #reactions: Reaction[] = [];

  /** `names` are those of the session's instruments, by number. */
  constructor(
    streams: readonly Stream[],
    names: readonly string[],
    silence: SilenceLimits,
    resync: ResyncLimits,
  ) {
    this.#streams = streams;
    this.#names = names;
    this.#silence = silence;
    this.#resync = resync;
    const entries = streams.length;
    this.#state = new Uint8Array(entries);
    this.#sinceUs = new Float64Array(entries);
    this.#dataUs = new Float64Array(entries);
    this.#resyncsUs = Array.from({ length: entries }, () => []);
    this.#askedUs = new Float64Array(entries);
    this.#vain = new Uint32Array(entries);
    const kinds = Object.values(EventKind);
    this.#isWatched = new Uint8Array(Math.max(...kinds) + 1);
    this.#entryOf = new Int32Array(this.#isWatched.length * names.length).fill(-1);
    for (const kind of kinds) {
      for (const [entry, { channel, instrument }] of streams.entries()) {
        if (ourChannel(channel) !== CHANNEL_OF_KIND[kind]) continue;
        this.#isWatched[kind] = 1;
        this.#entryOf[kind * names.length + instrument] = entry;
      }
    }
    const hasMarket = kinds.some((kind) => kind >= EventKind.level && this.#isWatched[kind] === 1);
    this.#dataKindMin = hasMarket ? EventKind.level : EventKind.instrument;
  }

  /** Every subscription was answered, kindly or not. */
  get isReady(): boolean {
    return this.#isOpen && this.#waiting === 0;
  }

  /** Good data came since the connection opened. */
  get hasData(): boolean {
    return this.#hasData;
  }

  /** A new connection: all is unanswered again. */
  open(nowUs: number): void {
    this.#isOpen = true;
    this.#isAsked = false;
    this.#hasData = false;
    this.#lastFrameUs = nowUs;
    this.#lastDataUs = nowUs;
    this.#state.fill(State.waiting);
    this.#sinceUs.fill(nowUs);
    this.#dataUs.fill(nowUs);
    for (const times of this.#resyncsUs) times.length = 0;
    this.#askedUs.fill(Number.NEGATIVE_INFINITY);
    this.#vain.fill(NOT_ASKED);
    this.#waiting = this.#state.length;
    this.#reactions = [];
  }

  /** Everything has been asked for by now: from here on the answers are awaited. */
  asked(nowUs: number): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    this.#lastDataUs = nowUs;
    for (let entry = 0; entry < this.#state.length; entry++) {
      if (this.#state[entry] === State.waiting) this.#sinceUs[entry] = nowUs;
    }
  }

  close(): void {
    this.#isOpen = false;
    this.#reactions = [];
  }

  /** The other end lives, though it sent no frame: the protocol's own ping. */
  touch(nowUs: number): void {
    this.#lastFrameUs = nowUs;
  }

  /** Takes the events of one frame. */
  observe(batch: EventBatch, nowUs: number): void {
    const instruments = this.#names.length;
    const { kind, flags, instrument, length } = batch;
    this.#lastFrameUs = nowUs;
    for (let row = 0; row < length; row++) {
      const rowKind = kind[row]!;
      if (this.#isWatched[rowKind] === 0) continue;
      if (rowKind >= this.#dataKindMin) {
        this.#lastDataUs = nowUs;
        this.#hasData = true;
      }
      if (instrument[row]! >= instruments) continue;
      const entry = this.#entryOf[rowKind * instruments + instrument[row]!]!;
      if (entry < 0) continue;
      this.#dataUs[entry] = nowUs;
      const state = this.#state[entry]!;
      if (state === State.live) continue;
      // A book that is being asked for afresh is good again only from its snapshot on.
      const isFresh = rowKind !== EventKind.level || (flags[row]! & Flag.clear) !== 0;
      if (state !== State.resyncing || isFresh) this.#enter(entry, State.live, nowUs);
    }
    if (batch.detail.length === 0) return;
    for (const detail of batch.detail) if (detail?.type === 'status') this.#observeStatus(detail, nowUs);
  }

  #observeStatus(detail: StatusDetail, nowUs: number): void {
    if (detail.state === 'subscribed') {
      for (const entry of this.#entries(detail.channel, detail.symbol)) {
        this.#dataUs[entry] = nowUs;
        const state = this.#state[entry];
        if (state === State.waiting || state === State.refused) this.#enter(entry, State.live, nowUs);
        // Of a quiet stream the answer is proof enough, except of a book, which is not whole before its snapshot.
        const isBook = detail.channel === CHANNEL_OF_KIND[EventKind.level];
        if (state === State.resyncing && this.#isQuiet(entry) && !isBook)
          this.#enter(entry, State.live, nowUs);
      }
    } else if (detail.state === 'healed') {
      // Data came, though perhaps nothing new was in it.
      this.#lastDataUs = nowUs;
      this.#hasData = true;
      for (const entry of this.#entries(detail.channel, detail.symbol)) {
        this.#dataUs[entry] = nowUs;
        if (this.#state[entry] !== State.live) this.#enter(entry, State.live, nowUs);
      }
    } else if (detail.state === 'refused') {
      const { channel, symbol, reason } = detail;
      this.#reactions.push({ type: 'refused', channel, symbol, reason });
      for (const entry of this.#entries(channel, symbol)) {
        if (this.#state[entry] !== State.live) this.#enter(entry, State.refused, nowUs);
      }
    }
  }

  /** A stream went wrong and is to be asked for afresh; one that is being asked for is not asked for twice. */
  resync({ channel, instrument, cause }: Omit<Extract<Action, { do: 'resync' }>, 'do'>, nowUs: number): void {
    const entry = this.#streams.findIndex((it) => it.channel === channel && it.instrument === instrument);
    if (entry >= 0 && this.#state[entry] === State.live) this.#resyncEntry(entry, cause, nowUs);
  }

  /** What makes the venue send a stream afresh. */
  again(channel: string, symbol: string): readonly Action[] {
    return this.#entries(channel, symbol).flatMap((entry) => this.#streams[entry]!.again);
  }

  /** Looks at the clocks. Meant to be called a few times a second, while the connection is open. */
  check(nowUs: number): void {
    const { frameMs, dataMs } = this.#silence;
    if (!this.#isOpen) return;
    if (nowUs - this.#lastFrameUs > frameMs * 1000) {
      this.#tellSilence('frame', -1, nowUs - this.#lastFrameUs, frameMs);
      this.#reconnect('idle', `no frame for ${frameMs} ms`);
    } else if (this.#isAsked && !this.#hasData && nowUs - this.#lastDataUs > dataMs * 1000) {
      // Subscriptions that are acknowledged and never served have been seen to stay so for ever.
      this.#tellSilence('data', -1, nowUs - this.#lastDataUs, dataMs);
      this.#reconnect('idle', `no data for ${dataMs} ms`);
    } else {
      if (nowUs - this.#lastDataUs > dataMs * 1000) this.#probe(nowUs);
      for (let entry = 0; entry < this.#state.length && this.#isOpen; entry++) this.#checkEntry(entry, nowUs);
    }
  }

  #checkEntry(entry: number, nowUs: number): void {
    const state = this.#state[entry]!;
    const heldUs = nowUs - this.#sinceUs[entry]!;
    const { ackMs, channelMs } = this.#silence;
    if (state === State.live) {
      const limitMs = channelMs[this.#channel(entry)];
      const silentUs = nowUs - this.#dataUs[entry]!;
      if (limitMs === undefined || silentUs <= limitMs * 1000) return;
      this.#askQuiet(entry, limitMs, nowUs);
    } else if (state === State.waiting && this.#isAsked && heldUs > ackMs * 1000) {
      this.#reconnect('ack timeout', `no answer to ${this.#name(entry)} within ${ackMs} ms`);
    } else if (state === State.resyncing && heldUs > ackMs * 1000 && this.#isQuiet(entry)) {
      this.#askAgain(entry, nowUs);
    } else if (state === State.resyncing && heldUs > ackMs * 1000) {
      this.#reconnect('ack timeout', `no fresh ${this.#name(entry)} within ${ackMs} ms`);
    } else if (state === State.refused && heldUs > this.#resync.refusedRetryMs * 1000) {
      this.#enter(entry, State.refused, nowUs);
      this.#tellResync(entry, 'refused');
    }
  }

  /** What is to be done now, in order; empty almost always. The list is the caller's. */
  take(): readonly Reaction[] {
    if (this.#reactions.length === 0) return NOTHING;
    const reactions = this.#reactions;
    this.#reactions = [];
    return reactions;
  }

  /** Nothing but heartbeats for a while: one stream, a book if there is one, is asked for to see whether data comes. */
  #probe(nowUs: number): void {
    const { channelMs, dataMs } = this.#silence;
    const entries = this.#state.length;
    let probed = 0;
    while (probed < entries && channelMs[this.#channel(probed)] === undefined) probed++;
    if (probed === entries) probed = 0;
    // What instruments are is said once, and proves nothing of a market.
    while (probed < entries && this.#channel(probed) === CHANNEL_OF_KIND[EventKind.instrument]) probed++;
    if (probed < entries && this.#state[probed] === State.live) this.#askQuiet(probed, dataMs, nowUs);
  }

  /** Asks a stream afresh that is silent while its connection lives, unless that was done not long ago. */
  #askQuiet(entry: number, limitMs: number, nowUs: number): void {
    if (nowUs - this.#askedUs[entry]! < this.#resync.quietMs * 1000) return;
    if (this.#resync.quietMs === Number.POSITIVE_INFINITY) return;
    this.#askedUs[entry] = nowUs;
    this.#vain[entry] = 1;
    this.#tellSilence('channel', entry, nowUs - this.#dataUs[entry]!, limitMs);
    this.#enter(entry, State.resyncing, nowUs);
    this.#tellResync(entry, 'idle');
  }

  /** What was asked for did not come. The connection lives, so nobody else is to suffer for it. */
  #askAgain(entry: number, nowUs: number): void {
    if (this.#vain[entry]! >= this.#resync.resyncs) {
      this.#enter(entry, State.live, nowUs);
      return;
    }
    const vain = this.#vain[entry]! + 1;
    this.#enter(entry, State.resyncing, nowUs);
    this.#vain[entry] = vain;
    this.#tellResync(entry, 'idle');
  }

  #isQuiet(entry: number): boolean {
    return this.#vain[entry] !== NOT_ASKED;
  }

  #resyncEntry(entry: number, cause: GapCause, nowUs: number): void {
    const { resyncs, windowMs } = this.#resync;
    const recent = this.#resyncsUs[entry]!.filter((us) => us > nowUs - windowMs * 1000);
    this.#resyncsUs[entry] = recent;
    if (recent.length >= resyncs) {
      this.#reconnect(cause, `${this.#name(entry)}: ${cause} again after ${recent.length} resyncs`);
      return;
    }
    recent.push(nowUs);
    this.#enter(entry, State.resyncing, nowUs);
    this.#tellResync(entry, cause);
  }

  #enter(entry: number, state: number, nowUs: number): void {
    if (this.#state[entry] === State.waiting && state !== State.waiting) this.#waiting -= 1;
    this.#state[entry] = state;
    this.#sinceUs[entry] = nowUs;
    if (state !== State.resyncing) this.#vain[entry] = NOT_ASKED;
  }

  #reconnect(cause: GapCause, reason: string): void {
    this.#isOpen = false;
    this.#reactions.push({ type: 'reconnect', cause, reason });
  }

  #tellResync(entry: number, cause: GapCause): void {
    const [channel, symbol] = [this.#channel(entry), this.#symbol(entry)];
    this.#reactions.push({ type: 'resync', channel, symbol, cause });
  }

  #tellSilence(clock: 'frame' | 'data' | 'channel', entry: number, silentUs: number, limitMs: number): void {
    const channel = entry < 0 ? '' : this.#channel(entry);
    const symbol = entry < 0 ? '' : this.#symbol(entry);
    const silentMs = Math.round(silentUs / 1000);
    this.#reactions.push({ type: 'silence', clock, channel, symbol, silentMs, limitMs });
  }

  /** The entries a status speaks of; with no symbol it speaks of the whole channel. */
  #entries(channel: string, symbol: string): readonly number[] {
    const entries: number[] = [];
    for (let entry = 0; entry < this.#streams.length; entry++) {
      const isSpokenOf = symbol === '' || this.#symbol(entry) === symbol;
      if (isSpokenOf && this.#channel(entry) === channel) entries.push(entry);
    }
    return entries;
  }

  #channel(entry: number): string {
    return this.#streams[entry]!.channel;
  }

  #symbol(entry: number): string {
    return this.#names[this.#streams[entry]!.instrument]!;
  }

  #name(entry: number): string {
    return `${this.#channel(entry)} ${this.#symbol(entry)}`;
  }
}

/** In place of a count: the stream was not asked for because it was quiet. */
const NOT_ASKED = 0;

const NOTHING: readonly Reaction[] = [];
