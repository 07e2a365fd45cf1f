// What venues say of a contract besides its trades: each kind goes through its own table and comes back as it was,
// takes its rank in a merge, and is part of what a run was given.
import { expect, test } from 'vitest';
import { EVENT_KIND_NAMES, EventBatch, EventKind, Flag, KIND_RANK } from '../../src/core/event.ts';
import { isSameEvent, readTable } from '../../src/datasets/read.ts';
import { Spool } from '../../src/datasets/spool.ts';
import { mergeStreams } from '../../src/feeds/merge.ts';
import { run } from '../engine/synthetic.ts';
import { temporaryFolder } from './recording.ts';

const SYMBOLS = ['BTC/USDT', 'XRP/USD'];
const START_US = Date.UTC(2026, 0, 2) * 1000;

/** One event of each kind that a contract has, for the first instrument. */
function contractEvents(rate = 0.0001): EventBatch {
  const events = new EventBatch();
  const add = (kind: EventKind, second: number): number =>
    events.add(kind, 0, events.length + 1, START_US + second * 1e6, START_US + second * 1e6 - 5000);
  const funding = add(EventKind.funding, 1);
  events.price[funding] = rate;
  events.size[funding] = 8 * 3_600e6;
  events.id[funding] = START_US + 8 * 3_600e6;
  const undated = add(EventKind.funding, 2);
  events.price[undated] = -rate;
  events.id[undated] = Number.NaN;
  const interest = add(EventKind.interest, 3);
  events.size[interest] = 71_234.5;
  events.size2[interest] = 4.4e9;
  const mark = add(EventKind.mark, 4);
  events.price[mark] = 62_000.5;
  events.price2[mark] = 61_998.25;
  const liquidation = add(EventKind.liquidation, 5);
  events.price[liquidation] = 61_000;
  events.size[liquidation] = 0.4;
  events.flags[liquidation] = Flag.sell;
  return events;
}

test('every kind of a contract comes back from its table as it was written', async () => {
  const folder = temporaryFolder();
  const events = contractEvents();
  const spool = new Spool(folder, SYMBOLS, 1000);
  spool.add(events);
  const tables = await spool.finish();
  const filled = tables.filter(({ rows }) => rows > 0);
  expect(filled.map(({ name, rows }) => [name, rows])).toEqual([
    ['funding', 2],
    ['open_interest', 1],
    ['marks', 1],
    ['liquidations', 1],
  ]);
  let row = 0;
  for (const { name, files } of filled) {
    for await (const batch of readTable(folder, name, files, { instrument: 0 })) {
      for (let i = 0; i < batch.length; i++) expect(isSameEvent(events, row++, batch, i), name).toBe(true);
    }
  }
  expect(row).toBe(events.length);
});

test('of one instant, what the world is comes before what happened in it, whatever the kinds are numbered', async () => {
  const names = ['candle', 'liquidation', 'trade', 'interest', 'funding', 'mark', 'quote', 'level'] as const;
  const streams = names.map((name) => {
    const batch = new EventBatch();
    batch.add(EventKind[name], 0, 1, START_US, START_US);
    return {
      startsUs: START_US,
      open: async function* () {
        yield batch;
      },
    };
  });
  const order: string[] = [];
  for await (const batch of mergeStreams(streams, 'rank', 16)) {
    for (let row = 0; row < batch.length; row++) order.push(EVENT_KIND_NAMES[batch.kind[row]!]!);
  }
  expect(order).toEqual([...names].reverse());
  expect(new Set(KIND_RANK).size).toBe(EVENT_KIND_NAMES.length);
});

test('a run takes them, and its digest of what it was given holds them', () => {
  const inputsOf = (rate: number): string => {
    const [end] = run(contractEvents(rate), [], { symbols: ['BTC/USDT'] }).of('end');
    return end!.inputs;
  };
  expect(inputsOf(0.0001)).toBe(inputsOf(0.0001));
  expect(inputsOf(0.0002)).not.toBe(inputsOf(0.0001));
});
