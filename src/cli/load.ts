// From a name or a path to a strategy: found, bundled by esbuild into a cache by content hash, imported.
// The bundle's hash is the strategy's identity. What a strategy shares with the engine (retick's public surface
// and zod) stays outside the bundle, so that both use one copy and the hash says what the author wrote.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { z } from 'zod';
import { UsageError, unknownName } from '../core/errors.ts';
import { accountOf } from '../engine/config.ts';
import { freezeDeep, parseAs } from '../engine/schema.ts';
import type { LoadedStrategy, RunConfig, Strategy } from '../index.ts';
import type { Output } from './output.ts';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const INDEX = join(ROOT, 'src/index.ts');

export type BundledStrategy = {
  readonly strategy: Strategy;
  readonly bundle: string;
  readonly path: string;
  readonly bind: Bind;
  readonly warnings: readonly string[];
};
type Bind = NonNullable<LoadedStrategy['bind']>;

/** Folders searched for a bare name, nearest first. */
export function strategyFolders(): readonly string[] {
  return [...new Set([resolve('strategies'), join(ROOT, 'strategies')])].filter((folder) =>
    existsSync(folder),
  );
}

/** Names that `use:` understands, with their files. */
export function listStrategies(): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const folder of strategyFolders()) {
    for (const file of readdirSync(folder).sort()) {
      if (!/\.ts$/.test(file) || file.endsWith('.test.ts')) continue;
      const name = basename(file, '.ts');
      if (!found.has(name)) found.set(name, join(folder, file));
    }
  }
  return found;
}

/** Bundles and imports one strategy. `use` is a name in a strategies folder or a path to a file. */
export async function loadStrategy(use: string, from: string): Promise<BundledStrategy> {
  const path = findStrategy(use, from);
  const { build } = await import('esbuild');
  const result = await build({
    entryPoints: [path],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'neutral',
    target: 'node22',
    logLevel: 'silent',
    legalComments: 'none',
    absWorkingDir: dirname(path),
    define: { 'Date.now': '__ambient.nowMs', 'Math.random': '__ambient.random' },
    plugins: [
      {
        name: 'shared',
        setup(setup) {
          setup.onResolve({ filter: /.*/ }, (args) => {
            if (args.kind === 'entry-point') return undefined;
            if (args.path === 'retick' || resolve(args.resolveDir, args.path) === INDEX)
              return { path: 'retick', external: true };
            if (args.path === 'zod') return { path: 'zod', external: true };
            return undefined;
          });
        },
      },
    ],
  }).catch((cause: unknown) => {
    throw new UsageError(`${path} does not compile: ${firstError(cause)}`, { cause });
  });
  const text = result.outputFiles[0]?.text ?? '';
  const bundle = createHash('sha256').update(text).digest('hex');
  const module = await importBundle(cache(text, bundle), path);
  return {
    strategy: asStrategy(module.strategy, path),
    bundle,
    path,
    bind: module.__bind ?? (() => {}),
    warnings: warningsOf(text, path),
  };
}

type Bundle = { readonly strategy?: unknown; readonly __bind?: Bind };

/** Errors: UsageError when the module throws, or asks retick for what it does not have. */
async function importBundle(bundle: string, path: string): Promise<Bundle> {
  try {
    return (await import(pathToFileURL(bundle).href)) as Bundle;
  } catch (cause) {
    const message = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
    const shown = message.replace(pathToFileURL(INDEX).href, 'retick').split('\n')[0];
    throw new UsageError(`${path} cannot be loaded: ${shown}`, { cause });
  }
}

/** Every strategy of a run file, its parameters parsed and defaulted. */
export async function loadStrategies(
  config: RunConfig,
  from: string,
): Promise<readonly (LoadedStrategy & BundledStrategy)[]> {
  const loaded: (LoadedStrategy & BundledStrategy)[] = [];
  for (const [index, entry] of config.strategies.entries()) {
    const where = `${from}: strategies[${index}]`;
    const bundled = await loadStrategy(entry.use, `${where}.use`);
    const params = parseParams(bundled.strategy, entry.params ?? {}, `${where}.params`);
    requireInputs(bundled.strategy, params, where);
    loaded.push({ ...bundled, params, id: entry.id ?? bundled.strategy.name, account: accountOf(entry) });
  }
  const ids = loaded.map((strategy) => strategy.id);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) {
    throw new UsageError(`${from}: two strategies are called ${twice}; give one of them an id of its own`);
  }
  return loaded;
}

