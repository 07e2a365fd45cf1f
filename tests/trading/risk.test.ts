import { describe, expect, test } from 'vitest';
import { parseDecimal } from '../../src/core/decimal.ts';
import { Risk, riskSchema } from '../../src/trading/risk.ts';
import { deskWithBook } from './desk.ts';

/** Of a ledger in the reporting currency alone. */
function worth(start: string, equity: string) {
  const exact = parseDecimal(start);
  return { start: exact, startNow: exact, equity: parseDecimal(equity) };
}

describe('risk limits', () => {
  test('are all off by default', () => {
    const risk = new Risk(riskSchema.parse(undefined));
    const much = 10n ** 30n;
    const order = { orderNotional: much, positionNotional: much, notional: much };
    expect(risk.checkOrder({ ...order, reduces: false, nowUs: 0 })).toBeUndefined();
    expect(risk.checkEquity(worth('100', '-100'))).toBeUndefined();
  });

  test('of order and position notional reject with the value and the limit, and let reducing orders through', () => {
    const desk = deskWithBook({ risk: { orderNotionalMax: 120, positionNotionalMax: 150 } });
    expect(desk.send({ action: 'buy', size: 1.5 }).reason).toBe(
      'risk limit: order notional 150 is above 120',
    );
    desk.trade({ action: 'buy', size: 1 });
    expect(desk.send({ action: 'buy', size: 1 }).reason).toBe(
      'risk limit: position notional 200 is above 150',
    );
    expect(desk.trade({ action: 'sell' }).status).toBe('filled');
  });

  test('of orders per second count over any second', () => {
    const desk = deskWithBook({ risk: { ordersPerSecondMax: 2 } });
    const small = { action: 'buy', size: 0.1 } as const;
    expect(desk.send(small).status).toBe('pending');
    desk.pass(600_000);
    expect(desk.send(small).status).toBe('pending');
    expect(desk.send(small).reason).toBe('risk limit: 3 orders within a second, allowed are 2');
    desk.pass(400_000);
    expect(desk.send(small).status).toBe('pending');
    expect(desk.send(small).status).toBe('rejected');
  });

  test('a loss cancels all, flattens when told to, and stops the strategy for good', () => {
    const desk = deskWithBook({ risk: { lossMax: 5, onBreach: 'flatten' } });
    desk.trade({ action: 'buy', size: 1 });
    desk.trade({ action: 'buy', size: 1, limit: 90 });
    expect(desk.exchange.checkRisk('desk', desk.nowUs)).toBeUndefined();
    desk.show([[93, 5]], [[95, 5]]);
    const breach = desk.exchange.checkRisk('desk', desk.nowUs);
    expect(breach).toMatchObject({ limit: 'loss', value: 6, max: 5, action: 'flatten' });
    expect(desk.exchange.checkRisk('desk', desk.nowUs)).toBeUndefined();
    desk.pass();
    expect(desk.order(2)).toMatchObject({ status: 'cancelled', reason: 'risk limit: loss 6 is above 5' });
    expect(desk.order(3)).toMatchObject({ status: 'filled', signal: 0, isReduceOnly: true });
    expect(desk.ledger.position(0)!.size).toBe(0);
    expect(desk.send({ action: 'buy', size: 1 }).reason).toBe(
      'risk limit: reducing only since loss 6 is above 5',
    );
    expect(desk.send({ action: 'buy', size: 1 }, 'other').status).toBe('pending');
  });

  test('a drawdown is measured from the highest equity', () => {
    const risk = new Risk(riskSchema.parse({ drawdownMax: 0.2 }));
    const check = (equity: string) => risk.checkEquity(worth('100', equity));
    expect(check('150')).toBeUndefined();
    expect(check('120')).toBeUndefined();
    expect(check('119')).toMatchObject({ limit: 'drawdown', action: 'cancel' });
  });
});
