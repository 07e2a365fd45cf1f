// One owner at a time: a lock is a file that names the process holding it, which renews it as long as it lives. Whether an
// owner is gone can be proven only where its process numbers are ours: the same system, not restarted since, and the same
// space of process numbers, which two containers on one machine do not share. Elsewhere only its silence tells, and it has
// to last. An owner whose lock was taken all the same learns of it at its next beat.
import {
  existsSync,
  linkSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UsageError } from '../core/errors.ts';

/** To be released once; further calls do nothing. */
export type Lock = { release(): void };

export type LockOptions = {
  /** Told once when somebody else has come to hold the lock. */
  readonly onLost?: (holder: string) => void;
  /** How often the lock is renewed, ms. Default 2,000. */
  readonly beatMs?: number;
  /** How long a lock that looks forgotten is watched before it is taken over, ms. Default: three beats. */
  readonly watchMs?: number;
};

export type WaitOptions = {
  /** Default 120,000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
};

/** How often an owner renews its lock, ms. */
const BEAT_MS = 2000;
/** An owner that cannot be looked up is taken for dead when its lock was not renewed for so long, ms. */
export const STALE_MS = 60_000;

type Owner = {
  readonly host: string;
  /** The system since it was started, and its space of process numbers; empty where the system does not tell. */
  readonly boot: string;
  readonly space: string;
  readonly pid: number;
  /** When the process began, in ticks of the system; empty where the system does not tell. */
  readonly start: string;
  /** Tells two locks of one process apart. */
  readonly token: string;
};

/** What is known of a lock: free, or held, or left behind; by whom, in words that follow "process". */
type Found =
  | { readonly state: 'free' }
  | { readonly state: 'held' | 'dead' | 'silent'; readonly text: string; readonly holder: string };

/** Locks held by this very process: path and content. */
const held = new Map<string, string>();
let tokens = 0;

/** Takes the lock or throws UsageError, `what` naming what it guards. */
export async function takeLock(path: string, what: string, options: LockOptions = {}): Promise<Lock> {
  const lock = await tryLock(path, options);
  if ('holder' in lock) {
    throw new UsageError(`${what} is in use by process ${lock.holder} (lock file ${path})`);
  }
  return lock;
}

/** Waits until the lock is free and takes it; throws UsageError when that takes too long, or the signal's reason. */
export async function waitForLock(path: string, what: string, options: WaitOptions = {}): Promise<Lock> {
  const { timeoutMs = 120_000, signal } = options;
  const stepMs = 50;
  for (let waitedMs = 0; waitedMs < timeoutMs; waitedMs += stepMs) {
    const lock = await tryLock(path, {});
    if (!('holder' in lock)) return lock;
    signal?.throwIfAborted();
    await sleep(stepMs);
  }
  return takeLock(path, what);
}

/** The process that holds a lock now; undefined when nobody does. It only looks, which works on a full disk, too. */
export function holderOf(path: string): string | undefined {
  const found = look(path);
  return found.state === 'held' ? found.holder : undefined;
}

async function tryLock(path: string, options: LockOptions): Promise<Lock | { readonly holder: string }> {
  const key = resolve(path);
  if (held.has(key)) return { holder: String(process.pid) };
  const mine = formatOwner({ ...SELF, token: `${tokens++}-${Date.now()}` });
  held.set(key, mine);
  let holder: string | undefined;
  try {
    holder = await contend(path, mine, options.watchMs ?? 3 * BEAT_MS);
  } catch (error) {
    held.delete(key);
    throw error;
  }
  if (holder === undefined) return hold(path, key, mine, options);
  held.delete(key);
  return { holder };
}

/** Puts our name on the lock; undefined when that is done, else who holds it. */
async function contend(path: string, mine: string, watchMs: number): Promise<string | undefined> {
  for (;;) {
    if (place(path, mine)) return undefined;
    const found = look(path);
    if (found.state === 'free') continue;
    if (found.state === 'held') return found.holder;
    if (found.state === 'silent' && !(await staysSilent(path, watchMs))) return found.holder;
    clear(path, found.text);
  }
}

/** Writes the file unless there is one: whole or not at all. */
function place(path: string, mine: string): boolean {
  const own = `${path}.${SELF.pid}-${tokens++}`;
  try {
    writeFileSync(own, mine);
    return link(own, path, mine);
  } finally {
    rmSync(own, { force: true });
  }
}

function link(from: string, to: string, text: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (code === 'ENOENT') throw error;
  }
  // A file system without links.
  try {
    writeFileSync(to, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Takes a dead lock away: of several who try, one moves it, and whoever moved a living one gives it back. */
function clear(path: string, dead: string): void {
  const aside = `${path}.${SELF.pid}-${tokens++}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if (readLock(aside) !== dead) link(aside, path, readLock(aside) ?? '');
  rmSync(aside, { force: true });
}

/** Whether the lock is not renewed while we watch, whatever its age: clocks of two machines may differ. */
async function staysSilent(path: string, watchMs: number): Promise<boolean> {
  const stamp = () => {
    const { ino, mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? {};
    return `${ino} ${mtimeMs}`;
  };
  const before = stamp();
  await sleep(watchMs);
  return stamp() === before;
}

function hold(path: string, key: string, mine: string, { onLost, beatMs = BEAT_MS }: LockOptions): Lock {
  let isBeating = false;
  const timer = setInterval(async () => {
    if (isBeating) return;
    isBeating = true;
    const found = await renew(path, mine).catch(() => undefined);
    isBeating = false;
    if (found === undefined || found === mine || held.get(key) !== mine) return;
    clearInterval(timer);
    onLost?.(describe(found));
  }, beatMs).unref();
  return {
    release() {
      if (held.get(key) !== mine) return;
      clearInterval(timer);
      held.delete(key);
      if (readLock(path) === mine) rmSync(path, { force: true });
    },
  };
}

/** Writes the same bytes once more, which sets the time of the file; returns what stood there. Throws when it is gone. */
async function renew(path: string, mine: string): Promise<string> {
  const file = await open(path, 'r+');
  try {
    const found = await file.readFile('utf8');
    if (found === mine) await file.write(mine, 0);
    return found;
  } finally {
    await file.close();
  }
}

function look(path: string): Found {
  const text = readLock(path);
  const changedMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  if (text === undefined || changedMs === undefined) return { state: 'free' };
  const owner = parseOwner(text);
  const holder = describe(text);
  if (held.get(resolve(path)) === text) return { state: 'held', text, holder };
  if (owner !== undefined && isNear(owner)) {
    return { state: isAlive(owner) ? 'held' : 'dead', text, holder };
  }
  const earlier = EARLIER.exec(text);
  if (earlier !== null && isAlive({ pid: Number(earlier[1]), start: earlier[2]! })) {
    return { state: 'held', text, holder };
  }
  const silentMs = Date.now() - changedMs;
  const since = `${holder}, last heard of ${Math.max(0, Math.round(silentMs / 1000))} s ago`;
  return { state: silentMs > STALE_MS ? 'silent' : 'held', text, holder: since };
}

function readLock(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function formatOwner(owner: Owner): string {
  return `${JSON.stringify(owner)}\n`;
}

/** What earlier versions wrote: the process's number and start, nothing of where, and never again. */
const EARLIER = /^(\d+) (\d+)$/;

/** Undefined when it is not one of ours. */
function parseOwner(text: string): Owner | undefined {
  try {
    const { host, boot, space, pid, start, token } = JSON.parse(text) as Partial<Owner>;
    const texts = [host, boot, space, start, token];
    if (!Number.isInteger(pid) || !texts.every((part) => typeof part === 'string')) return undefined;
    return { host, boot, space, pid, start, token } as Owner;
  } catch {
    return undefined;
  }
}

function describe(text: string): string {
  const owner = parseOwner(text);
  if (owner === undefined) return EARLIER.exec(text)?.[1] ?? 'unknown';
  return isNear(owner) ? String(owner.pid) : `${owner.pid} on ${owner.host}`;
}

/** Whether the owner's process number means the same process to us. */
function isNear({ host, boot, space }: Owner): boolean {
  return boot === SELF.boot && space === SELF.space && (boot !== '' || host === SELF.host);
}

function isAlive({ pid, start }: Pick<Owner, 'pid' | 'start'>): boolean {
  // Where the system does not tell when a process began, one with our number that is not us is gone.
  if (pid === SELF.pid) return start !== '' && start === SELF.start;
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

const SELF: Omit<Owner, 'token'> = {
  host: hostname(),
  boot: tell(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
  space: tell(() => readlinkSync('/proc/self/ns/pid')),
  pid: process.pid,
  start: processOf(process.pid).start,
};

/** What only some systems tell; empty on the others. */
function tell(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}
