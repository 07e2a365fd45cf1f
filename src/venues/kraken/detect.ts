// What a capture of Kraken's frames must have subscribed, and the venue's own time in each: read off its acknowledgements
// and data frames. What is not understood is left to the decoder.
import { isIntervalUs, isSymbol, isTimeUs } from '../../core/bounds.ts';
import { parseTimeUs } from '../../core/time.ts';
import type { Fields } from '../fields.ts';
import type { SessionDraft } from '../venue.ts';
import { CHANNELS, DEPTHS } from './requests.ts';

export function detect(frame: Fields, found: SessionDraft): void {
  found.timeUs = venueTimeUs(frame);
  const result = fieldsOf(frame.result);
  const { channel, method } = frame;
  if (typeof channel !== 'string' && typeof method !== 'string') return;
  found.understood++;
  if (method === 'subscribe' && result !== undefined) acknowledged(result, found);
  else if (typeof channel === 'string') data(channel, frame, found);
}

function acknowledged({ channel, symbol, depth, interval }: Fields, found: SessionDraft): void {
  if (typeof channel === 'string') found.channels.add(channel);
  if (isSymbol(symbol)) found.symbols.add(symbol);
  if (typeof depth === 'number' && DEPTHS.some((offered) => offered === depth))
    found.depth = Math.max(found.depth, depth);
  takeInterval(interval, found);
}

function takeInterval(minutes: unknown, found: SessionDraft): void {
  if (typeof minutes === 'number' && isIntervalUs(minutes * 60e6)) found.candleUs = minutes * 60e6;
}

function data(channel: string, frame: Fields, found: SessionDraft): void {
  if (!CHANNELS.some((known) => known === channel)) return;
  found.channels.add(channel);
  // The list of instruments names every market there is, subscribed or not: it is no array.
  if (!Array.isArray(frame.data)) return;
  for (const item of frame.data) {
    const fields = fieldsOf(item);
    if (fields === undefined) continue;
    if (isSymbol(fields.symbol)) {
      found.symbols.add(fields.symbol);
      found.streams.add(`${channel} ${fields.symbol}`);
    }
    takeInterval(fields.interval, found);
    if (channel !== 'book' || frame.type !== 'snapshot') continue;
    for (const side of [fields.bids, fields.asks]) {
      if (Array.isArray(side)) found.snapshotLevels = Math.max(found.snapshotLevels, side.length);
    }
  }
}

/** The frame's own time where it has one, else the newest of its items. */
function venueTimeUs(frame: Fields): number {
  const own = timeOf(frame.timestamp ?? frame.time_out ?? frame.time_in);
  if (!Number.isNaN(own) || !Array.isArray(frame.data)) return own;
  let newestUs = Number.NaN;
  for (const item of frame.data) {
    const us = timeOf(fieldsOf(item)?.timestamp);
    if (!(us <= newestUs) && !Number.isNaN(us)) newestUs = us;
  }
  return newestUs;
}

function timeOf(value: unknown): number {
  const us = typeof value === 'string' ? parseTimeUs(value) : Number.NaN;
  return isTimeUs(us) ? us : Number.NaN;
}

function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}
