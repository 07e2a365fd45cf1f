// Candles built here against candles built by others from the same market.
import { existsSync, readFileSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { Candle } from '../../src/core/candle.ts';
import { CandleSeries, type SeriesCandle } from '../../src/market/candles.ts';

const FOLDER = new URL('../../../shared/data/', import.meta.url);
const isThere = existsSync(FOLDER);
if (!isThere) console.warn(`skipped: the real candles are not there (${FOLDER.pathname})`);

const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;
const DAY = 86_400 * SECOND;

describe.skipIf(!isThere)('real candles', () => {
  test('one-minute NQ futures make every one of the 2943 five-minute bars', () => {
    // Bar starts are New York wall times, a whole number of hours from UTC: read as UTC, they align alike.
    const minutes = readFutures('NQ_1min_sample.csv', MINUTE);
    const expected = readFutures('NQ_5min_sample.csv', 5 * MINUTE);
    const built = aggregate(minutes, 5 * MINUTE);
    expect(minutes.length).toBe(14_714);
    expect(built.length).toBe(2943);
    expect(built.map(row)).toEqual(expected.map(row));
  });

  test.each(['20161007', '20161008'])('Coinbase seconds of %s make its minutes exactly', (day) => {
    const seconds = readLean(`second/${day}_trade.zip`, SECOND, day);
    const minutes = readLean(`minute/${day}_trade.zip`, MINUTE, day);
    expect(minutes.length).toBeGreaterThan(1000);
    const built = aggregate(seconds, MINUTE);
    expect(built.map((bar) => row(bar).slice(0, 5))).toEqual(minutes.map((bar) => row(bar).slice(0, 5)));
    for (const [i, bar] of built.entries()) expect(bar.volume).toBeCloseTo(minutes[i]!.volume, 8);
  });

  test.each(['20161007', '20161008'])('Coinbase minutes of %s make its daily bar to 8 decimals', (day) => {
    const minutes = readLean(`minute/${day}_trade.zip`, MINUTE, day);
    const built = aggregate(minutes, DAY);
    const daily = readLean('daily/btcusd_trade.zip', DAY, day).filter(
      (bar) => bar.startUs === built[0]!.startUs,
    );
    expect(built).toHaveLength(1);
    expect(daily).toHaveLength(1);
    for (const [i, value] of row(built[0]!).entries()) expect(value).toBeCloseTo(row(daily[0]!)[i]!, 8);
  });

  test('four-hour candles make the same days whether they come one by one or by way of 12 hours', () => {
    const { candles } = JSON.parse(readFileSync(new URL('candles/coinbase_btcusd_4h.json', FOLDER), 'utf8'));
    const bars = candles.map((candle: Record<string, string>) =>
      bar(Number(candle.start) * SECOND, 4 * 3600 * SECOND, [
        Number(candle.open),
        Number(candle.high),
        Number(candle.low),
        Number(candle.close),
        Number(candle.volume),
      ]),
    );
    expect(bars).toHaveLength(20_695);
    const direct = aggregate(bars, DAY);
    const halved = aggregate(aggregate(bars, DAY / 2), DAY);
    expect(direct.length).toBeGreaterThan(3000);
    expect(halved.map((bar) => row(bar).slice(0, 5))).toEqual(direct.map((bar) => row(bar).slice(0, 5)));
  });
});

function aggregate(parts: readonly Candle[], intervalUs: number): SeriesCandle[] {
  const series = new CandleSeries({ intervalUs });
  const built: SeriesCandle[] = [];
  series.onClose = ({ closed }) => built.push({ ...closed });
  for (const part of parts) expect(series.addCandle(part)).toBe(true);
  series.closeBefore(Number.MAX_SAFE_INTEGER);
  return built;
}

function row(candle: Candle): number[] {
  return [candle.startUs, candle.open, candle.high, candle.low, candle.close, candle.volume];
}

function bar(startUs: number, intervalUs: number, values: readonly number[]): Candle {
  const [open, high, low, close, volume] = values;
  return {
    startUs,
    intervalUs,
    open: open!,
    high: high!,
    low: low!,
    close: close!,
    volume: volume!,
    buyVolume: 0,
    sellVolume: 0,
    trades: 0,
  };
}

function readFutures(file: string, intervalUs: number): Candle[] {
  const lines = readFileSync(new URL(`futures/${file}`, FOLDER), 'utf8')
    .trim()
    .split('\n')
    .slice(1);
  return lines.map((line) => {
    const [time, ...values] = line.split(',');
    return bar(Date.parse(`${time!.replace(' ', 'T')}Z`) * 1000, intervalUs, values.map(Number));
  });
}

/** Rows of a LEAN archive: milliseconds since the day's midnight, or for daily bars the day itself. */
function readLean(file: string, intervalUs: number, day: string): Candle[] {
  const lines = unzipOnly(readFileSync(new URL(`coinbase/lean/${file}`, FOLDER)))
    .trim()
    .split('\n');
  return lines.map((line) => {
    const [time, ...values] = line.split(',');
    const startUs =
      intervalUs === DAY ? dayUs(time!.slice(0, 8)) : dayUs(day) + Math.round(Number(time) * 1000);
    return bar(startUs, intervalUs, values.map(Number));
  });
}

function dayUs(day: string): number {
  return Date.UTC(+day.slice(0, 4), +day.slice(4, 6) - 1, +day.slice(6, 8)) * 1000;
}

/** The text of the one file in a zip archive, found by way of the central directory at its end. */
function unzipOnly(archive: Buffer): string {
  const end = archive.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
  expect(archive.readUInt16LE(end + 10)).toBe(1);
  const entry = archive.readUInt32LE(end + 16);
  const method = archive.readUInt16LE(entry + 10);
  const size = archive.readUInt32LE(entry + 20);
  const local = archive.readUInt32LE(entry + 42);
  const from = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
  const body = archive.subarray(from, from + size);
  return (method === 0 ? body : inflateRawSync(body)).toString('utf8');
}
