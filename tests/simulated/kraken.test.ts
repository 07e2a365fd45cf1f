// The protocol without a socket: what a connection is sent, step by step, against the market's own book.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KrakenConnection, KrakenVenue } from '../../src/simulated/kraken.ts';
import { SimulatedMarket, type SymbolState } from '../../src/simulated/market.ts';
import { formatPrice, formatSize } from '../../src/simulated/wire.ts';
import { NaiveBook, parseFrame } from './client.ts';

function subscribe(connection: KrakenConnection, channel: string, symbol: string, more: object = {}): void {
  const params = { channel, symbol: [symbol], snapshot: true, ...more };
  connection.receive(JSON.stringify({ method: 'subscribe', params }), 1e15);
}

/** The best levels of the market's own book, as wire texts. */
function topOf(state: SymbolState, isAsk: boolean, depth: number): [string, string][] {
  const { ladder } = state;
  const levels: [string, string][] = [];
  let tick = isAsk ? ladder.askBest : ladder.bidBest;
  while (levels.length < depth && tick >= ladder.floor && tick <= ladder.ceiling) {
    if (ladder.lotsAt(tick) > 0)
      levels.push([formatPrice(state, tick), formatSize(state, ladder.lotsAt(tick))]);
    tick += isAsk ? 1 : -1;
  }
  return levels;
}

describe('a connection of the simulated Kraken', () => {
  test('holds exactly the best levels after every frame, at any depth, in books thinner than it too', () => {
    const property = fc.property(
      fc.integer(),
      fc.constantFrom(10, 25, 100, 1000),
      fc.constantFrom(100, 400, 50_000),
      (seed, depth, priceTicks) => {
        const symbol = {
          symbol: 'A/USD',
          price: priceTicks / 100,
          tickSize: 0.01,
          lotSize: 0.001,
          priceDecimals: 2,
          sizeDecimals: 3,
        };
        const market = new SimulatedMarket({ seed, symbols: [symbol] });
        const venue = new KrakenVenue(market);
        const connection = new KrakenConnection(venue, 1n);
        subscribe(connection, 'book', 'A/USD', { depth });
        connection.outbox.splice(0, 2);
        const book = new NaiveBook(depth);
        const [state] = market.symbols;
        for (let i = 0; i < 150; i++) {
          for (const text of connection.outbox.splice(0)) {
            const { type, data } = parseFrame(text);
            const held = new Set([...book.bids.keys(), ...book.asks.keys()]);
            for (const { price, qty } of [...data[0].bids, ...data[0].asks]) {
              if (Number(qty) === 0) expect(held, 'only levels in range are deleted').toContain(price);
            }
            expect(book.apply(type!, data[0])).toBe(true);
          }
          expect(book.bestBids()).toEqual(topOf(state!, false, depth));
          expect(book.bestAsks()).toEqual(topOf(state!, true, depth));
          venue.take(market.next());
        }
      },
    );
    fc.assert(property, { numRuns: 12 });
  });

  test('sends a pushed-out level again when it comes back into range', () => {
    const market = new SimulatedMarket({ seed: 3 });
    const venue = new KrakenVenue(market);
    const connection = new KrakenConnection(venue, 1n);
    subscribe(connection, 'book', 'XRP/USD');
    const book = new NaiveBook(10);
    const cut = new Map<string, string>();
    let returned = 0;
    for (let i = 0; i < 3000; i++) {
      for (const text of connection.outbox.splice(0)) {
        const { channel, type, data } = parseFrame(text);
        if (channel !== 'book') continue;
        for (const { price, qty } of data[0].bids) if (cut.get(price) === qty) returned++;
        const before = new Map(book.bids);
        book.apply(type!, data[0]);
        for (const [price, qty] of before) if (!book.bids.has(price)) cut.set(price, qty);
      }
      venue.take(market.next());
    }
    expect(returned).toBeGreaterThan(10);
  });

  test('beats once a second from the first subscription to the last, however busy it is', () => {
    const connection = new KrakenConnection(new KrakenVenue(new SimulatedMarket({ seed: 1 })), 1n);
    connection.beat(2e15);
    expect(connection.outbox.splice(0)).toHaveLength(1);
    subscribe(connection, 'trade', 'BTC/USD');
    connection.outbox.length = 0;
    for (let ms = 0; ms <= 3500; ms += 10) connection.beat(1e15 + ms * 1000);
    expect(connection.outbox.splice(0)).toEqual(new Array(3).fill('{"channel":"heartbeat"}'));
    const params = { channel: 'trade', symbol: ['BTC/USD'] };
    connection.receive(JSON.stringify({ method: 'unsubscribe', params }), 1e15 + 4e6);
    connection.outbox.length = 0;
    connection.beat(1e15 + 9e6);
    expect(connection.outbox).toHaveLength(0);
  });

  test('hears nothing of a channel any more after unsubscribing, while others still do', () => {
    const market = new SimulatedMarket({ seed: 2 });
    const venue = new KrakenVenue(market);
    const leaver = new KrakenConnection(venue, 1n);
    const stayer = new KrakenConnection(venue, 2n);
    for (const connection of [leaver, stayer]) subscribe(connection, 'book', 'ETH/USD', { depth: 25 });
    const params = { channel: 'book', symbol: ['ETH/USD'], depth: 25 };
    leaver.receive(JSON.stringify({ method: 'unsubscribe', params }), 1e15);
    leaver.outbox.length = 0;
    stayer.outbox.length = 0;
    for (let i = 0; i < 500; i++) venue.take(market.next());
    expect(leaver.outbox).toHaveLength(0);
    expect(stayer.outbox.length).toBeGreaterThan(50);
    stayer.close();
    stayer.outbox.length = 0;
    for (let i = 0; i < 500; i++) venue.take(market.next());
    expect(stayer.outbox).toHaveLength(0);
  });

  test('needs no snapshot when none is asked for', () => {
    const connection = new KrakenConnection(new KrakenVenue(new SimulatedMarket({ seed: 1 })), 1n);
    connection.outbox.length = 0;
    subscribe(connection, 'trade', 'BTC/USD', { snapshot: false });
    expect(connection.outbox).toHaveLength(1);
    expect(connection.outbox[0]).toContain('"snapshot":false');
  });
});
