// One thing at a time is changed in a tape of events, both tapes go through the engine, and the comparison has to name
// what was changed: each cause, its bounds, and what must not be blamed on it.
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  book,
  buy,
  candles,
  defineStrategy,
  donchian,
  EventBatch,
  EventKind,
  ema,
  Flag,
  prepare,
  Random,
  type RunConfig,
  sell,
  sma,
  vwap,
} from '../../src/index.ts';
import { type Comparison, compareRuns } from '../../src/runs/compare.ts';
import type { Run, RunManifest } from '../../src/runs/run.ts';
import { addRules, addTrade, config, run, SECOND_US, START_US } from '../engine/synthetic.ts';
import { runOf } from './records.ts';

type Happening =
  | { readonly is: 'rules' | 'subscribed' | 'lost' | 'beat'; readonly atUs: number }
  | { readonly is: 'hole'; readonly atUs: number }
  | {
      readonly is: 'book';
      readonly atUs: number;
      readonly venueUs: number;
      readonly bid: number;
      readonly size: number;
      readonly deeper?: number;
    }
  | {
      readonly is: 'trade';
      readonly atUs: number;
      readonly venueUs: number;
      readonly price: number;
      readonly size: number;
      readonly side: 'buy' | 'sell' | 'unknown';
    };
type Trade = Extract<Happening, { is: 'trade' }>;

const SYMBOL = 'XRP/USD';
const MINUTES = 40;
const BEGIN_US = START_US + 20 * SECOND_US;

/** A market that wanders by whole cents: a book and a trade every second and a half or so, received a moment late. */
function tape(): readonly Happening[] {
  const random = new Random(41);
  const events: Happening[] = [
    { is: 'rules', atUs: BEGIN_US },
    { is: 'subscribed', atUs: BEGIN_US },
  ];
  let cents = 20_000;
  for (let atUs = BEGIN_US; atUs < START_US + MINUTES * 60 * SECOND_US; ) {
    atUs += random.nextInt(300_000, 1_500_000);
    cents += random.nextInt(-3, 3);
    const venueUs = atUs - random.nextInt(2000, 30_000);
    const bid = (cents - 1) / 100;
    events.push({ is: 'book', atUs, venueUs, bid, size: random.nextInt(1, 30) });
    atUs += random.nextInt(300_000, 1_500_000);
    const side = random.nextFloat() < 0.5 ? 'buy' : 'sell';
    const traded = { atUs, venueUs: atUs - random.nextInt(2000, 30_000), price: cents / 100 };
    events.push({ is: 'trade', ...traded, size: random.nextInt(1, 9), side });
  }
  return events;
}

function toBatch(happenings: readonly Happening[]): EventBatch {
  const events = new EventBatch();
  for (const one of [...happenings].sort((a, b) => a.atUs - b.atUs)) {
    const seq = events.length + 1;
    switch (one.is) {
      case 'rules':
        addRules(events, one.atUs, SYMBOL);
        break;
      case 'beat':
        events.add(EventKind.beat, 0xffff, seq, one.atUs, Number.NaN);
        break;
      case 'subscribed': {
        const status = { type: 'status', state: 'subscribed', channel: 'trade', symbol: SYMBOL } as const;
        events.addDetail(status, 0, seq, one.atUs, Number.NaN);
        break;
      }
      case 'lost': {
        const control = { type: 'closed', code: 1006, reason: '', cause: 'disconnect' } as const;
        events.addDetail({ type: 'status', state: 'control', control }, 0xffff, seq, one.atUs, Number.NaN);
        break;
      }
      case 'hole': {
        const gap = {
          type: 'status',
          state: 'gap',
          cause: 'sequence',
          channel: 'trade',
          symbol: SYMBOL,
        } as const;
        events.addDetail({ ...gap, detail: '' }, 0, seq, one.atUs, Number.NaN);
        break;
      }
      case 'book':
        addBook(events, one);
        break;
      case 'trade': {
        const flags = { buy: Flag.buy, sell: Flag.sell, unknown: 0 }[one.side];
        const { atUs, price, size, venueUs: exchangeUs } = one;
        addTrade(events, { atUs, price, size, exchangeUs, flags });
        break;
      }
    }
  }
  return events;
}

