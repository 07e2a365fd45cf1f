// One owner at a time: a lock is a file that names the process holding it. The lock of a process that is gone
// is taken over; the start time beside the process number tells it from another one that got the same number.
import { existsSync, linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { UsageError } from '../core/errors.ts';

/** To be released once; further calls do nothing. */
export type Lock = { release(): void };

/** Locks held by this very process, which the process number cannot tell apart. */
const held = new Set<string>();

/** Two that take over the same stale lock at once both see the later one's name after this time. */
const TAKE_OVER_MS = 50;

/** Takes the lock or throws UsageError, `what` naming what it guards. */
export async function takeLock(path: string, what: string): Promise<Lock> {
  const lock = await tryLock(path);
  if ('holder' in lock) {
    throw new UsageError(`${what} is in use by process ${lock.holder} (lock file ${path})`);
  }
  return lock;
}

/** Waits until the lock is free and takes it; throws UsageError when that takes too long. */
export async function waitForLock(path: string, what: string, timeoutMs = 120_000): Promise<Lock> {
  const stepMs = 50;
  for (let waitedMs = 0; waitedMs < timeoutMs; waitedMs += stepMs) {
    const lock = await tryLock(path);
    if (!('holder' in lock)) return lock;
    await sleep(stepMs);
  }
  return takeLock(path, what);
}

/** The process that holds a lock now; undefined when nobody does. It only looks, which works on a full disk, too. */
export function holderOf(path: string): string | undefined {
  if (held.has(path)) return String(process.pid);
  const holder = readLock(path);
  return holder !== undefined && isAlive(holder) ? holder.split(' ')[0]! : undefined;
}

async function tryLock(path: string): Promise<Lock | { readonly holder: string }> {
  const me = String(process.pid);
  if (held.has(path)) return { holder: me };
  held.add(path);
  const mine = `${me} ${processOf(process.pid).start}`;
  const own = `${path}.${me}`;
  let holder: string | undefined;
  try {
    writeFileSync(own, mine);
    while (holder !== mine && !link(own, path)) {
      holder = readLock(path);
      // It was released in between: try again.
      if (holder === undefined) continue;
      if (isAlive(holder)) break;
      renameSync(own, path);
      await sleep(TAKE_OVER_MS);
      holder = readLock(path);
      break;
    }
  } catch (error) {
    held.delete(path);
    throw error;
  } finally {
    rmSync(own, { force: true });
  }
  if (holder !== undefined && holder !== mine) {
    held.delete(path);
    return { holder: holder.split(' ')[0]! };
  }
  let isHeld = true;
  return {
    release() {
      if (!isHeld) return;
      isHeld = false;
      if (readLock(path) === mine) rmSync(path, { force: true });
      held.delete(path);
    },
  };
}

/** Makes `to` a second name of the file, unless that name is taken: atomic, and never an empty lock file. */
function link(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function readLock(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function isAlive(holder: string): boolean {
  const [pidText = '', start = ''] = holder.split(' ');
  const pid = Number(pidText);
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Any other error says that it lives and belongs to somebody else.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const found = processOf(pid);
  return found.start === start && found.state !== 'Z';
}

/** State (`Z`: ended, not yet waited for) and start time in the kernel's ticks; empty where no file tells. */
function processOf(pid: number): { readonly state: string; readonly start: string } {
  const file = `/proc/${pid}/stat`;
  if (!existsSync(file)) return { state: '', start: '' };
  const stat = readFileSync(file, 'utf8');
  // The program's name, in parentheses, may hold spaces; the state is the first field after it, the start time the twentieth.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', start: fields[19] ?? '' };
}
