// A run on disk: `reports/<run-id>/` with its manifest, its log and the log's tables.
// A run is read back only if its files, and the manifest itself, still have the digests that the manifest names.
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { jsonDepth, TIME_MAX_US } from '../core/bounds.ts';
import { DataError } from '../core/errors.ts';
import { requireFile } from '../parquet/files.ts';
import { activitySchema } from './activity.ts';
import { digestOf } from './log.ts';
import { TABLE_FILES } from './tables.ts';

export const MODES = ['paper', 'replay', 'backtest'] as const;

const count = z.number().int().nonnegative();
const timeUs = z.number().nonnegative().lt(TIME_MAX_US);
/** Far more than any run has. */
const many = <T extends z.ZodType>(each: T) => z.array(each).max(20_000);

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
  events: count,
  records: count,
  counts: z.record(z.string(), count),
  firstUs: timeUs.nullable(),
  lastUs: timeUs.nullable(),
  dataset: z.object({
    name: z.string(),
    digest: z.string(),
    /** How it was fed: `live`, `frames`, `tables` or `historical`, with the slice if there was one. */
    feed: z.string(),
    fromUs: timeUs.nullable(),
    toUs: timeUs.nullable(),
    latencyUs: z.number(),
  }),
  symbols: many(z.string()),
  config: z.record(z.string(), z.unknown()),
  strategies: many(
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
  /** SHA-256 of the run's other files, by name; the log's is `digest`. Absent in runs of earlier versions, as is `self`. */
  files: z.record(z.string(), z.string()).optional(),
  /** SHA-256 of this manifest as it is written, with an empty text in this place. */
  self: z.string().optional(),
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

/** Null where nothing was measured: JSON has no NaN. */
const percentile = z.number().nullable();
const latencySchema = z.object({
  count,
  p50: percentile,
  p90: percentile,
  p99: percentile,
  p999: percentile,
  max: percentile,
  mean: percentile,
});

const measuredSchema = z.looseObject({
  wallSeconds: z.number().nullable(),
  eventsPerSecond: z.number().nullable(),
  spanSeconds: z.number().nullable().optional(),
  speed: z.number().nullable(),
  achievedSpeed: z.number().nullable(),
  lagUs: z.record(z.string(), z.number().nullable()).nullable(),
  latency: z.record(z.string(), latencySchema),
  quality: z.record(z.string(), z.unknown()),
});

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

/** Writes what was measured, then the manifest, which names every other file of the folder that is there by its digest. */
export function writeRun(folder: string, manifest: RunManifest, measured: Measured): void {
  writeText(join(folder, MEASURED), formatJson(measured));
  const names = [MEASURED, ...TABLE_FILES].filter((name) => existsSync(join(folder, name)));
  const files = Object.fromEntries(names.map((name) => [name, digestOf(join(folder, name))]));
  const open = { ...manifest, files, self: '' };
  writeText(join(folder, MANIFEST), formatJson({ ...open, self: sha256(formatJson(open)) }));
}

const MANIFEST = 'manifest.json';
const MEASURED = 'measured.json';

const RUN_FILES = new Set([MANIFEST, MEASURED, 'events.jsonl', 'report.html', ...TABLE_FILES]);

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

/**
 * Reads a run folder. DataError when it is none, when a value in it is not what it must be, or when one of its files is not
 * the one it was written with. Nothing in it is taken for granted: a run may come from anywhere.
 */
export function readRun(folder: string): Run {
  const path = join(folder, MANIFEST);
  if (!existsSync(path)) throw new DataError(`${folder} holds no run (there is no manifest.json in it)`);
  const text = readText(path);
  const manifest = parse(path, text, manifestSchema);
  requireSelf(path, text);
  const log = join(folder, 'events.jsonl');
  if (!existsSync(log)) throw new DataError(`${folder}: the run log events.jsonl is missing`);
  requireDigest(log, manifest.digest);
  const measured = join(folder, MEASURED);
  const hasMeasured = existsSync(measured);
  const measuredDigest = manifest.files?.[MEASURED];
  if (measuredDigest !== undefined && hasMeasured) requireDigest(measured, measuredDigest);
  return {
    folder,
    manifest,
    log,
    measured: hasMeasured ? (parse(measured, readText(measured), measuredSchema) as Measured) : undefined,
  };
}

function requireDigest(path: string, expected: string): void {
  const digest = digestOf(path);
  if (digest === expected) return;
  throw new DataError(
    `${path} is not the one of this run: its digest is ${digest.slice(0, 16)}, the manifest says ${expected.slice(0, 16)}`,
  );
}

/** A byte that changed anywhere in the manifest shows here; manifests of earlier versions say nothing of themselves. */
function requireSelf(path: string, text: string): void {
  const manifest = JSON.parse(text) as Record<string, unknown>;
  if (manifest.self === undefined && manifest.files === undefined) return;
  const isUnchanged =
    formatJson(manifest) === text && sha256(formatJson({ ...manifest, self: '' })) === manifest.self;
  if (!isUnchanged)
    throw new DataError(`${path}: the manifest is not what it was: its digest does not match`);
}

/** Objects within one another: a run file is not deep, nor are parameters. */
const DEPTH_MAX = 64;

function parse<T>(path: string, text: string, schema: z.ZodType<T>): T {
  if (jsonDepth(text, DEPTH_MAX) > DEPTH_MAX)
    throw new DataError(`${path}: nested more than ${DEPTH_MAX} levels deep`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new DataError(`${path} is no JSON: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new DataError(`${path}: ${issue?.path.join('.') || 'contents'}: ${issue?.message}`);
}

function readText(path: string): string {
  requireFile(path, MANIFEST_BYTES_MAX);
  return readFileSync(path, 'utf8');
}

function formatJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function writeText(path: string, text: string): void {
  writeFileSync(`${path}.tmp`, text);
  renameSync(`${path}.tmp`, path);
}
