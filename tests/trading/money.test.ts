// Random sessions of two strategies against a naive model in whole cents and lots: money adds up to the last digit, an
// exit never opens, nothing fills beyond what the tape offered, and limits hold whatever the market does.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatDecimal, parseDecimal } from '../../src/core/decimal.ts';
import type { Fill, Order, Signal } from '../../src/core/order.ts';
import { Desk, rulesOf } from './desk.ts';

type Levels = readonly (readonly [price: number, size: number])[];

type Step =
  | { readonly do: 'signal'; readonly signal: Signal; readonly strategy: string }
  | { readonly do: 'pass'; readonly us: number }
  | { readonly do: 'book'; readonly bids: Levels; readonly asks: Levels }
  | { readonly do: 'print'; readonly price: number; readonly size: number }
  | { readonly do: 'status'; readonly status: string }
  | { readonly do: 'invalidate' | 'risk' }
  | { readonly do: 'cancel'; readonly strategy: string };

const price = fc.integer({ min: 194, max: 206 }).map((half) => half / 2);
const size = fc.integer({ min: 1, max: 300 }).map((cents) => cents / 100);
const strategy = fc.constantFrom('desk', 'other');
const signal = fc
  .record(
    {
      action: fc.constantFrom('buy', 'buy', 'sell', 'short', 'cover'),
      size,
      limit: fc.oneof(
        price,
        price.map((p) => p + 0.1),
      ),
      round: fc.constantFrom('passive', 'nearest'),
      timeInForce: fc.constantFrom('GTC', 'GTC', 'IOC', 'FOK'),
      stopLoss: price,
      takeProfit: price,
      reason: fc.constant('random'),
    },
    { requiredKeys: ['action', 'reason', 'size'] },
  )
  .map((drawn) => drawn as Signal);

/** A book around a middle; now and then one side is missing, or the sides are crossed. */
const book = fc
  .record({
    middle: fc.integer({ min: 197, max: 203 }),
    apart: fc.integer({ min: 0, max: 4 }),
    bids: fc.array(size, { maxLength: 4 }),
    asks: fc.array(size, { maxLength: 4 }),
  })
  .map(({ middle, apart, bids, asks }) => ({
    do: 'book' as const,
    bids: bids.map((one, i) => [(middle - i) / 2, one] as const),
    asks: asks.map((one, i) => [(middle + apart + i) / 2, one] as const),
  }));

const statuses = fc.constantFrom('online', 'online', 'reduce_only', 'limit_only', 'post_only', 'cancel_only');
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('signal'), signal, strategy }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('pass'), us: fc.integer({ min: 0, max: 3000 }) }) },
  { weight: 4, arbitrary: book },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('print'), price, size }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('status'), status: statuses }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('invalidate', 'risk') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel'), strategy }) },
);
const session = fc.array(step, { minLength: 40, maxLength: 160, size: 'max' });

const LIMIT = 250;

const isFinal = ({ status }: Order): boolean => status !== 'pending' && status !== 'open';

/** What the tape has offered at each level, and what the run took of it. */
class Offers {
  readonly #standing = new Map<string, number>();
  readonly #offered = new Map<string, number>();
  readonly #taken = new Map<string, number>();

