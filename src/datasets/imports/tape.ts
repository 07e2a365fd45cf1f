// The journal of an import, written record by record. Where an interrupted import left some, the same records come again
// and are compared with those; only what is missing is written. Invariant: times never go back.
import { existsSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { UsageError } from '../../core/errors.ts';
import {
  type Control,
  decodeControl,
  encodeControl,
  type JournalRecord,
  RecordKind,
  type Session,
} from '../../core/frame.ts';
import { ACKNOWLEDGED_FILE } from '../../journal/acknowledged.ts';
import { takeLock } from '../../journal/lock.ts';
import { readJournal } from '../../journal/reader.ts';
import { listSegments, type Segment, SegmentReader } from '../../journal/segment.ts';
import { JournalWriter } from '../../journal/writer.ts';
import { findVenue } from '../../venues/list.ts';
import { frameTimeUs } from '../detect.ts';
import type { MergedItem } from './merge.ts';
import type { FileSurvey } from './survey.ts';

export type TapeOptions = {
  readonly session: Session;
  readonly software: string;
  readonly surveys: readonly FileSurvey[];
};

/** `isUsed`: something was received or sent on the connection. */
type OpenFile = { connection: number; isUsed: boolean };

/** Records appended between two flushes that are waited for, so that what waits for the disk stays small. */
const SYNC_EVERY = 20_000;
/**
 * A segment ends by its size: the time of its frames says nothing about when they are written. Segments are sealed when all
 * are written, so that an interrupted import ends at once.
 */
const JOURNAL = { rotateBytes: 128e6, rotateUs: Number.POSITIVE_INFINITY, seal: false } as const;

export class ImportTape {
  readonly #folder: string;
  readonly #options: TapeOptions;
  /** The records that are there already; undefined once all of them have come again. */
  #there: AsyncIterator<readonly JournalRecord[]> | undefined;
  #batch: readonly JournalRecord[] = [];
  #at = 0;
  #writer: JournalWriter | undefined;
  #us: number;
  #unsynced = 0;
  #nextConnection = 0;
  /** By file, while it is open. */
  readonly #open = new Map<number, OpenFile>();
  #files = 0;
  frames = 0;
  untimed = 0;
  skipped = 0;
  resumed = 0;

  private constructor(folder: string, options: TapeOptions) {
    this.#folder = folder;
    this.#options = options;
    this.#us = options.surveys[0]!.firstUs;
  }

  /** Begins the journal in a folder, or stands before the first record of the one that an interrupted import left. */
  static async open(folder: string, options: TapeOptions): Promise<ImportTape> {
    const tape = new ImportTape(folder, options);
    const segments = existsSync(folder) ? listSegments(folder) : [];
    if (segments.length > 0 && isTorn(segments)) await tape.#removeTorn(segments);
    else if (segments.length > 0) tape.#there = readJournal(folder)[Symbol.asyncIterator]();
    if (tape.#there === undefined) {
      tape.#writer = await JournalWriter.open(folder, JOURNAL);
      // Another import may have come first since we looked.
      if (tape.#writer.lastSeq > 0) {
        await tape.#writer.close();
        throw tape.#differs();
      }
    }
    const { session, software } = options;
    await tape.#control(0, { type: 'session', session, software, node: process.version });
    return tape;
  }

  async openFile(source: number): Promise<void> {
    const { file, format, clock } = this.#options.surveys[source]!;
    const isBeside = this.#open.size > 0;
    const connection = this.#nextConnection++;
    this.#open.set(source, { connection, isUsed: false });
    this.#files++;
    if (this.#isMerged()) {
      await this.#control(connection, {
        type: 'opened',
        url: this.#options.session.url,
        ...(isBeside && { isBeside }),
      });
    }
    await this.#control(connection, {
      type: 'import',
      file: basename(file),
      format,
      unit: clock?.unit ?? '',
      clock: clock?.kind ?? '',
      offsetUs: clock?.offsetUs ?? 0,
    });
  }

  /** Behind the last file of all the recording ends; behind another its connection is over, and the next one's is not. */
  async closeFile(source: number): Promise<void> {
    const { connection } = this.#open.get(source)!;
    this.#open.delete(source);
    const isLast = this.#files === this.#options.surveys.length;
    if (isLast && this.#open.size === 0) return;
    await this.#close(connection, isLast ? 'end' : 'disconnect');
  }

  /** A promise only where something has to be waited for: most records are copied and done. */
  take(merged: MergedItem): Promise<void> | undefined {
    const { item, source, us, stepUs } = merged;
    const file = this.#open.get(source)!;
    if (stepUs !== 0) return this.#step(merged, file);
    if (item.type !== 'frame') return this.#takeOther(merged, file);
    this.#pass(us, item.bytes);
    this.frames++;
    file.isUsed = true;
    return this.#append(RecordKind.text, file.connection, item.bytes);
  }

  async finish(): Promise<void> {
    await this.#control(this.#nextConnection - 1, { type: 'end', reason: 'end of capture' });
    if (this.#there !== undefined && (await this.#next()) !== undefined) throw this.#differs();
    await this.#writer?.close();
  }

  /** Closes the journal as it is; the end is missing. */
  async close(): Promise<void> {
    await this.#there?.return?.();
    await this.#writer?.close();
  }

  #isMerged(): boolean {
    const { surveys } = this.#options;
    return surveys.some((one, i) =>
      surveys.some((other, j) => i !== j && one.firstUs < other.lastUs && other.firstUs < one.lastUs),
    );
  }

  async #step(merged: MergedItem, { connection }: OpenFile): Promise<void> {
    this.#pass(merged.us);
    await this.#control(connection, { type: 'clockStep', stepUs: merged.stepUs });
    merged.stepUs = 0;
    await this.take(merged);
  }

  async #takeOther({ item, us }: MergedItem, file: OpenFile): Promise<void> {
    this.#pass(us);
    if (item.type === 'opened') await this.#reopen(file, item.url);
    if (item.type === 'sent') {
      file.isUsed = true;
      await this.#control(file.connection, { type: 'sent', text: item.text });
    }
    if (item.type === 'bad') {
      this.skipped++;
      const { reason } = item;
      await this.#control(file.connection, { type: 'drop', frames: 1, bytes: 0, reason });
    }
  }

  /** Another opening within a file is another connection: the one before is over. */
  async #reopen(file: OpenFile, url: string): Promise<void> {
    if (file.isUsed) {
      await this.#close(file.connection, 'disconnect');
      file.connection = this.#nextConnection++;
      file.isUsed = false;
    }
    const isBeside = this.#open.size > 1;
    await this.#control(file.connection, { type: 'opened', url, ...(isBeside && { isBeside }) });
  }

  async #close(connection: number, cause: 'disconnect' | 'end'): Promise<void> {
    const reason = cause === 'end' ? 'end of capture' : 'the capture goes on with another connection';
    await this.#control(connection, { type: 'closed', code: cause === 'end' ? 1000 : 1006, reason, cause });
  }

  async #control(connection: number, control: Control): Promise<void> {
    await this.#append(RecordKind.control, connection, encodeControl(control));
  }

  /** A frame without a receive time takes its own time; one that is older than the frame before is late, not out of order. */
  #pass(us: number, untimed?: Uint8Array): void {
    let ownUs = us;
    if (Number.isNaN(us) && untimed !== undefined) {
      this.untimed++;
      ownUs = frameTimeUs(untimed, findVenue(this.#options.session.venue, 'import'));
    }
    if (ownUs > this.#us) this.#us = ownUs;
  }

  #append(kind: RecordKind, connection: number, payload: Uint8Array): Promise<void> | undefined {
    if (this.#there !== undefined) return this.#compare(kind, connection, payload);
    const writer = this.#writer!;
    writer.append(kind, connection, this.#us, payload);
    this.#unsynced++;
    if (this.#unsynced < SYNC_EVERY && writer.hasRoom(payload.length)) return undefined;
    this.#unsynced = 0;
    return writer.sync();
  }

  /** The record must be the next one that is there; behind the last of those the writing begins. */
  async #compare(kind: RecordKind, connection: number, payload: Uint8Array): Promise<void> {
    const record = await this.#next();
    if (record === undefined) {
      this.#there = undefined;
      this.#writer = await JournalWriter.open(this.#folder, JOURNAL);
      if (this.#writer.lastSeq !== this.resumed) throw this.#differs();
      await this.#append(kind, connection, payload);
      return;
    }
    const isSame =
      record.kind === kind &&
      record.connection === connection &&
      record.receivedUs === this.#us &&
      (Buffer.compare(record.payload, payload) === 0 || isSameSession(record, payload));
    if (!isSame) throw this.#differs();
    this.resumed++;
  }

  /** An import that was killed begins anew: what it had is in the files. Whose journal it is its first records say. */
  async #removeTorn(segments: readonly Segment[]): Promise<void> {
    const lock = await takeLock(join(this.#folder, 'lock'), `journal ${this.#folder}`);
    try {
      let isOurs = true;
      for await (const records of readJournal(this.#folder)) {
        const own = encodeControl({
          type: 'session',
          session: this.#options.session,
          software: '',
          node: '',
        });
        const behind = records.slice(1, 3).filter(({ kind }) => kind === RecordKind.control);
        const isImport = behind.some((record) => decodeControl(record).type === 'import');
        isOurs = isSameSession(records[0]!, own) && (records.length === 1 || isImport);
        break;
      }
      if (!isOurs) throw this.#differs();
      for (const path of segments.flatMap(({ arrow, parquet }) => [arrow, parquet])) {
        if (path !== undefined) rmSync(path);
      }
      rmSync(join(this.#folder, ACKNOWLEDGED_FILE), { force: true });
    } finally {
      lock.release();
    }
  }

  async #next(): Promise<JournalRecord | undefined> {
    while (this.#at === this.#batch.length) {
      const next = await this.#there!.next();
      if (next.done === true) return undefined;
      this.#batch = next.value;
      this.#at = 0;
    }
    return this.#batch[this.#at++];
  }

  #differs(): UsageError {
    return new UsageError(
      `${this.#folder}: there is a recording already, and it is not an interrupted import of these files (record ${this.resumed + 1} differs; choose another --out)`,
    );
  }
}

/** The program that goes on may be a later one than that which began. */
function isSameSession(record: JournalRecord, payload: Uint8Array): boolean {
  if (record.kind !== RecordKind.control) return false;
  const [there, own] = [decodeControl(record), decodeControl({ ...record, payload })];
  if (there.type !== 'session' || own.type !== 'session') return false;
  return JSON.stringify(there.session) === JSON.stringify(own.session);
}

/** Whether the last segment has no end mark: its writer was killed, or is at work. */
function isTorn(segments: readonly Segment[]): boolean {
  const path = segments.at(-1)!.arrow;
  if (path === undefined) return false;
  const reader = new SegmentReader(path);
  try {
    while (reader.next() !== undefined);
    return reader.end?.state === 'cut';
  } finally {
    reader.close();
  }
}
