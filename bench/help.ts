// How long `retick --help` takes, as a process, from the start to its end: what a person waits for.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type BenchRow, below } from './row.ts';

const ENTRY = fileURLToPath(new URL('../src/retick.mjs', import.meta.url));

export function benchHelp(rounds: number): readonly BenchRow[] {
  const bareMs = median(rounds, ['-e', '0']);
  const helpMs = median(rounds, [ENTRY, '--help']);
  return [
    { name: 'retick --help', value: helpMs, unit: 'ms', target: below(200) },
    { name: 'Node alone, doing nothing', value: bareMs, unit: 'ms' },
  ];
}

function median(rounds: number, words: readonly string[]): number {
  const times: number[] = [];
  // The first round warms the disk's cache.
  for (let round = 0; round <= rounds; round++) {
    const start = performance.now();
    const { status, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' });
    if (round > 0) times.push(performance.now() - start);
    if (status !== 0) throw new Error(`node ${words.join(' ')} ended with ${status}: ${stderr}`);
  }
  times.sort((a, b) => a - b);
  return times[times.length >> 1]!;
}
