// The one guard under which every frame of every venue is read. Whatever is sent, a frame gives its events, or it gives
// one `unknown` status and nothing else, live and in every replay alike: it never throws, never leaves half a frame, and
// lets nothing through that the columns, the tables or the engine cannot hold.
import { isCount, isIntervalUs, isPrice, isSize, isStep, isSymbol, isTimeUs } from '../core/bounds.ts';
import { type CandleDetail, type EventBatch, EventKind, NO_INSTRUMENT } from '../core/event.ts';
import type { JournalRecord } from '../core/frame.ts';
import type { Instrument } from '../core/instrument.ts';

/** The longest frame that is read, bytes; a socket of ours takes none that is longer. */
export const FRAME_BYTES_MAX = 16 << 20;
/** The most events that one frame may give: a whole book of a busy market has some ten thousand levels. */
export const FRAME_EVENTS_MAX = 250_000;

/** The frame is not what the protocol says, or beyond all bounds; the message says where, in few words. */
export class MalformedFrame extends Error {
  override readonly name = 'MalformedFrame';
}

/** What a venue's decoder does with the frames it is given; `guardFrame` stands between them. */
export interface FrameReader {
  /** Appends the frame's events. Throws `MalformedFrame` at what it cannot read, before it has changed anything. */
  read(record: JournalRecord, out: EventBatch): void;
  /** A frame was not taken: appends the gaps of what it may have changed, if that can be made out. */
  miss(record: JournalRecord, out: EventBatch): void;
}

/** Reads a frame; the events that were in `out` before stay as they are. */
export function guardFrame(reader: FrameReader, record: JournalRecord, out: EventBatch): void {
  const from = out.length;
  const fault = read(reader, record, out);
  if (fault === undefined) return;
  out.truncate(from);
  reader.miss(record, out);
  emitUnknown(fault, record, out);
}

export function emitUnknown(reason: string, record: JournalRecord, out: EventBatch): void {
  const detail = { type: 'status', state: 'unknown', reason } as const;
  out.addDetail(detail, NO_INSTRUMENT, record.seq, record.receivedUs, Number.NaN);
}

/** What is wrong with the frame, or undefined once its events are in `out`. */
function read(reader: FrameReader, record: JournalRecord, out: EventBatch): string | undefined {
  const { length } = record.payload;
  if (length > FRAME_BYTES_MAX) return `${length} bytes are too many (at most ${FRAME_BYTES_MAX})`;
  const from = out.length;
  try {
    reader.read(record, out);
  } catch (error) {
    if (error instanceof MalformedFrame) return error.message;
    // A fault of the decoder costs this frame. It is told, and the rest of the recording can be read.
    return `the decoder failed: ${error instanceof Error ? error.message : String(error)}`;
  }
  if (out.length - from > FRAME_EVENTS_MAX) return `more than ${FRAME_EVENTS_MAX} events in one frame`;
  for (let row = from; row < out.length; row++) {
    const fault = faultOf(out, row);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/**
 * What is wrong with an event, wherever it came from; undefined when nothing is. Readers of frames keep to the bounds
 * themselves, so that nothing remembers a number that is refused here.
 */
export function faultOf(out: EventBatch, row: number): string | undefined {
  const exchangeUs = out.exchangeUs[row]!;
  if (!Number.isNaN(exchangeUs) && !isTimeUs(exchangeUs)) return `${exchangeUs} is not a time`;
  switch (out.kind[row]) {
    case EventKind.level:
      // An empty book is one row without a price.
      return (isPrice(out.price[row]!) || Number.isNaN(out.price[row])) && isSize(out.size[row]!)
        ? undefined
        : numberFault(out.price[row]!, out.size[row]!);
    case EventKind.quote:
      return isPrice(out.price[row]!) &&
        isPrice(out.price2[row]!) &&
        isSize(out.size[row]!) &&
        isSize(out.size2[row]!)
        ? undefined
        : numberFault(out.price[row]!, out.size[row]!, out.price2[row]!, out.size2[row]!);
    case EventKind.trade:
      return isPrice(out.price[row]!) &&
        isSize(out.size[row]!) &&
        (isCount(out.id[row]!) || Number.isNaN(out.id[row]))
        ? undefined
        : numberFault(out.price[row]!, out.size[row]!, out.id[row]!);
    case EventKind.funding:
      return isPrice(out.price[row]!) &&
        (out.size[row] === 0 || isIntervalUs(out.size[row]!)) &&
        (Number.isNaN(out.id[row]) || isTimeUs(out.id[row]!))
        ? undefined
        : numberFault(out.price[row]!, out.size[row]!, out.id[row]!);
    case EventKind.interest:
      return isSize(out.size[row]!) && isSize(out.size2[row]!)
        ? undefined
        : numberFault(out.size[row]!, out.size2[row]!);
    case EventKind.mark:
      return isPrice(out.price[row]!) && isPrice(out.price2[row]!)
        ? undefined
        : numberFault(out.price[row]!, out.price2[row]!);
    case EventKind.liquidation:
      return isPrice(out.price[row]!) && isSize(out.size[row]!)
        ? undefined
        : numberFault(out.price[row]!, out.size[row]!);
    case EventKind.candle:
      return candleFault(out.detail[row] as CandleDetail);
    case EventKind.instrument: {
      const detail = out.detail[row];
      return detail?.type === 'instrument'
        ? instrumentFault(detail.instrument)
        : 'an instrument without its rules';
    }
    default:
      return undefined;
  }
}

function numberFault(...values: readonly number[]): string {
  return `a number out of bounds among ${values.join(', ')}`;
}

function candleFault(candle: CandleDetail): string | undefined {
  const { startUs, intervalUs, open, high, low, close, volume, trades } = candle;
  if (!isTimeUs(startUs) || !isIntervalUs(intervalUs)) {
    return `${intervalUs} µs from ${startUs} is not a candle`;
  }
  if (!isSize(volume) || !(isCount(trades) || Number.isNaN(trades))) return numberFault(volume, trades);
  return [open, high, low, close].every(isPrice) ? undefined : numberFault(open, high, low, close);
}

function instrumentFault(instrument: Instrument): string | undefined {
  const { symbol, base, quote, tickSize, lotSize, sizeMin, notionalMin } = instrument;
  if (![symbol, base, quote].every(isSymbol)) return 'a name of an instrument or a currency is out of bounds';
  const areRules = isStep(tickSize) && isStep(lotSize) && isSize(sizeMin) && isSize(notionalMin);
  return areRules ? undefined : numberFault(tickSize, lotSize, sizeMin, notionalMin);
}
