import { describe, expect, test } from 'vitest';
import { formatDecimal } from '../../src/core/decimal.ts';
import { deskWithBook } from './desk.ts';

describe('limit orders', () => {
  test('rest when they do not cross, and fill as maker when a trade prints strictly through them', () => {
    const desk = deskWithBook({ fees: { makerBps: 2, takerBps: 10 } });
    expect(desk.trade({ action: 'buy', size: 1, limit: 99 })).toMatchObject({ status: 'open', price: 99 });
    desk.print(99.5);
    desk.print(99);
    expect(desk.fills).toEqual([]);
    desk.print(98.5, 0.4);
    expect(desk.order(1)).toMatchObject({ status: 'open', filledSize: 0.4 });
    desk.print(98.5, 5);
    expect(desk.order(1)).toMatchObject({ status: 'filled', filledSize: 1 });
    expect(desk.fills.map(({ price, size, liquidity, fee }) => [price, size, liquidity, fee])).toEqual([
      [99, 0.4, 'maker', '0.00792'],
      [99, 0.6, 'maker', '0.01188'],
    ]);
    expect(formatDecimal(desk.exchange.available('desk', 'USD'))).toBe('900.9802');
  });

  test('fill when the opposite best goes strictly past them, up to what stands there, and not at their own price', () => {
    const desk = deskWithBook();
    desk.trade({ action: 'buy', size: 2, limit: 99 });
    desk.show([[98, 1]], [[99, 9]]);
    expect(desk.fills).toEqual([]);
    const crossed = [
      [98.5, 1.5],
      [99, 9],
    ] as const;
    desk.show([[98, 1]], crossed);
    desk.exchange.onBook(0, desk.nowUs);
    expect(desk.fills.map(({ price, size }) => [price, size])).toEqual([[99, 1.5]]);
    expect(desk.order(1).status).toBe('open');
  });

  test('are not filled from a book that is invalid', () => {
    const desk = deskWithBook();
    desk.trade({ action: 'buy', size: 1, limit: 99 });
    desk.market.setBook([[97, 1]], [[98, 1]]);
    desk.market.books[0]!.invalidate();
    desk.exchange.onBook(0, desk.nowUs);
    expect(desk.fills).toEqual([]);
  });

  test('share one printed trade in the order in which they came', () => {
    const desk = deskWithBook();
    desk.trade({ action: 'short', size: 1, limit: 101 });
    desk.trade({ action: 'short', size: 1, limit: 101 }, 'other');
    desk.print(101.5, 1.25);
    expect(desk.fills.map(({ strategy, size }) => [strategy, size])).toEqual([
      ['desk', 1],
      ['other', 0.25],
    ]);
  });

  test('that are marketable on arrival take liquidity up to their price and rest with the remainder', () => {
    const desk = deskWithBook();
    expect(desk.trade({ action: 'buy', size: 4, limit: 100.5 })).toMatchObject({
      status: 'open',
      filledSize: 3,
    });
    expect(desk.fills.map(({ price, liquidity }) => [price, liquidity])).toEqual([
      [100, 'taker'],
      [100.5, 'taker'],
    ]);
  });

  test('immediate or cancel ends with the remainder expired', () => {
    const desk = deskWithBook();
    expect(desk.trade({ action: 'buy', size: 4, limit: 100.5, timeInForce: 'IOC' })).toMatchObject({
      status: 'expired',
      filledSize: 3,
      reason: 'immediate or cancel: 3 of 4 filled',
    });
  });

  test('fill or kill fills whole or not at all', () => {
    const desk = deskWithBook();
    const whole = { action: 'buy', size: 3, limit: 100.5, timeInForce: 'FOK' } as const;
    expect(desk.trade({ ...whole, size: 3.5 })).toMatchObject({
      status: 'expired',
      filledSize: 0,
      reason: 'fill or kill: 3 of 3.5 to be had at once',
    });
    expect(desk.trade(whole)).toMatchObject({ status: 'filled', filledSize: 3 });
  });

  test('that only reduce end when the position goes another way', () => {
    const desk = deskWithBook();
    desk.trade({ action: 'buy', size: 1 });
    expect(desk.trade({ action: 'sell', limit: 105 }).status).toBe('open');
    desk.trade({ action: 'sell' });
    expect(desk.order(2)).toMatchObject({
      status: 'cancelled',
      reason: 'nothing to reduce: position 0, order to sell',
    });
  });

  test('that only reduce never fill past the position', () => {
    const desk = deskWithBook();
    desk.trade({ action: 'buy', size: 1 });
    desk.trade({ action: 'sell', limit: 105 });
    desk.trade({ action: 'sell', size: 0.75 });
    desk.print(106, 50);
    expect(desk.ledger.position(0)!.size).toBe(0);
    expect(desk.fills.at(-1)).toMatchObject({ order: 2, size: 0.25 });
    expect(desk.order(2)).toMatchObject({ status: 'cancelled', filledSize: 0.25 });
  });
});

