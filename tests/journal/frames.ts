// What the journal's tests share: temporary folders, and records that are written and compared.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import type { JournalRecord } from '../../src/core/frame.ts';
import { type ReadJournalOptions, readJournal } from '../../src/journal/reader.ts';
import type { JournalWriter } from '../../src/journal/writer.ts';
import { recordOf } from './records.ts';

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A new folder that is removed when the tests of this file are over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'retick-journal-'));
  folders.push(folder);
  return folder;
}

/** Appends records [from, to]. */
export function appendRecords(writer: JournalWriter, from: number, to: number): void {
  for (let seq = from; seq <= to; seq++) {
    const { kind, connection, receivedUs, payload } = recordOf(seq);
    expect(writer.append(kind, connection, receivedUs, payload)).toBe(seq);
  }
}

export async function readAll(folder: string, options: ReadJournalOptions = {}): Promise<JournalRecord[]> {
  const all: JournalRecord[] = [];
  for await (const records of readJournal(folder, options)) all.push(...records);
  return all;
}

/** Compares whole records, payloads byte by byte. */
export function expectRecords(read: readonly JournalRecord[], from: number, to: number): void {
  expect(read.length).toBe(Math.max(0, to - from + 1));
  read.forEach((record, index) => {
    const expected = recordOf(from + index);
    const isEqual =
      record.seq === expected.seq &&
      record.receivedUs === expected.receivedUs &&
      record.kind === expected.kind &&
      record.connection === expected.connection &&
      Buffer.compare(record.payload, expected.payload) === 0;
    if (!isEqual) expect(record).toEqual(expected);
  });
}
