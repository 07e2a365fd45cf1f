// Kraken Spot, WebSocket v2, public channels. The oddities of its wire are handled in `kraken/` and listed in
// README.md; this file only declares the venue.
import { KrakenDecoder } from './kraken/decoder.ts';
import { detect } from './kraken/detect.ts';
import { CHANNELS, DEPTHS, planOf } from './kraken/requests.ts';
import type { Venue } from './venue.ts';

export const kraken: Venue = {
  name: 'kraken',
  url: 'wss://ws.kraken.com/v2',
  channels: CHANNELS,
  defaultChannels: ['instrument', 'book', 'trade', 'ticker'],
  depths: DEPTHS,
  defaultDepth: 25,
  connections: (session) => [planOf(session)],
  detect,
  createDecoder: (session) => new KrakenDecoder(session),
};
