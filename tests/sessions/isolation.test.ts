// Two instances of one strategy share nothing, and none of them reaches the machine.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { Engine } from '../../src/index.ts';
import { bundleStrategy } from '../../src/sessions/bundle.ts';
import { MemoryLog } from '../engine/synthetic.ts';
import { events, file, load, runFiles, saying } from './loaded.ts';

const COUNTING = 'let calls = 0;\nclass Shared { static seen = 0 }\nconst kept: number[] = [];';
const DRAWS = "[++calls, Shared.seen++, kept.push(1), Math.random(), context.random(), Date.now()].join(' ')";

test('two instances of one file have modules and random streams of their own', async () => {
  const use = saying('shared', DRAWS, COUNTING);
  const alone = await runFiles([{ use, id: 'a' }]);
  const both = await runFiles([
    { use, id: 'a' },
    { use, id: 'b' },
  ]);
  expect(alone.of('fault')).toEqual([]);
  expect(alone.reasons('a').length).toBeGreaterThan(3);
  expect(both.reasons('a')).toEqual(alone.reasons('a'));
  const streams = [both.reasons('a'), both.reasons('b')].map((reasons) =>
    reasons.map((reason) => reason.split(' ').slice(4, 6)),
  );
  expect(streams[0]!.flat()).not.toEqual(streams[1]!.flat());
  expect(new Set(streams.flat(2)).size).toBe(streams.flat(2).length);
});

test('two engines side by side, made from one loaded strategy, have each its own clock, stream and module', async () => {
  const { loaded, runConfig } = await load([{ use: saying('sides', DRAWS, COUNTING) }]);
  const logs = [new MemoryLog(), new MemoryLog()];
  const engines = logs.map(
    (log) => new Engine({ symbols: runConfig.symbols, config: runConfig, strategies: loaded, log }),
  );
  for (const engine of engines) engine.apply(events);
  expect(logs[0]!.of('signal').length).toBeGreaterThan(3);
  expect(logs[1]!.of('signal')).toEqual(logs[0]!.of('signal'));
});

const WAYS: readonly (readonly [name: string, expression: string, head: string])[] = [
  ['clock', "Date.now() + ' ' + new Date().toISOString() + ' ' + Date() + ' ' + (new Date).getTime()", ''],
  ['taken-out', "now() + ' ' + random()", 'const { now } = Date; const { random } = Math;'],
  ['alias', "D.now() + ' ' + M['random']() + ' ' + globalThis.Date.now()", 'const D = Date, M = Math;'],
  [
    'constructor',
    "new (new Date(0).constructor as any)().getTime() + ' ' + new (class extends Date {})().getTime()",
    '',
  ],
  ['performance', "performance.now() + ' ' + performance.timeOrigin", ''],
  [
    'temporal',
    "typeof Temporal === 'undefined' ? '' : [Temporal.Now.instant(), Temporal.Now.plainDateTimeISO(), Temporal.Now.timeZoneId(), Temporal.Now.zonedDateTimeISO()].join(' ')",
    '',
  ],
  ['crypto', "crypto.randomUUID() + ' ' + crypto.getRandomValues(new Uint8Array(4)).join()", ''],
  [
    'intl',
    "[new Intl.DateTimeFormat().format(), Intl.DateTimeFormat(undefined, { timeStyle: 'long' }).format(), new Intl.DateTimeFormat().formatToParts().map((p: any) => p.value).join('')].join(' ')",
    '',
  ],
];

test.each(WAYS)(
  'what looks like the clock or chance is engine time or the own stream: %s',
  async (name, expression, head) => {
    const use = saying(`way-${name}`, expression, `declare const Temporal: any;\n${head}`);
    const runs = [await runFiles([use]), await runFiles([use]), await runFiles([use], { seed: 2 })];
    const [first, again, other] = runs.map((log) => log.reasons(`way-${name}`));
    expect(runs[0]!.of('fault')).toEqual([]);
    expect(first!.length).toBeGreaterThan(3);
    expect(again).toEqual(first);
    expect(first!.join(), 'shows the wall clock').not.toMatch(
      new RegExp(`T${new Date().toISOString().slice(11, 16)}`),
    );
    const usesChance = /random/i.test(expression);
    if (usesChance) expect(other).not.toEqual(first);
    else expect(other).toEqual(first);
  },
);

test('the clock of a strategy is engine time to the millisecond', async () => {
  const log = await runFiles([
    saying(
      'exact',
      'Date.now() * 1000 === Math.floor(context.nowUs / 1000) * 1000 && performance.now() === context.nowUs / 1000',
    ),
  ]);
  expect(new Set(log.reasons('exact'))).toEqual(new Set(['v true']));
});

test('locale and zone are fixed, whatever the machine says', async () => {
  const expression = [
    '(1234567.891).toLocaleString()',
    'new Date(0).toLocaleString()',
    "new Date(0).toLocaleDateString('xx-none')",
    'new Date(2026, 6, 1).getTimezoneOffset()',
    'Intl.DateTimeFormat().resolvedOptions().timeZone',
    'new Intl.NumberFormat().resolvedOptions().locale',
    "['z', 'ä', 'a'].sort((a, b) => a.localeCompare(b)).join('')",
    '[1234.5].toLocaleString()',
  ].join(', ');
  const log = await runFiles([saying('locale', `[${expression}].join(' | ')`)]);
  expect(log.reasons('locale')[0]).toBe(
    'v 1,234,567.891 | 1/1/1970, 12:00:00 AM | 1/1/1970 | 0 | UTC | en-US | aäz | 1,234.5',
  );
});