function addBook(
  events: EventBatch,
  { atUs, venueUs, bid, size, deeper = 40 }: Extract<Happening, { is: 'book' }>,
): void {
  const seq = events.length + 1;
  const levels = [
    [0, 0, size],
    [0, -0.02, deeper],
    [Flag.ask, 0.02, size],
    [Flag.ask, 0.04, deeper],
  ] as const;
  for (const [i, [side, away, amount]] of levels.entries()) {
    const row = events.add(EventKind.level, 0, seq, atUs, venueUs);
    events.price[row] = Number((bid + away).toFixed(2));
    events.size[row] = amount;
    events.flags[row] = side | (i === 0 ? Flag.clear : 0) | (i === levels.length - 1 ? Flag.last : 0);
  }
}

/** Buys above the mean and sells below it; `edge` is a hidden difference of code, `maxAsk` lets it look at the book. */
function strategyOf({ edge = 0, maxAsk = Number.POSITIVE_INFINITY } = {}) {
  return prepare(
    defineStrategy({
      ...{ name: 'a', version: '1.0.0', description: 'd', params: z.object({}) },
      inputs: () => {
        const bars = candles(SYMBOL, '1m');
        return {
          bars,
          mean: sma(bars, 3),
          slow: ema(bars, 8),
          range: donchian(bars, 4),
          day: vwap(bars),
          k: book(SYMBOL, 2),
        };
      },
      decide: ({ bars, mean, k }, { position, openOrders }) => {
        if (openOrders > 0 || !mean.isReady) return null;
        const isUp = bars.close > mean.value + edge && !(k.ask > maxAsk);
        if (isUp && position.isFlat) return buy({ quote: 900, reason: 'up' });
        if (!isUp && !position.isFlat) return sell({ reason: 'down' });
        return null;
      },
    }),
  );
}

type Running = {
  readonly config?: Readonly<Record<string, unknown>>;
  readonly edge?: number;
  readonly maxAsk?: number;
  readonly manifest?: Partial<RunManifest>;
};

function ran(happenings: readonly Happening[], { config: own = {}, manifest, ...hidden }: Running = {}): Run {
  const rules: RunConfig = config({
    ...{ symbols: [SYMBOL], capital: { USD: 10_000 }, latency: { model: 'fixed', ms: 60 } },
    ...{ equityEvery: '1m', ...own },
  });
  const log = run(toBatch(happenings), [strategyOf(hidden)], { config: rules });
  const written = JSON.parse(JSON.stringify(rules)) as Record<string, unknown>;
  return runOf(log.records, { symbols: [SYMBOL], config: written, ...manifest });
}

const BASE = tape();
const LEFT = BASE.map((one) => ({ ...one }));
const startOf = (minute: number): number => START_US + minute * 60 * SECOND_US;
const minuteOf = ({ venueUs }: Trade): number => Math.floor((venueUs - START_US) / 60 / SECOND_US);
const isTrade = (one: Happening): one is Trade => one.is === 'trade';

/** The first trade of a minute that has others before and after it, and does not move its extremes. */
function tradeIn(minute: number): Trade {
  const all = BASE.filter(isTrade).filter((trade) => minuteOf(trade) === minute);
  return all[Math.floor(all.length / 2)]!;
}

function without(trade: Trade): readonly Happening[] {
  return BASE.filter((one) => one !== trade);
}

function altered(trade: Trade, changes: Partial<Trade>): readonly Happening[] {
  return BASE.map((one) => (one === trade ? { ...trade, ...changes } : one));
}

function compared(
  right: readonly Happening[],
  running: Running = {},
  left = LEFT as readonly Happening[],
): Comparison {
  const { manifest, ...shared } = running;
  return compareRuns(ran(left), ran(right, { ...shared, ...(manifest === undefined ? {} : { manifest }) }));
}

const causesOf = (comparison: Comparison) => ({
  candles: comparison.candles[0]!.causes,
  ...Object.fromEntries(comparison.actions.map(({ kind, causes }) => [kind, causes])),
});

function valueCauses(comparison: Comparison, name: string) {
  return comparison.indicators.find((value) => value.name === `a.${name}`)!.causes;
}

const onlyOf = (counts: Readonly<Partial<Record<string, number>>>): readonly string[] => Object.keys(counts);

