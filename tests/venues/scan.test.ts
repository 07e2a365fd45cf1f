// The byte scanner: its numbers are JSON.parse's numbers, its times are parseTimeUs's times.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseTimeUs } from '../../src/core/time.ts';
import { ascii, ByteScanner, NameTable } from '../../src/venues/scan.ts';

function scannerOf(text: string): ByteScanner {
  const scanner = new ByteScanner();
  scanner.load(new TextEncoder().encode(text));
  return scanner;
}

const decimals = fc
  .tuple(fc.bigInt({ min: 0n, max: 10n ** 24n }), fc.integer({ min: 0, max: 30 }))
  .map(([value, places]) => {
    const digits = String(value).padStart(places + 1, '0');
    return places === 0 ? digits : `${digits.slice(0, -places)}.${digits.slice(-places)}`;
  });

test('a decimal is the correctly rounded double, whatever its digits', () => {
  fc.assert(
    fc.property(decimals, (text) => {
      const scanner = scannerOf(`${text}}`);
      const isBounded = Number(text) === 0 || (Number(text) >= 1e-22 && Number(text) <= 1e18);
      expect(scanner.decimal()).toBe(isBounded);
      if (!isBounded) return;
      expect(scanner.value).toBe(Number(text));
      expect(scanner.at).toBe(text.length);
      expect(scanner.decimals).toBe(text.split('.')[1]?.length ?? 0);
      if (scanner.mantissa <= Number.MAX_SAFE_INTEGER) {
        expect(BigInt(scanner.mantissa)).toBe(BigInt(text.replace('.', '')));
      }
    }),
    { numRuns: 2000 },
  );
});

test.each(['', '.5', '5.', '01', '00.1', '-1', '+1', '1e5', '1.5E-3', 'x', '1.e5', `1${'0'.repeat(64)}`])(
  'what is no plain JSON decimal is given up: %j',
  (text) => {
    expect(scannerOf(`${text},`).decimal()).toBe(false);
  },
);

test('an integer has no dot and does not pass its maximum', () => {
  expect(scannerOf('4294967295}').integer(0xffff_ffff)).toBe(true);
  expect(scannerOf('4294967296}').integer(0xffff_ffff)).toBe(false);
  expect(scannerOf('1.0}').integer(10)).toBe(false);
});

test('a time is that of parseTimeUs, also when the day changes and changes back', () => {
  const scanner = new ByteScanner();
  const moment = fc.tuple(
    fc.integer({ min: Date.UTC(1900, 0, 1) / 1000, max: Date.UTC(2200, 0, 1) / 1000 }),
    fc.integer({ min: 0, max: 999_999_999 }),
    fc.integer({ min: 0, max: 9 }),
  );
  fc.assert(
    fc.property(fc.array(moment, { minLength: 1, maxLength: 5 }), (moments) => {
      for (const [second, nanos, digits] of moments) {
        const fraction = digits === 0 ? '' : `.${String(nanos).padStart(9, '0').slice(0, digits)}`;
        const text = `${new Date(second * 1000).toISOString().slice(0, 19)}${fraction}Z`;
        scanner.load(new TextEncoder().encode(`"${text}"}`));
        expect(scanner.time()).toBe(second >= 0 && text < '2200');
        if (second >= 0) expect(scanner.timeUs).toBe(parseTimeUs(text));
      }
    }),
  );
});

test.each([
  '2026-02-29T03:04:05Z',
  '2026-13-01T03:04:05Z',
  '2026-04-31T03:04:05Z',
  '2026-01-00T03:04:05Z',
  '2026-01-02T24:00:00Z',
  '2026-01-02T03:60:05Z',
  '2026-01-02T03:04:60Z',
  '1969-12-31T23:59:59Z',
  '2200-01-01T00:00:00Z',
  '9999-12-31T23:59:59Z',
  '2026-01-02T03:04:05',
  '2026-01-02 03:04:05Z',
  '2026-01-02T03:04:05.Z',
  '2026-01-02T03:04:05.0123456789Z',
  '2026-01-02T03:04:05+00:00',
  '2026-1-02T03:04:05Z',
  '',
])('what is no time of that form is given up: %j', (text) => {
  expect(scannerOf(`"${text}"}`).time()).toBe(false);
});

test('a literal is stepped over only when all of it stands there', () => {
  const scanner = scannerOf('"qty":1');
  expect(scanner.skip(ascii('"price":'))).toBe(false);
  expect(scanner.skip(ascii('"qty":'))).toBe(true);
  expect(scanner.peek()).toBe('1'.charCodeAt(0));
  expect(scanner.skip(ascii('1}'))).toBe(false);
});

test('a name is found among many by its bytes alone, and its case matters', () => {
  const names = Array.from({ length: 500 }, (_, i) => `${i.toString(36).toUpperCase()}x/USD`);
  const table = new NameTable(names);
  names.forEach((name, index) => {
    expect(scannerOf(`"${name}",`).name(table)).toBe(index);
    expect(scannerOf(`"${name.toUpperCase()}",`).name(table)).toBe(-1);
  });
  expect(scannerOf('"0x/USD').name(table)).toBe(-1);
});

test('a name that JSON would escape is left to JSON.parse', () => {
  const table = new NameTable(['A"B', 'ÄÖ/USD', 'C\\D']);
  expect(scannerOf('"A"B"').name(table)).toBe(-1);
  expect(scannerOf('"ÄÖ/USD"').name(table)).toBe(-1);
  expect(scannerOf('"C\\D"').name(table)).toBe(-1);
});
