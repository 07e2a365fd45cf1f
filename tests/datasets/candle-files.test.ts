// Files of candles become datasets that are checked, replayed and traded on like any other.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { DataError, UsageError } from '../../src/core/errors.ts';
import { EventKind } from '../../src/core/event.ts';
import { checkRecording } from '../../src/datasets/check.ts';
import { type CandleImport, importCandles } from '../../src/datasets/imports/candles.ts';
import { historical } from '../../src/feeds/historical.ts';
import { temporaryFolder } from './recording.ts';

const MINUTE_US = 60e6;
const START_MS = Date.UTC(2026, 0, 2);

function fileOf(value: unknown): string {
  const file = join(temporaryFolder(), 'candles.json');
  writeFileSync(file, typeof value === 'string' ? value : JSON.stringify(value));
  return file;
}

function importOf(value: unknown, over: Partial<CandleImport> = {}) {
  const out = join(temporaryFolder(), 'dataset');
  return importCandles({ files: [fileOf(value)], venue: 'somewhere', out, software: 'test', ...over });
}

async function eventsIn(folder: string): Promise<(readonly unknown[])[]> {
  const found: (readonly unknown[])[] = [];
  for await (const batch of historical(folder).batches()) {
    for (let row = 0; row < batch.length; row++) {
      const detail = batch.detail[row];
      if (batch.kind[row] !== EventKind.candle || detail?.type !== 'candle') continue;
      const { startUs, open, high, low, close, volume, isClosed } = detail;
      found.push([batch.receivedUs[row]! - startUs, startUs, open, high, low, close, volume, isClosed]);
    }
  }
  return found;
}

const values = { open: '1.5', high: '2', low: '1', close: '1.75', volume: '10' };
const expected = (i: number, lengthUs = MINUTE_US) => [
  lengthUs,
  START_MS * 1000 + i * lengthUs,
  1.5,
  2,
  1,
  1.75,
  10,
  true,
];

describe('a file of candles', () => {
  test.each([
    [
      'objects that say all',
      (i: number) => ({
        ...values,
        base: 'BTC',
        counter: 'USD',
        openTimeInMillis: START_MS + i * 60_000,
        sizeInMillis: 60_000,
      }),
    ],
    [
      'seconds as text, length inferred',
      (i: number) => ({ ...values, symbol: 'BTC/USD', start: String(START_MS / 1000 + i * 60) }),
    ],
    [
      'times as text',
      (i: number) => ({
        ...values,
        symbol: 'BTC/USD',
        timestamp: new Date(START_MS + i * 60_000).toISOString(),
      }),
    ],
    [
      'arrays',
      (i: number) => [START_MS + i * 60_000, '1.5', '2', '1', '1.75', '10', START_MS + i * 60_000 + 59_999],
    ],
  ])('of %s becomes one event a candle, at its end', async (_what, row) => {
    const { recording, candles, missing, manifest } = await importOf(
      [0, 1, 3].map((i) => row(i)),
      {
        symbols: ['BTC/USD'],
      },
    );
    expect([candles, missing, manifest.symbols]).toEqual([3, 1, ['BTC/USD']]);
    expect(await eventsIn(recording)).toEqual([0, 1, 3].map((i) => expected(i)));
    expect(await checkRecording(recording)).toMatchObject({ problems: [], unknown: 0, tables: 'equal' });
  });

  test.each([
    ['{', 'is not JSON'],
    ['{"a":1}', 'no array of candles in it'],
    ['[]', 'no candles there'],
    [[{ ...values, start: 'noon' }], 'row 1: the start of the candle is not a time'],
    [[{ ...values, start: START_MS }], 'its length is not known (name it by --interval)'],
    [[{ ...values, high: '0.5', start: START_MS, sizeInMillis: 60_000 }], 'are not open, high, low, close'],
    [[{ ...values, close: 'x', start: START_MS, sizeInMillis: 60_000 }], 'are not open, high, low, close'],
    [[{ ...values, volume: '-1', start: START_MS, sizeInMillis: 60_000 }], 'are not amounts'],
    [[7], 'is not a candle'],
    [
      [0, 0].map(() => ({ ...values, start: START_MS, sizeInMillis: 60_000 })),
      'two candles of BTC/USD begin at 2026-01-02',
    ],
    [
      [60_000, 300_000].map((ms, i) => ({ ...values, start: START_MS + i * 600_000, sizeInMillis: ms })),
      'candles of 1m, 5m together',
    ],
  ])('that is none is refused, naming the row: %j', async (value, message) => {
    const wanted = importOf(value, { symbols: ['BTC/USD'] });
    await expect(wanted).rejects.toThrow(DataError);
    await expect(importOf(value, { symbols: ['BTC/USD'] })).rejects.toThrow(message);
  });

  test('loses no more than a bad row where that is allowed, and never a dataset that is there', async () => {
    const rows = [{ ...values, start: START_MS }, 7, { ...values, start: START_MS + 60_000 }];
    const options = { symbols: ['BTC/USD'], skipsBad: true } as const;
    const { recording, candles, skipped } = await importOf(rows, options);
    expect([candles, skipped]).toEqual([2, 1]);
    await expect(importOf(rows, { ...options, out: recording })).rejects.toThrow(UsageError);
    expect(await eventsIn(recording)).toHaveLength(2);
  });

  const REAL = new URL('../../../shared/data/candles/coinbase_btcusd_4h.json', import.meta.url);
  if (!existsSync(REAL)) console.warn(`skipped: the real candles are not there (${REAL.pathname})`);
  test.skipIf(!existsSync(REAL))(
    'of nine real years has 20,695 candles of four hours and what they lack',
    async () => {
      const out = join(temporaryFolder(), 'dataset');
      const files = [fileURLToPath(REAL)];
      const result = await importCandles({
        files,
        venue: 'coinbase',
        out,
        software: 'test',
        symbols: ['BTC-USD'],
      });
      expect(result).toMatchObject({ candles: 20_695, intervalUs: 4 * 3600e6 });
      expect(result.missing).toBeGreaterThanOrEqual(3);
      expect(await eventsIn(out)).toHaveLength(20_695);
    },
  );
});
