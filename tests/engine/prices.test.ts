// No price is made up: missing sides, old tickers, steps nobody stated, crossed and broken books.
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Instrument } from '../../src/core/instrument.ts';
import { book, defineStrategy, EventBatch, EventKind, Flag, prepare, type Signal } from '../../src/index.ts';
import { addBeat, addQuote, addTrade, config, run, SECOND_US, START_US } from './synthetic.ts';

type Level = readonly [side: 'bid' | 'ask', price: number, size: number];

function addLevels(events: EventBatch, atUs: number, levels: readonly Level[], isSnapshot = false): void {
  const seq = events.length + 1;
  levels.forEach(([side, price, size], i) => {
    const row = events.add(EventKind.level, 0, seq, atUs, atUs);
    events.price[row] = price;
    events.size[row] = size;
    events.flags[row] =
      (side === 'ask' ? Flag.ask : 0) |
      (isSnapshot && i === 0 ? Flag.clear : 0) |
      (i === levels.length - 1 ? Flag.last : 0);
  });
}

function addRules(events: EventBatch, atUs: number, over: Partial<Instrument> = {}): void {
  const steps = {
    tickSize: 0.1,
    lotSize: 0.01,
    sizeMin: 0,
    notionalMin: 0,
    status: 'online',
    isStated: true,
  };
  const instrument = { symbol: 'XRP/USD', base: 'XRP', quote: 'USD', ...steps, ...over };
  events.addDetail({ type: 'instrument', instrument }, 0, events.length + 1, atUs, Number.NaN);
}

function addGap(events: EventBatch, atUs: number, channel: string): void {
  const gap = { state: 'gap', cause: 'checksum', channel, symbol: 'XRP/USD', detail: '' } as const;
  events.addDetail({ type: 'status', ...gap }, 0, events.length + 1, atUs, Number.NaN);
}

/** What the quote view shows each second, and signals given by the second. */
function looker(signals: Readonly<Record<number, Omit<Signal, 'reason'>>> = {}) {
  const seen: { atS: number; bid: number; ask: number; mid: number; isValid: boolean }[] = [];
  const strategy = defineStrategy({
    name: 'looker',
    version: '1',
    description: 'sees prices each second',
    params: z.object({}),
    inputs: () => ({ look: book('XRP/USD', 5) }),
    trigger: () => ({ on: 'timer', everyUs: SECOND_US }),
    decide: ({ look }, { nowUs }) => {
      const atS = (nowUs - START_US) / SECOND_US;
      const { bid, ask, mid, isValid } = look;
      seen.push({ atS, bid, ask, mid, isValid });
      const signal = signals[atS];
      return signal === undefined ? null : { ...signal, reason: 'told to' };
    },
  });
  return {
    loaded: prepare(strategy, { id: 'looker' }),
    at: (atS: number) => seen.find((s) => s.atS === atS)!,
  };
}

const plenty = { capital: { USD: 1_000_000 } };

