// Recording as a session: what the venue is asked for, a recorder that runs until its time is up or it is stopped, and
// the tables that are derived at the end.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { requireAddress } from '../connections/connection.ts';
import type { Recorder, RecorderSummary } from '../connections/recorder.ts';
import { later, type Wait } from '../connections/wait.ts';
import { DataError, UsageError, unknownName, VenueError } from '../core/errors.ts';
import { decodeControl, RecordKind, type Session, type VenueSession } from '../core/frame.ts';
import { joinSessions, ourChannel } from '../core/session.ts';
import { MANIFEST_FILE, type Manifest, readManifest } from '../datasets/manifest.ts';
import { buildTables } from '../datasets/tables.ts';
import type { RunConfig } from '../engine/config.ts';
import { readJournal } from '../journal/reader.ts';
import { findVenue } from '../venues/list.ts';
import type { Venue } from '../venues/venue.ts';
import type { Observer } from './observer.ts';

/** The tables of a recording, unless there is no time left for what can be derived later. */
export async function deriveTables(
  folder: string,
  deadline: AbortSignal,
  observer: Observer,
): Promise<Manifest | undefined> {
  try {
    return await buildTables(folder, { signal: deadline });
  } catch (error) {
    if (!deadline.aborted || error !== deadline.reason) throw error;
    observer.note(
      `interrupted: the recording is whole, its tables were left out (retick data tables ${folder})`,
    );
    return undefined;
  }
}

/** What a run records: of the venue that it names, or of all that it lists. Errors: UsageError. */
export function sessionOf({ venue, symbols, channels, depth, url, venues }: RunConfig): Session {
  const wanted = venues ?? [{ venue, symbols, channels, depth, url }];
  return joinSessions(
    wanted.map((one) => {
      const { symbols, channels, depth, url } = one;
      return createSession(findVenue(one.venue), { symbols, channels, depth, url });
    }),
  );
}

/** A session that the venue can serve. Errors: UsageError naming what it cannot. */
export function createSession(
  venue: Venue,
  wanted: {
    readonly symbols: readonly string[];
    readonly channels: readonly string[] | undefined;
    readonly depth: number | undefined;
    readonly url: string | undefined;
  },
): VenueSession {
  const channels = (wanted.channels ?? venue.defaultChannels).map((word) => {
    const channel = venue.channels.find((own) => own === word || ourChannel(own) === word);
    if (channel === undefined) throw unknownName('channel', word, venue.channels, venue.name);
    return channel;
  });
  const depth = wanted.depth ?? venue.defaultDepth;
  if (!venue.depths.includes(depth)) {
    throw new UsageError(
      `--depth: ${depth} is not offered by ${venue.name} (allowed: ${venue.depths.join(', ')})`,
    );
  }
  const twice = wanted.symbols.find((symbol, index) => wanted.symbols.indexOf(symbol) !== index);
  if (twice !== undefined) throw new UsageError(`symbol ${twice} is given twice`);
  // An address in its place, with whatever stands in it, would be sent to the venue and written down.
  const strange = wanted.symbols.find((symbol) => /:\/\/|[\s\p{Cc}]|^$/u.test(symbol));
  if (strange !== undefined) {
    throw new UsageError(
      `${JSON.stringify(strange)} is no symbol (allowed: as ${venue.name} spells it, like BTC/USD)`,
    );
  }
  const url = wanted.url ?? venue.url;
  requireAddress(url, '--url');
  return {
    venue: venue.name,
    url,
    symbols: [...wanted.symbols],
    channels: [...channels],
    depth,
    candleUs: channels.some((channel) => ourChannel(channel) === 'candle') ? 60e6 : 0,
  };
}

export type RecorderRequest = {
  readonly recorder: Recorder;
  readonly durationUs: number | undefined;
  readonly observer: Observer;
  readonly signal: AbortSignal;
  readonly what: string;
  /** Ends it early, as when the engine has halted. */
  readonly until?: Promise<string>;
  readonly onStarted?: () => void;
  /** Told what leaving at once would lose. */
  /** Sealing is not waited for once this is raised. */
  readonly deadline?: AbortSignal;
  /** The venue was not reached or refused: nothing that was recorded is worth keeping. */
  readonly onUnreached?: () => void;
};

