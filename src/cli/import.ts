// `retick data import`: captures of others become a recording. It can be interrupted, and gone on with by the same words.
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { UsageError, unknownName } from '../core/errors.ts';
import { formatDurationUs, formatTimeUs, parseDurationUs } from '../core/time.ts';
import {
  CAPTURE_FORMATS,
  type CaptureFormat,
  CLOCKS,
  type ClockKind,
  type ImportedFile,
  type ImportResult,
  importCapture,
  TIME_UNITS,
  type TimeUnit,
} from '../datasets/import.ts';
import { CANDLE_FORMATS, importCandles } from '../datasets/imports/candles.ts';
import { MANIFEST_FILE, type Manifest } from '../datasets/manifest.ts';
import { requireRecordingPlace } from '../sessions/place.ts';
import { SOFTWARE } from '../sessions/software.ts';
import { findVenue } from '../venues/list.ts';
import type { Arguments, Context } from './command.ts';
import { EXIT } from './exit.ts';
import { count, type Output, paint } from './output.ts';

export async function runImport(
  files: readonly string[],
  args: Arguments,
  { output, interrupt }: Context,
): Promise<number> {
  const [first] = files;
  if (first === undefined) throw new UsageError('data import needs at least one file');
  if ((CANDLE_FORMATS as readonly unknown[]).includes(args.format)) {
    return await runCandles(files, args, output);
  }
  const format = oneOf<CaptureFormat>(args, 'format', CAPTURE_FORMATS);
  if (format === undefined) {
    throw new UsageError(
      `--format is missing (known: ${[...CAPTURE_FORMATS, ...CANDLE_FORMATS].join(', ')})`,
    );
  }
  if (args.venue === undefined) throw new UsageError('--venue is missing: whose frames are they?');
  const venue = findVenue(String(args.venue), '--venue').name;
  const out = (args.out as string | undefined) ?? join('datasets', basename(first).replace(/\.[^.]*$/, ''));
  const { symbols, depth } = args as { readonly symbols?: readonly string[]; readonly depth?: number };
  requireRecordingPlace(out, '--out', existsSync(join(out, MANIFEST_FILE)) ? 'new' : 'go on');
  const signal = interrupt.listen();
  let imported: ImportResult;
  try {
    imported = await importCapture({
      ...{ files, format, venue, out, symbols, depth, signal },
      timeUnit: oneOf<TimeUnit>(args, 'time-unit', TIME_UNITS),
      clock: oneOf<ClockKind>(args, 'clock', CLOCKS),
      skipsBad: args['skip-bad'] === true,
      allowsUnknown: args['allow-unknown'] === true,
      software: SOFTWARE,
      onProgress: ({ step, what, count: done }) =>
        output.status(() => `${step} ${what}: ${count(done)}`, performance.now()),
    });
  } catch (error) {
    if (!signal.aborted) throw error;
    output.note(`interrupted; the same command goes on with ${out}`);
    return EXIT.interrupted;
  }
  output.result(imported, describe(imported));
  return imported.manifest.counts.frames.text > unknownOf(imported) || args['allow-unknown'] === true
    ? EXIT.done
    : EXIT.failed;
}

/** Files of candles: no frames of anybody's, no receive times. */
async function runCandles(files: readonly string[], args: Arguments, output: Output): Promise<number> {
  if (args.venue === undefined) throw new UsageError('--venue is missing: whose candles are they?');
  const out =
    (args.out as string | undefined) ?? join('datasets', basename(files[0]!).replace(/\.[^.]*$/, ''));
  requireRecordingPlace(out, '--out', 'new');
  const interval = args.interval as string | undefined;
  const imported = await importCandles({
    ...{ files, out, venue: String(args.venue), software: SOFTWARE },
    symbols: args.symbols as readonly string[] | undefined,
    intervalUs: interval === undefined ? undefined : parseDurationUs(interval, '--interval'),
    skipsBad: args['skip-bad'] === true,
  });
  const { manifest, candles, intervalUs, missing, skipped } = imported;
  const { firstUs, lastUs } = manifest.span!;
  output.result(
    imported,
    [
      `imported ${count(candles)} candles of ${formatDurationUs(intervalUs)} of ${manifest.symbols.join(', ')} into ${out}`,
      `from ${formatTimeUs(firstUs - intervalUs)} to ${formatTimeUs(lastUs)}; ${count(missing)} intervals have none`,
      ...(skipped > 0 ? [paint('yellow', `${count(skipped)} rows could not be read and were left out`)] : []),
      `next: retick backtest RUN.yaml --data ${out}, with venue: ${manifest.venue} and candles: { from: candles }`,
    ].join('\n'),
  );
  return EXIT.done;
}

function oneOf<T extends string>(args: Arguments, name: string, known: readonly T[]): T | undefined {
  const value = args[name] as string | undefined;
  if (value === undefined) return undefined;
  if (!(known as readonly string[]).includes(value)) {
    throw unknownName(
      name === 'format' ? 'capture format' : name.replace('-', ' '),
      value,
      name === 'format' ? [...known, ...CANDLE_FORMATS] : known,
      `--${name}`,
    );
  }
  return value as T;
}

function unknownOf({ manifest }: ImportResult): number {
  return manifest.counts.unknown;
}

function describe(imported: ImportResult): string {
  const { manifest, recording, files, clamped, clockSteps, skipped, resumed, untimed, unsealed } = imported;
  const { text } = manifest.counts.frames;
  const understood = Math.max(0, text - unknownOf(imported));
  const verdict = `${count(understood)} of ${count(text)} frames understood`;
  const doubt = understood < text / 2 ? `: is this ${manifest.venue}?` : '';
  return [
    `imported ${count(text)} frames of ${manifest.symbols.join(', ')} into ${recording}`,
    doubt === '' ? verdict : paint(understood === 0 ? 'red' : 'yellow', `${verdict}${doubt}`),
    ...files.map(describeClock),
    ...(untimed > 0 ? [`${count(untimed)} frames without a receive time took their own time`] : []),
    `receive times moved forward so that none goes back: ${count(clamped)}`,
    ...(clockSteps > 0
      ? [`the captures' clock was set back ${count(clockSteps)} times, and goes on from there`]
      : []),
    ...(skipped > 0 ? [paint('yellow', `${count(skipped)} lines could not be read and were left out`)] : []),
    ...(resumed > 0 ? [`${count(resumed)} records were there from an import that was interrupted`] : []),
    ...unsealed.map((why) => paint('yellow', `a segment stays unsealed: ${why}`)),
    `derived ${formatTables(manifest)}`,
    `next: retick data check ${recording}`,
  ].join('\n');
}

function describeClock({ file, clock }: ImportedFile): string {
  if (clock === null) return `${basename(file)}: no receive times`;
  const { unit, kind, offsetUs } = clock;
  const by = kind === 'unix' ? 'since 1970' : `of a steady clock that began ${formatTimeUs(offsetUs)}`;
  return `${basename(file)}: receive times in ${unit}, ${by}`;
}

/** `trades 12, book 340`. */
export function formatTables({ tables }: Manifest): string {
  return tables.map(({ name, rows }) => `${name} ${count(rows)}`).join(', ');
}
