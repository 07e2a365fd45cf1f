// A session's observer that is a terminal: notes and a status line on stderr.

import type { RecorderStatus } from '../connections/recorder.ts';
import { formatTimeUs } from '../core/time.ts';
import type { Observer, Progress } from '../sessions/observer.ts';
import type { BundledStrategy } from '../sessions/strategies.ts';
import type { Interrupt } from './interrupt.ts';
import { bytes, count, type Output } from './output.ts';

export function watch(output: Output, interrupt?: Interrupt): Observer {
  return {
    note: (text) => output.note(text),
    progress: (describe) => output.status(() => formatProgress(describe()), performance.now()),
    ...(interrupt === undefined ? {} : { atLeaving: (lastWords) => interrupt.atLeaving(lastWords) }),
  };
}

function formatProgress(progress: Progress): string {
  if (progress.doing === 'recording') return formatStatus(progress.what, progress.status);
  const { doing, nowUs, events, offsetUs } = progress;
  const lag = Number.isNaN(offsetUs) ? '' : `  lag of receipt ${count(offsetUs / 1000, 1)} ms`;
  return `${doing} ${formatTimeUs(nowUs)}  ${count(events)} events${lag}`;
}

function formatStatus(what: string, status: RecorderStatus): string {
  const gaps = Object.entries(status.gaps).map(([cause, number]) => `${cause} ${number}`);
  return [
    `${what}  ${count(status.frames)} frames`,
    `${count(status.framesPerSecond)}/s`,
    `lag ${Number.isNaN(status.lagUs) ? 'n/a' : `${count(status.lagUs / 1000, 1)} ms`}`,
    `gaps ${gaps.length === 0 ? '0' : gaps.join(', ')}`,
    bytes(status.bytes),
    `safe ${count(status.acknowledgedSeq)} of ${count(status.lastSeq)} records`,
    stateOf(status),
  ].join('  ');
}

function stateOf({ stalled, connected, frames }: RecorderStatus): string {
  if (stalled) return 'the disk does not follow';
  if (connected) return 'connected';
  return frames === 0 ? 'connecting' : 'reconnecting';
}

/** Lines shown of one strategy; a bundled library may have hundreds. */
const WARNINGS_MAX = 12;

export function noteWarnings(strategies: readonly BundledStrategy[], output: Output): void {
  const byPath = new Map(strategies.map(({ path, warnings }) => [path, warnings]));
  for (const [path, warnings] of byPath) {
    for (const warning of warnings.slice(0, WARNINGS_MAX)) output.note(`warning: ${warning}`);
    const more = warnings.length - WARNINGS_MAX;
    if (more > 0) output.note(`warning: ${path}: ${more} more of these`);
  }
}
