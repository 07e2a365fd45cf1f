// What decides a run's result: equal identities must give equal digests.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { RunConfig } from '../engine/config.ts';
import type { LoadedStrategy } from '../engine/engine.ts';
import type { RunManifest } from '../runs/run.ts';
import { SOFTWARE } from './software.ts';
import type { BundledStrategy } from './strategies.ts';

export type LoadedBundle = LoadedStrategy & BundledStrategy;

/** The settings that a result depends on: the name, the address, the length and where strategies lie do not count. */
export function rulesOf(config: RunConfig): Readonly<Record<string, unknown>> {
  const {
    name: _name,
    url: _url,
    duration: _duration,
    venue: _venue,
    venues: _venues,
    strategies: _strategies,
    ...rules
  } = config;
  return rules;
}

/** What decides a run's result, and nothing else: the name, the address and the speed do not. */
export function identityOf(
  config: RunConfig,
  strategies: readonly LoadedBundle[],
  dataset: Omit<RunManifest['dataset'], 'name'>,
): string {
  const isExact = dataset.feed !== 'historical';
  const parts = {
    rules: rulesOf(config),
    strategies: strategies.map(({ id, bundle, params, account = {} }) => {
      return { id, bundle, params, ...account };
    }),
    dataset: { ...dataset, feed: isExact ? 'recorded' : dataset.feed },
    software: SOFTWARE,
  };
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** `reports/<dataset>-<mode>-<8 digits of identity>`: what gives another result gets another folder. */
export function runFolder(dataset: string, mode: string, identity: string): string {
  return join('reports', `${dataset}-${mode}-${identity.slice(0, 8)}`);
}
