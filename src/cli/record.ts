// `retick record`: live feeds into a journal, until the time is up or someone stops it.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Argv } from 'yargs';
import { parseQuietMs } from '../connections/liveness.ts';
import { Recorder, type RecorderSummary } from '../connections/recorder.ts';
import { parseWaitUs } from '../connections/wait.ts';
import { UsageError } from '../core/errors.ts';
import type { Manifest } from '../datasets/manifest.ts';
import { deadlineOf } from '../sessions/deadline.ts';
import { discardRecording, requireRecordingPlace } from '../sessions/place.ts';
import {
  createSession,
  deriveTables,
  describedSeq,
  requireSameSession,
  runRecorder,
  stampNow,
} from '../sessions/record.ts';
import { SOFTWARE } from '../sessions/software.ts';
import { findVenue } from '../venues/list.ts';
import type { Arguments, Command, Context } from './command.ts';
import { EXIT } from './exit.ts';
import { bytes, count } from './output.ts';
import { watch } from './watch.ts';

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
    const observer = watch(output, interrupt);
    const deadline = deadlineOf(signal);
    const recorder = new Recorder({
      limits: { startMs },
      connection: { resync: { quietMs: parseQuietMs(String(args.quiet), '--quiet') } },
      folder: join(folder, 'journal'),
      session,
      software: SOFTWARE,
      journal: { knownSeq: describedSeq(folder) },
    });
    const summary = await runRecorder({
      recorder,
      durationUs,
      observer,
      signal,
      what: folder,
      onStarted: () => output.note(`recording ${symbols.join(', ')} into ${folder} (Ctrl-C ends it)`),
      onUnreached: () => discardRecording(folder, had),
      deadline,
    });
    const hasTables = args.tables === true && summary.records > 0;
    const manifest = hasTables ? await deriveTables(folder, deadline, observer) : undefined;
    output.result({ folder, summary, manifest }, formatSummary(folder, summary, manifest));
    return EXIT.done;
  },
};

/** `book trade` and `book,trade` alike. */
function parseChannels(words: readonly string[] | undefined): readonly string[] | undefined {
  const channels = words?.flatMap((word) => word.split(',')).filter((word) => word !== '');
  if (channels?.length === 0)
    throw new UsageError('--channels: none is named (leave it out for the default)');
  return channels;
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
