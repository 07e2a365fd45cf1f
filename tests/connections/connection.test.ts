import { createServer } from 'node:http';
import { type AddressInfo, createServer as createRawServer, type Socket } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { createClock } from '../../src/connections/clock.ts';
import { Connection, type ConnectionOverrides } from '../../src/connections/connection.ts';
import { EventBatch } from '../../src/core/event.ts';
import { type Control, RecordKind } from '../../src/core/frame.ts';
import type { Venue } from '../../src/venues/venue.ts';
import {
  acknowledge,
  isControl,
  patientSilence,
  startToyServer,
  Tape,
  toy,
  toySession,
  toyWith,
} from './toy.ts';

const quickBackoff = { minMs: 5, maxMs: 40, factor: 2, jitter: 0.2 };
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function serve(options: Parameters<typeof startToyServer>[0] = {}) {
  const server = await startToyServer(options);
  cleanups.push(() => server.stop());
  return server;
}

/** A connection whose sink decodes at once, as the recorder does, and keeps all it is told. */
function connect(url: string, limits: ConnectionOverrides = {}, venue: Venue = toy) {
  const session = toySession(url);
  const clock = createClock();
  const decoder = venue.createDecoder(session);
  const controls = new Tape<Control>();
  const frames = new Tape<{
    readonly payload: Uint8Array;
    readonly isBinary: boolean;
    readonly on: number;
  }>();
  const news = new Tape<string>();
  const batch = new EventBatch();
  let numbers = 0;
  const connection: Connection = new Connection(
    {
      plan: venue.connections(session)[0]!,
      names: session.symbols,
      clock,
      limits: { backoff: quickBackoff, ...limits },
      seed: 1,
      nextNumber: () => numbers++,
    },
    {
      frame(payload, isBinary, source) {
        const receivedUs = clock.nowUs();
        const kind = isBinary ? RecordKind.binary : RecordKind.text;
        batch.reset();
        decoder.decode({ seq: 1, receivedUs, kind, connection: 0, payload }, batch);
        frames.push({ payload, isBinary, on: source.number });
        source.observe(batch, receivedUs, true, decoder.takeAsks!());
      },
      answer: () => {},
      control: (control) => controls.push(control),
      ready: () => news.push('ready'),
      refused: (channel, symbol, reason) => news.push(`${channel} ${symbol}: ${reason}`),
    },
  );
  cleanups.push(() => connection.close());
  connection.start();
  const is = (text: string): Promise<unknown> =>
    frames.until((frame) => Buffer.from(frame.payload).toString() === text);
  return { connection, controls, frames, news, is };
}

const types = (controls: Tape<Control>): string[] => controls.items.map((control) => control.type);

/** Passes at the nth control of a type. */
function nth(type: Control['type'], count: number): (control: Control) => boolean {
  let seen = 0;
  return (control) => control.type === type && ++seen === count;
}

test('opens, subscribes everything, is ready when all is answered, and never negotiates deflate', async () => {
  const server = await serve({ perMessageDeflate: true });
  const { controls, news, connection } = connect(server.url);
  await news.until((item) => item === 'ready');
  expect(types(controls)).toEqual(['connecting', 'opened', 'sent', 'sent']);
  expect(server.received).toEqual(['SUB trade A B', 'SUB book A B']);
  expect((await server.client(0)).extensions).toBe('');
  expect([connection.isOpen, connection.number, connection.reconnects]).toEqual([true, 0, 0]);
});

test('comes back after the venue hangs up, with a new number, and subscribes again', async () => {
  const server = await serve();
  const { controls, connection, frames, news, is } = connect(server.url);
  await news.until((item) => item === 'ready');
  (await server.client(0)).close(1012, 'restart');
  const client = await server.client(1);
  await frames.until((frame) => frame.on === 1 && Buffer.from(frame.payload).toString() === 'S B 99 1');
  client.send('T B 100 1');
  await is('T B 100 1');
  const closed = { type: 'closed', code: 1012, reason: 'restart', cause: 'disconnect' };
  expect(controls.items).toContainEqual(closed);
  expect(types(controls).slice(4)).toEqual(['closed', 'retry', 'connecting', 'opened', 'sent', 'sent']);
  expect([connection.number, connection.reconnects]).toEqual([1, 1]);
  expect(server.received).toHaveLength(4);
});

