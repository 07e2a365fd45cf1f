// Normalised events: what every feed delivers and all that the engine ever sees.
// A batch is a struct of arrays; no object exists per event on the hot path. Cold kinds carry one.

import { assert } from './assert.ts';
import type { Candle } from './candle.ts';
import type { Control, GapCause } from './frame.ts';
import type { Instrument } from './instrument.ts';

/** Kinds of event. The number is the code by which files and digests know the kind: it never changes. */
export const EventKind = {
  beat: 0,
  status: 1,
  instrument: 2,
  /** One price level of a book. Rows of one venue message stand together, the last one flagged `last`. */
  level: 3,
  quote: 4,
  trade: 5,
  candle: 6,
  /** What holders of a perpetual pay, or are paid, at the venue's times. */
  funding: 7,
  /** How much of a contract is held open. */
  interest: 8,
  /** The price at which a venue values positions. */
  mark: 9,
  /** A position that the venue closed by force. */
  liquidation: 10,
} as const;
export type EventKind = (typeof EventKind)[keyof typeof EventKind];

export const EVENT_KIND_NAMES = Object.keys(EventKind) as readonly (keyof typeof EventKind)[];

/**
 * In this order events of one instant follow each other when feeds that share no sequence are merged: what the world is
 * comes before what happened in it.
 */
const RANKED: readonly (keyof typeof EventKind)[] = [
  ...(['beat', 'status', 'instrument', 'level', 'quote'] as const),
  ...(['mark', 'funding', 'interest', 'trade', 'liquidation', 'candle'] as const),
];

/** The rank of each kind, by its number. */
export const KIND_RANK = Uint8Array.from(EVENT_KIND_NAMES, (name) => RANKED.indexOf(name));

const NOT_MARKET: ReadonlySet<string> = new Set(['beat', 'status', 'instrument']);

/** By a kind's number, 1 when it is data of one instrument's market: it proves that the venue delivers. */
export const IS_MARKET = Uint8Array.from(EVENT_KIND_NAMES, (name) => (NOT_MARKET.has(name) ? 0 : 1));

/** Bits of the flags column. */
export const Flag = {
  /** level: the book of this instrument is emptied before this row is applied (a snapshot begins). */
  clear: 1,
  /** level: this row ends its venue message; the book may be looked at. */
  last: 2,
  /** level: an ask; without it, a bid. */
  ask: 4,
  /** trade: the taker bought. */
  buy: 8,
  /** trade: the taker sold. Neither bit: the venue does not say. */
  sell: 16,
  /**
   * trade: it happened during an outage and was learned of later, from the venue's snapshot.
   * candle: it comes with a snapshot, and was over, or had begun, before anyone heard of it.
   */
  late: 32,
} as const;

/** The instrument number of events that concern no single instrument. */
export const NO_INSTRUMENT = 0xffff;

/** A candle as a venue publishes it, or as a historical file holds it. Volumes in base currency. */
export type CandleDetail = Omit<Candle, 'buyVolume' | 'sellVolume'> & {
  readonly type: 'candle';
  readonly isClosed: boolean;
};

/** What happened to the feed itself. */
export type StatusDetail =
  | { readonly type: 'status'; readonly state: 'control'; readonly control: Control }
  | {
      readonly type: 'status';
      readonly state: 'subscribed';
      readonly channel: string;
      readonly symbol: string;
    }
  | {
      readonly type: 'status';
      readonly state: 'refused';
      readonly channel: string;
      readonly symbol: string;
      readonly reason: string;
    }
  /** The venue knows who we are. */
  | { readonly type: 'status'; readonly state: 'authenticated' }
  | { readonly type: 'status'; readonly state: 'venue'; readonly text: string }
  /**
   * Data of this stream, a channel of a symbol, is missing or wrong; a book is invalid until its next snapshot. It is
   * told when it is known, and ends with `healed`. Told again while it lasts, it adds its detail.
   */
  | {
      readonly type: 'status';
      readonly state: 'gap';
      readonly cause: GapCause;
      readonly channel: string;
      readonly symbol: string;
      readonly detail: string;
      /** Receive time of the last frame that came before it, µs; absent in what the first version derived. */
      readonly fromUs?: number;
    }
  /** A gap has ended: this stream's data flows again, a book's from a snapshot. */
  | {
      readonly type: 'status';
      readonly state: 'healed';
      readonly channel: string;
      readonly symbol: string;
    }
  /** A frame nobody could decode: kept raw in the journal, counted here. */
  | { readonly type: 'status'; readonly state: 'unknown'; readonly reason: string };

export type InstrumentDetail = { readonly type: 'instrument'; readonly instrument: Instrument };

export type EventDetail = CandleDetail | StatusDetail | InstrumentDetail;

/**
 * Events in columns, in order. What the value columns mean, by kind:
 *
 * | kind  | price | size     | price2 | size2    | id                    |
 * |-------|-------|----------|--------|----------|-----------------------|
 * | level | price | absolute size; 0 removes | – | – | –             |
 * | quote | best bid | bid size | best ask | ask size | –             |
 * | trade | price | size     | –      | –        | venue's trade id or NaN |
 * | funding | rate of the period, a fraction: positive, longs pay | period, µs; 0 unknown | – | – | when it is paid, µs, or NaN |
 * | interest | – | open contracts, base currency | – | their worth, quote currency; 0 unknown | – |
 * | mark | mark price | – | index price; 0 unknown | – | – |
 * | liquidation | price | size; the flags say which side the closing order took | – | – | – |
 *
 * Unused values are 0. `detail` is set for status, instrument and candle events only.
 */
