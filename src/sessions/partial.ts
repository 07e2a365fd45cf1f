// The folder beside a run's place in which the run is written until it is whole. It carries a mark and a lock of ours, so
// that what a dead process left is told from what is being written and from what is somebody else's.
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { UsageError } from '../core/errors.ts';
import { holderOf, type Lock, takeLock } from '../journal/lock.ts';

/** The mark of a partial folder of ours: it holds the identity of the run being written. */
const MARK_FILE = '.retick-run';
const LOCK_FILE = '.retick-lock';
/** Where a run waits, inside the one that replaces it, for its removal. */
export const REPLACED = '.replaced';
/** Tries to move a run in while equal ones do the same. */
const MOVES_MAX = 100;

export class Partial {
  readonly path: string;
  readonly #lock: Lock;

  constructor(path: string, lock: Lock) {
    this.path = path;
    this.#lock = lock;
  }

  /** Moves the folder to its place. A run that stands there goes with the move, and only then is removed. */
  moveTo(folder: string): void {
    rmSync(join(this.path, MARK_FILE), { force: true });
    this.#lock.release();
    const replaced = join(this.path, REPLACED);
    for (let left = MOVES_MAX; ; left--) {
      rmSync(replaced, { recursive: true, force: true });
      try {
        if (existsSync(folder) && readdirSync(folder).length > 0) renameSync(folder, replaced);
        renameSync(this.path, folder);
        break;
      } catch (error) {
        // An equal run moved in or out at the same time.
        const isRace = ['ENOENT', 'ENOTEMPTY', 'EEXIST'].some((code) => isCode(error, code));
        if (!isRace || left === 0) throw error;
      }
    }
    rmSync(join(folder, REPLACED), { recursive: true, force: true });
  }

  discard(): void {
    rmSync(this.path, { recursive: true, force: true });
    this.#lock.release();
  }
}

/** A partial folder of our own beside the place; whoever has taken the usual name keeps it. */
export async function openPartial(folder: string, identity: string | undefined): Promise<Partial> {
  makeParent(folder);
  clearLeftovers(folder, identity);
  for (let number = 1; ; number++) {
    const path = `${folder}.partial${number === 1 ? '' : `-${number}`}`;
    if (!isMade(path)) continue;
    try {
      // Locked before it is marked, and unmarked before it is unlocked: what is marked and not locked is dead.
      const lock = await takeLock(join(path, LOCK_FILE), `run folder ${folder}`);
      writeFileSync(join(path, MARK_FILE), identity ?? '');
      return new Partial(path, lock);
    } catch (error) {
      rmSync(path, { recursive: true, force: true });
      throw error;
    }
  }
}

/** Removes what dead processes left beside the place. Throws UsageError while another run is written to it. */
function clearLeftovers(folder: string, identity: string | undefined): void {
  const name = basename(resolve(folder));
  for (const entry of readdirSync(dirname(resolve(folder)))) {
    if (!entry.startsWith(name) || !/^\.partial(-\d+)?$/.test(entry.slice(name.length))) continue;
    const path = join(dirname(resolve(folder)), entry);
    const left = leftover(path);
    if (left.state === 'dead') rmSync(path, { recursive: true, force: true });
    if (left.state === 'alive' && (identity === undefined || left.identity !== identity)) {
      throw new UsageError(`--out: ${left.holder} is writing another run to ${folder}`);
    }
  }
}

function makeParent(path: string): void {
  try {
    mkdirSync(dirname(resolve(path)), { recursive: true });
  } catch (cause) {
    if (!isCode(cause, 'EEXIST') && !isCode(cause, 'ENOTDIR')) throw cause;
    throw new UsageError(`--out: ${path} cannot be made: ${dirname(path)} is not a folder`, { cause });
  }
}

function isMade(folder: string): boolean {
  try {
    mkdirSync(folder);
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  }
}

type Leftover =
  | { readonly state: 'foreign' | 'dead' }
  | { readonly state: 'alive'; readonly identity: string; readonly holder: string };

/** Whose partial folder this is: somebody else's, that of a process which is gone, or one being written. */
function leftover(partial: string): Leftover {
  const mark = join(partial, MARK_FILE);
  const isOurs = lstatSync(partial, { throwIfNoEntry: false })?.isDirectory() === true && existsSync(mark);
  if (!isOurs) return { state: 'foreign' };
  const holder = holderOf(join(partial, LOCK_FILE));
  if (holder === undefined) return { state: 'dead' };
  return { state: 'alive', identity: readFileSync(mark, 'utf8'), holder: `process ${holder}` };
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
