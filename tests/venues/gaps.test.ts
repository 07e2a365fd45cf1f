// What is missing is told once for each stream: from the last frame that came to the first data that flows again.
import { beforeEach, describe, expect, test } from 'vitest';
import { type EventBatch, EventBatch as Events, Flag, type StatusDetail } from '../../src/core/event.ts';
import { type Control, encodeControl, RecordKind } from '../../src/core/frame.ts';
import { type Gap, GapFold } from '../../src/core/gap.ts';
import { KrakenDecoder } from '../../src/venues/kraken/decoder.ts';
import { bookFrame, NaiveBook, sessionOf } from './harness.ts';

const SYMBOLS = ['BTC/USD', 'ETH/USD'];
const HEARTBEAT = '{"channel":"heartbeat"}';

/** A decoder whose records are received when a test says, and the fold of what it tells. */
class Tape {
  readonly fold = new GapFold();
  readonly trades: { readonly id: number; readonly isLate: boolean }[] = [];
  readonly #decoder = new KrakenDecoder(sessionOf(SYMBOLS));
  readonly #out: EventBatch = new Events();
  #seq = 0;
  connection = 0;

  frame(atS: number, text: string): readonly StatusDetail[] {
    return this.#feed(atS, RecordKind.text, new TextEncoder().encode(text));
  }

  control(atS: number, control: Control): readonly StatusDetail[] {
    return this.#feed(atS, RecordKind.control, encodeControl(control));
  }

  #feed(atS: number, kind: RecordKind, payload: Uint8Array): readonly StatusDetail[] {
    const receivedUs = atS * 1e6;
    this.#out.reset();
    this.#decoder.decode(
      { seq: ++this.#seq, receivedUs, kind, connection: this.connection, payload },
      this.#out,
    );
    const out = this.#out;
    for (let row = 0; row < out.length; row++) {
      if (out.id[row]! > 0) {
        this.trades.push({ id: out.id[row]!, isLate: (out.flags[row]! & Flag.late) !== 0 });
      }
    }
    const statuses = out.detail.filter((detail) => detail?.type === 'status');
    for (const status of statuses) this.fold.add(status, receivedUs);
    return statuses.filter(({ state }) => state === 'gap' || state === 'healed');
  }

  get gaps(): readonly (readonly [string, string, string, number, number | null])[] {
    return this.fold.gaps.map(({ cause, channel, symbol, fromUs, toUs }: Gap) => [
      cause,
      channel,
      symbol,
      fromUs / 1e6,
      toUs === null ? null : toUs / 1e6,
    ]);
  }
}

function snapshotOf(symbol: string): string {
  const sides = { bids: [{ price: '100.0', qty: '1.0' }], asks: [{ price: '101.0', qty: '1.0' }] };
  const book = new NaiveBook(10);
  book.apply(sides);
  return bookFrame('snapshot', { symbol, ...sides, checksum: book.checksum() });
}

function tradesOf(
  type: 'snapshot' | 'update',
  symbol: string,
  trades: readonly (readonly [id: number, atS: number])[],
) {
  const list = trades.map(([id, atS]) => {
    const timestamp = new Date(atS * 1000).toISOString();
    return `{"symbol":"${symbol}","side":"buy","price":100.5,"qty":1.0,"ord_type":"limit","trade_id":${id},"timestamp":"${timestamp}"}`;
  });
  return `{"channel":"trade","type":"${type}","data":[${list.join(',')}]}`;
}

const quoteOf = (symbol: string): string =>
  `{"channel":"ticker","type":"update","data":[{"symbol":"${symbol}","bid":100.0,"bid_qty":1.0,"ask":101.0,"ask_qty":1.0}]}`;

const closed = (cause: 'disconnect' | 'idle' | 'end'): Control => ({
  type: 'closed',
  code: 1006,
  reason: '',
  cause,
});
const opened: Control = { type: 'opened', url: 'wss://venue.test' };

let tape: Tape;
beforeEach(() => {
  tape = new Tape();
  tape.control(0, opened);
  tape.frame(1, snapshotOf('BTC/USD'));
  tape.frame(2, tradesOf('snapshot', 'BTC/USD', [[5, 1]]));
  tape.frame(3, quoteOf('ETH/USD'));
});