describe('candles and values', () => {
  test('are equal where nothing was changed', () => {
    const comparison = compared(BASE);
    expect(comparison).toMatchObject({ isEqual: true, isWithin: true, settings: [] });
    expect(comparison.verdict.headline).toMatch(
      /^values (\d+)\/\1, decisions (\d+)\/\2, fills (\d+)\/\3, profit differs by 0 USD$/,
    );
  });

  test('a trade that is missing, or there twice, is missing or extra, for as long as an indicator remembers it', () => {
    const trade = tradeIn(17);
    const twice = BASE.flatMap((one) => (one === trade ? [one, { ...one }] : [one]));
    for (const right of [without(trade), twice]) {
      const comparison = compared(right);
      expect(causesOf(comparison).candles).toEqual({ 'missing or extra events': 1 });
      expect(onlyOf(valueCauses(comparison, 'day.value'))).toEqual(['missing or extra events']);
    }
  });

  test('a windowed indicator remembers no longer than its window, and is not blamed on a candle before it', () => {
    const high = Math.max(...BASE.filter(isTrade).map(({ price }) => price)) + 1;
    const spiked = compared(altered(tradeIn(17), { price: high }));
    expect(valueCauses(spiked, 'range.upper')).toEqual({ 'values differ': 4 });
    expect(causesOf(spiked).candles).toEqual({ 'values differ': 1 });
    // The same log, but with a value changed after the window has passed: nothing explains that.
    const later = ran(altered(tradeIn(17), { price: high }));
    const records = run(toBatch(altered(tradeIn(17), { price: high })), [strategyOf()], {
      config: config({ ...later.manifest.config }),
    }).records.map((record) =>
      record.type === 'indicator' && record.name === 'a.mean.value' && record.atUs === startOf(30)
        ? { ...record, value: record.value + 1 }
        : record,
    );
    const bent = runOf(records, { symbols: [SYMBOL], config: later.manifest.config });
    expect(valueCauses(compareRuns(ran(BASE), bent), 'mean.value').unexplained).toBe(1);
  });

  test('a trade over the boundary is told from one lost here and another gained there', () => {
    const trades = BASE.filter(isTrade);
    const lasts = trades.filter(
      (trade, n) => trades[n + 1] !== undefined && minuteOf(trade) < minuteOf(trades[n + 1]!),
    );
    const toEnd = (trade: Trade): number => startOf(minuteOf(trade) + 1) - trade.venueUs;
    const [last, ...others] = lasts
      .filter((trade) => minuteOf(trade) > 3)
      .sort((x, y) => toEnd(x) - toEnd(y));
    const over = compared(altered(last!, { venueUs: last!.venueUs + toEnd(last!) }));
    expect(causesOf(over).candles).toEqual({ 'candle boundary': 2 });
    // A stamp that cannot be right is set apart by the run itself, which says so.
    const far = others.at(-1)!;
    const apart = compared(altered(far, { venueUs: far.venueUs + 5 * 60 * SECOND_US }));
    expect(causesOf(apart).candles).toEqual({ 'set apart': 1 });
    const [lost, gained] = [tradeIn(20), tradeIn(21)];
    const swapped = without(lost).flatMap((one) => (one === gained ? [one, { ...gained }] : [one]));
    expect(causesOf(compared(swapped)).candles).toEqual({ 'missing or extra events': 2 });
    // Even of the same size and side: the prices at the edge do not say that it went over.
    const alike = { ...gained, size: lost.size, side: lost.side, price: lost.price };
    const other = without(lost).flatMap((one) => (one === gained ? [one, alike] : [one]));
    expect(causesOf(compared(other)).candles).toEqual({ 'missing or extra events': 2 });
  });

  test('a candle without trades repeats the price before it, and the reason why that is another', () => {
    const quiet = BASE.filter(
      (one) => !isTrade(one) || one.venueUs < startOf(20) || one.venueUs > startOf(22),
    );
    const last = quiet.filter(isTrade).findLast((trade) => minuteOf(trade) === 19)!;
    const left = ran(quiet);
    const right = ran(quiet.filter((one) => one !== last));
    expect(compareRuns(left, right).candles[0]!.causes).toEqual({ 'missing or extra events': 3 });
  });

  test('clocks that differ move trades over every boundary', () => {
    const shifted = BASE.map((one) =>
      isTrade(one) ? { ...one, venueUs: one.venueUs + 3 * SECOND_US } : one,
    );
    const { candles: causes } = causesOf(compared(shifted));
    expect(causes['candle boundary']).toBeGreaterThan(25);
  });

  test('takers that one feed does not name are not missing trades, and other prices are other values', () => {
    const unnamed = compared(BASE.map((one) => (isTrade(one) ? { ...one, side: 'unknown' as const } : one)));
    expect(onlyOf(causesOf(unnamed).candles)).toEqual(['taker side']);
    const dearer = compared(altered(tradeIn(25), { price: tradeIn(25).price + 0.5 }));
    expect(causesOf(dearer).candles).toEqual({ 'values differ': 1 });
  });
});

