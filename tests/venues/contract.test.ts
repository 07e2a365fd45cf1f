// The contract of a venue carries what is coming: a toy for each shape, recorded over real sockets, each decoded again to
// the digest it had live; and one recording of two venues, where the loss of one leaves the other's books alone.
import { afterEach, expect, test } from 'vitest';
import type { Session, VenueSession } from '../../src/core/frame.ts';
import { joinSessions } from '../../src/core/session.ts';
import { buildTables } from '../../src/datasets/tables.ts';
import { replayFrames, replayTables } from '../../src/feeds/replay.ts';
import { startServer } from '../../src/simulated/server.ts';
import { kraken } from '../../src/venues/kraken.ts';
import type { Venue } from '../../src/venues/venue.ts';
import { digestOf } from '../feeds/batches.ts';
import { answers, talk as answersTalk } from './toys/answers.ts';
import { login, talkOf as loginTalk } from './toys/login.ts';
import { decodedAgain, record, type Seen, serve, type Talk } from './toys/loopback.ts';
import { pings, talkOf as pingsTalk } from './toys/pings.ts';
import { sequence, talkOf as sequenceTalk } from './toys/sequence.ts';
import { sockets, talkOf as socketsTalk } from './toys/sockets.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function sessionOf(venue: Venue, url: string): VenueSession {
  const { name, defaultChannels: channels, defaultDepth: depth } = venue;
  return { venue: name, url, symbols: ['A'], channels, depth, candleUs: 0 };
}

async function play(venue: Venue, talk: Talk) {
  const server = await serve(talk);
  const session = sessionOf(venue, `ws://${server.address}`);
  const run = record(session, [venue]);
  cleanups.push(
    () => server.stop(),
    () => run.drop(),
    () => run.recorder.stop('cleanup'),
  );
  await run.recorder.start();
  return { ...run, server, session };
}

/** Ends a recording, which must then decode to what it was live. */
async function end(run: Awaited<ReturnType<typeof play>>, venue: Venue) {
  const summary = await run.recorder.stop('done');
  expect(await decodedAgain(run.folder, run.session, [venue])).toBe(run.digest.value());
  return summary;
}

const linesOf = (seen: readonly Seen[], word: string): readonly string[] =>
  seen.flatMap(({ lines }) => lines).filter((line) => line.startsWith(word));

test('a book that begins with an answer: changes wait for it, and a hole asks again', async () => {
  const run = await play(answers, answersTalk);
  await run.says('level 0 103 3');
  // The answer is as of change 2: of those that waited only 3 is new.
  expect(linesOf(run.seen.items, 'level')).toEqual(['level 0 50 1', 'level 0 200 1', 'level 0 103 3']);
  const { socket } = await run.server.clients.until(() => true);
  socket.emit('message', 'MORE');
  await run.says('level 0 104 4');
  socket.emit('message', 'HOLE');
  await run.says('level 0 200 2');
  await run.says('level 0 108 8');
  expect(linesOf(run.seen.items, 'gap')).toEqual(['gap book A sequence changes after 4 are missing']);
  expect(linesOf(run.seen.items, 'healed')).toEqual(['healed book A']);
  const asked = run.seen.items.filter(({ control }) => control?.type === 'asked');
  expect(asked.map(({ control }) => control)).toEqual(
    Array(2).fill({
      type: 'asked',
      request: { tag: 'depth A', url: `http://${run.server.address}/depth?symbol=A` },
    }),
  );
  expect((await end(run, answers)).unknown).toBe(0);
});

test('a login: nothing is said before it is answered, and its key stands in no record', async () => {
  const secret = 'toy-login-secret';
  process.env.TOY_LOGIN = secret;
  cleanups.push(() => delete process.env.TOY_LOGIN);
  const heard: string[] = [];
  const run = await play(login, loginTalk(secret, heard));
  await run.says('level 0 11 1');
  const order = run.seen.items.flatMap(({ control, lines }) => [
    ...(control?.type === 'sent' ? [JSON.parse(control.text).op] : []),
    ...lines.filter((line) => line === 'authenticated'),
  ]);
  expect(order).toEqual(['login', 'authenticated', 'subscribe']);
  expect(heard[0]).toContain(secret);
  await end(run, login);
  const bytes = run.seen.items.map(({ record: { payload } }) => Buffer.from(payload).toString());
  expect(bytes.filter((text) => text.includes(secret))).toEqual([]);
  // Whole each time: no gap, and each begins anew.
  expect(linesOf(run.seen.items, 'gap')).toEqual([]);
});

test('a login that is refused is an error in the words of the venue', async () => {
  process.env.TOY_LOGIN = 'not-the-right-one';
  cleanups.push(() => delete process.env.TOY_LOGIN);
  await expect(play(login, loginTalk('another secret', []))).rejects.toThrow(
    /login refused a subscription: wrong key/,
  );
});

