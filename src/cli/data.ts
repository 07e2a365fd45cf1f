// `retick data check|info|tables|import|recover`: what a recording holds, whether it is whole, and how others' captures become one.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Argv } from 'yargs';
import { UsageError, unknownName } from '../core/errors.ts';
import { GRACE_MAX_US } from '../core/lag.ts';
import { formatTimeUs } from '../core/time.ts';
import { type CheckReport, checkRecording } from '../datasets/check.ts';
import { journalFolder, readSession } from '../datasets/frames.ts';
import { CAPTURE_FORMATS, CLOCKS, TIME_UNITS } from '../datasets/import.ts';
import { CANDLE_FORMATS } from '../datasets/imports/candles.ts';
import { describeRecording, type RecordingInfo } from '../datasets/info.ts';
import { type Gap, type LagSpan, MANIFEST_FILE, type Manifest } from '../datasets/manifest.ts';
import { type JournalState, readJournalState } from '../datasets/state.ts';
import { buildTables } from '../datasets/tables.ts';
import type { Arguments, Command, Context } from './command.ts';
import { EXIT } from './exit.ts';
import { formatTables, runImport } from './import.ts';
import { bytes, count, type Output, paint, table } from './output.ts';
import { runRecover } from './recover.ts';

const ACTIONS = ['check', 'info', 'tables', 'import', 'recover'] as const;

export const command: Command = {
  usage: [
    `data ${ACTIONS.join('|')} …`,
    '',
    'retick data check RECORDING     is it whole? counts, gaps, checksums, continuity; exit 3 if damaged',
    'retick data info RECORDING      what is in it',
    'retick data tables RECORDING    derive its tables from the journal again',
    'retick data import FILE… --format F --venue V [--out datasets/NAME]',
    'retick data recover RECORDING [--out NEW]   a new recording of what can be read of a damaged one',
  ].join('\n'),
  options: (argv: Argv) =>
    argv
      .demandCommand(1)
      .option('format', {
        type: 'string',
        describe: `import: ${CAPTURE_FORMATS.join(', ')} (lines is <receive time> <json>), gzip or not; ${CANDLE_FORMATS.join(', ')} (a JSON array of candles)`,
      })
      .option('venue', { type: 'string', describe: 'import: whose frames they are' })
      .option('out', {
        type: 'string',
        describe: 'import, recover: the recording to write (default: datasets/FILE, RECORDING-recovered)',
      })
      .option('symbols', {
        type: 'array',
        string: true,
        describe: 'import: instruments (default: those in the frames)',
      })
      .option('depth', {
        type: 'number',
        describe: 'import: book depth (default: as acknowledged in the frames)',
      })
      .option('interval', {
        type: 'string',
        describe: 'import: length of candles that do not say it (default: the least time between two)',
      })
      .option('time-unit', {
        type: 'string',
        describe: `import: unit of the receive times: ${TIME_UNITS.join(', ')} (default: as the frames' own times show)`,
      })
      .option('clock', {
        type: 'string',
        describe: `import: clock of the receive times: ${CLOCKS.join(' (since 1970) or ')} (default: as the frames' own times show)`,
      })
      .option('skip-bad', {
        type: 'boolean',
        default: false,
        describe: 'import: leave out lines and damaged ends that cannot be read, and count them',
      })
      .option('allow-unknown', {
        type: 'boolean',
        default: false,
        describe: 'import: take captures of which not one frame is understood, and exit 0',
      })
      .option('strict', {
        type: 'boolean',
        default: false,
        describe:
          'check: gaps, unknown frames, failed checksums and missing trade ids fail it too, with exit 1',
      })
      .example('retick data import capture.gz --format lines --venue kraken', ''),
  run: async (args: Arguments, { output, interrupt }: Context) => {
    const [action, ...paths] = (args._ as readonly unknown[]).map(String);
    if (action === undefined) throw new UsageError(`data needs a command (known: ${ACTIONS.join(', ')})`);
    if (action === 'import') return await runImport(paths, args, { output, interrupt });
    if (action === 'recover') return await runRecover(paths, args, output);
    if (!(ACTIONS as readonly string[]).includes(action)) {
      throw unknownName('data command', action, ACTIONS);
    }
    const [recording] = paths;
    if (recording === undefined || paths.length > 1) {
      throw new UsageError(`data ${action} takes one recording, got ${paths.length}`);
    }
    if (action === 'check') {
      const checked = await checkRecording(recording);
      const losses = args.strict === true ? lossesOf(checked) : [];
      const problems = [...checked.problems, ...doubtsOf(checked), ...losses];
      const report = { ...checked, problems };
      output.result(report, formatCheck(report));
      if (checked.problems.length > 0) return EXIT.data;
      return problems.length > 0 ? EXIT.failed : EXIT.done;
    }
    if (action === 'info') return await showInfo(recording, output);
    const manifest = await buildTables(recording);
    output.result(manifest, `derived ${formatTables(manifest)}\ndigest ${manifest.digest.slice(0, 16)}`);
    return EXIT.done;
  },
};