describe('outages', () => {
  const lost = (
    fromUs: number,
    toUs: number,
    happenings: readonly Happening[] = BASE,
  ): readonly Happening[] => [
    ...happenings.filter(({ is, atUs }) => is === 'rules' || atUs <= fromUs || atUs >= toUs),
    { is: 'lost', atUs: fromUs },
    { is: 'subscribed', atUs: toUs },
  ];

  test('explain what their span took away, in candles, values and books', () => {
    const comparison = compared(lost(startOf(20) + 10 * SECOND_US, startOf(20) + 40 * SECOND_US));
    expect(causesOf(comparison).candles).toEqual({ outage: 1 });
    expect(onlyOf(valueCauses(comparison, 'day.value'))).toEqual(['outage']);
    const blind = compared(lost(startOf(20) + 50 * SECOND_US, startOf(21) + 10 * SECOND_US));
    expect(valueCauses(blind, 'k.isValid')).toEqual({ outage: 1 });
    expect(valueCauses(blind, 'k.mid')).toEqual({ outage: 1 });
  });

  test('explain nothing before or after them, and nothing that the run with the outage has more of', () => {
    const moment = startOf(20) + 35 * SECOND_US;
    const before = compared(lost(moment, moment + 1000, without(tradeIn(19))));
    expect(causesOf(before).candles).toEqual({ 'missing or extra events': 1 });
    const after = compared(lost(moment, moment + 1000, without(tradeIn(22))));
    expect(causesOf(after).candles).toEqual({ 'missing or extra events': 1 });
    const trade = tradeIn(20);
    const doubled = BASE.flatMap((one) => (one === trade ? [one, { ...one }] : [one]));
    expect(causesOf(compared(lost(moment, moment + 1000, doubled))).candles).toEqual({
      'missing or extra events': 1,
    });
  });

  test('in the numbering of trades are told of when they are over', () => {
    const trade = tradeIn(18);
    const next = BASE.filter(isTrade).find(({ atUs }) => atUs > trade.atUs)!;
    const holed = compared([...without(trade), { is: 'hole', atUs: next.atUs }]);
    expect(causesOf(holed).candles).toEqual({ outage: 1 });
  });
});

describe('lateness and span', () => {
  test('a trade that came after its candle is late, not missing', () => {
    const last = BASE.filter(isTrade).findLast((trade) => minuteOf(trade) === 23)!;
    const comparison = compared(altered(last, { atUs: startOf(24) + 5 * SECOND_US }));
    expect(causesOf(comparison).candles).toEqual({ 'late trades': 1 });
  });

  test('a run that begins later lacks history, for as long as its indicators remember', () => {
    const fromUs = startOf(5) + 20 * SECOND_US;
    const later = BASE.filter(({ is, atUs }) => is === 'rules' || is === 'subscribed' || atUs > fromUs).map(
      (one) => (one.atUs < fromUs ? { ...one, atUs: fromUs } : one),
    );
    const comparison = compared(later);
    expect(onlyOf(causesOf(comparison).candles)).toEqual(['warm-up']);
    for (const name of ['day.value', 'slow.value', 'range.upper']) {
      expect(onlyOf(valueCauses(comparison, name)).filter((cause) => cause !== 'rounding')).toEqual([
        'warm-up',
      ]);
    }
    const mean = comparison.indicators.find(({ name }) => name === 'a.mean.value')!;
    expect(mean).toMatchObject({ beyond: 0, missing: 0 });
  });

  test('a run that had begun in time and was given nothing is not warming up', () => {
    const fromUs = startOf(5) + 20 * SECOND_US;
    const silent = BASE.filter(({ is, atUs }) => is !== 'trade' || atUs > fromUs);
    const { candles: causes } = causesOf(compared(silent));
    expect(onlyOf(causes)).toEqual(['missing or extra events']);
  });

  test('what lies after the end of a run is not judged, and what it lacked before its end is', () => {
    const untilUs = startOf(30);
    const short = BASE.filter(({ atUs }) => atUs < untilUs);
    const comparison = compared(short);
    expect(comparison.isWithin).toBe(true);
    const {
      candles: causes,
      signal,
      order,
      fill,
    } = causesOf(comparison) as Record<string, Record<string, number>>;
    for (const one of [causes!, signal!, order!, fill!]) expect(onlyOf(one)).toEqual(['end of span']);
    const idle: readonly Happening[] = [...short, { is: 'beat', atUs: BASE.at(-1)!.atUs }];
    expect(onlyOf(causesOf(compared(idle)).candles)).toEqual(['missing or extra events']);
  });
});