test('waits longer after each connection that brought no data, and little again after one that did', async () => {
  const server = await serve();
  server.answer = (channel, symbol) => [`ACK ${channel} ${symbol}`];
  server.server.on('connection', (client) => client.on('message', () => setImmediate(() => client.close())));
  const { controls } = connect(server.url);
  await controls.until(nth('retry', 3));
  server.answer = acknowledge;
  let retries = 0;
  await controls.until((control) => control.type === 'retry' && ++retries > 3 && control.attempt === 1);
  const attempts = controls.items.flatMap((control) => (control.type === 'retry' ? [control.attempt] : []));
  expect(attempts.slice(0, 3)).toEqual([1, 2, 3]);
});

test('a breaker opens after too many failures, lets one probe through, and closes on good data', async () => {
  const gone = await startToyServer();
  const port = Number(new URL(gone.url).port);
  await gone.stop();
  const breaker = { failures: 3, windowMs: 60_000, cooldownMs: 60 };
  const { controls } = connect(gone.url, { breaker });
  await controls.until((control) => control.type === 'breaker' && control.state === 'open');
  const failed = controls.items.find(isControl('failed'));
  expect(failed).toMatchObject({ reason: expect.stringContaining('ECONNREFUSED') });
  expect(controls.items.filter(isControl('failed'))).toHaveLength(3);
  await serve({ port });
  await controls.until((control) => control.type === 'breaker' && control.state === 'closed');
  const states = controls.items.flatMap((control) => (control.type === 'breaker' ? [control.state] : []));
  expect(states.slice(0, 2)).toEqual(['open', 'half-open']);
  const delayMs = controls.items.flatMap((control) => (control.type === 'retry' ? [control.delayMs] : []))[2];
  expect(delayMs).toBeGreaterThanOrEqual(60);
});

test('a refusal reaches the sink in the words of the venue', async () => {
  const server = await serve();
  server.answer = (channel, symbol) =>
    symbol === 'B' ? [`NO ${channel} B Currency pair not supported`] : acknowledge(channel, symbol);
  const { news } = connect(server.url);
  await news.until((item) => item === 'trade B: Currency pair not supported');
});

test('a subscription that nobody answers costs the connection', async () => {
  const server = await serve();
  server.answer = (channel, symbol) =>
    channel === 'book' && symbol === 'B' ? [] : acknowledge(channel, symbol);
  const { controls } = connect(server.url, { checkMs: 10, silence: { ackMs: 50 } });
  const reason = 'no answer to book B within 50 ms';
  expect(await controls.until(isControl('closed'))).toMatchObject({ cause: 'ack timeout', reason });
  server.answer = acknowledge;
  await server.client(1);
});

test('a silent venue is told as a silence and left, and a quiet one that pings is not', async () => {
  const server = await serve();
  const { controls } = connect(server.url, { checkMs: 10, silence: { ...patientSilence, frameMs: 100 } });
  const client = await server.client(0);
  const pinging = setInterval(() => client.ping(), 20);
  cleanups.push(() => clearInterval(pinging));
  const startedMs = Date.now();
  setTimeout(() => clearInterval(pinging), 300);
  await controls.until(isControl('silence'));
  expect(Date.now() - startedMs).toBeGreaterThan(350);
  expect(await controls.until(isControl('closed'))).toMatchObject({ cause: 'idle' });
  await server.client(1);
});

test('a book that fails its checksum is asked for afresh, and again and again costs the connection', async () => {
  const server = await serve();
  const { controls, news, is } = connect(server.url, { resync: { resyncs: 2 } });
  await news.until((item) => item === 'ready');
  const client = await server.client(0);
  for (let turn = 1; turn <= 3; turn++) {
    const mark = `S A ${turn} 1`;
    client.send('G A checksum');
    client.send('G A checksum');
    client.send(mark);
    if (turn < 3) await is(mark);
  }
  expect(await controls.until(isControl('closed'))).toMatchObject({ cause: 'checksum' });
  const resyncs = controls.items.filter(isControl('resync'));
  expect(resyncs).toEqual(Array(2).fill({ type: 'resync', channel: 'book', symbol: 'A', cause: 'checksum' }));
  await server.client(1);
  expect(server.received.filter((text) => text === 'UNSUB book A')).toHaveLength(2);
  expect(server.received).toContain('SUB book A');
});

