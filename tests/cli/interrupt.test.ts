import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkRecording } from '../../src/datasets/check.ts';
import { readRun } from '../../src/runs/run.ts';
import { type SimulatedServer, startServer } from '../../src/simulated/server.ts';
import {
  CONTROL,
  ENTRY,
  type Outcome,
  outcome,
  retick,
  retickMany,
  said,
  sizeOf,
  start,
  until,
  workplace,
} from './retick.ts';

const { folder, remove } = workplace();
let venue: SimulatedServer;

const at = (path: string): string => join(folder, path);
const RUN =
  'name: run\nvenue: kraken\nsymbols: [BTC/USD, ETH/USD]\nstrategies: [{ use: order-flow, params: { interval: 200ms } }]\n';

/** Takes a second for each trade: the whole of the recording would take minutes. */
const SLOW = `import { candles, defineStrategy } from 'retick';
import { z } from 'zod';
export const strategy = defineStrategy({
  name: 'slow', version: '1', description: 'Takes its time.', params: z.object({}),
  inputs: () => ({ bars: candles('BTC/USD', '1s') }),
  trigger: () => ({ on: 'trade', symbol: 'BTC/USD' }),
  decide: () => {
    let sum = 0;
    for (let i = 0; i < 3e8; i++) sum += i;
    return sum < 0 ? null : null;
  },
});
`;

beforeAll(async () => {
  writeFileSync(at('run.yaml'), RUN);
  venue = await startServer({ seed: 9, eventsPerSecond: 200 });
  await retick(
    [
      'record',
      'kraken',
      'BTC/USD',
      'ETH/USD',
      '--url',
      venue.url,
      '--out',
      'datasets/past',
      '--duration',
      '1s',
    ],
    folder,
  );
});
afterAll(async () => {
  await venue.stop();
  remove();
});

/** Starts a command, presses Ctrl-C when it is in the middle of it, and gives what it said. */
async function interrupted(
  args: readonly string[],
  isUnderWay: () => boolean,
  signal: NodeJS.Signals = 'SIGINT',
): Promise<Outcome> {
  const child = start(args, folder);
  const end = outcome(child);
  await until(isUnderWay, `${args[0]} is under way`);
  child.kill(signal);
  const result = await end;
  expect(result).toMatchObject({ code: 130, err: expect.stringContaining('press Ctrl-C again to leave') });
  expect(result.err).not.toMatch(/Error|\n {4}at /);
  expect(result.out + result.err).not.toMatch(CONTROL);
  return result;
}

describe.concurrent('Ctrl-C', () => {
  test('in a replay ends it at once, however long the next event would have been waited for', async () => {
    const args = ['replay', 'datasets/past', 'run.yaml', '--speed', '0.0001', '--out', 'reports/slow'];
    const startedMs = performance.now();
    const { out } = await interrupted(args, () => existsSync(at('reports/slow.partial/events.jsonl')));
    expect(performance.now() - startedMs).toBeLessThan(15_000);
    expect(out).toContain('run reports/slow-interrupted');
    expect(readRun(at('reports/slow-interrupted')).manifest).toMatchObject({
      mode: 'replay',
      counts: { end: 1 },
    });
    expect(readFileSync(at('reports/slow-interrupted/events.jsonl'), 'utf8')).toContain(
      '"reason":"interrupted"',
    );
  });

  test('in a backtest leaves a run that says so', async () => {
    const args = [
      'backtest',
      'run.yaml',
      '--data',
      'datasets/past',
      '--batch-size',
      '1',
      '--out',
      'reports/back',
    ];
    await interrupted(args, () => existsSync(at('reports/back.partial/events.jsonl')));
    expect(readRun(at('reports/back-interrupted')).manifest).toMatchObject({
      mode: 'backtest',
      counts: { end: 1 },
    });
  });

  test('and a hang-up end a replay whose strategy takes its time at every trade', async () => {
    mkdirSync(at('strategies'), { recursive: true });
    writeFileSync(at('strategies/slow.ts'), SLOW);
    writeFileSync(
      at('slow.yaml'),
      'name: s\nvenue: kraken\nsymbols: [BTC/USD]\nstrategies: [{ use: slow }]\n',
    );
    const args = ['replay', 'datasets/past', 'slow.yaml', '--batch-size', '1000000', '--out', 'reports/hung'];
    await interrupted(args, () => existsSync(at('reports/hung.partial/events.jsonl')), 'SIGHUP');
    expect(readRun(at('reports/hung-interrupted')).manifest.counts.end).toBe(1);
    expect(readdirSync(at('reports')).filter((name) => name.startsWith('hung'))).toEqual([
      'hung-interrupted',
    ]);
  });

  test('in a live-paper run leaves a whole recording, whose replay is equal', async () => {
    const args = ['paper', 'run.yaml', '--url', venue.url, '--recording', 'datasets/live'];
    const { out } = await interrupted(args, () => sizeOf(at('datasets/live/journal/000001.arrow')) > 20_000);
    expect(out).toContain('(interrupted)');
    // On a busy machine there was no time for the tables, which are derived from what is whole all the same.
    expect(await retick(['data', 'tables', 'datasets/live'], folder)).toMatchObject({ code: 0, err: '' });
    expect(await checkRecording(at('datasets/live'))).toMatchObject({ problems: [], tables: 'equal' });
    const replay = ['replay', 'datasets/live', 'run.yaml', '--out', 'reports/live-replay'];
    expect(await retick(replay, folder)).toMatchObject({ code: 0, err: '' });
    const [live, again] = ['live-paper', 'live-replay'].map((name) => readRun(at(`reports/${name}`)));
    expect(again!.manifest.digest).toBe(live!.manifest.digest);
  });

  test('in a simulated venue closes it, and tells its address and what it served', async () => {
    const child = start(['simulate', '--port', '0', '--json'], folder);
    const end = outcome(child);
    await said(child, /serving .* at ws:\/\/127\.0\.0\.1:\d+\/v2/);
    child.kill('SIGINT');
    const { code, out, err } = await end;
    expect(code).toBe(130);
    expect(JSON.parse(out)).toMatchObject({ url: /ws:\S+/.exec(err)?.[0], framesSent: 0, open: 0 });
  });

  test('in a demo proves nothing and says so; the next demo starts afresh and proves it', async () => {
    const { out } = await interrupted(
      ['demo'],
      () => sizeOf(at('datasets/demo/journal/000001.arrow')) > 20_000,
    );
    expect(out).toBe('interrupted: nothing was proven\n');
    expect(readdirSync(at('reports')).filter((name) => name.startsWith('demo'))).toEqual(['demo-paper']);
    const again = await retick(['demo', '--seconds', '4', '--json'], folder);
    const value = JSON.parse(again.out);
    expect(value).toMatchObject({ isExact: true, report: 'reports/demo/report.html' });
    expect(sizeOf(at(value.report))).toBeGreaterThan(100_000);
    expect(again.err).toMatch(/checksum BTC\/USD; disconnect BTC\/USD, ETH\/USD, XRP\/USD \(\d+ streams\)/);
    expect(again.err).not.toMatch(CONTROL);
  });
});

