// The embedded venue over real sockets: what a client of Kraken's protocol must be able to rely on.
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { parseTimeUs } from '../../src/core/time.ts';
import { type ServerOptions, type SimulatedServer, startServer } from '../../src/simulated/server.ts';
import { NaiveBook, TestClient } from './client.ts';

const all = ['BTC/USD', 'ETH/USD', 'XRP/USD'];
const servers: SimulatedServer[] = [];
const clients: TestClient[] = [];

async function start(options: Partial<ServerOptions> = {}): Promise<SimulatedServer> {
  const server = await startServer({ seed: 7, eventsPerSecond: 4000, ...options });
  servers.push(server);
  return server;
}

async function connect(server: SimulatedServer): Promise<TestClient> {
  const client = await TestClient.connect(server.url);
  clients.push(client);
  return client;
}

afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.terminate();
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

function isContiguous(ids: readonly number[]): boolean {
  return ids.every((id, index) => index === 0 || id === ids[index - 1]! + 1);
}

describe('the loopback venue', () => {
  test('greets with its status, with a connection id above 2^53 as digits', async () => {
    const client = await connect(await start());
    await client.until(() => client.texts.length > 0);
    expect(client.messages[0]).toMatchObject({
      channel: 'status',
      data: [{ system: 'online', api_version: 'v2' }],
    });
    expect(client.texts[0]).toMatch(/"connection_id":\d{15,20}}/);
  });

  test.each([10, 100])('sends books of depth %i whose every checksum holds', async (depth) => {
    const client = await connect(await start());
    client.subscribe('book', all, { depth });
    await client.until(() => client.texts.length > 500);
    const { frames, right, books } = client.checkBooks(depth);
    expect(right).toBe(frames);
    expect(client.of('book', 'snapshot')).toHaveLength(3);
    for (const book of books.values()) {
      expect(book.bids.size).toBe(depth);
      expect(book.asks.size).toBe(depth);
      expect(Number(book.bestBids()[0]![0])).toBeLessThan(Number(book.bestAsks()[0]![0]));
    }
  });

  test('keeps levels below the checked ten right too: a shallow book is the top of a deep one', async () => {
    const server = await start();
    const shallow = await connect(server);
    const deep = await connect(server);
    shallow.subscribe('book', ['ETH/USD'], { depth: 25 });
    await shallow.until(() => shallow.of('book').length > 0);
    deep.subscribe('book', ['ETH/USD'], { depth: 1000 });
    await deep.until(() => deep.texts.length > 800);
    const last = deep.of('book').at(-1)!.data[0].timestamp;
    await shallow.until(() => shallow.of('book').at(-1)!.data[0].timestamp > last);
    const cut = new NaiveBook(25);
    for (const { type, data } of shallow.of('book')) if (data[0].timestamp <= last) cut.apply(type!, data[0]);
    const whole = new NaiveBook(1000);
    for (const { type, data } of deep.of('book')) whole.apply(type!, data[0]);
    expect(cut.bestBids()).toEqual(whole.bestBids().slice(0, 25));
    expect(cut.bestAsks()).toEqual(whole.bestAsks().slice(0, 25));
  });

  test('acknowledges each symbol by itself, with the request id of the message', async () => {
    const client = await connect(await start());
    client.subscribe('book', ['BTC/USD', 'NO/PE', 'XRP/USD'], { depth: 25 }, 42);
    await client.until(() => client.answers(42).length === 3);
    expect(client.answers(42)).toMatchObject([
      { success: true, result: { channel: 'book', depth: 25, snapshot: true, symbol: 'BTC/USD' } },
      { success: false, error: 'Currency pair not supported NO/PE', symbol: 'NO/PE' },
      { success: true, result: { symbol: 'XRP/USD' } },
    ]);
    client.subscribe('book', ['BTC/USD'], { depth: 100 }, 43);
    client.send({
      method: 'unsubscribe',
      params: { channel: 'book', symbol: ['BTC/USD'], depth: 10 },
      req_id: 44,
    });
    client.send({
      method: 'unsubscribe',
      params: { channel: 'book', symbol: ['BTC/USD'], depth: 25 },
      req_id: 45,
    });
    await client.until(() => client.answers(45).length === 1);
    expect(client.answers(43)[0]!.error).toBe('Already subscribed');
    expect(client.answers(44)[0]!.error).toBe('Subscription Not Found');
    expect(client.answers(45)[0]).toMatchObject({ success: true, method: 'unsubscribe' });
  });

  test.each([
    [
      { method: 'subscribe', params: { channel: 'book', symbol: ['BTC/USD'], depth: 26 } },
      'Subscription depth not supported',
    ],
    [
      { method: 'subscribe', params: { channel: 'level9', symbol: ['BTC/USD'] } },
      'Subscription name invalid',
    ],
    [
      { method: 'subscribe', params: { channel: 'ohlc', symbol: ['BTC/USD'], interval: 2 } },
      'Subscription ohlc interval not supported',
    ],
    [{ method: 'subscribe', params: { channel: 'trade' } }, 'Malformed request'],
    [{ method: 'subscribe' }, 'Malformed request'],
    [{ method: 'dance' }, 'Unsupported event'],
    ['{"method":', 'Malformed request'],
    ['[1]', 'Malformed request'],
  ])('refuses %j in the venue’s words and stays connected', async (message, error) => {
    const client = await connect(await start());
    client.send(message);
    client.send({ method: 'ping', req_id: 9 });
    await client.until(() => client.answers(9).length === 1);
    expect(client.messages.find((answer) => answer.error !== undefined)).toMatchObject({
      success: false,
      error,
    });
    expect(client.answers(9)[0]).toMatchObject({ method: 'pong' });
  });

  test('states instruments with exponents, as the real venue does', async () => {
    const client = await connect(await start());
    client.send({ method: 'subscribe', params: { channel: 'instrument', snapshot: true }, req_id: 3 });
    await client.until(() => client.of('instrument').length === 1);
    expect(client.texts.at(-1)).toContain('"qty_increment":1e-08');
    expect(client.of('instrument')[0]!.data.pairs).toMatchObject([
      { symbol: 'BTC/USD', price_precision: 1, price_increment: 0.1, qty_min: 0.00005 },
      { symbol: 'ETH/USD', price_precision: 2 },
      { symbol: 'XRP/USD', price_precision: 5, tick_size: 0.00001 },
    ]);
  });

  test('sends the last fifty trades, then new ones with ids that follow', async () => {
    const client = await connect(await start());
    client.subscribe('trade', all);
    await client.until(() => client.of('trade', 'update').length > 200);
    for (const snapshot of client.of('trade', 'snapshot')) expect(snapshot.data).toHaveLength(50);
    for (const symbol of all) {
      expect(client.tradeIds(symbol).length).toBeGreaterThan(60);
      expect(isContiguous(client.tradeIds(symbol))).toBe(true);
    }
  });

  test('quotes the touch on every change of it, and restates the running candle on trades', async () => {
    const client = await connect(await start());
    client.subscribe('book', ['XRP/USD'], { depth: 10 });
    client.subscribe('ticker', ['XRP/USD'], { event_trigger: 'bbo' });
    client.subscribe('ohlc', ['XRP/USD'], { interval: 1 });
    await client.until(
      () => client.of('ticker', 'update').length > 50 && client.of('ohlc', 'update').length > 20,
    );
    const book = new NaiveBook(10);
    const touches = new Set<string>();
    for (const { type, data } of client.of('book')) {
      book.apply(type!, data[0]);
      touches.add(`${data[0].timestamp} ${Number(book.bestBids()[0]![0])} ${Number(book.bestAsks()[0]![0])}`);
    }
    for (const { data } of client.of('ticker', 'update').slice(0, -1)) {
      expect(touches).toContain(`${data[0].timestamp} ${data[0].bid} ${data[0].ask}`);
    }
    const candle = client.of('ohlc', 'update').at(-1)!.data[0];
    expect(candle.high).toBeGreaterThanOrEqual(candle.low);
    expect(candle.interval_begin).toMatch(/:00\.000000000Z$/);
    expect(client.of('ohlc', 'snapshot')[0]!.data.length).toBeGreaterThan(0);
  });

  test('stamps venue times that never go back and never lie ahead of the clock', async () => {
    const client = await connect(await start());
    let isAhead = false;
    client.socket.on('message', (data) => {
      const nowUs = (performance.timeOrigin + performance.now()) * 1000;
      for (const match of String(data).matchAll(/"timestamp":"([^"]+)"/g))
        isAhead ||= parseTimeUs(match[1]!) > nowUs;
    });
    client.subscribe('book', ['BTC/USD'], { depth: 10 });
    client.subscribe('trade', ['BTC/USD']);
    await client.until(() => client.of('book').length > 500);
    const times = client.of('book').map((message) => message.data[0].timestamp);
    expect(times).toEqual([...times].sort());
    expect(isAhead).toBe(false);
    const lagUs = (performance.timeOrigin + performance.now()) * 1000 - parseTimeUs(times.at(-1));
    expect(lagUs).toBeLessThan(1e6);
  });

  test('stops by itself after its duration, and closes its connections', async () => {
    const server = await start({ durationS: 0.2 });
    const client = await connect(server);
    await client.closed();
    await server.closed;
    await expect(connect(server)).rejects.toThrow('ECONNREFUSED');
  });

  test('says where it cannot listen', async () => {
    const server = await start();
    const port = Number(new URL(server.url).port);
    await expect(startServer({ seed: 1, port })).rejects.toThrow(`cannot listen on port ${port}`);
  });

  test('shows the same market for the same seed to clients of different servers', async () => {
    const frames: string[][] = [];
    for (const seed of [5, 5, 6]) {
      // The clock stands until the client subscribes, so that each sees its market from the same instant on.
      let sinceMs = Number.NaN;
      const passedUs = (): number => (Number.isNaN(sinceMs) ? 0 : (performance.now() - sinceMs) * 1000);
      const server = await start({ seed, eventsPerSecond: 20_000, now: () => 1.8e15 + passedUs() });
      const client = await connect(server);
      sinceMs = performance.now();
      client.subscribe('trade', all);
      await client.until(() => client.texts.length > 300);
      frames.push(
        client
          .of('trade')
          .flatMap((message) => message.data as { trade_id: number; price: string; qty: string }[])
          .map((trade) => `${trade.trade_id} ${trade.price} ${trade.qty}`),
      );
    }
    const [first, again, other] = frames.map((trades) => new Set(trades));
    const shared = [...again!].filter((trade) => first!.has(trade));
    expect(shared.length).toBeGreaterThan(0);
    const ids = new Map([...first!].map((trade) => [trade.split(' ')[0], trade]));
    for (const trade of again!) expect(ids.get(trade.split(' ')[0]) ?? trade).toBe(trade);
    expect([...other!].some((trade) => first!.has(trade))).toBe(false);
  });

  test('floods 10,000 frames without losing one', async () => {
    const server = await start({ flood: true });
    const client = await connect(server);
    client.subscribe('book', all, { depth: 10 });
    client.subscribe('trade', all);
    await client.until(() => client.texts.length > 10_000);
    await server.stop();
    const { frames, right } = client.checkBooks(10);
    expect(right).toBe(frames);
    for (const symbol of all) expect(isContiguous(client.tradeIds(symbol))).toBe(true);
  });
});

