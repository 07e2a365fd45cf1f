// How the lag of receipt is listed: by connection, and anew where a clock was stepped without a word.
import { expect, test } from 'vitest';
import { EventBatch, EventKind, Flag } from '../../src/core/event.ts';
import { LagFold } from '../../src/datasets/lags.ts';

const SECOND_US = 1e6;
const START_US = 1_772_445_600e6;

function spansOf(lagUs: (second: number) => number): readonly (readonly number[])[] {
  const fold = new LagFold();
  const events = new EventBatch();
  for (let second = 0; second < 100; second++) {
    const venueUs = START_US + second * SECOND_US;
    const row = events.add(EventKind.trade, 0, second + 1, venueUs + lagUs(second), venueUs);
    events.flags[row] = Flag.buy;
    fold.add(events, row);
  }
  return fold
    .finish()
    .lags.map(({ fromUs, offsetUs }) => [Math.round((fromUs - START_US) / SECOND_US), offsetUs / SECOND_US]);
}

test('a clock that is stepped in the midst of a connection gives two lags, not the last one for all', () => {
  const ahead = spansOf((second) => (second < 50 ? 0 : 37 * SECOND_US));
  expect(ahead.map(([, offset]) => offset)).toEqual([0, 37]);
  const behind = spansOf((second) => (second < 50 ? 0 : -37 * SECOND_US));
  expect(behind.map(([, offset]) => offset)).toEqual([0, -37]);
});

test('a steady lag, or one that wavers below a second, is one', () => {
  expect(spansOf(() => 3 * SECOND_US)).toEqual([[3, 3]]);
  expect(spansOf((second) => (second % 7) * 100_000)).toHaveLength(1);
});
