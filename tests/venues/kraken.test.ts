// Each kind of Kraken frame, as it stands on the wire, and the events that come of it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RecordKind } from '../../src/core/frame.ts';
import { sessionOf, Wire } from './harness.ts';

function fixture(name: string): readonly string[] {
  return readFileSync(join(import.meta.dirname, `../fixtures/kraken/${name}.jsonl`), 'utf8')
    .slice(0, -1)
    .split('\n');
}

/** Both ways of reading must say the same; what they say, frame by frame. */
function eventsOf(name: string): readonly (readonly string[])[] {
  const [scanned, parsed] = [true, false].map((scans) => {
    const wire = new Wire(sessionOf(['BTC/USD', 'AAPLx/USD']), { scans });
    return fixture(name).map((frame) => wire.frames(frame));
  });
  expect(scanned).toEqual(parsed);
  return scanned!;
}

const at = (micros: string): string => ` @2026-01-02T03:04:05.${micros}Z`;

const inferred = (symbol: string, tickSize: number): string =>
  `instrument ${symbol} ${JSON.stringify({
    instrument: {
      symbol,
      base: symbol.split('/')[0],
      quote: 'USD',
      tickSize,
      lotSize: 1e-8,
      sizeMin: 0,
      notionalMin: 0,
      status: 'online',
      isStated: false,
    },
  })}`;

const said = (text: string): string => `status - ${JSON.stringify({ state: 'venue', text })}`;
const unknown = (reason: string): string => `status - ${JSON.stringify({ state: 'unknown', reason })}`;
const refused = (channel: string, symbol: string, reason: string): string =>
  JSON.stringify({ state: 'refused', channel, symbol, reason });

test('connection frames become what the venue said, subscriptions and refusals; heartbeat and pong become nothing', () => {
  expect(eventsOf('connection')).toEqual([
    [said('online, engine 2.0.10')],
    [said('maintenance, engine 2.0.10'), said('upcoming_maintenance: ["2026-01-03T00:00:00Z"]')],
    [],
    [],
    ['status BTC/USD {"state":"subscribed","channel":"book","symbol":"BTC/USD"}'],
    [
      'status - {"state":"subscribed","channel":"instrument","symbol":""}',
      said('warning of instrument: "tick_size is deprecated, use price_increment"'),
    ],
    [`status - ${refused('book', '', 'Subscription depth not supported')}`],
    [`status AAPLx/USD ${refused('trade', 'AAPLx/USD', 'Currency pair not supported AAPLx/USD')}`],
    [`status BTC/USD ${refused('book', 'BTC/USD', 'Exceeded msg rate')}`],
    [],
    [said('unsubscribe: "Subscription Not Found"')],
  ]);
});

test('instrument frames state the pairs of the session, and again only when they change', () => {
  const stated = (fields: Readonly<Record<string, unknown>>): string =>
    `instrument ${fields.symbol} ${JSON.stringify({ instrument: { ...fields, isStated: true } })}`;
  const steps = { lotSize: 1e-8, sizeMin: 5e-5, notionalMin: 0.5 };
  const bitcoin = { symbol: 'BTC/USD', base: 'BTC', quote: 'USD' };
  const apple = { symbol: 'AAPLx/USD', base: 'AAPLx', quote: 'USD' };
  expect(eventsOf('instrument')).toEqual([
    [
      stated({ ...bitcoin, tickSize: 0.1, ...steps, status: 'online' }),
      stated({ ...apple, tickSize: 0.01, ...steps, sizeMin: 0.01, status: 'post_only' }),
    ],
    [],
    [stated({ ...bitcoin, tickSize: 0.01, ...steps, status: 'cancel_only' })],
  ]);
});

test('book frames become level rows in the order of the frame, after the instrument they need', () => {
  expect(eventsOf('book')).toEqual([
    [
      inferred('BTC/USD', 0.1),
      'level BTC/USD bid 62807 0.5550928 clear',
      'level BTC/USD bid 62806.9 1',
      'level BTC/USD bid 62805.1 0.00005',
      'level BTC/USD ask 62807.1 0.1',
      'level BTC/USD ask 62808 2.25 last',
    ],
    [
      `level BTC/USD ask 62807.1 0${at('745044')}`,
      `level BTC/USD ask 62818.8 0.65540712 last${at('745044')}`,
    ],
    [
      `level BTC/USD bid 62807 0.4${at('745099')}`,
      `level BTC/USD bid 62807 0.3${at('745099')}`,
      `level BTC/USD ask 62808 1.75 last${at('745099')}`,
    ],
    [],
    [`level AAPLx/USD bid NaN 0 clear last${at('745101')}`],
    [
      inferred('AAPLx/USD', 0.01),
      `level AAPLx/USD bid 231.05 0.5 last${at('745102')}`,
      `level BTC/USD ask 62808 0 last${at('745103')}`,
    ],
  ]);
});

