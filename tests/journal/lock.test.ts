import { spawnSync } from 'node:child_process';
import {
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { UsageError } from '../../src/core/errors.ts';
import { holderOf, STALE_MS, takeLock, waitForLock } from '../../src/journal/lock.ts';
import { JournalWriter } from '../../src/journal/writer.ts';
import { temporaryFolder } from './frames.ts';

const path = (): string => join(temporaryFolder(), 'lock');
const WATCH = { watchMs: 30 };

/** What this process writes into a lock, and what another one would. */
async function ownerAt(lock: string, change: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const mine = await takeLock(lock, 'it');
  const text = readFileSync(lock, 'utf8');
  mine.release();
  return `${JSON.stringify({ ...JSON.parse(text), token: 'other', ...change })}\n`;
}

function age(lock: string, ms: number): void {
  const seconds = (Date.now() - ms) / 1000;
  utimesSync(lock, seconds, seconds);
}

/** The number of a process that has ended. */
const gone = (): number => spawnSync(process.execPath, ['--version']).pid;

test('a lock is had by one at a time, and leaves nothing behind', async () => {
  const lock = path();
  const first = await takeLock(lock, 'it');
  await expect(takeLock(lock, 'it')).rejects.toThrow(UsageError);
  await expect(takeLock(lock, 'it')).rejects.toThrow(
    `it is in use by process ${process.pid} (lock file ${lock})`,
  );
  expect(holderOf(lock)).toBe(String(process.pid));
  const second = waitForLock(lock, 'it');
  first.release();
  first.release();
  (await second).release();
  expect(holderOf(lock)).toBeUndefined();
  expect(readdirSync(join(lock, '..'))).toEqual([]);
});

test('of many who come at once for the lock of a dead one, each has it once and alone', async () => {
  const lock = path();
  writeFileSync(lock, await ownerAt(lock, { pid: gone() }));
  let [holders, most, times] = [0, 0, 0];
  const visit = async (): Promise<void> => {
    const mine = await waitForLock(lock, 'it');
    holders += 1;
    times += 1;
    most = Math.max(most, holders);
    await Promise.resolve();
    holders -= 1;
    mine.release();
  };
  await Promise.all([visit(), visit(), visit()]);
  expect({ most, times }).toEqual({ most: 1, times: 3 });
});

test('a process that is provably gone keeps no lock: ended, or another one with its number', async () => {
  const lock = path();
  for (const change of [{ pid: gone() }, { pid: process.ppid, start: '12345' }]) {
    writeFileSync(lock, await ownerAt(lock, change));
    expect(holderOf(lock)).toBeUndefined();
    (await takeLock(lock, 'it', WATCH)).release();
    expect(existsSync(lock)).toBe(false);
  }
});

test.each([
  ['on another machine', { host: 'elsewhere', boot: 'another' }],
  ['in another container of this machine', { host: 'box', space: 'pid:[1]' }],
  ['in another container, with the number of this very process', { space: 'pid:[1]', pid: process.pid }],
])('an owner %s is respected as long as it renews its lock, and named', async (_where, change) => {
  const lock = path();
  const owner = await ownerAt(lock, { pid: gone(), ...change });
  const { host, pid } = JSON.parse(owner) as { host: string; pid: number };
  writeFileSync(lock, owner);
  age(lock, STALE_MS - 20_000);
  await expect(takeLock(lock, 'it', WATCH)).rejects.toThrow(
    new RegExp(`it is in use by process ${pid} on ${host}, last heard of 4\\d s ago`),
  );
  // It looks forgotten, but is renewed while we watch: only its clock is another.
  age(lock, 10 * STALE_MS);
  const taking = takeLock(lock, 'it', { watchMs: 100 });
  age(lock, 9 * STALE_MS);
  await expect(taking).rejects.toThrow(UsageError);
  expect(readFileSync(lock, 'utf8')).toBe(owner);
  // Forgotten, and silent.
  (await takeLock(lock, 'it', WATCH)).release();
  expect(existsSync(lock)).toBe(false);
});

test('a lock of an earlier version, or one that is not readable, is taken over only when it is old', async () => {
  const lock = path();
  for (const text of [`${gone()} 12345`, '', 'no lock of ours']) {
    writeFileSync(lock, text);
    await expect(takeLock(lock, 'it', WATCH)).rejects.toThrow(UsageError);
    age(lock, 2 * STALE_MS);
    (await takeLock(lock, 'it', WATCH)).release();
  }
  const alive = `${process.ppid} ${startOf(process.ppid)}`;
  writeFileSync(lock, alive);
  age(lock, 2 * STALE_MS);
  if (existsSync('/proc'))
    await expect(takeLock(lock, 'it', WATCH)).rejects.toThrow(`process ${process.ppid}`);
});

function startOf(pid: number): string {
  const stat = existsSync('/proc') ? readFileSync(`/proc/${pid}/stat`, 'utf8') : '';
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

test('an owner renews its lock, and learns when somebody else has come to hold it', async () => {
  const lock = path();
  const lost = Promise.withResolvers<string>();
  const mine = await takeLock(lock, 'it', { beatMs: 5, onLost: lost.resolve });
  age(lock, 2 * STALE_MS);
  await expect.poll(() => Date.now() - statSync(lock).mtimeMs, { interval: 5 }).toBeLessThan(STALE_MS);
  const other = JSON.parse(readFileSync(lock, 'utf8')) as Record<string, unknown>;
  unlinkSync(lock);
  writeFileSync(
    lock,
    `${JSON.stringify({ ...other, pid: 4711, host: 'elsewhere', boot: 'x', token: 'y' })}\n`,
  );
  expect(await lost.promise).toBe('4711 on elsewhere');
  mine.release();
  expect(existsSync(lock)).toBe(true);
});

test('a journal on a shared volume is not taken from a recorder in another container', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'lock'), await ownerAt(path(), { host: 'box', space: 'pid:[1]', pid: 1 }));
  await expect(JournalWriter.open(folder)).rejects.toThrow(/in use by process 1 on box/);
  expect(readdirSync(folder)).toEqual(['lock']);
});
