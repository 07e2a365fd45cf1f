// Kills the real `retick record` at random moments while a simulated venue sends, and goes on in the same folder each
// time. What the command acknowledged, told by tap.ts, must be read back with the same checksum after every kill.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { decodeControl, RecordKind } from '../../src/core/frame.ts';
import { Random } from '../../src/core/random.ts';
import { checkRecording } from '../../src/datasets/check.ts';
import { readJournal } from '../../src/journal/reader.ts';
import { startServer } from '../../src/simulated/server.ts';

const ENTRY = resolve(import.meta.dirname, '../../src/retick.mjs');
const TAP = resolve(import.meta.dirname, 'tap.ts');
/** The command syncs each second: most kills come after the first acknowledgement, some while it starts or recovers. */
const EARLY_MS = 700;
const LATE_MS = 1500;

/** What a recorder said of itself before it was killed: these payloads are safe, and this is their checksum. */
type Acknowledged = { readonly firstSeq: number; readonly lastSeq: number; readonly checksum: number };

export async function crashRecorder(kills: number, seed: number): Promise<void> {
  const folder = join(mkdtempSync(join(tmpdir(), 'retick-crash-')), 'recording');
  // The first one may be killed before it has made the folder.
  mkdirSync(join(folder, 'journal'), { recursive: true });
  const venue = await startServer({ seed, eventsPerSecond: 500 });
  const random = new Random(seed);
  let [lastSeq, cuts, acknowledged] = [0, 0, 0];
  try {
    for (let kill = 1; kill <= kills; kill++) {
      const said = await recordUntilKilled(venue.url, folder, random);
      const read = await verify(folder, lastSeq, said);
      if (said !== undefined) acknowledged += said.lastSeq - said.firstSeq + 1;
      cuts += read.cuts;
      lastSeq = read.lastSeq;
      if (kill % 10 === 0) {
        console.log(
          `  ${kill} kills of the recorder, ${lastSeq} records, ${acknowledged} acknowledged, ${cuts} cuts`,
        );
      }
    }
    await recordToTheEnd(venue.url, folder);
  } finally {
    await venue.stop();
  }
  const { records, segments, tables, problems } = await checkRecording(folder);
  if (problems.length > 0 || tables !== 'equal')
    throw new Error(`${folder}: ${problems.join('; ')} (tables ${tables})`);
  console.log(
    `crash: recorder passed; ${records} records in ${segments} segments are whole, tables ${tables}`,
  );
  rmSync(join(folder, '..'), { recursive: true, force: true });
}

function recordArguments(url: string, folder: string): readonly string[] {
  return ['record', 'kraken', 'BTC/USD', 'ETH/USD', '--url', url, '--out', folder];
}

/** Starts the command in the folder, kills it at a random moment, and returns what it had acknowledged by then. */
async function recordUntilKilled(
  url: string,
  folder: string,
  random: Random,
): Promise<Acknowledged | undefined> {
  const words = ['--import', TAP, ENTRY, ...recordArguments(url, folder)];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'ignore', 'pipe', 'pipe'] });
  let [error, acknowledged]: [string, Acknowledged | undefined] = ['', undefined];
  const tap = child.stdio[3];
  if (tap === null || tap === undefined || !('read' in tap) || child.stderr === null)
    throw new Error('no pipe');
  child.stderr.on('data', (chunk: Buffer) => {
    error += chunk.toString();
  });
  const lines = createInterface({ input: tap });
  lines.on('line', (line) => {
    const [firstSeq, lastSeq, checksum] = line.split(' ').map(Number);
    acknowledged = { firstSeq: firstSeq!, lastSeq: lastSeq!, checksum: checksum! };
  });
  const closed = once(child, 'close');
  const isEarly = random.nextInt(0, 4) === 0;
  const delayMs = random.nextInt(0, isEarly ? EARLY_MS : LATE_MS);
  if (!isEarly) await Promise.race([once(lines, 'line'), closed]);
  await Promise.race([sleep(delayMs), closed]);
  if (child.exitCode !== null)
    throw new Error(`the recorder ended by itself with ${child.exitCode}: ${error}`);
  child.kill('SIGKILL');
  await closed;
  return acknowledged;
}

/** Reads what the killed recorder wrote, and all that was there before if it had written nothing. */
async function verify(
  folder: string,
  formerSeq: number,
  acknowledged: Acknowledged | undefined,
): Promise<{ readonly lastSeq: number; readonly cuts: number }> {
  let [lastSeq, cuts, checksum] = [formerSeq, 0, 0];
  const { firstSeq, lastSeq: dueSeq } = acknowledged ?? { firstSeq: formerSeq + 1, lastSeq: formerSeq };
  for await (const records of readJournal(folder, { fromSeq: firstSeq })) {
    for (const record of records) {
      if (record.kind === RecordKind.control && decodeControl(record).type === 'cut') cuts += 1;
      if (record.seq <= dueSeq) checksum = crc32(record.payload, checksum);
      lastSeq = record.seq;
    }
  }
  if (lastSeq < dueSeq)
    throw new Error(`${folder}: ${dueSeq} was acknowledged, the last one there is ${lastSeq}`);
  if (acknowledged !== undefined && checksum !== acknowledged.checksum) {
    throw new Error(`${folder}: records ${firstSeq} to ${dueSeq} are not what was acknowledged`);
  }
  return { lastSeq, cuts };
}

async function recordToTheEnd(url: string, folder: string): Promise<void> {
  const words = [ENTRY, ...recordArguments(url, folder), '--duration', '1s'];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'ignore', 'pipe'] });
  const [said] = await Promise.all([text(child.stderr), once(child, 'close')]);
  if (child.exitCode !== 0) throw new Error(`the last recorder ended with ${child.exitCode}: ${said}`);
}
