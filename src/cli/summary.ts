// What a person is told at the end of a run.

import { join } from 'node:path';
import { eventsOf, obstaclesOf, rejectedOf, type StrategyActivity } from '../runs/activity.ts';
import { figuresJson } from '../runs/figures/catalogue.ts';
import type { StrategyFigures } from '../runs/figures/figures.ts';
import { feedLagWarning } from '../runs/latency.ts';
import { readLog } from '../runs/log.ts';
import type { Measured, Run } from '../runs/run.ts';
import type { RunSession } from '../sessions/run.ts';
import { count, paint, table } from './output.ts';

export function summarize(run: Run, session: RunSession): string {
  const { manifest, measured } = run;
  return [
    leaderboard(session),
    '',
    ...activityLines(manifest.activity ?? []),
    `${count(manifest.events)} events, ${count(manifest.records)} log records in ${measured?.wallSeconds.toFixed(2)} s` +
      ` (${count(measured?.eventsPerSecond ?? 0)} events/s)`,
    ...speedOf(measured),
    ...receiptLagOf(measured),
    ...balancesOf(session),
    ...ratesOf(run),
    ...warningsOf(run).map((warning) => paint('yellow', `warning: ${warning}`)),
    ...faultsOf(run),
    `digest ${manifest.digest.slice(0, 16)}   run ${run.folder}`,
  ].join('\n');
}

/** Obstacles of one strategy that are named; the run's manifest has all of its counts. */
const OBSTACLES_MAX = 6;

/** What each strategy was given and did, and what stood in its way. */
export function activityLines(activities: readonly StrategyActivity[]): readonly string[] {
  if (activities.length === 0) return [];
  const rows = activities.map((one) => {
    const ready = one.inputs.filter(({ readySinceUs }) => readySinceUs !== null).length;
    const did = [one.calls, one.signals, one.orders, rejectedOf(one), one.fills].map((n) => count(n));
    return [one.strategy, count(eventsOf(one)), `${ready} of ${one.inputs.length}`, ...did];
  });
  const header = ['strategy', 'events', 'inputs ready', 'calls', 'signals', 'orders', 'rejected', 'fills'];
  const why = activities.flatMap((one) => {
    const obstacles = obstaclesOf(one);
    const shown = obstacles.slice(0, OBSTACLES_MAX).map((text) => `${one.strategy}: ${text}`);
    const left = obstacles.length - shown.length;
    return left > 0 ? [...shown, `${one.strategy}: and ${left} more`] : shown;
  });
  return [table(header, rows), ...why, ''];
}

/** Said when it is more than a way takes: the clocks differ, or the feed is late. */
function receiptLagOf(measured: Measured | undefined): readonly string[] {
  const lagMs = measured?.quality.receiptLagMs;
  if (typeof lagMs !== 'number' || (lagMs >= 0 && lagMs < 1000)) return [];
  const why = lagMs < 0 ? 'the local clock is behind' : 'the local clock is ahead, or the feed late';
  return [`receipt lags the venue by ${count(lagMs, 1)} ms: ${why}; candles wait for that`];
}

/** One definition wherever it stands: event time from the first event to the last ÷ wall time. */
function speedOf(measured: Measured | undefined): readonly string[] {
  if (measured == null || measured.achievedSpeed === null || measured.spanSeconds === undefined) return [];
  const { speed, lagUs, spanSeconds, wallSeconds, achievedSpeed } = measured;
  const asked = speed === null ? 'as fast as possible' : `asked ${times(speed)}`;
  const span = `${count(spanSeconds, 1)} s of events in ${wallSeconds.toFixed(2)} s`;
  const lag =
    lagUs === null
      ? ''
      : `; lag behind schedule ${['p50', 'p99', 'max'].map((key) => `${key} ${count(lagUs[key]!)} µs`).join(', ')}`;
  return [`speed: ${asked}, achieved ${times(achievedSpeed)} (${span})${lag}`];
}

