// The checksum book: Kraken's worked examples, digits that no double holds, and any run of changes against a naive book.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bookFrame, type Level, NaiveBook, sessionOf, Wire } from './harness.ts';

/** `price qty, price qty, …` as levels. */
function levels(text: string): readonly Level[] {
  return text.split(/,\s*/).map((pair) => {
    const [price = '', qty = ''] = pair.trim().split(' ');
    return { price, qty };
  });
}

const gapsIn = (events: readonly string[]): readonly string[] =>
  events.filter((event) => event.includes('"state":"gap"'));
const levelsIn = (events: readonly string[]): readonly string[] =>
  events.filter((event) => event.startsWith('level'));

describe.each([true, false])('with the scan: %s', (scans) => {
  test("Kraken's BTC/USD example has checksum 3310070434", () => {
    const asks = levels(
      `45285.2 0.00100000, 45286.4 1.54571953, 45286.6 1.54571109, 45289.6 1.54560911, 45290.2 0.15890660,
       45291.8 1.54553491, 45294.7 0.04454749, 45296.1 0.35380000, 45297.5 0.09945542, 45299.5 0.18772827`,
    );
    const bids = levels(
      `45283.5 0.10000000, 45283.4 1.54582015, 45282.1 0.10000000, 45281.0 0.10000000, 45280.3 1.54592586,
       45279.0 0.07990000, 45277.6 0.03310103, 45277.5 0.30000000, 45277.3 1.54602737, 45276.6 0.15445238`,
    );
    const symbol = 'BTC/USD';
    const right = new Wire(sessionOf([symbol]), { scans });
    const events = right.frames(bookFrame('snapshot', { symbol, bids, asks, checksum: 3310070434 }));
    expect(gapsIn(events)).toEqual([]);
    expect(levelsIn(events)).toHaveLength(20);
    const wrong = new Wire(sessionOf([symbol]), { scans });
    expect(gapsIn(wrong.frames(bookFrame('snapshot', { symbol, bids, asks, checksum: 4237635173 })))).toEqual(
      [
        'status BTC/USD {"state":"gap","channel":"book","symbol":"BTC/USD","cause":"checksum","detail":"venue 4237635173, computed 3310070434"}',
      ],
    );
  });

  test('the ALGO/USD example has checksum 2375857985, and 1100635717 after its update', () => {
    const asks = levels(
      `0.12307 600.00000000, 0.12308 4042.11919517, 0.12312 10284.53891000, 0.12314 16155.08885299,
       0.12315 5186.05778473, 0.12316 32828.24000000, 0.12317 7751.65718582, 0.12318 32298.82000000,
       0.12319 1864.66899600, 0.12322 4718.99755630`,
    );
    const bids = levels(
      `0.12291 27039.62776299, 0.12290 8136.33288180, 0.12287 10984.20817349, 0.12283 28027.05025639,
       0.12280 9705.60000000, 0.12279 15215.53522714, 0.12275 4067.00000000, 0.12274 30639.39949109,
       0.12268 2531.96119986, 0.12267 16299.00000000`,
    );
    const symbol = 'ALGO/USD';
    const wire = new Wire(sessionOf([symbol]), { scans });
    const update = levels('0.12275 6597.51731160');
    const events = [
      ...wire.frames(bookFrame('snapshot', { symbol, bids, asks, checksum: 2375857985 })),
      ...wire.frames(bookFrame('update', { symbol, bids: update, checksum: 1100635717 })),
    ];
    expect(gapsIn(events)).toEqual([]);
    expect(levelsIn(events).at(-1)).toBe(
      'level ALGO/USD bid 0.12275 6597.5173116 last @2026-01-02T03:04:05.000001Z',
    );
  });

  test('the checksum takes the digits as sent where a double would lose them', () => {
    const symbol = 'PEPE/USD';
    const bids = levels('0.000012340 123456789.12345678, 0.000012339 999999999.99999999');
    const asks = levels('0.000012341 100000001.00000003');
    expect(bids.map(({ qty }) => Number(qty).toFixed(8) === qty)).toEqual([true, false]);
    const book = new NaiveBook(10);
    book.apply({ bids, asks });
    const wire = new Wire(sessionOf([symbol]), { scans });
    const frame = bookFrame('snapshot', { symbol, bids, asks, checksum: book.checksum() });
    expect(levelsIn(wire.frames(frame))).toEqual([
      `level PEPE/USD bid 0.00001234 ${Number('123456789.12345678')} clear @2026-01-02T03:04:05.000001Z`,
      'level PEPE/USD bid 0.000012339 1000000000 @2026-01-02T03:04:05.000001Z',
      `level PEPE/USD ask 0.000012341 ${Number('100000001.00000003')} last @2026-01-02T03:04:05.000001Z`,
    ]);
  });

  test('a price of finer precision finds its place among the coarser ones, and a coarser one among the finer', () => {
    const symbol = 'ETH/USD';
    const wire = new Wire(sessionOf([symbol]), { scans });
    const book = new NaiveBook(10);
    const send = (type: 'snapshot' | 'update', bids: string, asks: string): readonly string[] => {
      const changes = { bids: levels(bids), asks: levels(asks) };
      book.apply(changes);
      return wire.frames(bookFrame(type, { symbol, ...changes, checksum: book.checksum() }));
    };
    const events = [
      ...send('snapshot', '2689.1 1.00, 2689.0 2.00', '2689.2 1.00, 2690.0 3.00'),
      ...send('update', '2689.05 4.00, 2689.10 5.00', '2689.25 6.00'),
      ...send('update', '2689.0 0.00', '2690.0 0.00'),
    ];
    expect(gapsIn(events)).toEqual([]);
    expect(book.levels('bids').map(({ price }) => price)).toEqual(['2689.10', '2689.05']);
    expect(events.filter((event) => event.startsWith('instrument'))).toHaveLength(2);
    expect(levelsIn(events).slice(-2).join()).toMatch(/bid 2689 0 .*ask 2690 0 last/);
  });

  test('levels that the depth pushes out are removed by rows of their own', () => {
    const symbol = 'BTC/USD';
    const wire = new Wire(sessionOf([symbol]), { scans });
    const book = new NaiveBook(10);
    const bids = Array.from({ length: 10 }, (_, i) => ({ price: `${100 - i}.0`, qty: '1.0' }));
    book.apply({ bids, asks: [] });
    wire.frames(bookFrame('snapshot', { symbol, bids, checksum: book.checksum() }));
    const better = levels('101.0 2.0, 102.0 3.0');
    book.apply({ bids: better, asks: [] });
    expect(wire.frames(bookFrame('update', { symbol, bids: better, checksum: book.checksum() }))).toEqual(
      [
        'level BTC/USD bid 101 2',
        'level BTC/USD bid 102 3',
        'level BTC/USD bid 91 0',
        'level BTC/USD bid 92 0 last',
      ].map((line) => `${line} @2026-01-02T03:04:05.000001Z`),
    );
  });

  test('a removal of an unknown price is passed over, and the row before it ends the message', () => {
    const symbol = 'BTC/USD';
    const wire = new Wire(sessionOf([symbol]), { scans });
    const book = new NaiveBook(10);
    book.apply({ bids: levels('100.0 1.0'), asks: [] });
    wire.frames(bookFrame('snapshot', { symbol, bids: levels('100.0 1.0'), checksum: book.checksum() }));
    const changes = { bids: levels('100.0 2.0, 55.5 0.0'), asks: levels('200.0 0.0') };
    book.apply(changes);
    const events = wire.frames(bookFrame('update', { symbol, ...changes, checksum: book.checksum() }));
    expect(events).toEqual(['level BTC/USD bid 100 2 last @2026-01-02T03:04:05.000001Z']);
  });
});

