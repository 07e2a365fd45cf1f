// Every indicator against published reference values over 502 daily bars.
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Candle } from '../../src/core/candle.ts';
import type { Indicator } from '../../src/market/indicator.ts';
import {
  Atr,
  BollingerBands,
  Donchian,
  Ema,
  Macd,
  Obv,
  RateOfChange,
  Rsi,
  SessionVwap,
  Sma,
  StandardDeviation,
  Wma,
} from '../../src/market/indicators.ts';

const FOLDER = new URL('../../../shared/data/indicators/', import.meta.url);
const isThere = existsSync(FOLDER);
if (!isThere) console.warn(`skipped: the reference values are not there (${FOLDER.pathname})`);

const cases: readonly {
  readonly file: string;
  readonly indicator: () => Indicator;
  /** Output name → column of the reference. */
  readonly columns: Readonly<Record<string, string>>;
}[] = [
  { file: 'sma', indicator: () => new Sma(20), columns: { value: 'sma' } },
  { file: 'ema', indicator: () => new Ema(20), columns: { value: 'ema' } },
  { file: 'wma', indicator: () => new Wma(14), columns: { value: 'wma' } },
  { file: 'rsi', indicator: () => new Rsi(14), columns: { value: 'rsi' } },
  {
    file: 'macd',
    indicator: () => new Macd({ fast: 12, slow: 26, signal: 9 }),
    columns: { macd: 'macd', signal: 'signal', histogram: 'histogram' },
  },
  {
    file: 'bb',
    indicator: () => new BollingerBands(20, 2),
    columns: { middle: 'sma', upper: 'upperBand', lower: 'lowerBand', percentB: 'percentB', width: 'width' },
  },
  { file: 'atr', indicator: () => new Atr(14), columns: { value: 'atr' } },
  {
    file: 'vwap',
    indicator: () => new SessionVwap({ sessionUs: Number.POSITIVE_INFINITY }),
    columns: { value: 'vwap' },
  },
  { file: 'stdev', indicator: () => new StandardDeviation(14), columns: { value: 'stdDev' } },
  { file: 'roc', indicator: () => new RateOfChange(14), columns: { value: 'roc' } },
  { file: 'obv', indicator: () => new Obv(), columns: { value: 'obv' } },
  {
    file: 'donchian',
    indicator: () => new Donchian(20),
    columns: { upper: 'upperBand', middle: 'centerline', lower: 'lowerBand' },
  },
];

describe.skipIf(!isThere)('502 daily bars of SPY', () => {
  test.each(cases)(
    '$file equals the reference to 1e-9, and warms up alike',
    ({ file, indicator, columns }) => {
      const bars = readBars();
      const rows: readonly Readonly<Record<string, number | null>>[] = JSON.parse(
        readFileSync(new URL(`expected/${file}.json`, FOLDER), 'utf8'),
      );
      expect(rows.length).toBe(bars.length);
      const subject = indicator();
      expect([...subject.outputs].sort()).toEqual(Object.keys(columns).sort());
      let compared = 0;
      let worst = 0;
      for (const [i, bar] of bars.entries()) {
        subject.update(bar);
        for (const [index, name] of subject.outputs.entries()) {
          const expected = rows[i]![columns[name]!]!;
          const actual = subject.output(index);
          if (expected === null) {
            expect(actual, `${name} in row ${i} is still warming up`).toBeNaN();
            continue;
          }
          worst = Math.max(worst, relativeError(actual, expected));
          compared++;
        }
      }
      const rowsReady = bars.length - subject.warmup + 1;
      expect(compared).toBeGreaterThanOrEqual(rowsReady * subject.outputs.length);
      expect(worst).toBeLessThan(1e-9);
    },
  );
});

function relativeError(actual: number, expected: number): number {
  if (Number.isNaN(actual)) return Number.POSITIVE_INFINITY;
  return Math.abs(actual - expected) / Math.max(Math.abs(expected), 1e-6);
}

function readBars(): Candle[] {
  const lines = readFileSync(new URL('spy_daily_502.csv', FOLDER), 'utf8').trim().split('\n').slice(1);
  return lines.map((line) => {
    const [date, ...numbers] = line.split(',');
    const [open, high, low, close, volume] = numbers.map(Number);
    return {
      startUs: Date.parse(`${date}T00:00:00Z`) * 1000,
      intervalUs: 86_400_000_000,
      open: open!,
      high: high!,
      low: low!,
      close: close!,
      volume: volume!,
      buyVolume: 0,
      sellVolume: 0,
      trades: 0,
    };
  });
}
