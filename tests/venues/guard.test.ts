// The guard, on every venue there is: whatever is sent becomes events within bounds, or one `unknown`, and nothing that
// comes after is the worse for it.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isCount, isIntervalUs, isPrice, isSize, isStep, isTimeUs } from '../../src/core/bounds.ts';
import { type CandleDetail, EventBatch, EventKind, type InstrumentDetail } from '../../src/core/event.ts';
import { type JournalRecord, RecordKind } from '../../src/core/frame.ts';
import { FRAME_BYTES_MAX, type FrameReader, guardFrame, MalformedFrame } from '../../src/venues/guard.ts';
import { KrakenDecoder } from '../../src/venues/kraken/decoder.ts';
import { bookFrame, NaiveBook, sessionOf, tradeFrame, Wire } from './harness.ts';

const SYMBOL = 'BTC/USD';
const nested = (levels: number) => `{"method":${'{"0":'.repeat(levels)}1${'}'.repeat(levels)}}`;
const ticker = (fields: string) =>
  `{"channel":"ticker","type":"update","data":[{"symbol":"${SYMBOL}","bid":1,"bid_qty":1,"ask":2,"ask_qty":1,${fields}}]}`;
const candle = (fields: Readonly<Record<string, string>>) => {
  const all: Record<string, string> = {
    symbol: `"${SYMBOL}"`,
    ...{ open: '1', high: '1', low: '1', close: '1', volume: '1', trades: '1', interval: '1' },
    interval_begin: '"2026-01-02T03:04:00Z"',
    ...fields,
  };
  const text = Object.entries(all).map(([key, value]) => `"${key}":${value}`);
  return `{"channel":"ohlc","type":"update","timestamp":"2026-01-02T03:04:05Z","data":[{${text.join(',')}}]}`;
};
const pair = (fields: Readonly<Record<string, string>>) => {
  const all: Record<string, string> = {
    ...{ symbol: `"${SYMBOL}"`, base: '"BTC"', quote: '"USD"', status: '"online"' },
    ...{ price_increment: '0.1', qty_increment: '1e-8', qty_min: '1e-5', cost_min: '0.5' },
    ...fields,
  };
  const text = Object.entries(all).map(([key, value]) => `"${key}":${value}`);
  return `{"channel":"instrument","type":"snapshot","data":{"assets":[],"pairs":[{${text.join(',')}}]}}`;
};
const trade = (fields: Readonly<Record<string, string>>) => {
  const all: Record<string, string> = {
    ...{ symbol: `"${SYMBOL}"`, side: '"buy"', price: '1.5', qty: '2.5', trade_id: '7' },
    timestamp: '"2026-01-02T03:04:05Z"',
    ...fields,
  };
  const text = Object.entries(all).map(([key, value]) => `"${key}":${value}`);
  return `{"channel":"trade","type":"update","data":[{${text.join(',')}}]}`;
};

