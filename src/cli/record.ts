// `retick record`: live feeds into a journal, until the time is up or someone stops it.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Argv } from 'yargs';
import { DataError, UsageError, unknownName, VenueError } from '../core/errors.ts';
import { decodeControl, RecordKind, type Session } from '../core/frame.ts';
import type { Manifest } from '../datasets/manifest.ts';
import { buildTables } from '../datasets/tables.ts';
import { addressOf } from '../journal/connection.ts';
import { parseQuietMs } from '../journal/liveness.ts';
import { readJournal } from '../journal/reader.ts';
import { Recorder, type RecorderStatus, type RecorderSummary } from '../journal/recorder.ts';
import { later, parseWaitUs, type Wait } from '../journal/wait.ts';
import { findVenue } from '../venues/list.ts';
import type { Venue } from '../venues/venue.ts';
import type { Arguments, Command, Context } from './command.ts';
import { EXIT } from './exit.ts';
import { deadlineOf, type Interrupt } from './interrupt.ts';
import { bytes, count, type Output } from './output.ts';
import { discardRecording, requireRecordingPlace } from './place.ts';
import { SOFTWARE } from './software.ts';

export const command: Command = {
  usage: 'record VENUE SYMBOL… [--channels …] [--depth 25] [--duration 10m] [--out datasets/NAME]',
  options: (argv: Argv) =>
    argv
      .demandCommand(2)
      .option('channels', {
        type: 'array',
        string: true,
        describe: 'As book trade; default: those the venue recommends',
      })
      .option('depth', { type: 'number', describe: 'Book levels per side' })
      .option('duration', { type: 'string', describe: 'As 10m; default: until Ctrl-C' })
      .option('out', { type: 'string', describe: 'Recording folder (default: datasets/VENUE-TIME)' })
      .option('url', { type: 'string', describe: 'Another address of the venue, as a local server' })
      .option('patience', {
        type: 'string',
        default: '30s',
        describe: 'How long to try for a first connection',
      })
      .option('quiet', {
        type: 'string',
        default: '15m',
        describe: 'How often at most a silent book is asked for afresh while its connection lives, or never',
      })
      .option('tables', { type: 'boolean', default: true, describe: 'Derive the tables at the end' })
      .example('retick record kraken BTC/USD ETH/USD --duration 10m', '')
      .epilogue(
        'The first Ctrl-C writes everything down and exits 130 within a second; what can be made again (sealing, tables) may be left for later. A second one leaves at once and loses nothing acknowledged.',
      ),
  run: async (args: Arguments, { output, interrupt }: Context) => {
    const [venueName = '', ...symbols] = (args._ as readonly unknown[]).map(String);
    const venue = findVenue(venueName);
    const session = createSession(venue, {
      symbols,
      channels: parseChannels(args.channels as readonly string[] | undefined),
      depth: args.depth as number | undefined,
      url: args.url as string | undefined,
    });
    const folder = (args.out as string | undefined) ?? join('datasets', `${venue.name}-${stampNow()}`);
    const durationUs =
      args.duration === undefined ? undefined : parseWaitUs(String(args.duration), '--duration');
    const startMs = parseWaitUs(String(args.patience), '--patience') / 1000;
    requireRecordingPlace(folder, '--out', 'go on');
    const had = { folder: existsSync(folder), journal: existsSync(join(folder, 'journal')) };
    if (had.journal) await requireSameSession(folder, session);
    const signal = interrupt.listen();
    const deadline = deadlineOf(signal);
    const recorder = new Recorder({
      limits: { startMs },
      connection: { resync: { quietMs: parseQuietMs(String(args.quiet), '--quiet') } },
      folder: join(folder, 'journal'),
      venue,
      session,
      software: SOFTWARE,
    });
    const summary = await runRecorder({
      recorder,
      durationUs,
      output,
      signal,
      what: folder,
      onStarted: () => output.note(`recording ${symbols.join(', ')} into ${folder} (Ctrl-C ends it)`),
      onUnreached: () => discardRecording(folder, had),
      interrupt,
      deadline,
    });
    const hasTables = args.tables === true && summary.records > 0;
    const manifest = hasTables ? await deriveTables(folder, deadline, output) : undefined;
    output.result({ folder, summary, manifest }, formatSummary(folder, summary, manifest));
    return EXIT.done;
  },
};

/** The tables of a recording, unless there is no time left for what can be derived later. */
export async function deriveTables(
  folder: string,
  deadline: AbortSignal,
  output: Output,
): Promise<Manifest | undefined> {
  try {
    return await buildTables(folder, { signal: deadline });
  } catch (error) {
    if (!deadline.aborted || error !== deadline.reason) throw error;
    output.note(
      `interrupted: the recording is whole, its tables were left out (retick data tables ${folder})`,
    );
    return undefined;
  }
}

