import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Outcome, outcome, retick, retickMany, start, workplace } from './retick.ts';

const { folder, remove } = workplace();
afterAll(remove);

const runFile = (text: string): string => {
  const path = join(folder, `run-${Math.abs(hash(text))}.yaml`);
  writeFileSync(path, text);
  return path;
};

function hash(text: string): number {
  let value = 0;
  for (const char of text) value = (value * 31 + char.charCodeAt(0)) | 0;
  return value;
}

const MINIMAL = 'name: r\nvenue: kraken\nsymbols: [BTC/USD]\n';

describe('a wrong request is one line on stderr and exit code 2', () => {
  const cases: readonly (readonly [what: string, args: () => readonly string[], says: RegExp])[] = [
    ['command', () => ['recrd'], /unknown command: recrd .*did you mean record\?/],
    ['venue', () => ['record', 'krakn', 'BTC/USD'], /unknown venue: krakn .*did you mean kraken\?/],
    [
      'symbol',
      () => ['record', 'kraken', 'wss://me:canary@host/?token=canary'],
      /"wss:\/\/\*\*\*:\*\*\*@host\/\?token=\*\*\*" is no symbol \(allowed: as kraken spells it, like BTC\/USD\)/,
    ],
    [
      'channel',
      () => ['record', 'kraken', 'BTC/USD', '--channels', 'trad'],
      /unknown channel .*trad .*did you mean trade\?/,
    ],
    [
      'flag',
      () => ['record', 'kraken', 'BTC/USD', '--dept', '10'],
      /unknown flag: --dept .*did you mean --depth\?/,
    ],
    [
      'depth',
      () => ['record', 'kraken', 'BTC/USD', '--depth', '11'],
      /--depth: 11 is not offered by kraken \(allowed: 10, 25/,
    ],
    [
      'duration',
      () => ['record', 'kraken', 'BTC/USD', '--duration', '10 parsecs'],
      /--duration: "10 parsecs" is no duration \(allowed: like 250ms/,
    ],
    [
      'wait',
      () => ['record', 'kraken', 'BTC/USD', '--patience', '99999d'],
      /--patience: 99999d is too long \(allowed: up to 3660d\)/,
    ],
    [
      'address',
      () => ['record', 'kraken', 'BTC/USD', '--url', 'http://localhost'],
      /--url: http:\/\/localhost is not a WebSocket address/,
    ],
    [
      'strategy',
      () => ['strategies', 'mean-reversio'],
      /unknown strategy .*mean-reversio .*did you mean mean-reversion\?/,
    ],
    ['speed', () => ['replay', 'nowhere', '--speed', 'fast'], /--speed: fast is wrong/],
    ['run file', () => ['paper', 'nowhere.yaml'], /there is no run file nowhere\.yaml/],
    [
      'key of a run file',
      () => ['paper', runFile(`${MINIMAL}sed: 1\n`)],
      /run-\d+\.yaml.*sed .*did you mean seed\?/,
    ],
    [
      'strategy of a run file',
      () => ['paper', runFile(`${MINIMAL}strategies: [{ use: order-flo }]\n`)],
      /strategies\[0\]\.use: order-flo .*did you mean order-flow\?/,
    ],
    [
      'parameter of a strategy',
      () => ['paper', runFile(`${MINIMAL}strategies: [{ use: order-flow, params: { lenght: 3 } }]\n`)],
      /strategies\[0\]\.params of order-flow.*lenght .*did you mean length\?/,
    ],
    [
      'value of a parameter',
      () => ['paper', runFile(`${MINIMAL}strategies: [{ use: order-flow, params: { length: 0 } }]\n`)],
      /strategies\[0\]\.params.*length.*0/,
    ],
    [
      'symbol of a strategy',
      () => ['paper', runFile(`${MINIMAL}strategies: [{ use: order-flow, params: { symbol: BTC/USDD } }]\n`)],
      /BTC\/USDD/,
    ],
    ['data command', () => ['data', 'chek', 'x'], /unknown data command: chek .*did you mean check\?/],
  ];

  let outcomes: readonly Outcome[] = [];
  beforeAll(async () => {
    outcomes = await retickMany(
      cases.map(([, args]) => args()),
      folder,
    );
  });

  test.each(cases.map(([what, , says], i) => [what, says, i] as const))('%s', (_what, says, i) => {
    const { code, out, err } = outcomes[i]!;
    expect(err).toMatch(says);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
    expect(out).toBe('');
    expect(code).toBe(2);
  });
});

describe('the command', () => {
  test('says what it can do, with no argument and with --help', async () => {
    const [bare, help] = await Promise.all([retick([], folder), retick(['--help'], folder)]);
    expect(help.out).toContain('retick replay');
    expect(help.code).toBe(0);
    expect(bare.out).toContain('Start with: retick demo');
    expect(bare.code).toBe(2);
  });

  test('teaches every command', async () => {
    const names = ['demo', 'record', 'paper', 'replay', 'backtest', 'compare', 'report', 'data'];
    names.push('strategies', 'init', 'simulate', 'bench', 'doctor');
    const outcomes = await retickMany(
      names.map((name) => [name, '--help']),
      folder,
    );
    expect(outcomes.map(({ out }) => out.split(' ').slice(0, 2).join(' ').split('\n')[0])).toEqual(
      names.map((name) => `retick ${name}`),
    );
    expect(outcomes.every(({ code }) => code === 0)).toBe(true);
  });

  test('says so in one line under a Node that is too old', async () => {
    const shim = 'data:text/javascript,Object.defineProperty(process,"versions",{value:{node:"20.20.2"}})';
    const { code, err } = await outcome(start(['--help'], folder, ['--import', shim]));
    expect(err).toBe(
      'retick: Node 20.20.2 is too old (22.18 or newer is needed); run it through npm, which brings its own: npm ci && npx retick\n',
    );
    expect(code).toBe(2);
  });

  test('prints errors as JSON too when asked', async () => {
    const { code, out } = await retick(['replay', 'nowhere', '--json'], folder);
    expect(JSON.parse(out)).toMatchObject({
      error: { code: 3, message: expect.stringContaining('nowhere') },
    });
    expect(code).toBe(3);
  });

  test('says what limits and causes compare knows before it reads a run', async () => {
    const outcomes = await Promise.all([
      retick(['compare', 'a', 'b', '--max-fills', 'few'], folder),
      retick(['compare', 'a', 'b', '--fail-on', 'latency,book depht'], folder),
      retick(['compare', 'a', 'b', '--tolerance=-1'], folder),
    ]);
    expect(outcomes.map(({ code }) => code)).toEqual([2, 2, 2]);
    expect(outcomes[0]!.err).toContain(
      '--max-fills: few is wrong (allowed: a number of 0 or more, or a share like 10%)',
    );
    expect(outcomes[1]!.err).toContain('book depth');
    expect(outcomes[2]!.err).toContain('--tolerance: -1 is wrong');
  });

  test('tells a missing recording and a missing run apart from a wrong request: exit code 3', async () => {
    const results = await Promise.all([
      retick(['compare', 'a', 'b'], folder),
      retick(['data', 'check', 'a'], folder),
      retick(['report', 'a'], folder),
    ]);
    expect(results.map(({ code }) => code)).toEqual([3, 3, 3]);
  });

  test('exits with 4 when there is no venue at the address', async () => {
    const { code, err } = await retick(
      ['record', 'kraken', 'BTC/USD', '--url', 'ws://127.0.0.1:9/v2', '--patience', '2s'],
      folder,
    );
    expect(err).toContain('127.0.0.1:9');
    expect(code).toBe(4);
  });
});
