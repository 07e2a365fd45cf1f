// A venue whose books begin with an answer over HTTP: numbered changes come from the start, and wait for it.
import type { VenueSession } from '../../../src/core/frame.ts';
import { decodeAnswer, RecordKind } from '../../../src/core/frame.ts';
import type { Level } from '../../../src/venues/books.ts';
import { Feed } from '../../../src/venues/feed.ts';
import {
  countOf,
  decodeUtf8,
  type Fields,
  fieldsOf,
  listOf,
  parseFields,
  textOf,
} from '../../../src/venues/fields.ts';
import type { ConnectionPlan, Venue } from '../../../src/venues/venue.ts';
import type { Talk } from './loopback.ts';

const silence = { frameMs: 5000, dataMs: 5000, channelMs: {}, ackMs: 5000 };

function plan({ url, symbols }: VenueSession): ConnectionPlan {
  const streams = symbols.map((_, instrument) => ({ channel: 'book', instrument, again: [] }));
  return { url, streams, opening: [{ do: 'send', message: `SUB ${symbols.join(' ')}` }], silence };
}

function levelsOf(message: Fields): Level[] {
  return (['bids', 'asks'] as const).flatMap((side) =>
    listOf(message[side], side).map((level) => {
      const [price, size] = listOf(level, 'level').map(Number);
      return { isAsk: side === 'asks', price: price!, size: size! };
    }),
  );
}

export const answers: Venue = {
  name: 'answers',
  url: 'ws://answers.test',
  channels: ['book'],
  defaultChannels: ['book'],
  depths: [100],
  defaultDepth: 100,
  connections: (session) => [plan(session)],
  createDecoder(session) {
    const host = session.url.replace('ws:', 'http:');
    const request = (instrument: number) => {
      const symbol = session.symbols[instrument]!;
      return {
        do: 'fetch',
        request: { tag: `depth ${symbol}`, url: `${host}/depth?symbol=${symbol}` },
      } as const;
    };
    const rules = { channels: ['book'], books: { request }, tradeIds: 'none' } as const;
    return new Feed(session, rules, (feed, record, out) => {
      if (record.kind === RecordKind.answer) {
        const { request, body } = decodeAnswer(record);
        const message = parseFields(decodeUtf8(body));
        const number = feed.numberOf('book', request.tag.slice(6), record, out);
        const book = { levels: levelsOf(message), last: countOf(message, 'id'), exchangeUs: Number.NaN };
        if (number !== undefined) feed.snapshot(number, book, record, out);
        return;
      }
      const message = fieldsOf(parseFields(decodeUtf8(record.payload)), 'frame');
      const number = feed.numberOf('book', textOf(message, 's'), record, out);
      const [first, last] = [countOf(message, 'U'), countOf(message, 'u')];
      const change = { levels: levelsOf(message), first, last, exchangeUs: Number.NaN };
      if (number !== undefined) feed.change(number, change, record, out);
    });
  },
};

/** The changes 1 to 3 come at once; the first answer is as of 2. After `HOLE` the changes 5 and 6 are left out. */
export const talk: Talk = {
  heard(text, say) {
    const change = (id: number, price: number): void =>
      say(JSON.stringify({ s: 'A', U: id, u: id, bids: [[price, id]], asks: [] }));
    if (text.startsWith('SUB')) for (const id of [1, 2, 3]) change(id, 100 + id);
    if (text === 'MORE') change(4, 104);
    if (text === 'HOLE') for (const id of [7, 8]) change(id, 100 + id);
  },
  answered: () => {
    asked += 1;
    return JSON.stringify({ id: asked === 1 ? 2 : 7, bids: [[50, 1]], asks: [[200, asked]] });
  },
};
let asked = 0;
