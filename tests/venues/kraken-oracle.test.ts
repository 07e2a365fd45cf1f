// The scan against JSON.parse: whatever stands in a frame, both ways of reading give the same events,
// and nothing that can stand in a frame makes the decoder throw.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BookFrame, FrameScan, TradeFrame } from '../../src/venues/kraken/frames.ts';
import { ByteScanner, NameTable } from '../../src/venues/scan.ts';
import { sessionOf, Wire } from './harness.ts';

const symbols = ['BTC/USD', 'AAPLx/USD', 'DOGE/USD'];

type Style = {
  readonly spaces: boolean;
  readonly shuffles: readonly number[];
  readonly quotes: boolean;
  readonly escapes: boolean;
};
const style = fc.record({
  spaces: fc.boolean(),
  shuffles: fc.oneof(fc.constant([]), fc.array(fc.nat(97), { minLength: 3, maxLength: 9 })),
  quotes: fc.boolean(),
  escapes: fc.boolean(),
});

/** An object whose values are JSON texts already, written in a style. */
function object(fields: readonly (readonly [string, string])[], { spaces, shuffles }: Style): string {
  const keyed = fields.map((field, index) => [shuffles[index % (shuffles.length || 1)] ?? 0, field] as const);
  const order = keyed.sort(([left], [right]) => left - right).map(([, field]) => field);
  const gap = spaces ? ' ' : '';
  return `{${order.map(([key, value]) => `"${key}":${gap}${value}`).join(`,${gap}`)}}`;
}

function text(value: string, { escapes }: Style): string {
  return escapes ? `"${value.replaceAll('/', '\\/').replace('B', '\\u0042')}"` : `"${value}"`;
}