const POISON: Readonly<Record<string, string>> = {
  'nested 20,000 levels deep': nested(20_000),
  'nested a million levels deep': nested(1_000_000),
  'lists 100,000 levels deep': `{"channel":"status","data":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
  'a trade of the year 2255': trade({ timestamp: '"2255-06-06T00:00:00Z"' }),
  'a trade of the year 9999': trade({ timestamp: '"9999-12-31T23:59:59.999999Z"' }),
  'a trade before 1970': trade({ timestamp: '"1969-12-31T23:59:59Z"' }),
  'a trade on the 30th of February': trade({ timestamp: '"2026-02-30T00:00:00Z"' }),
  'a trade at 25 o’clock': trade({ timestamp: '"2026-02-03T25:00:00Z"' }),
  'a fractional trade id': trade({ trade_id: '7.5' }),
  'a negative trade id': trade({ trade_id: '-7' }),
  'a huge trade id': trade({ trade_id: '1e30' }),
  'a huge price': trade({ price: '1e300' }),
  'a price of many digits': trade({ price: `1${'0'.repeat(40)}` }),
  'a size that is next to nothing': trade({ qty: '1e-320' }),
  'a quote at infinity': ticker('"bid":1e999'),
  'a quote next to nothing': ticker('"bid":1e-320'),
  'a quote of a negative size': ticker('"bid_qty":-1'),
  'a quote of the year 3000': ticker('"timestamp":"3000-01-01T00:00:00Z"'),
  'fractional trades in a candle': candle({ trades: '1.5' }),
  'negative trades in a candle': candle({ trades: '-1' }),
  'trades in a candle beyond all count': candle({ trades: '1e300' }),
  'a candle without a count': candle({ trades: '"NaN"' }),
  'a fractional interval': candle({ interval: '0.5' }),
  'a negative interval': candle({ interval: '-1' }),
  'an interval of nothing': candle({ interval: '0' }),
  'an interval of an age': candle({ interval: '1e12' }),
  'a candle that begins in 2255': candle({ interval_begin: '"2255-06-06T00:00:00Z"' }),
  'a candle of a negative volume': candle({ volume: '-5' }),
  'a tick of 1e-320': pair({ price_increment: '1e-320' }),
  'a tick of 0': pair({ price_increment: '0' }),
  'a negative lot': pair({ qty_increment: '-1' }),
  'a huge minimum': pair({ cost_min: '1e300' }),
  'a currency with a long name': pair({ quote: `"${'U'.repeat(10_000)}"` }),
  'levels without end': bookFrame('snapshot', {
    symbol: SYMBOL,
    bids: Array.from({ length: 25_000 }, (_, i) => ({ price: `${i + 1}.0`, qty: '1.00000000' })),
    checksum: 0,
  }),
  'a level of a huge size': bookFrame('snapshot', {
    symbol: SYMBOL,
    bids: [{ price: '1.0', qty: `9${'0'.repeat(50)}` }],
    checksum: 0,
  }),
};

describe('poison is one unknown record, and what follows is read as if it had never come', () => {
  test.each(Object.entries(POISON))('%s', (_, frame) => {
    for (const scans of [true, false]) {
      const wire = new Wire(sessionOf([SYMBOL]), { scans });
      wire.frames(tradeFrame('update', SYMBOL, [1]));
      const events = wire.frames(frame);
      expect(events).toHaveLength(1);
      expect(events[0]).toMatch(/^status - {"state":"unknown","reason":".{1,260}"}$/);
      expect(wire.frames(tradeFrame('update', SYMBOL, [2]))).toEqual([
        'trade BTC/USD buy 62807.1 0.00027625 #2 @2026-01-02T03:04:05.440295Z',
      ]);
    }
  });

  test('a frame longer than any is not looked at, and every book waits for its next snapshot', () => {
    const wire = wireWithBook();
    const events = wire.frames(`{"channel":"${' '.repeat(FRAME_BYTES_MAX)}"}`);
    expect(events).toEqual([
      expect.stringContaining('"state":"gap"'),
      expect.stringContaining('bytes are too many'),
    ]);
  });
});

describe('a book frame that is not taken makes the book wait for its next snapshot', () => {
  const update = bookFrame('update', { symbol: SYMBOL, checksum: 0 });
  test.each([
    ['a time out of bounds', update.replace('2026-', '2255-')],
    ['too deep', update.replace('"bids":[]', `"bids":${'['.repeat(99)}${']'.repeat(99)}`)],
    ['cut short', update.slice(0, -4)],
    ['a level next to nothing', update.replace('"bids":[]', '"bids":[{"price":1e-30,"qty":1}]')],
  ])('%s', (_, frame) => {
    const wire = wireWithBook();
    const events = wire.frames(frame);
    expect(events[0]).toMatch(/^status BTC\/USD {"state":"gap","channel":"book".*"cause":"sequence"/);
    expect(events[1]).toContain('"state":"unknown"');
    expect(events).toHaveLength(2);
  });

  test.each([
    ['another channel', ticker('"bid":null')],
    ['noise', 'pong'],
    ['a book of somebody else', update.replace(SYMBOL, 'DOGE/EUR')],
  ])('but not for %s', (_, frame) => {
    const events = wireWithBook().frames(frame);
    expect(events).toEqual([expect.stringContaining('"state":"unknown"')]);
  });
});

function wireWithBook(): Wire {
  const wire = new Wire(sessionOf([SYMBOL]));
  const levels = { bids: [{ price: '1.0', qty: '1.00000000' }], asks: [{ price: '2.0', qty: '1.00000000' }] };
  const book = new NaiveBook(10);
  book.apply(levels);
  const events = wire.frames(bookFrame('snapshot', { symbol: SYMBOL, ...levels, checksum: book.checksum() }));
  expect(events.at(-1)).toContain('last');
  return wire;
}

describe('the guard itself', () => {
  const record: JournalRecord = {
    ...{ seq: 1, receivedUs: 1, kind: RecordKind.text, connection: 0 },
    payload: Uint8Array.of(1),
  };
  const outcome = (read: FrameReader['read']) => {
    const out = new EventBatch(4);
    out.addDetail({ type: 'status', state: 'venue', text: 'before' }, 0, 1, 1, Number.NaN);
    let missed = 0;
    guardFrame({ read, miss: () => missed++ }, record, out);
    const reasons = out.detail.map((detail) =>
      detail !== undefined && 'reason' in detail ? detail.reason : '',
    );
    return { length: out.length, missed, reason: reasons[1] };
  };

  test('keeps what was there, takes back what a frame gave before it failed', () => {
    const half = outcome((_, out) => {
      out.add(EventKind.trade, 0, 1, 1, 1);
      throw new MalformedFrame('half a frame');
    });
    expect(half).toEqual({ length: 2, missed: 1, reason: 'half a frame' });
  });

  test('tells of a decoder that fails', () => {
    const failing = outcome(() => {
      throw new TypeError('no such field');
    });
    expect(failing).toEqual({ length: 2, missed: 1, reason: 'the decoder failed: no such field' });
  });

  test.each([
    ['price', Number.NaN],
    ['price', Number.POSITIVE_INFINITY],
    ['size', -1],
    ['id', 1.5],
    ['exchangeUs', 1.5],
    ['exchangeUs', -1],
  ] as const)('lets no trade with a %s of %d through, whichever decoder gave it', (column, value) => {
    const { length, missed } = outcome((_, out) => {
      const row = out.add(EventKind.trade, 0, 1, 1, 1);
      out[column][row] = value;
    });
    expect({ length, missed }).toEqual({ length: 2, missed: 1 });
  });
});

/** A JSON text with some of its numbers, times and brackets made strange. */
const strange = fc
  .record({
    frame: fc.constantFrom(
      trade({}),
      candle({}),
      pair({}),
      ticker('"timestamp":"2026-01-02T03:04:05Z"'),
      bookFrame('snapshot', { symbol: SYMBOL, bids: [{ price: '1.0', qty: '2.0' }], checksum: 3 }),
      bookFrame('update', { symbol: SYMBOL, asks: [{ price: '1.5', qty: '0.0' }], checksum: 3 }),
    ),
    at: fc.nat(40),
    value: fc.oneof(
      fc.double().map(String),
      fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }).map(String),
      fc.constantFrom('1e-320', '-0', '-1e-9', '1e308', '0.1e1', 'null', '"x"', '[]', '{}', '""', '1e22'),
    ),
  })
  .map(({ frame, at, value }) => {
    const numbers = [...frame.matchAll(/(?<=:)(?:-?[\d.e-]+|"[^"]*Z")(?=[,}\]])/g)];
    const found = numbers[at % numbers.length]!;
    return `${frame.slice(0, found.index)}${value}${frame.slice(found.index + found[0].length)}`;
  });

test('nothing that stands in a number’s place brings in what the columns cannot hold; both ways of reading agree', () => {
  const encoder = new TextEncoder();
  fc.assert(
    fc.property(fc.array(strange, { minLength: 1, maxLength: 5 }), (frames) => {
      const read = [true, false].map((scans) => {
        const decoder = new KrakenDecoder(sessionOf([SYMBOL]), { scans });
        const out = new EventBatch();
        frames.forEach((frame, index) => {
          const payload = encoder.encode(frame);
          const seq = index + 1;
          decoder.decode({ seq, receivedUs: seq, kind: RecordKind.text, connection: 0, payload }, out);
        });
        return out;
      });
      for (const batch of read) for (let row = 0; row < batch.length; row++) expectBounded(batch, row);
      expect(textOf(read[0]!)).toEqual(textOf(read[1]!));
    }),
    { numRuns: 500 },
  );
});

function textOf(batch: EventBatch): string {
  const { length, kind, flags, exchangeUs, price, size, id, detail } = batch;
  return JSON.stringify(
    [kind, flags, exchangeUs, price, size, id]
      .map((column) => [...column.subarray(0, length)])
      .concat(detail as []),
  );
}

function expectBounded(batch: EventBatch, row: number): void {
  const exchangeUs = batch.exchangeUs[row]!;
  expect(Number.isNaN(exchangeUs) || isTimeUs(exchangeUs)).toBe(true);
  const [price, size, price2, size2] = [batch.price, batch.size, batch.price2, batch.size2].map(
    (c) => c[row]!,
  );
  switch (batch.kind[row]) {
    case EventKind.trade:
      expect(isPrice(price!) && isSize(size!) && isCount(batch.id[row]!)).toBe(true);
      return;
    case EventKind.level:
      expect((isPrice(price!) || Number.isNaN(price)) && isSize(size!)).toBe(true);
      return;
    case EventKind.quote:
      expect(isPrice(price!) && isPrice(price2!) && isSize(size!) && isSize(size2!)).toBe(true);
      return;
    case EventKind.candle: {
      const { startUs, intervalUs, trades, volume } = batch.detail[row] as CandleDetail;
      expect(isTimeUs(startUs) && isIntervalUs(intervalUs) && isCount(trades) && isSize(volume)).toBe(true);
      return;
    }
    case EventKind.instrument: {
      const { tickSize, lotSize } = (batch.detail[row] as InstrumentDetail).instrument;
      expect(isStep(tickSize) && isStep(lotSize)).toBe(true);
    }
  }
}
