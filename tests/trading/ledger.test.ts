import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decimalOf, formatDecimal, multiply, parseDecimal } from '../../src/core/decimal.ts';
import { UsageError } from '../../src/core/errors.ts';
import type { Side } from '../../src/core/order.ts';
import { Ledger } from '../../src/trading/ledger.ts';

function fill(side: Side, size: number, price: number, fee = '0') {
  return {
    instrument: 0,
    side,
    size: decimalOf(size),
    price: decimalOf(price),
    quote: 'USD',
    fee: parseDecimal(fee),
    feeCurrency: 'USD',
  };
}

const at = (price: number) => () => price;

describe('ledger', () => {
  test('starts with 100 USD, or with what it is given in each currency', () => {
    expect(formatDecimal(new Ledger().cash('USD'))).toBe('100');
    const ledger = new Ledger({ USDT: '250.10', BTC: 0.5 });
    expect(ledger.currency).toBe('USDT');
    expect(ledger.currencies()).toEqual(['USDT', 'BTC']);
    expect(formatDecimal(ledger.available('BTC'))).toBe('0.5');
    expect(ledger.available('USD')).toBe(0n);
  });

  test('refuses no balance, a negative one, and one that is no number, by name', () => {
    expect(() => new Ledger({})).toThrow(UsageError);
    expect(() => new Ledger({ USD: -1 })).toThrow('balance of USD: -1 is below 0');
    expect(() => new Ledger({ EUR: 'much' })).toThrow('balance of EUR: "much"');
  });

  test('a long that is sold in two parts realises exactly what it gained', () => {
    const ledger = new Ledger();
    ledger.applyFill(fill('buy', 1, 30, '0.03'));
    ledger.applyFill(fill('buy', 2, 33, '0.066'));
    expect(ledger.position(0)).toMatchObject({ size: 3, entryPrice: 32 });
    expect(formatDecimal(ledger.applyFill(fill('sell', 1, 35, '0.035')))).toBe('3');
    expect(formatDecimal(ledger.applyFill(fill('sell', 2, 30, '0.06')))).toBe('-4');
    expect(formatDecimal(ledger.realized('USD'))).toBe('-1');
    expect(formatDecimal(ledger.fees('USD'))).toBe('0.191');
    expect(formatDecimal(ledger.cash('USD'))).toBe('98.809');
    expect(ledger.position(0)).toMatchObject({ size: 0, entryPrice: Number.NaN });
  });

  test('a short credits its proceeds as cash, which may not be spent', () => {
    const ledger = new Ledger();
    ledger.applyFill(fill('sell', 1, 60));
    expect(formatDecimal(ledger.cash('USD'))).toBe('160');
    expect(formatDecimal(ledger.available('USD'))).toBe('40');
    expect(formatDecimal(ledger.available('USD', at(50)))).toBe('60');
    expect(formatDecimal(ledger.equity('USD', at(50)))).toBe('110');
    expect(formatDecimal(ledger.applyFill(fill('buy', 1, 50)))).toBe('10');
    expect(formatDecimal(ledger.available('USD'))).toBe('110');
  });

  test('one fill may close a long and open a short', () => {
    const ledger = new Ledger();
    ledger.applyFill(fill('buy', 1, 40));
    expect(formatDecimal(ledger.applyFill(fill('sell', 3, 50)))).toBe('10');
    expect(ledger.position(0)).toMatchObject({ size: -2, entryPrice: 50 });
  });

  test('money that is reserved is not available, and cannot be given back twice', () => {
    const ledger = new Ledger();
    ledger.reserve('USD', parseDecimal('30'));
    expect(formatDecimal(ledger.available('USD'))).toBe('70');
    ledger.reserve('USD', parseDecimal('-30'));
    expect(() => ledger.reserve('USD', -1n)).toThrow('no more is given back');
  });

  test('a position without a price counts at its entry', () => {
    const ledger = new Ledger();
    ledger.applyFill(fill('buy', 1, 40));
    expect(formatDecimal(ledger.equity('USD', at(Number.NaN)))).toBe('100');
  });

  test('over any fills, money and positions are conserved to the last digit', () => {
    const anyFill = fc.record({
      instrument: fc.integer({ min: 0, max: 2 }),
      side: fc.constantFrom<Side>('buy', 'sell'),
      size: fc.bigInt({ min: 1n, max: 10n ** 22n }),
      price: fc.bigInt({ min: 1n, max: 10n ** 24n }),
      fee: fc.bigInt({ min: -(10n ** 15n), max: 10n ** 18n }),
    });
    fc.assert(
      fc.property(fc.array(anyFill, { maxLength: 40 }), (fills) => {
        const ledger = new Ledger({ USD: 1000 });
        let cash = parseDecimal('1000');
        const held = [0n, 0n, 0n];
        for (const one of fills) {
          ledger.applyFill({ ...one, quote: 'USD', feeCurrency: 'USD' });
          const notional = multiply(one.price, one.size);
          cash += (one.side === 'buy' ? -notional : notional) - one.fee;
          held[one.instrument]! += one.side === 'buy' ? one.size : -one.size;
        }
        expect(ledger.cash('USD')).toBe(cash);
        for (const position of ledger.positions()) expect(position.exactSize).toBe(held[position.instrument]);
        const mark = decimalOf(7.25);
        const worth = held.reduce((sum, size) => sum + multiply(size, mark), 0n);
        expect(ledger.equity('USD', at(7.25))).toBe(cash + worth);
        const unrealized = worth - [...ledger.positions()].reduce((sum, position) => sum + position.cost, 0n);
        expect(cash + worth).toBe(
          ledger.start('USD') + ledger.realized('USD') + unrealized - ledger.fees('USD'),
        );
      }),
    );
  });
});
