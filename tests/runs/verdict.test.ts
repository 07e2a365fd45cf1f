// What passes and what does not: each part of a comparison against its limit.
import { describe, expect, test } from 'vitest';
import { parseLimit } from '../../src/cli/compare.ts';
import type { RunRecord } from '../../src/core/record.ts';
import { compareRuns, type Limits } from '../../src/runs/compare.ts';
import { bars, runOf, SECOND_US } from './records.ts';

/** A decision with its order and fill at a second of the run. */
function traded(id: number, atS: number, price = 100): readonly RunRecord[] {
  const at = { event: id, seq: id, timeUs: atS * SECOND_US };
  const own = { strategy: 'a', instrument: 0, symbol: 'BTC/USD', side: 'buy' } as const;
  const order = {
    ...{ id, signal: id, ...own, type: 'market', timeInForce: 'GTC', isReduceOnly: false, size: 1 },
    ...{ filledSize: 1, price: Number.NaN, status: 'filled', reason: 'r', createdUs: 0, dueUs: 0 },
  } as const;
  const fill = {
    ...{ id, order: id, signal: id, ...own, price, size: 1, fee: '0.1', feeCurrency: 'USD' },
    ...{ liquidity: 'taker', signalMid: 100, arrivalMid: 100, fillMid: 100, realized: '0' },
    ...{ markLow: 100, markHigh: 100 },
  } as const;
  return [
    { ...at, type: 'signal', id, strategy: 'a', signal: { action: 'buy', size: 1, reason: 'r' } },
    { ...at, type: 'fill', fill } as unknown as RunRecord,
    { ...at, type: 'order', order } as unknown as RunRecord,
  ];
}

function equity(atS: number, amount: number, strategy = 'a'): RunRecord {
  const at = { event: 0, seq: 0, timeUs: atS * SECOND_US };
  const money = { cash: '0', realized: '0', fees: '0', positions: {} };
  return {
    ...at,
    type: 'equity',
    strategy,
    currency: 'USD',
    equity: String(amount),
    ...money,
  } as unknown as RunRecord;
}

/** So many trades of a minute each, between equity of 1000 at the start and another one at the end. */
function run(trades: number, { ends = 1000, prices = [] as readonly number[], seconds = 2000 } = {}) {
  const all = Array.from({ length: trades }, (_, n) => traded(n + 1, 60 * (n + 1), prices[n])).flat();
  return runOf([equity(0, 1000), ...all, equity(seconds, ends)]);
}

const verdictOf = (
  left: ReturnType<typeof run>,
  right: ReturnType<typeof run>,
  limits: Partial<Limits> = {},
) => compareRuns(left, right, { limits }).verdict;

