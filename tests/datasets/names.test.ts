import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DataError } from '../../src/core/errors.ts';
import { decodeSymbol, encodeSymbol } from '../../src/datasets/names.ts';

const symbols = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 });

test('a symbol reads as itself where it is plain', () => {
  expect(encodeSymbol('BTC/USD')).toBe('BTC%2FUSD');
  expect(encodeSymbol('BTC-PERP_1')).toBe('BTC-PERP_1');
  expect(encodeSymbol('AAPLx')).toBe('AAPL%78');
});

test('every symbol comes back from its folder name', () => {
  fc.assert(
    fc.property(symbols, (symbol) => {
      expect(decodeSymbol(encodeSymbol(symbol))).toBe(symbol);
    }),
  );
});

test('a folder name is one harmless path part, on file systems that ignore case too', () => {
  fc.assert(
    fc.property(
      fc.oneof(symbols, fc.constantFrom('.', '..', '/', '../../x', '\0', 'CON:', 'a\\b')),
      (symbol) => {
        expect(encodeSymbol(symbol)).toMatch(/^(?:[A-Z0-9_-]|%[0-9A-F]{2})+$/);
      },
    ),
  );
});

test('what cannot name a folder is refused, and so is a folder name that is not one of ours', () => {
  for (const symbol of ['', '\ud800', 'x'.repeat(300)]) expect(() => encodeSymbol(symbol)).toThrow(DataError);
  for (const name of ['', '.', 'btc', '%', '%4', '%41', '%2f', '%FF', 'A%2']) {
    expect(() => decodeSymbol(name)).toThrow(DataError);
  }
});
