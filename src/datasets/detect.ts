// What a capture of somebody else's must have subscribed: read off its acknowledgements and data frames.
// It knows each venue's envelope and no more; what it does not understand it leaves to the decoder.
import { isIntervalUs, isSymbol, isTimeUs } from '../core/bounds.ts';
import { parseTimeUs } from '../core/time.ts';
import { FRAME_BYTES_MAX } from '../venues/guard.ts';
import type { Venue } from '../venues/venue.ts';

export type Detected = {
  readonly symbols: readonly string[];
  readonly channels: readonly string[];
  /** 0 when no acknowledgement and no snapshot told. */
  readonly depth: number;
  readonly candleUs: number;
  /** `channel symbol` of each stream that data came of. */
  readonly streams: ReadonlySet<string>;
};

/** So many frames of a shape are looked at before most of them are passed over. */
const LOOKS_MIN = 2000;
/** Of a shape that is known one frame in so many is looked at, for its time. */
const LOOKS_EVERY = 16;
/** Shapes that are remembered: some for each instrument. */
const SHAPES_MAX = 50_000;

type Fields = Readonly<Record<string, unknown>>;

export class SessionDetector {
  readonly #venue: Venue;
  readonly #symbols = new Set<string>();
  readonly #channels = new Set<string>();
  #depth = 0;
  #snapshotLevels = 0;
  #candleUs = 0;
  readonly #streams = new Set<string>();
  readonly #shapes = new Set<string>();
  #frames = 0;
  #understood = 0;

  constructor(venue: Venue) {
    this.#venue = venue;
  }

  /** Frames looked at that have the venue's envelope; none says that they are of another. */
  get understood(): number {
    return this.#understood;
  }

  /** Looks at a frame; returns the venue's own time in it, µs, or NaN. */
  add(bytes: Uint8Array): number {
    this.#frames++;
    const isKnown = this.#isKnown(bytes);
    if (isKnown && this.#frames > LOOKS_MIN && this.#frames % LOOKS_EVERY !== 0) return Number.NaN;
    const frame = parse(bytes);
    if (frame === undefined) return Number.NaN;
    const result = fieldsOf(frame.result);
    const isOurs = typeof frame.channel === 'string' || typeof frame.method === 'string';
    if (isOurs) this.#understood++;
    if (frame.method === 'subscribe' && result !== undefined) this.#acknowledged(result);
    else if (typeof frame.channel === 'string') this.#data(frame.channel, frame);
    return venueTimeUs(frame);
  }

  result(): Detected {
    const { channels, depths } = this.#venue;
    const known = channels.filter((channel) => this.#channels.has(channel));
    const inferred = depths.find((depth) => depth >= this.#snapshotLevels) ?? 0;
    return {
      symbols: [...this.#symbols],
      channels: known,
      depth: this.#depth || (this.#snapshotLevels > 0 ? inferred : 0),
      candleUs: this.#candleUs,
      streams: this.#streams,
    };
  }

  /**
   * Whether a frame begins as one before did, up to its only symbol, and is an update: it can tell of no other
   * subscription. Reading every frame of a long capture as JSON would take longer than all the rest.
   */
  #isKnown(bytes: Uint8Array): boolean {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const at = buffer.indexOf(SYMBOL);
    if (at < 0 || at > 200) return false;
    const end = buffer.indexOf('"', at + SYMBOL.length, 'latin1');
    if (end < 0 || end - at > 200 || buffer.indexOf(SYMBOL, end) >= 0) return false;
    const shape = buffer.toString('latin1', 0, end);
    if (!shape.includes('"update"')) return false;
    if (this.#shapes.has(shape)) return true;
    if (this.#shapes.size < SHAPES_MAX) this.#shapes.add(shape);
    return false;
  }

  #acknowledged({ channel, symbol, depth, interval }: Fields): void {
    if (typeof channel === 'string') this.#channels.add(channel);
    if (isSymbol(symbol)) this.#symbols.add(symbol);
    if (typeof depth === 'number' && this.#venue.depths.includes(depth)) {
      this.#depth = Math.max(this.#depth, depth);
    }
    this.#interval(interval);
  }

  #interval(minutes: unknown): void {
    if (typeof minutes === 'number' && isIntervalUs(minutes * 60e6)) this.#candleUs = minutes * 60e6;
  }

  #data(channel: string, frame: Fields): void {
    if (!this.#venue.channels.includes(channel)) return;
    this.#channels.add(channel);
    // The list of instruments names every market there is, subscribed or not: it is no array.
    if (!Array.isArray(frame.data)) return;
    for (const item of frame.data) {
      const fields = fieldsOf(item);
      if (fields === undefined) continue;
      if (isSymbol(fields.symbol)) {
        this.#symbols.add(fields.symbol);
        this.#streams.add(`${channel} ${fields.symbol}`);
      }
      this.#interval(fields.interval);
      if (channel !== 'book' || frame.type !== 'snapshot') continue;
      for (const side of [fields.bids, fields.asks]) {
        if (Array.isArray(side)) this.#snapshotLevels = Math.max(this.#snapshotLevels, side.length);
      }
    }
  }
}

const SYMBOL = Buffer.from('"symbol":"');

/** What several captures have subscribed together, in the order in which they name it. */
export function joinDetected(all: readonly Detected[], venue: Venue): Detected {
  return {
    symbols: [...new Set(all.flatMap(({ symbols }) => symbols))],
    channels: venue.channels.filter((channel) => all.some(({ channels }) => channels.includes(channel))),
    depth: Math.max(0, ...all.map(({ depth }) => depth)),
    candleUs: all.findLast(({ candleUs }) => candleUs > 0)?.candleUs ?? 0,
    streams: new Set(all.flatMap(({ streams }) => [...streams])),
  };
}

/** The venue's own time in a frame, µs, or NaN. */
export function frameTimeUs(bytes: Uint8Array): number {
  const frame = parse(bytes);
  return frame === undefined ? Number.NaN : venueTimeUs(frame);
}

/** The frame's own time where it has one, else the newest of its items. */
function venueTimeUs(frame: Fields): number {
  const own = timeOf(frame.timestamp ?? frame.time_out ?? frame.time_in);
  if (!Number.isNaN(own) || !Array.isArray(frame.data)) return own;
  let newestUs = Number.NaN;
  for (const item of frame.data) {
    const us = timeOf(fieldsOf(item)?.timestamp);
    if (!(us <= newestUs) && !Number.isNaN(us)) newestUs = us;
  }
  return newestUs;
}

function timeOf(value: unknown): number {
  const us = typeof value === 'string' ? parseTimeUs(value) : Number.NaN;
  return isTimeUs(us) ? us : Number.NaN;
}

/** Undefined for what is no JSON object: the decoder will say so. */
function parse(bytes: Uint8Array): Fields | undefined {
  if (bytes.length > FRAME_BYTES_MAX) return undefined;
  try {
    return fieldsOf(JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}
