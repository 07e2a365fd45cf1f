// Records for the journal's tests: what record `seq` holds is a pure function of `seq`. Imports no test runner, because
// children that a test kills import it, too.
import { type JournalRecord, RecordKind } from '../../src/core/frame.ts';

export const startUs = 1_767_323_045_000_000;

export function recordOf(seq: number): JournalRecord {
  const isBeat = seq % 11 === 0;
  return {
    seq,
    receivedUs: startUs + Math.floor(seq / 3) * 1000,
    kind: isBeat ? RecordKind.beat : seq % 7 === 0 ? RecordKind.binary : RecordKind.text,
    connection: seq % 65_536,
    payload: Buffer.from(isBeat ? '' : `{"seq":${seq},"padding":"${'x'.repeat((seq * 37) % 90)}é"}`),
  };
}
