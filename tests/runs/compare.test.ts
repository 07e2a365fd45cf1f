// Two runs held against each other: what is matched, what is within, and why what differs does.
import { describe, expect, test } from 'vitest';
import type { StatusDetail } from '../../src/core/event.ts';
import type { Fill, Order, Signal } from '../../src/core/order.ts';
import type { RunRecord } from '../../src/core/record.ts';
import { type Comparison, compareRuns, type ValueParity } from '../../src/runs/compare.ts';
import { ulpDistance } from '../../src/runs/parity/ulp.ts';
import { bars, candle, runOf, SECOND_US } from './records.ts';

const FIVE = [10, 11, 12, 13, 14].map((value) => ({ value }));

function compared(left: readonly RunRecord[], right: readonly RunRecord[], tolerance?: number): Comparison {
  return compareRuns(runOf(left), runOf(right), tolerance);
}

function mean(comparison: Comparison): ValueParity {
  return comparison.indicators.find(({ name }) => name === 'a.mean.value')!;
}

function status(timeUs: number, detail: Omit<Extract<StatusDetail, { state: 'gap' }>, 'type' | 'state'>) {
  const at = { event: 0, seq: 0, timeUs, symbol: detail.symbol };
  return { ...at, type: 'status', status: { type: 'status', state: 'gap', ...detail } } as const;
}

describe('indicator values', () => {
  test('of equal runs are equal, and the runs are', () => {
    const comparison = compared(bars(FIVE), bars(FIVE));
    expect(comparison).toMatchObject({ isEqual: true, isWithin: true, divergence: undefined });
    expect(mean(comparison)).toMatchObject({ matched: 5, unequal: 0, beyond: 0, missing: 0, causes: {} });
    expect(comparison.candles).toMatchObject([{ name: 'a.bars', matched: 5, unequal: 0 }]);
  });

  test('are measured in money, in parts and in doubles', () => {
    const right = FIVE.map(({ value }, i) => ({ value: i === 3 ? value * (1 + 2e-4) : value }));
    const parity = mean(compared(bars(FIVE), bars(right)));
    expect(parity).toMatchObject({ matched: 5, unequal: 1, beyond: 1, firstBeyondUs: 3 * SECOND_US });
    expect(parity.maxAbsolute).toBeCloseTo(13 * 2e-4, 10);
    expect(parity.maxRelative).toBeCloseTo(2e-4 / (1 + 2e-4), 12);
    expect(parity.maxUlp).toBe(ulpDistance(13, 13 * (1 + 2e-4)));
    expect(compared(bars(FIVE), bars(right), 1e-3).isWithin).toBe(true);
    // A value that is just as far apart as is allowed is within; the next number allowed is not.
    const edge = parity.maxRelative;
    expect(compared(bars(FIVE), bars(right), edge).isWithin).toBe(true);
    expect(compared(bars(FIVE), bars(right), edge * (1 - 1e-15)).isWithin).toBe(false);
    expect([ulpDistance(1, 1 + Number.EPSILON), ulpDistance(-0, 0), ulpDistance(-5e-324, 5e-324)]).toEqual([
      1, 0, 2,
    ]);
  });

  test('that are the two zeros differ by nothing, and an infinity is beyond any tolerance', () => {
    const zeros = compared(bars([{ value: 0 }]), bars([{ value: -0 }]));
    expect(mean(zeros)).toMatchObject({ unequal: 1, beyond: 0, maxRelative: 0, causes: { rounding: 1 } });
    const infinite = compared(bars([{ value: 1 }]), bars([{ value: Number.POSITIVE_INFINITY }]), 1e9);
    expect(mean(infinite)).toMatchObject({ beyond: 1, maxRelative: Number.POSITIVE_INFINITY });
  });

  test('that one side has not got are excused by warm-up and by the end of its run, not by anything else', () => {
    const left = FIVE;
    const late = compared(bars(left), bars(left.slice(2), 2));
    expect(mean(late)).toMatchObject({ matched: 3, onlyLeft: 2, missing: 0, causes: { 'warm-up': 2 } });
    expect(late.isWithin).toBe(true);
    const warming = compared(bars(left), bars([{}, {}, { value: 13 }, { value: 14 }], 1));
    expect(mean(warming)).toMatchObject({ matched: 2, onlyLeft: 3, missing: 0, causes: { 'warm-up': 3 } });
    const short = compared(bars(left), bars(left.slice(0, 3)));
    expect(mean(short)).toMatchObject({ onlyLeft: 2, missing: 0, causes: { 'end of span': 2 } });
    expect(short.isWithin).toBe(true);
    const holed = compared(bars(left), bars(left.map((bar, i) => (i === 2 ? {} : bar))));
    expect(mean(holed)).toMatchObject({ onlyLeft: 1, missing: 1, causes: { unexplained: 1 } });
    expect(holed.isWithin).toBe(false);
  });

  test('of candles that no strategy declared by themselves are judged by their own span', () => {
    const hidden = (values: readonly (number | undefined)[], from = 0): readonly RunRecord[] =>
      bars(
        values.map((value) => (value === undefined ? {} : { value })),
        from,
      ).filter(({ type }) => type === 'indicator');
    const parity = mean(compared(hidden([1, 2, 3, 4, 5, 6]), hidden([2, undefined, 4.1, 5], 1)));
    expect(parity).toMatchObject({ matched: 3, onlyLeft: 3, missing: 1, unequal: 1, beyond: 1 });
    expect(parity.causes).toEqual({ 'warm-up': 1, 'end of span': 1, unexplained: 2 });
  });

  test('prove nothing when there are none, or none of the same time', () => {
    const apart = compared(bars(FIVE), bars(FIVE, 100));
    expect(apart.isWithin).toBe(false);
    expect(apart.verdict.reasons).toEqual(['the runs have nothing in common: nothing is proven']);
    expect(compared(trade(1, 1e6), []).isWithin).toBe(false);
  });
});

