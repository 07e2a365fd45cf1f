// Recordings that the first version made open, check and replay to the digest they had then: one that ended in order,
// with its tables, and one whose recorder was killed while its only segment was open.
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readManifest } from '../../src/datasets/manifest.ts';
import { buildTables } from '../../src/datasets/tables.ts';
import { replayFrames, replayTables } from '../../src/feeds/replay.ts';
import { retickMany } from '../cli/retick.ts';
import { digestOf } from '../feeds/batches.ts';
import { temporaryFolder } from '../journal/frames.ts';

const RECORDINGS = new URL('../fixtures/recordings/', import.meta.url).pathname;

/** What the first version's engine was given: how many events, and its own digest of them. */
const INPUTS = '1653 ccd113535b8a7699';

function copyOf(name: string): string {
  const folder = join(temporaryFolder(), name);
  cpSync(join(RECORDINGS, name), folder, { recursive: true });
  return folder;
}

test('a recording with its tables replays to its old digest, from tables, from frames, and derived anew', async () => {
  const folder = copyOf('first');
  expect(await digestOf(replayTables(folder).batches())).toBe(INPUTS);
  expect(await digestOf(replayFrames(folder).batches())).toBe(INPUTS);
  await buildTables(folder);
  expect(readManifest(folder).counts.events).toMatchObject({ trade: 425, quote: 214 });
  expect(await digestOf(replayTables(folder).batches())).toBe(INPUTS);
});

test('it checks out by command, and so does one whose recorder was killed, once its tables are derived', async () => {
  const [first, killed] = [copyOf('first'), copyOf('killed')];
  const asked = ['check', first, 'tables', killed, 'check', killed];
  const requests = [0, 2, 4].map((i) => ['data', asked[i]!, asked[i + 1]!]);
  const outcomes = await retickMany(requests, temporaryFolder());
  expect(outcomes.map(({ code, err }) => ({ code, err }))).toEqual(
    requests.map(() => ({ code: 0, err: '' })),
  );
});