describe('configuration', () => {
  test('is read off the manifests before anything else, and named with both values', () => {
    const slow = compared(BASE, { config: { latency: { model: 'fixed', ms: 900 } } });
    expect(slow.settings).toEqual([{ path: 'latency.ms', left: 60, right: 900, scope: 'trading' }]);
    for (const { causes } of slow.actions)
      expect(onlyOf(causes).filter((c) => c !== 'configuration')).toEqual([]);
    const strategies = [{ id: 'a', name: 'a', version: '1.0.0', bundle: 'b', params: { edge: 0.02 } }];
    const edgy = compared(BASE, { edge: 0.02, manifest: { strategies } });
    expect(edgy.settings).toMatchObject([{ path: 'strategies.a.params.edge', left: undefined, right: 0.02 }]);
    for (const { causes } of edgy.actions) expect(onlyOf(causes)).toEqual(['configuration']);
    expect(edgy.actions[0]!.matched).toBeLessThan(edgy.actions[0]!.left);
  });

  test('of candles explains what it decides and no more', () => {
    const quiet = BASE.filter((one) => !isTrade(one) || one.atUs < startOf(20) || one.atUs > startOf(24));
    const holed = quiet.filter((one) => one !== tradeIn(30));
    const left = ran(quiet);
    const right = ran(holed, { config: { candles: { fill: 0 } } });
    expect(compareRuns(left, right).candles[0]!.causes).toEqual({
      configuration: 2,
      'missing or extra events': 1,
    });
  });

  test('of a strategy stands beside what differs in its candles', () => {
    const strategies = [{ id: 'a', name: 'a', version: '1.0.0', bundle: 'c', params: {} }];
    const comparison = compared(without(tradeIn(17)), { manifest: { strategies } });
    expect(causesOf(comparison).candles).toEqual({ 'missing or extra events': 1 });
    const { configuration, 'missing or extra events': missing } = valueCauses(comparison, 'day.value');
    expect(configuration).toBe(missing);
  });

  test('of a strategy that only one run has explains all of it', () => {
    const left = ran(BASE);
    const other = { id: 'b', name: 'b', version: '1.0.0', bundle: 'q', params: {} };
    const lines = run(toBatch(BASE), [strategyOf()], { config: config({ ...left.manifest.config }) }).records;
    const renamed = lines.map((record) =>
      record.type === 'candle' ? [record, { ...record, name: 'b.bars' }] : [record],
    );
    const strategies = [...left.manifest.strategies, other];
    const right = runOf(renamed.flat(), { symbols: [SYMBOL], config: left.manifest.config, strategies });
    const own = compareRuns(left, right).candles.find(({ name }) => name === 'b.bars')!;
    expect(onlyOf(own.causes)).toEqual(['configuration']);
  });

  test('that is the same, with the same events and other results, leaves chance', () => {
    const comparison = compared(BASE, { edge: 0.02 });
    expect(comparison.settings).toEqual([]);
    for (const { causes } of comparison.actions) expect(onlyOf(causes)).toEqual(['not deterministic']);
    expect(comparison.isWithin).toBe(false);
    expect(comparison.verdict.reasons.at(-1)).toContain('not deterministic');
    const lax = {
      values: { count: 1e9 },
      decisions: { share: 1 },
      orders: { share: 1 },
      fills: { share: 1 },
    };
    const limits = { ...lax, profit: { share: 1 } };
    expect(compareRuns(ran(BASE), ran(BASE, { edge: 0.02 }), { limits }).isWithin).toBe(false);
  });
});