  show(bids: Levels, asks: Levels): void {
    const now = new Map<string, number>();
    for (const [at, lots] of bids) now.set(`sell ${at}`, Math.round(lots * 100));
    for (const [at, lots] of asks) now.set(`buy ${at}`, Math.round(lots * 100));
    for (const [key, lots] of now) {
      const grown = Math.max(0, lots - (this.#standing.get(key) ?? 0));
      this.#offered.set(key, (this.#offered.get(key) ?? 0) + grown);
    }
    this.#standing.clear();
    for (const [key, lots] of now) this.#standing.set(key, lots);
  }

  take({ side, price: at, size: lots }: Fill): void {
    const key = `${side} ${at}`;
    this.#taken.set(key, (this.#taken.get(key) ?? 0) + Math.round(lots * 100));
    expect(this.#taken.get(key)).toBeLessThanOrEqual(this.#offered.get(key) ?? 0);
  }
}

/** Positions and cash by strategy, in lots of 0.01 and in 10⁻⁶ of a dollar: enough for these prices and fees. */
class Naive {
  readonly lots = new Map<string, number>();
  readonly micros = new Map<string, number>();
  readonly taker = 12.5;
  readonly maker = 3;

  book({ strategy: who, side, price: at, size: filled, liquidity }: Fill): { before: number; after: number } {
    const lots = Math.round(filled * 100);
    const before = this.lots.get(who) ?? 0;
    const after = before + (side === 'buy' ? lots : -lots);
    const notional = lots * Math.round(at * 2) * 5000;
    const fee = (notional * (liquidity === 'taker' ? this.taker : this.maker)) / 10_000;
    this.lots.set(who, after);
    this.micros.set(who, (this.micros.get(who) ?? 3000e6) + (side === 'buy' ? -notional : notional) - fee);
    return { before, after };
  }
}

function play(steps: readonly Step[], seed: number, onBreach: 'cancel' | 'flatten'): Desk {
  const desk = new Desk({
    seed,
    latency: { model: 'uniform', minMs: 0, maxMs: 4 },
    fees: { makerBps: 3, takerBps: 12.5 },
    balances: { USD: 3000 },
    risk: { positionNotionalMax: LIMIT, lossMax: 15, onBreach },
  });
  desk.market.rules[0] = rulesOf('BTC/USD', { sizeMin: 0, notionalMin: 0 });
  const offers = new Offers();
  const naive = new Naive();
  let seen = 0;
  for (const one of steps) {
    const standing = latest(desk).filter(({ status }) => status === 'open');
    act(desk, one, offers);
    const fills = desk.fills.slice(seen);
    seen = desk.fills.length;
    checkFills(desk, { fills, naive, offers, printed: one.do === 'print' ? one.size : 0 });
    if (one.do === 'print') checkPriority(desk, standing, fills);
    checkMoney(desk, naive);
    for (const who of ['desk', 'other']) if (one.do === 'risk') desk.exchange.checkRisk(who, desk.nowUs);
  }
  return desk;
}

function act(desk: Desk, one: Step, offers: Offers): void {
  switch (one.do) {
    case 'signal':
      desk.send(one.signal, one.strategy);
      return;
    case 'pass':
      desk.pass(one.us);
      return;
    case 'print':
      desk.print(one.price, one.size);
      return;
    case 'cancel':
      desk.exchange.cancelAll(one.strategy, desk.nowUs, 'enough');
      return;
    case 'book':
      offers.show(one.bids, one.asks);
      desk.show(one.bids, one.asks);
      return;
    case 'status':
      desk.market.rules[0] = { ...desk.market.rules[0]!, status: one.status };
      desk.exchange.onRules(0, desk.nowUs);
      return;
    case 'invalidate':
      desk.market.books[0]?.invalidate();
      desk.exchange.onBook(0, desk.nowUs);
      return;
    case 'risk':
      return;
  }
}

type Told = {
  readonly fills: readonly Fill[];
  readonly naive: Naive;
  readonly offers: Offers;
  /** Size of the trade that caused them. */
  readonly printed: number;
};

function checkFills(desk: Desk, { fills, naive, offers, printed }: Told): void {
  let fromTrade = 0;
  for (const fill of fills) {
    const order = desk.order(fill.order);
    const { before, after } = naive.book(fill);
    if (order.isReduceOnly)
      expect(before > 0 ? after >= 0 && after < before : after <= 0 && after > before).toBe(true);
    if (fill.liquidity === 'taker' && desk.market.books[0] !== undefined) offers.take(fill);
    if (fill.liquidity === 'maker' && printed > 0) fromTrade += Math.round(fill.size * 100);
    const opens = Math.abs(after) > Math.abs(before) || Math.sign(after) * Math.sign(before) < 0;
    if (fill.strategy === 'desk' && opens)
      expect((Math.abs(after) / 100) * fill.price).toBeLessThanOrEqual(LIMIT);
  }
  expect(fromTrade).toBeLessThanOrEqual(Math.round(printed * 100));
}

/** No limit that stood there was passed over for a worse one, or for a later one at its price. */
function checkPriority(desk: Desk, standing: readonly Order[], fills: readonly Fill[]): void {
  for (const fill of fills.filter(({ liquidity }) => liquidity === 'maker')) {
    for (const other of standing) {
      const isLimit = other.type === 'limit' && other.side === fill.side && other.id !== fill.order;
      if (!isLimit || isFinal(desk.order(other.id))) continue;
      const isBetter = other.side === 'buy' ? other.price > fill.price : other.price < fill.price;
      expect(isBetter).toBe(false);
    }
  }
}

function checkMoney(desk: Desk, naive: Naive): void {
  const cash = naive.micros.get('desk') ?? 3000e6;
  expect(formatDecimal(desk.ledger.cash('USD'))).toBe(formatDecimal(parseDecimal(`${cash}e-6`)));
  const lots = naive.lots.get('desk') ?? 0;
  expect(desk.ledger.position(0)?.size ?? 0).toBe(lots / 100);
  const [worth, quarter] = [desk.exchange.worth('desk')!, desk.market.mid(0)];
  const mark = Number.isNaN(quarter) ? desk.market.lastPrice(0) : quarter;
  if (Number.isNaN(mark)) return;
  // Mid prices are whole quarters, so that a lot is worth whole 10⁻⁶ dollars.
  const equity = cash + lots * Math.round(mark * 4) * 2500;
  expect(formatDecimal(worth.equity)).toBe(formatDecimal(parseDecimal(`${equity}e-6`)));
}

function latest(desk: Desk): readonly Order[] {
  return [...new Map(desk.orders.map((order) => [order.id, order])).values()];
}

/** A market in which everything can be traded, for long enough. */
function settle(desk: Desk): void {
  desk.market.rules[0] = { ...desk.market.rules[0]!, status: 'online' };
  for (let i = 0; i < 4; i++) {
    desk.show([[100, 1000 + i]], [[100.5, 1000 + i]]);
    desk.pass(10_000);
  }
}

describe('over random sessions against a naive model', () => {
  test('money adds up, exits never open, the tape offers what fills, priority and the limit hold', () => {
    const onBreach = fc.constantFrom('cancel' as const, 'flatten' as const);
    fc.assert(
      fc.property(session, fc.integer(), onBreach, (steps, seed, does) => {
        play(steps, seed, does);
      }),
      { numRuns: 100 },
    );
  });

  test('a breach that flattens ends flat, and no exit is left at the venue', () => {
    fc.assert(
      fc.property(session, fc.integer(), (steps, seed) => {
        const desk = play(steps, seed, 'flatten');
        // Whatever is held then loses far more than the limit.
        settle(desk);
        desk.show([[50, 1000]], [[150, 1000]]);
        const held = desk.ledger.position(0)?.size ?? 0;
        const bottom = held > 0 ? 20 : 190;
        desk.show([[bottom, 5000]], [[bottom + 0.5, 5000]]);
        const breach = desk.exchange.checkRisk('desk', desk.nowUs);
        desk.send({ action: 'buy', size: 1 });
        for (let i = 0; i < 4; i++) {
          desk.show([[bottom, 6000 + i]], [[bottom + 0.5, 6000 + i]]);
          desk.pass(10_000);
        }
        if (breach === undefined && !desk.orders.some(({ reason }) => reason.startsWith('risk limit: loss')))
          return;
        expect(desk.ledger.position(0)?.size ?? 0).toBe(0);
        const left = latest(desk).filter((order) => order.strategy === 'desk' && !isFinal(order));
        expect(left).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  test('the exits of an entry close no more than it opened, and none is sent twice', () => {
    fc.assert(
      fc.property(session, fc.integer(), (steps, seed) => {
        const desk = play(steps, seed, 'cancel');
        const closed = new Map<number, number>();
        const open = new Map<number, number>();
        for (const order of latest(desk)) {
          const entry = Number(/of order (\d+) touched/.exec(order.reason)?.[1] ?? Number.NaN);
          if (Number.isNaN(entry)) continue;
          closed.set(entry, (closed.get(entry) ?? 0) + Math.round(order.filledSize * 100));
          if (!isFinal(order)) open.set(entry, (open.get(entry) ?? 0) + 1);
        }
        for (const [entry, lots] of closed) {
          expect(lots).toBeLessThanOrEqual(Math.round(desk.order(entry).filledSize * 100));
        }
        expect([...open.values()].every((count) => count === 1)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});
