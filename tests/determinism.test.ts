// The same events, strategies and settings give the same records: twice, in batches of any size, and next year.
// When a stored digest moves, some result of some run has changed: say what and why in CHANGELOG.md.
import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { EventBatch } from '../src/core/event.ts';
import type { RunRecord } from '../src/core/record.ts';
import { parseRunConfig } from '../src/engine/config.ts';
import { Engine } from '../src/engine/engine.ts';
import { prepare } from '../src/engine/runner.ts';
import { formatRecord } from '../src/runs/log.ts';
import { SimulatedMarket } from '../src/simulated/market.ts';
import { strategy as meanReversion } from '../strategies/mean-reversion.ts';
import { strategy as orderFlow } from '../strategies/order-flow.ts';

/** Of the events below, and of the log they lead to: when only the second moves, the engine has changed. */
const GOLDEN = {
  inputs: 'c25509db4b9fcd2d',
  log: 'cc3dd8b7fafd62fe398d1353674cdf7a95b7f4772bc96e8c08e613a91ac24383',
};

const EVENTS = 60_000;
const SYMBOLS = ['BTC/USD', 'ETH/USD', 'XRP/USD'];

let market: EventBatch;

beforeAll(() => {
  market = eventsOf(11);
});

/** Rules and books of a seeded market, then what happens in it for about a minute. */
function eventsOf(seed: number): EventBatch {
  const world = new SimulatedMarket({ seed });
  const events = new EventBatch(EVENTS);
  const startUs = world.nextUs;
  for (const [i, instrument] of world.instruments.entries()) {
    events.addDetail({ type: 'instrument', instrument }, i, 0, startUs, Number.NaN);
  }
  for (const i of SYMBOLS.keys()) world.fillSnapshot(events, i);
  for (let row = 0; row < events.length; row++) events.receivedUs[row] = startUs;
  world.fillBatch(events, EVENTS - events.length);
  return events;
}

function recordsOf(
  events: EventBatch,
  options: { readonly batchSize?: number; readonly seed?: number } = {},
) {
  const { batchSize = EVENTS, seed = 1 } = options;
  const config = parseRunConfig({ name: 'd', venue: 'kraken', symbols: SYMBOLS, seed }, 'test');
  const lines: string[] = [];
  const engine = new Engine({
    symbols: SYMBOLS,
    config,
    strategies: [
      prepare(meanReversion, { params: { symbol: 'BTC/USD', fast: '1s', slow: '5s', length: 3 } }),
      prepare(orderFlow, { params: { symbol: 'ETH/USD', interval: '1s', length: 2, pressure: 0 } }),
    ],
    log: { write: (record: RunRecord) => lines.push(formatRecord(record)) },
  });
  const batch = new EventBatch(Math.min(batchSize, EVENTS));
  for (let from = 0; from < events.length; from += batchSize) {
    batch.reset();
    for (let row = from; row < Math.min(events.length, from + batchSize); row++) batch.copyRow(events, row);
    engine.apply(batch);
  }
  engine.finish('end of data');
  return lines;
}

describe('a run', () => {
  test('is eventful enough to prove something', () => {
    const counts = new Map<string, number>();
    for (const line of recordsOf(market)) {
      const type = /"type":"(\w+)"/.exec(line)![1]!;
      counts.set(type, (counts.get(type) ?? 0) + 1);
    }
    expect(counts.get('fault')).toBeUndefined();
    expect(counts.get('checkpoint')).toBe(6);
    expect(counts.get('fill')).toBeGreaterThan(20);
    expect(counts.get('indicator')).toBeGreaterThan(100);
  });

  test.each([EVENTS, 4096, 7, 1])('is the same record for record in batches of %i', (batchSize) => {
    expect(recordsOf(market, { batchSize })).toEqual(recordsOf(eventsOf(11)));
  });

  test('differs with the seed of the run, and with the events', () => {
    const lines = recordsOf(market);
    expect(recordsOf(market, { seed: 2 })).not.toEqual(lines);
    expect(recordsOf(eventsOf(12))).not.toEqual(lines);
    const changed = eventsOf(11);
    changed.size[EVENTS >> 1]! *= 1 + Number.EPSILON;
    expect(recordsOf(changed)).not.toEqual(lines);
  });

  test('has the stored digests', () => {
    const lines = recordsOf(market);
    const { inputs } = JSON.parse(lines.at(-1)!) as { readonly inputs: string };
    const log = createHash('sha256').update(lines.join('')).digest('hex');
    const advice = 'results have changed: explain it in CHANGELOG.md, then store the new digests';
    expect({ inputs, log }, advice).toEqual(GOLDEN);
  });
});
