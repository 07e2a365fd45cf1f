import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { multiply, numberOf, parseDecimal } from '../../src/core/decimal.ts';
import type { Order, Signal } from '../../src/core/order.ts';
import { Desk } from './desk.ts';

type Step =
  | { readonly do: 'signal'; readonly signal: Signal; readonly strategy: string }
  | { readonly do: 'pass'; readonly us: number }
  | { readonly do: 'book'; readonly mid: number; readonly sizes: readonly number[] }
  | { readonly do: 'print'; readonly price: number; readonly size: number }
  | { readonly do: 'cancel'; readonly strategy: string };

const price = fc.integer({ min: 180, max: 220 }).map((half) => half / 2);
const size = fc.integer({ min: 1, max: 400 }).map((cents) => cents / 100);
const strategy = fc.constantFrom('desk', 'other');
const signal: fc.Arbitrary<Signal> = fc
  .record(
    {
      action: fc.constantFrom('buy', 'sell', 'short', 'cover'),
      size,
      limit: price,
      timeInForce: fc.constantFrom('GTC', 'IOC', 'FOK'),
      stopLoss: price,
      takeProfit: price,
      reason: fc.constant('random'),
    },
    { requiredKeys: ['action', 'reason'] },
  )
  .map((drawn) => drawn as Signal);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('signal'), signal, strategy }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('pass'), us: fc.integer({ min: 0, max: 3000 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('book'),
      mid: fc.integer({ min: 182, max: 218 }).map((half) => half / 2),
      sizes: fc.array(size, { minLength: 0, maxLength: 4 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('print'), price, size }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel'), strategy }) },
);
const session = fc.array(step, { minLength: 20, maxLength: 120 });

const latency = { model: 'uniform', minMs: 0, maxMs: 4 };

/** Plays the steps on a fresh desk; `after` is called after each of them. */
function play(steps: readonly Step[], seed: number, after: (desk: Desk) => void = () => {}): Desk {
  const desk = new Desk({ seed, latency, fees: { makerBps: 3, takerBps: 12.5 }, balances: { USD: 300 } });
  for (const one of steps) {
    if (one.do === 'signal') desk.send(one.signal, one.strategy);
    else if (one.do === 'pass') desk.pass(one.us);
    else if (one.do === 'print') desk.print(one.price, one.size);
    else if (one.do === 'cancel') desk.exchange.cancelAll(one.strategy, desk.nowUs, 'enough');
    else {
      const bids = one.sizes.map((level, index) => [one.mid - 0.5 - index / 2, level] as const);
      const asks = one.sizes.map((level, index) => [one.mid + 0.5 + index / 2, level] as const);
      desk.show(bids, asks);
    }
    after(desk);
  }
  return desk;
}

const isFinal = (order: Order) => order.status !== 'pending' && order.status !== 'open';

describe('over random sessions', () => {
  test('money and positions are conserved, and the fills account for all of both', () => {
    fc.assert(
      fc.property(session, fc.integer(), (steps, seed) => {
        const desk = play(steps, seed);
        desk.exchange.cancelAll('desk', desk.nowUs, 'end');
        desk.pass(20_000);
        let cash = parseDecimal('300');
        let held = 0n;
        for (const fill of desk.fills.filter((one) => one.strategy === 'desk')) {
          const [exactPrice, exactSize] = [parseDecimal(String(fill.price)), parseDecimal(String(fill.size))];
          const notional = multiply(exactPrice, exactSize);
          cash += (fill.side === 'buy' ? -notional : notional) - parseDecimal(fill.fee);
          held += fill.side === 'buy' ? exactSize : -exactSize;
        }
        expect(desk.ledger.cash('USD')).toBe(cash);
        expect(desk.ledger.position(0)?.exactSize ?? 0n).toBe(held);
        // What a stop or a take profit sent is no order of the strategy's to cancel.
        const left = [...Map.groupBy(desk.orders, ({ id }) => id).values()].map((history) => history.at(-1)!);
        const open = left.filter((order) => order.strategy === 'desk' && !isFinal(order));
        expect(open.every(({ type }) => type === 'stop' || type === 'takeProfit')).toBe(true);
        expect(desk.ledger.available('USD', () => Number.NaN)).toBe(
          desk.ledger.cash('USD') + (held < 0n ? 2n * desk.ledger.position(0)!.cost : 0n),
        );
      }),
    );
  });

  test('no fill is outside the prices of the book or of the order, and none is larger than its order', () => {
    fc.assert(
      fc.property(session, fc.integer(), (steps, seed) => {
        let seen = 0;
        play(steps, seed, (desk) => {
          for (const fill of desk.fills.slice(seen)) {
            const order = desk.order(fill.order);
            const book = desk.market.books[0];
            if (fill.liquidity === 'maker') expect(fill.price).toBe(order.price);
            else if (book !== undefined)
              expect(book.sizeOf(fill.side === 'buy', fill.price)).toBeGreaterThan(0);
            if (order.type === 'limit') {
              expect(fill.side === 'buy' ? fill.price <= order.price : fill.price >= order.price).toBe(true);
            }
            expect(order.filledSize).toBeLessThanOrEqual(order.size);
          }
          seen = desk.fills.length;
        });
      }),
    );
  });

  test('every order ends once or is open, and its fills add up', () => {
    fc.assert(
      fc.property(session, fc.integer(), (steps, seed) => {
        const desk = play(steps, seed);
        const states = Map.groupBy(desk.orders, (order) => order.id);
        let open = 0;
        for (const [id, history] of states) {
          const last = history.at(-1)!;
          expect(history.slice(0, -1).some(isFinal)).toBe(false);
          if (!isFinal(last)) open++;
          expect(last.reason).not.toBe('');
          const fills = desk.fills.filter((fill) => fill.order === id);
          const total = fills.reduce((sum, fill) => sum + parseDecimal(String(fill.size)), 0n);
          expect(numberOf(total)).toBe(last.filledSize);
          expect(last.status === 'filled').toBe(last.filledSize === last.size && last.size > 0);
        }
        expect(desk.exchange.openOrders('desk') + desk.exchange.openOrders('other')).toBe(open);
        expect([...states.keys()].sort((a, b) => a - b)).toEqual(Array.from(states.keys(), (_, i) => i + 1));
      }),
    );
  });

  test('an order that only reduces brings the position nearer to zero, and a long is paid from cash', () => {
    fc.assert(
      fc.property(session, fc.integer(), (steps, seed) => {
        const desk = play(steps, seed, ({ ledger }) => {
          expect(ledger.cash('USD') >= 0n || ledger.position(0)!.size < 0).toBe(true);
        });
        let held = 0n;
        for (const fill of desk.fills.filter((one) => one.strategy === 'desk')) {
          const exactSize = parseDecimal(String(fill.size));
          const after = held + (fill.side === 'buy' ? exactSize : -exactSize);
          if (desk.order(fill.order).isReduceOnly) {
            expect(held > 0n ? after >= 0n && after < held : after <= 0n && after > held).toBe(true);
          }
          held = after;
        }
      }),
    );
  });

  test('the same seed gives the same orders and fills, another seed other times', () => {
    fc.assert(
      fc.property(session, fc.integer(), (steps, seed) => {
        const [left, right] = [play(steps, seed), play(steps, seed)];
        expect(right.orders).toEqual(left.orders);
        expect(right.fills).toEqual(left.fills);
      }),
      { numRuns: 40 },
    );
    const busy: Step[] = Array.from({ length: 20 }, () => ({
      do: 'signal',
      signal: { action: 'buy', size: 1, reason: 'x' },
      strategy: 'desk',
    }));
    const book: Step = { do: 'book', mid: 100, sizes: [1] };
    const due = (seed: number) => play([book, ...busy], seed).orders.map((order) => order.dueUs);
    expect(due(1)).not.toEqual(due(2));
  });

  test("one strategy's latencies do not depend on what another one does", () => {
    const alone = new Desk({ latency });
    const beside = new Desk({ latency });
    for (const desk of [alone, beside]) desk.market.setBook([[99, 9]], [[100, 9]]);
    const due = (desk: Desk, isBusy: boolean) =>
      Array.from({ length: 10 }, () => {
        if (isBusy) desk.send({ action: 'buy', size: 0.1 }, 'other');
        return desk.send({ action: 'buy', size: 0.1 }).dueUs;
      });
    expect(due(beside, true)).toEqual(due(alone, false));
  });
});