describe('causes', () => {
  const other = FIVE.map((bar, i) => (i === 2 ? { value: 12.5, trades: 2, volume: 4 } : bar));

  test('missing or extra events: the candle under the value differs, or one before it', () => {
    const after = other.map((bar, i) => (i > 2 ? { value: bar.value + 0.1 } : bar));
    expect(mean(compared(bars(FIVE), bars(after))).causes).toEqual({ 'missing or extra events': 3 });
  });

  test('outage: one log tells of a gap in the trades of that symbol at that time', () => {
    const gap = { cause: 'disconnect', channel: 'trade', symbol: 'BTC/USD', detail: '' } as const;
    const live = [...bars(other.slice(0, 2)), status(2.4e6, gap), ...bars(other.slice(2), 2)];
    expect(mean(compared(live, bars(FIVE))).causes).toEqual({ outage: 1 });
    expect(mean(compared(bars(FIVE), live)).causes).toEqual({ outage: 1 });
    const elsewhere = [...bars(other.slice(0, 2)), status(2.4e6, { ...gap, symbol: 'ETH/USD' })];
    expect(mean(compared([...elsewhere, ...bars(other.slice(2), 2)], bars(FIVE))).causes).toEqual({
      'missing or extra events': 1,
    });
    // An outage takes trades away: where the run that had it holds more of them, it is not the reason.
    const more = FIVE.map((bar, i) => (i === 2 ? { value: 12.5, trades: 4, volume: 6 } : bar));
    const richer = [...bars(more.slice(0, 2)), status(2.4e6, gap), ...bars(more.slice(2), 2)];
    expect(mean(compared(richer, bars(FIVE))).causes).toEqual({ 'missing or extra events': 1 });
  });

  test('outage: of every symbol while the connection is closed, until trades are subscribed again', () => {
    const at = { event: 0, seq: 0, symbol: '' };
    const closed: RunRecord = {
      ...at,
      ...{ type: 'status', timeUs: 0.5e6 },
      status: {
        ...{ type: 'status', state: 'control' },
        control: { type: 'closed', code: 1006, reason: '', cause: 'disconnect' },
      },
    };
    const subscribed: RunRecord = {
      ...at,
      ...{ type: 'status', timeUs: 2.2e6 },
      status: { type: 'status', state: 'subscribed', channel: 'trade', symbol: 'BTC/USD' },
    };
    const flat = (i: number) => ({ value: 50 + i, trades: 0, volume: 0 });
    const live = [closed, ...bars([flat(0), flat(1)]), subscribed, ...bars([flat(2), flat(3), flat(4)], 2)];
    const parity = mean(compared(live, bars(FIVE)));
    // From the fourth candle on trades were subscribed, so that one is missing for another reason.
    expect(parity.causes).toEqual({ outage: 3, 'missing or extra events': 2 });
  });

  test('late trades: one log says that a trade came after its candle', () => {
    const reason = 'late trade: closed already, the candle of 1s';
    const late: RunRecord = {
      ...{ event: 0, seq: 0, timeUs: 3.3e6, type: 'unused', symbol: 'BTC/USD', reason, count: 1 },
    };
    const live = [...bars(other.slice(0, 3)), late, ...bars(other.slice(3), 3)];
    expect(mean(compared(live, bars(FIVE))).causes).toEqual({ 'late trades': 1 });
    const named = (startUs: number): readonly RunRecord[] => [
      ...bars(other.slice(0, 3)),
      { ...late, startUs, timeUs: 8e6 } as RunRecord,
      ...bars(other.slice(3), 3),
    ];
    expect(mean(compared(named(2e6), bars(FIVE))).causes).toEqual({ 'late trades': 1 });
    expect(mean(compared(named(1e6), bars(FIVE))).causes).toEqual({ 'missing or extra events': 1 });
    const many = FIVE.map((bar, i) => (i === 2 ? { value: 12.5, trades: 1, volume: 2 } : bar));
    const lacking = [...bars(many.slice(0, 3)), late, ...bars(many.slice(3), 3)];
    expect(mean(compared(lacking, bars(FIVE))).causes).toEqual({ 'missing or extra events': 1 });
  });

  test('candle boundary: a neighbour has the trades that this one lacks', () => {
    const moved = FIVE.map((bar, i) =>
      i === 2 ? { value: 12.1, trades: 4 } : i === 3 ? { value: 13.1, trades: 2 } : bar,
    );
    expect(mean(compared(bars(FIVE), bars(moved))).causes).toEqual({ 'candle boundary': 2 });
  });

  test('warm-up: one series began later, so its indicators remember less', () => {
    const shorter = FIVE.slice(1).map(({ value }) => ({ value: value + 0.5 }));
    expect(mean(compared(bars(FIVE), bars(shorter, 1))).causes).toEqual({ 'warm-up': 5 });
  });

  test('configuration: other parameters, or another rule for candles', () => {
    const run = runOf(bars(FIVE));
    const [strategy] = run.manifest.strategies;
    const longer = runOf(bars(other), { strategies: [{ ...strategy!, params: { length: 3 } }] });
    // The candle under the value differs, too: both are told.
    expect(mean(compareRuns(run, longer)).causes).toEqual({ configuration: 1, 'missing or extra events': 1 });
    const changed = bars(FIVE.map((bar, i) => (i === 2 ? { value: 12.5 } : bar)));
    const same = runOf(changed, { strategies: longer.manifest.strategies });
    expect(mean(compareRuns(run, same)).causes).toEqual({ configuration: 1 });
    const hasty = runOf(bars(other), { config: { ...run.manifest.config, candles: { grace: '1ms' } } });
    expect(mean(compareRuns(run, hasty)).causes).toEqual({ configuration: 1 });
    // Who waited longer does not lack trades for that.
    const patient = runOf(bars(other), { config: { ...run.manifest.config, candles: { grace: '1s' } } });
    expect(mean(compareRuns(run, patient)).causes).toEqual({ 'missing or extra events': 1 });
  });

  test('rounding and unexplained: equal candles, and the last digits or more of them', () => {
    const nudged = FIVE.map(({ value }, i) => ({ value: i === 1 ? value * (1 + 4e-16) : value }));
    expect(mean(compared(bars(FIVE), bars(nudged))).causes).toEqual({ rounding: 1 });
    const moved = FIVE.map(({ value }, i) => ({ value: i === 1 ? value * 1.00001 : value }));
    expect(mean(compared(bars(FIVE), bars(moved))).causes).toEqual({ unexplained: 1 });
  });
});

