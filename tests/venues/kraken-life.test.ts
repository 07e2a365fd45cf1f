// What the decoder remembers between frames: books that became invalid, trades that were missed, instruments.
import { beforeEach, describe, expect, test } from 'vitest';
import type { Control } from '../../src/core/frame.ts';
import { bookFrame, type Level, NaiveBook, sessionOf, tradeFrame, Wire } from './harness.ts';

const symbol = 'BTC/USD';
const bids: readonly Level[] = [{ price: '100.0', qty: '1.00000000' }];
const asks: readonly Level[] = [{ price: '101.0', qty: '1.00000000' }];
const change: readonly Level[] = [{ price: '100.5', qty: '2.00000000' }];

function checksumOf(...sides: readonly (readonly Level[])[]): number {
  const book = new NaiveBook(10);
  book.apply({ bids: sides[0] ?? [], asks: sides[1] ?? [] });
  return book.checksum();
}
const snapshot = bookFrame('snapshot', { symbol, bids, asks, checksum: checksumOf(bids, asks) });
const update = bookFrame('update', {
  symbol,
  bids: change,
  checksum: checksumOf([...bids, ...change], asks),
});
const corrupt = bookFrame('update', { symbol, bids: change, checksum: 1 });
const gap = (cause: string, detail: string): string =>
  `status BTC/USD ${JSON.stringify({ state: 'gap', channel: 'book', symbol, cause, detail })}`;
const closed: Control = { type: 'closed', code: 1006, reason: 'reset', cause: 'disconnect' };
const opened: Control = { type: 'opened', url: 'wss://venue.test' };
const unsubscribed = `{"method":"unsubscribe","result":{"channel":"book","depth":10,"symbol":"BTC/USD"},"success":true}`;
const countLevels = (events: readonly string[]): number =>
  events.filter((event) => event.startsWith('level')).length;

let wire: Wire;
beforeEach(() => {
  wire = new Wire(sessionOf([symbol, 'ETH/USD']));
});

describe('a book', () => {
  test('that fails its checksum is silent until the next snapshot', () => {
    expect(countLevels(wire.frames(snapshot))).toBe(2);
    expect(wire.frames(corrupt)).toEqual([
      gap('checksum', `venue 1, computed ${checksumOf([...bids, ...change], asks)}`),
    ]);
    expect(wire.frames(update, update)).toEqual([]);
    expect(countLevels(wire.frames(snapshot, update))).toBe(3);
  });

  test('whose snapshot fails is told again each time, for each time it must be asked for again', () => {
    const wrong = bookFrame('snapshot', { symbol, bids, asks, checksum: 1 });
    const told = gap('checksum', `venue 1, computed ${checksumOf(bids, asks)}`);
    expect(wire.frames(wrong, wrong)).toEqual([told, told]);
    expect(wire.frames(update)).toEqual([]);
  });

  test('that is updated before any snapshot is told once', () => {
    expect(wire.frames(update, update)).toEqual([gap('sequence', 'update before a snapshot')]);
  });

  test('is invalid from a disconnect to the snapshot of the next connection, and that is told once', () => {
    wire.frames(snapshot);
    expect(wire.control(closed).slice(1)).toEqual([gap('disconnect', 'closed with 1006 reset')]);
    wire.connection = 1;
    expect(wire.control(opened)).toHaveLength(1);
    expect(wire.frames(update)).toEqual([]);
    expect(countLevels(wire.frames(snapshot))).toBe(2);
  });

  test('is invalid on a new connection even if nobody recorded the end of the old one', () => {
    wire.frames(snapshot);
    wire.connection = 1;
    expect(wire.control(opened).slice(1)).toEqual([gap('disconnect', 'connection 1 begins')]);
    wire.frames(snapshot);
    wire.connection = 2;
    expect(wire.frames('{"channel":"heartbeat"}')).toEqual([gap('disconnect', 'connection 2 begins')]);
  });

  test('stands while another connection is open beside its own, and falls with its own alone', () => {
    wire.frames(snapshot);
    wire.connection = 1;
    expect(wire.control({ ...opened, isBeside: true })).toHaveLength(1);
    expect(wire.frames('{"channel":"heartbeat"}')).toEqual([]);
    wire.connection = 0;
    expect(countLevels(wire.frames(snapshot))).toBe(2);
    wire.connection = 1;
    expect(wire.control(closed)).toHaveLength(1);
    wire.connection = 0;
    expect(countLevels(wire.frames(snapshot))).toBe(2);
    expect(wire.control(closed).slice(1)).toEqual([gap('disconnect', 'closed with 1006 reset')]);
  });

  test('that ends with its recording has no gap', () => {
    wire.frames(snapshot);
    expect(wire.control({ ...closed, cause: 'end' })).toHaveLength(1);
  });

  test('that is asked for afresh, or unsubscribed, drops the late updates of the old subscription', () => {
    wire.frames(snapshot);
    const resync: Control = { type: 'resync', channel: 'book', symbol, cause: 'idle' };
    expect(wire.control(resync).slice(1)).toEqual([gap('idle', 'resync')]);
    expect(wire.frames(update, unsubscribed, update)).toEqual([]);
    expect(countLevels(wire.frames(snapshot))).toBe(2);
    expect(wire.frames(unsubscribed)).toEqual([gap('unsubscribed', 'until the next snapshot')]);
    expect(wire.control({ ...resync, channel: 'trade' })).toHaveLength(1);
  });

  test('is invalid after frames were dropped, for no checksum covers its far levels', () => {
    wire.frames(snapshot);
    const drop: Control = { type: 'drop', frames: 3, bytes: 900, reason: 'too large' };
    expect(wire.control(drop).slice(1)).toEqual([gap('drop', '3 frames dropped: too large')]);
  });

  test('is invalid after the recorder died, or was started again in the same recording', () => {
    const cut: Control = { type: 'cut', segment: '000001.arrow', rows: 3, bytes: 90, reason: 'torn' };
    wire.frames(snapshot);
    expect(wire.control(cut).slice(1)).toEqual([gap('recovery', 'the recorder died')]);
    expect(wire.frames(update)).toEqual([]);
    wire.frames(snapshot);
    const session: Control = {
      type: 'session',
      session: sessionOf([symbol, 'ETH/USD']),
      software: '',
      node: '',
    };
    expect(wire.control(session).slice(1)).toEqual([gap('recovery', 'the recorder was stopped')]);
  });

  test('is invalid after an update that could not be read, and the other books are not', () => {
    const other = bookFrame('snapshot', { symbol: 'ETH/USD', bids, asks, checksum: checksumOf(bids, asks) });
    wire.frames(snapshot, other);
    expect(wire.frames(update.replace('"price":100.5', '"price":null'))).toEqual([
      gap('sequence', 'a frame could not be read'),
      'status - {"state":"unknown","reason":"price is no decimal"}',
    ]);
    expect(countLevels(wire.frames(update.replace(symbol, 'ETH/USD')))).toBe(1);
  });

  test('without a checksum is taken as it comes', () => {
    const bare = snapshot.replace(/,"checksum":\d+/, '');
    expect(countLevels(wire.frames(bare))).toBe(2);
  });
});

