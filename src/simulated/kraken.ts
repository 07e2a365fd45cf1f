// Kraken's public WebSocket protocol, version 2, over a simulated market. Pure: texts in, texts out, time given.
// `KrakenVenue` is what all connections share; `KrakenConnection` is one client's subscriptions and answers.
import { assert } from '../core/assert.ts';
import { formatTimeUs } from '../core/time.ts';
import { toInstrument } from './instruments.ts';
import type { MarketStep, SimulatedMarket, SymbolState } from './market.ts';
import { Tape } from './tape.ts';
import { BookTopic, CandleTopic, TickerTopic, type Topic, TradeTopic } from './topics.ts';
import { formatNumber } from './wire.ts';

const DEPTHS = [10, 25, 100, 500, 1000];
const INTERVALS = [1, 5, 15, 30, 60, 240, 1440, 10_080, 21_600];
const MINUTE_US = 60e6;
const HEARTBEAT_US = 1e6;
const MALFORMED = 'Malformed request';

/** A topic with those who listen to it. */
type Channel = { readonly key: string; readonly topic: Topic; readonly listeners: Set<KrakenConnection> };

/** What a subscription asks for, after defaults: its identity, and how an acknowledgement repeats it. */
type Request = {
  readonly channel: string;
  readonly detail: string;
  /** Undefined for what concerns no symbol: the list of instruments. */
  readonly create: ((tape: Tape) => Topic) | undefined;
};

export class KrakenVenue {
  /** Time of the last step taken, which snapshots bear, so that venue time never goes back. */
  timeUs: number;
  readonly #tapes: readonly Tape[];
  readonly #channels: readonly Map<string, Channel>[];
  readonly #bySymbol = new Map<string, number>();

  constructor(market: SimulatedMarket) {
    this.timeUs = market.nextUs;
    this.#tapes = market.symbols.map((state) => new Tape(state));
    this.#channels = market.symbols.map(() => new Map());
    for (const [index, state] of market.symbols.entries()) this.#bySymbol.set(state.symbol.symbol, index);
  }

  /** Takes a step the market has just made and puts its frames into the outboxes of those who listen. */
  take(step: MarketStep): void {
    this.timeUs = step.timeUs;
    const trades = this.#tapes[step.symbol]!.add(step);
    for (const channel of this.#channels[step.symbol]!.values()) {
      const frame = channel.topic.update(step, trades);
      if (frame === '') continue;
      for (const connection of channel.listeners) connection.outbox.push(frame);
    }
  }

  knows(symbol: string): boolean {
    return this.#bySymbol.has(symbol);
  }

