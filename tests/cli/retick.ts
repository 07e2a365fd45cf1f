// Runs the command as a person would: a process of its own, in a folder of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';

export const ENTRY = resolve(import.meta.dirname, '../../src/retick.mjs');

export type Outcome = { readonly code: number | null; readonly out: string; readonly err: string };

/** A temporary working folder, removed with `remove`. */
export function workplace(): { readonly folder: string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'retick-cli-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

export function start(args: readonly string[], cwd: string, node: readonly string[] = []): ChildProcess {
  return spawn(process.execPath, [...node, ENTRY, ...args], { cwd, env: { ...process.env, NO_COLOR: '1' } });
}

/** Waits for the end of a process and gives all it said. */
export function outcome(child: ChildProcess): Promise<Outcome> {
  let [out, err] = ['', ''];
  child.stdout?.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  return new Promise((done, failed) => {
    child.once('error', failed);
    child.once('close', (code) => done({ code, out, err }));
  });
}

export function retick(args: readonly string[], cwd: string): Promise<Outcome> {
  return outcome(start(args, cwd));
}

/** Requests that end by themselves, made in one process: a start costs more than most of them. */
export async function retickMany(
  requests: readonly (readonly string[])[],
  cwd: string,
): Promise<readonly Outcome[]> {
  const entry = resolve(import.meta.dirname, 'many.ts');
  const env = { ...process.env, NO_COLOR: '1' };
  const { out } = await outcome(spawn(process.execPath, [entry, JSON.stringify(requests)], { cwd, env }));
  return out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Outcome);
}

/** Resolves as soon as the process has said this, on either stream; rejects when it ends without. */
export function said(child: ChildProcess, what: RegExp): Promise<void> {
  return new Promise((done, failed) => {
    let text = '';
    const listen = (chunk: Buffer): void => {
      text += chunk.toString();
      if (what.test(text)) done();
    };
    child.stdout?.on('data', listen);
    child.stderr?.on('data', listen);
    child.once('close', (code) => failed(new Error(`ended with ${code} before it said ${what}: ${text}`)));
  });
}

/** Resolves as soon as the condition holds. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const startedMs = performance.now();
  while (!condition()) {
    if (performance.now() - startedMs > 20_000) throw new Error(`waited in vain until ${what}`);
    await setTimeout(5);
  }
}

/** The size of a file, 0 while it is not there. */
export function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** What no terminal needs to read: control characters other than line ends. */
export const CONTROL = /[^\P{Cc}\n]/u;
