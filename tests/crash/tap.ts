// Loaded into `retick record` by `--import`, so that the crash script learns what the real command acknowledges: lines
// on file descriptor 3, `<first seq> <acknowledged seq> <CRC-32 of the payloads from the one to the other>`.
import { writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { JournalWriter } from '../../src/journal/writer.ts';

const EVERY_MS = 10;

const append = JournalWriter.prototype.append;
/** The running checksum after each record that is not acknowledged yet. */
const checksums = new Map<number, number>();
let firstSeq = 0;
let checksum = 0;

JournalWriter.prototype.append = function (kind, connection, receivedUs, payload): number {
  const seq = append.call(this, kind, connection, receivedUs, payload);
  checksum = crc32(payload, checksum);
  checksums.set(seq, checksum);
  if (firstSeq === 0) {
    firstSeq = seq;
    setInterval(() => tell(this.acknowledgedSeq), EVERY_MS).unref();
  }
  return seq;
};

function tell(acknowledgedSeq: number): void {
  const acknowledged = checksums.get(acknowledgedSeq);
  if (acknowledged === undefined) return;
  writeSync(3, `${firstSeq} ${acknowledgedSeq} ${acknowledged}\n`);
  for (const seq of checksums.keys()) {
    if (seq > acknowledgedSeq) break;
    checksums.delete(seq);
  }
}
