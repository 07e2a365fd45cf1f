// However a strategy fails, it fails alone, at the same event everywhere, and the run says where in its file.
import { expect, test } from 'vitest';
import { overdueAfter } from '../../src/sessions/realm.ts';
import { file, load, runFiles, saying } from './loaded.ts';

const sound = saying('sound', '1');

/** The parts of a declaration that fail, what the fault says, and on which line of the file. */
const FAULTS: readonly (readonly [what: string, parts: string, says: RegExp, head: string])[] = [
  ['state()', "state: () => { throw new Error('in state'); },", /^Error: in state \(f\.ts:8\)$/, ''],
  ['inputs()', "inputs: () => { throw new Error('in inputs'); },", /^Error: in inputs \(f\.ts:8\)$/, ''],
  ['inputs() of nothing', 'inputs: () => null,', /^TypeError: inputs gave no object/, ''],
  ['trigger()', "trigger: () => { throw new Error('in trigger'); },", /^Error: in trigger \(f\.ts:8\)$/, ''],
  [
    'a default of its parameters',
    "params: z.object({ tag: z.number().default(() => { throw new Error('in default'); }) }),",
    /^Error: in default \(f\.ts:8\)$/,
    '',
  ],
  [
    'a getter',
    "decide: () => ({ get action() { throw new Error('getter'); } }),",
    /^Error: getter \(f\.ts:8\)$/,
    '',
  ],
  [
    'a proxy',
    "decide: () => new Proxy({}, { ownKeys() { throw new Error('trap'); } }),",
    /^Error: trap \(f\.ts:8\)$/,
    '',
  ],
  [
    'a toString of what it gives',
    "decide: () => ({ action: { toString() { throw new Error('inner'); } }, size: 1, reason: 'x' }),",
    /Cannot convert object to primitive value \(f\.ts:8\)$/,
    '',
  ],
  [
    'an error without a text',
    "decide: () => { throw { toString() { throw new Error('inner'); } }; },",
    /^something that cannot be shown as text \(f\.ts:8\)$/,
    '',
  ],
  ['null', 'decide: () => { throw null; },', /^null was thrown \(f\.ts:8\)$/, ''],
  ['a symbol', "decide: () => { throw Symbol('s'); },", /^Symbol\(s\) was thrown \(f\.ts:8\)$/, ''],
  ['undefined', 'decide: () => { throw undefined; },', /^undefined was thrown \(f\.ts:8\)$/, ''],
  ['a thenable', 'decide: () => ({ then() {} }),', /^TypeError: decide gave a promise/, ''],
  [
    'an async callee',
    'decide: () => { later(); return null; },',
    /async function was called.*\(f\.ts:3\)$/,
    'async function later() { await null; }',
  ],
  [
    'an async arrow',
    'decide: () => { later(); return null; },',
    /async function was called.*\(f\.ts:3\)$/,
    'const later = async (x = 1) => x;',
  ],
  [
    'a generator that waits',
    'decide: () => { for (const x of (later() as any)) return x; return null; },',
    /async function was called/,
    'async function* later() { yield await null; }',
  ],
  ['too many signals', 'decide: () => new Array(1e9),', /^RangeError: decide gave 1000000000 signals/, ''],
  [
    'a metadata without end',
    "decide: () => buy({ size: 1, reason: 'x', metadata: new Array(1e9) as any }),",
    /^RangeError: data of 1000000000 items/,
    '',
  ],
  [
    'a reason without end',
    "decide: () => buy({ size: 1, reason: 'x'.repeat(1e6) }),",
    /^RangeError: a text of 1000000 characters/,
    '',
  ],
  [
    'a console that never rests',
    'decide: () => { for (let i = 0; i < 1e6; i++) console.log(i); return null; },',
    /^UsageError: f wrote or drew more than 1000 times at one event \(f\.ts:8\)$/,
    '',
  ],
  [
    'another file',
    'decide: () => fail(),',
    /^Error: elsewhere \(f\.ts:4\)$/,
    "const fail = () =>\n  { throw new Error('elsewhere'); };",
  ],
  [
    'an own indicator',
    "inputs: () => ({ bars: candles('XRP/USD', '1s'), mine: indicator(candles('XRP/USD', '1s'), 'mine', () => new Mine()) }),",
    /^Error: in update \(f\.ts:3\)$/,
    "class Mine { outputs = ['value']; warmup = 1; update() { throw new Error('in update'); } preview() {} output() { return 1; } save() { return new Float64Array(0); } restore() {} }",
  ],
  [
    'the making of an own indicator',
    "inputs: () => ({ bars: candles('XRP/USD', '1s'), mine: indicator(candles('XRP/USD', '1s'), 'mine', () => { throw new Error('in create'); }) }),",
    /^Error: in create \(f\.ts:8\)$/,
    '',
  ],
  [
    'onFill',
    "decide: () => buy({ quote: 5, reason: 'x' }), onFill: () => { throw new Error('told'); },",
    /^Error: told \(f\.ts:8\)$/,
    '',
  ],
  [
    'onOrder',
    "decide: () => buy({ quote: 5, reason: 'x' }), onOrder: () => { throw new Error('told'); },",
    /^Error: told \(f\.ts:8\)$/,
    '',
  ],
];