describe('who may connect, and for how long', () => {
  const origins = async (server: SimulatedServer, origin: string | undefined): Promise<string> => {
    const socket = new WebSocket(server.url, origin === undefined ? {} : { origin });
    return new Promise((resolve) => {
      socket.on('open', () => {
        socket.terminate();
        resolve('open');
      });
      socket.on('error', (error) => resolve(error.message));
    });
  };

  test('programs and pages of this machine may, pages from elsewhere may not unless they are allowed', async () => {
    const server = await start({ origins: ['https://example.org'] });
    const allowed = [
      undefined,
      'http://localhost:8080',
      'http://127.0.0.1',
      'https://[::1]:1',
      'https://example.org',
    ];
    for (const origin of allowed) expect(await origins(server, origin), String(origin)).toBe('open');
    const refused = [
      'https://example.com',
      'null',
      'http://127.0.0.1.example.com',
      'http://localhost.example.com',
      'file://',
    ];
    for (const origin of refused) expect(await origins(server, origin), origin).toMatch(/403/);
  });

  test('clients that do not read are cut off, together or for too long; one that reads is kept', async () => {
    let nowUs = parseTimeUs('2026-01-02T03:04:05Z');
    const faults = [{ atS: 0, type: 'oversized', bytes: 20 << 20 }] as const;
    const server = await start({ eventsPerSecond: 100, now: () => nowUs, faults });
    const idle = await Promise.all([1, 2, 3, 4, 5, 6].map(() => connect(server)));
    for (const client of idle) client.socket.pause();
    idle[0]!.subscribe('trade', all);
    // Together they are too many at once, whatever the time.
    await expect.poll(() => server.counters.slowClients, { timeout: 20_000 }).toBeGreaterThan(0);
    const reader = await connect(server);
    expect(server.counters.slowClients).toBeLessThan(4);
    nowUs += 3e6;
    await expect.poll(() => server.counters.slowClients, { timeout: 20_000 }).toBe(6);
    expect(server.counters.open).toBe(1);
    reader.subscribe('trade', all);
    await reader.until(() => reader.of('trade', 'snapshot').length > 0);
  });
});
