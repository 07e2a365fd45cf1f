// A run on disk: `reports/<run-id>/` with its manifest, its log and the log's tables.
// A run is read back only if the log's bytes still have the digest the manifest names.
import { existsSync, lstatSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { DataError } from '../core/errors.ts';
import { activitySchema } from './activity.ts';
import { digestOf } from './log.ts';
import { TABLE_FILES } from './tables.ts';

export const MODES = ['paper', 'replay', 'backtest'] as const;

const manifestSchema = z.object({
  schema: z.literal(1),
  id: z.string(),
  name: z.string(),
  mode: z.enum(MODES),
  /** Hash of strategies' bundles, parameters, run configuration and dataset: equal identities must give equal digests. */
  identity: z.string(),
  /** SHA-256 of events.jsonl. */
  digest: z.string(),
  /** The engine's digest of every event it was given. */
  inputs: z.string(),
  events: z.number(),
  records: z.number(),
  counts: z.record(z.string(), z.number()),
  firstUs: z.number().nullable(),
  lastUs: z.number().nullable(),
  dataset: z.object({
    name: z.string(),
    digest: z.string(),
    /** How it was fed: `live`, `frames`, `tables` or `historical`, with the slice if there was one. */
    feed: z.string(),
    fromUs: z.number().nullable(),
    toUs: z.number().nullable(),
    latencyUs: z.number(),
  }),
  symbols: z.array(z.string()),
  config: z.record(z.string(), z.unknown()),
  strategies: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      version: z.string(),
      /** SHA-256 of the bundled source. */
      bundle: z.string(),
      params: z.record(z.string(), z.unknown()),
      /** What it calls whose last digits may differ between machines and Node versions, as `Math.exp`. */
      floats: z.array(z.string()).readonly().optional(),
    }),
  ),
  /** What each strategy was given and did; absent in runs of earlier versions. */
  activity: z.array(activitySchema).readonly().optional(),
  software: z.string(),
  node: z.string(),
});

export type RunManifest = z.infer<typeof manifestSchema>;

/** What was measured while the run ran. It differs each time, so it stands apart from the manifest. */
export type Measured = {
  /** From asking for the first event until the last one was taken; of a live run, until its recording was closed. */
  readonly wallSeconds: number;
  /** Events ÷ `wallSeconds`. */
  readonly eventsPerSecond: number;
  /** Event time from the first event to the last; absent in runs of earlier versions. */
  readonly spanSeconds?: number;
  /** Asked for; `max` is null. */
  readonly speed: number | null;
  /** `spanSeconds` ÷ `wallSeconds`; null for a live run, which has no other speed than that of the world. */
  readonly achievedSpeed: number | null;
  readonly lagUs: Readonly<Record<string, number>> | null;
  /** Stage → percentiles in µs. */
  readonly latency: Readonly<Record<string, Latency>>;
  readonly quality: Readonly<Record<string, unknown>>;
  /** The digest that the run of the same identity had which stood in this one's place, where it was another one. */
  readonly earlierDigest?: string;
};

/** Percentiles of one stage, µs. */
export type Latency = {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  readonly mean: number;
};

export type Run = {
  readonly folder: string;
  readonly manifest: RunManifest;
  /** Path of events.jsonl, its digest checked. */
  readonly log: string;
  readonly measured: Measured | undefined;
};

export function writeRun(folder: string, manifest: RunManifest, measured: Measured): void {
  writeJson(join(folder, 'measured.json'), measured);
  writeJson(join(folder, 'manifest.json'), manifest);
}

const RUN_FILES = new Set(['manifest.json', 'measured.json', 'events.jsonl', 'report.html', ...TABLE_FILES]);

/** Whether a run folder holds a file of this name because retick put it there. */
export function isRunFile(name: string): boolean {
  return RUN_FILES.has(name.replace(/\.(tmp|partial)$/, ''));
}

/** Far more than any run needs: a larger file is not a manifest, and is not read. */
const MANIFEST_BYTES_MAX = 64 << 20;

/** The manifest by which a folder is known to be a run; undefined when there is none. The log is not looked at. */
export function peekRun(folder: string): RunManifest | undefined {
  const path = join(folder, 'manifest.json');
  const entry = lstatSync(path, { throwIfNoEntry: false });
  if (entry?.isFile() !== true || entry.size > MANIFEST_BYTES_MAX) return undefined;
  try {
    return manifestSchema.safeParse(JSON.parse(readFileSync(path, 'utf8'))).data;
  } catch {
    // Not JSON, so not a manifest.
    return undefined;
  }
}

/** Reads a run folder. Errors: DataError when it is none, or when its log is not the one it was written with. */
export function readRun(folder: string): Run {
  const path = join(folder, 'manifest.json');
  if (!existsSync(path)) throw new DataError(`${folder} holds no run (there is no manifest.json in it)`);
  const parsed = manifestSchema.safeParse(readJson(path));
  if (!parsed.success) throw new DataError(`${path}: ${z.prettifyError(parsed.error).replaceAll('\n', ' ')}`);
  const log = join(folder, 'events.jsonl');
  if (!existsSync(log)) throw new DataError(`${folder}: the run log events.jsonl is missing`);
  const digest = digestOf(log);
  if (digest !== parsed.data.digest) {
    throw new DataError(
      `${log} is not the log of this run: its digest is ${digest.slice(0, 16)}, the manifest says ${parsed.data.digest.slice(0, 16)}`,
    );
  }
  const measured = join(folder, 'measured.json');
  return {
    folder,
    manifest: parsed.data,
    log,
    measured: existsSync(measured) ? (readJson(measured) as Measured) : undefined,
  };
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new DataError(`${path} is no JSON: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

function writeJson(path: string, value: unknown): void {
  writeFileSync(`${path}.tmp`, `${JSON.stringify(value, null, 2)}\n`);
  renameSync(`${path}.tmp`, path);
}
