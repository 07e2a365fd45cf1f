// Names of instruments: bare where there is one venue, with the venue where there are several, and both are understood.
import { expect, test } from 'vitest';
import type { VenueSession } from '../../src/core/frame.ts';
import { joinSessions, resolveName, venuesOf } from '../../src/core/session.ts';
import { parseRunConfig } from '../../src/engine/config.ts';

const of = (venue: string, ...symbols: string[]): VenueSession => ({
  venue,
  url: `wss://${venue}.test`,
  symbols,
  channels: ['trade'],
  depth: 10,
  candleUs: 0,
});

test('one venue is its own session; several have names with the venue', () => {
  const kraken = of('kraken', 'BTC/USD');
  expect(joinSessions([kraken])).toBe(kraken);
  expect(venuesOf(kraken)).toEqual([kraken]);
  const both = joinSessions([kraken, of('binance', 'BTCUSDT', 'BTC/USD')]);
  expect(both).toMatchObject({
    schema: 2,
    venue: 'kraken+binance',
    symbols: ['kraken:BTC/USD', 'binance:BTCUSDT', 'binance:BTC/USD'],
  });
  expect(venuesOf(both).map(({ venue }) => venue)).toEqual(['kraken', 'binance']);
  expect(() => joinSessions([kraken, kraken])).toThrow('venue kraken is given twice (allowed: each once)');
});

test('a bare symbol will do where one venue has it', () => {
  const names = ['kraken:BTC/USD', 'binance:BTCUSDT', 'binance:BTC/USD'];
  expect(names.map((name) => resolveName(names, name))).toEqual([0, 1, 2]);
  expect(resolveName(names, 'BTCUSDT')).toBe(1);
  expect(resolveName(names, 'BTC/USD')).toBe(-2);
  expect(resolveName(names, 'kraken:BTCUSDT')).toBe(-1);
  expect(resolveName(['BTC/USD'], 'BTC/USD')).toBe(0);
});

test('a run file lists venues, says what they are together, and parses to itself', () => {
  const venues = [
    { venue: 'kraken', symbols: ['BTC/USD'], depth: 10 },
    { venue: 'binance', symbols: ['BTCUSDT'] },
  ];
  const config = parseRunConfig({ name: 'both', venues }, 'run.yaml');
  expect(config).toMatchObject({ venue: 'kraken+binance', symbols: ['kraken:BTC/USD', 'binance:BTCUSDT'] });
  expect(parseRunConfig(JSON.parse(JSON.stringify(config)), 'again')).toEqual(config);
  expect(() => parseRunConfig({ name: 'both', venues, depth: 25 }, 'run.yaml')).toThrow(
    'run.yaml: depth stands beside venues (allowed: in each of the venues)',
  );
  expect(() => parseRunConfig({ name: 'both', venues, symbols: ['BTC/USD'] }, 'run.yaml')).toThrow(
    'run.yaml: symbols stands beside venues',
  );
  expect(() => parseRunConfig({ name: 'both', venues: [{ venue: 'kraken' }] }, 'run.yaml')).toThrow(
    /run\.yaml/,
  );
});