describe.concurrent('what is said', () => {
  test('may go unread: a closed pipe is no error', async () => {
    const line = '"$@" | true; echo $PIPESTATUS';
    const args = ['-c', line, 'bash', process.execPath, ENTRY, 'strategies', 'mean-reversion'];
    const { out, err } = await outcome(spawn('bash', args, { cwd: folder }));
    expect({ out, err }).toEqual({ out: '0\n', err: '' });
  });

  test('may be lost on a full disk: a recording does not end of it, and the exit code tells', async () => {
    const args = [
      'record',
      'kraken',
      'BTC/USD',
      '--url',
      venue.url,
      '--out',
      'unheard',
      '--duration',
      '500ms',
    ];
    const line = '"$@" > /dev/full 2> /dev/full; echo $?';
    const { out } = await outcome(
      spawn('bash', ['-c', line, 'bash', process.execPath, ENTRY, ...args], { cwd: folder }),
    );
    expect(out).toBe('3\n');
    expect(await checkRecording(at('unheard'))).toMatchObject({ problems: [], tables: 'equal' });
  });

  test('shows what would act on a terminal, in words and in JSON', async () => {
    const nasty = 'kra\u001b[2Jken\u202e\u0007\u2028\u009b';
    const results = await retickMany(
      [
        ['record', nasty, 'BTC/USD'],
        ['record', nasty, 'BTC/USD', '--json'],
      ],
      folder,
    );
    for (const { out, err } of results) {
      expect(err).toContain('kra\\u001b[2Jken\\u202e\\u0007\\u2028\\u009b');
      expect(out + err).not.toMatch(/[^\P{C}\n]|[\u2028\u2029]/u);
    }
    expect(JSON.parse(results[1]!.out).error.message).toContain(nasty);
  });

  const hasScript = spawnSync('script', ['--version']).status === 0;
  test.skipIf(!hasScript)('on a terminal is one line that is rewritten, and gone at the end', async () => {
    const words = `record kraken BTC/USD --url ${venue.url} --out watched --duration 1500ms`;
    const line = `stty cols 60; '${process.execPath}' '${ENTRY}' ${words}`;
    const { out } = await outcome(spawn('script', ['-qec', line, '/dev/null'], { cwd: folder }));
    const [before, ...rewritten] = out.split('\r\u001b[K');
    expect(rewritten).toHaveLength(1);
    expect(rewritten[0]).toMatch(/^recorded \d+ frames/);
    const lines = before!
      .split('\n')
      .at(-1)!
      .split('\u001b[K')
      .filter((text) => text !== '');
    expect(lines.length).toBeGreaterThan(2);
    for (const text of lines) {
      expect(text).toMatch(/^\rwatched {2}\d+ frames/);
      expect(text.length).toBeLessThanOrEqual(60);
    }
  });

  test.each([
    ['a file where a folder should be', ['record', 'kraken', 'BTC/USD', '--out', 'run.yaml/x'], 2],
    ['a folder where a file should be', ['paper', 'datasets'], 2],
    ['no batch', ['replay', 'datasets/past', '--batch-size', '0'], 2],
    ['no port', ['simulate', '--port', '70000'], 2],
    ['no time', ['replay', 'datasets/past', '--from', 'yesterday'], 2],
  ])('of %s is one line', async (_what, args, expected) => {
    const { code, out, err } = await retick(
      [...args, ...(args[0] === 'record' ? ['--url', venue.url] : [])],
      folder,
    );
    expect({ code, out }).toEqual({ code: expected, out: '' });
    expect(err).toMatch(/^retick: .*\n$/);
  });
});
