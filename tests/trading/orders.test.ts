import { describe, expect, test } from 'vitest';
import { formatDecimal } from '../../src/core/decimal.ts';
import { Desk, deskWithBook, rulesOf } from './desk.ts';

describe('market orders', () => {
  test('travel for the latency and then walk the book level by level', () => {
    const desk = deskWithBook();
    const order = desk.send({ action: 'buy', size: 2.5 });
    expect(order).toMatchObject({ status: 'pending', createdUs: 0, dueUs: 1000, reason: 'test' });
    expect(desk.exchange.nextDueUs).toBe(1000);
    desk.pass(999);
    expect(desk.fills).toEqual([]);
    desk.pass(1);
    expect(desk.fills.map(({ price, size, liquidity }) => [price, size, liquidity])).toEqual([
      [100, 1, 'taker'],
      [100.5, 1.5, 'taker'],
    ]);
    expect(desk.fills[0]).toMatchObject({ signalMid: 99.75, fillMid: 99.75, feeCurrency: 'USD', fee: '0' });
    expect(desk.order(1)).toMatchObject({ status: 'filled', filledSize: 2.5 });
    expect(desk.exchange.nextDueUs).toBe(Number.POSITIVE_INFINITY);
    expect(desk.exchange.openOrders('desk')).toBe(0);
  });

  test('pay the taker fee exactly', () => {
    const desk = deskWithBook({ fees: { takerBps: 7.5 } });
    desk.trade({ action: 'buy', size: 0.3 });
    expect(desk.fills[0]!.fee).toBe('0.0225');
    expect(formatDecimal(desk.ledger.cash('USD'))).toBe('969.9775');
  });

  test('end as cancelled when the book is exhausted, with what was filled', () => {
    const desk = deskWithBook();
    expect(desk.trade({ action: 'buy', size: 8 })).toMatchObject({
      status: 'cancelled',
      filledSize: 6,
      reason: 'book exhausted: 6 of 8 filled',
    });
  });

  test('do not take twice what the run took: a level gives again only what it grew by', () => {
    const desk = deskWithBook();
    const setAsk = (size: number) => {
      desk.market.books[0]!.set(true, 100, size);
      desk.exchange.onBook(0, desk.nowUs);
    };
    const takenAtBest = () => {
      desk.trade({ action: 'buy', size: 0.1, limit: 100, timeInForce: 'IOC' });
      return desk.fills.filter((fill) => fill.price === 100).reduce((sum, fill) => sum + fill.size, 0);
    };
    desk.trade({ action: 'buy', size: 1 });
    desk.exchange.onBook(0, desk.nowUs);
    expect(takenAtBest()).toBe(1);
    setAsk(0.5);
    expect(takenAtBest()).toBe(1);
    setAsk(0.55);
    expect(takenAtBest()).toBeCloseTo(1.05, 12);
    setAsk(0.5);
    setAsk(0.55);
    expect(takenAtBest()).toBeCloseTo(1.1, 12);
    setAsk(0);
    setAsk(0.55);
    expect(takenAtBest()).toBeCloseTo(1.2, 12);
  });

  test('fill at the mid plus basis points, on to the next tick, where there is no book', () => {
    const desk = new Desk();
    desk.market.rules[0] = rulesOf('BTC/USD', { tickSize: 0.01 });
    desk.print(100);
    desk.trade({ action: 'buy', size: 1 });
    desk.trade({ action: 'sell', size: 1 });
    expect(desk.fills.map((fill) => fill.price)).toEqual([100.05, 99.95]);
    desk.print(100.11);
    desk.trade({ action: 'buy', size: 1 });
    desk.trade({ action: 'sell', size: 1 });
    expect(desk.fills.slice(2).map((fill) => fill.price)).toEqual([100.17, 100.05]);
  });

  test('of the spread model fill whole at the best price', () => {
    const desk = deskWithBook({ fills: { model: 'spread' } });
    desk.trade({ action: 'buy', size: 5 });
    expect(desk.fills.map((fill) => [fill.price, fill.size])).toEqual([[100, 5]]);
  });
});

