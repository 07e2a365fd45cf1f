// How far a recording goes and how much of it is safe, without decoding a frame: for a look at one that is being recorded,
// and to tell tables that end before their journal does.
import { join } from 'node:path';
import { DataError } from '../core/errors.ts';
import { readAcknowledged, requireAcknowledged } from '../journal/acknowledged.ts';
import { holderOf } from '../journal/lock.ts';
import { readSummary } from '../journal/seal.ts';
import { listSegments, requireSummarised, SegmentReader } from '../journal/segment.ts';
import { journalFolder } from './frames.ts';
import type { Manifest } from './manifest.ts';

export type JournalState = {
  /** The process that records into it now, or derives its tables; null when none does. */
  readonly usedBy: string | null;
  /** The last record there is, and the last one that the disk has confirmed; null in journals of earlier versions. */
  readonly lastSeq: number;
  readonly acknowledgedSeq: number | null;
  /** Times of the first and the last record, µs; null when there is none. */
  readonly span: Manifest['span'];
  readonly segments: number;
  /** Segments that are not sealed: the one being written, and those of which sealing failed or was put off. */
  readonly unsealed: readonly string[];
};

/** Reads summaries of sealed segments and the batches of open ones. Throws DataError when records are missing or damaged. */
export function readJournalState(folder: string): JournalState {
  const journal = journalFolder(folder);
  const usedBy = holderOf(join(journal, 'lock')) ?? null;
  // Read before the segments are: a writer that is at work only adds to what was acknowledged by now.
  const acknowledged = readAcknowledged(journal);
  const segments = listSegments(journal);
  requireSummarised(journal, segments);
  let [lastSeq, firstUs, lastUs] = [0, Number.NaN, Number.NaN];
  for (const { arrow, parquet } of segments) {
    const range =
      arrow === undefined ? readSummary(parquet!) : rangeOf(arrow, arrow === segments.at(-1)?.arrow);
    if (range.rows === 0) continue;
    if (range.firstSeq !== lastSeq + 1) {
      throw new DataError(
        `${arrow ?? parquet}: begins with record ${range.firstSeq} where ${lastSeq + 1} has to follow (retick data recover ${folder} keeps what is readable)`,
      );
    }
    if (lastSeq === 0) ({ firstUs } = range);
    ({ lastSeq, lastUs } = range);
  }
  requireAcknowledged(journal, acknowledged, lastSeq);
  return {
    usedBy,
    lastSeq,
    acknowledgedSeq: acknowledged?.seq ?? null,
    span: lastSeq === 0 ? null : { firstUs, lastUs },
    segments: segments.length,
    unsealed: segments.filter(({ arrow }) => arrow !== undefined).map(({ name }) => name),
  };
}

function rangeOf(arrow: string, isLast: boolean) {
  const reader = new SegmentReader(arrow);
  try {
    while (reader.next() !== undefined);
    const damage = reader.damage(isLast ? 'may be torn' : 'closed');
    if (damage !== undefined) throw damage;
    const { rows, firstSeq, lastSeq, firstUs, lastUs } = reader;
    return { rows, firstSeq, lastSeq, firstUs, lastUs };
  } finally {
    reader.close();
  }
}

/** Throws DataError when records were added since the tables were derived: whoever reads these would miss them. */
export function requireCurrent(folder: string, manifest: Manifest): void {
  const described = manifest.segments.at(-1)?.lastSeq ?? 0;
  const acknowledged = readAcknowledged(journalFolder(folder))?.seq ?? 0;
  if (acknowledged <= described) return;
  throw new DataError(
    `${folder}: its tables end with record ${described}, its journal goes on to record ${acknowledged} (retick data tables ${folder} derives them anew)`,
  );
}
