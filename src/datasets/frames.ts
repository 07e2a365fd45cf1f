// A recording's frames, decoded again. The session in its first records says how; the same frames give the same
// events as they gave live, because the decoder is the same and knows no mode.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isCount, isSymbol, isTimeUs, jsonDepth } from '../core/bounds.ts';
import { DataError } from '../core/errors.ts';
import { EventBatch } from '../core/event.ts';
import { type Control, decodeControl, type JournalRecord, RecordKind, type Session } from '../core/frame.ts';
import { joinSessions } from '../core/session.ts';
import { readJournal, readSegments } from '../journal/reader.ts';
import { createDecoder } from '../venues/router.ts';
import type { Decoder, Venue } from '../venues/venue.ts';
import { CandleDecoder } from './imports/candle-row.ts';
import { type Manifest, SYMBOLS_MAX } from './manifest.ts';

export type SessionControl = Extract<Control, { type: 'session' }>;

export type DecodedRecords = {
  readonly records: readonly JournalRecord[];
  /** The events of these records, whole; valid until the next ones are asked for. */
  readonly events: EventBatch;
  readonly decoder: Decoder;
};

/** The session must be named within so many records: it is the first thing a recorder writes. */
const SESSION_WITHIN = 10_000;

/** The folder of a recording's journal. */
export function journalFolder(folder: string): string {
  return join(folder, 'journal');
}

/** The first session of a recording. Throws DataError when the folder holds no recording. */
export async function readSession(folder: string): Promise<SessionControl> {
  if (!existsSync(journalFolder(folder))) {
    throw new DataError(`${folder}: no recording there (a recording has a journal folder)`);
  }
  for await (const records of readJournal(journalFolder(folder))) {
    for (const record of records) {
      if (record.kind !== RecordKind.control) continue;
      const control = readControl(record, folder);
      if (control.type === 'session') return control;
    }
    if (records.length > 0 && records[0]!.seq > SESSION_WITHIN) break;
  }
  throw new DataError(`${folder}: the journal names no session, so nobody knows how to decode its frames`);
}

export function sessionOf(manifest: Manifest): Session {
  const { venue, url, symbols, channels, depth, candleUs, frames } = manifest;
  if (manifest.venues !== undefined) return joinSessions(manifest.venues);
  return { venue, url, symbols, channels, depth, candleUs, ...(frames === undefined ? {} : { frames }) };
}

export type DecodeOptions = {
  readonly isVerified?: boolean;
  /** Those that the session may name. Default: all there are. */
  readonly venues?: readonly Venue[] | undefined;
};

/**
 * Decodes every record in order. Throws DataError when a later session records other symbols than the first, or
 * when the journal is corrupt; `isVerified` says that its segments were compared with their digests just before.
 */
export async function* decodeRecording(
  folder: string,
  session: Session,
  options: DecodeOptions = {},
): AsyncGenerator<DecodedRecords> {
  const isTape = session.frames === 'candles';
  const decoder = isTape ? new CandleDecoder(session) : createDecoder(session, options.venues, folder);
  const events = new EventBatch(4096);
  const verify = options.isVerified !== true;
  for await (const records of readJournal(journalFolder(folder), { verify })) {
    events.reset();
    for (const record of records) {
      if (!isTimeUs(record.receivedUs)) {
        throw new DataError(
          `${folder}: record ${record.seq} was received at ${record.receivedUs}, which is not a time`,
        );
      }
      if (record.kind === RecordKind.control) checkSession(folder, session, record);
      decoder.decode(record, events);
    }
    yield { records, events, decoder };
  }
}

/** Throws DataError, naming the file, when the journal is corrupt or not what the manifest says. */
export async function verifySegments(folder: string, manifest: Manifest): Promise<void> {
  const found = await readSegments(folder);
  for (const [index, expected] of manifest.segments.entries()) {
    const path = join(folder, expected.file);
    const segment = found[index];
    if (segment?.firstSeq !== expected.firstSeq) throw new DataError(`${path}: the segment is missing`);
    // The file's name is not compared: an open segment may have been sealed since, with the same records.
    if (segment.digest !== expected.digest) {
      throw new DataError(`${path}: digest ${segment.digest}, the manifest says ${expected.digest}`);
    }
  }
  const added = found[manifest.segments.length];
  if (added !== undefined) {
    throw new DataError(
      `${join(folder, added.file)}: newer than the manifest (retick data tables ${folder} describes it anew)`,
    );
  }
}

function checkSession(folder: string, session: Session, record: JournalRecord): void {
  const control = readControl(record, folder);
  if (control.type !== 'session') return;
  const [first, later] = [session.symbols.join(' '), control.session.symbols.join(' ')];
  if (control.session.venue !== session.venue || first !== later) {
    throw new DataError(
      `${folder}: record ${record.seq} begins a session of other instruments (${later}) than the first (${first})`,
    );
  }
}

/** A step of a recorder that may have been somebody else's: DataError naming the record where it is none. */
function readControl(record: JournalRecord, folder: string): Control {
  try {
    const text = new TextDecoder().decode(record.payload);
    if (jsonDepth(text, DEPTH_MAX) > DEPTH_MAX) throw new Error('nested too deep');
    const control = decodeControl(record) as Partial<Control> | null;
    if (typeof control?.type !== 'string') throw new Error('it has no type');
    if (control.type === 'session' && !isSession((control as SessionControl).session)) {
      throw new Error('its session is out of bounds');
    }
    return control as Control;
  } catch (cause) {
    throw new DataError(`${folder}: record ${record.seq} is not a control: ${(cause as Error).message}`, {
      cause,
    });
  }
}

const DEPTH_MAX = 32;

function isSession(session: Partial<Session> | null): boolean {
  if (typeof session !== 'object' || session === null) return false;
  const { venue, url, symbols, channels, depth, candleUs, venues } = session;
  const areSymbols = Array.isArray(symbols) && symbols.length <= SYMBOLS_MAX && symbols.every(isSymbol);
  const areChannels = Array.isArray(channels) && channels.every((channel) => typeof channel === 'string');
  return (
    typeof venue === 'string' &&
    typeof url === 'string' &&
    areSymbols &&
    new Set(symbols).size === symbols.length &&
    areChannels &&
    isCount(depth as number) &&
    isCount(candleUs as number) &&
    (venues === undefined || areVenues(venues, symbols))
  );
}

/** Those of the venues, numbered through, are the names of the session. */
function areVenues(venues: unknown, names: readonly string[]): boolean {
  if (!Array.isArray(venues) || venues.length < 2) return false;
  if (!venues.every((own) => isSession(own) && own.venues === undefined)) return false;
  return joinSessions(venues).symbols.join() === names.join();
}
