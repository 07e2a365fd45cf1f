// What a capture of somebody else's must have subscribed, gathered over its frames: the venue says what each tells, and of
// shapes that are known most frames are passed over.
import { FRAME_BYTES_MAX } from '../venues/guard.ts';
import { emptyDraft, type SessionDraft, type Venue } from '../venues/venue.ts';

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
  readonly #found: SessionDraft = emptyDraft();
  readonly #shapes = new Set<string>();
  #frames = 0;

  constructor(venue: Venue) {
    this.#venue = venue;
  }

  /** Frames looked at that have the venue's envelope; none says that they are of another. */
  get understood(): number {
    return this.#found.understood;
  }

  /** Looks at a frame; returns the venue's own time in it, µs, or NaN. */
  add(bytes: Uint8Array): number {
    this.#frames++;
    const isKnown = this.#isKnown(bytes);
    if (isKnown && this.#frames > LOOKS_MIN && this.#frames % LOOKS_EVERY !== 0) return Number.NaN;
    const frame = parse(bytes);
    if (frame === undefined) return Number.NaN;
    this.#venue.detect?.(frame, this.#found);
    return this.#found.timeUs;
  }

  result(): Detected {
    const { channels, depths } = this.#venue;
    const found = this.#found;
    const known = channels.filter((channel) => found.channels.has(channel));
    const inferred = depths.find((depth) => depth >= found.snapshotLevels) ?? 0;
    return {
      symbols: [...found.symbols],
      channels: known,
      depth: found.depth || (found.snapshotLevels > 0 ? inferred : 0),
      candleUs: found.candleUs,
      streams: found.streams,
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
export function frameTimeUs(bytes: Uint8Array, venue: Venue): number {
  const frame = parse(bytes);
  if (frame === undefined) return Number.NaN;
  const found = emptyDraft();
  venue.detect?.(frame, found);
  return found.timeUs;
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