describe('trades', () => {
  const missing = (from: number, to: number): string =>
    `status BTC/USD ${JSON.stringify({
      state: 'gap',
      channel: 'trade',
      symbol,
      cause: 'sequence',
      detail: `trade ids from ${from} to ${to} are missing`,
    })}`;
  const healed = `status BTC/USD ${JSON.stringify({ state: 'healed', channel: 'trade', symbol })}`;
  const ids = (events: readonly string[]): readonly string[] =>
    events
      .filter((event) => event.startsWith('trade'))
      .map((event) => event.match(/#\d+(?: late)?/)?.[0] ?? '');

  test('of the first snapshot are of a time before the recording', () => {
    expect(wire.frames(tradeFrame('snapshot', symbol, [1, 2, 3]))).toEqual([]);
    expect(ids(wire.frames(tradeFrame('update', symbol, [4, 5])))).toEqual(['#4', '#5']);
  });

  test('that come twice leave once', () => {
    wire.frames(tradeFrame('update', symbol, [7, 8]));
    expect(ids(wire.frames(tradeFrame('update', symbol, [7, 8, 9])))).toEqual(['#9']);
  });

  test('of an outage are late when the next snapshot tells of them, oldest first', () => {
    wire.frames(tradeFrame('snapshot', symbol, [1, 2, 3]), tradeFrame('update', symbol, [4]));
    wire.connection = 1;
    const events = wire.frames(tradeFrame('snapshot', symbol, [7, 6, 5, 4, 3]));
    expect(events.slice(0, 2)).toEqual([
      gap('disconnect', 'connection 1 begins').replace('"book"', '"trade"'),
      healed,
    ]);
    expect(ids(events)).toEqual(['#5 late', '#6 late', '#7 late']);
    expect(ids(wire.frames(tradeFrame('update', symbol, [8])))).toEqual(['#8']);
  });

  test('that nobody sent are told as a gap, before the trade that shows it', () => {
    wire.frames(tradeFrame('update', symbol, [4]));
    const told = wire.frames(tradeFrame('update', symbol, [9]));
    expect(told.slice(0, 2)).toEqual([missing(5, 8), healed]);
    expect(ids(told)).toEqual(['#9']);
    const events = wire.frames(tradeFrame('snapshot', symbol, [12, 13]));
    expect(events[0]).toBe(missing(10, 11));
    expect(ids(events)).toEqual(['#12 late', '#13 late']);
  });

  test('are counted by symbol', () => {
    wire.frames(tradeFrame('update', symbol, [4]));
    expect(ids(wire.frames(tradeFrame('update', 'ETH/USD', [900])))).toEqual(['#900']);
    expect(ids(wire.frames(tradeFrame('update', symbol, [5])))).toEqual(['#5']);
  });
});

describe('an instrument', () => {
  const pair =
    '{"symbol":"BTC/USD","base":"BTC","quote":"USD","status":"online","qty_increment":1e-08,"price_increment":0.1,"qty_min":5e-05,"cost_min":0.5}';
  const stated = `{"channel":"instrument","type":"snapshot","data":{"assets":[],"pairs":[${pair}]}}`;
  const kinds = (events: readonly string[]): readonly string[] => events.map((event) => event.split(' ')[0]!);

  test('that is stated before the book is not inferred', () => {
    expect(kinds(wire.frames(stated))).toEqual(['instrument']);
    expect(kinds(wire.frames(snapshot))).toEqual(['level', 'level']);
  });

  test('that was inferred is replaced by what the venue states', () => {
    const events = wire.frames(snapshot, stated, update, stated);
    expect(kinds(events)).toEqual(['instrument', 'level', 'level', 'instrument', 'level']);
    expect(events[0]).toContain('"isStated":false');
    expect(events[3]).toContain('"isStated":true');
  });
});