test('one sequence for the whole connection: a hole spoils all, and another connection mends it', async () => {
  const run = await play(sequence, sequenceTalk());
  await run.says('healed trade A');
  await run.seen.until(
    ({ record: { connection }, lines }) => connection === 1 && lines.includes('trade 0 12 1'),
  );
  expect(linesOf(run.seen.items, 'gap')).toEqual([
    'gap book A sequence messages from 4 to 4 are missing',
    'gap trade A sequence messages from 4 to 4 are missing',
  ]);
  const closed = run.seen.items.find(({ control }) => control?.type === 'closed')!.control;
  expect(closed).toMatchObject({ cause: 'sequence', reason: 'messages from 4 to 4 are missing' });
  // Two levels are kept: the third pushes the worst one out.
  expect(linesOf(run.seen.items.slice(-4), 'level').at(-1)).toBe('level 0 10 0');
  expect((await end(run, sequence)).reconnects).toBe(1);
});

test('candles alone, with pings that are to be answered', async () => {
  const answered: number[] = [];
  const run = await play(pings, pingsTalk(answered));
  await run.says('candle 0 1 4');
  expect(answered).toEqual([1, 2, 3]);
  await end(run, pings);
  expect(linesOf(run.seen.items, 'candle')).toHaveLength(4);
});

test('two sockets: the loss of one leaves the streams of the other alone', async () => {
  const venue = sockets();
  const { talk } = socketsTalk();
  const run = await play(venue, talk);
  await run.says('level 0 20 1');
  await run.says('trade 0 101 1');
  const trades = await run.server.clients.until(({ path }) => path.endsWith('/trade'));
  trades.socket.terminate();
  await run.says('healed trade A');
  const books = await run.server.clients.until(({ path }) => path.endsWith('/book'));
  books.socket.send(JSON.stringify({ s: 'A', p: 21, q: 2 }));
  await run.says('level 0 21 2');
  expect(linesOf(run.seen.items, 'gap')).toEqual([expect.stringContaining('gap trade A disconnect')]);
  expect((await end(run, venue)).reconnects).toBe(1);
});

test('a connection that is replaced while it lives: trades that come twice are told once, and none is missing', async () => {
  const venue = sockets(60);
  const { talk, tell } = socketsTalk();
  const run = await play(venue, talk);
  const telling = setInterval(tell, 5);
  cleanups.push(() => clearInterval(telling));
  let rotations = 0;
  await run.seen.until(
    ({ control }) => control?.type === 'closed' && control.cause === 'rotation' && ++rotations === 2,
  );
  clearInterval(telling);
  const prices = linesOf(run.seen.items, 'trade').map((line) => Number(line.split(' ')[2]));
  expect(prices).toEqual(prices.map((_, at) => 101 + at));
  expect(linesOf(run.seen.items, 'gap')).toEqual([]);
  await end(run, venue);
});

test('two venues in one recording: one sequence, one digest, and each loses only what is its own', async () => {
  const market = await startServer({ seed: 3, eventsPerSecond: 200, symbols: ['BTC/USD', 'ETH/USD'] });
  const toy = sockets();
  const { talk } = socketsTalk();
  const server = await serve(talk);
  const symbols = ['BTC/USD', 'ETH/USD'];
  const own = {
    venue: 'kraken',
    url: market.url,
    symbols,
    channels: ['book', 'trade'],
    depth: 10,
    candleUs: 0,
  };
  const session: Session = joinSessions([own, sessionOf(toy, `ws://${server.address}`)]);
  const venues = [kraken, toy];
  const run = record(session, venues);
  cleanups.push(
    () => market.stop(),
    () => server.stop(),
    () => run.drop(),
    () => run.recorder.stop('cleanup'),
  );
  await run.recorder.start();
  await run.says('instrument sockets:A');
  await run.says('level 2 20 1');
  const books = await server.clients.until(({ path }) => path.endsWith('/book'));
  const before = run.seen.items.length;
  books.socket.terminate();
  await run.says('healed book sockets:A');
  await run.seen.until(({ lines }) => lines.some((line) => line.startsWith('level 0')));
  // The toy's book alone has a gap; Kraken's books go on without a new snapshot.
  expect(linesOf(run.seen.items, 'gap')).toEqual([expect.stringContaining('gap book sockets:A disconnect')]);
  const healed = run.seen.items.findIndex(({ lines }) => lines.includes('healed book sockets:A'));
  expect(healed).toBeGreaterThan(before);
  const summary = await run.recorder.stop('done');
  expect(summary).toMatchObject({ unknown: 0, reconnects: 1 });
  const live = run.digest.value();
  expect(run.seen.items.map(({ record: { seq } }) => seq)).toEqual(run.seen.items.map((_, at) => at + 1));
  expect(await decodedAgain(run.folder, session, venues)).toBe(live);
  const manifest = await buildTables(run.folder, { venues });
  expect(manifest).toMatchObject({
    schema: 2,
    venue: 'kraken+sockets',
    symbols: ['kraken:BTC/USD', 'kraken:ETH/USD', 'sockets:A'],
  });
  const replayed = await digestOf(replayFrames(run.folder, { venues }).batches());
  expect(replayed).toBe(`${summary.records === 0 ? 0 : replayed.split(' ')[0]} ${live}`);
  expect(await digestOf(replayTables(run.folder).batches())).toBe(replayed);
});