/** The parameters of a strategy, checked and defaulted; an unknown one is an error. `from` is where they stood. */
function parseParams(
  strategy: Strategy,
  params: Readonly<Record<string, unknown>>,
  from: string,
): Readonly<Record<string, unknown>> {
  const schema = strategy.params instanceof z.ZodObject ? strategy.params.strict() : strategy.params;
  const parsed = parseAs(schema, params, `${from} of ${strategy.name}`);
  return freezeDeep(parsed) as Readonly<Record<string, unknown>>;
}

/** Asks for the inputs once before anything starts; the engine asks again. Errors: UsageError naming the strategy. */
function requireInputs(strategy: Strategy, params: unknown, from: string): void {
  try {
    strategy.inputs(params);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`${from}: inputs of ${strategy.name}: ${message}`, { cause });
  }
}

function findStrategy(use: string, from: string): string {
  if (/[/\\]|\.ts$/.test(use)) {
    const path = resolve(use);
    if (!existsSync(path)) throw new UsageError(`${from}: there is no strategy file ${use}`);
    return path;
  }
  const known = listStrategies();
  const path = known.get(use);
  if (path === undefined) throw unknownName('strategy', use, [...known.keys()], from);
  return path;
}

/** The bundle with its ties to this machine, in the cache: named by content, so that it is never stale. */
function cache(text: string, bundle: string): string {
  const folder = join(ROOT, '.cache/strategies');
  const path = join(folder, `${bundle.slice(0, 32)}.mjs`);
  const tied = text
    .replaceAll(/from\s*"retick"/g, `from ${JSON.stringify(pathToFileURL(INDEX).href)}`)
    .replaceAll(/from\s*"zod"/g, `from ${JSON.stringify(import.meta.resolve('zod'))}`);
  const ambient =
    'const __ambient = { nowMs: () => 0, random: () => 0 };\nexport const __bind = (ambient) => Object.assign(__ambient, ambient);\n';
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${path}.${process.pid}.tmp`, ambient + tied);
  renameSync(`${path}.${process.pid}.tmp`, path);
  return path;
}

function asStrategy(value: unknown, path: string): Strategy {
  const strategy = value as Partial<Strategy> | undefined;
  const missing = (['name', 'version', 'params', 'inputs', 'decide'] as const).filter(
    (key) => strategy?.[key] === undefined,
  );
  if (strategy === undefined)
    throw new UsageError(
      `${path} exports no \`strategy\` (write: export const strategy = defineStrategy({ … }))`,
    );
  if (missing.length > 0) throw new UsageError(`${path}: the strategy lacks ${missing.join(', ')}`);
  if (!(strategy.params instanceof z.ZodType)) throw new UsageError(`${path}: params must be a zod schema`);
  return strategy as Strategy;
}

/** Says aloud what the bundler quietly did. */
export function noteWarnings(strategies: readonly BundledStrategy[], output: Output): void {
  const warnings = new Set(strategies.flatMap((strategy) => strategy.warnings));
  for (const warning of warnings) output.note(`warning: ${warning}`);
}

/** What the bundler quietly made deterministic, said aloud. */
function warningsOf(text: string, path: string): readonly string[] {
  const warnings: string[] = [];
  if (text.includes('__ambient.nowMs'))
    warnings.push(`${basename(path)} calls Date.now(): it gets the engine's time`);
  if (text.includes('__ambient.random'))
    warnings.push(`${basename(path)} calls Math.random(): it gets the run's seeded generator`);
  if (/new Date\(\s*\)/.test(text))
    warnings.push(`${basename(path)} calls new Date(): that is the wall clock, its runs will not repeat`);
  return warnings;
}

function firstError(cause: unknown): string {
  const errors = (cause as { errors?: readonly { text: string; location?: { line: number } | null }[] })
    .errors;
  const error = errors?.[0];
  return error === undefined
    ? String(cause)
    : `${error.text}${error.location ? ` (line ${error.location.line})` : ''}`;
}