describe('the market at decisions', () => {
  const raised = (by: number, fromUs = 0): readonly Happening[] =>
    BASE.map((one) =>
      one.is === 'book' && one.atUs > fromUs ? { ...one, bid: Number((one.bid + by).toFixed(2)) } : one,
    );

  test('other best prices at the same moment are the book, not latency and not the candles', () => {
    const comparison = compared(raised(0.1));
    expect(valueCauses(comparison, 'k.mid')).toEqual({ 'book prices': comparison.candles[0]!.matched });
    const [, orders, fills] = comparison.actions;
    expect([orders, fills].map((one) => onlyOf(one!.causes))).toEqual([['book prices'], ['book prices']]);
  });

  test('other sizes behind the same prices are the depth of the book', () => {
    const thin = (size: number) => BASE.map((one) => (one.is === 'book' ? { ...one, size } : one));
    const comparison = compareRuns(ran(thin(1)), ran(thin(2)));
    expect(onlyOf(valueCauses(comparison, 'k.bidSize'))).toEqual(['book depth']);
    expect(onlyOf(comparison.actions[2]!.causes)).toEqual(['book depth']);
  });

  test('a decision is put down to what had just become different, not to a mean that has long been', () => {
    const fromUs = BEGIN_US + 25 * SECOND_US;
    const later = raised(0.3, startOf(20))
      .filter(({ is, atUs }) => is === 'rules' || is === 'subscribed' || atUs > fromUs)
      .map((one) => (one.atUs < fromUs ? { ...one, atUs: fromUs } : one));
    const asks = BASE.flatMap((one) => (one.is === 'book' ? [one.bid + 0.02] : [])).sort((a, b) => a - b);
    const maxAsk = asks[asks.length >> 1]!;
    const comparison = compareRuns(ran(BASE, { maxAsk }), ran(later, { maxAsk }));
    expect(onlyOf(valueCauses(comparison, 'day.value'))).toEqual(['warm-up']);
    const [signals] = comparison.actions;
    expect(signals!.matched).toBeLessThan(signals!.left + signals!.right - signals!.matched);
    expect(signals!.causes['book prices']).toBeGreaterThan(0);
    expect(
      onlyOf(signals!.causes).filter((cause) => !['book prices', 'other decision'].includes(cause)),
    ).toEqual([]);
  });

  test('a book that is another at the same moment is no latency, even between live and history', () => {
    const history = raised(0.05).filter(({ is }) => is !== 'subscribed');
    const byVenue = history.map((one) => ('venueUs' in one ? { ...one, atUs: one.venueUs } : one));
    const live = ran(BASE);
    const dataset = { ...live.manifest.dataset, feed: 'historical' };
    const comparison = compareRuns(live, ran(byVenue, { manifest: { dataset } }));
    expect(comparison.candles[0]!.causes).toEqual({});
    expect(onlyOf(comparison.actions[2]!.causes)).toEqual(['book prices']);
  });

  test('clocks that are a minute and a half apart cover the same span, and change nothing', () => {
    const history = BASE.filter(({ is }) => is !== 'subscribed').map((one) =>
      'venueUs' in one ? { ...one, atUs: one.venueUs } : one,
    );
    const ahead = ran(BASE.map((one) => ({ ...one, atUs: one.atUs + 90 * SECOND_US })));
    const dataset = { ...ahead.manifest.dataset, feed: 'historical' };
    const {
      candles: series,
      actions,
      profit,
      verdict,
    } = compareRuns(ahead, ran(history, { manifest: { dataset } }));
    expect(series[0]).toMatchObject({ unequal: 0, onlyLeft: 0, onlyRight: 0 });
    for (const { left, right, matched } of actions)
      expect({ left, right }).toEqual({ left: matched, right: matched });
    expect(profit[0]!.share).toBeLessThan(1e-5);
    expect(verdict.passes).toBe(true);
  });

  test('live against history by venue time: what differs is when it was seen', () => {
    const history = BASE.filter(({ is }) => is !== 'subscribed').map((one) =>
      'venueUs' in one ? { ...one, atUs: one.venueUs } : one,
    );
    // The last book of some minutes reaches the live run only after they closed.
    const slow = BASE.map((one) => (one.is === 'book' ? { ...one, atUs: one.atUs + 700_000 } : one));
    const live = ran(slow);
    const dataset = { ...live.manifest.dataset, feed: 'historical' };
    const comparison = compareRuns(live, ran(history, { manifest: { dataset } }));
    expect(comparison.candles[0]!.causes).toEqual({});
    expect(onlyOf(valueCauses(comparison, 'k.mid'))).toEqual(['latency']);
    for (const { causes } of comparison.actions) {
      expect(onlyOf(causes).filter((cause) => cause !== 'latency' && cause !== 'other decision')).toEqual([]);
    }
    const mid = comparison.indicators.find(({ name }) => name === 'a.k.mid')!;
    expect(mid).toMatchObject({ missing: 0, excused: mid.beyond });
    expect(comparison.verdict.parts[0]).toMatchObject({ part: 'values', differing: 0, passes: true });
  });
});