describe('a lost connection', () => {
  test('is a gap in each stream that flowed, from the last frame on, and each ends with its own data', () => {
    tape.frame(4, HEARTBEAT);
    expect(tape.control(14, closed('idle'))).toHaveLength(3);
    expect(tape.control(15, { type: 'failed', reason: 'refused' })).toEqual([]);
    tape.connection = 1;
    expect(tape.control(16, opened)).toEqual([]);
    tape.frame(17, snapshotOf('BTC/USD'));
    // Nothing happened meanwhile: known trades come again, and the gap has ended all the same.
    tape.frame(18, tradesOf('snapshot', 'BTC/USD', [[5, 1]]));
    expect(tape.gaps).toEqual([
      ['idle', 'book', 'BTC/USD', 4, 17],
      ['idle', 'trade', 'BTC/USD', 4, 18],
      ['idle', 'ticker', 'ETH/USD', 4, null],
    ]);
    expect(tape.frame(19, snapshotOf('BTC/USD'))).toEqual([]);
  });

  test('of which frames came but no data is a gap since the last data', () => {
    tape.frame(60, HEARTBEAT);
    const limits = { channel: '', symbol: '', silentMs: 57_000, limitMs: 50_000 };
    tape.control(60, { type: 'silence', clock: 'data', ...limits });
    tape.control(61, closed('idle'));
    expect(tape.gaps.map(([, , , from]) => from)).toEqual([3, 3, 3]);
  });

  test('at the end of a recording is none; if the recording goes on, it is one', () => {
    expect(tape.control(10, closed('end'))).toEqual([]);
    expect(tape.control(11, { type: 'end', reason: 'done' })).toEqual([]);
    expect(tape.gaps).toEqual([]);
    tape.control(100, { type: 'session', session: sessionOf(SYMBOLS), software: '', node: '' });
    expect(tape.gaps).toHaveLength(3);
    expect(tape.gaps[0]).toEqual(['recovery', 'book', 'BTC/USD', 3, null]);
  });

  test('of streams that never began is none', () => {
    const fresh = new Tape();
    fresh.control(0, opened);
    expect(fresh.control(5, closed('disconnect'))).toEqual([]);
  });

  test('costs nothing twice: a book that had failed before keeps its gap and its cause', () => {
    tape.frame(5, snapshotOf('BTC/USD').replace(/"checksum":\d+/, '"checksum":1'));
    tape.control(6, { type: 'resync', channel: 'book', symbol: 'BTC/USD', cause: 'checksum' });
    tape.control(7, closed('disconnect'));
    tape.connection = 1;
    tape.control(8, opened);
    tape.frame(9, snapshotOf('BTC/USD'));
    expect(tape.gaps.filter(([, channel]) => channel === 'book')).toEqual([
      ['checksum', 'book', 'BTC/USD', 1, 9],
    ]);
  });
});

describe('trade ids', () => {
  test('that were passed over are a gap since the last trade, and one that comes after all is late', () => {
    tape.frame(9, tradesOf('update', 'BTC/USD', [[9, 9]]));
    expect(tape.gaps).toEqual([['sequence', 'trade', 'BTC/USD', 2, 9]]);
    expect(tape.fold.gaps[0]!.detail).toBe('trade ids from 6 to 8 are missing');
    tape.frame(10, tradesOf('update', 'BTC/USD', [[7, 8]]));
    tape.frame(11, tradesOf('update', 'BTC/USD', [[7, 8]]));
    tape.frame(12, tradesOf('update', 'BTC/USD', [[10, 10]]));
    expect(tape.trades).toEqual([
      { id: 9, isLate: false },
      { id: 7, isLate: true },
      { id: 10, isLate: false },
    ]);
    expect(tape.gaps).toHaveLength(1);
  });

  test('that begin anew are told, and no trade is lost', () => {
    tape.frame(4, tradesOf('update', 'BTC/USD', [[6, 3]]));
    tape.frame(
      5,
      tradesOf('update', 'BTC/USD', [
        [1, 4],
        [2, 4.5],
      ]),
    );
    tape.frame(6, tradesOf('update', 'BTC/USD', [[3, 5]]));
    tape.frame(7, tradesOf('update', 'BTC/USD', [[3, 5]]));
    expect(tape.trades.map(({ id }) => id)).toEqual([6, 1, 2, 3]);
    expect(tape.gaps).toEqual([['renumbered', 'trade', 'BTC/USD', 4, 5]]);
  });

  test('that began anew during an outage are told by the snapshot that holds trades of both numberings', () => {
    tape.frame(4, tradesOf('update', 'BTC/USD', [[6, 3]]));
    tape.control(5, closed('disconnect'));
    tape.connection = 1;
    tape.control(6, opened);
    tape.frame(
      7,
      tradesOf('snapshot', 'BTC/USD', [
        [5, 1],
        [6, 3],
        [7, 4],
        [1, 5],
        [2, 6],
      ]),
    );
    expect(tape.trades.map(({ id }) => id)).toEqual([6, 7, 1, 2]);
    expect(tape.gaps.filter(([, channel]) => channel === 'trade')).toEqual([
      ['disconnect', 'trade', 'BTC/USD', 4, 7],
      ['renumbered', 'trade', 'BTC/USD', 7, 7],
    ]);
  });
});
