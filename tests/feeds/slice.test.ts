import { expect, test } from 'vitest';
import { EventBatch, EventKind, Flag } from '../../src/core/event.ts';
import { slice } from '../../src/feeds/slice.ts';
import { batchOf, feedOf, type Row, textsOf } from './batches.ts';

const { clear, last, ask } = Flag;
const level = (us: number, price: number, size: number, flags: number): Row => ({
  us,
  kind: EventKind.level,
  price,
  size,
  flags,
  seq: us,
});

/** A snapshot at 1, an update at 2 that removes and adds, trades at 3 and 5. */
const rows: readonly Row[] = [
  level(1, 99, 1, clear),
  level(1, 98, 2, 0),
  level(1, 101, 3, ask | last),
  level(2, 98, 0, 0),
  level(2, 97, 5, last),
  { us: 3, price: 100, seq: 3 },
  { us: 5, price: 100, seq: 5 },
];

const shown = (texts: readonly string[]) =>
  texts.map((text) => {
    const [kind, flags, , seq, ordinal, us, , price, size] = text.split(' ');
    return `${kind} ${flags} ${seq}.${ordinal} at ${us}: ${price} x ${size}`;
  });

test('a slice begins with the book as it stood, best levels first, and the events from there on', async () => {
  const feed = slice(feedOf([batchOf(rows)]), { fromUs: 4, batchSize: 10 });
  expect(shown(await textsOf(feed.batches()))).toEqual([
    `level ${clear} 3.0 at 4: 99 x 1`,
    'level 0 3.1 at 4: 97 x 5',
    `level ${ask | last} 3.2 at 4: 101 x 3`,
    'trade 0 5.0 at 5: 100 x 0',
  ]);
});

test('the first time belongs to a slice and the last does not', async () => {
  const feed = slice(feedOf([batchOf(rows)]), { fromUs: 3, toUs: 5, batchSize: 2 });
  expect(shown(await textsOf(feed.batches())).at(-1)).toBe('trade 0 3.0 at 3: 100 x 0');
});

test('a book that was invalid is not shown as if it were known', async () => {
  const gap = new EventBatch();
  gap.addDetail(
    { type: 'status', state: 'gap', cause: 'checksum', channel: 'book', symbol: 'BTC/USD', detail: '' },
    0,
    2,
    2,
    Number.NaN,
  );
  const later = batchOf([{ us: 5, seq: 5 }]);
  const cut = slice(feedOf([batchOf(rows.slice(0, 3)), gap, later]), { fromUs: 4, batchSize: 10 });
  const texts = await textsOf(cut.batches());
  expect(texts.length).toBe(2);
  expect(texts[0]).toContain('"state":"gap"');
  const healed = slice(feedOf([gap, batchOf(rows)]), { fromUs: 4, batchSize: 10 });
  expect((await textsOf(healed.batches())).length).toBe(4);
});

test('the rules of an instrument are told again', async () => {
  const rules = new EventBatch();
  const instrument = {
    symbol: 'BTC/USD',
    base: 'BTC',
    quote: 'USD',
    tickSize: 0.1,
    lotSize: 1e-8,
    sizeMin: 0,
    notionalMin: 0,
    status: 'online',
    isStated: true,
  };
  rules.addDetail({ type: 'instrument', instrument }, 0, 1, 0, Number.NaN);
  const feed = slice(feedOf([rules, batchOf(rows)]), { fromUs: 4, batchSize: 1 });
  const [first] = await textsOf(feed.batches());
  expect(first).toContain('"tickSize":0.1');
  expect(first?.split(' ')[5]).toBe('4');
});

test('without bounds the feed is itself; past its end there is nothing', async () => {
  const feed = feedOf([batchOf(rows)]);
  expect(slice(feed, { batchSize: 10 })).toBe(feed);
  expect(await textsOf(slice(feed, { fromUs: 100, batchSize: 10 }).batches())).toEqual([]);
});