test('an oversized frame is counted as dropped, with the limit named, and the connection comes back', async () => {
  const server = await serve();
  const { controls, is, news } = connect(server.url, { maxPayloadBytes: 1000 });
  await news.until((item) => item === 'ready');
  (await server.client(0)).send('T A 1 1'.padEnd(1001));
  const reason = 'a frame larger than 1000 bytes, the limit of maxPayloadBytes';
  expect(await controls.until(isControl('drop'))).toMatchObject({ frames: 1, reason });
  expect(await controls.until(isControl('closed'))).toMatchObject({ code: 1009 });
  (await server.client(1)).send('T A 1 1'.padEnd(1000));
  await is('T A 1 1'.padEnd(1000));
});

test('empty frames, binary frames and texts that are no UTF-8 arrive byte for byte, and stay as they were', async () => {
  const server = await serve();
  const { frames, news, is } = connect(server.url);
  await news.until((item) => item === 'ready');
  const before = frames.items.length;
  const client = await server.client(0);
  const broken = Buffer.from([0xff, 0xfe, 0x22, 0xc3]);
  client.send('');
  client.send(Buffer.from([0, 1, 2, 255]), { binary: true });
  client.send(broken, { binary: false });
  for (let index = 0; index < 5000; index++) client.send(`T A ${index} 1`);
  await is('T A 4999 1');
  const seen = frames.items.slice(before);
  expect(seen.slice(0, 3).map((frame) => [...frame.payload])).toEqual([[], [0, 1, 2, 255], [...broken]]);
  expect(seen.slice(0, 3).map((frame) => frame.isBinary)).toEqual([false, true, false]);
  // The socket does not use the memory of a frame again.
  const texts = seen.slice(3).map((frame) => Buffer.from(frame.payload).toString());
  expect(texts).toEqual(Array.from({ length: 5000 }, (_, index) => `T A ${index} 1`));
});

test('close takes the frames that are still on their way, then tells the end, and does not come back', async () => {
  const server = await serve();
  const { connection, controls, frames, news } = connect(server.url);
  await news.until((item) => item === 'ready');
  const before = frames.items.length;
  const client = await server.client(0);
  for (let index = 0; index < 1000; index++) client.send(`T A ${index} 1`);
  await new Promise((resolve) => client.send('T A last 1', resolve));
  await connection.close();
  expect(frames.items.length - before).toBe(1001);
  expect(controls.items.at(-1)).toMatchObject({ type: 'closed', code: 1000, cause: 'end' });
  expect(connection.isOpen).toBe(false);
});

test('close does not wait for ever for a venue that does not answer it', async () => {
  const server = await serve();
  const { connection, controls, news } = connect(server.url, { closeMs: 30 });
  await news.until((item) => item === 'ready');
  (await server.client(0)).pause();
  await connection.close();
  expect(controls.items.at(-1)).toMatchObject({ type: 'closed', cause: 'end' });
});

