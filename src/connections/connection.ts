// The life of a connection to a venue: one socket at a time, opened, subscribed, watched, given up and tried again.
// Every step is told to the sink as a control, and every frame is handed over inside the socket's own callback,
// unparsed. What the frames mean comes back as events through `observe`, after everyone else has had them.
import { WebSocket } from 'ws';
import { assert } from '../core/assert.ts';
import { UsageError } from '../core/errors.ts';
import type { EventBatch } from '../core/event.ts';
import type { Control, GapCause, Session } from '../core/frame.ts';
import { Random } from '../core/random.ts';
import { Address } from '../core/secret.ts';
import type { SilenceLimits, Venue } from '../venues/venue.ts';
import {
  Backoff,
  type BackoffLimits,
  Breaker,
  type BreakerLimits,
  defaultBackoff,
  defaultBreaker,
} from './backoff.ts';
import type { Clock } from './clock.ts';
import { defaultResync, Liveness, type Reaction, type ResyncLimits } from './liveness.ts';
import { later, RETRY_AFTER_MAX_MS, retryAfterMs, type Wait } from './wait.ts';

export type ConnectionLimits = {
  /** A larger frame closes the connection (code 1009) and is counted as dropped. */
  readonly maxPayloadBytes: number;
  /** From the first packet to the end of the WebSocket handshake. */
  readonly handshakeMs: number;
  /** How long a closing socket may take to say goodbye. */
  readonly closeMs: number;
  /** How often the liveness clocks are looked at. */
  readonly checkMs: number;
  readonly backoff: BackoffLimits;
  readonly breaker: BreakerLimits;
  readonly resync: ResyncLimits;
  /** Overrides of the venue's own limits. */
  readonly silence: Partial<SilenceLimits>;
};

const defaultConnection: ConnectionLimits = {
  maxPayloadBytes: 16 * 1024 * 1024,
  handshakeMs: 10_000,
  closeMs: 250,
  checkMs: 250,
  backoff: defaultBackoff,
  breaker: defaultBreaker,
  resync: defaultResync,
  silence: {},
};

/** What differs from the defaults. */
export type ConnectionOverrides = Partial<Omit<ConnectionLimits, 'backoff' | 'breaker' | 'resync'>> & {
  readonly backoff?: Partial<BackoffLimits>;
  readonly breaker?: Partial<BreakerLimits>;
  readonly resync?: Partial<ResyncLimits>;
};

export function connectionLimits(overrides: ConnectionOverrides = {}): ConnectionLimits {
  return {
    ...defaultConnection,
    ...overrides,
    backoff: { ...defaultBackoff, ...overrides.backoff },
    breaker: { ...defaultBreaker, ...overrides.breaker },
    resync: { ...defaultResync, ...overrides.resync },
  };
}

export interface ConnectionSink {
  /** A frame, in the socket's callback. `payload` may be kept: its memory is not used again. */
  frame(payload: Uint8Array, isBinary: boolean): void;
  control(control: Control): void;
  /** Every subscription was answered for the first time. */
  ready(): void;
  /** The venue refused a subscription before that; `reason` is its own words. */
  refused(channel: string, symbol: string, reason: string): void;
}

export type ConnectionOptions = {
  readonly venue: Venue;
  readonly session: Session;
  readonly clock: Clock;
  readonly limits?: ConnectionOverrides;
  /** Of the jitter. */
  readonly seed: number;
};

export class Connection {
  readonly #venue: Venue;
  readonly #session: Session;
  readonly #clock: Clock;
  readonly #limits: ConnectionLimits;
  readonly #sink: ConnectionSink;
  readonly #subscriptions: readonly string[];
  readonly #liveness: Liveness;
  readonly #backoff: Backoff;
  readonly #breaker: Breaker;
  /** Known from the start on. */
  #address!: Address;
  #socket: WebSocket | undefined;
  #isOpen = false;
  #isReady = false;
  #isStopping = false;
  #isPaused = false;
  #isDrained = false;
  #number = 0;
  #opens = 0;
  #isGood = false;
  #lastFailure = '';
  #waitMsMin = 0;
  #pings = 0;
  #lastCheckUs = 0;
  #retryTimer: Wait | undefined;
  #checkTimer: NodeJS.Timeout | undefined;
  #pingTimer: NodeJS.Timeout | undefined;
  #handshakeTimer: NodeJS.Timeout | undefined;
  #closed: (() => void) | undefined;

