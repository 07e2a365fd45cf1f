// The log on disk: exact numbers, a digest anyone can check, and a run that is read back only if it is whole.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DataError } from '../../src/core/errors.ts';
import { query } from '../../src/parquet/parquet.ts';
import { digestOf, formatRecord, parseRecord, readLines, readLog } from '../../src/runs/log.ts';
import { readRun } from '../../src/runs/run.ts';
import { writeTables } from '../../src/runs/tables.ts';
import { bars, candle, runOf } from './records.ts';

describe('a record', () => {
  test('keeps every double through its line, NaN, infinities and the sign of zero too', () => {
    const anyDouble = fc.oneof(fc.double(), fc.constantFrom(-0, Number.NaN, Number.POSITIVE_INFINITY));
    fc.assert(
      fc.property(anyDouble, anyDouble, fc.string(), (value, price, reason) => {
        const at = { event: 1, seq: 2, timeUs: 3 };
        const indicator = { ...at, type: 'indicator', name: reason, atUs: 4, value } as const;
        expect(parseRecord(formatRecord(indicator))).toEqual(indicator);
        const signal = { action: 'buy', limit: price, stopLoss: value, reason } as const;
        const record = { ...at, type: 'signal', id: 1, strategy: 'a', signal } as const;
        expect(parseRecord(formatRecord(record))).toEqual(record);
        expect(formatRecord(parseRecord(formatRecord(record)))).toBe(formatRecord(record));
      }),
    );
  });
});

describe('a run log', () => {
  test('has the SHA-256 of its bytes as its digest, whenever it was flushed', () => {
    const records = bars(Array.from({ length: 3000 }, (_, i) => ({ value: i / 7 })));
    const run = runOf([...records.slice(0, 500), checkpoint(1), ...records.slice(500), checkpoint(2)]);
    const bytes = readFileSync(run.log);
    expect(bytes.length).toBeGreaterThan(1 << 18);
    expect(run.manifest.digest).toBe(createHash('sha256').update(bytes).digest('hex'));
    expect(digestOf(run.log)).toBe(run.manifest.digest);
    // Each checkpoint names the digest of all that stands before it.
    const text = bytes.toString('utf8');
    for (const line of readLines(run.log)) {
      if (!line.startsWith('{"type":"checkpoint"')) continue;
      const before = text.slice(0, text.indexOf(line));
      expect(JSON.parse(line).digest).toBe(createHash('sha256').update(before).digest('hex'));
    }
    expect([...readLog(run.log)].length).toBe(run.manifest.records);
  });

  test('is read over the edges of its chunks, letters of several bytes included', () => {
    const reason = 'µ→'.repeat(300_000);
    const run = runOf([{ event: 0, seq: 0, timeUs: 0, type: 'unused', symbol: 'BTC/USD', reason, count: 1 }]);
    expect([...readLog(run.log)]).toMatchObject([{ reason }]);
  });

  test('with one byte changed is no log of its run any more', () => {
    const run = runOf(bars([{ value: 1 }, { value: 2 }]));
    const bytes = readFileSync(run.log);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(run.log, bytes);
    expect(() => readRun(run.folder)).toThrow(DataError);
    expect(() => readRun(run.folder)).toThrow(run.log);
  });

  test('names the line that is no record', () => {
    const run = runOf(bars([{ value: 1 }]));
    writeFileSync(run.log, `${readFileSync(run.log, 'utf8')}{"type":\n`);
    expect(() => [...readLog(run.log)]).toThrow(/events\.jsonl: line 3 is not a run record/);
  });
});

describe('a run folder', () => {
  test('without a manifest, with a broken one or without a log is a DataError that names it', () => {
    const run = runOf(bars([{ value: 1 }]));
    expect(() => readRun(join(run.folder, 'nowhere'))).toThrow(/nowhere holds no run/);
    const path = join(run.folder, 'manifest.json');
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.slice(0, 40));
    expect(() => readRun(run.folder)).toThrow(/manifest\.json is no JSON/);
    writeFileSync(path, text.replace('"paper"', '"dream"'));
    expect(() => readRun(run.folder)).toThrow(/manifest\.json: .*mode/);
  });

  test('has its log as tables too, row for row', async () => {
    const run = runOf([
      ...bars([{ value: 1 }, { value: Number.NEGATIVE_INFINITY }]),
      candle({ name: 'b.slow', startUs: 60e6 }),
      ...[undefined, 'BTC/USD'].map((symbol, i) => {
        const signal = {
          action: 'buy',
          reason: `r${i}`,
          ...(symbol === undefined ? {} : { symbol }),
        } as const;
        return { event: 9, seq: 9, timeUs: 9, type: 'signal', id: i + 1, strategy: 'a', signal } as const;
      }),
    ]);
    const rows = await writeTables(run.folder);
    expect(rows).toEqual({
      signals: 2,
      orders: 0,
      fills: 0,
      positions: 0,
      indicators: 2,
      candles: 3,
      equity: 0,
    });
    const values = await query(`SELECT name, value FROM '${join(run.folder, 'indicators.parquet')}'`);
    expect(values).toEqual([
      { name: 'a.mean.value', value: 1 },
      { name: 'a.mean.value', value: Number.NEGATIVE_INFINITY },
    ]);
    const signals = await query(`SELECT symbol, reason FROM '${join(run.folder, 'signals.parquet')}'`);
    expect(signals).toEqual([
      { symbol: null, reason: 'r0' },
      { symbol: 'BTC/USD', reason: 'r1' },
    ]);
  });
});

function checkpoint(event: number) {
  return { type: 'checkpoint', event, seq: 0, timeUs: 0, inputs: 'x' } as const;
}