const depths = fc.constantFrom(10, 25, 100);
const level = fc.record({
  ticks: fc.integer({ min: 1, max: 120 }),
  size: fc.oneof(fc.constant(0n), fc.bigInt({ min: 1n, max: 10n ** 18n })),
});
const messages = fc.array(
  fc.record({
    bids: fc.array(level, { maxLength: 12 }),
    asks: fc.array(level, { maxLength: 12 }),
    isSnapshot: fc.boolean(),
  }),
  { minLength: 1, maxLength: 30 },
);

/** An integer as a decimal with that many digits after the dot. */
function decimal(value: bigint | number, decimals: number): string {
  const digits = String(value).padStart(decimals + 1, '0');
  return `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

test('any run of changes gives the checksums of the naive book, and rows from which it can be rebuilt', () => {
  fc.assert(
    fc.property(depths, messages, fc.boolean(), (depth, run, scans) => {
      const symbol = 'SHIB/USD';
      const wire = new Wire(sessionOf([symbol], depth), { scans });
      let naive = new NaiveBook(depth);
      const rebuilt = { bid: new Map<string, string>(), ask: new Map<string, string>() };
      run.forEach((message, index) => {
        const isSnapshot = index === 0 || message.isSnapshot;
        if (isSnapshot) naive = new NaiveBook(depth);
        const [bids, asks] = [message.bids, message.asks].map((side) =>
          side.map(({ ticks, size }) => ({ price: decimal(ticks, 3), qty: decimal(size, 8) })),
        );
        naive.apply({ bids: bids!, asks: asks! });
        const type = isSnapshot ? 'snapshot' : 'update';
        const frame = bookFrame(type, { symbol, bids: bids!, asks: asks!, checksum: naive.checksum() });
        const events = wire.frames(frame);
        expect(gapsIn(events)).toEqual([]);
        const rows = levelsIn(events);
        expect(rows.filter((row) => row.includes(' last'))).toHaveLength(rows.length > 0 ? 1 : 0);
        expect(rows.filter((row) => row.includes(' clear'))).toHaveLength(isSnapshot ? 1 : 0);
        for (const row of rows) {
          const [, , side, price = '', size = ''] = row.split(' ');
          if (row.includes(' clear')) for (const map of Object.values(rebuilt)) map.clear();
          const map = side === 'ask' ? rebuilt.ask : rebuilt.bid;
          if (size === '0') map.delete(price);
          else map.set(price, size);
        }
        for (const [map, side] of [
          [rebuilt.bid, 'bids'],
          [rebuilt.ask, 'asks'],
        ] as const) {
          const expected = naive.levels(side).map(({ price, qty }) => [`${Number(price)}`, `${Number(qty)}`]);
          expect(new Map(map)).toEqual(new Map(expected as [string, string][]));
        }
      });
    }),
    { numRuns: 200 },
  );
});
