// Run records and run folders for tests: said shortly, written as real runs are.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { RunRecord } from '../../src/core/record.ts';
import { type RecordOf, RunLogWriter } from '../../src/runs/log.ts';
import { type Run, type RunManifest, readRun, writeRun } from '../../src/runs/run.ts';

export const SECOND_US = 1e6;

const POSITION = { event: 0, seq: 0, timeUs: 0 };

export function candle(changes: Partial<RecordOf<'candle'>> = {}): RecordOf<'candle'> {
  const prices = { open: 100, high: 101, low: 99, close: 100 };
  const traded = { volume: 5, buyVolume: 3, sellVolume: 2, trades: 3, isPartial: false };
  const span = { symbol: 'BTC/USD', intervalUs: SECOND_US, startUs: 0 };
  return { ...POSITION, type: 'candle', name: 'a.bars', ...span, ...prices, ...traded, ...changes };
}

/** Candles of one second, each followed by a value of an indicator on them, closed at once. */
export function bars(
  sketches: readonly (Partial<RecordOf<'candle'>> & { readonly value?: number })[],
  from = 0,
): readonly RunRecord[] {
  return sketches.flatMap(({ value, ...changes }, i): RunRecord[] => {
    const startUs = changes.startUs ?? (from + i) * SECOND_US;
    const at = { event: from + i, seq: from + i, timeUs: startUs + SECOND_US };
    const closed = candle({ ...at, startUs, ...changes });
    if (value === undefined) return [closed];
    return [closed, { ...at, type: 'indicator', name: 'a.mean.value', atUs: startUs, value }];
  });
}

/** A run on disk, holding these records, until the test is over. */
export function runOf(records: readonly RunRecord[], changes: Partial<RunManifest> = {}): Run {
  const folder = mkdtempSync(join(tmpdir(), 'retick-run-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const log = new RunLogWriter(folder);
  for (const record of records) log.write(record);
  const digest = log.close();
  const dataset = { name: 'd', digest: '', feed: 'live', fromUs: null, toUs: null, latencyUs: 0 };
  const manifest: RunManifest = {
    ...{ schema: 1, id: 'run', name: 'run', mode: 'paper', identity: '', digest, inputs: log.inputs },
    ...{ events: log.events, records: log.records, counts: log.counts, activity: log.activity },
    ...{ firstUs: log.firstUs, lastUs: log.lastUs, dataset, symbols: ['BTC/USD', 'ETH/USD'] },
    config: { candles: { grace: '250ms' }, seed: 1 },
    strategies: [{ id: 'a', name: 'a', version: '1.0.0', bundle: 'b', params: {} }],
    ...{ software: 'retick', node: 'v26' },
    ...changes,
  };
  writeRun(folder, manifest, {
    ...{ wallSeconds: 1, eventsPerSecond: 1, speed: null, achievedSpeed: null, lagUs: null },
    ...{ latency: {}, quality: {} },
  });
  return readRun(folder);
}
