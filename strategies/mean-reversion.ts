// Mean reversion: buys what has fallen too fast below its mean, sells what has risen too fast above it.
// Fast candles say when (RSI), slow candles say against which mean (the session's VWAP) and whether to keep away.
import { z } from 'zod';
import { buy, candles, cover, defineStrategy, rsi, sell, short, vwap } from '../src/index.ts';

const fraction = z.number().positive().max(1);

export const strategy = defineStrategy({
  name: 'mean-reversion',
  version: '1.0.0',
  description: 'Trades against moves that RSI calls overdone, back towards the VWAP of the session.',
  params: z.object({
    symbol: z.string().default('BTC/USD').describe('what to trade'),
    fast: z.string().default('1m').describe('candles on which RSI is taken and decisions are made'),
    slow: z.string().default('5m').describe('candles of the VWAP and of the veto'),
    length: z.number().int().min(2).default(14).describe('candles of RSI, on both intervals'),
    oversold: z.number().min(0).max(100).default(30).describe('RSI below which a fall is overdone'),
    overbought: z.number().min(0).max(100).default(70).describe('RSI above which a rise is overdone'),
    exit: z.number().min(0).max(100).default(50).describe('RSI at which a position has come home'),
    quote: z.number().positive().default(50).describe('size of a position, in quote currency'),
    stopLoss: fraction.default(0.01).describe('loss at which a position is closed, fraction of its price'),
    takeProfit: fraction.default(0.02).describe('profit at which a position is closed, likewise'),
    shorts: z.boolean().default(true).describe('whether to sell short what has risen'),
  }),
  inputs: (p) => {
    const fast = candles(p.symbol, p.fast);
    const slow = candles(p.symbol, p.slow);
    return { fast, slow, rsi: rsi(fast, p.length), slowRsi: rsi(slow, p.length), vwap: vwap(slow) };
  },
  decide: ({ fast, rsi, slowRsi, vwap }, { params: p, position, openOrders }) => {
    if (openOrders > 0 || !rsi.isReady || !vwap.isReady) return null;
    const { close } = fast;
    const { value } = rsi;
    const now = `rsi ${value.toFixed(1)}, close ${close}, vwap ${vwap.value.toFixed(6)}`;
    if (position.size > 0) return value >= p.exit ? sell({ symbol: p.symbol, reason: `home: ${now}` }) : null;
    if (position.size < 0)
      return value <= p.exit ? cover({ symbol: p.symbol, reason: `home: ${now}` }) : null;
    // Until the slow RSI has warmed up it is NaN and vetoes nothing.
    if (value < p.oversold && close < vwap.value && !(slowRsi.value > p.overbought)) {
      return buy({
        symbol: p.symbol,
        quote: p.quote,
        stopLoss: close * (1 - p.stopLoss),
        takeProfit: close * (1 + p.takeProfit),
        reason: `oversold: ${now}`,
      });
    }
    if (p.shorts && value > p.overbought && close > vwap.value && !(slowRsi.value < p.oversold)) {
      return short({
        symbol: p.symbol,
        quote: p.quote,
        stopLoss: close * (1 + p.stopLoss),
        takeProfit: close * (1 - p.takeProfit),
        reason: `overbought: ${now}`,
      });
    }
    return null;
  },
});
