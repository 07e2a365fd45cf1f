// What one call costs, by tinybench: indicators, the book, one frame decoded, a checksum, a line of the run log.
// A clock's tick is longer than most of these calls, so a sample is a round of many; the row is the median per call.
import { crc32 } from 'node:zlib';
import { Bench } from 'tinybench';
import type { Candle } from '../src/core/candle.ts';
import { decimalOf, multiply } from '../src/core/decimal.ts';
import { EventBatch } from '../src/core/event.ts';
import { type JournalRecord, RecordKind } from '../src/core/frame.ts';
import { Random } from '../src/core/random.ts';
import type { RunRecord } from '../src/core/record.ts';
import { Book } from '../src/market/book.ts';
import type { Indicator } from '../src/market/indicator.ts';
import * as indicators from '../src/market/indicators.ts';
import { formatRecord } from '../src/runs/log.ts';
import { KrakenDecoder } from '../src/venues/kraken/decoder.ts';
import { composeBooks, composeTrades, SESSION } from './decode.ts';
import type { BenchRow } from './row.ts';

/** Calls in a sample. */
const CALLS = 1024;
const MINUTE_US = 60e6;

/** A thing to call again and again; what it returns is added up, so that no call can be left out as useless. */
type Case = readonly [name: string, call: (index: number) => number];

/** `timeMs` is spent on each. */
export async function benchMicro(timeMs: number): Promise<readonly BenchRow[]> {
  const bench = new Bench({ time: timeMs, warmupTime: timeMs / 4, throws: true });
  let sum = 0;
  for (const [name, call] of [...indicatorCases(), ...bookCases(), ...frameCases(), ...otherCases()]) {
    let index = 0;
    const round = (): void => {
      for (let i = 0; i < CALLS; i++) sum += call(index++);
    };
    bench.add(name, round, { async: false });
  }
  await bench.run();
  if (Number.isNaN(sum)) throw new Error('a measured call returned no number');
  return bench.tasks.map(({ name, result }) => {
    if (result.state !== 'completed') throw new Error(`${name} is ${result.state}`);
    return { name, value: (result.latency.p50 * 1e6) / CALLS, unit: 'ns/call' };
  });
}

function indicatorCases(): readonly Case[] {
  const candles = wanderingCandles(4096);
  const named: readonly (readonly [string, Indicator])[] = [
    ['SMA(20)', new indicators.Sma(20)],
    ['EMA(20)', new indicators.Ema(20)],
    ['WMA(20)', new indicators.Wma(20)],
    ['RSI(14)', new indicators.Rsi(14)],
    ['MACD(12, 26, 9)', new indicators.Macd()],
    ['Bollinger(20, 2)', new indicators.BollingerBands(20, 2)],
    ['ATR(14)', new indicators.Atr(14)],
    ['session VWAP', new indicators.SessionVwap()],
    ['Donchian(20)', new indicators.Donchian(20)],
  ];
  return named.map(([name, indicator]) => {
    for (const candle of candles.slice(0, indicator.warmup)) indicator.update(candle);
    const call = (index: number): number => {
      indicator.update(candles[index & 4095]!);
      return indicator.output(0);
    };
    return [`${name}, one candle`, call];
  });
}

function wanderingCandles(count: number): readonly Candle[] {
  const random = new Random(3);
  let close = 60_000;
  return Array.from({ length: count }, (_, index) => {
    const open = close;
    close += random.nextInt(-300, 300) / 10;
    return {
      startUs: index * MINUTE_US,
      intervalUs: MINUTE_US,
      open,
      high: Math.max(open, close) + 5,
      low: Math.min(open, close) - 5,
      close,
      volume: 2,
      buyVolume: 1,
      sellVolume: 1,
      trades: 10,
    };
  });
}

function bookCases(): readonly Case[] {
  const random = new Random(4);
  const book = new Book({ tickSize: 0.1 });
  const away = Uint8Array.from({ length: 4096 }, () => random.nextInt(1, 25));
  const size = Float64Array.from(away, () => (random.nextFloat() < 0.2 ? 0 : random.nextInt(1, 1000) / 100));
  const update = (index: number): number => {
    const i = index & 4095;
    const isAsk = (index & 1) === 1;
    book.set(isAsk, (600_000 + (isAsk ? away[i]! : -away[i]!)) / 10, size[i]!);
    return book.bestAsk > book.bestBid ? 1 : 0;
  };
  return [['book, one level set and the best prices read', update]];
}

function frameCases(): readonly Case[] {
  const cases = [
    ['one Kraken book frame to checked events', composeBooks(1e10)],
    ['one Kraken trade frame to an event', composeTrades(1)],
  ] as const;
  return cases.map(([name, frames]) => {
    const decoder = new KrakenDecoder(SESSION);
    const out = new EventBatch(4096);
    const records = frames.map((payload, index): JournalRecord => {
      return { seq: index + 1, receivedUs: index + 1, kind: RecordKind.text, connection: 0, payload };
    });
    // The frames begin with a snapshot, so that going through them again is as good as more of them.
    const call = (index: number): number => {
      out.reset();
      decoder.decode(records[index % records.length]!, out);
      return out.length;
    };
    return [name, call];
  });
}

function otherCases(): readonly Case[] {
  const block = Uint8Array.from({ length: 65_536 }, (_, index) => index * 7);
  const [price, size] = [decimalOf(60_123.4), decimalOf(0.00027625)];
  return [
    ['CRC-32 of 64 KiB', () => crc32(block)],
    ['exact product of price and size', () => Number(multiply(price, size) & 1n)],
    ['one record formatted for the run log', (index) => formatRecord(indicatorRecord(index)).length],
  ];
}

function indicatorRecord(index: number): RunRecord {
  const atUs = 1_790_000_000_000_000 + index;
  const [event, name] = [{ event: index, seq: index, timeUs: atUs }, 'mean-reversion.rsi.value'];
  return { ...event, type: 'indicator', name, atUs, value: 41.23456789012345 };
}
