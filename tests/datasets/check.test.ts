import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { DataError } from '../../src/core/errors.ts';
import { checkRecording } from '../../src/datasets/check.ts';
import { describeRecording } from '../../src/datasets/info.ts';
import { writeManifest } from '../../src/datasets/manifest.ts';
import { buildTables } from '../../src/datasets/tables.ts';
import { composeRecording, temporaryFolder } from './recording.ts';

test('a whole recording has no problems, and tells what it lived through', async () => {
  const folder = await composeRecording();
  const manifest = await buildTables(folder);
  const report = await checkRecording(folder);
  expect(report.problems).toEqual([]);
  expect(report.tables).toBe('equal');
  expect(report.digest).toBe(manifest.digest);
  expect(report.unknown).toBe(1);
  expect(report.connections).toBe(2);
  expect(report.checksums.failed).toBe(0);
  expect(report.checksums.verified).toBeGreaterThan(200);
  expect(new Set(report.gaps.map(({ cause }) => cause))).toContain('disconnect');
  const books = report.gaps.filter(({ channel }) => channel === 'book');
  expect(books.length).toBeGreaterThan(0);
  for (const gap of books) expect(gap.toUs).toBeGreaterThan(gap.fromUs);
  for (const { counts, trades } of report.symbols) {
    // The disconnect alone lasted a second.
    expect(counts.invalidBookUs).toBeGreaterThan(1_000_000);
    expect(trades.missing).toBeGreaterThan(0);
    expect(trades.repeated).toBe(0);
  }
});

test('a book that never had a snapshot was valid none of the time, and another not before its first', async () => {
  const folder = await composeRecording({
    steps: 100,
    edit: (text) => (/"book","type":"snapshot".*BTC/.test(text) ? undefined : text),
  });
  await buildTables(folder);
  const [checked, info] = [await checkRecording(folder), describeRecording(folder)];
  for (const { symbols } of [checked, info]) {
    const [btc, xrp] = symbols.map(({ validBookShare }) => validBookShare!);
    expect(btc).toBe(0);
    expect(xrp).toBeGreaterThan(0);
    expect(xrp).toBeLessThan(1);
  }
  const span = checked.span!;
  expect(checked.symbols[0]!.counts.invalidBookUs).toBe(span.lastUs - span.firstUs);
});

test('levels off the stated tick are counted, here and in the manifest', async () => {
  const coarser = (text: string): string => text.replaceAll('"price_increment":0.1', '"price_increment":5');
  const folder = await composeRecording({ steps: 60, edit: coarser });
  const manifest = await buildTables(folder);
  const { symbols, problems } = await checkRecording(folder);
  expect(problems).toEqual([]);
  const counted = symbols.map(({ counts }) => [counts.offTickLevels, counts.refusedLevels]);
  for (const [offTick, refused] of counted) {
    expect(offTick).toBeGreaterThan(0);
    expect(refused).toBe(0);
  }
  expect(
    Object.values(manifest.counts.symbols).map((counts) => [counts.offTickLevels, counts.refusedLevels]),
  ).toEqual(counted);
});

test('trade ids that begin anew are told and lose nothing', async () => {
  // From the middle on the venue numbers its trades from 1.
  let first = 0;
  const folder = await composeRecording({
    steps: 120,
    edit: (text, step) =>
      step < 61 || !text.includes('"channel":"trade"')
        ? text
        : text.replace(/"trade_id":(\d+)/g, (_, id) => {
            if (first === 0) first = Number(id) - 1;
            return `"trade_id":${Number(id) - first}`;
          }),
  });
  const { symbols, gaps, problems } = await checkRecording(folder);
  expect(problems).toEqual([]);
  expect(gaps.filter(({ detail }) => detail.includes('begin anew')).length).toBeGreaterThan(0);
  expect(symbols.reduce((sum, { trades }) => sum + trades.renumbered, 0)).toBeGreaterThan(0);
  expect(symbols.every(({ trades }) => trades.repeated === 0)).toBe(true);
});

