// A venue that has to know who we are first: a key in the handshake and one in a message, and nothing is said before it
// answers. Its books come whole each time.
import type { VenueSession } from '../../../src/core/frame.ts';
import { Feed } from '../../../src/venues/feed.ts';
import { decodeUtf8, listOf, parseFields, textOf } from '../../../src/venues/fields.ts';
import type { ConnectionPlan, Venue } from '../../../src/venues/venue.ts';
import type { Talk } from './loopback.ts';

const silence = { frameMs: 5000, dataMs: 5000, channelMs: {}, ackMs: 5000 };
const KEY = '$' + '{TOY_LOGIN}';

function plan({ url, symbols }: VenueSession): ConnectionPlan {
  return {
    url,
    headers: { 'X-Key': KEY },
    streams: symbols.map((_, instrument) => ({ channel: 'book', instrument, again: [] })),
    opening: [
      { do: 'send', message: JSON.stringify({ op: 'login', key: KEY }) },
      { do: 'wait', state: 'authenticated', ms: 2000 },
      { do: 'send', message: JSON.stringify({ op: 'subscribe', symbols }) },
      { do: 'wait', state: 'subscribed', ms: 2000 },
    ],
    silence,
    pace: { messages: 5, perMs: 100 },
  };
}

export const login: Venue = {
  name: 'login',
  url: 'ws://login.test',
  channels: ['book'],
  defaultChannels: ['book'],
  depths: [2],
  defaultDepth: 2,
  connections: (session) => [plan(session)],
  createDecoder: (session) =>
    new Feed(session, { channels: ['book'], tradeIds: 'none' }, (feed, record, out) => {
      const message = parseFields(decodeUtf8(record.payload));
      if (message.op === 'welcome') feed.authenticated(record, out);
      else if (message.op === 'denied') feed.refused('', '', 'wrong key', record, out);
      else if (message.op === 'ok') {
        for (const symbol of session.symbols) feed.subscribed('book', symbol, record, out);
      } else {
        const number = feed.numberOf('book', textOf(message, 's'), record, out);
        const levels = (['bids', 'asks'] as const).flatMap((side) =>
          listOf(message[side], side).map((level) => {
            const [price, size] = listOf(level, 'level').map(Number);
            return { isAsk: side === 'asks', price: price!, size: size! };
          }),
        );
        if (number !== undefined) feed.snapshot(number, { levels, exchangeUs: Number.NaN }, record, out);
      }
    }),
};

/** `heard` is what came before the login was answered, which must be the login alone. */
export function talkOf(secret: string, heard: string[]): Talk {
  let isKnown = false;
  return {
    heard(text, say) {
      heard.push(text);
      const message = JSON.parse(text);
      if (message.op === 'login') {
        isKnown = message.key === secret;
        setTimeout(() => say(JSON.stringify({ op: isKnown ? 'welcome' : 'denied' })), 20);
      } else if (message.op === 'subscribe' && isKnown) {
        say(JSON.stringify({ op: 'ok' }));
        for (const price of [10, 11])
          say(JSON.stringify({ s: 'A', bids: [[price, 1]], asks: [[price + 1, 2]] }));
      }
    },
  };
}
