// What `retick data info` shows: the manifest in figures a person asks for. It opens no table and no journal.
import { type Gap, type LagSpan, type Manifest, readManifest, type SymbolCounts } from './manifest.ts';

export type SymbolInfo = SymbolCounts & {
  readonly symbol: string;
  readonly tradesPerSecond: number;
  readonly bookMessagesPerSecond: number;
  /** Share of the span in which the book could be trusted, 0 to 1; null where no book was asked for. */
  readonly validBookShare: number | null;
};

export type RecordingInfo = {
  readonly recording: string;
  readonly digest: string;
  readonly venue: string;
  readonly url: string;
  readonly channels: readonly string[];
  readonly depth: number;
  readonly candleUs: number;
  readonly span: Manifest['span'];
  readonly durationUs: number;
  readonly records: number;
  readonly frames: number;
  readonly framesPerSecond: number;
  readonly events: number;
  readonly eventsPerSecond: number;
  readonly unknown: number;
  readonly connections: number;
  readonly clockSteps: number;
  readonly symbols: readonly SymbolInfo[];
  readonly gaps: readonly Gap[];
  readonly lags: readonly LagSpan[];
  /** Trades set apart because their venue time cannot be right. */
  readonly misdated: number;
  readonly segments: number;
  readonly tables: readonly {
    readonly name: string;
    readonly rows: number;
    readonly files: number;
    readonly bytes: number;
    readonly isSorted: boolean;
  }[];
  readonly software: string;
  readonly node: string;
};

/** From the start of the recording: a book that never had a snapshot was valid none of the time. */
export function validBookShare(
  { invalidBookUs, snapshots }: SymbolCounts,
  channels: readonly string[],
  span: Manifest['span'],
): number | null {
  if (!channels.includes('book')) return null;
  if (snapshots === 0) return 0;
  const durationUs = span === null ? 0 : span.lastUs - span.firstUs;
  return durationUs > 0 ? 1 - invalidBookUs / durationUs : 1;
}

/** Throws DataError when the recording has no manifest. Rates are 0 in a recording without duration. */
export function describeRecording(folder: string): RecordingInfo {
  const manifest = readManifest(folder);
  const { digest, venue, url, channels, depth, candleUs, span, counts, gaps, software, node } = manifest;
  const durationUs = span === null ? 0 : span.lastUs - span.firstUs;
  const perSecond = (count: number) => (durationUs > 0 ? count / (durationUs / 1e6) : 0);
  const frames = counts.frames.text + counts.frames.binary;
  const events = Object.values(counts.events).reduce<number>((sum, count) => sum + (count ?? 0), 0);
  const { records, unknown, connections, clockSteps } = counts;
  return {
    recording: folder,
    ...{ digest, venue, url, channels, depth, candleUs, span, durationUs },
    ...{ records, frames, framesPerSecond: perSecond(frames) },
    ...{ events, eventsPerSecond: perSecond(events) },
    ...{ unknown, connections, clockSteps },
    symbols: manifest.symbols.map((symbol) => {
      const own = counts.symbols[symbol]!;
      return {
        symbol,
        ...own,
        tradesPerSecond: perSecond(own.trades),
        bookMessagesPerSecond: perSecond(own.books),
        validBookShare: validBookShare(own, channels, span),
      };
    }),
    gaps,
    lags: manifest.lags ?? [],
    misdated: counts.misdated ?? 0,
    segments: manifest.segments.length,
    tables: manifest.tables.map(({ name, rows, files, isSorted }) => ({
      name,
      rows,
      files: files.length,
      bytes: files.reduce((sum, file) => sum + file.bytes, 0),
      isSorted,
    })),
    ...{ software, node },
  };
}