test.each(FAULTS)(
  '%s that fails disables that strategy alone, with file and line',
  async (_what, parts, says, head) => {
    const log = await runFiles([{ use: file('f', parts, head) }, sound]);
    expect(log.of('fault')).toHaveLength(1);
    expect(log.of('fault')[0]).toMatchObject({ strategy: 'f', message: expect.stringMatching(says) });
    expect(log.reasons('sound').length).toBeGreaterThan(3);
  },
);

/** Endless, each in its own way; none may be caught, hidden or gone on with. */
const ENDLESS: readonly (readonly [what: string, body: string])[] = [
  ['while', 'while (true) {}'],
  ['while without a body', 'while (true);'],
  ['for', 'for (;;) x++;'],
  ['do', 'do { x++ } while (true);'],
  ['for in a labelled loop', 'outer: for (;;) { for (;;) continue outer; }'],
  ['for of an endless generator', 'for (const y of (function* () { while (true) yield 1; })()) x += y;'],
  ['a caught one', 'try { while (true) {} } catch { x = 1; }'],
  ['one caught again and again', 'for (;;) { try { while (true) {} } catch (e) {} }'],
  ['one whose error is taken apart', 'try { while (true) {} } catch ({ message }) { x = message; }'],
  ['one hidden by finally', '(() => { try { while (true) {} } finally { return 1; } })(); return null;'],
  ['one that finally goes on with', 'for (;;) { try { while (true) {} } finally { continue; } }'],
  ['one that only throws', "for (;;) { try { throw new Error('again'); } catch {} }"],
  ['one that drops what native code throws', 'for (;;) { try { (null as any).x; } finally { continue; } }'],
  ['recursion', 'const f = (): any => f(); f();'],
  [
    'recursion that is caught',
    'const f = (): any => { try { return f(); } catch { return 1; } }; f(); return null;',
  ],
  ['mutual recursion through a getter', 'const o = { get a(): any { return o.a; } }; o.a;'],
  [
    'a callback of an endless iterable',
    'Array.from({ [Symbol.iterator]: () => ({ next: () => ({ value: 1, done: false }) }) } as any);',
  ],
];

test.each(ENDLESS)(
  '%s does not end a run: the strategy is stopped at the same event each time',
  async (_what, body) => {
    const use = file('endless', `decide: () => { let x: any = 0; ${body}; return null; },`);
    const steps = { stepsMax: 100_000 };
    const runs = [await runFiles([use, sound], steps), await runFiles([use, sound], steps)];
    expect(runs[0]!.of('fault')).toHaveLength(1);
    expect(runs[0]!.of('fault')[0]!.message).toMatch(/(took more than|too deeply).*\(endless\.ts:8\)$/);
    expect(runs[1]!.records).toEqual(runs[0]!.records);
    expect(runs[0]!.reasons('sound').length).toBeGreaterThan(3);
  },
);

test.each([
  ['decide', 'decide: async () => null,'],
  ['decide', 'async decide() { return null; },'],
  ['onFill', 'onFill: async function () {},'],
  ['onOrder', 'onOrder: async (order: any) => { await order; },'],
  ['inputs', "inputs: async () => ({ bars: candles('XRP/USD', '1s') }),"],
  ['trigger', 'trigger: async () => undefined,'],
  ['state', 'async state() { return 1; },'],
  ['decide', 'decide: async function* () { yield null; },'],
])('an async %s is refused when it is loaded: %s', async (name, parts) => {
  await expect(load([{ use: file('later', parts) }])).rejects.toThrow(`${name} is an async function`);
});

test('a strategy that failed before the first event has an account, and its fault stands at the first event', async () => {
  const log = await runFiles([{ use: file('f', "state: () => { throw new Error('in state'); },") }]);
  const [equity, fault] = log.records;
  expect(equity).toMatchObject({ type: 'equity', strategy: 'f', event: 0 });
  expect(fault).toMatchObject({ type: 'fault', strategy: 'f', event: 0, timeUs: equity!.timeUs });
});

test('what is wrong with a run file is still refused before anything starts', async () => {
  const use = file('interval', "inputs: (p: any) => ({ bars: candles('XRP/USD', p.tag) }),");
  await expect(load([{ use, params: { tag: '1 parsec' } }])).rejects.toThrow(
    /strategies\[0\]: inputs of interval: .*1 parsec/,
  );
  await expect(load([{ use: file('t', "throw new Error('at the top');", '') }])).rejects.toThrow();
});