  /** Adds a listener to the topic of a known symbol, which is made for the first one. */
  listen(connection: KrakenConnection, symbol: string, request: Request): Topic {
    assert(request.create !== undefined, 'what is listened to has a topic');
    const index = this.#bySymbol.get(symbol)!;
    const channels = this.#channels[index]!;
    const key = `${request.channel} ${request.detail}`;
    let channel = channels.get(key);
    if (channel === undefined) {
      channel = { key, topic: request.create(this.#tapes[index]!), listeners: new Set() };
      channels.set(key, channel);
    }
    channel.listeners.add(connection);
    return channel.topic;
  }

  /** Takes the listener off the topics of the symbol that it is no longer subscribed to. */
  leave(connection: KrakenConnection, symbol: string): void {
    const channels = this.#channels[this.#bySymbol.get(symbol)!]!;
    for (const channel of channels.values()) {
      if (!connection.isListening(channel.key, symbol)) channel.listeners.delete(connection);
      if (channel.listeners.size === 0) channels.delete(channel.key);
    }
  }

  instrumentSnapshot(): string {
    const states = this.#tapes.map((tape) => tape.state);
    const assets = new Map<string, string>();
    for (const state of states) {
      const { base, quote } = toInstrument(state.symbol);
      assets.set(base, formatAsset(base, Math.max(state.symbol.sizeDecimals, 8), 5));
      if (!assets.has(quote)) assets.set(quote, formatAsset(quote, 4, 2));
    }
    const pairs = states.map(formatPair).join(',');
    return `{"channel":"instrument","type":"snapshot","data":{"assets":[${[...assets.values()].join(',')}],"pairs":[${pairs}]}}`;
  }
}

export class KrakenConnection {
  /** Frames to send, in order; whoever sends them empties it. */
  readonly outbox: string[] = [];
  readonly #venue: KrakenVenue;
  /** `channel symbol` → the detail subscribed (depth, interval, trigger): one of each a connection. */
  readonly #subscribed = new Map<string, { readonly symbol: string; readonly key: string }>();
  #heartbeatUs = Number.POSITIVE_INFINITY;
  #refusal: string | undefined;

  constructor(venue: KrakenVenue, id: bigint) {
    this.#venue = venue;
    this.outbox.push(
      `{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online","api_version":"v2","connection_id":${id}}]}`,
    );
  }

  get isSubscribed(): boolean {
    return this.#subscribed.size > 0;
  }

  isListening(key: string, symbol: string): boolean {
    const channel = key.slice(0, key.indexOf(' '));
    return this.#subscribed.get(`${channel} ${symbol}`)?.key === key;
  }

  /** The next subscription will be answered with these words. */
  refuseNext(error: string): void {
    this.#refusal = error;
  }

  /** One heartbeat a second, on busy connections too, from the first subscription on. */
  beat(nowUs: number): void {
    if (nowUs < this.#heartbeatUs) return;
    this.#heartbeatUs = Math.max(this.#heartbeatUs + HEARTBEAT_US, nowUs);
    this.outbox.push('{"channel":"heartbeat"}');
  }

  /** Answers one text of the client. */
  receive(text: string, nowUs: number): void {
    const message = parseObject(text);
    const answer = new Answer(this.outbox, message, nowUs);
    const error = message === undefined ? MALFORMED : this.#handle(message, answer);
    if (error !== undefined) answer.refuse(error);
    if (this.#subscribed.size === 0) this.#heartbeatUs = Number.POSITIVE_INFINITY;
    else this.#heartbeatUs = Math.min(this.#heartbeatUs, nowUs + HEARTBEAT_US);
  }

  /** Forgets all subscriptions: the connection is gone. */
  close(): void {
    const symbols = new Set([...this.#subscribed.values()].map((subscription) => subscription.symbol));
    this.#subscribed.clear();
    for (const symbol of symbols) if (symbol !== '') this.#venue.leave(this, symbol);
  }

  /** Does what the message asks, or returns the words with which the whole of it is refused. */
  #handle(message: Readonly<Record<string, unknown>>, answer: Answer): string | undefined {
    const { method } = message;
    if (method === 'ping') {
      answer.pong();
      return undefined;
    }
    if (method !== 'subscribe' && method !== 'unsubscribe') return 'Unsupported event';
    const params = asObject(message.params);
    if (params === undefined || typeof params.channel !== 'string') return MALFORMED;
    const request = readRequest(params);
    if (typeof request === 'string') return request;
    const symbols = request.create === undefined ? [''] : readSymbols(params.symbol);
    if (symbols === undefined) return MALFORMED;
    if (method === 'subscribe') this.#subscribe(answer, request, symbols, params.snapshot !== false);
    else this.#unsubscribe(answer, request, symbols);
    return undefined;
  }

  #subscribe(answer: Answer, request: Request, symbols: readonly string[], isSnapshot: boolean): void {
    const refusal = this.#refusal;
    this.#refusal = undefined;
    const snapshots: string[] = [];
    for (const symbol of symbols) {
      const id = `${request.channel} ${symbol}`;
      if (refusal !== undefined) answer.refuse(refusal, symbol);
      else if (request.create !== undefined && !this.#venue.knows(symbol)) {
        answer.refuse(`Currency pair not supported ${symbol}`, symbol);
      } else if (this.#subscribed.has(id)) answer.refuse('Already subscribed', symbol);
      else {
        this.#subscribed.set(id, { symbol, key: `${request.channel} ${request.detail}` });
        const topic = symbol !== '' ? this.#venue.listen(this, symbol, request) : undefined;
        answer.accept(request, symbol, isSnapshot);
        if (isSnapshot)
          snapshots.push(topic?.snapshot(this.#venue.timeUs) ?? this.#venue.instrumentSnapshot());
      }
    }
    this.outbox.push(...snapshots);
  }

  #unsubscribe(answer: Answer, request: Request, symbols: readonly string[]): void {
    for (const symbol of symbols) {
      const id = `${request.channel} ${symbol}`;
      if (this.#subscribed.get(id)?.key !== `${request.channel} ${request.detail}`) {
        answer.refuse('Subscription Not Found', symbol);
        continue;
      }
      this.#subscribed.delete(id);
      if (symbol !== '') this.#venue.leave(this, symbol);
      answer.accept(request, symbol, undefined);
    }
  }
}

/** Writes the answers to one message: one per symbol, each with the message's own `req_id`. */
class Answer {
  readonly #outbox: string[];
  readonly #method: string;
  readonly #tail: string;

  constructor(outbox: string[], message: Readonly<Record<string, unknown>> | undefined, nowUs: number) {
    this.#outbox = outbox;
    this.#method = typeof message?.method === 'string' ? `"method":${JSON.stringify(message.method)},` : '';
    const time = formatTimeUs(nowUs);
    const id = Number.isSafeInteger(message?.req_id) ? `,"req_id":${String(message?.req_id)}` : '';
    this.#tail = `"time_in":"${time}","time_out":"${time}"${id}}`;
  }

  accept(request: Request, symbol: string, isSnapshot: boolean | undefined): void {
    const fields = [
      `"channel":"${request.channel}"`,
      ...(request.detail === '' ? [] : [request.detail]),
      ...(isSnapshot === undefined ? [] : [`"snapshot":${isSnapshot}`]),
      ...(symbol === '' ? [] : [`"symbol":${JSON.stringify(symbol)}`]),
    ];
    this.#outbox.push(`{${this.#method}"result":{${fields.join(',')}},"success":true,${this.#tail}`);
  }

  refuse(error: string, symbol = ''): void {
    const named = symbol === '' ? '' : `"symbol":${JSON.stringify(symbol)},`;
    this.#outbox.push(
      `{"error":${JSON.stringify(error)},${this.#method}"success":false,${named}${this.#tail}`,
    );
  }

  pong(): void {
    this.#outbox.push(`{"method":"pong",${this.#tail}`);
  }
}

/** The subscription asked for, or the venue's words of refusal. */
function readRequest(params: Readonly<Record<string, unknown>>): Request | string {
  const channel = String(params.channel);
  switch (channel) {
    case 'trade':
      return { channel, detail: '', create: (tape) => new TradeTopic(tape) };
    case 'book': {
      const depth = params.depth ?? 10;
      if (typeof depth !== 'number' || !DEPTHS.includes(depth)) return 'Subscription depth not supported';
      const create = (tape: Tape): Topic => new BookTopic(tape.state, depth);
      return { channel, detail: `"depth":${depth}`, create };
    }
    case 'ticker': {
      const trigger = params.event_trigger ?? 'trades';
      if (trigger !== 'bbo' && trigger !== 'trades') return MALFORMED;
      const create = (tape: Tape): Topic => new TickerTopic(tape, trigger);
      return { channel, detail: `"event_trigger":"${trigger}"`, create };
    }
    case 'ohlc': {
      const interval = params.interval ?? 1;
      if (typeof interval !== 'number' || !INTERVALS.includes(interval)) {
        return 'Subscription ohlc interval not supported';
      }
      const create = (tape: Tape): Topic => new CandleTopic(tape, interval * MINUTE_US);
      return { channel, detail: `"interval":${interval}`, create };
    }
    case 'instrument':
      return { channel, detail: '', create: undefined };
    default:
      return 'Subscription name invalid';
  }
}

function readSymbols(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  return value.every((symbol) => typeof symbol === 'string') ? value : undefined;
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function asObject(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return Object.fromEntries(Object.entries(value));
}

function formatAsset(id: string, precision: number, shown: number): string {
  return `{"id":"${id}","status":"enabled","precision":${precision},"precision_display":${shown},"borrowable":true,"collateral_value":1.0,"margin_rate":0.015}`;
}

function formatPair({ symbol }: SymbolState): string {
  const { base, quote, tickSize, lotSize, sizeMin, notionalMin } = toInstrument(symbol);
  return (
    `{"symbol":"${symbol.symbol}","base":"${base}","quote":"${quote}","status":"online"` +
    `,"qty_precision":${symbol.sizeDecimals},"qty_increment":${formatNumber(lotSize)}` +
    `,"price_precision":${symbol.priceDecimals},"cost_precision":5,"marginable":false,"has_index":true` +
    `,"cost_min":${formatNumber(notionalMin)},"tick_size":${formatNumber(tickSize)}` +
    `,"price_increment":${formatNumber(tickSize)},"qty_min":${formatNumber(sizeMin)}}`
  );
}