describe('a ticker', () => {
  test('with bid 0 has no bid and no mid, and nobody sells into it', () => {
    const events = new EventBatch();
    addRules(events, START_US);
    addQuote(events, START_US + 1, 99.9, 100.1);
    addTrade(events, { atUs: START_US + 2, price: 100 });
    addQuote(events, START_US + 2.5 * SECOND_US, 0, 100.1);
    addBeat(events, START_US + 6 * SECOND_US);
    const { loaded, at } = looker({ 1: { action: 'buy', size: 1 }, 3: { action: 'sell' } });
    const log = run(events, [loaded], { config: config(plenty) });
    expect(at(2)).toMatchObject({ bid: 99.9, ask: 100.1, mid: 100 });
    expect(at(3)).toMatchObject({ bid: Number.NaN, ask: 100.1, mid: Number.NaN });
    expect(log.of('fill').map(({ fill }) => fill.side)).toEqual(['buy']);
    expect(log.of('order').at(-1)!.order).toMatchObject({ side: 'sell', status: 'cancelled' });
    // One XRP bought at 100.1 stands at the last trade, not at half the ask.
    expect(Number(log.of('equity').at(-1)!.equity)).toBeCloseTo(1_000_000 - 0.1 - 0.1001, 6);
  });

  test('older than priceAgeMaxMs is no price, and neither is one from before a gap in it', () => {
    const events = new EventBatch();
    addRules(events, START_US);
    addQuote(events, START_US, 99.9, 100.1);
    addBeat(events, START_US + 5 * SECOND_US);
    addQuote(events, START_US + 5.5 * SECOND_US, 89.9, 90.1);
    addGap(events, START_US + 6.5 * SECOND_US, 'ticker');
    addBeat(events, START_US + 8 * SECOND_US);
    const { loaded, at } = looker();
    run(events, [loaded], { config: config({ fills: { priceAgeMaxMs: 3000 } }) });
    expect(at(3).mid).toBe(100);
    expect(at(4)).toMatchObject({ bid: Number.NaN, ask: Number.NaN, mid: Number.NaN });
    expect(at(6).mid).toBe(90);
    expect(at(7).mid).toBeNaN();
  });

  test('of an hour ago does not stand in for a book that a gap made invalid', () => {
    const events = new EventBatch();
    addRules(events, START_US);
    addQuote(events, START_US, 99.9, 100.1);
    const lateUs = START_US + 3600 * SECOND_US;
    addLevels(
      events,
      lateUs,
      [
        ['bid', 40.9, 5],
        ['ask', 41.1, 5],
      ],
      true,
    );
    addTrade(events, { atUs: lateUs, price: 41 });
    addGap(events, lateUs + 0.5 * SECOND_US, 'book');
    addBeat(events, lateUs + 3 * SECOND_US);
    const { loaded, at } = looker({ 1: { action: 'buy', size: 1 } });
    const log = run(events, [loaded], { config: config(plenty) });
    expect(at(3601)).toMatchObject({ mid: Number.NaN, isValid: false });
    const held = log.of('equity').filter(({ timeUs }) => timeUs > lateUs + SECOND_US);
    expect(new Set(held.map(({ equity }) => Number(equity)))).toEqual(new Set([Number(held[0]!.equity)]));
  });
});

describe('a book', () => {
  test('keeps its levels when the venue makes the tick coarser, and says that they are off it', () => {
    const events = new EventBatch();
    addRules(events, START_US);
    addLevels(
      events,
      START_US,
      [
        ['bid', 100.4, 1],
        ['bid', 100.3, 2],
        ['ask', 100.6, 3],
      ],
      true,
    );
    addRules(events, START_US + 1.5 * SECOND_US, { tickSize: 1 });
    addLevels(events, START_US + 2.5 * SECOND_US, [['bid', 100.4, 0]]);
    addBeat(events, START_US + 4 * SECOND_US);
    const { loaded, at } = looker();
    const log = run(events, [loaded]);
    expect(at(2)).toMatchObject({ bid: 100.4, ask: 100.6, isValid: true });
    expect(at(3)).toMatchObject({ bid: 100.3, ask: 100.6, isValid: true });
    expect(log.of('book').map(({ what, count }) => [what, count])).toEqual([
      ['off tick', 4],
      ['off tick', 4],
    ]);
  });

  test('of prices above 2.8 million is whole before any rules are known', () => {
    const events = new EventBatch();
    addLevels(
      events,
      START_US,
      [
        ['bid', 3_000_000.1, 1],
        ['bid', 3_000_000, 1],
        ['ask', 3_000_000.2, 1],
      ],
      true,
    );
    addBeat(events, START_US + 2 * SECOND_US);
    const { loaded, at } = looker();
    const log = run(events, [loaded]);
    expect(at(1)).toMatchObject({ bid: 3_000_000.1, ask: 3_000_000.2, isValid: true });
    expect(log.of('book')).toEqual([]);
  });

  test('that had to refuse a level is invalid until its next snapshot, and says so once', () => {
    const events = new EventBatch();
    const sides: readonly Level[] = [
      ['bid', 99.9, 1],
      ['ask', 100.1, 1],
    ];
    addRules(events, START_US);
    addLevels(events, START_US, sides, true);
    addLevels(events, START_US + 1.5 * SECOND_US, [['ask', 100.2, Number.NaN]]);
    addLevels(events, START_US + 1.6 * SECOND_US, [['bid', 0, 3]]);
    addLevels(events, START_US + 2.5 * SECOND_US, sides, true);
    addBeat(events, START_US + 4 * SECOND_US);
    const { loaded, at } = looker();
    const log = run(events, [loaded]);
    expect([at(1).isValid, at(2).isValid, at(3).isValid]).toEqual([true, false, true]);
    expect(at(2).mid).toBeNaN();
    expect(log.of('book').map(({ what, count }) => [what, count])).toEqual([
      ['refused', 1],
      ['refused', 2],
    ]);
  });

  test('that is crossed is told, and fills nothing unless the run file says so', () => {
    for (const crossed of ['refuse', 'fill'] as const) {
      const events = new EventBatch();
      addRules(events, START_US);
      addLevels(
        events,
        START_US,
        [
          ['bid', 99.9, 9],
          ['ask', 100.1, 9],
        ],
        true,
      );
      addLevels(events, START_US + 2.5 * SECOND_US, [['bid', 100.2, 9]]);
      addLevels(events, START_US + 2.6 * SECOND_US, [['bid', 100.3, 9]]);
      addLevels(events, START_US + 3.5 * SECOND_US, [
        ['bid', 100.2, 0],
        ['bid', 100.3, 0],
      ]);
      addBeat(events, START_US + 6 * SECOND_US);
      const { loaded } = looker({
        1: { action: 'buy', size: 1 },
        2: { action: 'sell', limit: 100 + 0.1 },
        3: { action: 'buy', size: 1 },
      });
      const log = run(events, [loaded], { config: config({ ...plenty, fills: { crossed } }) });
      expect(log.of('book').map(({ what, count }) => [what, count])).toEqual([
        ['crossed', 1],
        ['crossed', 2],
      ]);
      const sides = log.of('fill').map(({ fill }) => fill.side);
      expect(sides).toEqual(crossed === 'refuse' ? ['buy'] : ['buy', 'sell', 'buy']);
      const refused = log.of('order').filter(({ order }) => order.status === 'rejected');
      expect(refused.map(({ order }) => order.reason)).toEqual(
        crossed === 'refuse' ? ['crossed market of XRP/USD: bid 100.3, ask 100.1'] : [],
      );
    }
  });
});

