// What a capture of somebody else's must have subscribed: read off its acknowledgements and data frames.
// It knows each venue's envelope and no more; what it does not understand it leaves to the decoder.
import { parseTimeUs } from '../core/time.ts';
import type { Venue } from '../venues/venue.ts';

export type Detected = {
  readonly symbols: readonly string[];
  readonly channels: readonly string[];
  /** 0 when no acknowledgement and no snapshot told. */
  readonly depth: number;
  readonly candleUs: number;
};

type Fields = Readonly<Record<string, unknown>>;

export class SessionDetector {
  readonly #venue: Venue;
  readonly #symbols = new Set<string>();
  readonly #channels = new Set<string>();
  #depth = 0;
  #snapshotLevels = 0;
  #candleUs = 0;

  constructor(venue: Venue) {
    this.#venue = venue;
  }

  /** Looks at a frame; returns the venue's own time in it, µs, or NaN. */
  add(bytes: Uint8Array): number {
    const frame = parse(bytes);
    if (frame === undefined) return Number.NaN;
    const result = fieldsOf(frame.result);
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
    };
  }

  #acknowledged({ channel, symbol, depth, interval }: Fields): void {
    if (typeof channel === 'string') this.#channels.add(channel);
    if (typeof symbol === 'string') this.#symbols.add(symbol);
    if (typeof depth === 'number') this.#depth = Math.max(this.#depth, depth);
    if (typeof interval === 'number') this.#candleUs = interval * 60e6;
  }

  #data(channel: string, frame: Fields): void {
    if (!this.#venue.channels.includes(channel)) return;
    this.#channels.add(channel);
    // The list of instruments names every market there is, subscribed or not: it is no array.
    if (!Array.isArray(frame.data)) return;
    for (const item of frame.data) {
      const fields = fieldsOf(item);
      if (fields === undefined) continue;
      if (typeof fields.symbol === 'string') this.#symbols.add(fields.symbol);
      if (typeof fields.interval === 'number') this.#candleUs = fields.interval * 60e6;
      if (channel !== 'book' || frame.type !== 'snapshot') continue;
      for (const side of [fields.bids, fields.asks]) {
        if (Array.isArray(side)) this.#snapshotLevels = Math.max(this.#snapshotLevels, side.length);
      }
    }
  }
}

/** The frame's own time where it has one, else the newest of its items. */
function venueTimeUs(frame: Fields): number {
  const own = timeOf(frame.timestamp ?? frame.time_out ?? frame.time_in);
  if (!Number.isNaN(own) || !Array.isArray(frame.data)) return own;
  const times = frame.data.map((item) => timeOf(fieldsOf(item)?.timestamp)).filter((us) => !Number.isNaN(us));
  return times.length === 0 ? Number.NaN : Math.max(...times);
}

function timeOf(value: unknown): number {
  return typeof value === 'string' ? parseTimeUs(value) : Number.NaN;
}

/** Undefined for what is no JSON object: the decoder will say so. */
function parse(bytes: Uint8Array): Fields | undefined {
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