const ORDER: Order = {
  ...{ id: 1, signal: 1, strategy: 'a', instrument: 0, symbol: 'BTC/USD', side: 'buy', type: 'market' },
  ...{ timeInForce: 'GTC', isReduceOnly: false, size: 1, filledSize: 1, price: Number.NaN },
  ...{ status: 'filled', reason: 'r', createdUs: 0, dueUs: 0 },
};
const FILL: Fill = {
  ...{ id: 1, order: 1, signal: 1, strategy: 'a', instrument: 0, symbol: 'BTC/USD', side: 'buy' },
  ...{ price: 100, size: 1, fee: '0.1', feeCurrency: 'USD', liquidity: 'taker' },
  ...{ signalMid: 99.5, arrivalMid: 99.75, fillMid: 99.75, rate: 1, realized: '0' },
  ...{ markLow: Number.NaN, markHigh: Number.NaN },
};

/** A decision and all that came of it. */
function trade(
  id: number,
  timeUs: number,
  changes: { readonly signal?: Partial<Signal>; readonly fill?: Partial<Fill> } = {},
): readonly RunRecord[] {
  const at = { event: id, seq: id, timeUs };
  const signal: Signal = { action: 'buy', reason: 'r', ...changes.signal };
  return [
    { ...at, type: 'signal', id, strategy: 'a', signal },
    { ...at, type: 'fill', fill: { ...FILL, id, order: id, signal: id, ...changes.fill } },
    { ...at, type: 'order', order: { ...ORDER, id, signal: id, createdUs: timeUs, dueUs: timeUs } },
  ];
}

