import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { DataError, UsageError } from '../../src/core/errors.ts';
import { type JournalRecord, RecordKind } from '../../src/core/frame.ts';
import { type CaptureFormat, importCapture } from '../../src/datasets/import.ts';
import { readJournal } from '../../src/journal/reader.ts';
import { temporaryFolder } from './recording.ts';

const ACK =
  '{"method":"subscribe","result":{"channel":"trade","snapshot":true,"symbol":"BTC/USD"},"success":true,"time_in":"2026-01-02T03:04:05.000001Z","time_out":"2026-01-02T03:04:05.000042Z"}';
const trade = (id: number, time: string) =>
  `{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","price":62807.1,"qty":0.00027625,"ord_type":"limit","trade_id":${id},"timestamp":"2026-01-02T03:04:${time}Z"}]}`;
const FRAMES = [ACK, trade(1, '05.100000'), '{"channel":"heartbeat"}', trade(2, '06.200000')];
const US = 1_767_323_045_000_000;

async function importText(format: CaptureFormat, contents: string | Buffer) {
  const folder = temporaryFolder();
  const file = join(folder, 'capture');
  writeFileSync(file, contents);
  const result = await importCapture({ files: [file], format, venue: 'kraken', out: join(folder, 'out') });
  const records: JournalRecord[] = [];
  for await (const batch of readJournal(result.recording)) records.push(...batch);
  const frames = records.filter(({ kind }) => kind === RecordKind.text);
  return { ...result, records, kept: frames };
}

const textsOf = (records: readonly JournalRecord[]) =>
  records.map(({ payload }) => Buffer.from(payload).toString());
const timesOf = (records: readonly JournalRecord[]) => records.map(({ receivedUs }) => receivedUs - US);

const lines = FRAMES.map((frame, i) => `${US + i * 1000}789 ${frame}\n`).join('');

test.each([
  ['plain', lines],
  ['gzip', gzipSync(lines)],
] as const)('lines, %s: bytes and times are kept, nanoseconds cut', async (_, contents) => {
  const { kept, session, frames, clamped, manifest } = await importText('lines', contents);
  expect(textsOf(kept)).toEqual(FRAMES);
  expect(timesOf(kept)).toEqual([0, 1000, 2000, 3000]);
  expect(session).toMatchObject({ symbols: ['BTC/USD'], channels: ['trade'], depth: 25 });
  expect({ frames, clamped }).toEqual({ frames: 4, clamped: 0 });
  expect(manifest.counts.events.trade).toBe(2);
});

test('a time that goes back is held at the one before, and counted', async () => {
  const at = [0, 5000, 2000, 6000];
  const text = FRAMES.map((frame, i) => `${US + at[i]!}000 ${frame}\n`).join('');
  const { kept, clamped } = await importText('lines', text);
  expect(timesOf(kept)).toEqual([0, 5000, 5000, 6000]);
  expect(clamped).toBe(1);
});

test('cbcap: a steady clock is moved to the header, unix time is left as it is', async () => {
  const cbcap = (startNs: string) =>
    `CBCAP1 kraken BTC/USD ${US}000\n${FRAMES.map((frame, i) => `${BigInt(startNs) + BigInt(i) * 2_000_000n} ${frame.length}\n${frame}\n`).join('')}`;
  expect(timesOf((await importText('cbcap', cbcap('201603688723400'))).kept)).toEqual([0, 2000, 4000, 6000]);
  expect(timesOf((await importText('cbcap', cbcap(`${US + 77}000`))).kept)).toEqual([77, 2077, 4077, 6077]);
});

test('jsonl: the time is the frame’s own where it has one, else that of the frame before', async () => {
  const { kept, untimed } = await importText('jsonl', `{"channel":"heartbeat"}\n${FRAMES.join('\n')}`);
  expect(timesOf(kept)).toEqual([42, 42, 100_000, 100_000, 1_200_000]);
  expect(untimed).toBe(5);
});

test('cryptofeed: what was sent and a connection made anew become controls', async () => {
  const url = 'wss://ws.example/v2';
  const text = [
    `${url} <-> 1767323045.0000001`,
    `${url} <- 1767323045.001: {"method":"subscribe"}`,
    `1767323045.002: ${FRAMES[0]}`,
    `${url} <-> 1767323046.0`,
    `1767323046.5: ${FRAMES[1]}`,
  ].join('\n');
  const { kept, records, session } = await importText('cryptofeed', text);
  expect(session.url).toBe(url);
  expect(timesOf(kept)).toEqual([2000, 1_500_000]);
  expect(kept.map(({ connection }) => connection)).toEqual([0, 1]);
  const controls = textsOf(records.filter(({ kind }) => kind === RecordKind.control));
  expect(controls.map((text) => (JSON.parse(text) as { type: string }).type)).toEqual([
    'session',
    'opened',
    'sent',
    'closed',
    'opened',
    'end',
  ]);
});

test('damaged captures are refused with file and line, wrong requests before anything is written', async () => {
  await expect(importText('cbcap', 'no header\n')).rejects.toThrow(/capture: line 1: no CBCAP1 header/);
  await expect(importText('cbcap', `CBCAP1 kraken BTC/USD ${US}000\n${US}000 999\n{}`)).rejects.toThrow(
    /ends inside a frame/,
  );
  await expect(importText('lines', `${lines}oops\n`)).rejects.toThrow(/line 5: no/);
  await expect(importText('lines', gzipSync(lines).subarray(0, 60))).rejects.toThrow(DataError);
  await expect(importText('jsonl', '{"channel":"heartbeat"}\n')).rejects.toThrow(/no instrument found/);
  const { recording } = await importText('lines', lines);
  const again = { files: ['capture'], format: 'lines', venue: 'kraken', out: recording } as const;
  await expect(importCapture(again)).rejects.toThrow(UsageError);
  await expect(importCapture({ ...again, out: `${recording}-2`, venue: 'krakn' })).rejects.toThrow(/kraken/);
});