/** A recording of which nobody understands a frame is not whole, though nothing in it is damaged. */
function doubtsOf({ frames, understood, venue }: CheckReport): readonly string[] {
  const all = frames.text + frames.binary;
  return all > 0 && understood === 0 ? [`0 of ${count(all)} frames understood: is this ${venue}?`] : [];
}

/** What the feed lost before anyone could record it: no damage to the recording, but a reason not to trade on it. */
function lossesOf({
  gaps,
  checksums,
  symbols,
  unknown,
  understood,
  misdated,
  lags,
}: CheckReport): readonly string[] {
  const missing = symbols.reduce((sum, { trades }) => sum + trades.missing, 0);
  const sumOf = (key: 'refusedLevels' | 'offTickLevels') =>
    symbols.reduce((sum, { counts }) => sum + (counts[key] ?? 0), 0);
  const [refused, offTick] = [sumOf('refusedLevels'), sumOf('offTickLevels')];
  return [
    ...(gaps.length > 0 ? [`${gaps.length} gaps`] : []),
    ...(unknown > 0 && understood > 0 ? [`${unknown} unknown frames`] : []),
    ...(checksums.failed > 0 ? [`${checksums.failed} failed checksums`] : []),
    ...(missing > 0 ? [`${missing} missing trade ids`] : []),
    ...(misdated > 0 ? [`${misdated} trades whose venue time cannot be right`] : []),
    ...(lags.some(({ spreadUs }) => spreadUs > GRACE_MAX_US)
      ? [`trades that come more than ${GRACE_MAX_US / 1e6} s later than others: candles do not wait for them`]
      : []),
    ...(refused > 0 ? [`${refused} book levels without a usable price or size`] : []),
    ...(offTick > 0 ? [`${offTick} book levels off the stated tick`] : []),
  ];
}

const TABLES_STATE: Readonly<Record<CheckReport['tables'], string>> = {
  equal: 'equal to the journal',
  absent: 'absent',
  different: 'different',
  older: 'derived by an earlier version (retick data tables derives them anew)',
  unreadable: 'unreadable',
};

function formatCheck(report: CheckReport): string {
  const { records, frames, unknown, connections, clockSteps, checksums, segments, tables } = report;
  const { pauses, lateFrames } = report;
  const lines = [
    `${report.recording}: ${count(records)} records in ${segments} segments, ${formatSpan(report.span)}`,
    `${count(report.understood)} of ${count(frames.text + frames.binary)} frames understood, ${count(unknown)} unknown; ${connections} connections; ${clockSteps} clock steps; ${pauses} pauses, ${count(lateFrames)} frames late by them; tables ${TABLES_STATE[tables]}`,
    `checksums: ${count(checksums.verified)} of ${count(checksums.messages)} book messages verified, ${count(checksums.failed)} failed`,
    '',
    table(
      [
        'symbol',
        'trades',
        'ids missing',
        'repeated',
        'late',
        'book messages',
        'snapshots',
        'verified',
        'refused',
        'off tick',
        'gaps',
        'book valid',
      ],
      report.symbols.map(({ symbol, counts, checksums: own, trades, validBookShare: validShare }) => [
        symbol,
        count(trades.trades),
        count(trades.missing),
        count(trades.repeated),
        count(trades.late),
        count(counts.books),
        count(counts.snapshots),
        own === null ? 'n/a' : `${count(own.verified)}/${count(own.messages)}`,
        count(counts.refusedLevels ?? 0),
        count(counts.offTickLevels ?? 0),
        count(counts.gaps),
        formatShare(validShare),
      ]),
    ),
    '',
    ...formatLags(report.lags, report.misdated),
    ...formatGaps(report.gaps),
    '',
    ...(report.problems.length === 0
      ? [paint('green', 'whole: nothing recorded is lost or changed')]
      : report.problems.map((problem) => paint('red', `problem: ${problem}`))),
  ];
  return lines.join('\n');
}

/** Gaps that are printed; `--json` has them all. */
const GAPS_MAX = 20;

function formatGaps(gaps: readonly Gap[]): readonly string[] {
  if (gaps.length === 0) return ['', 'no gaps'];
  const rows = gaps
    .slice(0, GAPS_MAX)
    .map(({ cause, channel, symbol, fromUs, toUs, detail }) => [
      formatTimeUs(fromUs),
      toUs === null ? 'never' : `${((toUs - fromUs) / 1000).toFixed(1)} ms`,
      cause,
      channel,
      symbol,
      detail,
    ]);
  const more = gaps.length > GAPS_MAX ? [`${count(gaps.length - GAPS_MAX)} more gaps (--json has all)`] : [];
  return ['', table(['gap from', 'healed after', 'cause', 'channel', 'symbol', 'detail'], rows), ...more];
}