describe('steps', () => {
  test.each([
    [0.3, 0.1],
    [1, 1],
    [1, 0.0001],
    [0.00001234, 0.00000001],
  ])('that were read off the digits of %d move no fill and no limit', (price, tickSize) => {
    const events = new EventBatch();
    addTrade(events, { atUs: START_US, price });
    addRules(events, START_US + 1, { tickSize, lotSize: 1, isStated: false });
    addTrade(events, { atUs: START_US + 2, price });
    addBeat(events, START_US + 4 * SECOND_US);
    const { loaded } = looker({ 1: { action: 'buy', quote: 0.55 }, 2: { action: 'sell' } });
    const log = run(events, [loaded], { config: config({ capital: { USD: 1000 } }) });
    const [bought, sold] = log.of('fill').map(({ fill }) => fill);
    expect(bought!.price).toBeCloseTo(price * 1.0005, 12);
    expect(sold!.price).toBeCloseTo(price * 0.9995, 12);
    expect(bought!.size * price).toBeCloseTo(0.55, 2);
  });

  test('that are stated above the price itself give no price of 0', () => {
    const events = new EventBatch();
    addRules(events, START_US, { tickSize: 1 });
    addTrade(events, { atUs: START_US, price: 0.3 });
    addBeat(events, START_US + 4 * SECOND_US);
    const { loaded } = looker({ 1: { action: 'buy', size: 1 }, 2: { action: 'sell' } });
    const prices = run(events, [loaded])
      .of('fill')
      .map(({ fill }) => fill.price);
    expect(prices[0]).toBeCloseTo(0.30015, 12);
    expect(prices[1]).toBeCloseTo(0.29985, 12);
  });

  test('that no book can be laid on are told, and the market goes on', () => {
    const events = new EventBatch();
    for (const tickSize of [1e-320, 0, -1, Number.NaN, 1 / 3]) addRules(events, START_US, { tickSize });
    addLevels(
      events,
      START_US,
      [
        ['bid', 99.95, 1],
        ['ask', 100.05, 9],
      ],
      true,
    );
    addTrade(events, { atUs: START_US, price: 100 });
    addBeat(events, START_US + 3 * SECOND_US);
    const { loaded, at } = looker({ 1: { action: 'buy', size: 0.5, limit: 100.05 } });
    const log = run(events, [loaded]);
    expect(at(1)).toMatchObject({ bid: 99.95, ask: 100.05 });
    expect(log.of('fill').map(({ fill }) => fill.price)).toEqual([100.05]);
    expect(log.of('unused').map(({ reason }) => reason)).toContain('a tick size of 1e-320 cannot be used');
  });
});
