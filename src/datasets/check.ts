// Is a recording whole? Every record is read and decoded once more, and what the manifest and the tables claim is held
// against it. What is broken is a problem; what the recording honestly says went wrong while it was made is not.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../core/errors.ts';
import { readSegments } from '../journal/reader.ts';
import { Continuity, type TradeContinuity } from './continuity.ts';
import { TableComparison } from './equality.ts';
import { decodeRecording, readSession, sessionOf, verifySegments } from './frames.ts';
import { validBookShare } from './info.ts';
import {
  DERIVATION,
  type Gap,
  type LagSpan,
  MANIFEST_FILE,
  type Manifest,
  readManifest,
  type SymbolCounts,
} from './manifest.ts';
import { verifyTables } from './read.ts';
import { Summary, type SummaryResult } from './summary.ts';

export type SymbolCheck = {
  readonly symbol: string;
  readonly counts: SymbolCounts;
  /** Share of the span in which the book could be trusted, 0 to 1; null where no book was asked for. */
  readonly validBookShare: number | null;
  /** Of `messages` book messages the venue's own checksum confirmed so many; null where a venue sends none. */
  readonly checksums: {
    readonly verified: number;
    readonly failed: number;
    readonly unchecked: number;
    readonly messages: number;
  } | null;
  readonly trades: TradeContinuity;
};

export type CheckReport = {
  readonly recording: string;
  readonly venue: string;
  readonly digest: string | null;
  readonly span: Manifest['span'];
  readonly records: number;
  readonly frames: Manifest['counts']['frames'];
  readonly events: Manifest['counts']['events'];
  readonly segments: number;
  /** Frames that gave events or need none, and frames that nobody could decode. */
  readonly understood: number;
  readonly unknown: number;
  readonly connections: number;
  readonly clockSteps: number;
  /** How often the recorder paused, and how many frames were late by it. */
  readonly pauses: number;
  readonly lateFrames: number;
  /** Of all symbols together: `301 of 301` is verified of messages. */
  readonly checksums: { readonly verified: number; readonly failed: number; readonly messages: number };
  readonly symbols: readonly SymbolCheck[];
  readonly gaps: readonly Gap[];
  readonly lags: readonly LagSpan[];
  /** Trades set apart because their venue time cannot be right. */
  readonly misdated: number;
  /** `older`: they are what an earlier version derived, and the journal gives other events to this one. */
  readonly tables: 'equal' | 'absent' | 'different' | 'older' | 'unreadable';
  /** What is broken, each in one line; empty when the recording is whole. */
  readonly problems: readonly string[];
};

/** Throws DataError only when there is no recording to check; all that is wrong with one is a problem in the report. */
export async function checkRecording(folder: string): Promise<CheckReport> {
  const problems: string[] = [];
  const manifest = checkManifest(folder, problems);
  const session = manifest === undefined ? (await readSession(folder)).session : sessionOf(manifest);
  if (manifest !== undefined) await collect(problems, () => verifySegments(folder, manifest));
  const hasTables = manifest !== undefined && manifest.tables.length > 0;
  const areReadable = hasTables && (await collect(problems, () => verifyTables(folder, manifest)));
  const comparison = areReadable ? new TableComparison(folder, manifest) : undefined;
  const summary = new Summary(session);
  const continuity = new Continuity(session.symbols.length);
  let checks: readonly (CheckCounts | undefined)[] = [];
  const isDecoded = await collect(problems, async () => {
    for await (const { records, events, decoder } of decodeRecording(folder, session)) {
      summary.addRecords(records);
      summary.addEvents(events);
      continuity.add(events);
      await comparison?.add(events);
      checks = decoder.bookChecks ?? [];
    }
  });
  await comparison?.finish();
  const isOlder = manifest !== undefined && manifest.derivation !== DERIVATION;
  if (isDecoded && !isOlder && comparison?.difference !== undefined) problems.push(comparison.difference);
  const result = summary.finish();
  if (manifest !== undefined && isDecoded) compareSummary(manifest, result, problems);
  const symbols = session.symbols.map((symbol, number) => ({
    symbol,
    counts: result.counts.symbols[symbol]!,
    validBookShare: validBookShare(result.counts.symbols[symbol]!, session.channels, result.span),
    checksums: checksumsOf(checks[number]),
    trades: continuity.of(number),
  }));
  for (const { symbol, trades } of symbols) {
    if (trades.repeated > 0) problems.push(`${symbol}: ${trades.repeated} trade ids are not above the last`);
  }
  const { records, frames, events, unknown, connections, clockSteps } = result.counts;
  const { pauses = 0, lateFrames = 0 } = result.counts;
  const understood = frames.text + frames.binary - unknown;
  return {
    recording: folder,
    venue: session.venue,
    digest: manifest?.digest ?? null,
    span: result.span,
    ...{ records, frames, events, understood, unknown, connections, clockSteps, pauses, lateFrames },
    segments: (manifest?.segments ?? (await readSegments(folder))).length,
    checksums: totalOf(symbols),
    symbols,
    gaps: result.gaps,
    lags: result.lags ?? [],
    misdated: result.counts.misdated ?? 0,
    tables: !hasTables ? 'absent' : tablesState(comparison, isOlder),
    problems,
  };
}

type CheckCounts = { readonly verified: number; readonly failed: number; readonly unchecked: number };

function checkManifest(folder: string, problems: string[]): Manifest | undefined {
  if (!existsSync(join(folder, MANIFEST_FILE))) return undefined;
  try {
    return readManifest(folder);
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    problems.push(error.message);
    return undefined;
  }
}

/** Runs a step; data that is missing or corrupt becomes a problem. False when it did. */
async function collect(problems: string[], step: () => Promise<void>): Promise<boolean> {
  try {
    await step();
    return true;
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    if (!problems.includes(error.message)) problems.push(error.message);
    return false;
  }
}

function compareSummary(manifest: Manifest, found: SummaryResult, problems: string[]): void {
  const isOlder = manifest.derivation !== DERIVATION;
  const compare = (key: string, claimed: unknown, counted: unknown) => {
    if (JSON.stringify(claimed) === JSON.stringify(counted)) return;
    problems.push(`${MANIFEST_FILE}: ${key} differ from what the journal holds`);
  };
  compare('span', manifest.span, found.span);
  // Of what an earlier version derived, only that is compared whose rules are the same.
  const lasting = ({ records, frames, connections }: Manifest['counts']) => ({
    records,
    frames,
    connections,
  });
  if (isOlder) compare('counts', lasting(manifest.counts), lasting(found.counts));
  else compare('counts', manifest.counts, found.counts);
  if (!isOlder) compare('gaps', manifest.gaps, found.gaps);
  if (!isOlder) compare('lags', manifest.lags, found.lags);
}

function checksumsOf(checks: CheckCounts | undefined): SymbolCheck['checksums'] {
  if (checks === undefined) return null;
  const { verified, failed, unchecked } = checks;
  return { verified, failed, unchecked, messages: verified + failed + unchecked };
}

function totalOf(symbols: readonly SymbolCheck[]): CheckReport['checksums'] {
  const sum = (key: 'verified' | 'failed' | 'messages') =>
    symbols.reduce((total, { checksums }) => total + (checksums?.[key] ?? 0), 0);
  return { verified: sum('verified'), failed: sum('failed'), messages: sum('messages') };
}

function tablesState(comparison: TableComparison | undefined, isOlder: boolean): CheckReport['tables'] {
  if (comparison === undefined) return 'unreadable';
  if (comparison.difference === undefined) return 'equal';
  return isOlder ? 'older' : 'different';
}