test('a regular expression that would match for hours is stopped, and what it ends cannot be caught', async () => {
  const use = file(
    'regex',
    "decide: () => { try { return /^(a+)+$/.test('a'.repeat(60) + 'b') as any; } catch { return null; } },",
  );
  const log = await runFiles([use, sound]);
  expect(log.of('fault')).toMatchObject([
    {
      strategy: 'regex',
      message: 'Error: a regular expression was stopped: it tries too many ways to match (regex.ts:8)',
    },
  ]);
  expect(log.reasons('sound').length).toBeGreaterThan(3);
});

test('throws count for what they cost', async () => {
  const often = (times: number): string => `for (let i = 0; i < ${times}; i++) try { throw i; } catch {}`;
  const parts = (times: number): string => `decide: () => { ${often(times)} return null; },`;
  const uses = [file('few', parts(40)), file('many', parts(60))];
  const log = await runFiles(uses, { stepsMax: 100_000 });
  expect(log.of('fault').map(({ strategy }) => strategy)).toEqual(['many']);
});

test('a call is over when it has used its processor time, and the next one has its own', () => {
  const isOverdue = overdueAfter(5);
  expect(isOverdue(1000)).toBe(false);
  let left = 1000;
  while (!isOverdue(--left)) Math.sqrt(left);
  expect(left).toBeLessThan(999);
  expect(isOverdue(1000)).toBe(false);
});

test('regular expressions do what they do elsewhere', async () => {
  const text = "'The quick brown fox, 12 of 345 and 6789'";
  const expression = [
    `${text}.replace(/(\\d+)/g, (all, d) => '<' + d + '>')`,
    `${text}.match(/\\d+/g)`,
    `[...${text}.matchAll(/(?<n>\\d)\\d/g)].map((m) => m.index + m.groups.n)`,
    `${text}.split(/[ ,]+/)`,
    `${text}.search(/\\d/)`,
    `/o(?=x)/y.test(${text})`,
    `/BROWN/i.exec(${text})!.index`,
  ].join(', ');
  const log = await runFiles([saying('matches', `JSON.stringify([${expression.replaceAll('\\\\', '\\')}])`)]);
  expect(log.of('fault')).toEqual([]);
  expect(log.reasons('matches')[0]).toBe(
    'v ["The quick brown fox, <12> of <345> and <6789>",["12","345","6789"],["211","273","356","378"],["The","quick","brown","fox","12","of","345","and","6789"],21,false,10]',
  );
});

test('calls may stand in each other two thousand deep, whatever the stack, and no deeper', async () => {
  const deep = (depth: number): string =>
    file(
      'deep',
      `decide: () => buy({ quote: 1, limit: 0.01, reason: 'v ' + down(${depth}) }),`,
      'const down = (n: number): number => n === 0 ? 0 : 1 + down(n - 1);',
    );
  expect((await runFiles([deep(1990)])).reasons('deep')[0]).toBe('v 1990');
  const log = await runFiles([deep(2010)]);
  expect(log.of('fault')).toMatchObject([
    { message: expect.stringMatching(/^RangeError: called itself too deeply.*\(deep\.ts:3\)$/) },
  ]);
});

test('counting changes nothing about what code does', async () => {
  const head = [
    'class Base { constructor(readonly a: number) {} get twice(): number { return Math.abs(this.a * 2); } static of(n: number): Base { return new this(n); } }',
    'class Derived extends Base { #own = 1; constructor(a: number) { super(a + 1); this.#own += a; } sum(): number { return this.#own + super.twice; } }',
    'function* walk(n: number): Generator<number> { for (let i = 0; i < n; i++) yield i; try { yield* [7, 8]; } finally { seen.push(-1); } }',
    'const seen: number[] = [];',
    'const pick = ({ a, ...rest }: any, [b = 2, ...more]: number[] = []) => ({ a, b, rest: Object.keys(rest), more });',
    'const label = (n: number): string => { out: for (let i = 0; ; i++) { for (const x of [1, 2, 3]) { if (x * i > n) break out; if (x === 2) continue out; } } switch (n) { case 1: return ["one", n].join(" "); default: return String(n); } };',
    "const attempt = (f: () => unknown): string => { try { f(); return 'fine'; } catch ({ message }: any) { return message; } finally { seen.push(0); } };",
  ].join('\n');
  const parts = [
    'Base.of(2).twice',
    'new Derived(3).sum()',
    '[...walk(3)]',
    'pick({ a: 1, c: 3, d: 4 }, [])',
    'label(1)',
    'label(5)',
    "attempt(() => { throw new Error('told'); })",
    'attempt(() => null)',
    '(() => { let i = 0; do i++; while (i < 3); while (i < 5) i++; for (const k in { x: 1, y: 2 }) i += k.length; return i; })()',
    '(function (this: unknown) { return arguments.length; }).call(null)',
    'seen',
  ];
  const log = await runFiles([saying('same', `JSON.stringify([${parts.join(', ')}])`, head)]);
  expect(log.of('fault')).toEqual([]);
  expect(log.reasons('same')[0]).toBe(
    'v [4,12,[0,1,2,7,8],{"a":1,"b":2,"rest":["c","d"],"more":[]},"one 1","5","told","fine",7,0,[-1,0,0]]',
  );
});
