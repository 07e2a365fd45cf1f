// What is said to Kraken, to the letter, and what is refused before it is said.
import { expect, test } from 'vitest';
import { UsageError } from '../../src/core/errors.ts';
import type { Session } from '../../src/core/frame.ts';
import { kraken } from '../../src/venues/kraken.ts';
import { findVenue, venues } from '../../src/venues/list.ts';
import type { Step } from '../../src/venues/venue.ts';
import { sessionOf, Wire } from './harness.ts';

const session = sessionOf(['BTC/USD', 'AAPLx/USD'], 25);

const textsOf = (steps: readonly Step[]): readonly string[] =>
  steps.map((step) => (step.do === 'send' ? step.message : `not sent: ${step.do}`));
const subscribe = (to: Session): readonly string[] => textsOf(kraken.connections(to)[0]!.opening);
const resync = (to: Session, channel: string, symbol: string): readonly string[] =>
  textsOf(
    kraken
      .connections(to)[0]!
      .streams.find((it) => it.channel === channel && to.symbols[it.instrument] === symbol)!.again,
  );

test('each channel is asked for once, for all symbols, instruments first and always with a snapshot', () => {
  const symbol = ['BTC/USD', 'AAPLx/USD'];
  const request = (id: number, params: object) =>
    JSON.stringify({ method: 'subscribe', params: { ...params, snapshot: true }, req_id: id });
  expect(subscribe(session)).toEqual([
    request(1, { channel: 'instrument', include_tokenized_assets: true }),
    request(2, { channel: 'book', symbol, depth: 25 }),
    request(3, { channel: 'trade', symbol }),
    request(4, { channel: 'ticker', symbol, event_trigger: 'bbo' }),
    request(5, { channel: 'ohlc', symbol, interval: 1 }),
  ]);
  const onlyTrades = subscribe({ ...session, channels: ['trade'] });
  expect(onlyTrades.map((text) => JSON.parse(text).params.channel)).toEqual(['instrument', 'trade']);
});

test('a resync ends the subscription with the words that began it, and begins it again', () => {
  const params = { channel: 'book', symbol: ['AAPLx/USD'], depth: 25 };
  expect(resync(session, 'book', 'AAPLx/USD')).toEqual([
    JSON.stringify({ method: 'unsubscribe', params, req_id: 22 }),
    JSON.stringify({ method: 'subscribe', params: { ...params, snapshot: true }, req_id: 22 }),
  ]);
  const candles = resync(session, 'ohlc', 'BTC/USD').map((text) => JSON.parse(text).params);
  expect(candles[0]).toEqual({ channel: 'ohlc', symbol: ['BTC/USD'], interval: 1 });
});

test('a refusal is told with the channel and symbol that its request number stands for', () => {
  for (const [index, text] of subscribe(session).entries()) {
    const { req_id, params } = JSON.parse(text);
    const wire = new Wire(session);
    const refusal = JSON.stringify({ method: 'subscribe', success: false, error: 'No', req_id });
    expect(wire.frames(refusal)).toEqual([
      `status - ${JSON.stringify({ state: 'refused', channel: params.channel, symbol: '', reason: 'No' })}`,
    ]);
    expect(params.channel).toBe(kraken.channels[index]);
  }
  for (const id of ['x', 0, 9, 32, -1, 1.5]) {
    const refusal = JSON.stringify({ method: 'subscribe', success: false, error: 'No', req_id: id });
    expect(new Wire(session).frames(refusal)[0]).toContain('"channel":"","symbol":""');
  }
});

test('the ping is what the venue answers with a pong', () => {
  expect(kraken.connections(session)[0]!.ping?.message).toBe('{"method":"ping"}');
});

test('what the venue does not offer is refused by name', () => {
  expect(() => subscribe({ ...session, depth: 50 })).toThrow(
    new UsageError('book depth 50 is not on offer (allowed: 10, 25, 100, 500, 1000)'),
  );
  expect(() => subscribe({ ...session, candleUs: 7 * 60e6 })).toThrow(/candle interval 7m is not on offer/);
  expect(() => subscribe({ ...session, channels: ['trades'] })).toThrow(
    /unknown channel in kraken: trades .*did you mean trade\?/,
  );
});

test('a venue is found by its name, and a wrong name is told with the nearest one', () => {
  for (const venue of venues) expect(findVenue(venue.name)).toBe(venue);
  expect(() => findVenue('krakn')).toThrow('unknown venue: krakn (known: kraken); did you mean kraken?');
});