describe('cancels', () => {
  test('travel too, and what fills first stays filled', () => {
    const desk = deskWithBook();
    desk.trade({ action: 'buy', size: 1, limit: 99 });
    expect(desk.exchange.cancel(1, desk.nowUs, 'changed my mind')).toBe(true);
    expect(desk.exchange.cancel(1, desk.nowUs, 'again')).toBe(false);
    desk.print(98, 0.5);
    desk.pass();
    expect(desk.order(1)).toMatchObject({ status: 'cancelled', filledSize: 0.5, reason: 'changed my mind' });
    expect(desk.exchange.cancel(1, desk.nowUs, 'too late')).toBe(false);
    expect(formatDecimal(desk.exchange.available('desk', 'USD'))).toBe('950.5');
  });

  test('never overtake their order', () => {
    const desk = deskWithBook({ latency: { model: 'empirical', samplesMs: [1, 5, 40] }, seed: 3 });
    for (let i = 0; i < 30; i++) {
      const { id } = desk.send({ action: 'buy', size: 0.1, limit: 90 });
      desk.exchange.cancel(id, desk.nowUs, 'at once');
      desk.pass(50_000);
      const states = desk.orders.filter((order) => order.id === id).map((order) => order.status);
      expect(states).toEqual(['pending', 'open', 'cancelled']);
    }
  });
});

describe('stop loss and take profit', () => {
  const bracketed = { action: 'buy', size: 1, stopLoss: 98, takeProfit: 103 } as const;

  test('a touched stop sends a market order that closes, with its own latency', () => {
    const desk = deskWithBook();
    desk.trade(bracketed);
    desk.print(98.5);
    expect(desk.orders.length).toBe(2);
    desk.print(98);
    expect(desk.orders.at(-1)).toMatchObject({
      id: 2,
      signal: 1,
      type: 'stop',
      side: 'sell',
      size: 1,
      price: 98,
      status: 'pending',
      isReduceOnly: true,
      dueUs: desk.nowUs + 1000,
      reason: 'stop loss 98 of order 1 touched at 98',
    });
    desk.print(97);
    desk.print(104);
    expect(desk.orders.length).toBe(3);
    desk.pass();
    expect(desk.order(2).status).toBe('filled');
    expect(desk.fills.at(-1)).toMatchObject({ price: 99.5, realized: '-0.5' });
    desk.print(90);
    desk.print(110);
    expect(desk.exchange.nextDueUs).toBe(Number.POSITIVE_INFINITY);
  });

  test('a touched take profit cancels the stop', () => {
    const desk = deskWithBook();
    desk.trade(bracketed);
    desk.print(103.5);
    expect(desk.orders.at(-1)).toMatchObject({ type: 'takeProfit', price: 103 });
    desk.pass();
    desk.print(90);
    expect(desk.exchange.openOrders('desk')).toBe(0);
  });

  test('of a short stand on the other sides', () => {
    const desk = deskWithBook();
    desk.trade({ action: 'short', size: 1, stopLoss: 102, takeProfit: 95 });
    desk.print(96);
    expect(desk.exchange.openOrders('desk')).toBe(0);
    desk.print(102);
    expect(desk.orders.at(-1)).toMatchObject({ type: 'stop', side: 'buy', price: 102 });
  });

  test('are forgotten when the position is closed otherwise', () => {
    const desk = deskWithBook();
    desk.trade(bracketed);
    desk.trade({ action: 'sell' });
    desk.trade({ action: 'buy', size: 1 });
    desk.print(90);
    expect(desk.exchange.openOrders('desk')).toBe(0);
  });

  test('are watched against the mid while no trade has printed', () => {
    const desk = deskWithBook();
    desk.trade(bracketed);
    desk.show([[97.5, 5]], [[98.5, 5]]);
    expect(desk.orders.at(-1)).toMatchObject({
      type: 'stop',
      reason: 'stop loss 98 of order 1 touched at 98',
    });
  });

  test('send one order, which waits through an exhausted and an invalid book until all is closed', () => {
    const desk = deskWithBook();
    desk.trade(bracketed);
    desk.show([[97, 0.25]], [[98.5, 5]]);
    desk.pass();
    const waits = {
      status: 'open',
      filledSize: 0.25,
      reason: expect.stringContaining('waits: book exhausted'),
    };
    expect(desk.order(2)).toMatchObject(waits);
    desk.market.books[0]!.invalidate();
    desk.print(90);
    desk.print(89);
    desk.exchange.cancelAll('desk', desk.nowUs, 'enough');
    desk.pass();
    expect(desk.order(2)).toMatchObject(waits);
    desk.show([[96.5, 10]], [[98.5, 5]]);
    expect(desk.order(2)).toMatchObject({ status: 'filled', filledSize: 1 });
    expect(desk.ledger.position(0)!.size).toBe(0);
    expect(new Set(desk.orders.map(({ id }) => id))).toEqual(new Set([1, 2]));
  });

  test('close nothing of another entry, although it has taken the place of their own meanwhile', () => {
    const desk = deskWithBook();
    desk.trade(bracketed);
    desk.trade({ action: 'buy', size: 0.5 });
    desk.send({ action: 'sell', size: 0.75 });
    desk.print(bracketed.stopLoss);
    desk.pass();
    expect(desk.order(4)).toMatchObject({ type: 'stop', status: 'filled', size: 0.25 });
    expect(desk.ledger.position(0)!.size).toBe(0.5);
    desk.print(bracketed.stopLoss - 1);
    expect(desk.orders.at(-1)!.id).toBe(4);
  });

  test('grow with each fill of a resting entry', () => {
    const desk = deskWithBook();
    desk.trade({ action: 'buy', size: 1, limit: 99, stopLoss: 95 });
    desk.print(98.5, 0.25);
    desk.print(98.5, 0.25);
    desk.print(95);
    expect(desk.orders.at(-1)).toMatchObject({ type: 'stop', size: 1 });
  });
});
