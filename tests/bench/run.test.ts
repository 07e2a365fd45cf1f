import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { atLeast, atLeastOfBareLoop, below, formatRow, isReached } from '../../bench/row.ts';

const ENTRY = fileURLToPath(new URL('../../bench/run.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'retick-bench-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function bench(...words: readonly string[]) {
  return spawnSync(process.execPath, [ENTRY, ...words], { encoding: 'utf8' });
}

describe('npm run bench', () => {
  test('measures in another process, prints a table and writes what it measured', () => {
    const { status, stdout } = bench('help', '--quick', '--out', folder);
    expect(status).toBe(0);
    expect(stdout).toContain(`Node ${process.version}, commit `);
    expect(stdout).toMatch(/help +retick --help +[\d.]+ +ms +< 200/);
    expect(readdirSync(folder).sort()).toEqual(['help.json', 'latest.json']);
    const report = JSON.parse(readFileSync(join(folder, 'latest.json'), 'utf8'));
    expect(report).toEqual(JSON.parse(readFileSync(join(folder, 'help.json'), 'utf8')));
    expect(report).toMatchObject({ isQuick: true, machine: { node: process.version } });
    expect(report.machine.cores).toBeGreaterThan(0);
    const [row] = report.results[0].rows;
    expect(row).toMatchObject({ name: 'retick --help', unit: 'ms', target: { is: 'below', bar: 200 } });
    expect(row.value).toBeGreaterThan(0);
  });

  test('names a benchmark that it does not know, and a flag', () => {
    expect(bench('hepl')).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(
        /^bench: unknown benchmark: hepl \(known: engine, .*did you mean help\?\n$/,
      ),
    });
    expect(bench('--fast')).toMatchObject({ status: 2, stderr: expect.stringContaining("'--fast'") });
  });
});

describe('a target', () => {
  const measured = { name: 'x', value: 25, unit: 'M events/s', ratio: 0.39 };

  test('is judged by the value or by the ratio', () => {
    expect(isReached(measured)).toBeUndefined();
    expect(isReached({ ...measured, target: atLeast(25) })).toBe(true);
    expect(isReached({ ...measured, target: below(25) })).toBe(false);
    expect(isReached({ ...measured, target: atLeastOfBareLoop(0.4) })).toBe(false);
    expect(isReached({ ...measured, ratio: 0.4, target: atLeastOfBareLoop(0.4) })).toBe(true);
  });

  test('is missed by what is no number', () => {
    expect(isReached({ ...measured, value: Number.NaN, target: below(25) })).toBe(false);
    expect(isReached({ name: 'x', value: 25, unit: '', target: atLeastOfBareLoop(0.4) })).toBe(false);
  });

  test('stands in the table beside what was measured', () => {
    expect(formatRow({ ...measured, target: atLeastOfBareLoop(0.4) })).toEqual([
      'x',
      '25',
      'M events/s',
      '39 %',
      '≥ 40 % of bare',
      'MISSED',
    ]);
    expect(formatRow({ name: 'y', value: 1234.5, unit: 'ms' })).toEqual(['y', '1,235', 'ms', '', '', '']);
  });
});
