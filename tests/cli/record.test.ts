import { spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Control, decodeControl, type JournalRecord, RecordKind } from '../../src/core/frame.ts';
import { checkRecording } from '../../src/datasets/check.ts';
import { readManifest } from '../../src/datasets/manifest.ts';
import { readJournal } from '../../src/journal/reader.ts';
import { type Fault, type SimulatedServer, startServer } from '../../src/simulated/server.ts';
import { CONTROL, ENTRY, outcome, retick, said, sizeOf, start, until, workplace } from './retick.ts';

const { folder, remove } = workplace();
let venue: SimulatedServer;

beforeAll(async () => {
  venue = await startServer({ seed: 5, eventsPerSecond: 300 });
});
afterAll(async () => {
  await venue.stop();
  remove();
});

const at = (out: string): string => join(folder, out);
const openSegment = (out: string, number = 1): string =>
  join(at(out), 'journal', `${String(number).padStart(6, '0')}.arrow`);

function record(out: string, more: readonly string[] = [], url = venue.url): readonly string[] {
  return ['record', 'kraken', 'BTC/USD', 'ETH/USD', '--url', url, '--out', out, ...more];
}

async function recordsIn(out: string): Promise<readonly JournalRecord[]> {
  const all: JournalRecord[] = [];
  for await (const records of readJournal(at(out))) all.push(...records);
  return all;
}

function controlsOf(records: readonly JournalRecord[]): readonly Control[] {
  return records.filter(({ kind }) => kind === RecordKind.control).map(decodeControl);
}

async function expectWhole(out: string): Promise<void> {
  expect(await checkRecording(at(out))).toMatchObject({ problems: [], tables: 'equal' });
}

/** Goes on in a recording, and expects what was in it to be in it still, byte for byte. */
async function expectResumed(out: string, before: readonly JournalRecord[]): Promise<readonly Control[]> {
  const { code, out: text, err } = await retick(record(out, ['--duration', '500ms']), folder);
  expect({ code, err }).toMatchObject({ code: 0, err: expect.stringMatching(/^recording .*\n$/) });
  expect(text).toContain(`recording ${out}`);
  const after = await recordsIn(out);
  expect(after.slice(0, before.length)).toEqual(before);
  expect(after.length).toBeGreaterThan(before.length + 10);
  expect(after.map(({ seq }) => seq)).toEqual(after.map((_, index) => index + 1));
  await expectWhole(out);
  return controlsOf(after.slice(before.length));
}

describe.concurrent('a recording', () => {
  test('of a given duration is whole, with tables and manifest, and told as one JSON value', async () => {
    const { code, out, err } = await retick(record('timed', ['--duration', '1s', '--json']), folder);
    expect(code).toBe(0);
    expect(out.trimEnd().split('\n')).toHaveLength(1);
    const value = JSON.parse(out);
    expect(value).toMatchObject({ folder: 'timed', summary: { reason: 'duration', drops: 0, unknown: 0 } });
    expect(value.summary.frames).toBeGreaterThan(50);
    expect(value.summary.acknowledgedSeq).toBe(value.summary.lastSeq);
    expect(err).toBe('recording BTC/USD, ETH/USD into timed (Ctrl-C ends it)\n');
    const manifest = readManifest(at('timed'));
    expect(manifest.digest).toBe(value.manifest.digest);
    for (const { file } of manifest.tables.flatMap(({ files }) => files)) {
      expect(statSync(join(at('timed'), file)).size).toBeGreaterThan(0);
    }
    expect(manifest.tables.find(({ name }) => name === 'trades')?.rows).toBeGreaterThan(0);
    const check = await retick(['data', 'check', 'timed'], folder);
    expect(check).toMatchObject({ code: 0, err: '', out: expect.stringContaining('whole: nothing') });
  });

  test('is told in words, without control characters where nobody watches', async () => {
    const { code, out, err } = await retick(record('told', ['--duration', '500ms']), folder);
    expect(code).toBe(0);
    expect(out).toMatch(/^recorded \d+ frames, .* kB, .*\(duration\)\ngaps: none; reconnects 0;/);
    expect(out).toMatch(/\ntables trades \d+, book .*\nrecording told {3}digest [0-9a-f]{16}\n$/);
    expect(out + err).not.toMatch(CONTROL);
  });

  test('has one recorder at a time, and is drained and sealed at Ctrl-C', async () => {
    const child = start(record('stopped'), folder);
    const end = outcome(child);
    await said(child, /recording/);
    const second = await retick(record('stopped'), folder);
    expect(second).toMatchObject({ code: 2, out: '' });
    expect(second.err).toMatch(/^retick: journal stopped.journal is in use by process \d+ .*\n$/);
    await until(() => sizeOf(openSegment('stopped')) > 20_000, 'some frames are on disk');
    child.kill('SIGINT');
    const { code, out, err } = await end;
    expect(code).toBe(130);
    expect(out).toContain('(interrupted)');
    expect(err.split('\n')[1]).toBe('finishing what is under way; press Ctrl-C again to leave at once');
    // Sealing and tables are not waited for longer than a moment; the sealer goes on by itself.
    const sealed = ['000001.json', '000001.parquet', 'acknowledged'].join();
    await until(
      () =>
        readdirSync(join(at('stopped'), 'journal'))
          .sort()
          .join() === sealed,
      'it is sealed',
    );
    expect(await retick(['data', 'tables', 'stopped'], folder)).toMatchObject({ code: 0, err: '' });
    expect(controlsOf(await recordsIn('stopped')).at(-1)).toEqual({ type: 'end', reason: 'interrupted' });
    await expectWhole('stopped');
  });

  test('survives a second Ctrl-C while it is being sealed', async () => {
    const child = start(record('hurried'), folder);
    const end = outcome(child);
    await until(() => sizeOf(openSegment('hurried')) > 20_000, 'some frames are on disk');
    child.kill('SIGINT');
    await said(child, /press Ctrl-C again/);
    child.kill('SIGINT');
    const { code, out, err } = await end;
    expect({ code, out }).toEqual({ code: 130, out: '' });
    expect(err).not.toMatch(/Error| {4}at /);
    await expectResumed('hurried', await recordsIn('hurried'));
  });

  test('survives kill -9: the next start recovers, records the cut, and goes on counting', async () => {
    const child = start(record('killed'), folder);
    const end = outcome(child);
    await until(() => sizeOf(openSegment('killed')) > 30_000, 'some frames are on disk');
    child.kill('SIGKILL');
    await end;
    const before = await recordsIn('killed');
    expect(before.length).toBeGreaterThan(20);
    const controls = await expectResumed('killed', before);
    expect(controls[0]).toMatchObject({ type: 'cut', segment: '000001', rows: before.length });
    expect(controls[1]).toMatchObject({ type: 'session' });
  });

  test('ends when the disk takes no more, with what was acknowledged intact', async () => {
    const limited = spawn(
      'bash',
      ['-c', 'ulimit -f 250; exec "$@"', 'bash', process.execPath, ENTRY, ...record('full')],
      { cwd: folder },
    );
    const { code, out, err } = await outcome(limited);
    expect({ code, out }).toEqual({ code: 3, out: '' });
    const said =
      /^retick: cannot write the journal in full.journal: EFBIG.*\(acknowledged up to record (\d+)\); of \d+ records taken after that some may be lost$/;
    const lines = err.trimEnd().split('\n');
    expect(lines).toHaveLength(2);
    const acknowledged = Number(said.exec(lines[1]!)?.[1]);
    expect(acknowledged).toBeGreaterThan(0);
    const before = await recordsIn('full');
    expect(before.at(-1)?.seq).toBeGreaterThanOrEqual(acknowledged);
    await expectResumed('full', before);
  });
});

