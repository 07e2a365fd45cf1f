// Kills a journal's writer at random moments while it writes and rotates as fast as it can. What it holds is a function of
// the sequence number, so every byte is checked after each kill.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { decodeControl, type JournalRecord, RecordKind } from '../../src/core/frame.ts';
import { Random } from '../../src/core/random.ts';
import { readJournal, readSegments } from '../../src/journal/reader.ts';
import { JournalWriter } from '../../src/journal/writer.ts';
import { recordOf } from '../journal/records.ts';

const script = fileURLToPath(import.meta.url);

export async function crashWriter(kills: number, seed: number): Promise<void> {
  const folder = join(mkdtempSync(join(tmpdir(), 'retick-crash-')), 'journal');
  // The first one may be killed before it has made the folder.
  mkdirSync(folder);
  const random = new Random(seed);
  let checkedSeq = 0;
  let cuts = 0;
  for (let kill = 1; kill <= kills; kill++) {
    const acknowledgedSeq = await runUntilKilled(folder, random);
    const read = await check(folder, checkedSeq + 1);
    cuts += read.cuts;
    // One that is killed before it has written anything leaves what was checked before.
    checkedSeq = Math.max(read.lastSeq, checkedSeq);
    if (checkedSeq < acknowledgedSeq) {
      throw new Error(
        `kill ${kill}: ${acknowledgedSeq} was acknowledged, ${checkedSeq} is the last in ${folder}`,
      );
    }
    if (kill % 10 === 0) console.log(`  ${kill} kills of the writer, ${checkedSeq} records, ${cuts} cuts`);
  }
  const writer = await JournalWriter.open(folder);
  await writer.close();
  const all = await check(folder, 1);
  const segments = await readSegments(folder);
  const open = segments.filter(({ file }) => !file.endsWith('.parquet'));
  if (open.length > 0) throw new Error(`still not sealed: ${open.map(({ file }) => file).join(', ')}`);
  console.log(
    `crash: writer passed; ${all.lastSeq} records in ${segments.length} sealed segments, ${all.cuts} cuts recorded`,
  );
  rmSync(join(folder, '..'), { recursive: true, force: true });
}

/** Starts a writer and kills it; returns the last sequence number it said was acknowledged. */
async function runUntilKilled(folder: string, random: Random): Promise<number> {
  const child = spawn(process.execPath, [script, 'write', folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  let acknowledgedSeq = 0;
  const lines = createInterface({ input: child.stdout });
  const first = once(lines, 'line');
  lines.on('line', (line) => {
    acknowledgedSeq = Number(line);
  });
  const closed = once(child, 'close');
  // Some are killed while they start and recover, most while they write.
  if (random.nextInt(0, 4) > 0) await Promise.race([first, closed]);
  await sleep(random.nextInt(0, 300));
  if (child.exitCode !== null) throw new Error(`the writer ended by itself with ${child.exitCode}`);
  child.kill('SIGKILL');
  await closed;
  return acknowledgedSeq;
}

async function check(folder: string, fromSeq: number): Promise<{ lastSeq: number; cuts: number }> {
  let lastSeq = 0;
  let cuts = 0;
  for await (const records of readJournal(folder, { fromSeq })) {
    for (const record of records) {
      if (record.kind === RecordKind.control && decodeControl(record).type === 'cut') cuts += 1;
      else compare(record, recordOf(record.seq));
      lastSeq = record.seq;
    }
  }
  return { lastSeq, cuts };
}

function compare(found: JournalRecord, expected: JournalRecord): void {
  const isEqual =
    found.kind === expected.kind &&
    found.connection === expected.connection &&
    found.receivedUs === expected.receivedUs &&
    Buffer.compare(found.payload, expected.payload) === 0;
  if (!isEqual) throw new Error(`record ${found.seq} is not what was written`);
}

/** The child: writes without end, and says on its standard output what is acknowledged. */
async function write(folder: string): Promise<void> {
  const writer = await JournalWriter.open(folder, {
    flushRows: 100,
    flushMs: 5,
    syncMs: 10,
    rotateBytes: 600_000,
    onFailure: (error) => {
      throw error;
    },
    onSealFailure: ({ reason }) => {
      throw new Error(reason);
    },
  });
  let saidSeq = -1;
  for (;;) {
    for (let i = 0; i < 20; i++) {
      const { kind, connection, receivedUs, payload } = recordOf(writer.lastSeq + 1);
      writer.append(kind, connection, receivedUs, payload);
    }
    if (writer.acknowledgedSeq > saidSeq) {
      saidSeq = writer.acknowledgedSeq;
      writeSync(1, `${saidSeq}\n`);
    }
    await (writer.lastSeq % 3 === 0 ? sleep(1) : setImmediate());
  }
}

const [mode, folder] = process.argv.slice(2);
if (process.argv[1] === script && mode === 'write' && folder !== undefined) await write(folder);
