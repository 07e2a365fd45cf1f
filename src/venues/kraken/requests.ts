// What is said to Kraken, and the numbers that tie its answers to what was asked: a refusal names no channel,
// so the request number does. The numbers follow from the session alone; the decoder needs no memory of requests.
import { assert } from '../../core/assert.ts';
import { UsageError, unknownName } from '../../core/errors.ts';
import type { VenueSession } from '../../core/frame.ts';
import { formatDurationUs } from '../../core/time.ts';
import type { Action, ConnectionPlan, SilenceLimits } from '../venue.ts';

/** In the order of subscription: what the instruments are comes before what happens in them. */
export const CHANNELS = ['instrument', 'book', 'trade', 'ticker', 'ohlc'] as const;
type Channel = (typeof CHANNELS)[number];

export const DEPTHS = [10, 25, 100, 500, 1000] as const;

const SILENCE: SilenceLimits = {
  // A heartbeat comes each second once anything is subscribed; the worst gap measured is 1.03 s.
  frameMs: 10_000,
  // Heartbeats alone, with every subscription acknowledged, is a failure that has been seen to last for ever.
  dataMs: 60_000,
  // The worst gap measured on the healthy book of a quiet pair is 9 s. Trades may rightly be silent for hours.
  channelMs: { book: 120_000 },
  ackMs: 10_000,
};

const CANDLE_MINUTES = [1, 5, 15, 30, 60, 240, 1440, 10_080, 21_600];

const MINUTE_US = 60e6;

/** One request per channel for all symbols; `instrument` is asked for whether the session names it or not. */
function subscribeTexts(session: VenueSession): readonly string[] {
  const known: readonly string[] = CHANNELS;
  for (const channel of session.channels) {
    if (!known.includes(channel)) throw unknownName('channel', channel, known, session.venue);
  }
  return CHANNELS.filter((channel) => channel === 'instrument' || session.channels.includes(channel)).map(
    (channel) =>
      request('subscribe', subscribeParams(session, channel, session.symbols), requestId(channel, -1)),
  );
}

/** One connection carries it all. */
export function planOf(session: VenueSession): ConnectionPlan {
  const opening = subscribeTexts(session).map(sent);
  return {
    url: session.url,
    streams: session.channels.flatMap((channel) =>
      session.symbols.map((symbol, instrument) => ({
        channel,
        instrument,
        again: resyncTexts(session, channel, symbol).map(sent),
      })),
    ),
    opening,
    silence: SILENCE,
    ping: { everyMs: 30_000, message: '{"method":"ping"}' },
  };
}

function sent(message: string): Action {
  return { do: 'send', message };
}

/** Ends one subscription and begins it again, so that the venue sends a snapshot. */
function resyncTexts(session: VenueSession, channel: string, symbol: string): readonly string[] {
  const known = CHANNELS.find((name) => name === channel);
  const number = session.symbols.indexOf(symbol);
  assert(known !== undefined && number >= 0, `${channel} of ${symbol} belongs to the session`);
  const id = requestId(known, number);
  return [
    request('unsubscribe', subscriptionParams(session, known, [symbol]), id),
    request('subscribe', subscribeParams(session, known, [symbol]), id),
  ];
}

/** What a request number asked for; the symbol is empty where the request named all of them. */
export function requestOf(
  id: unknown,
  session: VenueSession,
): { readonly channel: string; readonly symbol: string } | undefined {
  if (typeof id !== 'number' || !Number.isInteger(id)) return undefined;
  const channel = CHANNELS[(id % 10) - 1];
  const number = Math.floor(id / 10) - 1;
  if (channel === undefined || number >= session.symbols.length) return undefined;
  return { channel, symbol: session.symbols[number] ?? '' };
}

/** The last digit is the channel, the rest the symbol counted from 1; 0 stands for all symbols. */
function requestId(channel: Channel, symbolNumber: number): number {
  return (symbolNumber + 1) * 10 + CHANNELS.indexOf(channel) + 1;
}

function request(method: string, params: Readonly<Record<string, unknown>>, id: number): string {
  return JSON.stringify({ method, params, req_id: id });
}

/** What names a subscription, to begin it and to end it. */
function subscriptionParams(
  session: VenueSession,
  channel: Channel,
  symbols: readonly string[],
): Readonly<Record<string, unknown>> {
  switch (channel) {
    case 'instrument':
      return { channel, include_tokenized_assets: true };
    case 'book':
      if (!DEPTHS.some((depth) => depth === session.depth)) {
        throw new UsageError(`book depth ${session.depth} is not on offer (allowed: ${DEPTHS.join(', ')})`);
      }
      return { channel, symbol: symbols, depth: session.depth };
    case 'ohlc':
      return { channel, symbol: symbols, interval: candleMinutes(session) };
    case 'ticker':
      return { channel, symbol: symbols, event_trigger: 'bbo' };
    case 'trade':
      return { channel, symbol: symbols };
  }
}

/** The snapshot is always asked for: its default has changed before. */
function subscribeParams(
  session: VenueSession,
  channel: Channel,
  symbols: readonly string[],
): Readonly<Record<string, unknown>> {
  return { ...subscriptionParams(session, channel, symbols), snapshot: true };
}

function candleMinutes(session: VenueSession): number {
  const minutes = session.candleUs / MINUTE_US;
  if (!CANDLE_MINUTES.includes(minutes)) {
    const allowed = CANDLE_MINUTES.map((value) => formatDurationUs(value * MINUTE_US)).join(', ');
    throw new UsageError(
      `candle interval ${formatDurationUs(session.candleUs)} is not on offer (allowed: ${allowed})`,
    );
  }
  return minutes;
}
