// How many frames a second the journal takes, seals and reads back. Appending is measured twice: the calls alone, which
// is what a socket's callback pays, and until the disk has confirmed the last frame.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { RecordKind } from '../src/core/frame.ts';
import { Random } from '../src/core/random.ts';
import { readJournal } from '../src/journal/reader.ts';
import { JournalWriter } from '../src/journal/writer.ts';
import type { BenchRow } from './row.ts';

const FRAMES = 300_000;
const encoder = new TextEncoder();

export async function benchJournal(): Promise<readonly BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'retick-bench-'));
  const frames = composeFrames();
  const mean = Math.round(frames.reduce((sum, frame) => sum + frame.length, 0) / frames.length);
  const mega = (ms: number): number => FRAMES / ms / 1e3;
  try {
    const journal = join(folder, 'journal');
    const writer = await JournalWriter.open(journal);
    const start = performance.now();
    let appendMs = 0;
    for (let i = 0; i < FRAMES; ) {
      const before = performance.now();
      for (const end = Math.min(i + 1000, FRAMES); i < end; i++) {
        writer.append(RecordKind.text, 0, 1e15 + i, frames[i % frames.length]!);
      }
      appendMs += performance.now() - before;
      do await setImmediate();
      while (!writer.hasRoom(mean * 1000));
    }
    await writer.sync();
    const durableMs = performance.now() - start;
    const openMs = await timeRead(folder);
    const sealStart = performance.now();
    await writer.close();
    const sealMs = performance.now() - sealStart;
    const sealedMs = await timeRead(folder);
    return [
      { name: `append, frames of ${mean} B`, value: mega(appendMs), unit: 'M frames/s' },
      { name: 'append, until acknowledged', value: mega(durableMs), unit: 'M frames/s' },
      { name: 'read, open segment', value: mega(openMs), unit: 'M frames/s' },
      { name: 'seal, in a child process', value: mega(sealMs), unit: 'M frames/s' },
      { name: 'read, sealed segment', value: mega(sealedMs), unit: 'M frames/s' },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function timeRead(folder: string): Promise<number> {
  const start = performance.now();
  let rows = 0;
  for await (const records of readJournal(folder)) rows += records.length;
  if (rows !== FRAMES) throw new Error(`${rows} of ${FRAMES} frames were read`);
  return performance.now() - start;
}

/** Book updates of two or three levels, as a venue words them. */
function composeFrames(): Uint8Array[] {
  const random = new Random(1);
  const level = (): string =>
    `{"price":${(63_000 + random.nextInt(0, 9999) / 10).toFixed(1)},"qty":${random.nextFloat().toFixed(8)}}`;
  return Array.from({ length: 4096 }, (_, index) =>
    encoder.encode(
      `{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[${level()},${level()}],"asks":[${level()}],` +
        `"checksum":${random.nextUint32()},"timestamp":"2026-01-02T03:04:05.${String(100_000 + index)}Z"}]}`,
    ),
  );
}
