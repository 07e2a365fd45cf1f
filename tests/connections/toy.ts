// A venue small enough to be obvious, and a server that speaks its protocol on loopback: what the connection and the
// recorder are tested against. One frame is one line of words.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { type EventBatch, EventKind, Flag, NO_INSTRUMENT } from '../../src/core/event.ts';
import {
  type Control,
  decodeControl,
  type GapCause,
  type JournalRecord,
  RecordKind,
  type Session,
} from '../../src/core/frame.ts';
import type { Action, ConnectionPlan, Decoder, SilenceLimits, Venue } from '../../src/venues/venue.ts';

export const patientSilence: SilenceLimits = { frameMs: 5000, dataMs: 5000, channelMs: {}, ackMs: 5000 };

export const toy: Venue = {
  name: 'toy',
  url: 'ws://localhost',
  channels: ['trade', 'book'],
  defaultChannels: ['trade', 'book'],
  depths: [10],
  defaultDepth: 10,
  connections: (session) => [planOf(session)],
  createDecoder: (session) => createDecoder(session),
};

const say = (message: string): Action => ({ do: 'send', message });

export function planOf({ url, channels, symbols }: Session): ConnectionPlan {
  return {
    url,
    streams: channels.flatMap((channel) =>
      symbols.map((symbol, instrument) => ({
        channel,
        instrument,
        again: [say(`UNSUB ${channel} ${symbol}`), say(`SUB ${channel} ${symbol}`)],
      })),
    ),
    opening: channels.map((channel) => say(`SUB ${channel} ${symbols.join(' ')}`)),
    silence: patientSilence,
  };
}

/** The toy with a plan that differs in something. */
export function toyWith(changes: Partial<ConnectionPlan>): Venue {
  return { ...toy, connections: (session) => [{ ...planOf(session), ...changes }] };
}

export function toySession(url: string, symbols: readonly string[] = ['A', 'B']): Session {
  return { venue: 'toy', url, symbols, channels: ['trade', 'book'], depth: 10, candleUs: 0 };
}

const text = new TextDecoder();

/**
 * `T A 100 1 5`: trade of A at 100, size 1, venue time 5 · `S A 99 1`: snapshot of one bid · `L A 99 2`: a bid ·
 * `G A checksum`: the book of A is wrong · `ACK trade A` · `NO trade A words` · `H`: heartbeat · `!`: the decoder throws.
 */
function createDecoder(session: Session): Decoder {
  let asks: Action[] = [];
  return {
    takeAsks: () => asks,
    decode(record: JournalRecord, out: EventBatch): void {
      const { seq, receivedUs } = record;
      asks = [];
      if (record.kind === RecordKind.beat) {
        out.add(EventKind.beat, NO_INSTRUMENT, seq, receivedUs, Number.NaN);
        return;
      }
      const status = (detail: Parameters<EventBatch['addDetail']>[0]): void => {
        out.addDetail(detail, NO_INSTRUMENT, seq, receivedUs, Number.NaN);
      };
      if (record.kind === RecordKind.control) {
        status({ type: 'status', state: 'control', control: decodeControl(record) });
        return;
      }
      const [word, ...rest] = text.decode(record.payload).split(' ');
      const [first = '', second = '', third = '', fourth = 'NaN'] = rest;
      const instrument = session.symbols.indexOf(first);
      if (word === '!') throw new Error('the toy decoder broke');
      if (word === 'H') return;
      if (word === 'T' || word === 'S' || word === 'L') {
        const kind = word === 'T' ? EventKind.trade : EventKind.level;
        const row = out.add(kind, instrument, seq, receivedUs, Number(fourth));
        out.price[row] = Number(second);
        out.size[row] = Number(third);
        out.flags[row] = word === 'S' ? Flag.clear | Flag.last : word === 'L' ? Flag.last : Flag.buy;
      } else if (word === 'G') {
        const cause = second as GapCause;
        status({ type: 'status', state: 'gap', cause, channel: 'book', symbol: first, detail: '' });
        asks = [{ do: 'resync', channel: 'book', instrument, cause }];
      } else if (word === 'ACK') {
        status({ type: 'status', state: 'subscribed', channel: first, symbol: second });
      } else if (word === 'NO') {
        const reason = rest.slice(2).join(' ');
        status({ type: 'status', state: 'refused', channel: first, symbol: second, reason });
      } else {
        status({ type: 'status', state: 'unknown', reason: `no such word: ${word}` });
      }
    },
  };
}

export type ToyServer = {
  readonly url: string;
  readonly server: WebSocketServer;
  /** Everything clients have said, in order. */
  readonly received: string[];
  /** What is answered to `SUB channel symbol`; the default acknowledges, and gives a snapshot of a book. */
  answer: (channel: string, symbol: string) => readonly string[];
  /** The nth client from 0, once it is there. */
  client(index: number): Promise<WebSocket>;
  stop(): Promise<void>;
};

export const acknowledge: ToyServer['answer'] = (channel, symbol) =>
  channel === 'book' ? [`ACK book ${symbol}`, `S ${symbol} 99 1`] : [`ACK ${channel} ${symbol}`];

export async function startToyServer(
  options: { port?: number; perMessageDeflate?: boolean } = {},
): Promise<ToyServer> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, ...options });
  await once(server, 'listening');
  const clients: WebSocket[] = [];
  const arrivals: (() => void)[] = [];
  const toyServer: ToyServer = {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    server,
    received: [],
    answer: acknowledge,
    async client(index) {
      while (clients[index] === undefined) await new Promise<void>((resolve) => arrivals.push(resolve));
      return clients[index];
    },
    async stop() {
      for (const client of server.clients) client.terminate();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  server.on('connection', (client) => {
    client.on('message', (data) => {
      const line = data.toString();
      toyServer.received.push(line);
      const [word, channel = '', ...symbols] = line.split(' ');
      if (word !== 'SUB') return;
      for (const symbol of symbols) {
        for (const reply of toyServer.answer(channel, symbol)) client.send(reply);
      }
    });
    clients.push(client);
    for (const resolve of arrivals.splice(0)) resolve();
  });
  return toyServer;
}

/** A list that can be waited for: `until` resolves with the first item, past or future, that passes. */
export class Tape<T> {
  readonly items: T[] = [];
  #waits: { readonly accepts: (item: T) => boolean; readonly resolve: (item: T) => void }[] = [];

  push(item: T): void {
    this.items.push(item);
    // Each wait is asked once about each item, so that it may count.
    this.#waits = this.#waits.filter((wait) => {
      if (!wait.accepts(item)) return true;
      wait.resolve(item);
      return false;
    });
  }

  until(accepts: (item: T) => boolean): Promise<T> {
    const item = this.items.find(accepts);
    if (item !== undefined) return Promise.resolve(item);
    return new Promise((resolve) => this.#waits.push({ accepts, resolve }));
  }
}

export const isControl =
  (type: Control['type']) =>
  (control: Control): boolean =>
    control.type === type;
