// A venue of candles alone that wants its pings answered, each by its own number, and hangs up on who does not.
import type { VenueSession } from '../../../src/core/frame.ts';
import { Feed } from '../../../src/venues/feed.ts';
import { countOf, decodeUtf8, numberOf, parseFields, textOf } from '../../../src/venues/fields.ts';
import type { ConnectionPlan, Venue } from '../../../src/venues/venue.ts';
import type { Talk } from './loopback.ts';

const silence = { frameMs: 5000, dataMs: 5000, channelMs: {}, ackMs: 5000 };

function plan({ url, symbols }: VenueSession): ConnectionPlan {
  const streams = symbols.map((_, instrument) => ({ channel: 'candle', instrument, again: [] }));
  return { url, streams, opening: [{ do: 'send', message: 'CANDLES' }], silence };
}

export const pings: Venue = {
  name: 'pings',
  url: 'ws://pings.test',
  channels: ['candle'],
  defaultChannels: ['candle'],
  depths: [0],
  defaultDepth: 0,
  connections: (session) => [plan(session)],
  createDecoder: (session) =>
    new Feed(session, { channels: ['candle'], tradeIds: 'none' }, (feed, record, out) => {
      const message = parseFields(decodeUtf8(record.payload));
      if (message.ping !== undefined) {
        feed.ask({ do: 'send', message: JSON.stringify({ pong: countOf(message, 'ping') }) });
        return;
      }
      const number = feed.numberOf('candle', textOf(message, 's'), record, out);
      if (number === undefined) return;
      const [open, high, low, close] = ['o', 'h', 'l', 'c'].map((key) => numberOf(message, key));
      const prices = { open: open!, high: high!, low: low!, close: close! };
      const rest = {
        volume: 1,
        trades: 1,
        vwap: open!,
        startUs: countOf(message, 't') * 60e6,
        intervalUs: 60e6,
      };
      feed.candle(number, { type: 'candle', isClosed: true, ...prices, ...rest }, Number.NaN, record, out);
    }),
};

/** After each answer to a ping a candle and the next ping. */
export function talkOf(answered: number[]): Talk {
  return {
    heard(text, say) {
      const next = text === 'CANDLES' ? 1 : JSON.parse(text).pong + 1;
      if (text !== 'CANDLES') answered.push(next - 1);
      say(JSON.stringify({ s: 'A', t: next, o: 1, h: 3, l: 1, c: next }));
      if (next < 4) say(JSON.stringify({ ping: next }));
    },
  };
}
