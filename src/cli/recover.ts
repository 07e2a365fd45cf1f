// `retick data recover`: a new recording of what can still be read of a damaged one, and what is lost, number by number.
import { existsSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { UsageError } from '../core/errors.ts';
import { type Recovered, recoverRecording } from '../datasets/recover.ts';
import { discardRecording, requireRecordingPlace } from '../sessions/place.ts';
import { SOFTWARE } from '../sessions/software.ts';
import type { Arguments } from './command.ts';
import { EXIT } from './exit.ts';
import { count, type Output } from './output.ts';

/** Lost stretches that are printed; `--json` has them all. */
const LOST_MAX = 20;

export async function runRecover(paths: readonly string[], args: Arguments, output: Output): Promise<number> {
  const [recording] = paths;
  if (recording === undefined || paths.length > 1) {
    throw new UsageError(`data recover takes one recording, got ${paths.length}`);
  }
  const beside = relative('.', `${resolve(recording)}-recovered`);
  const out = (args.out as string | undefined) ?? beside;
  requireRecordingPlace(out, '--out', 'new');
  const had = { folder: existsSync(out), journal: false };
  try {
    const recovered = await recoverRecording({ recording, out, software: SOFTWARE });
    output.result(recovered, formatRecovered(recovered));
    return EXIT.done;
  } catch (error) {
    discardRecording(out, had);
    throw error;
  }
}

function formatRecovered({ recording, out, kept, lost, lostRecords, manifest }: Recovered): string {
  if (manifest === undefined)
    return `${recording}: all ${count(kept)} records can be read; nothing was written`;
  const lines = lost
    .slice(0, LOST_MAX)
    .map(({ firstSeq, lastSeq, reason }) => `  records ${count(firstSeq)} to ${count(lastSeq)}: ${reason}`);
  if (lost.length > LOST_MAX)
    lines.push(`  and ${count(lost.length - LOST_MAX)} more stretches (--json has all)`);
  return [
    `kept ${count(kept)} records in ${out}; ${recording} is as it was`,
    lostRecords === 0 ? 'no record is lost' : `lost ${count(lostRecords)} records:`,
    ...lines,
    `next: retick data check ${out}`,
  ].join('\n');
}