test('a venue that asks to be left alone for a while is obeyed', async () => {
  const http = createServer();
  http.on('upgrade', (_, socket) => {
    socket.end('HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nConnection: close\r\n\r\n');
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => http.close());
  const { controls } = connect(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`);
  expect(await controls.until(isControl('retry'))).toMatchObject({ delayMs: 7000 });
  const reason = 'the venue answered 429 Too Many Requests';
  expect(controls.items).toContainEqual({ type: 'failed', reason });
});

test('a venue that asks for more than anybody waits is left alone for three days, and what it asked for is told', async () => {
  const http = createServer();
  http.on('upgrade', (_, socket) => {
    socket.end('HTTP/1.1 429 Too Many Requests\r\nRetry-After: 2592000\r\nConnection: close\r\n\r\n');
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => http.close());
  const { connection, controls } = connect(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`);
  expect(await controls.until(isControl('retry'))).toMatchObject({
    delayMs: 3 * 86_400e3,
    askedMs: 30 * 86_400e3,
  });
  await connection.close();
  expect(types(controls).filter((type) => type === 'connecting')).toHaveLength(1);
});

test('a frame in which the venue sends a secret of the address back is kept with stars in its place, and told', async () => {
  const server = await serve();
  const { controls, frames, news } = connect(`${server.url}/?token=s3cret-token`);
  await news.until((item) => item === 'ready');
  (await server.client(0)).send('H s3cret-token H');
  await frames.until(({ payload }) => Buffer.from(payload).toString() === 'H ************ H');
  await controls.until(isControl('masked'));
  (await server.client(0)).close(4000, 'no token s3cret-token here');
  expect(await controls.until(isControl('closed'))).toMatchObject({ reason: 'no token *** here' });
});

test('says what the venue wants to hear regularly', async () => {
  const server = await serve();
  const { controls } = connect(server.url, {}, toyWith({ ping: { everyMs: 10, message: 'PING' } }));
  let pings = 0;
  await controls.until((control) => control.type === 'sent' && control.text === 'PING' && ++pings === 3);
  expect(server.received).toContain('PING');
});

test('a server that goes on sending its handshake for ever is given up after the whole of the limit', async () => {
  const timers: NodeJS.Timeout[] = [];
  const sockets: Socket[] = [];
  const server = createRawServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.write('HTTP/1.1 101 Switching Protocols\r\nX-Padding: ');
    timers.push(setInterval(() => socket.write('x'), 2));
  }).listen(0, '127.0.0.1');
  cleanups.push(() => {
    for (const timer of timers) clearInterval(timer);
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  const { controls } = connect(`ws://127.0.0.1:${port}`, { handshakeMs: 40 });
  await controls.until(isControl('failed'));
  expect(controls.items).toContainEqual({ type: 'failed', reason: 'no handshake within 40 ms' });
  await controls.until(isControl('retry'));
});

test('sends no faster than its plan allows, and every message all the same', async () => {
  const server = await serve();
  const opening = Array.from({ length: 7 }, (_, i) => ({ do: 'send', message: `SAY ${i}` }) as const);
  const plan = { opening, streams: [], pace: { messages: 3, perMs: 60 } };
  const { controls } = connect(server.url, {}, toyWith(plan));
  const times: number[] = [];
  await controls.until((control) => {
    if (control.type === 'sent') times.push(performance.now());
    return times.length === 7;
  });
  expect(controls.items.flatMap((it) => (it.type === 'sent' ? [it.text] : []))).toEqual(
    opening.map(({ message }) => message),
  );
  // Timers are never early: of any four in a row the last came a whole period after the first.
  for (let i = 3; i < 7; i++) expect(times[i]! - times[i - 3]!).toBeGreaterThan(55);
});

test('secrets of headers, messages and requests are filled at the socket and nowhere else', async () => {
  const server = await serve();
  const headers: unknown[] = [];
  server.server.on('connection', (_, request) => headers.push(request.headers['x-key']));
  process.env.TOY_KEY = 'very-secret-key';
  cleanups.push(() => delete process.env.TOY_KEY);
  const key = '$' + '{TOY_KEY}';
  const plan = { headers: { 'X-Key': key }, opening: [{ do: 'send', message: `HELLO ${key}` }] as const };
  const { controls, is } = connect(server.url, {}, toyWith(plan));
  expect(await controls.until(isControl('sent'))).toEqual({ type: 'sent', text: `HELLO ${key}` });
  (await server.client(0)).send('H very-secret-key');
  await is(`H ${'*'.repeat(15)}`);
  await vi.waitFor(() => expect(server.received).toEqual(['HELLO very-secret-key']));
  expect(headers).toEqual(['very-secret-key']);
});

test('a secret without a value is told before anything begins', () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholder is the point.
  const plan = { opening: [{ do: 'send', message: 'HELLO ${NO_SUCH_KEY}' }] as const };
  expect(() => connect('ws://127.0.0.1:9', {}, toyWith(plan))).toThrow(
    /^message: \$\{NO_SUCH_KEY\} is not set in the environment$/,
  );
});

test('is replaced at the end of its life by one that overlaps with it, and misses nothing', async () => {
  const server = await serve();
  const { controls, frames, connection, is } = connect(server.url, {}, toyWith({ lifetimeMs: 80 }));
  await frames.until(({ on }) => on === 1);
  const opened = controls.items.filter(isControl('opened'));
  expect(opened[1]).toMatchObject({ replaces: 0 });
  const closed = await controls.until(isControl('closed'));
  expect(closed).toMatchObject({ code: 1000, cause: 'rotation' });
  // The old one was closed only when everything was answered on the new one.
  const order = types(controls);
  expect(order.indexOf('closed')).toBeGreaterThan(order.lastIndexOf('opened', order.indexOf('closed')));
  (await server.client(1)).send('T A 5 1');
  await is('T A 5 1');
  expect(connection.isOpen).toBe(true);
});
