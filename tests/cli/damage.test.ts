// What a person sees of a damaged recording, of one that is not finished, and of one whose tables are behind.
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodeControl, RecordKind } from '../../src/core/frame.ts';
import { buildTables } from '../../src/datasets/tables.ts';
import { readJournal } from '../../src/journal/reader.ts';
import { JournalWriter } from '../../src/journal/writer.ts';
import { composeRecording } from '../datasets/recording.ts';
import { type Outcome, retickMany, workplace } from './retick.ts';

const { folder, remove } = workplace();
afterAll(remove);
const at = (...names: readonly string[]): string => join(folder, ...names);

/** As a recorder leaves it that was killed: its one segment open, all of it acknowledged. */
beforeAll(async () => {
  const sealed = await composeRecording({ steps: 200 });
  const writer = await JournalWriter.open(at('open/journal'), { seal: false, flushRows: 40 });
  for await (const records of readJournal(sealed)) {
    for (const { kind, connection, receivedUs, payload } of records) {
      writer.append(kind, connection, receivedUs, payload);
    }
  }
  await writer.sync();
  cpSync(at('open'), at('killed'), { recursive: true });
  await writer.close();
  rmSync(at('killed/journal/lock'));
  cpSync(at('killed'), at('behind'), { recursive: true });
  await buildTables(at('behind'));
  const more = await JournalWriter.open(at('behind/journal'), { seal: false });
  more.append(RecordKind.control, 0, more.lastUs, encodeControl({ type: 'end', reason: 'later' }));
  await more.close();
  for (const name of ['flipped', 'short', 'empty']) cpSync(at('killed'), at(name), { recursive: true });
  const segment = 'journal/000001.arrow';
  const bytes = readFileSync(at('killed', segment));
  bytes[Math.floor(bytes.length / 3)]! ^= 1;
  writeFileSync(at('flipped', segment), bytes);
  // The disk had confirmed these records, and does not have them.
  writeFileSync(at('short', segment), readFileSync(at('killed', segment)).subarray(0, 3 * 4096));
  rmSync(at('empty', segment));
});

const READERS = [
  ['data', 'check'],
  ['data', 'info'],
  ['data', 'tables'],
] as const;
const RECORD = [
  'record',
  'kraken',
  'BTC/USD',
  'XRP/USD',
  '--depth',
  '10',
  '--channels',
  'instrument,book,trade,ticker,ohlc',
  '--url',
  'ws://127.0.0.1:1',
  '--out',
];

test.each(['flipped', 'short', 'empty'])(
  'a journal that is %s is told by every command, and exits 3',
  async (name) => {
    const before = readdirSync(at(name, 'journal'));
    const outcomes = await retickMany(
      [...READERS.map((words) => [...words, name]), [...RECORD, name]],
      folder,
    );
    for (const { code, out, err } of outcomes) {
      expect({ code, said: out + err }).toEqual({
        code: 3,
        said: expect.stringMatching(/damaged after row|was on the disk/),
      });
    }
    expect(readdirSync(at(name, 'journal'))).toEqual(before);
  },
);

test('what is readable is recovered into a new recording, and what is lost is said by number', async () => {
  const [recovered, checked, again, whole] = (await retickMany(
    [
      ['data', 'recover', 'flipped', '--json'],
      ['data', 'check', 'flipped-recovered'],
      ['data', 'recover', 'flipped'],
      ['data', 'recover', 'killed'],
    ],
    folder,
  )) as [Outcome, Outcome, Outcome, Outcome];
  expect(recovered.code).toBe(0);
  const { kept, lost, lostRecords } = JSON.parse(recovered.out);
  expect(lost).toHaveLength(1);
  expect(lostRecords).toBe(40);
  expect(lost[0].lastSeq - lost[0].firstSeq + 1).toBe(40);
  expect(kept).toBeGreaterThan(100);
  expect(checked.out).toContain(
    `records ${lost[0].firstSeq} to ${lost[0].lastSeq} of the damaged recording are lost`,
  );
  expect(again).toMatchObject({ code: 2, err: expect.stringContaining('holds a recording already') });
  expect(whole).toMatchObject({
    code: 0,
    out: expect.stringMatching(/all \d+ records can be read; nothing was written/),
  });
});

test('a recording without a manifest, and one that goes on behind its tables, say how far they are', async () => {
  const [killed, behind, replayed, checked] = (await retickMany(
    [
      ['data', 'info', 'killed'],
      ['data', 'info', 'behind'],
      ['replay', 'behind'],
      ['data', 'check', 'behind'],
    ],
    folder,
  )) as [Outcome, Outcome, Outcome, Outcome];
  expect(killed.code).toBe(0);
  expect(killed.out).toMatch(/journal: (\d+) records in 1 segments, \1 of them confirmed by the disk/);
  expect(killed.out).toMatch(/not sealed: 000001\nno tables yet \(retick data tables killed/);
  expect(behind).toMatchObject({
    code: 0,
    out: expect.stringMatching(/\d records are newer than the tables/),
  });
  expect(replayed).toMatchObject({
    code: 3,
    err: expect.stringMatching(/its tables end with record \d+, its journal goes on to/),
  });
  expect(checked.code).toBe(3);
});