/** Starts a recorder, shows its status, and stops it when the time is up or the signal is raised. */
export async function runRecorder(options: RecorderRequest): Promise<RecorderSummary> {
  const { recorder, observer } = options;
  const timer = setInterval(
    () => observer.progress(() => ({ doing: 'recording', what: options.what, status: recorder.status() })),
    250,
  );
  observer.atLeaving?.(() => lossAtLeaving(recorder));
  try {
    const reason = await recordUntilEnd(options);
    const summary = await recorder.stop(reason, options.deadline);
    if (summary.failure !== null) throw new DataError(summary.failure);
    const damaged = summary.unsealed.find(({ isDamaged }) => isDamaged);
    if (damaged !== undefined) throw new DataError(damaged.reason);
    return summary;
  } finally {
    clearInterval(timer);
  }
}

function lossAtLeaving(recorder: Recorder): string {
  const { lastSeq, acknowledgedSeq } = recorder.status();
  const waiting = recorder.waitingRecords;
  if (waiting === 0) return '';
  const [lost, written, safe] = [waiting, lastSeq - waiting, acknowledgedSeq].map((n) =>
    n.toLocaleString('en-US'),
  );
  return `left at once: ${lost} records in memory are lost (${written} are written, ${safe} are safe on the disk)`;
}

const STARTED = 'started';

/** Why the recording is to end. The recorder is stopped already when this throws. */
async function recordUntilEnd(options: RecorderRequest): Promise<string> {
  const { recorder, durationUs, signal } = options;
  const ends: Promise<string>[] = [aborted(signal)];
  if (options.until !== undefined) ends.push(options.until);
  let limit: Wait | undefined;
  try {
    const started = await Promise.race([recorder.start().then(() => STARTED), ...ends, recorder.failed]);
    if (started !== STARTED) return started;
    options.onStarted?.();
    if (durationUs !== undefined) {
      const { promise, resolve } = Promise.withResolvers<string>();
      limit = later(durationUs / 1000, () => resolve('duration'));
      ends.push(promise);
    }
    return await Promise.race([...ends, recorder.failed]);
  } catch (error) {
    await recorder.stop('failed');
    if (error instanceof VenueError) options.onUnreached?.();
    throw error;
  } finally {
    limit?.clear();
  }
}

function aborted(signal: AbortSignal): Promise<string> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve('interrupted');
    signal.addEventListener('abort', () => resolve('interrupted'), { once: true });
  });
}

/** `20260102T030405Z`, for the name of a new recording; a recording that is there is gone on with. */
export function stampNow(): string {
  return new Date(Date.now()).toISOString().replace(/[-:]|\.\d+/g, '');
}

/** The last record that a recording's manifest names: its journal must still hold it, or its number would be used again. */
export function describedSeq(folder: string): number {
  if (!existsSync(join(folder, MANIFEST_FILE))) return 0;
  return readManifest(folder).segments.at(-1)?.lastSeq ?? 0;
}

/** A recording is gone on with by the same session only: its frames are decoded by what the first one says. */
export async function requireSameSession(folder: string, session: Session): Promise<void> {
  const first = await firstSession(folder);
  if (first === undefined) return;
  for (const key of ['venue', 'symbols', 'channels', 'depth'] as const) {
    const [there, wanted] = [String(first[key]), String(session[key])];
    if (there === wanted) continue;
    throw new UsageError(
      `${folder} holds a recording with ${key} ${there}, not ${wanted}: go on with the same, or choose another --out`,
    );
  }
}

async function firstSession(folder: string): Promise<Session | undefined> {
  if (!existsSync(join(folder, 'journal'))) return undefined;
  for await (const records of readJournal(folder)) {
    for (const record of records) {
      if (record.kind !== RecordKind.control) continue;
      const control = decodeControl(record);
      if (control.type === 'session') return control.session;
    }
  }
  return undefined;
}