test('trade frames become trades by taker side, but for the opening snapshot', () => {
  expect(eventsOf('trade')).toEqual([
    [],
    [inferred('BTC/USD', 0.1), `trade BTC/USD buy 62807.1 0.00027625 #10218208${at('440295')}`],
    [
      `trade BTC/USD sell 62807 0.1 #10218209${at('440300')}`,
      inferred('AAPLx/USD', 0.01),
      `trade AAPLx/USD sell 231.05 0.5 #77${at('440300')}`,
      `trade BTC/USD sell 62806.9 0.2 #10218210${at('440300')}`,
    ],
  ]);
});

test('ticker frames become quotes, but for the zeros of a listing that never traded', () => {
  expect(eventsOf('ticker')).toEqual([
    [`quote BTC/USD 62806.9 0.5 62807 1.25${at('123456')}`],
    ['quote BTC/USD 62807 0.509301 62807.1 2'],
    [],
  ]);
});

test('ohlc frames become candles that are closed once, with what was last said of them, by the first frame of a later one', () => {
  const candle = (minute: number, values: readonly number[], isClosed: boolean): string => {
    const [open, high, low, close, volume, trades] = values;
    const startUs = Date.UTC(2026, 0, 2, 3, minute) * 1000;
    const fields = { startUs, intervalUs: 60e6, open, high, low, close, volume, trades, isClosed };
    return `candle BTC/USD ${JSON.stringify(fields)}`;
  };
  expect(eventsOf('ohlc')).toEqual([
    [
      `${candle(3, [62790, 62801, 62789.9, 62800, 1.5, 7], true)}${at('806315')}`,
      `${candle(4, [62800, 62805, 62799.9, 62805, 2.06, 9], false)}${at('806315')}`,
    ],
    [`${candle(4, [62800, 62810, 62799.9, 62807, 3.06, 12], false)} @2026-01-02T03:04:06.806315Z`],
    [
      `${candle(4, [62800, 62810, 62799.9, 62807, 3.06, 12], true)} @2026-01-02T03:05:02.000000Z`,
      `${candle(5, [62807, 62807, 62807, 62807, 0.01, 1], false)} @2026-01-02T03:05:02.000000Z`,
    ],
  ]);
});

test('frames that are not what the protocol says are told as unknown, with the reason', () => {
  expect(eventsOf('malformed')).toEqual(
    [
      'not JSON',
      'book of "DOGE/EUR", which is not in the session',
      'price is no decimal',
      'checksum is no 32-bit integer',
      'type is neither snapshot nor update',
      'trade_id is no decimal',
      'timestamp is no time',
      'bid is no number',
      'unknown channel "level3"',
      'unknown method "edit_order"',
      'frame is no object',
      'frame is no object',
      'neither channel nor method',
      'not JSON',
      'not JSON',
    ].map((reason) => [unknown(reason)]),
  );
});

test('binary and badly encoded frames are told as unknown; beats pass through', () => {
  const wire = new Wire(sessionOf(['BTC/USD']));
  expect(wire.record(RecordKind.binary, Uint8Array.of(1, 2, 3))).toEqual([unknown('binary frame')]);
  expect(wire.frames(Uint8Array.of(0x22, 0xff, 0xfe, 0x22))).toEqual([unknown('not UTF-8')]);
  expect(wire.record(RecordKind.beat, new Uint8Array(0))).toEqual(['beat']);
});

test('a candle of another length, or one that begins after its frame was sent, closes none', () => {
  const wire = new Wire(sessionOf(['BTC/USD']));
  const ohlc = (begin: string, sent: string, interval = 1) =>
    `{"channel":"ohlc","type":"update","timestamp":"2026-01-02T${sent}Z","data":[{"symbol":"BTC/USD","open":1,"high":1,"low":1,"close":1,"vwap":1,"trades":1,"volume":1,"interval_begin":"2026-01-02T${begin}Z","interval":${interval}}]}`;
  const closed = (...frames: readonly string[]) =>
    wire.frames(...frames).filter((event) => event.includes('"isClosed":true'));
  expect(closed(ohlc('03:00:00', '03:00:20', 5), ohlc('03:00:00', '03:00:21'))).toEqual([]);
  expect(closed(ohlc('03:01:00', '03:01:05'))).toHaveLength(1);
  expect(closed(ohlc('04:01:00', '03:01:06'), ohlc('03:01:00', '03:01:07'))).toEqual([]);
  // Believed, since its frame says the same; the next frame tells better.
  expect(closed(ohlc('04:01:00', '04:01:08'))).toHaveLength(1);
  expect(closed(ohlc('03:01:00', '03:01:09'), ohlc('03:01:00', '03:01:10'))).toEqual([]);
  expect(closed(ohlc('03:02:00', '03:02:01'), ohlc('03:05:00', '03:05:01', 5))).toHaveLength(2);
});
