// Recordings from anywhere: whatever stands in them, they are read, or refused with a place and a reason, at once.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { encodeControl, RecordKind } from '../../src/core/frame.ts';
import { checkRecording } from '../../src/datasets/check.ts';
import { tableSchemas } from '../../src/datasets/columns.ts';
import { readSession } from '../../src/datasets/frames.ts';
import { type Manifest, readManifest } from '../../src/datasets/manifest.ts';
import { readTable } from '../../src/datasets/read.ts';
import { buildTables } from '../../src/datasets/tables.ts';
import { JournalWriter } from '../../src/journal/writer.ts';
import { writeParquet } from '../../src/parquet/parquet.ts';
import { composeRecording, START_US, session, temporaryFolder } from './recording.ts';

/** The manifest with its digest made right, as a stranger can. */
function forge(folder: string, edit: (manifest: Manifest) => unknown): void {
  const path = join(folder, 'manifest.json');
  const { digest: _, ...contents } = edit(JSON.parse(readFileSync(path, 'utf8')) as Manifest) as Manifest;
  const digest = createHash('sha256').update(JSON.stringify(contents)).digest('hex');
  writeFileSync(path, `${JSON.stringify({ ...contents, digest }, null, 2)}\n`);
}

const isWindows = process.platform === 'win32';

describe('a manifest', () => {
  let text = '';
  let folder = '';
  beforeAll(async () => {
    folder = await composeRecording({ steps: 40 });
    await buildTables(folder);
    text = readFileSync(join(folder, 'manifest.json'), 'utf8');
  });
  const edited = (edit: (manifest: Manifest) => unknown) => {
    writeFileSync(join(folder, 'manifest.json'), text);
    forge(folder, edit);
    return () => readManifest(folder);
  };
  const tables = (manifest: Manifest, file: string) => ({
    ...manifest,
    tables: manifest.tables.map((table) => ({
      ...table,
      files: table.files.map((each) => ({ ...each, file })),
    })),
  });

  test.each([
    '../../secret.parquet',
    '/etc/passwd',
    'trades/../../x.parquet',
    'trades/date=2026-01-02/..\\x.parquet',
  ])('that names a file outside of the recording is refused: %s', (file) => {
    expect(edited((manifest) => tables(manifest, file))).toThrow(/manifest\.json: tables\.0\.files\.0\.file/);
  });

  test.each([
    [
      'segments outside',
      (m: Manifest) => ({ ...m, segments: m.segments.map((s) => ({ ...s, file: '../000001.arrow' })) }),
    ],
    ['a span of no time', (m: Manifest) => ({ ...m, span: { firstUs: 0, lastUs: 1e17 } })],
    ['negative counts', (m: Manifest) => ({ ...m, depth: -1 })],
    ['instruments without end', (m: Manifest) => ({ ...m, symbols: Array(30_000).fill('A') })],
  ])('with %s is refused', (_, edit) => {
    expect(edited(edit)).toThrow(/manifest\.json: /);
  });

  test('with a changed byte anywhere is refused', () => {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += 13) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1;
      writeFileSync(join(folder, 'manifest.json'), changed);
      expect(() => readManifest(folder), `byte ${at}`).toThrow(/manifest\.json/);
    }
  });
});

describe.skipIf(isWindows)('files that are none', () => {
  test.each(['manifest.json', 'journal/000001.parquet', 'journal/000001.json'])(
    'are refused and not waited for: %s',
    async (name) => {
      const folder = await composeRecording({ steps: 20 });
      await buildTables(folder);
      rmSync(join(folder, name));
      execFileSync('mkfifo', [join(folder, name)]);
      const told = await checkRecording(folder).then(
        ({ problems }) => problems.join('\n'),
        (error: unknown) => (error as Error).message,
      );
      expect(told).toMatch(/is not a file/);
    },
  );

  test.each(['tables.lock', 'manifest.json', 'trades', '.tables-partial'])(
    'are not written through when they are links: %s',
    async (name) => {
      const folder = await composeRecording({ steps: 20 });
      const outside = join(temporaryFolder(), 'outside');
      mkdirSync(outside);
      writeFileSync(join(outside, 'precious'), 'mine');
      symlinkSync(name.includes('.json') ? join(outside, 'precious') : outside, join(folder, name));
      await expect(buildTables(folder)).rejects.toThrow(/is a link: nothing is written through it/);
      expect(readFileSync(join(outside, 'precious'), 'utf8')).toBe('mine');
    },
  );

  test('a leftover that is a link is replaced', async () => {
    const folder = await composeRecording({ steps: 20 });
    const precious = join(temporaryFolder(), 'precious');
    writeFileSync(precious, 'mine');
    symlinkSync(precious, join(folder, 'manifest.json.partial'));
    await buildTables(folder);
    expect(readFileSync(precious, 'utf8')).toBe('mine');
    expect(existsSync(join(folder, 'manifest.json.partial'))).toBe(false);
  });
});

describe('a journal', () => {
  const journalOf = async (controls: readonly Uint8Array[]) => {
    const folder = join(temporaryFolder(), 'r');
    const writer = await JournalWriter.open(join(folder, 'journal'), { seal: false });
    for (const control of controls) writer.append(RecordKind.control, 0, START_US, control);
    await writer.close();
    return folder;
  };
  const bytes = (text: string) => new TextEncoder().encode(text);
  const opening = encodeControl({ type: 'session', session, software: 'x', node: 'y' });

  test.each([
    ['is not JSON', 'oops'],
    ['is nested too deep', `${'{"type":'.repeat(50_000)}1${'}'.repeat(50_000)}`],
    ['has no type', '{"type":5}'],
    [
      'names one symbol twice',
      JSON.stringify({ type: 'session', session: { ...session, symbols: ['A', 'A'] } }),
    ],
    ['has a depth of text', JSON.stringify({ type: 'session', session: { ...session, depth: '10' } })],
  ])('whose control %s is refused', async (_, text) => {
    await expect(readSession(await journalOf([bytes(text)]))).rejects.toThrow(/record 1 is not a control/);
    const behind = await journalOf([opening, bytes(text)]);
    await expect(buildTables(behind)).rejects.toThrow(/record 2 is not a control/);
  });
});

test('a table whose numbers no event can have is refused, though its digest is right', async () => {
  const folder = temporaryFolder();
  const file = 'trades/date=2026-01-02/symbol=A/000.parquet';
  mkdirSync(join(folder, 'trades/date=2026-01-02/symbol=A'), { recursive: true });
  const rows = (price: number) => ({
    ...{ seq: Float64Array.of(1), ordinal: Uint32Array.of(0), flags: Uint8Array.of(8) },
    ...{ received_us: Float64Array.of(START_US), exchange_us: Float64Array.of(START_US) },
    ...{ price: Float64Array.of(price), size: Float64Array.of(1), id: Float64Array.of(1) },
  });
  for (const [price, says] of [
    [1e300, /000\.parquet: record 1: a number out of bounds/],
    [Number.NaN, /a number out of bounds/],
  ] as const) {
    await writeParquet(join(folder, file), tableSchemas.trades, [{ length: 1, columns: rows(price) }]);
    const entry = { file } as Manifest['tables'][number]['files'][number];
    const reading = readTable(folder, 'trades', [entry], { instrument: 0 });
    await expect(reading.next()).rejects.toThrow(says);
  }
});
