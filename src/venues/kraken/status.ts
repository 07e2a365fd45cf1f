// Status events of the Kraken decoder: what the feed says about itself.
import { type EventBatch, NO_INSTRUMENT, type StatusDetail } from '../../core/event.ts';
import type { JournalRecord } from '../../core/frame.ts';

export function emitStatus(
  detail: StatusDetail,
  instrument: number | undefined,
  record: JournalRecord,
  out: EventBatch,
): void {
  out.addDetail(detail, instrument ?? NO_INSTRUMENT, record.seq, record.receivedUs, Number.NaN);
}

/** Words of the venue that concern nobody in particular. */
export function emitWords(text: string, record: JournalRecord, out: EventBatch): void {
  emitStatus({ type: 'status', state: 'venue', text }, undefined, record, out);
}