describe.concurrent('a request that cannot be met', () => {
  test('by the venue ends with its words, exit code 4, and no folder', async () => {
    const { code, out, err } = await retick(
      ['record', 'kraken', 'BTC/USD', 'NO/PE', '--url', venue.url, '--out', 'refused'],
      folder,
    );
    expect({ code, out }).toEqual({ code: 4, out: '' });
    expect(err).toBe('retick: kraken refused book NO/PE: Currency pair not supported NO/PE\n');
    expect(existsSync(at('refused'))).toBe(false);
  });

  test('by the recording that is there leaves it as it is', async () => {
    await retick(record('other', ['--duration', '300ms', '--channels', 'trade,ticker']), folder);
    const { digest } = readManifest(at('other'));
    const results = await Promise.all([
      retick(record('other'), folder),
      retick(['record', 'kraken', 'XRP/USD', '--url', venue.url, '--out', 'other'], folder),
    ]);
    expect(results).toEqual([
      {
        code: 2,
        out: '',
        err: expect.stringContaining('other holds a recording with channels trade,ticker,'),
      },
      { code: 2, out: '', err: expect.stringContaining('with symbols BTC/USD,ETH/USD, not XRP/USD') },
    ]);
    expect(readManifest(at('other')).digest).toBe(digest);
    await expectWhole('other');
  });

  test.each([
    ['--channels', 'none is named', ['--channels']],
    ['symbol', 'given twice', ['BTC/USD']],
  ])('by anybody names what is wrong with it: %s', async (what, says, more) => {
    const { code, err } = await retick(record('wrong', more), folder);
    expect(code).toBe(2);
    expect(err).toMatch(new RegExp(`^retick: .*${what}.*${says}.*\n$`));
  });
});

describe.concurrent('a venue that misbehaves', () => {
  async function against(faults: readonly Fault[], out: string, duration: string) {
    const server = await startServer({ seed: 6, eventsPerSecond: 200, faults });
    try {
      const { code, out: text } = await retick(
        record(out, ['--json', '--duration', duration], server.url),
        folder,
      );
      expect(code).toBe(0);
      await expectWhole(out);
      return JSON.parse(text);
    } finally {
      await server.stop();
    }
  }

  test('by going away for a while is found again, and the gap is recorded', async () => {
    const value = await against([{ atS: 0.3, type: 'disconnect', forS: 0.5 }], 'away', '3500ms');
    expect(value.summary).toMatchObject({ reconnects: 1, connected: false });
    // One for each stream: book, trades and quotes of two symbols.
    expect(value.summary.gaps.disconnect).toBe(6);
    const gaps = readManifest(at('away')).gaps.filter(({ cause }) => cause === 'disconnect');
    expect([...new Set(gaps.map(({ symbol }) => symbol))].sort()).toEqual(['BTC/USD', 'ETH/USD']);
    for (const { fromUs, toUs } of gaps) expect(toUs! - fromUs).toBeGreaterThan(500_000);
  });

  test('by sending broken and far too large frames is recorded all the same', async () => {
    const faults: readonly Fault[] = [
      { atS: 0.2, type: 'malformed' },
      { atS: 0.4, type: 'oversized', bytes: 17 << 20 },
    ];
    const value = await against(faults, 'broken', '3s');
    expect(value.summary).toMatchObject({ unknown: 1, drops: 1, reconnects: 1 });
    const records = await recordsIn('broken');
    const texts = records.map(({ payload }) => new TextDecoder().decode(payload));
    expect(texts.filter((text) => text.endsWith('"bids":[{"price":62'))).toHaveLength(1);
    expect(controlsOf(records)).toContainEqual(
      expect.objectContaining({ type: 'drop', frames: 1, reason: expect.stringMatching(/larger than/) }),
    );
  });
});
