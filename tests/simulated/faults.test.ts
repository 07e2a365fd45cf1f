// Faults that the embedded venue commits on request, as its client sees them.
import { afterEach, describe, expect, test } from 'vitest';
import { type Fault, type SimulatedServer, startServer } from '../../src/simulated/server.ts';
import { TestClient } from './client.ts';

let server: SimulatedServer | undefined;
const clients: TestClient[] = [];

async function connect(faults: readonly Fault[] = []): Promise<TestClient> {
  server ??= await startServer({ seed: 11, eventsPerSecond: 4000, faults });
  const client = await TestClient.connect(server.url);
  clients.push(client);
  return client;
}

afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.terminate();
  await server?.stop();
  server = undefined;
});

describe('faults', () => {
  test('a disconnect is abrupt; the market goes on, and a new connection starts afresh', async () => {
    const first = await connect([{ atS: 0.15, type: 'disconnect' }]);
    first.subscribe('book', ['BTC/USD'], { depth: 25 });
    first.subscribe('trade', ['BTC/USD']);
    expect(await first.closed()).toBe(1006);
    expect(server!.faultsDone).toMatchObject([{ type: 'disconnect' }]);
    const stepsThen = server!.counters.steps;
    const second = await connect();
    await second.until(() => second.texts.length > 0);
    while (server!.counters.steps < stepsThen + 1500) await new Promise((resolve) => setImmediate(resolve));
    expect(second.texts).toHaveLength(1);
    second.subscribe('book', ['BTC/USD'], { depth: 25 });
    second.subscribe('trade', ['BTC/USD']);
    await second.until(() => second.of('book', 'update').length > 50 && second.of('trade').length > 1);
    expect(second.of('book')[0]!.type).toBe('snapshot');
    expect(second.of('trade', 'snapshot')[0]!.data).toHaveLength(50);
    const { frames, right } = second.checkBooks(25);
    expect(right).toBe(frames);
    expect(second.tradeIds('BTC/USD')[0]!).toBeGreaterThan(first.tradeIds('BTC/USD').at(-1)! + 1);
    expect(server!.counters).toMatchObject({ connections: 2, open: 1 });
  });

  test('an outage turns new connections away until it is over', async () => {
    const client = await connect([{ atS: 0, type: 'disconnect', forS: 0.2 }]);
    client.send({ method: 'ping' });
    await client.closed();
    await expect(connect()).rejects.toThrow('503');
  });

  test('one checksum is wrong, and the book behind it is right', async () => {
    const client = await connect([{ atS: 0.05, type: 'checksum', symbol: 'ETH/USD' }]);
    client.subscribe('book', ['BTC/USD', 'ETH/USD'], { depth: 10 });
    await client.until(() => server!.faultsDone.length === 1 && client.of('book').length > 600);
    const { frames, right } = client.checkBooks(10);
    expect(frames - right).toBe(1);
  });

  test('a lost delta makes the checksums wrong by themselves, until the book is subscribed afresh', async () => {
    const client = await connect([{ atS: 0.05, type: 'lost-delta', symbol: 'ETH/USD' }]);
    client.subscribe('book', ['ETH/USD'], { depth: 10 });
    await client.until(() => server!.faultsDone.length === 1);
    const seen = client.texts.length;
    await client.until(() => client.texts.length > seen + 20);
    const lossy = client.checkBooks(10);
    expect(lossy.right).toBeLessThan(lossy.frames);
    const params = { channel: 'book', symbol: ['ETH/USD'], depth: 10 };
    client.send({ method: 'unsubscribe', params, req_id: 2 });
    client.subscribe('book', ['ETH/USD'], { depth: 10 }, 3);
    await client.until(() => client.answers(3).length === 1 && client.of('book', 'snapshot').length === 2);
    const from = client.messages.indexOf(client.of('book', 'snapshot')[1]!);
    await client.until(() => client.messages.length > from + 100);
    client.messages.splice(0, from);
    const { frames, right } = client.checkBooks(10);
    expect(right).toBe(frames);
  });

  test('a skipped trade leaves one hole in the ids', async () => {
    const client = await connect([{ atS: 0.05, type: 'skip-trade', symbol: 'XRP/USD' }]);
    client.subscribe('trade', ['XRP/USD']);
    await client.until(() => server!.faultsDone.length === 1);
    const seen = client.texts.length;
    await client.until(() => client.texts.length > seen + 20);
    const ids = client.tradeIds('XRP/USD');
    expect(ids.filter((id, index) => index > 0 && id !== ids[index - 1]! + 1)).toHaveLength(1);
  });

  test('a malformed frame is one more frame; an oversized one is more than the client takes', async () => {
    const client = await connect([
      { atS: 0.05, type: 'malformed' },
      { atS: 0.15, type: 'oversized', bytes: 2 << 20 },
    ]);
    client.subscribe('book', ['BTC/USD'], { depth: 10 });
    expect(await client.closed()).toBe(1006);
    expect(client.errors).toEqual(['Max payload size exceeded']);
    expect(client.broken).toBe(1);
    const { frames, right } = client.checkBooks(10);
    expect(right).toBe(frames);
  });

  test('silence stops every frame, heartbeats too, for its time', async () => {
    const client = await connect([{ atS: 0.1, type: 'silence', forS: 0.4 }]);
    client.subscribe('trade', ['BTC/USD', 'ETH/USD', 'XRP/USD']);
    let longestMs = 0;
    let lastMs = performance.now();
    client.socket.on('message', () => {
      longestMs = Math.max(longestMs, performance.now() - lastMs);
      lastMs = performance.now();
    });
    await client.until(() => server!.faultsDone.length === 1);
    const seen = client.texts.length;
    await client.until(() => client.texts.length > seen + 50);
    expect(longestMs).toBeGreaterThan(380);
  });

  test('a fault of a symbol that is not traded is a wrong request', async () => {
    await expect(connect([{ atS: 1, type: 'checksum', symbol: 'ETH/USDT' }])).rejects.toThrow(
      'unknown symbol in fault checksum: ETH/USDT (known: BTC/USD, ETH/USD, XRP/USD); did you mean ETH/USD?',
    );
  });

  test('the next subscription can be refused', async () => {
    const client = await connect([{ atS: 0, type: 'refuse' }]);
    client.subscribe('trade', ['BTC/USD', 'ETH/USD'], {}, 5);
    client.subscribe('trade', ['BTC/USD'], {}, 6);
    await client.until(() => client.answers(6).length === 1);
    expect(client.answers(5)).toMatchObject([
      { success: false, error: 'Exceeded msg rate', symbol: 'BTC/USD' },
      { success: false, error: 'Exceeded msg rate', symbol: 'ETH/USD' },
    ]);
    expect(client.answers(6)[0]!.success).toBe(true);
  });
});
