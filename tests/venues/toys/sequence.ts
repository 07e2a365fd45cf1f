// A venue that numbers all that it sends on a connection: a hole spoils everything, and only another connection helps.
import type { VenueSession } from '../../../src/core/frame.ts';
import { Feed } from '../../../src/venues/feed.ts';
import { countOf, decodeUtf8, numberOf, parseFields, textOf } from '../../../src/venues/fields.ts';
import type { ConnectionPlan, Venue } from '../../../src/venues/venue.ts';
import type { Talk } from './loopback.ts';

const silence = { frameMs: 5000, dataMs: 5000, channelMs: {}, ackMs: 5000 };

function plan({ url, symbols, channels }: VenueSession): ConnectionPlan {
  const streams = channels.flatMap((channel) =>
    symbols.map((_, instrument) => ({ channel, instrument, again: [] })),
  );
  return { url, streams, opening: [{ do: 'send', message: 'SUB' }], silence };
}

export const sequence: Venue = {
  name: 'sequence',
  url: 'ws://sequence.test',
  channels: ['book', 'trade'],
  defaultChannels: ['book', 'trade'],
  depths: [2],
  defaultDepth: 2,
  connections: (session) => [plan(session)],
  createDecoder: (session) =>
    new Feed(
      session,
      { channels: ['book', 'trade'], books: { cut: 2 }, tradeIds: 'none' },
      (feed, record, out) => {
        const message = parseFields(decodeUtf8(record.payload));
        const [kind, id] = [textOf(message, 'k'), countOf(message, 'n')];
        const [price, size] = [numberOf(message, 'p'), numberOf(message, 'q')];
        if (!feed.count(id, record, out)) return;
        const number = feed.numberOf(kind, textOf(message, 's'), record, out);
        if (number === undefined) return;
        const book = { levels: [{ isAsk: false, price, size }], exchangeUs: Number.NaN };
        if (kind === 'trade') feed.trade(number, { price, size, exchangeUs: Number.NaN }, record, out);
        else if (kind === 'snapshot') feed.snapshot(number, book, record, out);
        else feed.change(number, book, record, out);
      },
    ),
};

/** The first connection leaves out number 4; the second does not. */
export function talkOf(): Talk {
  let connections = 0;
  return {
    heard(_, say) {
      connections += 1;
      const tell = (k: string, n: number, p: number): void => say(JSON.stringify({ k, n, s: 'A', p, q: 1 }));
      tell('snapshot', 1, 10);
      tell('trade', 2, 10);
      tell('change', 3, 11);
      if (connections > 1) tell('change', 4, 12);
      tell('trade', 5, 12);
    },
  };
}
