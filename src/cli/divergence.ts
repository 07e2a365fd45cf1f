// Where two runs were not given the same events: the checkpoints narrow it down, the datasets are read again there.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Feed } from '../core/event.ts';
import { firstDifference } from '../feeds/differ.ts';
import { historical } from '../feeds/historical.ts';
import { replayFrames, replayTables } from '../feeds/replay.ts';
import type { Comparison } from '../runs/compare.ts';
import type { Run } from '../runs/run.ts';

/** The first differing event of the inputs, or why it could not be looked at. */
export type InputDifference =
  | {
      readonly state: 'found';
      readonly event: number;
      readonly left: string | undefined;
      readonly right: string | undefined;
      readonly before: readonly string[];
    }
  | {
      readonly state: 'unreadable';
      readonly fromEvent: number;
      readonly toEvent: number;
      readonly reason: string;
    };

/** Undefined when the inputs are the same; a historical run's inputs differ from live's by design and are not searched. */
export async function findInputDifference(
  left: Run,
  right: Run,
  comparison: Comparison,
): Promise<InputDifference | undefined> {
  const window = comparison.inputWindow;
  if (window === undefined) return undefined;
  const isHistorical = (run: Run): boolean => run.manifest.dataset.feed === 'historical';
  if (isHistorical(left) !== isHistorical(right)) return undefined;
  const [a, b] = [feedOf(left), feedOf(right)];
  const missing = a === undefined ? left : b === undefined ? right : undefined;
  if (a === undefined || b === undefined) {
    const name = missing?.manifest.dataset.name;
    return {
      state: 'unreadable',
      ...window,
      reason: `the dataset ${name} is not in datasets/ to look closer`,
    };
  }
  const found = await firstDifference(a, b, window);
  if (found === undefined) {
    return {
      state: 'unreadable',
      ...window,
      reason: 'yet the datasets hold the same events now: one of them has changed since',
    };
  }
  return {
    state: 'found',
    event: found.event,
    left: found.left?.text,
    right: found.right?.text,
    before: found.before.map((event) => event.text),
  };
}

function feedOf(run: Run): Feed | undefined {
  const { dataset } = run.manifest;
  const folder = [join(run.folder, '../../datasets', dataset.name), join('datasets', dataset.name)].find(
    (path) => existsSync(path),
  );
  if (folder === undefined) return undefined;
  const { fromUs, toUs, latencyUs } = dataset;
  const slice = { ...(fromUs === null ? {} : { fromUs }), ...(toUs === null ? {} : { toUs }) };
  if (dataset.feed === 'historical') return historical(folder, { ...slice, latencyUs });
  return dataset.feed === 'tables' ? replayTables(folder, slice) : replayFrames(folder, slice);
}
