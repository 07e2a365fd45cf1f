// What is gathered from a log: benchmark, exposure, costs, excursions, gaps and the time until they healed.
import { describe, expect, test } from 'vitest';
import type { StatusDetail } from '../../src/core/event.ts';
import type { Control } from '../../src/core/frame.ts';
import type { RunRecord } from '../../src/core/record.ts';
import { dailyOf, gather } from '../../src/reports/evidence.ts';
import { bars, candle, runOf, SECOND_US } from '../runs/records.ts';
import { DAY_US, equity, longRun, STRATEGIES, trade } from './runs.ts';

const strategies = STRATEGIES;

function status(timeUs: number, detail: Record<string, unknown>): RunRecord {
  const record = { event: 0, seq: 0, timeUs, type: 'status', symbol: String(detail.symbol ?? '') } as const;
  return { ...record, status: { type: 'status', ...detail } as StatusDetail };
}

function control(timeUs: number, step: Control): RunRecord {
  return status(timeUs, { state: 'control', control: step });
}

describe('a strategy', () => {
  test('is held against buying its first symbol at the first open', () => {
    const run = runOf(
      [
        ...bars([
          { open: 50, close: 60 },
          { open: 60, close: 75 },
        ]),
        equity(1e6, 100),
        equity(2e6, 120),
      ],
      { strategies },
    );
    const [strategy] = gather(run).strategies;
    expect(strategy!.hold).toMatchObject({ symbol: 'BTC/USD', curve: { values: [1, 1.2, 1.5] } });
    expect(strategy!.hold!.against.totalReturn).toBeCloseTo(0.5, 12);
  });

  test('of a long run has a beta against it', () => {
    const { hold } = gather(longRun()).strategies[0]!;
    expect(Number.isFinite(hold!.against.beta)).toBe(true);
    expect(Math.abs(hold!.against.correlation)).toBeLessThanOrEqual(1);
  });

  test('is exposed by what is not cash, and pays fees, spread and delay', () => {
    const run = runOf([...trade(1, 1e6, 'buy', 100), equity(1e6, 100, 50), equity(2e6, 80, 100)], {
      strategies,
    });
    const [strategy] = gather(run).strategies;
    expect(strategy!.exposure.points().values).toEqual([0.5, -0.25]);
    expect(strategy!.costs).toEqual({ notional: 50, fees: 0.01, spread: 0.125, latency: 0.125 });
  });

  test('has excursions by the marks that its fills saw, whatever the candles around them say', () => {
    const run = runOf(
      [
        ...bars([{ high: 500, low: 1 }]),
        ...trade(1, 1.2e6, 'buy', 100),
        candle({ startUs: 1e6, timeUs: 2e6, high: 104, low: 90 }),
        ...trade(2, 2.5e6, 'sell', 101),
        candle({ startUs: 2e6, timeUs: 3e6, high: 110, low: 99 }),
        candle({ startUs: 3e6, timeUs: 4e6, high: 900, low: 2 }),
      ],
      { strategies },
    );
    const [trip] = gather(run).strategies[0]!.trips;
    expect([trip!.mae, trip!.mfe].map((share) => Number(share.toFixed(9)))).toEqual([0, 0.02]);
  });
});

describe('days', () => {
  test('are the first sample and the last of each', () => {
    const timesUs = [5, 10, DAY_US - 1, DAY_US, DAY_US + 7, 3 * DAY_US];
    expect(dailyOf({ timesUs, values: [1, 2, 3, 4, 5, 6] })).toEqual({
      timesUs: [5, DAY_US - 1, DAY_US + 7, 3 * DAY_US],
      values: [1, 3, 5, 6],
    });
  });
});

describe('an indicator', () => {
  test('belongs to the candles it was computed from', () => {
    const at = { event: 3, seq: 3, timeUs: 5e6 };
    const run = runOf(
      [
        candle({ ...at, name: 'a.fast', startUs: 4e6 }),
        { ...at, type: 'indicator', name: 'a.rsi.value', atUs: 4e6, value: 50 },
        candle({ ...at, name: 'a.slow', startUs: 0, intervalUs: 5 * SECOND_US }),
        { ...at, type: 'indicator', name: 'a.mean.value', atUs: 0, value: 60 },
      ],
      { strategies },
    );
    const found = gather(run).series.map(({ name, indicators }) => [name, ...indicators.keys()]);
    expect(found).toEqual([
      ['a.fast', 'rsi.value'],
      ['a.slow', 'mean.value'],
    ]);
  });
});

describe('gaps', () => {
  const gap = { state: 'gap', channel: 'book', symbol: 'BTC/USD', detail: '' };

  test('begin at the last frame that came and end once, when data flows again', () => {
    const run = runOf([
      status(12, { ...gap, cause: 'disconnect', fromUs: 2 }),
      status(12, { ...gap, cause: 'disconnect', channel: 'trade', fromUs: 2 }),
      status(14, { state: 'subscribed', channel: 'book', symbol: 'BTC/USD' }),
      status(15, { ...gap, cause: 'checksum', detail: 'of the snapshot', fromUs: 15 }),
      status(16, { state: 'healed', channel: 'book', symbol: 'BTC/USD' }),
      status(17, { ...gap, cause: 'sequence', channel: 'trade', detail: 'ids 5 to 8', fromUs: 2 }),
      status(17, { state: 'healed', channel: 'trade', symbol: 'BTC/USD' }),
      control(18, { type: 'closed', code: 1000, reason: '', cause: 'end' }),
    ]);
    expect(gather(run).gaps).toMatchObject([
      { cause: 'disconnect', channel: 'book', detail: 'of the snapshot', fromUs: 2, toUs: 16 },
      { cause: 'disconnect', channel: 'trade', detail: 'ids 5 to 8', fromUs: 2, toUs: 17 },
    ]);
  });

  test('of a log of the first version end when the channel is subscribed again', () => {
    const run = runOf([
      status(1, { ...gap, cause: 'checksum' }),
      status(2, { ...gap, cause: 'checksum' }),
      status(4, { state: 'subscribed', channel: 'book', symbol: 'ETH/USD' }),
      status(5, { state: 'subscribed', channel: 'book', symbol: 'BTC/USD' }),
      status(9, { ...gap, cause: 'checksum' }),
      status(10, { ...gap, cause: 'sequence', channel: 'trade' }),
    ]);
    expect(gather(run).gaps.map(({ channel, fromUs, toUs }) => [channel, fromUs, toUs])).toEqual([
      ['book', 1, 5],
      ['book', 9, undefined],
      ['trade', 10, 10],
    ]);
  });
});

test('a run whose file counts weekdays is annualised by 252 of them, in figures and in the comparison with holding', () => {
  const all = gather(longRun()).strategies[0]!;
  const weekdays = gather(longRun({ report: { calendar: 'weekdays' } })).strategies[0]!;
  expect(weekdays.metrics.cagr).toBe(all.metrics.cagr);
  // A hundred days from a Thursday on: 72 of them are weekdays.
  expect(weekdays.metrics.volatility / all.metrics.volatility).not.toBeCloseTo(Math.sqrt(252 / 365), 3);
  expect(weekdays.metrics.volatility).not.toBe(all.metrics.volatility);
  expect(weekdays.hold!.against.beta).not.toBe(all.hold!.against.beta);
});
