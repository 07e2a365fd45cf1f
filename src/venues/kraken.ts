// Kraken Spot, WebSocket v2, public channels. The oddities of its wire are handled in `kraken/` and listed in
// README.md; this file only declares the venue.
import { KrakenDecoder } from './kraken/decoder.ts';
import { CHANNELS, DEPTHS, pingText, resyncTexts, subscribeTexts } from './kraken/requests.ts';
import type { Venue } from './venue.ts';

export const kraken: Venue = {
  name: 'kraken',
  url: 'wss://ws.kraken.com/v2',
  channels: CHANNELS,
  defaultChannels: ['instrument', 'book', 'trade', 'ticker'],
  depths: DEPTHS,
  defaultDepth: 25,
  silence: {
    // A heartbeat comes each second once anything is subscribed; the worst gap measured is 1.03 s.
    frameMs: 10_000,
    // Heartbeats alone, with every subscription acknowledged, is a failure that has been seen to last for ever.
    dataMs: 60_000,
    // The worst gap measured on the healthy book of a quiet pair is 9 s. Trades may rightly be silent for hours.
    channelMs: { book: 120_000 },
    ackMs: 10_000,
  },
  ping: { everyMs: 30_000, text: pingText },
  subscribe: subscribeTexts,
  resync: resyncTexts,
  createDecoder: (session) => new KrakenDecoder(session),
};
