// A venue with a socket for books and another for trades. Connections of it live a while only, and overlap.
import type { VenueSession } from '../../../src/core/frame.ts';
import { Feed } from '../../../src/venues/feed.ts';
import { countOf, decodeUtf8, numberOf, parseFields, textOf } from '../../../src/venues/fields.ts';
import type { ConnectionPlan, Venue } from '../../../src/venues/venue.ts';
import type { Talk } from './loopback.ts';

const silence = { frameMs: 5000, dataMs: 5000, channelMs: {}, ackMs: 5000 };

function planOf({ url, symbols }: VenueSession, channel: string, lifetimeMs?: number): ConnectionPlan {
  const again = symbols.map((symbol) => [{ do: 'send', message: `SUB ${symbol}` }] as const);
  return {
    url: `${url}/${channel}`,
    streams: symbols.map((_, instrument) => ({ channel, instrument, again: again[instrument]! })),
    opening: again.flat(),
    silence,
    ...(lifetimeMs !== undefined && { lifetimeMs }),
  };
}

export const sockets = (lifetimeMs?: number): Venue => ({
  name: 'sockets',
  url: 'ws://sockets.test',
  channels: ['book', 'trade'],
  defaultChannels: ['book', 'trade'],
  depths: [2],
  defaultDepth: 2,
  connections: (session) => [planOf(session, 'book'), planOf(session, 'trade', lifetimeMs)],
  createDecoder: (session) =>
    new Feed(session, { channels: ['book', 'trade'], tradeIds: 'consecutive' }, (feed, record, out) => {
      const message = parseFields(decodeUtf8(record.payload));
      const [price, size] = [numberOf(message, 'p'), numberOf(message, 'q')];
      const channel = message.id === undefined ? 'book' : 'trade';
      const number = feed.numberOf(channel, textOf(message, 's'), record, out);
      if (number === undefined) return;
      const exchangeUs = Number.NaN;
      if (channel === 'trade')
        feed.trade(number, { price, size, id: countOf(message, 'id'), exchangeUs }, record, out);
      else if (message.whole === true)
        feed.snapshot(number, { levels: [{ isAsk: true, price, size }], exchangeUs }, record, out);
      else feed.change(number, { levels: [{ isAsk: true, price, size }], exchangeUs }, record, out);
    }),
});

/** `tell` says the same to every socket that carries trades: while two overlap, each trade comes twice. */
export function talkOf() {
  const listeners: { readonly path: string; readonly say: (text: string) => void }[] = [];
  let id = 0;
  const talk: Talk = {
    heard(text, say, path) {
      const s = text.slice(4);
      listeners.push({ path, say });
      if (path.endsWith('/book')) say(JSON.stringify({ s, whole: true, p: 20, q: 1 }));
      else tell();
    },
  };
  const tell = (): void => {
    id += 1;
    for (const { path, say } of listeners)
      if (path.endsWith('/trade')) say(JSON.stringify({ s: 'A', id, p: 100 + id, q: 1 }));
  };
  return { talk, tell };
}