/** Of a recording that has no manifest yet, because it is being recorded or was not let finish, its journal tells. */
async function showInfo(recording: string, output: Output): Promise<number> {
  const hasJournal = existsSync(journalFolder(recording));
  const journal = hasJournal ? readJournalState(recording) : undefined;
  if (existsSync(join(recording, MANIFEST_FILE)) || journal === undefined) {
    const info = describeRecording(recording);
    const text = journal === undefined ? [] : [formatState(recording, journal, info)];
    output.result({ ...info, journal: journal ?? null }, [formatInfo(info), ...text].join('\n'));
    return EXIT.done;
  }
  const { session, software } = await readSession(recording);
  const { venue, symbols, channels } = session;
  const first = `${recording}: ${symbols.join(', ')} of ${venue}, ${channels.join(', ')}; ${software}`;
  output.result(
    { recording, venue, symbols, channels, journal },
    [first, formatSpan(journal.span), formatState(recording, journal, undefined)].join('\n'),
  );
  return EXIT.done;
}

function formatState(recording: string, state: JournalState, info: RecordingInfo | undefined): string {
  const { usedBy, lastSeq, acknowledgedSeq, segments, unsealed } = state;
  const safe = acknowledgedSeq === null ? '' : `, ${count(acknowledgedSeq)} of them confirmed by the disk`;
  const newer = lastSeq - (info?.records ?? 0);
  return [
    `journal: ${count(lastSeq)} records in ${segments} segments${safe}${usedBy === null ? '' : `; in use by process ${usedBy}`}`,
    ...(unsealed.length === 0 ? [] : [`not sealed: ${unsealed.join(', ')}`]),
    ...(info === undefined ? [`no tables yet (retick data tables ${recording} derives them)`] : []),
    ...(info !== undefined && newer > 0
      ? [
          `${count(newer)} records are newer than the tables (retick data tables ${recording} derives them anew)`,
        ]
      : []),
  ].join('\n');
}

/** Lags that are printed; `--json` has them all. */
const LAGS_MAX = 5;

/** What lies between the venue's clock and ours: said in full where it is more than a way takes. */
function formatLags(lags: readonly LagSpan[], misdated: number): readonly string[] {
  const lines = lags.slice(0, LAGS_MAX).map(({ fromUs, offsetUs, spreadUs }) => {
    const offset = `${(offsetUs / 1e6).toFixed(3)} s`;
    const remark =
      offsetUs < 0
        ? ': the local clock is behind the venue’s'
        : offsetUs > 1e6
          ? ': the local clock is ahead, or the feed late'
          : '';
    return `from ${formatTimeUs(fromUs)} receipt lags the venue by ${offset}, later trades by up to ${(spreadUs / 1e6).toFixed(3)} s more${remark}`;
  });
  return [
    ...lines,
    ...(lags.length > LAGS_MAX ? [`and ${lags.length - LAGS_MAX} more connections (--json has all)`] : []),
    ...(lags.length > 0 ? ['candles wait for that: see candles.grace of a run file'] : []),
    ...(misdated > 0
      ? [`${count(misdated)} trades have a venue time that cannot be right: they are set apart`]
      : []),
  ];
}

function formatInfo(info: RecordingInfo): string {
  return [
    `${info.recording}: ${info.venue}${info.url === '' ? '' : ` at ${info.url}`}, ${info.channels.join(', ')}, book depth ${info.depth}`,
    formatSpan(info.span),
    `${count(info.frames)} frames (${count(info.framesPerSecond, 1)}/s), ${count(info.events)} events (${count(info.eventsPerSecond, 1)}/s), ${count(info.unknown)} unknown frames, ${info.connections} connections`,
    '',
    table(
      ['symbol', 'trades', 'per s', 'book messages', 'per s', 'quotes', 'gaps', 'book valid'],
      info.symbols.map((symbol) => [
        symbol.symbol,
        count(symbol.trades),
        count(symbol.tradesPerSecond, 1),
        count(symbol.books),
        count(symbol.bookMessagesPerSecond, 1),
        count(symbol.quotes),
        count(symbol.gaps),
        formatShare(symbol.validBookShare),
      ]),
    ),
    '',
    table(
      ['table', 'rows', 'files', 'size'],
      info.tables.map(({ name, rows, files, bytes: size }) => [name, count(rows), count(files), bytes(size)]),
    ),
    '',
    ...formatLags(info.lags, info.misdated),
    ...formatGaps(info.gaps),
    '',
    `digest ${info.digest}   ${info.software}, Node ${info.node}`,
  ].join('\n');
}

/** Rounded down: what is not whole is not called whole. */
function formatShare(share: number | null): string {
  return share === null ? 'n/a' : `${(Math.floor(share * 10_000) / 100).toFixed(2)}%`;
}

function formatSpan(span: Manifest['span']): string {
  if (span === null) return 'empty';
  const { firstUs, lastUs } = span;
  return `${formatTimeUs(firstUs)} to ${formatTimeUs(lastUs)} (${((lastUs - firstUs) / 1e6).toFixed(1)} s)`;
}