test('a date as a text names its zone in one language, whatever the machine speaks', () => {
  const said = spawnSync(process.execPath, ['--input-type=module', '--eval', SAY_DATES], {
    cwd: import.meta.dirname,
    env: { ...process.env, LC_ALL: 'de_DE.UTF-8', LANG: 'de_DE.UTF-8', TZ: 'UTC' },
    encoding: 'utf8',
  });
  expect(said.stderr).toBe('');
  const zone = '(Coordinated Universal Time)';
  const day = `Thu Jan 01 1970 00:00:00 GMT+0000 ${zone}`;
  expect(said.stdout.split('\n')).toEqual([
    '(Koordinierte Weltzeit)',
    ...[day, day, `00:00:00 GMT+0000 ${zone}`, 'Invalid Date', day],
  ]);
});

/** What a date is as a text: before a strategy's world is put in place, and in it. */
const SAY_DATES = `
import { writeSync } from 'node:fs';
import { replaceAmbient } from '../../src/sessions/inside/ambient.ts';
const lines = [/\\(.*\\)/.exec(String(new Date(0)))[0]];
replaceAmbient({ nowUs: () => 0, nextUint32: () => 0, print() {} });
class Own extends Date {}
lines.push(Date(), new Date(0), new Date(0).toTimeString(), new Date(NaN), new Own(0));
writeSync(1, lines.map(String).join('\\n'));
`;

test.each([
  'process.env.HOME',
  'process.exit(3)',
  'setTimeout(() => {}, 1)',
  'setInterval(() => {}, 1)',
  'queueMicrotask(() => {})',
  'Promise.reject(new Error("late"))',
  'new WeakRef({})',
  'new SharedArrayBuffer(8)',
  'Atomics.wait(new Int32Array(8), 0, 0)',
  'WebAssembly.compile(new Uint8Array(8))',
  "fetch('http://localhost')",
  "eval('1')",
  "new Function('return 1')()",
  "(() => {}).constructor('return process')()",
  "context.constructor.constructor('return process')()",
  "context.positionOf.constructor('return process')()",
  "inputs.bars.constructor.constructor('return process')()",
  "inputs.bars.at.constructor('return process')()",
  "inputs.bars.at(0).constructor.constructor('return process')()",
  "context.params.constructor.constructor('return process')()",
  "context.position.constructor.constructor('return process')()",
  "z.string().constructor.constructor('return process')()",
  "buy.constructor('return process')()",
  "Object.getOwnPropertyDescriptor(context, 'nowUs')!.get!.constructor('return process')()",
  "(() => { try { context.positionOf('nothing'); } catch (e: any) { return e.constructor.constructor('return process')(); } })()",
  '(async () => 1)()',
])('%s is refused, with file and line, and disables that strategy alone', async (expression) => {
  const use = saying('refused', expression);
  const sound = saying('sound', '1');
  const log = await runFiles([use, sound]);
  const faults = log.of('fault');
  expect(faults).toHaveLength(1);
  expect(faults[0]!.message).toMatch(/\(refused\.ts:8\)$/);
  expect(log.reasons('refused')).toEqual([]);
  expect(log.reasons('sound').length).toBeGreaterThan(3);
});

test('what a strategy cannot change: its parameters, its inputs, its context, what it is told', async () => {
  for (const [what, change] of [
    ['params', 'context.params.tag = 1'],
    ['view', 'inputs.bars.close = 1'],
    ['indicator', 'inputs.fast.value = 1'],
    ['context', 'context.nowUs = 1'],
  ]) {
    const use = file(
      `changes-${what}`,
      `inputs: () => { const bars = candles('XRP/USD', '1s'); return { bars, fast: ema(bars, 2) }; },
       decide: (inputs: any, context: any) => { ${change}; return null; },`,
    );
    const log = await runFiles([use]);
    expect(log.of('fault'), what).toHaveLength(1);
    expect(log.of('fault')[0]!.message).toMatch(/^TypeError: .*\.ts:9\)$/);
  }
});

test('an indicator of a strategy of its own is its own: another of the same key does not share it', async () => {
  const own = (name: string, value: number): string =>
    file(
      name,
      `inputs: () => { const bars = candles('XRP/USD', '1s'); return { bars, mine: indicator(bars, 'mine', () => new Mine()) }; },
       decide: (inputs: any) => buy({ quote: 1, limit: 0.01, reason: 'v ' + inputs.mine.value }),`,
      `class Mine { outputs = ['value']; warmup = 1; update() {} preview() {} output() { return ${value}; } save() { return new Float64Array(0); } restore() {} }`,
    );
  const log = await runFiles([own('one', 1), own('two', 2)]);
  expect([...new Set(log.reasons('one')), ...new Set(log.reasons('two'))]).toEqual(['v 1', 'v 2']);
});

test('a module of Node and import() are refused when the file is bundled, with file and line', async () => {
  const cases = [
    ['fs', "import fs from 'node:fs';\nexport const f = fs;", /cannot reach node:fs.*\(fs\.ts:3\)/],
    [
      'bare',
      "import { readFileSync } from 'fs';\nexport const f = readFileSync;",
      /cannot reach fs:.*\(bare\.ts:3\)/,
    ],
    ['dynamic', 'export const f = (name: string) => import(name);', /import\(\).*\(dynamic\.ts:3\)/],
  ] as const;
  for (const [name, head, message] of cases)
    await expect(load([{ use: file(name, '', head) }])).rejects.toThrow(message);
});

test('a bundle is plain data: a worker that gets one does the same with it', async () => {
  const use = saying('posted', DRAWS, COUNTING);
  const here = await runFiles([use]);
  const worker = new Worker(new URL('worker.ts', import.meta.url), { workerData: await bundleStrategy(use) });
  const [there] = await once(worker, 'message');
  expect(here.reasons('posted').length).toBeGreaterThan(3);
  expect(there).toEqual(here.reasons('posted'));
});
