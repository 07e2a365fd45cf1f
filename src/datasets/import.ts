// Captures made by others become a recording, so that they are checked and replayed like one of our own.
// Frames keep their bytes and their receive times; only a time that goes back is held at the one before, and counted.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DataError, UsageError } from '../core/errors.ts';
import { type Control, encodeControl, RecordKind, type Session } from '../core/frame.ts';
import { JournalWriter } from '../journal/writer.ts';
import { findVenue } from '../venues/list.ts';
import { CAPTURE_FORMATS, type CaptureFormat, type CaptureItem, readCapture } from './captures.ts';
import { SessionDetector } from './detect.ts';
import { journalFolder } from './frames.ts';
import { MANIFEST_FILE, type Manifest } from './manifest.ts';
import { buildTables } from './tables.ts';

export { CAPTURE_FORMATS, type CaptureFormat };

export type ImportOptions = {
  /** In the order of time; each is a connection of its own. */
  readonly files: readonly string[];
  readonly format: CaptureFormat;
  readonly venue: string;
  /** The recording to make; there must be none. */
  readonly out: string;
  /** Default: those found in the frames, in the order in which they appear. */
  readonly symbols?: readonly string[] | undefined;
  /** Default: as acknowledged, else the smallest on offer that holds the snapshots, else the venue's default. */
  readonly depth?: number | undefined;
  /** Kept in the journal as what recorded it. Default `retick`. */
  readonly software?: string | undefined;
};

export type ImportResult = {
  readonly recording: string;
  readonly session: Session;
  readonly frames: number;
  /** Receive times that went back and were held. */
  readonly clamped: number;
  /** Frames without a receive time of their own, which took the venue's or the one before. */
  readonly untimed: number;
  readonly manifest: Manifest;
};

/** Records appended between two flushes that are waited for, so that what waits for the disk stays small. */
const SYNC_EVERY = 20_000;

/** Throws UsageError on a wrong request, DataError on a capture that is not what its format says. */
export async function importCapture(options: ImportOptions): Promise<ImportResult> {
  const { files, out, software = 'retick' } = options;
  if (files.length === 0) throw new UsageError('import needs at least one file');
  if (existsSync(journalFolder(out)) || existsSync(join(out, MANIFEST_FILE))) {
    throw new UsageError(`${out}: there is a recording already (choose another --out)`);
  }
  const { session, firstUs } = await prepare(options);
  const writer = await JournalWriter.open(journalFolder(out));
  const tape = new ImportTape(writer, firstUs);
  try {
    // Another import may have come first since we looked.
    if (writer.lastSeq > 0)
      throw new UsageError(`${out}: there is a recording already (choose another --out)`);
    tape.control({ type: 'session', session, software, node: process.version });
    for (const file of files) {
      tape.connect();
      const detector = new SessionDetector(findVenue(session.venue));
      let count = 0;
      for await (const item of readCapture(file, options.format)) {
        tape.add(item, detector);
        if (++count % SYNC_EVERY === 0) await writer.sync();
      }
    }
    tape.control({ type: 'end', reason: 'end of capture' });
  } finally {
    await writer.close();
  }
  const { frames, clamped, untimed } = tape;
  return { recording: out, session, frames, clamped, untimed, manifest: await buildTables(out) };
}

/** The first pass: what was subscribed, and the first time there is. */
async function prepare(
  options: ImportOptions,
): Promise<{ readonly session: Session; readonly firstUs: number }> {
  const venue = findVenue(options.venue, 'import');
  const detector = new SessionDetector(venue);
  let firstUs = Number.NaN;
  let url = venue.url;
  for (const file of options.files) {
    for await (const item of readCapture(file, options.format)) {
      if (item.type === 'opened') url = item.url;
      const venueUs = item.type === 'frame' ? detector.add(item.bytes) : Number.NaN;
      if (Number.isNaN(firstUs)) firstUs = Number.isNaN(item.receivedUs) ? venueUs : item.receivedUs;
    }
  }
  const found = detector.result();
  const symbols = options.symbols ?? found.symbols;
  const where = options.files.join(', ');
  if (symbols.length === 0) {
    throw new DataError(
      `${where}: no instrument found in the frames of ${venue.name} (name them by --symbols)`,
    );
  }
  if (Number.isNaN(firstUs)) throw new DataError(`${where}: no frame has a time`);
  const depth = options.depth ?? (found.depth || venue.defaultDepth);
  if (!venue.depths.includes(depth)) {
    throw new UsageError(
      `--depth: ${depth} is wrong for ${venue.name} (allowed: ${venue.depths.join(', ')})`,
    );
  }
  const { channels, candleUs } = found;
  return { session: { venue: venue.name, url, symbols, channels, depth, candleUs }, firstUs };
}

/** Appends with times that never go back. */
class ImportTape {
  readonly #writer: JournalWriter;
  #us: number;
  #connection = 0;
  #hasFrames = false;
  frames = 0;
  clamped = 0;
  untimed = 0;

  constructor(writer: JournalWriter, firstUs: number) {
    this.#writer = writer;
    this.#us = firstUs;
  }

  /** Another file, or another opening within one, is another connection: the one before is over. */
  connect(): void {
    if (!this.#hasFrames) return;
    this.#close();
    this.#connection++;
    this.#hasFrames = false;
  }

  control(control: Control): void {
    this.#writer.append(RecordKind.control, this.#connection, this.#us, encodeControl(control));
  }

  add(item: CaptureItem, detector: SessionDetector): void {
    if (item.type === 'frame') {
      const venueUs = Number.isNaN(item.receivedUs) ? detector.add(item.bytes) : Number.NaN;
      this.#pass(item.receivedUs, venueUs);
      this.#writer.append(RecordKind.text, this.#connection, this.#us, item.bytes);
      this.#hasFrames = true;
      this.frames++;
      return;
    }
    this.#pass(item.receivedUs, Number.NaN);
    if (item.type === 'sent') {
      this.control({ type: 'sent', text: item.text });
      return;
    }
    this.connect();
    this.control({ type: 'opened', url: item.url });
  }

  #close(): void {
    const reason = 'the capture goes on with another connection';
    this.control({ type: 'closed', code: 1006, reason, cause: 'disconnect' });
  }

  #pass(receivedUs: number, venueUs: number): void {
    if (Number.isNaN(receivedUs)) {
      this.untimed++;
      // A venue's time may be older than the frame before without anything being wrong: it is not clamped but late.
      if (venueUs > this.#us) this.#us = venueUs;
      return;
    }
    if (receivedUs < this.#us) this.clamped++;
    else this.#us = receivedUs;
  }
}
