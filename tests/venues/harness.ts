// What the tests of Kraken's decoder share: frames with correct checksums from a naive book, and events as texts.
import { crc32 } from 'node:zlib';
import { type EventBatch, EventKind, EventBatch as Events, Flag } from '../../src/core/event.ts';
import {
  type Control,
  encodeControl,
  type JournalRecord,
  RecordKind,
  type Session,
} from '../../src/core/frame.ts';
import { formatTimeUs } from '../../src/core/time.ts';
import { KrakenDecoder } from '../../src/venues/kraken/decoder.ts';

export function sessionOf(symbols: readonly string[], depth = 10): Session {
  return {
    venue: 'kraken',
    url: 'wss://venue.test',
    symbols,
    channels: ['instrument', 'book', 'trade', 'ticker', 'ohlc'],
    depth,
    candleUs: 60e6,
  };
}

/** Feeds frames and controls to one decoder; everything is received one millisecond after the other. */
export class Wire {
  readonly session: Session;
  readonly #decoder: KrakenDecoder;
  readonly #out = new Events();
  #seq = 0;
  connection = 0;

  constructor(session: Session, options: { readonly scans?: boolean } = {}) {
    this.session = session;
    this.#decoder = new KrakenDecoder(session, options);
  }

  /** The events of these frames, one line each. */
  frames(...frames: readonly (string | Uint8Array)[]): readonly string[] {
    return frames.flatMap((frame) =>
      this.#feed(RecordKind.text, typeof frame === 'string' ? new TextEncoder().encode(frame) : frame),
    );
  }

  control(control: Control): readonly string[] {
    return this.#feed(RecordKind.control, encodeControl(control));
  }

  record(kind: RecordKind, payload: Uint8Array): readonly string[] {
    return this.#feed(kind, payload);
  }

  #feed(kind: RecordKind, payload: Uint8Array): readonly string[] {
    this.#seq++;
    const record: JournalRecord = {
      seq: this.#seq,
      receivedUs: this.#seq * 1000,
      kind,
      connection: this.connection,
      payload,
    };
    this.#out.reset();
    this.#decoder.decode(record, this.#out);
    return describe(this.#out, this.session);
  }
}

/** `level BTC/USD ask 62807.1 0.5 last @2026-…`: everything that an event says, but for times of receipt. */
export function describe(batch: EventBatch, session: Session): readonly string[] {
  return Array.from({ length: batch.length }, (_, row) => {
    const kind = batch.kind[row]!;
    const flags = batch.flags[row]!;
    const symbol = session.symbols[batch.instrument[row]!] ?? '-';
    const at = Number.isNaN(batch.exchangeUs[row]!) ? '' : ` @${formatTimeUs(batch.exchangeUs[row]!)}`;
    const [price, size, price2, size2] = [batch.price, batch.size, batch.price2, batch.size2].map(
      (column) => column[row]!,
    );
    switch (kind) {
      case EventKind.level: {
        const marks = `${flags & Flag.clear ? ' clear' : ''}${flags & Flag.last ? ' last' : ''}`;
        return `level ${symbol} ${flags & Flag.ask ? 'ask' : 'bid'} ${price} ${size}${marks}${at}`;
      }
      case EventKind.trade: {
        const side = flags & Flag.buy ? 'buy' : flags & Flag.sell ? 'sell' : 'unknown';
        return `trade ${symbol} ${side} ${price} ${size} #${batch.id[row]}${flags & Flag.late ? ' late' : ''}${at}`;
      }
      case EventKind.quote:
        return `quote ${symbol} ${price} ${size} ${price2} ${size2}${at}`;
      case EventKind.beat:
        return 'beat';
      default: {
        const { type, fromUs: _, ...detail } = { fromUs: 0, ...batch.detail[row]! };
        return `${type} ${symbol} ${JSON.stringify(detail)}${at}`;
      }
    }
  });
}

export type Level = { readonly price: string; readonly qty: string };

/** A book of texts, sorted anew at every question: slow, plainly right. */
export class NaiveBook {
  readonly #sides = { bids: new Map<number, Level>(), asks: new Map<number, Level>() };
  readonly #depth: number;

  constructor(depth: number) {
    this.#depth = depth;
  }

  apply(changes: { readonly bids: readonly Level[]; readonly asks: readonly Level[] }): void {
    for (const side of ['bids', 'asks'] as const) {
      for (const level of changes[side]) {
        if (Number(level.qty) === 0) this.#sides[side].delete(Number(level.price));
        else this.#sides[side].set(Number(level.price), level);
      }
      for (const level of this.levels(side).slice(this.#depth)) this.#sides[side].delete(Number(level.price));
    }
  }

  /** Best first. */
  levels(side: 'bids' | 'asks'): readonly Level[] {
    const sign = side === 'bids' ? -1 : 1;
    return [...this.#sides[side].values()].sort((a, b) => sign * (Number(a.price) - Number(b.price)));
  }

  checksum(): number {
    const levels = [...this.levels('asks').slice(0, 10), ...this.levels('bids').slice(0, 10)];
    return crc32(levels.map(({ price, qty }) => digits(price) + digits(qty)).join(''));
  }
}

function digits(number: string): string {
  return number.replace('.', '').replace(/^0+/, '');
}

export function bookFrame(
  type: 'snapshot' | 'update',
  entry: {
    readonly symbol: string;
    readonly bids?: readonly Level[];
    readonly asks?: readonly Level[];
    readonly checksum: number;
    readonly timestamp?: string;
  },
): string {
  const side = (levels: readonly Level[] = []) =>
    levels.map(({ price, qty }) => `{"price":${price},"qty":${qty}}`).join(',');
  const time = entry.timestamp ?? '2026-01-02T03:04:05.000001Z';
  return `{"channel":"book","type":"${type}","data":[{"symbol":"${entry.symbol}","bids":[${side(entry.bids)}],"asks":[${side(entry.asks)}],"checksum":${entry.checksum},"timestamp":"${time}"}]}`;
}

export function tradeFrame(type: 'snapshot' | 'update', symbol: string, ids: readonly number[]): string {
  const trades = ids.map(
    (id) =>
      `{"symbol":"${symbol}","side":"buy","price":62807.1,"qty":0.00027625,"ord_type":"limit","trade_id":${id},"timestamp":"2026-01-02T03:04:05.440295Z"}`,
  );
  return `{"channel":"trade","type":"${type}","data":[${trades.join(',')}]}`;
}
