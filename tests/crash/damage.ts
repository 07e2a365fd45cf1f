// Damages a journal at random, again and again: flipped bits, zeroed and lost blocks, cuts, files that are gone. Each time
// either the reader tells, or every acknowledged record is there and right; and what can be salvaged is right, too, and
// makes up the whole with what is said to be lost.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataError } from '../../src/core/errors.ts';
import type { JournalRecord } from '../../src/core/frame.ts';
import { Random } from '../../src/core/random.ts';
import { readJournal } from '../../src/journal/reader.ts';
import { salvageJournal } from '../../src/journal/salvage.ts';
import { JournalWriter } from '../../src/journal/writer.ts';
import { recordOf } from '../journal/records.ts';

const ROWS = 20_000;
const BLOCK = 4096;

export async function crashDamage(rounds: number, seed: number): Promise<void> {
  const base = mkdtempSync(join(tmpdir(), 'retick-damage-'));
  const image = join(base, 'image');
  await compose(image);
  const random = new Random(seed);
  let [told, harmless, salvaged] = [0, 0, 0];
  for (let round = 1; round <= rounds; round++) {
    const folder = join(base, 'damaged');
    cpSync(image, folder, { recursive: true });
    const what = damage(folder, random);
    if (await isTold(folder, what)) told += 1;
    else harmless += 1;
    salvaged += await salvage(folder, what);
    rmSync(folder, { recursive: true });
    if (round % 50 === 0) console.log(`  ${round} damages: ${told} told, ${harmless} without effect`);
  }
  const share = ((salvaged / (rounds * ROWS)) * 100).toFixed(1);
  console.log(
    `crash: damage passed; ${told} told, ${harmless} without effect, ${share}% of records salvaged`,
  );
  rmSync(base, { recursive: true });
}

/** A journal with a sealed segment, a closed one and one that is being written, all of it acknowledged. */
async function compose(folder: string): Promise<void> {
  for (const [from, to, seal] of [
    [1, ROWS / 4, true],
    [ROWS / 4 + 1, ROWS / 2, false],
    [ROWS / 2 + 1, ROWS, false],
  ] as const) {
    const writer = await JournalWriter.open(folder, { seal, flushRows: 100 });
    for (let seq = from; seq <= to; seq++) {
      const { kind, connection, receivedUs, payload } = recordOf(seq);
      writer.append(kind, connection, receivedUs, payload);
    }
    await writer.sync();
    if (to === ROWS) cpSync(folder, `${folder}.open`, { recursive: true });
    await writer.close();
  }
  rmSync(folder, { recursive: true });
  cpSync(`${folder}.open`, folder, { recursive: true });
  rmSync(join(folder, 'lock'));
}

function damage(folder: string, random: Random): string {
  const names = readdirSync(folder).sort();
  const name = names[random.nextInt(0, names.length - 1)]!;
  const path = join(folder, name);
  const bytes = readFileSync(path);
  const at = random.nextInt(0, bytes.length - 1);
  const block = Math.floor(at / BLOCK) * BLOCK;
  const kind = random.nextInt(0, 5);
  if (kind === 0) {
    rmSync(path);
    return `${name} removed`;
  }
  if (kind === 1) bytes[at]! ^= 1 << random.nextInt(0, 7);
  else if (kind === 2) bytes.fill(0, block, Math.min(bytes.length, block + BLOCK));
  const changed =
    kind === 3
      ? bytes.subarray(0, at)
      : kind === 4
        ? Buffer.concat([bytes.subarray(0, block), bytes.subarray(block + BLOCK)])
        : kind === 5
          ? Buffer.concat([bytes.subarray(0, block), bytes.subarray(at), bytes.subarray(block, at)])
          : bytes;
  writeFileSync(path, changed);
  return `${name} damaged at byte ${at} (kind ${kind})`;
}

async function isTold(folder: string, what: string): Promise<boolean> {
  let lastSeq = 0;
  try {
    for await (const records of readJournal(folder)) {
      compare(records, lastSeq + 1, what);
      lastSeq = records.at(-1)!.seq;
    }
  } catch (error) {
    if (error instanceof DataError) return true;
    throw error;
  }
  if (lastSeq !== ROWS) throw new Error(`${what}: ended with ${lastSeq} and told nobody`);
  return false;
}

async function salvage(folder: string, what: string): Promise<number> {
  let [nextSeq, kept] = [1, 0];
  for await (const piece of salvageJournal(folder, { lastSeq: ROWS, digests: new Map() })) {
    if (piece.state === 'records') {
      compare(piece.records, nextSeq, what);
      nextSeq = piece.records.at(-1)!.seq + 1;
      kept += piece.records.length;
    } else {
      if (piece.firstSeq !== nextSeq)
        throw new Error(`${what}: a loss begins at ${piece.firstSeq}, not ${nextSeq}`);
      nextSeq = piece.lastSeq + 1;
    }
  }
  if (nextSeq !== ROWS + 1) throw new Error(`${what}: salvage ended with ${nextSeq - 1}`);
  return kept;
}

function compare(records: readonly JournalRecord[], from: number, what: string): void {
  records.forEach((record, index) => {
    const expected = recordOf(from + index);
    const isEqual =
      record.seq === expected.seq &&
      record.receivedUs === expected.receivedUs &&
      Buffer.compare(record.payload, expected.payload) === 0;
    if (!isEqual) throw new Error(`${what}: record ${record.seq} is not what was written`);
  });
}
