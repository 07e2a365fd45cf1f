// Runs the command as a person would: a process of its own, in a folder of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

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