/** `book trade` and `book,trade` alike. */
function parseChannels(words: readonly string[] | undefined): readonly string[] | undefined {
  const channels = words?.flatMap((word) => word.split(',')).filter((word) => word !== '');
  if (channels?.length === 0)
    throw new UsageError('--channels: none is named (leave it out for the default)');
  return channels;
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
): Session {
  const channels = wanted.channels ?? venue.defaultChannels;
  const unknown = channels.find((channel) => !venue.channels.includes(channel));
  if (unknown !== undefined) throw unknownName('channel', unknown, venue.channels, venue.name);
  const depth = wanted.depth ?? venue.defaultDepth;
  if (!venue.depths.includes(depth)) {
    throw new UsageError(
      `--depth: ${depth} is not offered by ${venue.name} (allowed: ${venue.depths.join(', ')})`,
    );
  }
  const twice = wanted.symbols.find((symbol, index) => wanted.symbols.indexOf(symbol) !== index);
  if (twice !== undefined) throw new UsageError(`symbol ${twice} is given twice`);
  const url = wanted.url ?? venue.url;
  addressOf(url, '--url');
  return {
    venue: venue.name,
    url,
    symbols: [...wanted.symbols],
    channels: [...channels],
    depth,
    candleUs: channels.includes('ohlc') ? 60e6 : 0,
  };
}

export type RecorderRequest = {
  readonly recorder: Recorder;
  readonly durationUs: number | undefined;
  readonly output: Output;
  readonly signal: AbortSignal;
  readonly what: string;
  /** Ends it early, as when the engine has halted. */
  readonly until?: Promise<string>;
  readonly onStarted?: () => void;
  /** Told what leaving at once would lose. */
  readonly interrupt?: Interrupt | undefined;
  /** Sealing is not waited for once this is raised. */
  readonly deadline?: AbortSignal;
  /** The venue was not reached or refused: nothing that was recorded is worth keeping. */
  readonly onUnreached?: () => void;
};

/** Starts a recorder, shows its status, and stops it when the time is up or the signal is raised. */
export async function runRecorder(options: RecorderRequest): Promise<RecorderSummary> {
  const { recorder, output } = options;
  const timer = setInterval(
    () => output.status(() => formatStatus(options.what, recorder.status()), performance.now()),
    250,
  );
  options.interrupt?.atLeaving(() => lossAtLeaving(recorder));
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
  return `left at once: ${count(waiting)} records in memory are lost (${count(lastSeq - waiting)} are written, ${count(acknowledgedSeq)} are safe on the disk)`;
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

export function formatStatus(what: string, status: RecorderStatus): string {
  const gaps = Object.entries(status.gaps).map(([cause, number]) => `${cause} ${number}`);
  return [
    `${what}  ${count(status.frames)} frames`,
    `${count(status.framesPerSecond)}/s`,
    `lag ${Number.isNaN(status.lagUs) ? 'n/a' : `${count(status.lagUs / 1000, 1)} ms`}`,
    `gaps ${gaps.length === 0 ? '0' : gaps.join(', ')}`,
    bytes(status.bytes),
    `safe ${count(status.acknowledgedSeq)} of ${count(status.lastSeq)} records`,
    stateOf(status),
  ].join('  ');
}

function stateOf({ stalled, connected, frames }: RecorderStatus): string {
  if (stalled) return 'the disk does not follow';
  if (connected) return 'connected';
  return frames === 0 ? 'connecting' : 'reconnecting';
}

export function formatSummary(
  folder: string,
  summary: RecorderSummary,
  manifest: Manifest | undefined,
): string {
  const gaps = Object.entries(summary.gaps).map(([cause, number]) => `${cause} ${number}`);
  return [
    `recorded ${count(summary.frames)} frames, ${bytes(summary.bytes)}, in ${count(summary.records)} records over ${((summary.lastUs - summary.firstUs) / 1e6).toFixed(1)} s (${summary.reason})`,
    `gaps: ${gaps.length === 0 ? 'none' : gaps.join(', ')}; reconnects ${summary.reconnects}; unknown frames ${summary.unknown}; dropped ${summary.drops}; refused ${summary.refused}`,
    ...troublesOf(summary),
    manifest === undefined
      ? `journal ${folder}/journal`
      : `tables ${manifest.tables.map(({ name, rows }) => `${name} ${count(rows)}`).join(', ')}`,
    `recording ${folder}${manifest === undefined ? '' : `   digest ${manifest.digest.slice(0, 16)}`}`,
  ].join('\n');
}

/** What went wrong on this side, each in a line; nothing when nothing did. */
function troublesOf(summary: RecorderSummary): readonly string[] {
  const { pauses, pausedMs, lateFrames, stalls, stalledMs, unsealed } = summary;
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  return [
    ...(pauses === 0
      ? []
      : [
          `paused: ${pauses} times, ${seconds(pausedMs)} together; ${count(lateFrames)} frames were late by it`,
        ]),
    ...(stalls === 0 ? [] : [`the disk did not follow: ${stalls} times, ${seconds(stalledMs)} together`]),
    ...unsealed.map(
      ({ segment, reason }) => `segment ${segment} is not sealed, and is at the next start: ${reason}`,
    ),
  ];
}

/** `20260102T030405Z`, for the name of a new recording; a recording that is there is gone on with. */
export function stampNow(): string {
  return new Date(Date.now()).toISOString().replace(/[-:]|\.\d+/g, '');
}

/** A recording is gone on with by the same session only: its frames are decoded by what the first one says. */
async function requireSameSession(folder: string, session: Session): Promise<void> {
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
