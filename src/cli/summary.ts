// What a person is told at the end of a run.
import type { Run } from '../runs/run.ts';
import { count, table } from './output.ts';
import type { RunSession } from './session.ts';

export function summarize(run: Run, session: RunSession): string {
  const { manifest, measured } = run;
  const status = session.engine.status();
  const rows = status.strategies.map((strategy) => [
    strategy.id,
    strategy.equity.toFixed(4),
    `${(strategy.returnFraction * 100).toFixed(3)}%`,
    String(strategy.fills),
    String(strategy.rejected),
    strategy.state,
  ]);
  const faults = manifest.counts.fault ?? 0;
  return [
    table(['strategy', 'equity', 'return', 'fills', 'rejected', 'state'], rows),
    '',
    `${count(manifest.events)} events, ${count(manifest.records)} log records in ${measured?.wallSeconds.toFixed(2)} s` +
      ` (${count(measured?.eventsPerSecond ?? 0)} events/s)${faults > 0 ? `, ${faults} strategy faults` : ''}`,
    `digest ${manifest.digest.slice(0, 16)}   run ${run.folder}`,
  ].join('\n');
}

/** What `--json` prints of a run. */
export function runJson(run: Run): Readonly<Record<string, unknown>> {
  return { folder: run.folder, manifest: run.manifest, measured: run.measured };
}
