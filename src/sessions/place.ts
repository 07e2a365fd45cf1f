// The one place that decides what a command may write into, before any of its work begins. A run folder of ours may be
// replaced, when that is asked for or when it is the same run again; nothing else that is there ever is.
// A run is written beside its place and moved in when it is whole; what a dead process left there is cleaned away.
import {
  closeSync,
  existsSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  realpathSync,
  rmdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { UsageError } from '../core/errors.ts';
import { TABLE_NAMES } from '../datasets/columns.ts';
import { MANIFEST_FILE, TABLES_LOCK } from '../datasets/manifest.ts';
import { isRunFile, peekRun } from '../runs/run.ts';
import { openPartial, REPLACED } from './partial.ts';

/** Where a run is written. */
export type RunPlace = {
  /** Where it stands until it is whole. */
  readonly partial: string;
  /** The folder that the finished run will have: with the suffix, and a number when something came to stand there. */
  readonly name: (suffix: string) => string;
  /** Moves the finished run in under that name. */
  readonly commit: (folder: string) => void;
  /** Takes back what was written. */
  readonly discard: () => void;
};

export type RunClaim = {
  /** What decides the run's result; undefined where nothing that exists can be the same run. */
  readonly identity: string | undefined;
  /** Replace a run of another identity. */
  readonly isForced: boolean;
  /** Folders that the same command writes, too. */
  readonly apartFrom?: readonly string[];
};

/** Makes sure of a place for a run, or throws UsageError saying what is there. Nothing that is there is touched yet. */
export async function claimRun(folder: string, claim: RunClaim): Promise<RunPlace> {
  requireApart('--out', folder, claim.apartFrom ?? []);
  requireReplaceable(folder, claim);
  const partial = await openPartial(folder, claim.identity);
  return {
    partial: partial.path,
    name: (suffix) => freeName(`${folder}${suffix}`, claim),
    commit: (place) => {
      requireReplaceable(place, claim);
      partial.moveTo(place);
    },
    discard: () => partial.discard(),
  };
}

/** A place for a run of this name, where none or one of the same name is. */
export function requireRunPlace(folder: string, name: string): void {
  const found = look(folder, 'run folder');
  requireReplaceable(folder, { identity: undefined, isForced: found.state === 'run' && found.name === name });
}

/** A new recording's folder, or, for a command that goes on with one, a recording that is there. */
export function requireRecordingPlace(folder: string, flag: string, use: 'new' | 'go on'): void {
  const found = look(folder, flag);
  if (found.state === 'free') return;
  if (found.state === 'recording') {
    if (use === 'go on' && existsSync(join(folder, 'journal'))) return;
    throw refusal(flag, folder, 'holds a recording already', 'a new folder');
  }
  const allowed = use === 'new' ? 'a new folder' : 'a new folder or a recording of the same session';
  throw refusal(flag, folder, describe(found), allowed);
}

/** Takes back a recording that came to nothing: the journal that this command made, and the folder when it made it. */
export function discardRecording(
  folder: string,
  had: { readonly folder: boolean; readonly journal: boolean },
): void {
  if (!had.journal) rmSync(join(folder, 'journal'), { recursive: true, force: true });
  if (!had.folder && existsSync(folder) && readdirSync(folder).length === 0) rmdirSync(folder);
}

/** A new file, or a report of ours: of the same title, or any when it is asked for. `title` is the new report's. */
export function requireReportPlace(path: string, title: string, isForced: boolean): void {
  requireApart('--out', path, []);
  requireOutside('--out', path, 'recording');
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  const there = found.isFile() ? reportTitle(path) : undefined;
  if (there === undefined) {
    throw refusal(
      '--out',
      path,
      `is ${found.isFile() ? 'a file' : whatIs(path)} that is not a report`,
      'a new file',
    );
  }
  if (there === title || isForced) return;
  throw refusal('--out', path, `is the report of ${there}`, 'a new file, or --force to replace that report');
}

/** New files only: none of them is there, not even as a link that leads nowhere, and their folders can be made. */
export function requireFree(paths: readonly string[]): void {
  for (const path of paths) requireOutside('folder', path, 'recording');
  const there = paths.filter((path) => lstatSync(path, { throwIfNoEntry: false }) !== undefined);
  if (there.length === 0) return;
  throw new UsageError(
    `${there.join(' and ')} ${there.length === 1 ? 'is' : 'are'} there already; nothing was written`,
  );
}

type Found =
  | { readonly state: 'free' }
  | {
      readonly state: 'run';
      readonly identity: string;
      readonly id: string;
      readonly name: string;
      readonly strangers: readonly string[];
    }
  | { readonly state: 'recording' }
  | { readonly state: 'taken'; readonly what: string };

/** What stands where a command wants to write. Throws UsageError where nothing may stand. */
function look(folder: string, flag: string): Found {
  requireApart(flag, folder, []);
  requireOutside(flag, folder, 'recording');
  requireOutside(flag, folder, 'run');
  const entry = lstatSync(folder, { throwIfNoEntry: false });
  if (entry === undefined) return { state: 'free' };
  if (!entry.isDirectory()) return { state: 'taken', what: `is ${whatIs(folder)}` };
  const names = readdirSync(folder);
  if (names.length === 0) return { state: 'free' };
  if (isRecording(folder) || isBegun(folder, names)) return { state: 'recording' };
  const run = peekRun(folder);
  const strangers = names.filter((name) => !isRunFile(name) && name !== REPLACED).sort();
  if (run !== undefined)
    return { state: 'run', identity: run.identity, id: run.id, name: run.name, strangers };
  return { state: 'taken', what: `holds other files (${some(names.sort())}) and is not a run` };
}

function describe(found: Found): string {
  switch (found.state) {
    case 'run':
      return `holds the run ${found.id}`;
    case 'recording':
      return 'holds a recording';
    case 'taken':
      return found.what;
    case 'free':
      return 'is free';
  }
}

function requireReplaceable(folder: string, { identity, isForced }: RunClaim): void {
  const found = look(folder, '--out');
  if (found.state === 'free') return;
  if (found.state !== 'run') throw refusal('--out', folder, describe(found), 'a new folder');
  if (found.strangers.length > 0) {
    const what = `holds the run ${found.id} and files that are not of it (${some(found.strangers)})`;
    throw refusal('--out', folder, what, 'a new folder; or move those files away');
  }
  if (isForced || found.identity === identity) return;
  const allowed = 'a new folder, or --force to replace that run';
  throw refusal('--out', folder, `holds the run ${found.id}, which is another run`, allowed);
}

/** The place itself or, when something came to stand there meanwhile, the next name that is free. */
function freeName(folder: string, claim: RunClaim): string {
  for (let number = 1; ; number++) {
    const name = number === 1 ? folder : `${folder}-${number}`;
    try {
      requireReplaceable(name, claim);
      return name;
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
    }
  }
}

/** Neither the current folder nor one that holds it, nor the common folders of all recordings and runs. */
function requireApart(flag: string, path: string, others: readonly string[]): void {
  const real = realPath(path);
  const here = realpathSync('.');
  if (path.trim() === '') throw refusal(flag, JSON.stringify(path), 'names nothing', 'a new folder');
  if (isWithin(here, real))
    throw refusal(flag, path, 'is the current folder or one that holds it', 'a new folder');
  for (const common of ['datasets', 'reports']) {
    if (real !== join(here, common)) continue;
    throw refusal(flag, path, `is where all ${common} are kept`, `a folder in it, as ${common}/NAME`);
  }
  for (const other of others) {
    const [a, b] = [real, realPath(other)];
    if (isWithin(a, b) || isWithin(b, a))
      throw refusal(flag, path, `is not apart from ${other}`, 'another folder');
  }
}

/** Nothing is put inside a recording; and a run has no other run in it. */
function requireOutside(flag: string, path: string, kind: 'recording' | 'run'): void {
  for (let above = dirname(realPath(path)); ; above = dirname(above)) {
    if (existsSync(above) && !statSync(above).isDirectory()) {
      throw refusal(flag, path, `would be in ${above}, which is not a folder`, 'a folder that can be made');
    }
    const isInside = kind === 'recording' ? isRecording(above) : peekRun(above) !== undefined;
    if (isInside) throw refusal(flag, path, `is inside the ${kind} ${above}`, 'a folder outside of it');
    if (above === dirname(above)) return;
  }
}

/** A journal with a segment in it, or a manifest that names some. */
export function isRecording(folder: string): boolean {
  const journal = join(folder, 'journal');
  const isFolder = lstatSync(journal, { throwIfNoEntry: false })?.isDirectory() === true;
  if (isFolder && readdirSync(journal).some((name) => /^\d{6}\.(arrow|parquet|torn)$/.test(name)))
    return true;
  const manifest = join(folder, MANIFEST_FILE);
  if (lstatSync(manifest, { throwIfNoEntry: false })?.isFile() !== true) return false;
  try {
    return Array.isArray(
      (JSON.parse(readFileSync(manifest, 'utf8')) as { segments?: unknown } | null)?.segments,
    );
  } catch {
    // Whatever it is, a manifest of a recording is JSON.
    return false;
  }
}

/** What a recorder leaves that is killed before its first segment: nothing but a journal, with nothing but marks of ours. */
function isBegun(folder: string, names: readonly string[]): boolean {
  if (names.length !== 1 || names[0] !== 'journal') return false;
  const journal = join(folder, 'journal');
  if (!lstatSync(journal).isDirectory()) return false;
  return readdirSync(journal).every((name) => /^(lock(\.\d+-\d+)?|acknowledged)$/.test(name));
}

/** Whether a recording's folder holds a file of this name because retick put it there. */
export function isRecordingFile(name: string): boolean {
  return RECORDING_FILES.has(name);
}

const RECORDING_FILES = new Set<string>([
  ...['journal', MANIFEST_FILE, `${MANIFEST_FILE}.partial`, '.tables-partial', TABLES_LOCK],
  ...TABLE_NAMES,
]);

/** The title of a report of ours, undefined for any other file. */
function reportTitle(path: string): string | undefined {
  const head = Buffer.alloc(4096);
  const file = openSync(path, 'r');
  const text = head.toString('utf8', 0, readSync(file, head, 0, head.length, 0));
  closeSync(file);
  if (!text.startsWith('<!doctype html>')) return undefined;
  return /<title>([^<]*) · retick<\/title>/.exec(text)?.[1];
}

function whatIs(path: string): string {
  const entry = lstatSync(path);
  if (entry.isSymbolicLink()) return 'a symbolic link';
  if (entry.isFile()) return 'a file';
  return entry.isDirectory() ? 'a folder' : 'neither a file nor a folder';
}

/** The path with every link above its last name followed, whether or not it exists. */
function realPath(path: string): string {
  const full = resolve(path);
  const above = dirname(full);
  if (above === full) return full;
  const base = lstatSync(above, { throwIfNoEntry: false }) === undefined ? realPath(above) : realOf(above);
  return join(base, basename(full));
}

/** A link that leads nowhere stays what it is. */
function realOf(path: string): string {
  return existsSync(path) ? realpathSync(path) : path;
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

function some(names: readonly string[]): string {
  return names.length > 3 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ');
}

function refusal(flag: string, path: string, what: string, allowed: string): UsageError {
  return new UsageError(`${flag}: ${path} ${what}; nothing was touched (allowed: ${allowed})`);
}
