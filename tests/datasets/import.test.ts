import {
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { DataError, UsageError } from '../../src/core/errors.ts';
import { type Control, type JournalRecord, RecordKind } from '../../src/core/frame.ts';
import { checkRecording } from '../../src/datasets/check.ts';
import { type CaptureFormat, type ImportOptions, importCapture } from '../../src/datasets/import.ts';
import { LINE_BYTES_MAX } from '../../src/datasets/imports/bytes.ts';
import { END_BYTES } from '../../src/journal/layout.ts';
import { readJournal } from '../../src/journal/reader.ts';
import { composeRecording, temporaryFolder } from './recording.ts';

const ACK =
  '{"method":"subscribe","result":{"channel":"trade","snapshot":true,"symbol":"BTC/USD"},"success":true,"time_in":"2026-01-02T03:04:05.000001Z","time_out":"2026-01-02T03:04:05.000042Z"}';
const trade = (id: number, time: string) =>
  `{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","price":62807.1,"qty":0.00027625,"ord_type":"limit","trade_id":${id},"timestamp":"2026-01-02T03:04:${time}Z"}]}`;
const FRAMES = [ACK, trade(1, '05.100000'), '{"channel":"heartbeat"}', trade(2, '06.200000')];
const US = 1_767_323_045_000_000;

async function importText(
  format: CaptureFormat,
  contents: string | Buffer | readonly string[],
  more: Partial<ImportOptions> = {},
) {
  const folder = temporaryFolder();
  const all = Array.isArray(contents) ? contents : [contents as string | Buffer];
  const files = all.map((text, index) => {
    const file = join(folder, all.length === 1 ? 'capture' : `capture-${index}`);
    writeFileSync(file, text);
    return file;
  });
  const result = await importCapture({
    files,
    format,
    venue: 'kraken',
    seals: false,
    out: join(folder, 'out'),
    ...more,
  });
  const records: JournalRecord[] = [];
  for await (const batch of readJournal(result.recording)) records.push(...batch);
  const frames = records.filter(({ kind }) => kind === RecordKind.text);
  const controls = records
    .filter(({ kind }) => kind === RecordKind.control)
    .map(({ payload }) => JSON.parse(Buffer.from(payload).toString()) as Control);
  return { ...result, records, kept: frames, controls };
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

/** Ten trades, a second apart, received 40 ms after they happened. */
const SECONDS = Array.from({ length: 10 }, (_, i) => ({
  us: US + i * 1_000_000 + 40_000,
  frame: trade(i + 1, `0${5 + i}.000000`.slice(-9)),
}));
const tape = (timeOf: (us: number) => string, rows = SECONDS) =>
  rows.map(({ us, frame }) => `${timeOf(us)} ${frame}\n`).join('');

describe('the unit and the clock of receive times are seen by the frames’ own times', () => {
  const own = SECONDS.map(({ us }) => us - US);

  test.each([
    ['ns', (us: number) => `${us}123`],
    ['us', (us: number) => `${us}`],
    ['ms', (us: number) => `${us / 1000}`],
    ['s', (us: number) => (us / 1e6).toFixed(6)],
  ])('%s since 1970', async (unit, timeOf) => {
    const { kept, files } = await importText('lines', tape(timeOf));
    expect(timesOf(kept)).toEqual(own);
    expect(files[0]?.clock).toEqual({ unit, kind: 'unix', offsetUs: 0 });
  });

  test.each([
    ['ns', (us: number) => `${us - US}000`],
    ['us', (us: number) => `${us - US}`],
    ['ms', (us: number) => `${(us - US) / 1000}`],
    ['s', (us: number) => `${(us - US) / 1e6}`],
  ])('%s of a steady clock are laid at the frames’ times', async (unit, timeOf) => {
    const { kept, files } = await importText('lines', tape(timeOf));
    expect(timesOf(kept)).toEqual(own.map((us) => us - 40_000));
    expect(files[0]?.clock).toEqual({ unit, kind: 'steady', offsetUs: US - 40_000 });
  });

  test('a clock that is an hour and a half off is still one since 1970', async () => {
    const { kept } = await importText(
      'lines',
      tape((us) => `${us + 5_400_000_000}`),
    );
    expect(timesOf(kept)[0]).toBe(own[0]! + 5_400_000_000);
  });

  test('what cannot be told is refused, and the options that state it are named', async () => {
    const silent = (us: number) => `${us} {"channel":"heartbeat"}\n`;
    const text = SECONDS.map(({ us }) => silent(us)).join('');
    const symbols = ['BTC/USD'];
    await expect(importText('lines', text, { symbols })).rejects.toThrow(
      /no frame has a time .* --time-unit s\|ms\|us\|ns and --clock unix\|steady/,
    );
    await expect(importText('lines', text, { symbols, timeUnit: 'us' })).rejects.toThrow(/by --clock/);
    const { kept } = await importText('lines', text, { symbols, timeUnit: 'us', clock: 'unix' });
    expect(timesOf(kept)).toEqual(own);
    // Ten times as fast as the venue's clock: no unit is.
    await expect(
      importText(
        'lines',
        tape((us) => `${(us - US) * 10}`),
      ),
    ).rejects.toThrow(UsageError);
  });
});

describe('several files', () => {
  const other = (id: number, time: string) => trade(id, time).replace('BTC/USD', 'ETH/USD');
  const [first, second] = [SECONDS.slice(0, 5), SECONDS.slice(5)];
  const micros = (us: number) => `${us}`;

  test('of one time are merged by it, each a connection beside the other, and no gap is made up', async () => {
    const eth = SECONDS.map(({ us }, i) => ({
      us: us + 500_000,
      frame: other(i + 1, `0${5 + i}.4`.slice(-4)),
    }));
    const { kept, controls, manifest, recording } = await importText('lines', [
      tape(micros, eth),
      tape(micros),
    ]);
    expect(timesOf(kept)).toEqual([...Array(20).keys()].map((i) => 40_000 + i * 500_000));
    expect(kept.map(({ connection }) => connection)).toEqual([...Array(20).keys()].map((i) => i % 2));
    expect(controls.filter(({ type }) => type === 'opened')).toMatchObject([{}, { isBeside: true }]);
    expect(manifest.gaps).toEqual([]);
    expect(manifest.counts.connections).toBe(2);
    expect((await checkRecording(recording)).problems).toEqual([]);
  });

  test('of one time and one stream are refused', async () => {
    await expect(importText('lines', [tape(micros), tape(micros)])).rejects.toThrow(
      /capture-0 and .*capture-1 are of the same time, .* both hold trade of BTC\/USD/,
    );
  });

  test('that follow one another are read in their order, however they are named', async () => {
    const { kept, clamped } = await importText('lines', [tape(micros, second), tape(micros, first)]);
    expect(timesOf(kept)).toEqual(SECONDS.map(({ us }) => us - US));
    expect(clamped).toBe(0);
  });
});

describe('receive times that are not in order', () => {
  const shifted = (shiftOf: (i: number) => number) =>
    SECONDS.map(({ us, frame }, i) => `${us + shiftOf(i)} ${frame}\n`).join('');

  test('a clock that is set back goes on from where it was, and is told', async () => {
    const { kept, controls, clockSteps, clamped } = await importText(
      'lines',
      shifted((i) => (i < 4 ? 0 : -90e6)),
    );
    expect(timesOf(kept)).toEqual([0, 1, 2, 3, 3, 4, 5, 6, 7, 8].map((s) => s * 1e6 + 40_000));
    expect({ clockSteps, clamped }).toEqual({ clockSteps: 1, clamped: 0 });
    expect(controls.find(({ type }) => type === 'clockStep')).toEqual({ type: 'clockStep', stepUs: -89e6 });
  });

  test.each([
    ['ahead', 3600e6],
    ['behind', -3600e6],
  ])('a single one that is far %s moves nothing', async (_, apartUs) => {
    const { kept, clamped, clockSteps } = await importText(
      'lines',
      shifted((i) => (i === 4 ? apartUs : 0)),
    );
    expect(timesOf(kept)).toEqual([0, 1, 2, 3, 3, 5, 6, 7, 8, 9].map((s) => s * 1e6 + 40_000));
    expect({ clockSteps, clamped }).toEqual({ clockSteps: 0, clamped: 1 });
  });

  test('a file that begins anew inside is refused', async () => {
    const days = shifted((i) => (i < 5 ? 0 : -2 * 3600e6));
    await expect(importText('lines', days)).rejects.toThrow(/at record 6 the receive time goes back by/);
  });

  test('a capture of many days is one segment', async () => {
    const rows = SECONDS.map(({ us }, i) => ({
      us: us + i * 86_400e6,
      frame: trade(i + 1, '05.000000').replace('-02T', `-${String(i + 2).padStart(2, '0')}T`),
    }));
    const { manifest } = await importText(
      'lines',
      tape((us) => `${us}`, rows),
    );
    expect(manifest.segments).toHaveLength(1);
  });
});

describe('what cannot be read', () => {
  const bad = (text: string) => text.replace('\n', '\nno time {"channel":"heartbeat"}\n');

  test('is refused with its place, and how to leave it out', async () => {
    await expect(importText('lines', bad(tape((us) => `${us}`)))).rejects.toThrow(/line 2: not .*--skip-bad/);
  });

  test('costs that line alone when asked: counted, and a record in the journal', async () => {
    const { kept, skipped, controls, manifest } = await importText('lines', bad(tape((us) => `${us}`)), {
      skipsBad: true,
    });
    expect(timesOf(kept)).toEqual(SECONDS.map(({ us }) => us - US));
    expect(skipped).toBe(1);
    expect(controls).toContainEqual({
      ...{ type: 'drop', frames: 1, bytes: 0 },
      reason: 'line 2: not `<receive time> <frame>`',
    });
    expect(manifest.gaps).toMatchObject([{ channel: 'trade', cause: 'drop' }]);
  });

  test('of a gzip that ends too early costs what is missing', async () => {
    // Noise does not shrink, so the cut falls into a line and not into the last block.
    const noise = Array.from({ length: 4000 }, (_, i) => Math.imul(i, 2_654_435_761) >>> 0).join('');
    const whole = tape((us) => `${us}`) + SECONDS.map(({ us }) => `${us + 20e6} {"x":"${noise}"}\n`).join('');
    const zipped = gzipSync(whole);
    const { kept, skipped } = await importText('lines', zipped.subarray(0, -50), { skipsBad: true });
    expect(kept.length).toBeGreaterThanOrEqual(18);
    expect(textsOf(kept).slice(0, 10)).toEqual(SECONDS.map(({ frame }) => frame));
    expect(skipped).toBe(1);
  });

  const zipped = gzipSync(tape((us) => `${us}`));
  const damaged = {
    'another checksum': zipped.with(zipped.length - 8, zipped.at(-8)! ^ 1),
    'a flipped bit': zipped.with(zipped.length >> 1, zipped[zipped.length >> 1]! ^ 4),
    'something behind its end': Buffer.concat([zipped, Buffer.from('junk')]),
    'something behind zeros at its end': Buffer.concat([zipped, Buffer.alloc(100_000), Buffer.from('junk')]),
    'its head alone': zipped.subarray(0, 10),
  };

  test.each(Object.entries(damaged))('a gzip with %s is told', async (_, bytes) => {
    await expect(importText('lines', Buffer.from(bytes))).rejects.toThrow(/cannot read .*--skip-bad/);
  });

  test('zeros behind the end of a gzip are padding, and a byte order mark is no part of the first line', async () => {
    for (const whole of [Buffer.concat([zipped, Buffer.alloc(100_000)]), `\ufeff${tape((us) => `${us}`)}`]) {
      const { kept } = await importText('lines', whole);
      expect(textsOf(kept)).toEqual(SECONDS.map(({ frame }) => frame));
    }
  });

  test('receive times in two units: those that are none in the unit of most are told, and left out when asked', async () => {
    const rows = [...SECONDS, ...SECONDS.map(({ us, frame }) => ({ us: us + 20e6, frame }))];
    const text = rows.map(({ us, frame }, i) => `${i < 5 ? us * 1000 : us / 1000} ${frame}\n`).join('');
    await expect(importText('lines', text)).rejects.toThrow(/record 1: .* ms is not a time/);
    const { kept, skipped } = await importText('lines', text, { skipsBad: true });
    expect({ frames: kept.length, skipped }).toEqual({ frames: 15, skipped: 5 });
  });

  test('in a cbcap costs the frame whose length is wrong', async () => {
    const records = SECONDS.map(({ us, frame }) => `${us}000 ${frame.length}\n${frame}\n`);
    const damaged = records.with(3, records[3]!.replace(/ (\d+)/, ' 7')).join('');
    const { kept } = await importText('cbcap', `CBCAP1 kraken BTC/USD ${US}000\n${damaged}`, {
      skipsBad: true,
    });
    expect(textsOf(kept)).toEqual(SECONDS.filter((_, i) => i !== 3).map(({ frame }) => frame));
  });

  test('a line without end is passed over in bounded memory', async () => {
    const long = `${US}1 ${'x'.repeat(LINE_BYTES_MAX)}\n`;
    const { kept, skipped } = await importText(
      'lines',
      gzipSync(tape((us) => `${us}`) + long + tape((us) => `${us + 20e6}`)),
      {
        skipsBad: true,
      },
    );
    expect({ frames: kept.length, skipped }).toEqual({ frames: 20, skipped: 1 });
  });
});

describe('an import that was interrupted', () => {
  const importTwice = async (change: (text: string) => string) => {
    const folder = temporaryFolder();
    const file = join(folder, 'capture');
    const text = Array.from(
      { length: 3000 },
      (_, i) => `${US + i * 1000} ${trade(i + 1, '05.000000')}\n`,
    ).join('');
    writeFileSync(file, text);
    const out = join(folder, 'out');
    const options = { files: [file], format: 'lines', venue: 'kraken', out, seals: false } as const;
    const stop = new AbortController();
    const onProgress: ImportOptions['onProgress'] = ({ step, count }) => {
      if (step === 'importing' && count >= 2000) stop.abort();
    };
    await expect(importCapture({ ...options, onProgress, signal: stop.signal })).rejects.toThrow(/abort/);
    expect(existsSync(join(out, 'manifest.json'))).toBe(false);
    const change2 = change(readFileSync(file, 'utf8'));
    writeFileSync(file, change2);
    const whole = await importCapture({ ...options, out: join(folder, 'whole') });
    return { again: importCapture(options), whole };
  };

  test('is gone on with, and ends as if it had never been', async () => {
    const { again, whole } = await importTwice((text) => text);
    const { manifest, resumed, frames } = await again;
    expect(resumed).toBeGreaterThanOrEqual(2000);
    expect(frames).toBe(3000);
    const { digest: _, segments, ...rest } = manifest;
    const { digest: __, segments: ___, ...expected } = whole.manifest;
    expect(rest).toEqual(expected);
    expect(segments.map(({ rows }) => rows)).toEqual([resumed, whole.manifest.counts.records - resumed]);
  });

  test('is not gone on with by other files', async () => {
    const { again } = await importTwice((text) => text.replace('62807.1', '62807.2'));
    await expect(again).rejects.toThrow(/not an interrupted import of these files \(record 3 differs/);
  });
});

test('an import that was killed begins anew; a recording that was is not touched', async () => {
  const folder = temporaryFolder();
  const file = join(folder, 'capture');
  writeFileSync(
    file,
    tape((us) => `${us}`),
  );
  const options = { files: [file], format: 'lines', venue: 'kraken', seals: false } as const;
  const out = join(folder, 'out');
  const whole = await importCapture({ ...options, out });
  const journal = join(out, 'journal/000001.arrow');
  rmSync(join(out, 'manifest.json'));
  truncateSync(journal, statSync(journal).size - END_BYTES.length);
  const { manifest } = await importCapture({ ...options, out });
  expect(manifest).toEqual(whole.manifest);
  const live = await composeRecording({ steps: 20 });
  const segment = join(
    live,
    'journal',
    readdirSync(join(live, 'journal')).find((name) => name.endsWith('.parquet'))!,
  );
  const before = readFileSync(segment);
  await expect(importCapture({ ...options, out: live })).rejects.toThrow(/not an interrupted import/);
  expect(readFileSync(segment).equals(before)).toBe(true);
});

test('frames that nobody understands are counted', async () => {
  const text = tape((us) => `${us}`).replaceAll('"channel":"trade"', '"channel":"trades"');
  const { recording } = await importText('lines', text, { symbols: ['BTC/USD'] });
  const { problems, understood, unknown } = await checkRecording(recording);
  expect({ problems, understood, unknown }).toEqual({ problems: [], understood: 0, unknown: 10 });
  const stranger = tape((us) => `${us}`).replaceAll('"channel"', '"stream"');
  const options = { symbols: ['BTC/USD'], timeUnit: 'us', clock: 'unix' } as const;
  await expect(importText('lines', stranger, options)).rejects.toThrow(/0 of 10 frames understood/);
  const { kept } = await importText('lines', stranger, { ...options, allowsUnknown: true });
  expect(kept).toHaveLength(10);
});

test('damaged captures are refused with file and line, wrong requests before anything is written', async () => {
  await expect(importText('cbcap', 'no header\n')).rejects.toThrow(/capture: line 1: no CBCAP1 header/);
  await expect(importText('cbcap', `CBCAP1 kraken BTC/USD ${US}000\n${US}000 999\n{}`)).rejects.toThrow(
    /ends inside a frame/,
  );
  await expect(importText('lines', `${lines}oops\n`)).rejects.toThrow(/line 5: not/);
  await expect(importText('lines', gzipSync(lines).subarray(0, 60))).rejects.toThrow(DataError);
  await expect(importText('jsonl', '{"channel":"heartbeat"}\n')).rejects.toThrow(/no frame has a time/);
  await expect(importText('jsonl', '{"e":"trade","s":"BTCUSDT"}\n')).rejects.toThrow(
    /0 of 1 frames understood: is this kraken\?/,
  );
  const { recording } = await importText('lines', lines);
  const again = { files: ['capture'], format: 'lines', venue: 'kraken', out: recording } as const;
  await expect(importCapture(again)).rejects.toThrow(UsageError);
  await expect(importCapture({ ...again, out: `${recording}-2`, venue: 'krakn' })).rejects.toThrow(/kraken/);
});
