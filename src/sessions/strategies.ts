// Strategies made ready for a run: each bundled, looked at once in a realm that is then thrown away, its parameters
// checked. What the engine gets opens a fresh realm each time it is asked: nothing is shared, within a run or beyond.
import { basename } from 'node:path';
import { z } from 'zod';
import { UsageError } from '../core/errors.ts';
import { accountOf } from '../engine/config.ts';
import { StrategyFault, type World } from '../engine/runner.ts';
import { freezeDeep, parseAs } from '../engine/schema.ts';
import type { LoadedStrategy, RunConfig, Strategy } from '../index.ts';
import { type Bundle, bundleStrategy, findStrategy, insideScript } from './bundle.ts';
import type { Found } from './inside/instance.ts';
import { Realm } from './realm.ts';

export type BundledStrategy = {
  /** Of a realm that is gone: for its name, version, description and schema only. */
  readonly strategy: Strategy;
  /** The bundle's hash, the strategy's identity. */
  readonly bundle: string;
  readonly path: string;
  readonly warnings: readonly string[];
  /** What it calls whose last digits may differ between machines. */
  readonly floats: readonly string[];
  readonly decidesAt?: string;
};

type Opener = (world: World, params: Readonly<Record<string, unknown>>) => Strategy;

/** Bundles one strategy and looks at it. `use` is a name in a strategies folder or a path to a file. */
export async function loadStrategy(use: string, from: string): Promise<OpenableStrategy> {
  return await readBundle(await bundleStrategy(findStrategy(use, from)));
}

export type OpenableStrategy = BundledStrategy & { readonly open: Opener };

/** A bundle ready to be opened, in whatever thread it came to. */
export async function readBundle(bundle: Bundle): Promise<OpenableStrategy> {
  const inside = await insideScript();
  const { path } = bundle;
  const { strategy, readsClock } = probe(bundle, inside);
  const early = `${basename(path)} reads the clock before the first event: it gets 0, the year 1970`;
  return {
    strategy,
    bundle: bundle.hash,
    path,
    warnings: readsClock ? [...bundle.warnings, early] : bundle.warnings,
    floats: bundle.floats,
    decidesAt: bundle.decidesAt,
    open: (world, params) => {
      const realm = new Realm(bundle, inside, world);
      realm.load();
      realm.setParams(params);
      return realm.strategy(strategy, world);
    },
  };
}

/** Every strategy of a run file, its parameters parsed and defaulted. */
export async function loadStrategies(
  config: RunConfig,
  from: string,
): Promise<readonly (LoadedStrategy & BundledStrategy)[]> {
  const loaded: (LoadedStrategy & BundledStrategy)[] = [];
  for (const [index, entry] of config.strategies.entries()) {
    const where = `${from}: strategies[${index}]`;
    const { open, ...bundled } = await loadStrategy(entry.use, `${where}.use`);
    const raw = entry.params ?? {};
    const params = parseParams(bundled.strategy, raw, `${where}.params`);
    requireInputs(bundled.strategy, open, raw, where);
    const id = entry.id ?? bundled.strategy.name;
    loaded.push({ ...bundled, params, id, account: accountOf(entry), open: (world) => open(world, raw) });
  }
  const ids = loaded.map((strategy) => strategy.id);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) {
    throw new UsageError(`${from}: two strategies are called ${twice}; give one of them an id of its own`);
  }
  return loaded;
}

/** Loop turns and calls for what a file does at its top and in `inputs`, when it is only looked at. */
const STEPS_TO_LOAD = 10_000_000;

/** A world in which nothing happens, for looking at a strategy before a run. */
function emptyWorld(id: string, onClock: () => void = () => {}): World {
  const nowUs = (): number => {
    onClock();
    return 0;
  };
  return { id, stepsMax: STEPS_TO_LOAD, nowUs, nextUint32: () => 0, print: () => {}, fault: () => {} };
}

/** Errors: UsageError when the file throws, or exports no whole strategy. */
function probe(
  bundle: Bundle,
  inside: string,
): { readonly strategy: Strategy; readonly readsClock: boolean } {
  const { path } = bundle;
  let readsClock = false;
  const world = emptyWorld('', () => {
    readsClock = true;
  });
  const realm = new Realm(bundle, inside, world);
  const found = asLoaded(path, () => realm.load());
  if (found === undefined) {
    throw new UsageError(
      `${path} exports no \`strategy\` (write: export const strategy = defineStrategy({ … }))`,
    );
  }
  const given = realm.strategy(aboutOf(found, path), world);
  return { strategy: given, readsClock };
}

function asLoaded<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    if (!(cause instanceof StrategyFault)) throw cause;
    throw new UsageError(`${path} cannot be loaded: ${cause.message.split('\n')[0]}`, { cause });
  }
}

function aboutOf(found: Found, path: string): Pick<Strategy, 'name' | 'version' | 'description' | 'params'> {
  const { name, version, description = '', params, later, callbacks } = found;
  const missing = [
    ...(typeof name === 'string' && name !== '' ? [] : ['name']),
    ...(typeof version === 'string' ? [] : ['version']),
    ...(params === undefined ? ['params'] : []),
    ...['inputs', 'decide'].filter((callback) => !callbacks.includes(callback)),
  ];
  if (missing.length > 0) throw new UsageError(`${path}: the strategy lacks ${missing.join(', ')}`);
  if (!(params instanceof z.ZodType)) throw new UsageError(`${path}: params must be a zod schema`);
  if (later.length > 0) {
    throw new UsageError(
      `${path}: ${later.join(', ')} ${later.length === 1 ? 'is an async function' : 'are async functions'}; a strategy answers at once, nothing of it runs later`,
    );
  }
  return { name: name as string, version: version as string, description: String(description), params };
}

/**
 * The parameters of a strategy, checked and defaulted; an unknown one is an error. `from` is where they stood.
 * What a schema's own code throws is the strategy's fault, told when the run starts.
 */
function parseParams(
  strategy: Strategy,
  params: Readonly<Record<string, unknown>>,
  from: string,
): Readonly<Record<string, unknown>> {
  const schema = strategy.params instanceof z.ZodObject ? strategy.params.strict() : strategy.params;
  try {
    const parsed = parseAs(schema, params, `${from} of ${strategy.name}`);
    // Of another realm; what stands in manifests is this one's.
    return freezeDeep(JSON.parse(JSON.stringify(parsed))) as Readonly<Record<string, unknown>>;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    return params;
  }
}

/** Asks for the inputs once before anything starts. Errors: UsageError naming the strategy, for what retick refuses. */
function requireInputs(
  { name }: Strategy,
  open: Opener,
  params: Readonly<Record<string, unknown>>,
  from: string,
): void {
  try {
    open(emptyWorld(name), params).inputs(params);
  } catch (cause) {
    if (cause instanceof UsageError)
      throw new UsageError(`${from}: inputs of ${name}: ${cause.message}`, { cause });
    const refused = cause instanceof StrategyFault ? /^UsageError: ([\s\S]*)$/.exec(cause.message) : null;
    if (refused !== null) throw new UsageError(`${from}: inputs of ${name}: ${refused[1]}`, { cause });
    if (!(cause instanceof StrategyFault)) throw cause;
  }
}