export class EventBatch {
  length = 0;
  capacity: number;
  kind: Uint8Array;
  flags: Uint8Array;
  instrument: Uint16Array;
  /** Engine time of the event, µs. */
  receivedUs: Float64Array;
  /** The venue's time, µs; NaN when the venue gave none. */
  exchangeUs: Float64Array;
  /** Journal sequence of the record it came from; events of one record are counted by `ordinal`. */
  seq: Float64Array;
  ordinal: Uint32Array;
  price: Float64Array;
  size: Float64Array;
  price2: Float64Array;
  size2: Float64Array;
  id: Float64Array;
  readonly detail: (EventDetail | undefined)[];

  constructor(capacity = 256) {
    this.capacity = capacity;
    this.kind = new Uint8Array(capacity);
    this.flags = new Uint8Array(capacity);
    this.instrument = new Uint16Array(capacity);
    this.receivedUs = new Float64Array(capacity);
    this.exchangeUs = new Float64Array(capacity);
    this.seq = new Float64Array(capacity);
    this.ordinal = new Uint32Array(capacity);
    this.price = new Float64Array(capacity);
    this.size = new Float64Array(capacity);
    this.price2 = new Float64Array(capacity);
    this.size2 = new Float64Array(capacity);
    this.id = new Float64Array(capacity);
    this.detail = [];
  }

  /** Forgets the events, keeps the memory. */
  reset(): void {
    this.length = 0;
    if (this.detail.length > 0) this.detail.length = 0;
  }

  /** Opens one more row and returns its index; the caller sets the value columns it uses, all others are 0. */
  add(kind: EventKind, instrument: number, seq: number, receivedUs: number, exchangeUs: number): number {
    const row = this.length;
    if (row === this.capacity) this.#grow();
    this.length = row + 1;
    this.kind[row] = kind;
    this.flags[row] = 0;
    this.instrument[row] = instrument;
    this.receivedUs[row] = receivedUs;
    this.exchangeUs[row] = exchangeUs;
    this.seq[row] = seq;
    this.ordinal[row] = row > 0 && this.seq[row - 1] === seq ? this.ordinal[row - 1]! + 1 : 0;
    this.price[row] = 0;
    this.size[row] = 0;
    this.price2[row] = 0;
    this.size2[row] = 0;
    this.id[row] = 0;
    return row;
  }

  /** Forgets the events from this row on. */
  truncate(length: number): void {
    assert(length <= this.length, 'a batch is cut to what it holds');
    this.length = length;
    if (this.detail.length > length) this.detail.length = length;
  }

  addDetail(
    detail: EventDetail,
    instrument: number,
    seq: number,
    receivedUs: number,
    exchangeUs: number,
  ): number {
    const row = this.add(EventKind[detail.type], instrument, seq, receivedUs, exchangeUs);
    this.detail[row] = detail;
    return row;
  }

  /** Appends a row of another batch, unchanged in every column. */
  copyRow(source: EventBatch, from: number): number {
    assert(from < source.length, 'the copied row is inside its batch');
    const row = this.length;
    if (row === this.capacity) this.#grow();
    this.length = row + 1;
    this.kind[row] = source.kind[from]!;
    this.flags[row] = source.flags[from]!;
    this.instrument[row] = source.instrument[from]!;
    this.receivedUs[row] = source.receivedUs[from]!;
    this.exchangeUs[row] = source.exchangeUs[from]!;
    this.seq[row] = source.seq[from]!;
    this.ordinal[row] = source.ordinal[from]!;
    this.price[row] = source.price[from]!;
    this.size[row] = source.size[from]!;
    this.price2[row] = source.price2[from]!;
    this.size2[row] = source.size2[from]!;
    this.id[row] = source.id[from]!;
    const detail = source.detail[from];
    if (detail !== undefined) this.detail[row] = detail;
    return row;
  }

  #grow(): void {
    const capacity = this.capacity * 2;
    this.kind = grown(this.kind, new Uint8Array(capacity));
    this.flags = grown(this.flags, new Uint8Array(capacity));
    this.instrument = grown(this.instrument, new Uint16Array(capacity));
    this.receivedUs = grown(this.receivedUs, new Float64Array(capacity));
    this.exchangeUs = grown(this.exchangeUs, new Float64Array(capacity));
    this.seq = grown(this.seq, new Float64Array(capacity));
    this.ordinal = grown(this.ordinal, new Uint32Array(capacity));
    this.price = grown(this.price, new Float64Array(capacity));
    this.size = grown(this.size, new Float64Array(capacity));
    this.price2 = grown(this.price2, new Float64Array(capacity));
    this.size2 = grown(this.size2, new Float64Array(capacity));
    this.id = grown(this.id, new Float64Array(capacity));
    this.capacity = capacity;
  }
}

function grown<T extends { set(source: T): void }>(from: T, to: T): T {
  to.set(from);
  return to;
}

/** A source of ordered events: live, replayed or historical. The engine cannot tell which. */
export interface Feed {
  /** Instrument numbers in the events are indices into this list. */
  readonly symbols: readonly string[];
  /** Batches in order; a batch is valid until the next one is asked for. */
  batches(): AsyncIterable<EventBatch>;
}