describe('actions', () => {
  test('are equal whatever their numbers and times', () => {
    const { actions } = compared(trade(1, 1e6), trade(7, 1.05e6));
    expect(actions).toMatchObject([
      { kind: 'signal', left: 1, right: 1, matched: 1, equal: 1, maxTimeUs: 50_000, causes: {} },
      { kind: 'order', matched: 1, equal: 1, causes: {} },
      { kind: 'fill', matched: 1, equal: 1, maxPriceBps: 0, causes: {} },
    ]);
  });

  test('are matched to the nearest in time, and not across what is another decision', () => {
    const left = [...trade(1, 10e6), ...trade(2, 12e6), ...trade(3, 20e6), ...bars([{}], 60)];
    const right = [
      ...bars([{}]),
      ...trade(1, 11.9e6),
      ...trade(2, 20.1e6),
      ...trade(3, 40e6),
      ...bars([{}], 60),
    ];
    const [signals, orders, fills] = compared(left, right).actions;
    expect(signals).toMatchObject({ matched: 2, equal: 2, maxTimeUs: 100_000 });
    // Nothing in either log explains the first decision that one run took alone; after it they hold other positions.
    expect(signals?.causes).toEqual({ unexplained: 1, 'other decision': 1 });
    for (const kind of [orders, fills]) {
      expect(kind).toMatchObject({ matched: 2, equal: 2, causes: { unexplained: 1, 'other decision': 1 } });
    }
  });

  test('are one decision up to a second and the grace of candles apart, and two beyond that', () => {
    const at = (timeUs: number) => compared(trade(1, 10e6), trade(1, timeUs)).actions[0];
    expect(at(11.25e6)).toMatchObject({ matched: 1, maxTimeUs: 1_250_000 });
    expect(at(11_250_001)).toMatchObject({ matched: 0, left: 1, right: 1 });
    const patient = { config: { candles: { grace: '3s' }, seed: 1 } };
    const [signals] = compareRuns(runOf(trade(1, 10e6), patient), runOf(trade(1, 14e6), patient)).actions;
    expect(signals).toMatchObject({ matched: 1 });
  });

  test('at the close of one candle are one decision, however far apart the clocks of the runs are', () => {
    const closing = (lateUs: number): readonly RunRecord[] => [
      candle({ event: 7, timeUs: 1e6 + lateUs }),
      ...trade(7, 1e6 + lateUs),
    ];
    expect(compared(closing(0), closing(90e6)).actions[0]).toMatchObject({ matched: 1, maxTimeUs: 90e6 });
  });

  test('fills differ by latency where times do, else by the best prices of the book, else by its depth', () => {
    const moved = compared(trade(1, 1e6), trade(1, 1.05e6, { fill: { price: 101, fillMid: 100.75 } }));
    expect(moved.actions[2]).toMatchObject({ equal: 0, causes: { latency: 1 } });
    expect(moved.actions[2]?.maxPriceBps).toBeCloseTo(100, 9);
    const other = compared(trade(1, 1e6), trade(1, 1e6, { fill: { price: 101, fillMid: 100.75 } }));
    expect(other.actions[2]).toMatchObject({ equal: 0, causes: { 'book prices': 1 } });
    const deeper = compared(trade(1, 1e6), trade(1, 1e6, { fill: { price: 101 } }));
    expect(deeper.actions[2]).toMatchObject({ equal: 0, causes: { 'book depth': 1 } });
    const run = runOf(trade(1, 1e6));
    const dearer = runOf(trade(1, 1e6, { fill: { fee: '9' } }), { config: { fees: 2 } });
    expect(compareRuns(run, dearer).actions[2]?.causes).toEqual({ configuration: 1 });
  });

  test('decided on unequal candles are put down to what made those unequal', () => {
    const candles = bars([{}, { trades: 9 }]);
    const left = [...bars([{}, {}]), ...trade(9, 2.1e6, { signal: { reason: 'x' } })];
    const [signals] = compared(left, [...candles, ...trade(9, 2.1e6, { signal: { reason: 'y' } })]).actions;
    expect(signals).toMatchObject({ matched: 1, equal: 0, causes: { 'missing or extra events': 1 } });
  });
});