describe('a verdict', () => {
  test('says how much is the same of values, decisions, fills and profit', () => {
    const candles = [{ value: 10 }, { value: 11 }];
    const left = runOf([equity(0, 1000), ...bars(candles), ...traded(1, 60), equity(100, 1010)]);
    const right = runOf([equity(0, 1000), ...bars(candles), ...traded(1, 60.5), equity(100, 1009.5)]);
    const { verdict, isWithin, isEqual } = compareRuns(left, right);
    expect(verdict.headline).toBe('values 4/4, decisions 1/1, fills 1/1, profit differs by 0.5 USD');
    expect({ isWithin, isEqual, reasons: verdict.reasons }).toEqual({
      isWithin: true,
      isEqual: false,
      reasons: [],
    });
  });

  test('passes a strategy without indicators, and no run of 20 fills against one of 5', () => {
    expect(verdictOf(run(20), run(20, { ends: 1001 }))).toMatchObject({ passes: true });
    const { passes, headline, reasons } = verdictOf(run(20), run(5));
    expect(passes).toBe(false);
    expect(headline).toBe('values 0/0, decisions 5/20, fills 5/20, profit differs by 0 USD, orders 5/20');
    expect(reasons).toEqual([
      '15 of 20 decisions differ (allowed: 10%)',
      '15 of 20 orders differ (allowed: 10%)',
      '15 of 20 fills differ (allowed: 10%)',
    ]);
    expect(verdictOf(run(3), run(1)).passes).toBe(false);
    expect(verdictOf(run(0), run(1)).passes).toBe(false);
  });

  test('stands at the edge of each limit, and fails one beyond it', () => {
    const shareOf = (fills: number) => verdictOf(run(20), run(20 - fills));
    expect([shareOf(2).passes, shareOf(3).passes]).toEqual([true, false]);
    const counted = { decisions: { count: 3 }, orders: { count: 3 }, fills: { count: 3 } };
    expect(verdictOf(run(20), run(17), counted).passes).toBe(true);
    expect(verdictOf(run(20), run(16), counted).passes).toBe(false);
    expect(verdictOf(run(20), run(17), { ...counted, fills: { count: 2 } }).reasons).toEqual([
      '3 of 20 fills differ (allowed: 2)',
    ]);
    expect([10, 10.001].map((more) => verdictOf(run(1), run(1, { ends: 1000 + more })).passes)).toEqual([
      true,
      false,
    ]);
    const amount = { profit: { count: 5 } };
    expect([5, 6].map((more) => verdictOf(run(1), run(1, { ends: 1000 - more }), amount).passes)).toEqual([
      true,
      false,
    ]);
  });

  test('fills agree within a tolerance of their price, and are told apart beyond it', () => {
    const near = verdictOf(run(1), run(1, { prices: [100.1] }));
    expect(near.parts.at(-1)).toMatchObject({ part: 'fills', agreeing: 1, of: 1 });
    const far = verdictOf(run(1), run(1, { prices: [100.2] }));
    expect(far.parts.at(-1)).toMatchObject({ part: 'fills', agreeing: 0, of: 1, passes: false });
    const lax = compareRuns(run(1), run(1, { prices: [100.2] }), { fillTolerance: 0.01 });
    expect(lax.isWithin).toBe(true);
  });

  test('candles and samples agree at the very edge of the tolerance, and not beyond it', () => {
    const sample = (ask: number): RunRecord => ({
      ...{ event: 0, seq: 0, timeUs: SECOND_US, type: 'sample', name: 'a.k', symbol: 'BTC/USD', atUs: 0 },
      ...{ signal: 0, exchangeUs: 1, receivedUs: 1, values: { bid: 90, ask, mid: 95 } },
    });
    const at = (close: number, ask: number) => runOf([...bars([{ close }]), sample(ask)]);
    const edge = (128 - 127) / 128;
    const differing = (right: ReturnType<typeof at>, tolerance: number) =>
      compareRuns(at(128, 128), right, { tolerance }).verdict.parts[0]!.differing;
    expect([edge, edge * (1 - 1e-15)].map((tolerance) => differing(at(127, 128), tolerance))).toEqual([0, 1]);
    expect([edge, edge * (1 - 1e-15)].map((tolerance) => differing(at(128, 127), tolerance))).toEqual([0, 1]);
  });

  test('profit that differs though all else is the same was valued at another time, or is unexplained', () => {
    const ending = (timeUs: number, amount: number) =>
      runOf([equity(0, 1000), ...bars([{}]), { ...equity(0, amount), timeUs } as RunRecord]);
    const causesOf = (timeUs: number) =>
      compareRuns(ending(9e6, 1000), ending(timeUs, 1001)).profit[0]!.causes;
    expect([causesOf(9e6), causesOf(9.1e6)]).toEqual([{ unexplained: 1 }, { latency: 1 }]);
  });

  test('does not count what lies outside the span that both runs covered', () => {
    const short = run(10, { seconds: 601 });
    expect(verdictOf(run(20), short)).toMatchObject({ passes: true, reasons: [] });
    expect(verdictOf(run(20), short).headline).toContain('decisions 10/10, fills 10/10');
  });

  test('does not let losses and gains of strategies make up for each other', () => {
    const two = (a: number, b: number) =>
      runOf([
        equity(0, 1000, 'a'),
        equity(0, 1000, 'b'),
        ...bars([{}]),
        equity(9, a, 'a'),
        equity(9, b, 'b'),
      ]);
    const { headline, passes, reasons } = verdictOf(two(1050, 950), two(1000, 1000));
    expect(headline).toContain('profit differs by 100 USD');
    expect({ passes, failing: reasons.length }).toEqual({ passes: false, failing: 2 });
    const alone = runOf([equity(0, 1000), ...bars([{}]), equity(9, 1000)]);
    expect(verdictOf(two(1000, 1000), alone).reasons).toEqual([
      'profit of b is known of one run only (allowed: 1%)',
    ]);
  });

  test('fails on causes that are named, whatever the limits allow', () => {
    const lax = { decisions: { share: 1 }, orders: { share: 1 }, fills: { share: 1 } };
    expect(verdictOf(run(2), run(1), lax).passes).toBe(true);
    const strict = verdictOf(run(2), run(1), { ...lax, failOn: ['unexplained'] });
    expect(strict.reasons).toEqual(['3 differences are put down to: unexplained']);
  });
});

test('limits are numbers or shares', () => {
  expect(parseLimit('5', '--max-fills')).toEqual({ count: 5 });
  expect(parseLimit('12.5%', '--max-fills')).toEqual({ share: 0.125 });
  expect(parseLimit(0, '--max-fills')).toEqual({ count: 0 });
  for (const text of ['', '%', '-1', 'ten', 'NaN', '1e999', '5 %x']) {
    expect(() => parseLimit(text, '--max-fills')).toThrow(`--max-fills: ${text} is wrong`);
  }
});
