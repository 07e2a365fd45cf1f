// `retick data import` and `data check`, as a person or a script meets them: words and exit codes.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Outcome, retickMany, workplace } from './retick.ts';

const { folder, remove } = workplace();
afterAll(remove);

const US = 1_767_323_045_000_000;
const rows = Array.from({ length: 6 }, (_, i) => ({
  us: US + i * 1_000_000,
  frame:
    `{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","price":1.5,"qty":2.5,"trade_id":${i + 1},"timestamp":"2026-01-02T03:04:0${5 + i}.000000Z"}]}`.replace(
      ':010.',
      ':10.',
    ),
}));
const capture = (
  name: string,
  edit: (frame: string, index: number) => string,
  timeOf = (us: number) => `${us}`,
) => {
  const path = join(folder, name);
  writeFileSync(path, rows.map(({ us, frame }, i) => `${timeOf(us)} ${edit(frame, i)}\n`).join(''));
  return path;
};
const importOf = (file: string, name: string, ...more: readonly string[]) => [
  ...['data', 'import', file, '--format', 'lines', '--venue', 'kraken', '--out', join(folder, name)],
  ...more,
];

const asked: Readonly<Record<string, readonly string[]>> = {
  good: importOf(
    capture(
      'good.lines',
      (frame) => frame,
      (us) => `${us / 1000}`,
    ),
    'good',
  ),
  'good again': importOf(join(folder, 'good.lines'), 'good'),
  'good, checked': ['data', 'check', join(folder, 'good'), '--strict'],
  foreign: importOf(
    capture('foreign.lines', (_, i) => `{"e":"trade","E":${US + i}}`),
    'foreign',
  ),
  misread: importOf(
    capture('misread.lines', (frame) => frame.replace('"trade"', '"trades"')),
    'misread',
    ...['--symbols', 'BTC/USD'],
  ),
  'misread, checked': ['data', 'check', join(folder, 'misread')],
  timeless: importOf(
    capture('timeless.lines', () => '{"channel":"heartbeat"}'),
    'timeless',
    '--symbols',
    'BTC/USD',
  ),
  'wrong unit': importOf(join(folder, 'good.lines'), 'other', '--time-unit', 'mss'),
  'bad line': importOf(
    capture(
      'bad.lines',
      (frame) => frame,
      (us) => (us === US + 2e6 ? 'noon' : `${us}`),
    ),
    'bad',
    '--skip-bad',
  ),
};
let outcomes: Readonly<Record<string, Outcome>>;

beforeAll(async () => {
  const names = Object.keys(asked);
  const all = await retickMany(
    names.map((name) => asked[name]!),
    folder,
  );
  outcomes = Object.fromEntries(names.map((name, index) => [name, all[index]!]));
});

test.each([
  ['good', 0, /6 of 6 frames understood[\s\S]*receive times in ms, since 1970/],
  ['good again', 2, /holds a recording already/],
  ['good, checked', 0, /6 of 6 frames understood, 0 unknown[\s\S]*whole/],
  ['foreign', 3, /foreign.lines: 0 of 6 frames understood: is this kraken\?/],
  ['misread', 1, /0 of 6 frames understood: is this kraken\?/],
  ['misread, checked', 1, /problem: 0 of 6 frames understood: is this kraken\?/],
  ['timeless', 2, /no frame has a time of its own .*--time-unit .*--clock/],
  ['wrong unit', 2, /unknown time unit in --time-unit: mss .*did you mean ms\?/],
  ['bad line', 0, /1 lines could not be read and were left out/],
])('%s: exit %d', (name, code, says) => {
  const { out, err } = outcomes[name]!;
  expect(out + err).toMatch(says);
  expect(outcomes[name]!.code).toBe(code);
});