describe('where two runs part', () => {
  test('is the first line that differs, with what stands around it on both sides', () => {
    const right = bars(FIVE.map((bar, i) => (i === 3 ? { value: 99 } : bar)));
    const { divergence } = compared(bars(FIVE), right);
    expect(divergence).toMatchObject({ line: 8, fields: ['value'] });
    expect(divergence?.left).toMatchObject({ type: 'indicator', value: 13 });
    expect(divergence?.right).toMatchObject({ type: 'indicator', value: 99 });
    expect(divergence?.before.map(({ type }) => type)).toEqual([
      ...['candle', 'indicator', 'candle', 'indicator', 'candle'],
    ]);
    expect(divergence?.leftAfter).toMatchObject([{ type: 'candle' }, { type: 'indicator', value: 14 }]);
    expect(divergence?.rightAfter).toEqual(divergence?.leftAfter);
  });

  test('is the end of the shorter log when it is a part of the longer', () => {
    const { divergence } = compared(bars(FIVE.slice(0, 2)), bars(FIVE.slice(0, 3)));
    expect(divergence).toMatchObject({ line: 5, left: undefined, right: { type: 'candle' }, fields: [] });
    expect(divergence?.rightAfter).toMatchObject([{ type: 'indicator' }]);
  });

  test('leaves out status and moments when one of the runs is historical', () => {
    const gap = status(0, { cause: 'disconnect', channel: 'trade', symbol: 'BTC/USD', detail: '' });
    const live = runOf([gap, ...bars(FIVE)]);
    const later = bars(FIVE.map((bar, i) => (i === 4 ? { value: 99 } : bar))).map((record) => {
      return { ...record, seq: record.seq + 7, timeUs: record.timeUs + 7 };
    });
    const dataset = { ...live.manifest.dataset, feed: 'historical' };
    const { divergence } = compareRuns(live, runOf(later, { dataset }));
    expect(divergence?.left).toMatchObject({ type: 'indicator', value: 14 });
    expect(divergence?.right).toMatchObject({ type: 'indicator', value: 99 });
    expect(divergence?.line).toBe(11);
  });

  test('is narrowed down to a span of events by the checkpoints of their inputs', () => {
    const log = (digests: readonly string[], end: string): readonly RunRecord[] => [
      ...digests.map((inputs, i): RunRecord => {
        return { type: 'checkpoint', event: (i + 1) * 10_000 - 1, seq: 0, timeUs: 0, inputs };
      }),
      { type: 'end', event: 25_000, seq: 0, timeUs: 0, events: 25_000, inputs: end, reason: 'end' },
    ];
    expect(compared(log(['a', 'b'], 'c'), log(['a', 'x'], 'y')).inputWindow).toEqual({
      fromEvent: 10_000,
      toEvent: 20_000,
    });
    expect(compared(log(['a', 'b'], 'c'), log(['a', 'b'], 'y')).inputWindow).toEqual({
      fromEvent: 20_000,
      toEvent: 25_000,
    });
    expect(
      compared(log(['a', 'b'], 'c'), [...bars([{}]), ...log(['a', 'b'], 'c')]).inputWindow,
    ).toBeUndefined();
  });
});
