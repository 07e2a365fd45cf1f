import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decimalOf,
  divide,
  formatDecimal,
  multiply,
  numberOf,
  parseDecimal,
  proportion,
  truncateTo,
} from '../../src/core/decimal.ts';
import { UsageError } from '../../src/core/errors.ts';

const SCALE = 10n ** 18n;
const anyDecimal = fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n });
const anyNonZero = anyDecimal.filter((value) => value !== 0n);

/** Whether `got` is the integer nearest to dividend ÷ divisor, and the even one of two. */
function isHalfEven(got: bigint, dividend: bigint, divisor: bigint): boolean {
  const size = divisor < 0n ? -divisor : divisor;
  const error = got * divisor - dividend;
  const twice = 2n * (error < 0n ? -error : error);
  return twice < size || (twice === size && got % 2n === 0n);
}

describe('decimal', () => {
  test.each([
    ['0', '0'],
    ['100', '100'],
    ['-12.50', '-12.5'],
    ['.5', '0.5'],
    ['1e-7', '0.0000001'],
    ['1.5E3', '1500'],
    ['+0.000000000000000001', '0.000000000000000001'],
    ['123456789012345678901234567890.5', '123456789012345678901234567890.5'],
  ])('reads %s and writes %s', (text, written) => {
    expect(formatDecimal(parseDecimal(text))).toBe(written);
  });

  test('rounds digits past the eighteenth half to even', () => {
    expect(parseDecimal('0.0000000000000000005')).toBe(0n);
    expect(parseDecimal('0.0000000000000000015')).toBe(2n);
    expect(parseDecimal('-0.0000000000000000015')).toBe(-2n);
    expect(parseDecimal('0.00000000000000000051')).toBe(1n);
  });

  test.each(['', '.', '-', '1,5', '0x10', 'NaN', '1e', '1 2', 'Infinity'])(
    'refuses %j and names it',
    (text) => {
      expect(() => parseDecimal(text, 'balance of USD')).toThrow(UsageError);
      expect(() => parseDecimal(text, 'balance of USD')).toThrow(`balance of USD: ${JSON.stringify(text)}`);
    },
  );

  test('a double is the decimal of its shortest text, however it is found', () => {
    const digits = fc.integer({ min: -(10 ** 15), max: 10 ** 15 });
    const quotient = fc.tuple(digits, fc.integer({ min: 0, max: 18 })).map(([m, places]) => m / 10 ** places);
    const anyDouble = fc.double({ noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(fc.oneof(quotient, anyDouble), (value) => {
        expect(decimalOf(value)).toBe(parseDecimal(String(value)));
      }),
      { numRuns: 3000 },
    );
    for (const value of [999_999_999_999_999, 1e15, 2 ** 53 + 2, 0.1 + 0.2, 5e-324, 4.35, 1.005, 1e22, -0]) {
      expect(decimalOf(value)).toBe(parseDecimal(String(value)));
    }
  });

  test('a decimal becomes the nearest double, however it is found', () => {
    const short = fc.bigInt({ min: -(2n ** 60n), max: 2n ** 60n }).map((digits) => digits * 10n ** 10n);
    fc.assert(
      fc.property(fc.oneof(short, anyDecimal), (value) => {
        expect(numberOf(value)).toBe(Number(formatDecimal(value)));
      }),
      { numRuns: 3000 },
    );
  });

  test('sums of doubles are exact where doubles are not', () => {
    expect(0.1 + 0.2).not.toBe(0.3);
    expect(decimalOf(0.1) + decimalOf(0.2)).toBe(decimalOf(0.3));
  });

  test('refuses a double that is no number', () => {
    expect(() => decimalOf(Number.NaN)).toThrow('finite');
    expect(() => decimalOf(Number.POSITIVE_INFINITY)).toThrow('finite');
  });

  test('text and value are the same number, both ways', () => {
    fc.assert(fc.property(anyDecimal, (value) => parseDecimal(formatDecimal(value)) === value));
  });

  test('a double of at most eighteen places comes back as the same double', () => {
    const cents = fc.integer({ min: -(10 ** 9), max: 10 ** 9 });
    fc.assert(
      fc.property(cents, fc.integer({ min: 0, max: 9 }), (whole, places) => {
        const value = Number(`${whole}e-${places}`);
        expect(numberOf(decimalOf(value))).toBe(value === 0 ? 0 : value);
      }),
    );
  });

  test('products, quotients and proportions are the exact rational, rounded half to even once', () => {
    fc.assert(
      fc.property(anyDecimal, anyDecimal, anyNonZero, (left, right, whole) => {
        expect(isHalfEven(multiply(left, right), left * right, SCALE)).toBe(true);
        expect(isHalfEven(divide(left, whole), left * SCALE, whole)).toBe(true);
        expect(isHalfEven(proportion(left, right, whole), left * right, whole)).toBe(true);
      }),
    );
  });

  test('ties go to the even neighbour on both sides of zero', () => {
    const half = parseDecimal('0.5');
    expect([1n, 3n, -1n, -3n].map((units) => multiply(units, half))).toEqual([0n, 2n, 0n, -2n]);
  });

  test('truncation keeps whole steps and never grows', () => {
    fc.assert(
      fc.property(anyDecimal, fc.bigInt({ min: 1n, max: 10n ** 20n }), (value, step) => {
        const cut = truncateTo(value, step);
        const [size, before] = [cut < 0n ? -cut : cut, value < 0n ? -value : value];
        expect(cut % step).toBe(0n);
        expect(size <= before && before - size < step).toBe(true);
      }),
    );
  });
});