describe('sizes', () => {
  test('a quote amount becomes whole lots at the price of the signal', () => {
    expect(deskWithBook().send({ action: 'buy', quote: 33.3 })).toMatchObject({
      size: 0.33,
      status: 'pending',
    });
    expect(deskWithBook().send({ action: 'short', quote: 33.3 }).size).toBe(0.33);
  });

  test('sell without a size closes the whole position', () => {
    const desk = deskWithBook();
    desk.trade({ action: 'buy', size: 0.75 });
    expect(desk.trade({ action: 'sell' })).toMatchObject({
      size: 0.75,
      status: 'filled',
      isReduceOnly: true,
    });
    expect(desk.ledger.position(0)!.size).toBe(0);
  });

  test('sell is cut to the position and says so', () => {
    const desk = deskWithBook();
    desk.trade({ action: 'buy', size: 0.75 });
    expect(desk.send({ action: 'sell', size: 2 })).toMatchObject({
      size: 0.75,
      reason: 'test; size cut from 2 to the position of 0.75',
    });
  });

  test('buy is cut to the balance, fee included, and says so', () => {
    const desk = deskWithBook({ balances: { USD: 50 }, fees: { takerBps: 10 } });
    const order = desk.send({ action: 'buy', size: 2 });
    expect(order).toMatchObject({
      size: 0.49,
      reason: 'test; size cut from 2 to 0.49 by the available 50 USD',
    });
    desk.pass();
    expect(desk.order(order.id).status).toBe('filled');
    expect(formatDecimal(desk.ledger.cash('USD'))).toBe('0.951');
  });

  test('money promised to one order is not there for the next', () => {
    const desk = deskWithBook({ balances: { USD: 100 } });
    desk.send({ action: 'buy', size: 0.8, limit: 90 });
    expect(desk.exchange.available('desk', 'USD')).toBe(28n * 10n ** 18n);
    expect(desk.send({ action: 'buy', size: 1 }).size).toBe(0.28);
    desk.exchange.cancelAll('desk', desk.nowUs, 'done');
    desk.pass();
    expect(desk.orders.map((order) => order.status)).toEqual([
      'pending',
      'pending',
      'open',
      'cancelled',
      'filled',
    ]);
    expect(formatDecimal(desk.exchange.available('desk', 'USD'))).toBe('72');
  });

  test('a price that moves away while the order travels cuts it again', () => {
    const desk = deskWithBook({ balances: { USD: 100 } });
    const { id } = desk.send({ action: 'buy', size: 1 });
    desk.show([[109, 1]], [[110, 5]]);
    desk.pass();
    expect(desk.order(id)).toMatchObject({ status: 'filled', size: 0.9, filledSize: 0.9 });
    expect(desk.order(id).reason).toBe('test; size cut from 1 to 0.9 by the available 100 USD');
  });

  test('a short is cut to the equity, and shorts and longs together never exceed it', () => {
    const desk = deskWithBook({ balances: { USD: 100 }, fills: { model: 'spread' } });
    expect(desk.trade({ action: 'short', size: 5 }).filledSize).toBe(1);
    expect(desk.send({ action: 'short', size: 1 }).status).toBe('rejected');
    desk.trade({ action: 'cover', size: 0.5 });
    expect(desk.trade({ action: 'short', size: 5 }).size).toBe(0.5);
  });

  test('a buy against a short first closes it and opens with what is then free', () => {
    const desk = deskWithBook({ balances: { USD: 100 }, fills: { model: 'spread' } });
    desk.trade({ action: 'short', size: 1 });
    desk.trade({ action: 'buy', size: 3 });
    expect(desk.ledger.position(0)!.size).toBe(0.99);
    expect(desk.fills.map((fill) => fill.realized)).toEqual(['0', '-0.5']);
  });
});

