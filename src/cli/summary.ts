// What a person is told at the end of a run.

import type { StrategyStatus } from '../engine/desk.ts';
import type { Run } from '../runs/run.ts';
import { count, table } from './output.ts';
import type { RunSession } from './session.ts';

export function summarize(run: Run, session: RunSession): string {
  const { manifest, measured } = run;
  const status = session.engine.status();
  const rows = status.strategies.map(strategyRow);
  const faults = manifest.counts.fault ?? 0;
  return [
    table(STRATEGY_HEADER, rows),
    '',
    `${count(manifest.events)} events, ${count(manifest.records)} log records in ${measured?.wallSeconds.toFixed(2)} s` +
      ` (${count(measured?.eventsPerSecond ?? 0)} events/s)${faults > 0 ? `, ${faults} strategy faults` : ''}`,
    `digest ${manifest.digest.slice(0, 16)}   run ${run.folder}`,
  ].join('\n');
}

export const STRATEGY_HEADER = ['strategy', 'equity', 'profit', 'return', 'fills', 'state'];

/** One line of the leaderboard. */
export function strategyRow(strategy: StrategyStatus): readonly string[] {
  const { id, currency, equity, profit, fills, isActive } = strategy;
  const share = `${((profit / (equity - profit)) * 100).toFixed(3)}%`;
  return [
    id,
    `${equity.toFixed(4)} ${currency}`,
    profit.toFixed(4),
    share,
    String(fills),
    isActive ? 'active' : 'disabled',
  ];
}

/** What `--json` prints of a run. */
export function runJson(run: Run): Readonly<Record<string, unknown>> {
  return { folder: run.folder, manifest: run.manifest, measured: run.measured };
}
