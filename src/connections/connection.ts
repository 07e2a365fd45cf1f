// The life of one planned connection: a link is opened, watched, given up and tried again, and where the venue ends
// connections after a time it is replaced by another that overlaps with it. At most two links live at once. Every step is
// told to the sink as a control.
import { assert } from '../core/assert.ts';
import { UsageError } from '../core/errors.ts';
import type { Control } from '../core/frame.ts';
import { Random } from '../core/random.ts';
import { redactAddress, Secrets } from '../core/secret.ts';
import type { ConnectionPlan } from '../venues/venue.ts';
import {
  Backoff,
  type BackoffLimits,
  Breaker,
  type BreakerLimits,
  defaultBackoff,
  defaultBreaker,
} from './backoff.ts';
import type { Clock } from './clock.ts';
import { Link, type LinkLimits, type LinkSink, type Source } from './link.ts';
import { defaultResync, type ResyncLimits } from './liveness.ts';
import { later, RETRY_AFTER_MAX_MS, type Wait } from './wait.ts';

export type ConnectionLimits = LinkLimits & {
  /** How often the liveness clocks are looked at. */
  readonly checkMs: number;
  readonly backoff: BackoffLimits;
  readonly breaker: BreakerLimits;
};

const defaultConnection: ConnectionLimits = {
  maxPayloadBytes: 16 * 1024 * 1024,
  handshakeMs: 10_000,
  closeMs: 250,
  fetchMs: 10_000,
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

/** Records are of the source that they come with; a control between two links is of the one before. */
export interface ConnectionSink {
  /** A frame, in the socket's callback. `payload` may be kept: its memory is not used again. */
  frame(payload: Uint8Array, isBinary: boolean, source: Source): void;
  answer(payload: Uint8Array, source: Source): void;
  control(control: Control, source: Source): void;
  /** Every subscription was answered for the first time. */
  ready(): void;
  /** The venue refused a subscription before that; `reason` is its own words. */
  refused(channel: string, symbol: string, reason: string): void;
}

export type ConnectionOptions = {
  readonly plan: ConnectionPlan;
  /** Which plan of the session it is; undefined when that has one only. */
  readonly index?: number | undefined;
  /** The name of each instrument, by number. */
  readonly names: readonly string[];
  readonly clock: Clock;
  readonly limits?: ConnectionOverrides;
  /** Of the jitter. */
  readonly seed: number;
  /** Gives each link of the session a number of its own, from 0. */
  readonly nextNumber: () => number;
};

/** Before it opens, what a connection does is recorded under the number that its first link will have. */
const NOBODY: Pick<Source, 'observe'> = { observe: () => {} };

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #limits: ConnectionLimits;
  readonly #sink: ConnectionSink;
  readonly #links: LinkSink;
  readonly #backoff: Backoff;
  readonly #breaker: Breaker;
  readonly #secrets = new Secrets(process.env);
  #url = '';
  #headers: Readonly<Record<string, string>> = {};
  #link: Link | undefined;
  /** What is to take the place of `#link`, while both live. */
  #successor: Link | undefined;
  /** Was replaced, and says goodbye. */
  #leaving: { readonly link: Link; readonly gone: Promise<void> } | undefined;
  #number = 0;
  /** The number was used by a link that opened; the next link gets another. */
  #isNumberUsed = true;
  #isReady = false;
  #isStopping = false;
  #isPaused = false;
  #isDrained = false;
  #opens = 0;
  #lastFailure = '';
  #lastCheckUs = 0;
  #retryTimer: Wait | undefined;
  #rotationTimer: Wait | undefined;
  #checkTimer: NodeJS.Timeout | undefined;

  constructor(options: ConnectionOptions, sink: ConnectionSink) {
    const limits = connectionLimits(options.limits);
    this.#options = options;
    this.#limits = limits;
    this.#sink = sink;
    this.#links = {
      frame: (payload, isBinary, link) => sink.frame(payload, isBinary, link),
      answer: (payload, link) => sink.answer(payload, link),
      control: (control, link) => sink.control(control, link),
      opened: (link) => this.#opened(link),
      ready: (link) => this.#becomeReady(link),
      succeeded: () => this.#succeed(),
      refused: (channel, symbol, reason) => {
        if (!this.#isReady) sink.refused(channel, symbol, reason);
      },
      lost: (link, failure, waitMs) => this.#lost(link, failure, waitMs),
    };
    const name = options.index === undefined || options.index === 0 ? 'backoff' : `backoff ${options.index}`;
    this.#backoff = new Backoff(limits.backoff, Random.named(options.seed, name));
    this.#breaker = new Breaker(limits.breaker);
  }

  /** Tries that never open share the number of the one that does. */
  get number(): number {
    return this.#number;
  }

  get isOpen(): boolean {
    return this.#link?.isOpen === true;
  }

  /** Everything was answered once. */
  get isReady(): boolean {
    return this.#isReady;
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

  /** Begins, and goes on trying until `close`. Throws UsageError when the plan's address is not one of a venue. */
  start(): void {
    assert(this.#link === undefined && !this.#isStopping, 'a connection is started once');
    const { plan, clock } = this.#options;
    this.#url = requirePlan(plan, this.#secrets);
    this.#headers = filledHeaders(plan, this.#secrets);
    this.#checkTimer = setInterval(() => this.#check(), this.#limits.checkMs);
    this.#lastCheckUs = clock.nowUs();
    this.#connect();
  }

  /** Says goodbye, takes the frames that still arrive, and resolves when the sockets are gone. Never rejects. */
  async close(): Promise<void> {
    if (this.#isStopping) return;
    this.#stop();
    const links = [this.#link, this.#successor].filter((link) => link !== undefined);
    await Promise.all([this.#leaving?.gone, ...links.map((link) => link.close('end'))]);
    this.#isDrained = links.length > 0 && links.every((link) => link.isDrained);
  }

  /** Drops everything at once and tells nobody: the sink can take no more. */
  abort(): void {
    this.#stop();
    this.#link?.abort();
    this.#successor?.abort();
    this.#leaving?.link.abort();
  }

  #stop(): void {
    this.#isStopping = true;
    this.#retryTimer?.clear();
    this.#rotationTimer?.clear();
    clearInterval(this.#checkTimer);
  }

  /** Leaves the frames in the socket, where they press back on the venue; nobody is called silent meanwhile. */
  pause(): void {
    this.#isPaused = true;
    this.#link?.pause();
    this.#successor?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#link?.resume();
    this.#successor?.resume();
  }

  #connect(): void {
    if (this.#isNumberUsed) this.#number = this.#options.nextNumber();
    this.#isNumberUsed = false;
    if (this.#breaker.probe()) this.#tellBreaker();
    const current = this.#link;
    const { plan, index, names, clock } = this.#options;
    const recorded = redactAddress(plan.url);
    const which = index === undefined ? {} : { plan: index };
    this.#tell({ type: 'connecting', url: recorded, attempt: this.#backoff.attempt, ...which });
    const link = new Link(
      {
        number: this.#number,
        plan,
        names,
        secrets: this.#secrets,
        clock,
        limits: this.#limits,
        opened: {
          type: 'opened',
          url: recorded,
          ...which,
          ...(current !== undefined && { replaces: current.number }),
        },
      },
      this.#links,
    );
    if (this.#isPaused) link.pause();
    if (current === undefined) this.#link = link;
    else this.#successor = link;
    link.connect(this.#url, this.#headers);
  }

  #opened(link: Link): void {
    this.#opens += 1;
    this.#isNumberUsed = true;
    const { lifetimeMs } = this.#options.plan;
    if (lifetimeMs === undefined || link !== this.#link) return;
    this.#rotationTimer?.clear();
    this.#rotationTimer = later(lifetimeMs, () => this.#connect());
  }

  #becomeReady(link: Link): void {
    if (link === this.#successor) {
      const before = this.#link!;
      this.#adopt(link);
      this.#leaving = { link: before, gone: before.close('rotation') };
    }
    if (this.#isReady) return;
    this.#isReady = true;
    this.#sink.ready();
  }

  /** The successor is the link from now on. */
  #adopt(link: Link): void {
    this.#link = link;
    this.#successor = undefined;
    const { lifetimeMs } = this.#options.plan;
    if (lifetimeMs !== undefined) this.#rotationTimer = later(lifetimeMs, () => this.#connect());
  }

  #check(): void {
    if (this.#isPaused) return;
    const nowUs = this.#options.clock.nowUs();
    const sinceUs = nowUs - this.#lastCheckUs;
    this.#lastCheckUs = nowUs;
    // After a stall of our own, frames wait in the socket: they are looked at before anyone is called silent.
    if (sinceUs > 4000 * this.#limits.checkMs) return;
    this.#link?.check(nowUs);
    this.#successor?.check(nowUs);
  }

  #lost(link: Link, failure: string, waitMs: number): void {
    // One that was replaced has said goodbye.
    if (link !== this.#link && link !== this.#successor) return;
    this.#lastFailure = failure;
    const isSuccessor = link === this.#successor;
    if (isSuccessor) this.#successor = undefined;
    else this.#link = undefined;
    if (this.#isStopping) return;
    if (!isSuccessor && this.#successor !== undefined) {
      this.#adopt(this.#successor);
      return;
    }
    if (!isSuccessor) this.#rotationTimer?.clear();
    this.#retry(waitMs);
  }

  #retry(askedMs: number): void {
    if (this.#breaker.fail(this.#options.clock.nowUs())) this.#tellBreaker();
    let delayMs = Math.max(this.#backoff.next(), Math.min(askedMs, RETRY_AFTER_MAX_MS));
    if (this.#breaker.state === 'open') delayMs = Math.max(delayMs, this.#limits.breaker.cooldownMs);
    const asked = askedMs > RETRY_AFTER_MAX_MS ? { askedMs: Math.round(askedMs) } : {};
    this.#tell({
      type: 'retry',
      attempt: this.#backoff.attempt,
      delayMs: Math.round(delayMs),
      ...asked,
    });
    this.#retryTimer?.clear();
    this.#retryTimer = later(delayMs, () => this.#connect());
  }

  #succeed(): void {
    this.#backoff.reset();
    if (this.#breaker.succeed()) this.#tellBreaker();
  }

  #tellBreaker(): void {
    this.#tell({ type: 'breaker', state: this.#breaker.state, failures: this.#breaker.failures });
  }

  /** Of no link in particular. */
  #tell(control: Control): void {
    this.#sink.control(control, { number: this.#number, observe: NOBODY.observe });
  }
}

function filledHeaders(plan: ConnectionPlan, secrets: Secrets): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(plan.headers ?? {}).map(([name, value]) => [name, secrets.fill(value, name)]),
  );
}

/**
 * The address of a plan, filled from the environment. Throws UsageError when it is not one, or when anything that the plan
 * is going to say has a placeholder without a value: that is found before anything begins.
 */
export function requirePlan(plan: ConnectionPlan, secrets: Secrets = new Secrets(process.env)): string {
  const url = requireAddress(plan.url, 'url', secrets);
  filledHeaders(plan, secrets);
  for (const step of plan.opening) {
    if (step.do === 'send') secrets.fill(step.message, 'message');
    if (step.do !== 'fetch') continue;
    const { request } = step;
    for (const text of [request.url, request.body ?? '', ...Object.values(request.headers ?? {})])
      secrets.fill(text, request.tag);
  }
  return url;
}

/** Throws UsageError when the text, filled from the environment, is not the address of a venue. */
export function requireAddress(
  text: string,
  from = 'url',
  secrets: Secrets = new Secrets(process.env),
): string {
  const filled = secrets.fillAddress(text, from);
  const recorded = redactAddress(text);
  const protocol = URL.canParse(filled) ? new URL(filled).protocol : '';
  // What cannot be parsed may hold a secret anywhere, so it is shown by its beginning only.
  if (protocol === '') throw new UsageError(`${from}: ${beginning(recorded)} is not an address (${ALLOWED})`);
  if (protocol !== 'ws:' && protocol !== 'wss:') {
    throw new UsageError(`${from}: ${recorded} is not a WebSocket address (${ALLOWED})`);
  }
  if (filled.includes('#')) throw new UsageError(`${from}: ${recorded} has a part after # (${ALLOWED})`);
  return filled;
}

const ALLOWED = 'allowed: ws://… or wss://…';

function beginning(text: string): string {
  return /[@=]/.test(text) ? `${text.slice(0, 6)}…` : text;
}