describe('rejections', () => {
  const reject = (signal: Parameters<Desk['send']>[0], prepare = (_: Desk): void => {}, config = {}) => {
    const desk = deskWithBook(config);
    prepare(desk);
    const order = desk.send(signal);
    expect(order.status).toBe('rejected');
    expect(desk.exchange.nextDueUs).toBe(Number.POSITIVE_INFINITY);
    return order.reason;
  };

  test.each([
    [{ action: 'buy', size: 0.005 }, 'size 0.005 is below one lot of 0.01'],
    [{ action: 'buy', size: 0.01 }, 'size 0.01 is below the minimum of 0.02'],
    [{ action: 'buy', size: 0.02, limit: 20 }, 'notional 0.4 is below the minimum of 1 USD'],
    [{ action: 'buy', size: 1, limit: 99.7 }, 'limit price 99.7 is off the tick of 0.5'],
    [{ action: 'buy', size: 1, limit: -1 }, 'price -1 is not above 0'],
    [{ action: 'sell' }, 'nothing to reduce: position 0, order to sell'],
    [{ action: 'cover', size: 1 }, 'nothing to reduce: position 0, order to buy'],
    [{ action: 'buy' }, 'buy needs a size or a quote amount'],
    [{ action: 'buy', size: 1, quote: 5 }, 'both size 1 and quote 5 given'],
    [{ action: 'short', size: Number.NaN }, 'size NaN is not above 0'],
    [{ action: 'buy', size: 1, stopLoss: 101 }, 'stop loss 101 is not on the losing side of the price 100'],
    [
      { action: 'short', size: 1, takeProfit: 105 },
      'take profit 105 is not on the winning side of the price 99.5',
    ],
    [{ action: 'sell', stopLoss: 1 }, 'stop loss and take profit need an order that opens, not sell'],
  ] as const)('%j: %s', (signal, reason) => {
    expect(reject(signal)).toBe(reason);
  });

  test('a balance that does not reach the minimum names what is needed and what is there', () => {
    expect(reject({ action: 'buy', size: 1 }, undefined, { balances: { USD: 1.5 } })).toBe(
      'insufficient balance: needed 100 USD, available 1.5',
    );
    expect(reject({ action: 'buy', size: 1 }, undefined, { balances: { EUR: 500 } })).toBe(
      'insufficient balance: needed 100 USD, available 0',
    );
  });

  test('a stale price names its age and the limit', () => {
    const late = (desk: Desk) => desk.pass(60_000_001);
    expect(reject({ action: 'buy', size: 1 }, late)).toBe(
      'stale price: 60000.001 ms old, allowed are 60000 ms',
    );
  });

  test('an invalid book, a closed instrument, missing rules and a missing price are told apart', () => {
    const invalid = (desk: Desk) => desk.market.books[0]!.invalidate();
    expect(reject({ action: 'buy', size: 1 }, invalid)).toBe(
      'invalid book of BTC/USD, no snapshot since the gap',
    );
    const closed = (desk: Desk) => {
      desk.market.rules[0] = rulesOf('BTC/USD', { status: 'maintenance' });
    };
    expect(reject({ action: 'buy', size: 1 }, closed)).toBe('instrument BTC/USD is not online: maintenance');
    const unknown = (desk: Desk) => {
      desk.market.rules[0] = undefined;
    };
    expect(reject({ action: 'buy', size: 1 }, unknown)).toBe('no instrument rules yet');
    expect(reject({ action: 'buy', size: 1 }, (desk) => delete desk.market.books[0])).toBe(
      'no price of BTC/USD yet',
    );
  });

  test('an order is judged again when it arrives', () => {
    const desk = deskWithBook();
    desk.send({ action: 'buy', size: 1 });
    desk.market.books[0]!.invalidate();
    desk.pass();
    expect(desk.order(1)).toMatchObject({ status: 'rejected', filledSize: 0 });
    expect(desk.exchange.available('desk', 'USD')).toBe(1000n * 10n ** 18n);
  });

  test('two sells at once cannot sell the position twice', () => {
    const desk = deskWithBook();
    desk.trade({ action: 'buy', size: 1 });
    desk.send({ action: 'sell' });
    desk.send({ action: 'sell' });
    desk.pass();
    expect(desk.order(2).status).toBe('filled');
    expect(desk.order(3)).toMatchObject({
      status: 'rejected',
      reason: 'nothing to reduce: position 0, order to sell',
    });
  });
});

test('closing the whole position leaves no dust, whatever the lot', () => {
  const desk = deskWithBook();
  desk.market.setBook([[99.5, 5]], [[100, 1.005]]);
  expect(desk.trade({ action: 'buy', size: 2 }).filledSize).toBe(1.005);
  expect(desk.trade({ action: 'sell' })).toMatchObject({ status: 'filled', size: 1.005 });
  expect(desk.ledger.position(0)!.exactSize).toBe(0n);
});
