// The strategy of the engine's benchmark, a file of its own so that it can be loaded like a user's.
import { z } from 'zod';
import { buy, candles, defineStrategy, ema, sell } from '../src/index.ts';

const SYMBOL = 'BTC/USD';

/** Crosses of two averages of closes, long or flat. */
export const strategy = defineStrategy({
  name: 'crossing',
  version: '1.0.0',
  description: 'Long while the fast average is above the slow one.',
  params: z.object({ everyTrade: z.boolean().default(false) }),
  inputs: () => {
    const bars = candles(SYMBOL, '1m');
    return { bars, fast: ema(bars, 10), slow: ema(bars, 30) };
  },
  trigger: (p) => (p.everyTrade ? { on: 'trade', symbol: SYMBOL } : { on: 'close', of: 'bars' }),
  decide: ({ fast, slow }, { position }) => {
    if (fast.value > slow.value) return position.isFlat ? buy({ quote: 50, reason: 'crossed up' }) : null;
    return position.isFlat ? null : sell({ reason: 'crossed down' });
  },
});
