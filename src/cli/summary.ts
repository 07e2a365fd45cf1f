// What a person is told at the end of a run.

import { join } from 'node:path';
import type { StrategyStatus } from '../engine/desk.ts';
import { readLog } from '../runs/log.ts';
import type { Run } from '../runs/run.ts';
import { count, paint, table } from './output.ts';
import type { RunSession } from './session.ts';

export function summarize(run: Run, session: RunSession): string {
  const { manifest, measured } = run;
  const status = session.engine.status();
  const rows = status.strategies.map(strategyRow);
  return [
    table(STRATEGY_HEADER, rows),
    '',
    `${count(manifest.events)} events, ${count(manifest.records)} log records in ${measured?.wallSeconds.toFixed(2)} s` +
      ` (${count(measured?.eventsPerSecond ?? 0)} events/s)`,
    ...faultsOf(run),
    `digest ${manifest.digest.slice(0, 16)}   run ${run.folder}`,
  ].join('\n');
}

/** Faults that are named; the run log has all of them. */
const FAULTS_MAX = 5;

/** What strategies threw, and at which event. */
export function faultsOf(run: Run): readonly string[] {
  const total = run.manifest.counts.fault ?? 0;
  if (total === 0) return [];
  const lines: string[] = [];
  for (const record of readLog(join(run.folder, 'events.jsonl'))) {
    if (record.type !== 'fault') continue;
    const { strategy, event, message, policy } = record;
    const outcome = policy === 'halt' ? 'the run was halted' : 'it was disabled';
    lines.push(paint('red', `fault in ${strategy} at event ${count(event)}: ${message}; ${outcome}`));
    if (lines.length === Math.min(total, FAULTS_MAX)) break;
  }
  return total > FAULTS_MAX ? [...lines, `and ${count(total - FAULTS_MAX)} more faults`] : lines;
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
