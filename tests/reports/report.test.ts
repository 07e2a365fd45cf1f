// The whole page: complete, safe against what stands in a log, asking nothing of any network, the same each time.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { Chart } from '../../src/reports/charts/chart.ts';
import { gather } from '../../src/reports/evidence.ts';
import { Markup } from '../../src/reports/html.ts';
import { draw } from '../../src/reports/render.ts';
import { writeReport } from '../../src/reports/report.ts';
import { SECTIONS } from '../../src/reports/sections/sections.ts';
import { compareRuns } from '../../src/runs/compare.ts';
import type { Run } from '../../src/runs/run.ts';
import { candle, runOf } from '../runs/records.ts';
import { busyRun, equity, longRun, NASTY, STRATEGIES, trade } from './runs.ts';

async function pageOf(run: Run, other?: Run, isStatic = false): Promise<string> {
  const path = join(run.folder, 'report.html');
  const comparison = other === undefined ? undefined : compareRuns(run, other);
  await writeReport(path, { run, other, comparison, isStatic });
  return readFileSync(path, 'utf8');
}

function titlesOf(page: string): readonly string[] {
  return [...page.matchAll(/<h2>([^<]*)/g)].map((match) => match[1]!);
}

/** Failures name the texts, not the page. */
function lacking(page: string, texts: readonly string[]): readonly string[] {
  return texts.filter((text) => !page.includes(text));
}

function holding(page: string, texts: readonly string[]): readonly string[] {
  return texts.filter((text) => page.includes(text));
}

const NO_VALUES = ['NaN', 'undefined', 'Infinity', 'null'];

