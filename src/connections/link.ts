// One socket of a plan, from its first packet to its end: the handshake, the steps of its opening, what is sent at the
// plan's pace, the requests that belong to it, and the clocks of its streams. Frames are handed over inside the socket's
// own callback, unparsed. A link ends once, is told as lost once, and does not come back.
import { WebSocket } from 'ws';
import type { EventBatch } from '../core/event.ts';
import { type Control, encodeAnswer, type GapCause, type HttpRequest } from '../core/frame.ts';
import type { Secrets } from '../core/secret.ts';
import type { Action, ConnectionPlan, SilenceLimits, Step } from '../venues/venue.ts';
import type { Clock } from './clock.ts';
import { Liveness, type Reaction, type ResyncLimits } from './liveness.ts';
import { Outbox } from './outbox.ts';
import { fetchAnswer } from './rest.ts';
import { later, retryAfterMs, type Wait } from './wait.ts';

export type LinkLimits = {
  /** A larger frame closes the connection (code 1009) and is counted as dropped. */
  readonly maxPayloadBytes: number;
  /** From the first packet to the end of the WebSocket handshake. */
  readonly handshakeMs: number;
  /** How long a closing socket may take to say goodbye. */
  readonly closeMs: number;
  /** How long a request over HTTP may take. */
  readonly fetchMs: number;
  readonly resync: ResyncLimits;
  /** Overrides of the plan's own limits. */
  readonly silence: Partial<SilenceLimits>;
};

/** How often a request over HTTP is sent before the connection that it belongs to is given up. */
const FETCHES_MAX = 5;
/** The wait between the first two; it doubles from there. */
const FETCH_WAIT_MS = 500;

export type LinkOptions = {
  /** Its number in the session. */
  readonly number: number;
  readonly plan: ConnectionPlan;
  /** The name of each instrument, by number. */
  readonly names: readonly string[];
  readonly secrets: Secrets;
  readonly clock: Clock;
  readonly limits: LinkLimits;
  /** What is said when it opens. */
  readonly opened: Extract<Control, { readonly type: 'opened' }>;
};

/** What a link is to whoever records: the number of its records, and where their events go. */
export interface Source {
  readonly number: number;
  /** The events of a record of this source, and what its decoder asks for, after all listeners had them. */
  observe(batch: EventBatch, receivedUs: number, isFrame: boolean, asks: readonly Action[]): void;
}

export interface LinkSink {
  /** In the socket's callback. `payload` may be kept: its memory is not used again. */
  frame(payload: Uint8Array, isBinary: boolean, link: Link): void;
  answer(payload: Uint8Array, link: Link): void;
  control(control: Control, link: Link): void;
  opened(link: Link): void;
  /** Every step of the opening is done, and every stream was answered for the first time. */
  ready(link: Link): void;
  /** Good data came, for the first time. */
  succeeded(link: Link): void;
  /** The venue refused something before it was ready; `reason` is its own words. */
  refused(channel: string, symbol: string, reason: string, link: Link): void;
  /** It is over. `waitMs`: the venue asks to be left alone for so long. */
  lost(link: Link, failure: string, waitMs: number): void;
}

export class Link implements Source {
  readonly number: number;
  readonly #options: LinkOptions;
  readonly #sink: LinkSink;
  readonly #liveness: Liveness;
  readonly #over = new AbortController();
  #socket: WebSocket | undefined;
  #isOpen = false;
  #isReady = false;
  #isGood = false;
  #isPaused = false;
  /** Why it is being closed by us; undefined while it is not. */
  #ending: 'end' | 'rotation' | undefined;
  #isDrained = false;
  #waitMs = 0;
  /** The next step of the opening, and the wait that it stands at. */
  #step = 0;
  #waiting: Wait | undefined;
  #isAuthenticated = false;
  readonly #outbox: Outbox;
  #pingTimer: NodeJS.Timeout | undefined;
  #handshakeTimer: NodeJS.Timeout | undefined;
  #closed: (() => void) | undefined;

