// What strategies write and draw, how a run ends whose strategy failed, and a result that is not had again.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildTables } from '../../src/datasets/tables.ts';
import { readLog } from '../../src/runs/log.ts';
import { readRun } from '../../src/runs/run.ts';
import { composeRecording } from '../datasets/recording.ts';
import { type Outcome, retickMany, workplace } from './retick.ts';

const { folder, remove } = workplace();
afterAll(remove);
const at = (path: string): string => join(folder, path);

const strategy = (name: string, body: string): void => {
  writeFileSync(
    at(`${name}.ts`),
    `import { candles, defineStrategy } from 'retick';
import { z } from 'zod';
export const strategy = defineStrategy({
  name: '${name}', version: '1', description: 'x', params: z.object({}),
  inputs: () => ({ bars: candles('XRP/USD', '1s') }),
  trigger: () => ({ on: 'timer', everyUs: 1e6 }),
  ${body}
});
`,
  );
  writeFileSync(
    at(`${name}.yaml`),
    `name: x\nvenue: kraken\nsymbols: [XRP/USD]\nstrategies: [{ use: ./${name}.ts }]\n`,
  );
};

let outcomes: readonly Outcome[];

beforeAll(async () => {
  const recording = await composeRecording({ steps: 60 });
  await buildTables(recording);
  cpSync(recording, at('datasets/x'), { recursive: true });
  mkdirSync(at('reports'));
  strategy(
    'says',
    `decide: (_inputs, { log, plot, nowUs }) => {
      console.log('<b>hello</b>', { a: [1, 2] }, new Map([['k', 1]]), new Error('shown').message);
      console.warn('%s of %d', 'part', 2);
      log('by \\u001b[31mhand');
      plot('wave', Math.exp(nowUs % 7e6 / 1e6));
      plot('not yet', Number.NaN);
      return null;
    },`,
  );
  strategy('dies', `decide: () => { throw new Error('now'); },`);
  const replay = (name: string, ...more: readonly string[]) => [
    ...['replay', 'datasets/x', `${name}.yaml`, '--out', `reports/${name}`],
    ...more,
  ];
  outcomes = await retickMany(
    [replay('says', '--json'), ['report', 'reports/says'], replay('dies'), replay('dies', '--allow-faults')],
    folder,
  );
});

test('a console goes to stderr and into the run log, and never into the result', () => {
  const { code, out, err } = outcomes[0]!;
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ folder: 'reports/says' });
  expect(err).toContain("says: <b>hello</b> { a: [ 1, 2 ] } Map(1) { 'k' => 1 } shown\n");
  expect(err).toContain('says: part of 2\n');
  expect(err).not.toContain('\u001b');
  const records = [...readLog(at('reports/says/events.jsonl'))];
  const lines = records.filter((record) => record.type === 'log');
  expect(lines.slice(0, 3)).toMatchObject([
    { strategy: 'says', level: 'log', text: "<b>hello</b> { a: [ 1, 2 ] } Map(1) { 'k' => 1 } shown" },
    { strategy: 'says', level: 'warn', text: 'part of 2' },
    { strategy: 'says', level: 'log', text: 'by \u001b[31mhand' },
  ]);
  const plots = records.filter((record) => record.type === 'plot');
  expect(plots.length).toBe(lines.length / 3);
  expect(new Set(plots.map(({ name }) => name))).toEqual(new Set(['wave']));
});

test('the report draws the curves and lists the lines', () => {
  expect(outcomes[1]).toMatchObject({ code: 0 });
  const page = readFileSync(at('reports/says/report.html'), 'utf8');
  expect(page).toContain('What strategies drew and wrote');
  expect(page).toContain('Drawn by strategies');
  expect(page).toContain('&lt;b&gt;hello&lt;/b&gt;');
});

test('what may differ in its last digit is told when it is loaded, and named in the manifest', () => {
  expect(outcomes[0]!.err).toContain(
    'warning: says.ts:11 calls Math.exp(): its last digit may differ on another machine or Node version\n',
  );
  expect(readRun(at('reports/says')).manifest.strategies).toMatchObject([{ floats: ['Math.exp'] }]);
});

test('a run whose strategy failed ends with 1, or with 0 where that is allowed', () => {
  expect(outcomes[2]).toMatchObject({ code: 1, out: expect.stringContaining('Error: now (dies.ts:7)') });
  expect(outcomes[3]).toMatchObject({ code: 0, out: expect.stringContaining('Error: now (dies.ts:7)') });
});

test('another digest than the run of the same identity had is told, and is exit code 1', async () => {
  const path = at('reports/says/manifest.json');
  const { digest } = readRun(at('reports/says')).manifest;
  const other = 'f'.repeat(64);
  writeFileSync(path, readFileSync(path, 'utf8').replace(digest, other));
  const replay = ['replay', 'datasets/x', 'says.yaml', '--out', 'reports/says'];
  const [text, json] = await retickMany([replay, [...replay, '--json']], folder);
  const says = `the strategy says is not deterministic: the run of the same identity that stood here had the digest ${other.slice(0, 16)}, this one has ${digest.slice(0, 16)}`;
  expect(text).toMatchObject({ code: 1, out: expect.stringContaining(says) });
  expect(json).toMatchObject({ code: 0 });
});
