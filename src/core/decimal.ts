// Exact decimals for money: a BigInt that counts units of 10^-18. Sums, differences and comparisons are plain
// `+`, `-` and `<` on such numbers and exact; products and quotients are rounded half to even at the last digit.
import { assert } from './assert.ts';
import { UsageError } from './errors.ts';

/** A decimal number times 10^18. Two of them may be added, subtracted and compared with the language's operators. */
export type Decimal = bigint;

const PLACES = 18;
const SCALE = 10n ** 18n;
/** Significant decimal digits that a double always keeps. */
const EXACT_DIGITS = 15;
const EXACT_MAX = 1e15;
/** Powers of ten, all exact, and how many units of the last place one unit of so many places is. */
const POWERS = Float64Array.from({ length: EXACT_DIGITS + 1 }, (_, places) => Number(`1e${places}`));
const UNITS = Array.from(POWERS, (_, places) => 10n ** BigInt(PLACES - places));
/** Most amounts have at most eight places, and then few enough digits for a double. */
const COMMON_PLACES = 8;
const NUMBER = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/;

/** `-12.5`, `.5`, `1e-7` to a decimal; digits past the eighteenth are rounded half to even. `from` is for the error. */
export function parseDecimal(text: string, from = 'number'): Decimal {
  const match = NUMBER.exec(text.trim());
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match ?? [];
  if (whole === '' && fraction === '') {
    throw new UsageError(
      `${from}: ${JSON.stringify(text)} is no decimal number (allowed: like 100, 0.25, 1e-7)`,
    );
  }
  const digits = BigInt(whole + fraction);
  const shift = PLACES - fraction.length + Number(exponent);
  const units = shift >= 0 ? digits * 10n ** BigInt(shift) : divideHalfEven(digits, 10n ** BigInt(-shift));
  return sign === '-' ? -units : units;
}

/** The decimal that a double's shortest text names: 0.1 is exactly one tenth. */
export function decimalOf(value: number): Decimal {
  if (!Number.isFinite(value)) assert(false, `a decimal is made of a finite number, got ${value}`);
  // Of decimals of at most 15 digits no two share a double, so the first that gives this one is its shortest text.
  for (let places = 0; places <= EXACT_DIGITS; places++) {
    const power = POWERS[places]!;
    const digits = Math.round(value * power);
    if (Math.abs(digits) >= EXACT_MAX) break;
    if (digits / power === value) return BigInt(digits) * UNITS[places]!;
  }
  return parseDecimal(String(value));
}

/** Without exponent or trailing zeros: `100`, `-0.25`. */
export function formatDecimal(value: Decimal): string {
  const magnitude = value < 0n ? -value : value;
  const fraction = String(magnitude % SCALE)
    .padStart(PLACES, '0')
    .replace(/0+$/, '');
  return `${value < 0n ? '-' : ''}${magnitude / SCALE}${fraction === '' ? '' : `.${fraction}`}`;
}

/** The nearest double. */
export function numberOf(value: Decimal): number {
  const unit = UNITS[COMMON_PLACES]!;
  const digits = Number(value / unit);
  // A quotient of two exact numbers is rounded once, so it is the nearest.
  const isExact = Number.isSafeInteger(digits) && value % unit === 0n;
  return isExact ? digits / POWERS[COMMON_PLACES]! : Number(formatDecimal(value));
}

export function multiply(left: Decimal, right: Decimal): Decimal {
  return divideHalfEven(left * right, SCALE);
}

export function divide(left: Decimal, right: Decimal): Decimal {
  return divideHalfEven(left * SCALE, right);
}

/** `value × part ÷ whole` with one rounding. */
export function proportion(value: Decimal, part: Decimal, whole: Decimal): Decimal {
  return divideHalfEven(value * part, whole);
}

/** The largest multiple of `step` that is not further from zero than `value`. */
export function truncateTo(value: Decimal, step: Decimal): Decimal {
  if (step <= 0n) assert(false, `a step is positive, got ${formatDecimal(step)}`);
  return value - (value % step);
}

/** The multiple of `step` next to `value`, in a direction or the nearest (of two equally near, the even one). */
export function roundTo(value: Decimal, step: Decimal, way: 'down' | 'up' | 'nearest'): Decimal {
  if (step <= 0n) assert(false, `a step is positive, got ${formatDecimal(step)}`);
  if (way === 'nearest') return divideHalfEven(value, step) * step;
  const rest = ((value % step) + step) % step;
  if (rest === 0n) return value;
  return way === 'down' ? value - rest : value - rest + step;
}

/** What a few operations on doubles may be off by, as a fraction: 0.1 + 0.2 is 1.4e-16 off. */
const NOISE_FRACTION = 10n ** 12n;

/** The multiple of `step` that `value` is but for the noise of doubles, as 0.1 × 3 is 0.3; undefined when it is none. */
export function snapTo(value: Decimal, step: Decimal): Decimal | undefined {
  const nearest = roundTo(value, step, 'nearest');
  return absolute(value - nearest) * NOISE_FRACTION <= absolute(value) ? nearest : undefined;
}

export function absolute(value: Decimal): Decimal {
  return value < 0n ? -value : value;
}

export function greatest(left: Decimal, right: Decimal): Decimal {
  return left > right ? left : right;
}

export function least(left: Decimal, right: Decimal): Decimal {
  return left < right ? left : right;
}

/** The integer nearest to the quotient; of two equally near, the even one. */
function divideHalfEven(dividend: bigint, divisor: bigint): bigint {
  assert(divisor !== 0n, 'a divisor is not zero');
  const quotient = dividend / divisor;
  const rest = absolute(dividend % divisor) * 2n;
  const size = absolute(divisor);
  if (rest < size || (rest === size && quotient % 2n === 0n)) return quotient;
  return dividend < 0n === divisor < 0n ? quotient + 1n : quotient - 1n;
}
