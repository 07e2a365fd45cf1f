// Order flow: goes with the side that takes, when the book leans the same way.
// Decides at each candle close; leaves when the flow turns or a protective price is met.
import { z } from 'zod';
import { book, buy, candles, cover, defineStrategy, sell, short, tradeImbalance } from '../src/index.ts';

const share = z.number().min(0).max(1);

export const strategy = defineStrategy({
  name: 'order-flow',
  version: '1.0.0',
  description: 'Follows takers: buys when they buy and the book leans up, sells when both lean down.',
  params: z.object({
    symbol: z.string().default('BTC/USD').describe('what to trade'),
    interval: z.string().default('1m').describe('candles over which trades are summed'),
    length: z.number().int().min(1).default(5).describe('candles in the imbalance'),
    imbalance: share
      .default(0.2)
      .describe('(buys − sells) ÷ (buys + sells) beyond which takers lean one way'),
    pressure: share
      .default(0.05)
      .describe('(bids − asks) ÷ (bids + asks) beyond which the book leans one way'),
    levels: z.number().int().min(1).default(10).describe('book levels in the pressure'),
    quote: z.number().positive().default(50).describe('size of a position, in quote currency'),
    stopLoss: share.default(0.01).describe('loss at which a position is closed, fraction of its price'),
    takeProfit: share.default(0.02).describe('profit at which a position is closed, likewise'),
    shorts: z.boolean().default(true).describe('whether to sell short'),
  }),
  inputs: (p) => {
    const bars = candles(p.symbol, p.interval);
    return { bars, flow: tradeImbalance(bars, p.length), book: book(p.symbol, p.levels) };
  },
  decide: ({ bars, flow, book }, { params: p, position, openOrders }) => {
    if (openOrders > 0 || !flow.isReady || !book.isValid) return null;
    const { value } = flow;
    const { pressure } = book;
    const now = `imbalance ${value.toFixed(3)}, pressure ${pressure.toFixed(3)}`;
    if (position.size > 0)
      return value < 0 ? sell({ symbol: p.symbol, reason: `flow turned: ${now}` }) : null;
    if (position.size < 0)
      return value > 0 ? cover({ symbol: p.symbol, reason: `flow turned: ${now}` }) : null;
    const metadata = { imbalance: value, pressure, mid: book.mid };
    if (value > p.imbalance && pressure > p.pressure) {
      return buy({
        symbol: p.symbol,
        quote: p.quote,
        stopLoss: bars.close * (1 - p.stopLoss),
        takeProfit: bars.close * (1 + p.takeProfit),
        reason: `buyers: ${now}`,
        metadata,
      });
    }
    if (p.shorts && value < -p.imbalance && pressure < -p.pressure) {
      return short({
        symbol: p.symbol,
        quote: p.quote,
        stopLoss: bars.close * (1 + p.stopLoss),
        takeProfit: bars.close * (1 - p.takeProfit),
        reason: `sellers: ${now}`,
        metadata,
      });
    }
    return null;
  },
});