describe('a report', () => {
  test('has every section that the run has something for', async () => {
    const run = busyRun();
    const page = await pageOf(run, run, true);
    expect(titlesOf(page)).toEqual([
      'Performance',
      'Candles, indicators and fills',
      'Parity: run against run',
      'Round trips',
      'Latency',
      'Data quality',
      'Run manifest',
    ]);
    for (const [title] of page.matchAll(/<a href="#[^<]*/g)) {
      expect(lacking(page, [`id="${/#([a-z]+)/.exec(title)![1]}"`])).toEqual([]);
    }
    const texts = ['Equal, bit for bit', 'all 20 common values are equal', 'hold BTC/USD', 'By group'];
    const notes = ['Risk limits passed', 'Strategies that failed', 'Arrived, and not used', 'late trades'];
    expect(lacking(page, [...texts, ...notes])).toEqual([]);
    expect(holding(page, NO_VALUES)).toEqual([]);
  });

  test('says the variant beside a figure, and why one cannot be given', async () => {
    const page = await pageOf(busyRun(), undefined, true);
    const texts = ['E_end ÷ E_0 − 1', 'needs 30 days of equity, this run lasts 20.0 s', 'they need 60 days'];
    expect(lacking(page, texts)).toEqual([]);
    const still = await pageOf(
      runOf([equity(0, 100), equity(1e6, 101)], { strategies: STRATEGIES }),
      undefined,
      true,
    );
    expect(lacking(still, ['n/a <small>no round trip</small>'])).toEqual([]);
  });

  test('of a long run has months, rolling figures and the spread of daily returns', async () => {
    const page = await pageOf(longRun(), undefined, true);
    expect(lacking(page, ['Returns by month: a', 'Rolling over 30 days', 'Daily returns', 'Sharpe'])).toEqual(
      [],
    );
    expect(holding(page, ['they need 60 days', ...NO_VALUES])).toEqual([]);
    expect(page.match(/color-mix\(in srgb, var\(--(?:up|down)\)/g)).toHaveLength(5);
  });

  test('draws its charts without a warning, in colours that follow the page', async () => {
    const [run, other] = [busyRun(), busyRun((value, i) => value * (1 + i * 1e-7))];
    const parity = { evidence: gather(run), other: gather(other), comparison: compareRuns(run, other) };
    const long = { evidence: gather(longRun()), other: undefined, comparison: undefined };
    const parts = [parity, long].flatMap((subject) =>
      SECTIONS.flatMap((section) => section(subject)?.body ?? []),
    );
    const charts = parts.filter((part): part is Chart => !(part instanceof Markup));
    expect(charts.length).toBeGreaterThanOrEqual(11);
    const warn = vi.spyOn(console, 'warn');
    for (const [i, chart] of charts.entries()) {
      const { svg, warnings } = await draw(chart, i);
      expect([chart.title, ...warnings]).toEqual([chart.title]);
      expect(svg.match(/(?:fill|stroke)="(?!var|none|transparent)[^"]*/g)).toBeNull();
    }
    expect(warn).not.toHaveBeenCalled();
  });

  test('shows what came from a venue or a strategy as text, never as markup', async () => {
    const page = await pageOf(busyRun());
    const markup = page.replace(/<script>[\s\S]*?<\/script>/, '<script></script>');
    expect(lacking(markup, ['&lt;/script&gt;&lt;script&gt;alert(1)'])).toEqual([]);
    expect(holding(markup, ['<script>alert', '<img'])).toEqual([]);
    const specs = /id="specs">([^<]*)<\/script>/.exec(markup)?.[1] ?? '';
    expect(lacking(specs, ['\\u003c/script>', '\\u2028'])).toEqual([]);
    expect(JSON.stringify(JSON.parse(specs)).includes(JSON.stringify(NASTY).slice(1, -1))).toBe(true);
    expect([markup.match(/<script/g), markup.match(/<\/script/g)].map((found) => found?.length)).toEqual([
      2, 2,
    ]);
  });

  test('allows its own script by its hash and nothing else, and names no other place', async () => {
    const page = await pageOf(busyRun());
    const script = /<script>([\s\S]*?)<\/script>/.exec(page)?.[1] ?? '';
    const hash = createHash('sha256').update(script).digest('base64');
    const policy = /Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1]?.replaceAll('&#39;', "'");
    expect(policy).toBe(
      `default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'unsafe-inline'; script-src 'sha256-${hash}'`,
    );
    const places = page.replace(script, '').match(/(?:https?:)?\/\/[a-z0-9.-]+\.[a-z]+/g);
    expect(new Set(places)).toEqual(new Set(['http://www.w3.org']));
    expect(page.length).toBeLessThan(1e6);
  });

  test('is the same to the byte when it is written again', async () => {
    const [run, other] = [busyRun(), busyRun((value) => value + 1)];
    const [first, second] = [await pageOf(run, other), await pageOf(run, other)];
    expect(first === second).toBe(true);
  });

  test('carries no script when it is asked to be static', async () => {
    const page = await pageOf(busyRun(), undefined, true);
    expect(holding(page, ['<script', 'script-src'])).toEqual([]);
    expect(lacking(page, ['default-src &#39;none&#39;'])).toEqual([]);
  });

  test('is written for a run with little or nothing in it', async () => {
    const strategies = STRATEGIES;
    const little: readonly Run[] = [
      runOf([]),
      runOf([], { strategies }),
      runOf([equity(1, 100)], { strategies }),
      runOf([candle()], { strategies }),
      runOf([candle({ high: 100, low: 100, volume: 0, trades: 0 }), equity(1, 100)], { strategies }),
      runOf([...trade(1, 1e6, 'buy', 100), ...trade(2, 2e6, 'sell', 101)], { strategies }),
      runOf([{ event: 0, seq: 0, timeUs: 5, type: 'indicator', name: 'a.x.value', atUs: 5, value: 1 }], {
        strategies,
      }),
    ];
    for (const run of little) {
      const page = await pageOf(run, run, true);
      expect(titlesOf(page).at(-1)).toBe('Run manifest');
      expect(holding(page, NO_VALUES)).toEqual([]);
    }
  });
});
