import { describe, expect, test } from 'vitest';
import { parseSpan } from '../../src/cli/span.ts';
import { UsageError } from '../../src/core/errors.ts';

const us = (text: string): number => Date.parse(text) * 1000;
const span = { firstUs: us('2026-01-02T23:50:00Z'), lastUs: us('2026-01-04T01:00:00Z') };
const data = { name: 'datasets/x', span };

describe('a span of a dataset', () => {
  test.each([
    ['2026-01-03T03:04:05.5Z', '2026-01-03T03:04:05.500Z'],
    ['2026-01-03T03:04:05+02:00', '2026-01-03T01:04:05Z'],
    ['2026-01-03', '2026-01-03T00:00:00Z'],
    ['23:55', '2026-01-02T23:55:00Z'],
    ['00:10', '2026-01-03T00:10:00Z'],
    ['12:30:15.25', '2026-01-03T12:30:15.250Z'],
    ['+5m', '2026-01-02T23:55:00Z'],
    ['+1h30m', '2026-01-03T01:20:00Z'],
  ])('may begin or end at %s', (text, expected) => {
    expect(parseSpan({ from: text }, data)).toEqual({ fromUs: us(expected), toUs: undefined });
    expect(parseSpan({ to: text }, data)).toEqual({ fromUs: undefined, toUs: us(expected) });
  });

  test.each([
    '2026-02-30',
    '2026-02-30T00:00:00Z',
    '2026-01-03T25:00:00Z',
    '2026-01-03T10:60:00Z',
    '2026-01-03T10:00:60Z',
    '25:00',
    '+5',
    '+0s',
    'noon',
    '',
  ])('does not begin at %s', (text) => {
    expect(() => parseSpan({ from: text }, data)).toThrow(UsageError);
    expect(() => parseSpan({ to: text }, data)).toThrow(UsageError);
  });

  test.each([
    [{ from: '2026-01-05' }, '--from: 2026-01-05T00:00:00.000000Z is past the data'],
    [{ from: '+3d' }, 'is past the data'],
    [{ to: '2026-01-02' }, '--to: 2026-01-02T00:00:00.000000Z is before the data'],
    [{ from: '+10m', to: '+10m' }, 'is not before --to'],
    [{ from: '+10m', to: '+5m' }, 'is not before --to'],
  ])('of nothing is refused, naming what there is: %o', (given, message) => {
    expect(() => parseSpan(given, data)).toThrow(message);
    expect(() => parseSpan(given, data)).toThrow(
      'datasets/x holds 2026-01-02T23:50:00.000000Z to 2026-01-04T01:00:00.000000Z',
    );
  });
});