  constructor(options: LinkOptions, sink: LinkSink) {
    const { plan, names, limits, clock } = options;
    this.number = options.number;
    this.#options = options;
    this.#sink = sink;
    this.#outbox = new Outbox(
      plan.pace,
      clock,
      (message) => this.#send(message),
      () => this.#proceed(),
    );
    this.#liveness = new Liveness(plan.streams, names, { ...plan.silence, ...limits.silence }, limits.resync);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** Whether the venue answered our goodbye, so that all it had sent before was taken. */
  get isDrained(): boolean {
    return this.#isDrained;
  }

  connect(url: string, headers: Readonly<Record<string, string>>): void {
    const { maxPayloadBytes, handshakeMs } = this.#options.limits;
    // Deflate is ten times slower than the rest of the path. Text is not validated: a malformed frame is kept, not fatal.
    const socket = new WebSocket(url, {
      headers,
      perMessageDeflate: false,
      maxPayload: maxPayloadBytes,
      skipUTF8Validation: true,
    });
    this.#socket = socket;
    socket.on('open', () => this.#opened(socket));
    socket.on('message', (data, isBinary) => {
      if (socket !== this.#socket) return;
      // With the default binary type a message is always one Buffer of its own.
      const masked = this.#options.secrets.mask(data as Buffer);
      this.#sink.frame(data as Buffer, isBinary, this);
      if (masked > 0) this.#tell({ type: 'masked', secrets: masked });
    });
    socket.on('ping', () => {
      if (socket === this.#socket) this.#liveness.touch(this.#options.clock.nowUs());
    });
    socket.on('unexpected-response', (request, response) => {
      const status = response.statusCode ?? 0;
      request.destroy();
      if (socket !== this.#socket) return;
      const header = response.headers['retry-after'];
      const isAskedToWait = status === 418 || status === 429 || (status === 503 && header !== undefined);
      if (isAskedToWait) this.#waitMs = retryAfterMs(header, this.#options.clock.nowUs() / 1000);
      this.#lose(1006, `the venue answered ${status} ${response.statusMessage ?? ''}`.trim(), 'disconnect');
    });
    socket.on('error', (error) => {
      // An abandoned socket may still complain; nobody is interested.
      if (socket === this.#socket) this.#failed(error);
    });
    socket.on('close', (code, reason) => {
      if (socket !== this.#socket) return;
      this.#isDrained = this.#ending !== undefined && code !== 1006;
      this.#lose(code, reason.toString(), 'disconnect');
    });
    // From the first packet on, however long the venue goes on sending: the library counts silence only.
    this.#handshakeTimer = setTimeout(() => {
      if (socket !== this.#socket || this.#isOpen) return;
      this.#lose(1006, `no handshake within ${handshakeMs} ms`, 'disconnect');
    }, handshakeMs);
  }

  /** Says goodbye, takes the frames that still arrive, and resolves when the socket is gone. Never rejects. */
  async close(ending: 'end' | 'rotation'): Promise<void> {
    if (this.#ending !== undefined) return;
    this.#ending = ending;
    this.#quiet();
    this.resume();
    const socket = this.#socket;
    if (socket === undefined) return;
    if (!this.#isOpen) {
      this.#lose(1006, 'stopped while connecting', ending);
      return;
    }
    const gone = new Promise<void>((resolve) => {
      this.#closed = resolve;
    });
    const timer = setTimeout(
      () => this.#lose(1006, 'no answer to the close', ending),
      this.#options.limits.closeMs,
    );
    socket.close(1000);
    await gone;
    clearTimeout(timer);
  }

  /** Drops everything at once and tells nobody. */
  abort(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#isOpen = false;
    this.#quiet();
    clearTimeout(this.#handshakeTimer);
    socket?.terminate();
    this.#closed?.();
  }

  pause(): void {
    this.#isPaused = true;
    if (this.#isOpen) this.#socket?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#socket?.resume();
  }

  observe(batch: EventBatch, receivedUs: number, isFrame: boolean, asks: readonly Action[]): void {
    if (!this.#isOpen || this.#ending !== undefined) return;
    const liveness = this.#liveness;
    if (isFrame) liveness.observe(batch, receivedUs);
    if (!this.#isGood && liveness.hasData) {
      this.#isGood = true;
      this.#sink.succeeded(this);
    }
    if (this.#step < this.#options.plan.opening.length) this.#heard(batch);
    for (const ask of asks) this.#act(ask);
    this.#react();
    this.#becomeReady();
  }

  /** Looks at the clocks. */
  check(nowUs: number): void {
    if (!this.#isOpen || this.#ending !== undefined) return;
    this.#liveness.check(nowUs);
    this.#react();
  }

  #opened(socket: WebSocket): void {
    if (socket !== this.#socket) return;
    const { plan, opened, clock } = this.#options;
    clearTimeout(this.#handshakeTimer);
    this.#isOpen = true;
    if (this.#isPaused) socket.pause();
    this.#liveness.open(clock.nowUs());
    this.#sink.opened(this);
    this.#tell(opened);
    const { ping } = plan;
    if (ping !== undefined) this.#pingTimer = setInterval(() => this.#outbox.add(ping.message), ping.everyMs);
    this.#proceed();
  }

  /** Goes on with the opening as far as nothing has to be waited for. */
  #proceed(): void {
    const { opening } = this.#options.plan;
    while (this.#isOpen && this.#waiting === undefined && this.#step < opening.length) {
      const step = opening[this.#step]!;
      if (step.do === 'wait' && !this.#isReached(step)) {
        const what = step.state === 'authenticated' ? 'login' : 'subscriptions';
        const words = `no answer to the ${what} within ${step.ms} ms`;
        this.#waiting = later(step.ms, () => this.#lose(1006, words, 'ack timeout'));
        return;
      }
      this.#step++;
      if (step.do !== 'wait') this.#act(step);
    }
    if (this.#step === opening.length && this.#outbox.isEmpty)
      this.#liveness.asked(this.#options.clock.nowUs());
  }

  #isReached(step: Extract<Step, { readonly do: 'wait' }>): boolean {
    return step.state === 'authenticated' ? this.#isAuthenticated : this.#liveness.isReady;
  }

  /** The opening stands at a wait: what came may end it. */
  #heard(batch: EventBatch): void {
    for (const detail of batch.detail) {
      if (detail?.type === 'status' && detail.state === 'authenticated') this.#isAuthenticated = true;
    }
    const step = this.#options.plan.opening[this.#step]!;
    if (step.do !== 'wait' || !this.#isReached(step)) return;
    this.#waiting?.clear();
    this.#waiting = undefined;
    this.#proceed();
  }

  #becomeReady(): void {
    if (this.#isReady || !this.#isOpen) return;
    if (this.#step < this.#options.plan.opening.length || !this.#liveness.isReady) return;
    this.#isReady = true;
    this.#sink.ready(this);
  }

  #act(action: Action): void {
    switch (action.do) {
      case 'send':
        this.#outbox.add(action.message);
        return;
      case 'fetch':
        // A placeholder without a value was found before the start, when the plan's own texts were filled.
        void this.#fetch(action.request);
        return;
      case 'resync':
        this.#liveness.resync(action, this.#options.clock.nowUs());
        return;
      case 'reconnect':
        this.#lose(1006, action.why, action.cause);
        return;
    }
  }

  #send(message: string): void {
    const socket = this.#socket;
    if (socket === undefined || socket.readyState !== WebSocket.OPEN) return;
    const { secrets } = this.#options;
    const filled = secrets.fill(message, 'message');
    this.#tell({ type: 'sent', text: secrets.hide(message) });
    // A text that cannot be sent means a socket that closes, and that is told by its close.
    socket.send(filled, () => {});
  }

  /** Its answer is a record. A request that gets none is repeated a few times, and then costs the connection. */
  async #fetch(request: HttpRequest): Promise<void> {
    const { secrets, clock, limits } = this.#options;
    const { signal } = this.#over;
    const fetchLimits = { timeoutMs: limits.fetchMs, bytesMax: limits.maxPayloadBytes };
    this.#tell({ type: 'asked', request });
    for (let attempt = 1; !signal.aborted; attempt++) {
      const outcome = await fetchAnswer(request, secrets, fetchLimits, clock.nowUs() / 1000, signal).catch(
        (error: Error) => ({ reason: error.message, waitMs: 0 }),
      );
      if (signal.aborted) return;
      if ('answer' in outcome) {
        this.#sink.answer(encodeAnswer(outcome.answer), this);
        if (outcome.secrets > 0) this.#tell({ type: 'masked', secrets: outcome.secrets });
        return;
      }
      const { reason } = outcome;
      const delayMs = Math.round(Math.max(outcome.waitMs, FETCH_WAIT_MS * 2 ** (attempt - 1)));
      this.#tell({ type: 'unanswered', request, reason, attempt, delayMs });
      if (attempt === FETCHES_MAX) this.#lose(1006, `no answer to ${request.tag}: ${reason}`, 'ack timeout');
      else await new Promise<void>((resolve) => this.#pauseFor(delayMs, resolve));
    }
  }

  #pauseFor(ms: number, resume: () => void): void {
    const wait = later(ms, resume);
    this.#over.signal.addEventListener('abort', () => {
      wait.clear();
      resume();
    });
  }

  #react(): void {
    for (const reaction of this.#liveness.take()) {
      this.#take(reaction);
      if (!this.#isOpen) return;
    }
  }

  #take(reaction: Reaction): void {
    if (reaction.type === 'reconnect') {
      this.#lose(1006, reaction.reason, reaction.cause);
    } else if (reaction.type === 'refused') {
      if (this.#isReady) return;
      this.#sink.refused(reaction.channel, reaction.symbol, reaction.reason, this);
      const isLogin = this.#waiting !== undefined && reaction.channel === '' && !this.#isAuthenticated;
      if (isLogin) this.#lose(1006, `refused: ${reaction.reason}`, 'refused');
    } else if (reaction.type === 'resync') {
      const { channel, symbol, cause } = reaction;
      const again = this.#liveness.again(channel, symbol);
      if (again.length === 0) {
        this.#lose(1006, `${channel} ${symbol} can be had afresh by a new connection only`, cause);
        return;
      }
      this.#tell(reaction);
      for (const action of again) this.#act(action);
    } else {
      this.#tell(reaction);
    }
  }

  #failed(error: Error & { readonly code?: string }): void {
    const { maxPayloadBytes } = this.#options.limits;
    if (error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') {
      const reason = `a frame larger than ${maxPayloadBytes} bytes, the limit of maxPayloadBytes`;
      this.#tell({ type: 'drop', frames: 1, bytes: maxPayloadBytes, reason });
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
    const reason = this.#options.secrets.hide(words);
    const failure = reason === '' ? `closed with code ${code}` : reason;
    const wasOpen = this.#isOpen;
    this.#socket = undefined;
    this.#isOpen = false;
    this.#liveness.close();
    clearTimeout(this.#handshakeTimer);
    this.#quiet();
    socket.terminate();
    if (wasOpen) this.#tell({ type: 'closed', code, reason, cause: this.#ending ?? cause });
    else this.#tell({ type: 'failed', reason: failure });
    this.#closed?.();
    this.#sink.lost(this, failure, this.#waitMs);
  }

  /** Nothing is said, asked or waited for any more. */
  #quiet(): void {
    clearInterval(this.#pingTimer);
    this.#waiting?.clear();
    this.#outbox.clear();
    this.#over.abort();
  }

  #tell(control: Control): void {
    this.#sink.control(control, this);
  }
}

/** A host with several addresses fails with one error for each and no words of its own. */
function describe(error: Error & { readonly code?: string }): string {
  if (error.message !== '') return error.message;
  if (error instanceof AggregateError && error.errors.length > 0) return String(error.errors[0].message);
  return error.code ?? 'the connection failed';
}