test('info is the manifest in figures', async () => {
  const folder = await composeRecording({ steps: 100 });
  const manifest = await buildTables(folder);
  const info = describeRecording(folder);
  expect(info.records).toBe(manifest.counts.records);
  expect(info.events).toBe(info.tables.reduce((sum, { rows }) => sum + rows, 0));
  expect(info.durationUs).toBe(manifest.span!.lastUs - manifest.span!.firstUs);
  expect(info.framesPerSecond).toBeCloseTo(info.frames / (info.durationUs / 1e6), 9);
  expect(info.symbols.map(({ symbol }) => symbol)).toEqual(manifest.symbols);
  expect(() => describeRecording(join(folder, 'nowhere'))).toThrow(DataError);
});

test('a lost update is a gap in the report, and the checksum that failed is counted', async () => {
  let dropped = 0;
  const folder = await composeRecording({
    edit: (text, step) => {
      const isUpdate = step > 20 && dropped === 0 && text.startsWith('{"channel":"book","type":"update"');
      if (!isUpdate) return text;
      dropped++;
      return undefined;
    },
  });
  const report = await checkRecording(folder);
  expect(report.checksums.failed).toBe(1);
  expect(report.gaps.some(({ cause }) => cause === 'checksum')).toBe(true);
  expect(report.tables).toBe('absent');
  expect(report.problems).toEqual([]);
});

test('damage is a problem that names the file', async () => {
  const folder = await composeRecording({ steps: 60 });
  const manifest = await buildTables(folder);
  const segment = manifest.segments[0]!.file;
  const trades = manifest.tables[0]!.files[0]!.file;
  const flip = (file: string) => {
    const path = join(folder, file);
    const bytes = readFileSync(path);
    bytes[150]! ^= 4;
    writeFileSync(path, bytes);
  };
  flip(trades);
  const first = await checkRecording(folder);
  expect(first.tables).toBe('unreadable');
  expect(first.problems.length).toBe(1);
  expect(first.problems[0]).toContain(trades);
  flip(segment);
  const second = await checkRecording(folder);
  expect(second.problems.some((problem) => problem.includes(segment))).toBe(true);
  rmSync(join(folder, trades));
  expect((await checkRecording(folder)).problems.some((problem) => problem.includes(trades))).toBe(true);
});

test('tables and counts that are not those of the journal are found although every digest holds', async () => {
  const [folder, other] = [
    await composeRecording({ steps: 60 }),
    await composeRecording({ steps: 60, seed: 9 }),
  ];
  const manifest = await buildTables(folder);
  const { segments } = await buildTables(other);
  const { digest: _, ...foreign } = manifest;
  await writeManifest(other, { ...foreign, segments });
  for (const { file } of manifest.tables.flatMap(({ files }) => files)) {
    mkdirSync(dirname(join(other, file)), { recursive: true });
    writeFileSync(join(other, file), readFileSync(join(folder, file)));
  }
  const report = await checkRecording(other);
  expect(report.tables).toBe('different');
  expect(report.problems.some((problem) => problem.includes('counts differ'))).toBe(true);
});

test('a folder that holds no recording is refused', async () => {
  await expect(checkRecording(temporaryFolder())).rejects.toThrow(DataError);
});

test('how far receipt lags is in manifest, info and check, by connection, and misdated trades are counted', async () => {
  let edited = 0;
  const folder = await composeRecording({
    edit: (text) => {
      if (!text.startsWith('{"channel":"trade","type":"update"') || ++edited !== 20) return text;
      return text.replace(/"timestamp":"[^"]*"/, '"timestamp":"2099-01-01T00:00:00.000000Z"');
    },
  });
  const manifest = await buildTables(folder);
  const checked = await checkRecording(folder);
  const info = describeRecording(folder);
  expect(manifest.lags!.length).toBeGreaterThan(1);
  for (const { offsetUs, fromUs, toUs } of manifest.lags!) {
    expect(Math.abs(offsetUs)).toBeLessThan(60e6);
    expect(toUs).toBeGreaterThanOrEqual(fromUs);
  }
  expect([checked.lags, info.lags]).toEqual([manifest.lags, manifest.lags]);
  expect(manifest.counts.misdated).toBeGreaterThan(0);
  expect([checked.misdated, info.misdated]).toEqual([manifest.counts.misdated, manifest.counts.misdated]);
  expect(checked.problems).toEqual([]);
});
