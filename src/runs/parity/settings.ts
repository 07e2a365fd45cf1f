// What two runs were told to do differently: read off their manifests before anything else is suspected.
import type { RunManifest } from '../run.ts';

/**
 * What a setting can have an effect on. `candles`: on candles, and all that follows from them. `decisions`: on what a
 * strategy decides. `trading`: on orders and fills, and decisions made while holding what came of them. `software`: on
 * anything, so it is suspected last. `none`: on nothing that is compared.
 */
export type SettingScope = 'strategy' | 'candles' | 'decisions' | 'trading' | 'software' | 'none';

export type Setting = {
  /** As in the run file, `latency.minMs`; of a strategy `strategies.ID.params.length`, `strategies.ID.code`. */
  readonly path: string;
  /** Undefined where that run does not have it. */
  readonly left: unknown;
  readonly right: unknown;
  readonly scope: SettingScope;
};

/** Settings that differ, strategies first. Name, address and duration of a run decide nothing and are left out. */
export function differingSettings(left: RunManifest, right: RunManifest): readonly Setting[] {
  // Only a historical feed has a latency of its own; a live one has the venue's.
  const areHistorical = [left, right].every(({ dataset }) => dataset.feed === 'historical');
  const [a, b] = [settingsOf(left, areHistorical), settingsOf(right, areHistorical)];
  const paths = [...new Set([...a.keys(), ...b.keys()])];
  return paths
    .filter((path) => JSON.stringify(a.get(path)) !== JSON.stringify(b.get(path)))
    .map((path) => ({ path, left: a.get(path), right: b.get(path), scope: scopeOf(path) }));
}

function settingsOf(manifest: RunManifest, isHistorical: boolean): ReadonlyMap<string, unknown> {
  const { name: _name, url: _url, duration: _duration, strategies: _own, ...rules } = manifest.config;
  const all = new Map<string, unknown>();
  for (const { id, bundle, params, version } of manifest.strategies) {
    all.set(`strategies.${id}.code`, `${version} ${bundle.slice(0, 12)}`);
    flatten(params, `strategies.${id}.params`, all);
  }
  flatten(rules, '', all);
  if (isHistorical) all.set('feedLatencyUs', manifest.dataset.latencyUs);
  all.set('software', manifest.software.replace(/ demo$/, ''));
  all.set('node', manifest.node);
  return all;
}

function flatten(value: unknown, path: string, into: Map<string, unknown>): void {
  const isLeaf = typeof value !== 'object' || value === null || Array.isArray(value);
  if (isLeaf) {
    into.set(path, value);
    return;
  }
  for (const [key, inner] of Object.entries(value))
    flatten(inner, path === '' ? key : `${path}.${key}`, into);
}

function scopeOf(path: string): SettingScope {
  if (path.startsWith('strategies.')) return 'strategy';
  if (path.startsWith('candles.')) return path === 'candles.fillAt' ? 'trading' : 'candles';
  if (path === 'equityEvery' || path.startsWith('report.')) return 'none';
  if (path === 'software' || path === 'node') return 'software';
  if (['warmup', 'seed', 'symbols', 'venue', 'channels', 'depth', 'feedLatencyUs'].includes(path)) {
    return 'decisions';
  }
  return 'trading';
}

/** Id of the strategy that a setting belongs to; undefined for settings of the run. */
export function strategyOfSetting({ path }: Setting): string | undefined {
  return /^strategies\.(.+?)\.(?:code|params)(?:\.|$)/.exec(path)?.[1];
}

/** `latency.minMs 50 → 80` */
export function formatSetting({ path, left, right }: Setting): string {
  const say = (value: unknown): string =>
    value === undefined ? 'not set' : typeof value === 'string' ? value : JSON.stringify(value);
  return `${path} ${say(left)} → ${say(right)}`;
}
