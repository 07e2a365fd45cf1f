// On what, by which Node and of which commit something was measured: a number without these says nothing.
import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';

export type Machine = {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly platform: string;
  /** Processes that wanted a core, on average over the minute before: well above 0 makes the numbers worse. */
  readonly load: number;
  readonly node: string;
  /** With `+` behind it when files differ from it; `unknown` outside a git checkout. */
  readonly commit: string;
};

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    platform: `${process.platform} ${process.arch}`,
    load: loadavg()[0] ?? 0,
    node: process.version,
    commit: findCommit(),
  };
}

export function formatMachine(machine: Machine): string {
  const { cpu, cores, memoryBytes, platform, load, node, commit } = machine;
  const memory = `${(memoryBytes / 2 ** 30).toFixed(0)} GiB`;
  return `${cpu}, ${cores} cores, ${memory}, ${platform}, load ${load.toFixed(1)}\nNode ${node}, commit ${commit}`;
}

function findCommit(): string {
  try {
    const commit = git('rev-parse', '--short=12', 'HEAD');
    return git('status', '--porcelain', '--untracked-files=no') === '' ? commit : `${commit}+`;
  } catch {
    // A copy of the sources without git is as good a place to measure in.
    return 'unknown';
  }
}

function git(...words: readonly string[]): string {
  return execFileSync('git', words, {
    cwd: import.meta.dirname,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();
}
