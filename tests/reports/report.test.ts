import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { RunRecord } from '../../src/core/record.ts';
import type { Series } from '../../src/reports/evidence.ts';
import { mergeCandles, reduceSeries } from '../../src/reports/reduce.ts';
import { writeReport } from '../../src/reports/report.ts';
import { compareRuns } from '../../src/runs/compare.ts';
import type { Run, RunManifest } from '../../src/runs/run.ts';
import { bars, candle, runOf, SECOND_US } from '../runs/records.ts';

const NASTY = '</script><script>alert(1)</script><img src=x onerror=alert(2)>';

const STRATEGIES: RunManifest['strategies'] = [{ id: 'a', name: 'a', version: '1', bundle: 'b', params: {} }];

function equity(second: number, value: string): RunRecord {
  const at = { event: second, seq: second, timeUs: second * SECOND_US };
  return {
    ...at,
    type: 'equity',
    strategy: 'a',
    currency: 'USD',
    equity: value,
    cash: value,
    realized: '0',
    fees: '0',
    positions: {},
  };
}

function trade(n: number, second: number, side: 'buy' | 'sell', price: number): readonly RunRecord[] {
  const at = { event: second, seq: second, timeUs: second * SECOND_US };
  const same = { strategy: 'a', instrument: 0, symbol: 'BTC/USD', side, size: 0.5, signal: n } as const;
  const order = {
    ...same,
    id: n,
    type: 'market',
    timeInForce: 'GTC',
    isReduceOnly: false,
    filledSize: 0.5,
    price: Number.NaN,
    status: 'filled',
    reason: NASTY,
    createdUs: 0,
    dueUs: 0,
  } as const;
  const fill = {
    ...same,
    id: n,
    order: n,
    price,
    fee: '0.01',
    feeCurrency: 'USD',
    liquidity: 'taker',
    signalMid: price,
    fillMid: price,
    realized: '0',
  } as const;
  return [
    { ...at, type: 'order', order },
    { ...at, type: 'fill', fill },
  ];
}

function busyRun(): Run {
  const records: RunRecord[] = [
    {
      event: 0,
      seq: 1,
      timeUs: 0,
      type: 'status',
      symbol: 'BTC/USD',
      status: {
        type: 'status',
        state: 'gap',
        cause: 'checksum',
        channel: 'book',
        symbol: 'BTC/USD',
        detail: NASTY,
      },
    },
    { event: 0, seq: 1, timeUs: 0, type: 'fault', strategy: 'a', message: NASTY, policy: 'disable' },
    ...bars(
      Array.from({ length: 20 }, (_, i) => ({
        open: 100 + i,
        high: 103 + i,
        low: 98 + i,
        close: 101 + i,
        value: 50 + i,
      })),
    ),
    ...[1, 2, 3, 4].flatMap((n) => [
      ...trade(2 * n - 1, 4 * n, 'buy', 100 + n),
      ...trade(2 * n, 4 * n + 2, 'sell', 100 + 2 * n),
    ]),
    ...Array.from({ length: 20 }, (_, i) => equity(i + 1, String(100 + (i % 3)))),
  ];
  return runOf(records, { strategies: STRATEGIES });
}

async function pageOf(run: Run, other?: Run, isStatic = false): Promise<string> {
  const path = join(run.folder, 'report.html');
  const comparison = other === undefined ? undefined : compareRuns(run, other);
  await writeReport(path, { run, other, comparison, isStatic });
  return readFileSync(path, 'utf8');
}

describe('a report', () => {
  test('has every section that the run has something for', async () => {
    const warn = vi.spyOn(console, 'warn');
    const run = busyRun();
    const page = await pageOf(run, run, true);
    expect(warn).not.toHaveBeenCalled();
    const titles = [...page.matchAll(/<h2>([^<]*)/g)].map((match) => match[1]);
    expect(titles).toEqual([
      'Performance',
      'Candles, indicators and fills',
      expect.stringMatching(/^Parity/),
      'Round trips',
      'Data quality',
      'Run manifest',
    ]);
    expect(page.match(/<svg/g)?.length).toBeGreaterThanOrEqual(6);
    expect(page).toContain('Equal, bit for bit');
    expect(page).toContain('E_end ÷ E_0 − 1');
    expect(page).toContain('under 30 days');
    expect(page).not.toContain('NaN');
  });

  test('shows what came from a venue or a strategy as text, never as markup', async () => {
    const page = await pageOf(busyRun());
    expect(page).toContain('&lt;/script&gt;&lt;script&gt;alert(1)');
    expect(page).not.toContain('<script>alert');
    expect(page).not.toContain('<img src=x');
    expect(page.match(/<script/g)).toHaveLength(2);
  });

  test('allows its own script by its hash, and nothing from anywhere', async () => {
    const page = await pageOf(busyRun());
    const script = /<script>([\s\S]*?)<\/script>/.exec(page)?.[1] ?? '';
    const hash = createHash('sha256').update(script).digest('base64');
    expect(page).toContain(
      `default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-${hash}'`,
    );
    const markup = page.replace(/<script[\s\S]*?<\/script>/g, '');
    expect(markup.match(/(?:src|href|url)\s*[=(]\s*["']?https?:[^"')\s]*/g)).toBeNull();
  });

  test('is the same to the byte when it is written again', async () => {
    const run = busyRun();
    expect(await pageOf(run)).toBe(await pageOf(run));
  });

  test('carries no script when it is asked to be static', async () => {
    expect(await pageOf(busyRun(), undefined, true)).not.toContain('<script');
  });

  test('is written for a run in which nothing happened', async () => {
    const page = await pageOf(runOf([]), undefined, true);
    expect(page).toContain('Run manifest');
    expect(await pageOf(runOf([equity(1, '100')], { strategies: STRATEGIES }), undefined, true)).toContain(
      '0.000%',
    );
  });
});

describe('fewer points', () => {
  const series = fc.array(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), { minLength: 1, maxLength: 3000 });

  test('keep the first, the last, the lowest and the highest of each column', () => {
    fc.assert(
      fc.property(series, fc.integer({ min: 1, max: 50 }), (values, columns) => {
        const whole: Series = { timesUs: values.map((_, i) => i * 1000), values };
        const reduced = reduceSeries(whole, columns);
        expect(reduced.values.length).toBeLessThanOrEqual(
          Math.max(values.length > columns * 4 ? columns * 4 + 4 : values.length, 4),
        );
        expect(Math.min(...reduced.values)).toBe(Math.min(...values));
        expect(Math.max(...reduced.values)).toBe(Math.max(...values));
        expect([reduced.values[0], reduced.values.at(-1)]).toEqual([values[0], values.at(-1)]);
        expect([...reduced.timesUs].sort((a, b) => a - b)).toEqual(reduced.timesUs);
      }),
    );
  });

  test('merge candles without losing an extreme, a trade or a volume', () => {
    const many = Array.from({ length: 1000 }, (_, i) =>
      candle({ startUs: i * SECOND_US, open: i, high: i + 2, low: i - 2, close: i + 1 }),
    );
    const merged = mergeCandles(many, 100);
    expect(merged).toHaveLength(100);
    expect(merged[0]).toMatchObject({
      open: 0,
      low: -2,
      high: 11,
      close: 10,
      volume: 50,
      trades: 30,
      intervalUs: 10 * SECOND_US,
    });
    expect(merged.reduce((sum, { trades }) => sum + trades, 0)).toBe(3000);
  });
});