  /** Throws UsageError when the venue cannot serve the session. */
  constructor(options: ConnectionOptions, sink: ConnectionSink) {
    const { venue, session, clock } = options;
    const limits = connectionLimits(options.limits);
    this.#venue = venue;
    this.#session = session;
    this.#clock = clock;
    this.#limits = limits;
    this.#sink = sink;
    // Made here, so that a session the venue cannot serve is refused before anything begins.
    this.#subscriptions = venue.subscribe(session);
    this.#liveness = new Liveness(session, { ...venue.silence, ...limits.silence }, limits.resync);
    this.#backoff = new Backoff(limits.backoff, Random.named(options.seed, 'backoff'));
    this.#breaker = new Breaker(limits.breaker);
  }

  /** Counted from 0; tries that never open share the number of the one that does. */
  get number(): number {
    return this.#number;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Openings after the first. */
  get reconnects(): number {
    return Math.max(0, this.#opens - 1);
  }

  /** Why the last try or connection ended; empty if none has. */
  get lastFailure(): string {
    return this.#lastFailure;
  }

  /** Whether the venue answered our goodbye, so that all it had sent before was taken. */
  get isDrained(): boolean {
    return this.#isDrained;
  }

  /** Begins, and goes on trying until `close`. Throws UsageError when the session's address is not one of a venue. */
  start(): void {
    assert(this.#socket === undefined && !this.#isStopping, 'a connection is started once');
    this.#address = addressOf(this.#session.url);
    const { checkMs } = this.#limits;
    this.#checkTimer = setInterval(() => this.#check(), checkMs);
    this.#lastCheckUs = this.#clock.nowUs();
    this.#connect();
  }

  /** Says goodbye, takes the frames that still arrive, and resolves when the socket is gone. Never rejects. */
  async close(): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    this.#retryTimer?.clear();
    clearInterval(this.#checkTimer);
    clearInterval(this.#pingTimer);
    this.resume();
    const socket = this.#socket;
    if (socket === undefined) return;
    if (!this.#isOpen) {
      this.#lose(1006, 'stopped while connecting', 'end');
      return;
    }
    const gone = new Promise<void>((resolve) => {
      this.#closed = resolve;
    });
    const timer = setTimeout(() => this.#lose(1006, 'no answer to the close', 'end'), this.#limits.closeMs);
    socket.close(1000);
    await gone;
    clearTimeout(timer);
  }

  /** Drops everything at once and tells nobody: the sink can take no more. */
  abort(): void {
    this.#isStopping = true;
    this.#retryTimer?.clear();
    clearInterval(this.#checkTimer);
    clearInterval(this.#pingTimer);
    clearTimeout(this.#handshakeTimer);
    const socket = this.#socket;
    this.#socket = undefined;
    this.#isOpen = false;
    socket?.terminate();
    this.#closed?.();
  }

  /** Leaves the frames in the socket, where they press back on the venue; nobody is called silent meanwhile. */
  pause(): void {
    this.#isPaused = true;
    if (this.#isOpen) this.#socket?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#socket?.resume();
  }

  /** The events of a frame, perhaps none, after all listeners had them. Called once for each frame. */
  observe(batch: EventBatch, receivedUs: number): void {
    if (!this.#isOpen || this.#isStopping) return;
    const liveness = this.#liveness;
    liveness.observe(batch, receivedUs);
    if (!this.#isGood && liveness.hasData) this.#succeed();
    this.#react();
    if (!this.#isReady && liveness.isReady) {
      this.#isReady = true;
      this.#sink.ready();
    }
  }

  #connect(): void {
    if (this.#opens > this.#number) this.#number = this.#opens;
    if (this.#breaker.probe()) this.#tellBreaker();
    const { recorded, filled } = this.#address;
    this.#isGood = false;
    this.#waitMsMin = 0;
    this.#sink.control({ type: 'connecting', url: recorded, attempt: this.#backoff.attempt });
    // Deflate is ten times slower than the rest of the path. Text is not validated: a malformed frame is kept, not fatal.
    const socket = new WebSocket(filled, {
      perMessageDeflate: false,
      maxPayload: this.#limits.maxPayloadBytes,
      skipUTF8Validation: true,
    });
    this.#socket = socket;
    socket.on('open', () => this.#opened(socket));
    socket.on('message', (data, isBinary) => {
      if (socket !== this.#socket) return;
      // With the default binary type a message is always one Buffer of its own.
      const secrets = this.#address.mask(data as Buffer);
      this.#sink.frame(data as Buffer, isBinary);
      if (secrets > 0) this.#sink.control({ type: 'masked', secrets });
    });
    socket.on('ping', () => {
      if (socket === this.#socket) this.#liveness.touch(this.#clock.nowUs());
    });
    socket.on('unexpected-response', (request, response) => {
      const status = response.statusCode ?? 0;
      request.destroy();
      if (socket !== this.#socket) return;
      const header = response.headers['retry-after'];
      const isAskedToWait = status === 418 || status === 429 || (status === 503 && header !== undefined);
      if (isAskedToWait) this.#waitMsMin = retryAfterMs(header, this.#clock.nowUs() / 1000);
      this.#lose(1006, `the venue answered ${status} ${response.statusMessage ?? ''}`.trim(), 'disconnect');
    });
    socket.on('error', (error) => {
      // An abandoned socket may still complain; nobody is interested.
      if (socket === this.#socket) this.#failed(error);
    });
    socket.on('close', (code, reason) => {
      if (socket !== this.#socket) return;
      this.#isDrained = this.#isStopping && code !== 1006;
      this.#lose(code, reason.toString(), 'disconnect');
    });
    // From the first packet on, however long the venue goes on sending: the library counts silence only.
    this.#handshakeTimer = setTimeout(() => {
      if (socket !== this.#socket || this.#isOpen) return;
      this.#lose(1006, `no handshake within ${this.#limits.handshakeMs} ms`, 'disconnect');
    }, this.#limits.handshakeMs);
  }

  #opened(socket: WebSocket): void {
    if (socket !== this.#socket) return;
    clearTimeout(this.#handshakeTimer);
    this.#isOpen = true;
    this.#opens += 1;
    if (this.#isPaused) socket.pause();
    this.#liveness.open(this.#clock.nowUs());
    this.#sink.control({ type: 'opened', url: this.#address.recorded });
    this.#send(this.#subscriptions);
    const { ping } = this.#venue;
    if (ping === undefined) return;
    this.#pingTimer = setInterval(() => {
      this.#pings += 1;
      this.#send([ping.text(this.#pings)]);
    }, ping.everyMs);
  }

  #send(texts: readonly string[]): void {
    for (const text of texts) {
      const socket = this.#socket;
      if (socket === undefined || socket.readyState !== WebSocket.OPEN) return;
      this.#sink.control({ type: 'sent', text: this.#address.hide(text) });
      // A text that cannot be sent means a socket that closes, and that is told by its close.
      socket.send(text, () => {});
    }
  }

  #check(): void {
    if (this.#isPaused) return;
    const nowUs = this.#clock.nowUs();
    const sinceUs = nowUs - this.#lastCheckUs;
    this.#lastCheckUs = nowUs;
    // After a stall of our own, frames wait in the socket: they are looked at before anyone is called silent.
    if (sinceUs > 4000 * this.#limits.checkMs || !this.#isOpen) return;
    this.#liveness.check(nowUs);
    this.#react();
  }

  #react(): void {
    for (const reaction of this.#liveness.take()) {
      this.#act(reaction);
      if (!this.#isOpen) return;
    }
  }

  #act(reaction: Reaction): void {
    if (reaction.type === 'reconnect') {
      this.#lose(1006, reaction.reason, reaction.cause);
    } else if (reaction.type === 'refused') {
      if (!this.#isReady) this.#sink.refused(reaction.channel, reaction.symbol, reaction.reason);
    } else {
      this.#sink.control(reaction);
      if (reaction.type === 'resync') {
        this.#send(this.#venue.resync(this.#session, reaction.channel, reaction.symbol));
      }
    }
  }

  #failed(error: Error & { readonly code?: string }): void {
    const { maxPayloadBytes } = this.#limits;
    if (error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') {
      const reason = `a frame larger than ${maxPayloadBytes} bytes, the limit of maxPayloadBytes`;
      this.#sink.control({ type: 'drop', frames: 1, bytes: maxPayloadBytes, reason });
      this.#lose(1009, reason, 'disconnect');
    } else {
      this.#lose(1006, describe(error), 'disconnect');
    }
  }

  /** The end of a connection or of a try, whoever ended it; the socket is forgotten before anything else happens. */
  #lose(code: number, words: string, cause: GapCause | 'end'): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    // Whoever spoke, the library or the venue, may have quoted the address.
    const reason = this.#address.hide(words);
    const wasOpen = this.#isOpen;
    this.#socket = undefined;
    this.#isOpen = false;
    this.#lastFailure = reason === '' ? `closed with code ${code}` : reason;
    this.#liveness.close();
    clearTimeout(this.#handshakeTimer);
    clearInterval(this.#pingTimer);
    socket.terminate();
    if (wasOpen) {
      this.#sink.control({ type: 'closed', code, reason, cause: this.#isStopping ? 'end' : cause });
    } else {
      this.#sink.control({ type: 'failed', reason: this.#lastFailure });
    }
    if (this.#isStopping) this.#closed?.();
    else this.#retry();
  }

  #retry(): void {
    if (this.#breaker.fail(this.#clock.nowUs())) this.#tellBreaker();
    const askedMs = this.#waitMsMin;
    let delayMs = Math.max(this.#backoff.next(), Math.min(askedMs, RETRY_AFTER_MAX_MS));
    if (this.#breaker.state === 'open') delayMs = Math.max(delayMs, this.#limits.breaker.cooldownMs);
    const asked = askedMs > RETRY_AFTER_MAX_MS ? { askedMs: Math.round(askedMs) } : {};
    this.#sink.control({
      type: 'retry',
      attempt: this.#backoff.attempt,
      delayMs: Math.round(delayMs),
      ...asked,
    });
    this.#retryTimer = later(delayMs, () => this.#connect());
  }

  #succeed(): void {
    this.#isGood = true;
    this.#backoff.reset();
    if (this.#breaker.succeed()) this.#tellBreaker();
  }

  #tellBreaker(): void {
    this.#sink.control({ type: 'breaker', state: this.#breaker.state, failures: this.#breaker.failures });
  }
}

/** Throws UsageError when the text, filled from the environment, is not the address of a venue. */
export function addressOf(text: string, from = 'url'): Address {
  const address = new Address(text, process.env, from);
  const { filled, recorded } = address;
  const protocol = URL.canParse(filled) ? new URL(filled).protocol : '';
  // What cannot be parsed may hold a secret anywhere, so it is shown by its beginning only.
  if (protocol === '') throw new UsageError(`${from}: ${beginning(recorded)} is not an address (${ALLOWED})`);
  if (protocol !== 'ws:' && protocol !== 'wss:') {
    throw new UsageError(`${from}: ${recorded} is not a WebSocket address (${ALLOWED})`);
  }
  if (filled.includes('#')) throw new UsageError(`${from}: ${recorded} has a part after # (${ALLOWED})`);
  return address;
}

const ALLOWED = 'allowed: ws://… or wss://…';

function beginning(text: string): string {
  return /[@=]/.test(text) ? `${text.slice(0, 6)}…` : text;
}

/** A host with several addresses fails with one error for each and no words of its own. */
function describe(error: Error & { readonly code?: string }): string {
  if (error.message !== '') return error.message;
  if (error instanceof AggregateError && error.errors.length > 0) return String(error.errors[0].message);
  return error.code ?? 'the connection failed';
}