const plain = fc
  .tuple(fc.bigInt({ min: 0n, max: 10n ** 19n }), fc.integer({ min: 0, max: 10 }))
  .map(([value, decimals]) => {
    const digits = String(value).padStart(decimals + 1, '0');
    return decimals === 0 ? digits : `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
  });
const number = fc.oneof(
  { weight: 8, arbitrary: plain },
  {
    weight: 1,
    arbitrary: fc.constantFrom('1e-08', '5.25E+2', '0e0', '1E5', '12.50e-3', '-1.5', '1e400', 'null'),
  },
);
const time = fc.oneof(
  fc.tuple(fc.integer({ min: 0, max: 4e15 }), fc.integer({ min: 0, max: 9 })).map(([us, digits]) => {
    const seconds = new Date(Math.floor(us / 1000)).toISOString().slice(0, 19);
    const fraction = String(us % 1e6)
      .padStart(9, '0')
      .slice(0, digits);
    return `${seconds}${digits === 0 ? '' : `.${fraction}`}Z`;
  }),
  fc.constantFrom('2026-01-02 03:04:05Z', '2026-01-02T03:04:05+02:00', '2026-13-41T25:61:61Z', 'now', ''),
);
const symbol = fc.constantFrom(...symbols, 'XRP/USD');
const type = fc.constantFrom('snapshot', 'update', 'update', 'delta');
const level = fc.tuple(number, number);
const bookFrames = fc
  .record({
    type,
    style,
    entries: fc.array(
      fc.record({
        symbol,
        bids: fc.array(level, { maxLength: 4 }),
        asks: fc.array(level, { maxLength: 4 }),
        checksum: fc.oneof(fc.nat(0xffff_ffff), fc.constant(0xffff_ffff + 1)).map(String),
        timestamp: time,
        leavesOut: fc.constantFrom('', '', '', 'checksum', 'checksum', 'timestamp', 'bids', 'symbol'),
      }),
      { maxLength: 3 },
    ),
  })
  .map(({ type, style, entries }) => {
    const quoted = (value: string): string => (style.quotes ? `"${value}"` : value);
    const side = (levels: readonly (readonly [string, string])[]): string =>
      `[${levels
        .map(([price, qty]) =>
          object(
            [
              ['price', quoted(price)],
              ['qty', quoted(qty)],
            ],
            style,
          ),
        )
        .join(',')}]`;
    const data = entries.map((entry) =>
      object(
        (
          [
            ['symbol', text(entry.symbol, style)],
            ['bids', side(entry.bids)],
            ['asks', side(entry.asks)],
            ['checksum', entry.checksum],
            ['timestamp', `"${entry.timestamp}"`],
          ] as const
        ).filter(([key]) => key !== entry.leavesOut),
        style,
      ),
    );
    return envelope('book', type, data, style);
  });
const tradeFrames = fc
  .record({
    type,
    style,
    trades: fc.array(
      fc.record({
        symbol,
        side: fc.constantFrom('buy', 'sell', 'sell', 'both'),
        price: number,
        qty: number,
        id: fc.oneof(fc.nat(20).map(String), fc.constantFrom('9007199254740993', '1.5', '7.0')),
        orderType: fc.constantFrom('limit', 'market', 'iceberg'),
        timestamp: time,
        leavesOut: fc.constantFrom('', '', '', 'ord_type', 'timestamp', 'side', 'trade_id'),
      }),
      { maxLength: 5 },
    ),
  })
  .map(({ type, style, trades }) => {
    const quoted = (value: string): string => (style.quotes ? `"${value}"` : value);
    const data = trades.map((trade) =>
      object(
        (
          [
            ['symbol', text(trade.symbol, style)],
            ['side', `"${trade.side}"`],
            ['price', quoted(trade.price)],
            ['qty', quoted(trade.qty)],
            ['ord_type', `"${trade.orderType}"`],
            ['trade_id', trade.id],
            ['timestamp', `"${trade.timestamp}"`],
          ] as const
        ).filter(([key]) => key !== trade.leavesOut),
        style,
      ),
    );
    return envelope('trade', type, data, style);
  });

function envelope(channel: string, type: string, data: readonly string[], style: Style): string {
  const fields = [
    ['channel', `"${channel}"`],
    ['type', `"${type}"`],
    ['data', `[${data.join(',')}]`],
  ] as const;
  return object(fields, style);
}

const fixtures = readdirSync(join(import.meta.dirname, '../fixtures/kraken')).flatMap((file) =>
  readFileSync(join(import.meta.dirname, '../fixtures/kraken', file), 'utf8')
    .slice(0, -1)
    .split('\n'),
);

/** A frame with some of its bytes replaced, removed or doubled. */
const mutants = fc
  .record({
    frame: fc.constantFrom(...fixtures),
    edits: fc.array(
      fc.record({
        at: fc.nat(2000),
        edit: fc.constantFrom('replace', 'remove', 'insert', 'cut'),
        byte: fc.oneof(fc.constantFrom(...Buffer.from('{}[]",:.0123456789eE-+\\ tf\n')), fc.nat(255)),
      }),
      { minLength: 1, maxLength: 3 },
    ),
  })
  .map(({ frame, edits }) => {
    const bytes = [...Buffer.from(frame)];
    for (const { at, edit, byte } of edits) {
      const place = at % (bytes.length + 1);
      if (edit === 'cut') bytes.length = place;
      else bytes.splice(place, edit === 'insert' ? 0 : 1, ...(edit === 'remove' ? [] : [byte]));
    }
    return Uint8Array.from(bytes);
  });

function expectSame(frames: readonly (string | Uint8Array)[]): void {
  const [scanned, parsed] = [true, false].map((scans) => {
    const wire = new Wire(sessionOf(symbols, 10), { scans });
    return frames.map((frame) => wire.frames(frame));
  });
  expect(scanned).toEqual(parsed);
}

describe('both ways of reading give the same events', () => {
  test('for book frames in any order, spacing, quoting and notation', () => {
    fc.assert(fc.property(fc.array(bookFrames, { minLength: 1, maxLength: 6 }), expectSame), {
      numRuns: 500,
    });
  });

  test('for trade frames in any order, spacing, quoting and notation', () => {
    fc.assert(fc.property(fc.array(tradeFrames, { minLength: 1, maxLength: 6 }), expectSame), {
      numRuns: 500,
    });
  });

  test('for frames with bytes changed, lost and added', () => {
    fc.assert(
      fc.property(fc.array(mutants, { minLength: 1, maxLength: 8 }), (frames) =>
        expectSame(fixtures.flatMap((frame, index) => [frame, frames[index % frames.length]!])),
      ),
      { numRuns: 300 },
    );
  });

  test('for bytes that are no frame at all', () => {
    const noise = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.json().map((text) => new TextEncoder().encode(text)),
    );
    fc.assert(fc.property(fc.array(noise, { maxLength: 20 }), expectSame), { numRuns: 300 });
  });

  test('for JSON nested deeper than a stack', () => {
    expectSame([`{"channel":"book","type":"update","data":${'['.repeat(50_000)}${']'.repeat(50_000)}}`]);
  });
});

test('the scan reads the frames that are as the reference has them, so that the fallback stays the exception', () => {
  const scan = new FrameScan(new ByteScanner(), new NameTable(symbols));
  const isRead = (frame: string): boolean => {
    const bytes = new TextEncoder().encode(frame);
    return scan.book(bytes, new BookFrame()) || scan.trades(bytes, new TradeFrame());
  };
  const read = (name: string): readonly boolean[] =>
    readFileSync(join(import.meta.dirname, `../fixtures/kraken/${name}.jsonl`), 'utf8')
      .slice(0, -1)
      .split('\n')
      .map(isRead);
  expect(new Set(read('book'))).toEqual(new Set([true]));
  expect(new Set(read('trade'))).toEqual(new Set([true]));
  expect(
    isRead(
      '{"channel":"book","type":"update","data":[{"timestamp":"2026-01-02T03:04:05Z","checksum":0,"asks":[],"bids":[],"symbol":"DOGE/USD"}]}',
    ),
  ).toBe(true);
});
