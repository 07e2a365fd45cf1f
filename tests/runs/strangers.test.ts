// Run folders from anywhere: whatever stands in them, they are read, or refused with a place and a reason, at once.
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DataError } from '../../src/core/errors.ts';
import { digestOf, parseRecord, readLog } from '../../src/runs/log.ts';
import { readRun, writeRun } from '../../src/runs/run.ts';
import { bars, candle, runOf } from './records.ts';

const record = (type: string, fields: string): string =>
  `{"type":"${type}","event":1,"seq":1,"timeUs":1000000,${fields}}`;
const aCandle = JSON.stringify(candle());

const REFUSED: Readonly<Record<string, readonly [line: string, says: RegExp]>> = {
  'no object': ['5', /type missing/],
  'no type': ['{}', /type missing/],
  'a type of its own': [record('toString', '"a":1'), /type "toString"/],
  'a time as text': [
    record('indicator', '"name":"a.b.c","atUs":"soon","value":1'),
    /indicator: atUs is "soon"/,
  ],
  'a time that is not a number': [record('indicator', '"name":"a.b.c","atUs":"NaN","value":1'), /atUs/],
  'a time in the year 5000': [
    record('indicator', '"name":"a.b.c","atUs":1e17,"value":1'),
    /atUs is 1e\+?17|atUs/,
  ],
  'a time before 1970': [aCandle.replace('"startUs":0', '"startUs":-1'), /candle: startUs is -1/],
  'an engine time as a list': [aCandle.replace('"timeUs":0', '"timeUs":[]'), /candle: timeUs/],
  'no start': [aCandle.replace('"startUs":0,', ''), /candle: startUs is missing/],
  'an interval of nothing': [aCandle.replace('"intervalUs":1000000', '"intervalUs":0'), /intervalUs is 0/],
  'an interval of part of a µs': [aCandle.replace('"intervalUs":1000000', '"intervalUs":1e-9'), /intervalUs/],
  'money of a million digits': [
    record(
      'equity',
      `"strategy":"a","currency":"USD","equity":"${'9'.repeat(1_000_000)}","cash":"1","realized":"1","fees":"1","positions":{}`,
    ),
    /equity: equity/,
  ],
  'money as a number': [
    record(
      'equity',
      '"strategy":"a","currency":"USD","equity":1,"cash":"1","realized":"1","fees":"1","positions":{}',
    ),
    /equity: equity is 1/,
  ],
  'a fill without end': [record('fill', '"fill":{"id":1}'), /fill: fill is out of bounds/],
  'a count below zero': [record('end', '"events":-1,"inputs":"","reason":""'), /end: events is -1/],
  'a status nested deeper than any': [
    record(
      'status',
      `"symbol":"","status":{"type":"status","state":"venue","text":${'['.repeat(50_000)}${']'.repeat(50_000)}}`,
    ),
    /status: status/,
  ],
};

describe('a line of a log', () => {
  test.each(Object.entries(REFUSED))('with %s is refused', (_, [line, says]) => {
    expect(() => parseRecord(line)).toThrow(says);
    const run = runOf(bars([{ value: 1 }]));
    writeFileSync(run.log, `${line}\n`);
    expect(() => [...readLog(run.log)]).toThrow(DataError);
    expect(() => [...readLog(run.log)]).toThrow(/events\.jsonl: line 1 is not a run record: /);
  });

  test('that turns back in the time of its series is refused', () => {
    const run = runOf([candle({ startUs: 5e6 }), candle({ startUs: 4e6 })]);
    expect(() => [...readLog(run.log)]).toThrow(/line 2 .*candle a\.bars at 4000000 does not follow/);
  });

  test('without end is refused in bounded memory', () => {
    const run = runOf(bars([{ value: 1 }]));
    writeFileSync(run.log, 'x'.repeat(20 << 20));
    expect(() => [...readLog(run.log)]).toThrow(/a line is too long/);
  });

  test('of any shape is a record within bounds, or refused', () => {
    const odd = fc.oneof(
      fc.double(),
      fc.string(),
      fc.constantFrom('NaN', '-0', null, -1, 1e300, [], {}),
      fc.jsonValue(),
    );
    const lines = bars([{ value: 1 }]).map(
      (each) => JSON.parse(JSON.stringify(each)) as Record<string, unknown>,
    );
    fc.assert(
      fc.property(fc.constantFrom(...lines), fc.nat(20), odd, (line, at, value) => {
        const key = Object.keys(line)[at % Object.keys(line).length]!;
        const text = JSON.stringify({ ...line, [key]: value });
        let read: ReturnType<typeof parseRecord>;
        try {
          read = parseRecord(text);
        } catch (error) {
          expect(error).toBeInstanceOf(DataError);
          return;
        }
        for (const [field, got] of Object.entries(read)) {
          if (/Us$|^(event|seq|open|close|volume|trades|value)$/.test(field))
            expect(typeof got).toBe('number');
        }
      }),
      { numRuns: 400 },
    );
  });
});

describe('a run folder', () => {
  test('notices a changed byte anywhere in its manifest and in what was measured', () => {
    const run = runOf(bars([{ value: 1 }]));
    for (const name of ['manifest.json', 'measured.json']) {
      const path = join(run.folder, name);
      const bytes = readFileSync(path);
      for (let at = 0; at < bytes.length; at += 7) {
        const changed = Buffer.from(bytes);
        changed[at]! ^= 1;
        writeFileSync(path, changed);
        expect(() => readRun(run.folder), `byte ${at} of ${name}`).toThrow(DataError);
      }
      writeFileSync(path, bytes);
    }
    expect(readRun(run.folder).manifest).toEqual(run.manifest);
  });

  test('of an earlier version, which says nothing of itself, is read', () => {
    const run = runOf(bars([{ value: 1 }]));
    const path = join(run.folder, 'manifest.json');
    const { files: _, self: __, ...earlier } = run.manifest;
    writeFileSync(path, JSON.stringify(earlier));
    expect(readRun(run.folder).manifest).toEqual(earlier);
  });

  test.each([
    ['counts that are none', { events: -5 }, /manifest\.json: events/],
    ['times out of bounds', { firstUs: 1e17 }, /manifest\.json: firstUs/],
    ['symbols without end', { symbols: Array(30_000).fill('A') }, /manifest\.json: symbols/],
  ])('with %s is refused', (_, changes, says) => {
    const run = runOf(bars([{ value: 1 }]));
    writeRun(run.folder, { ...run.manifest, ...changes }, run.measured!);
    expect(() => readRun(run.folder)).toThrow(says);
  });

  test('with settings nested deeper than a stack is refused', () => {
    const run = runOf(bars([{ value: 1 }]));
    const path = join(run.folder, 'manifest.json');
    const deep = `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`;
    writeFileSync(path, readFileSync(path, 'utf8').replace('"seed": 1', `"seed": ${deep}`));
    expect(() => readRun(run.folder)).toThrow(/nested more than 64 levels deep/);
  });

  test.skipIf(process.platform === 'win32').each(['manifest.json', 'measured.json', 'events.jsonl'])(
    'whose %s is a pipe is refused and not waited for',
    (name) => {
      const run = runOf(bars([{ value: 1 }]));
      rmSync(join(run.folder, name));
      execFileSync('mkfifo', [join(run.folder, name)]);
      expect(() => readRun(run.folder)).toThrow(/is not a file/);
    },
  );

  test('names its other files by their digests', () => {
    const run = runOf(bars([{ value: 1 }]));
    expect(run.manifest.files).toEqual({ 'measured.json': digestOf(join(run.folder, 'measured.json')) });
  });
});
