// Real captures of Kraken's feed, imported, checked and replayed.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkRecording } from '../../src/datasets/check.ts';
import { type ImportResult, importCapture } from '../../src/datasets/import.ts';
import { firstDifference } from '../../src/feeds/differ.ts';
import { replayFrames, replayTables } from '../../src/feeds/replay.ts';

const DATA = join(import.meta.dirname, '../../../shared/data/kraken-v2');
const hasData = existsSync(DATA);
if (!hasData) console.warn(`skipped: there are no real captures in ${DATA}`);

describe.skipIf(!hasData)('real captures of Kraken, where ../shared/data is present', () => {
  let scratch = '';
  beforeAll(() => {
    scratch = mkdtempSync(join(tmpdir(), 'retick-real-'));
  });
  afterAll(() => rmSync(scratch, { recursive: true }));

  const importFile = (file: string, name: string): Promise<ImportResult> =>
    importCapture({
      files: [file],
      format: file.endsWith('.jsonl') ? 'jsonl' : 'cbcap',
      venue: 'kraken',
      out: join(scratch, name),
    });

  test('BTC/USD: 301 of 301 checksums, seven unsubscribes and five snapshots are lived through', async () => {
    const { recording, session, manifest } = await importFile(join(DATA, 'kraken_btcusd_l2.cbcap'), 'btc');
    expect(session).toMatchObject({ symbols: ['BTC/USD'], channels: ['book'], depth: 10 });
    expect(manifest.span?.firstUs).toBe(1_785_552_832_693_693);
    const report = await checkRecording(recording);
    expect(report.problems).toEqual([]);
    expect(report.checksums).toEqual({ verified: 301, failed: 0, messages: 301 });
    expect(report.symbols[0]?.counts.snapshots).toBe(5);
    expect(report.gaps.every((gap) => gap.toUs !== null)).toBe(true);
    expect(report.tables).toBe('equal');
    await expectSameEvents(recording);
  });

  test('XRP/USD: 1147 of 1147 checksums at depth 25', async () => {
    const { recording, session } = await importFile(join(DATA, 'kraken_xrpusd_sample.cbcap'), 'xrp');
    expect(session).toMatchObject({ symbols: ['XRP/USD'], depth: 25 });
    const report = await checkRecording(recording);
    expect(report.problems).toEqual([]);
    expect(report.checksums).toEqual({ verified: 1147, failed: 0, messages: 1147 });
    expect(report.gaps).toEqual([]);
    await expectSameEvents(recording);
  });

  test('trades without receive times: ids are contiguous per symbol', async () => {
    const { recording, session, untimed, frames } = await importFile(join(DATA, 'trades.jsonl'), 'trades');
    expect(session.symbols).toEqual(['BTC/USD', 'ETH/USD']);
    expect(untimed).toBe(frames);
    const report = await checkRecording(recording);
    expect(report.problems).toEqual([]);
    for (const { trades } of report.symbols) expect(trades).toMatchObject({ missing: 0, repeated: 0 });
    expect(report.events.trade).toBeGreaterThan(0);
    await expectSameEvents(recording);
  });

  test('one changed digit is found, recorded, and leaves the book invalid until its next snapshot', async () => {
    const text = readFileSync(join(DATA, 'kraken_btcusd_l2.cbcap'), 'latin1');
    const [right, wrong] = ['"qty":2.08665551', '"qty":2.08665552'];
    expect(text).toContain(right);
    const file = join(scratch, 'changed.cbcap');
    writeFileSync(file, text.replace(right, wrong), 'latin1');
    const { recording } = await importFile(file, 'changed');
    const report = await checkRecording(recording);
    expect(report.checksums.failed).toBe(1);
    const gap = report.gaps.find(({ cause }) => cause === 'checksum');
    expect(gap?.symbol).toBe('BTC/USD');
    expect(report.symbols[0]?.counts.invalidBookUs).toBeGreaterThan(0);
    expect(report.symbols[0]?.checksums?.unchecked).toBeGreaterThan(0);
    await expectSameEvents(recording);
  });
});

async function expectSameEvents(recording: string): Promise<void> {
  expect(await firstDifference(replayFrames(recording), replayTables(recording))).toBeUndefined();
}