function times(speed: number): string {
  return `${count(speed, speed < 1 ? 4 : 1)}x`;
}

/** What strategies of several currencies have of each. */
function balancesOf({ engine }: RunSession): readonly string[] {
  return engine.status().strategies.flatMap(({ id, balances }) => {
    const parts = Object.entries(balances).map(([currency, amount]) => `${amount.toFixed(4)} ${currency}`);
    return parts.length < 2 ? [] : [`${id} has ${parts.join(', ')}`];
  });
}

/** By which way amounts of other currencies were turned into the reporting currency, and where that was not possible. */
function ratesOf(run: Run): readonly string[] {
  if ((run.manifest.counts.rate ?? 0) === 0) return [];
  const last = new Map<string, string>();
  for (const record of readLog(join(run.folder, 'events.jsonl'))) {
    if (record.type !== 'rate') continue;
    const { currency, to, path, rate, reason } = record;
    const known = `${currency} counts in ${to} by the prices of ${path.join(', ')} (${rate} when that became known)`;
    last.set(currency, rate === null ? paint('red', `equity is not known: ${reason}`) : known);
  }
  return [...last.values()];
}

/** What a reader of the figures should know of how they came about. */
function warningsOf(run: Run): readonly string[] {
  const warning = feedLagWarning(run);
  const different = differenceOf(run);
  return [...(warning === undefined ? [] : [warning]), ...(different === undefined ? [] : [different])];
}

/** Equal identities must give equal digests; where they did not, the run says so. */
export function differenceOf({ manifest, measured }: Run): string | undefined {
  if (measured?.earlierDigest === undefined) return undefined;
  const [before, now] = [measured.earlierDigest, manifest.digest].map((digest) => digest.slice(0, 16));
  const { strategies } = manifest;
  const who = strategies.length === 1 ? `the strategy ${strategies[0]!.id} is` : 'the strategies are';
  return `${who} not deterministic: the run of the same identity that stood here had the digest ${before}, this one has ${now}`;
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

/** One line a strategy, with the figures that the report and `--json` show too. */
export function leaderboard(session: RunSession): string {
  const { strategies, total } = session.figures();
  const status = session.engine.status().strategies;
  const rows = strategies.map((figures, i) => [
    ...figureCells(figures),
    String(status[i]!.fills),
    status[i]!.isActive ? 'active' : 'disabled',
  ]);
  const fills = status.reduce((sum, one) => sum + one.fills, 0);
  const together =
    total === undefined || strategies.length < 2 ? [] : [[...figureCells(total), String(fills), '']];
  return table(['strategy', 'equity', 'profit', 'return', 'trips', 'fills', 'state'], [...rows, ...together]);
}

function figureCells({ id, currency, metrics }: StrategyFigures): readonly string[] {
  const { endEquity, profit, totalReturn, trades, openTrades, bankruptUs } = metrics;
  return [
    id,
    `${endEquity.toFixed(4)} ${currency}`,
    profit.toFixed(4),
    Number.isNaN(bankruptUs) ? `${(totalReturn * 100).toFixed(3)}%` : 'bankrupt',
    openTrades === 0 ? String(trades) : `${trades} (${openTrades} open)`,
  ];
}

/** What `--json` prints of a run. */
export function runJson(run: Run, session: RunSession): Readonly<Record<string, unknown>> {
  const { strategies, total } = session.figures();
  const status = session.engine.status().strategies;
  const describe = ({ id, currency, metrics, costs, trips, positions }: StrategyFigures) => {
    const { balances } = status.find((one) => one.id === id)!;
    return { id, currency, balances, figures: figuresJson(metrics), costs, trips, positions };
  };
  return {
    folder: run.folder,
    manifest: run.manifest,
    measured: run.measured,
    warnings: warningsOf(run),
    strategies: strategies.map(describe),
    total:
      total === undefined
        ? null
        : { id: total.id, currency: total.currency, figures: figuresJson(total.metrics) },
  };
}
