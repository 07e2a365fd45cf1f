// `retick init`: a run file and a strategy to start from. Nothing that is there is overwritten.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Argv } from 'yargs';
import { requireFree } from '../sessions/place.ts';
import type { Arguments, Command, Context } from './command.ts';
import { EXIT } from './exit.ts';

export const command: Command = {
  usage: 'init [FOLDER]',
  options: (argv: Argv) =>
    argv
      .demandCommand(0, 1)
      .epilogue('Writes run.yaml and strategies/my-strategy.ts into FOLDER (default: here).'),
  run: async (args: Arguments, { output }: Context) => {
    const folder = String((args._ as readonly unknown[])[0] ?? '.');
    const files = {
      [join(folder, 'run.yaml')]: RUN_FILE,
      [join(folder, 'strategies/my-strategy.ts')]: STRATEGY,
    };
    requireFree(Object.keys(files));
    for (const path of Object.keys(files)) mkdirSync(dirname(path), { recursive: true });
    // `wx` writes over nothing, not even through a link.
    for (const [path, text] of Object.entries(files)) writeFileSync(path, text, { flag: 'wx' });
    const run = Object.keys(files)[0];
    output.result(
      { written: Object.keys(files) },
      [
        ...Object.keys(files).map((path) => `wrote ${path}`),
        '',
        'Next:',
        `  retick paper ${run}                  # live-paper on Kraken, recorded`,
        `  retick replay datasets/NAME ${run}   # the same, from the recording`,
      ].join('\n'),
    );
    return EXIT.done;
  },
};

const RUN_FILE = `# A run: the same file serves paper, replay and backtest.
name: my-run
venue: kraken
symbols: [BTC/USD, ETH/USD]
depth: 25
duration: 10m            # paper only; leave it out to run until Ctrl-C

seed: 1                  # of the simulated latency and of strategies' random()
capital: { USD: 100 }    # each strategy has a ledger of its own

strategies:
  - use: ./strategies/my-strategy.ts
    params: { symbol: BTC/USD }
  - use: mean-reversion
    params: { symbol: ETH/USD }

latency: { model: uniform, minMs: 50, maxMs: 100 }
fees: { makerBps: 10, takerBps: 10 }
outage: hold             # of resting orders and stops while data is missing: hold, cancel or mark
`;

const STRATEGY = `// One strategy is one file. What it declares as inputs the harness warms up, records and compares.
import { buy, candles, defineStrategy, ema, sell } from 'retick';
import { z } from 'zod';

export const strategy = defineStrategy({
  name: 'my-strategy',
  version: '0.1.0',
  description: 'Holds while the fast average is above the slow one.',
  params: z.object({
    symbol: z.string().default('BTC/USD').describe('What to trade'),
    interval: z.string().default('1m').describe('Candle interval'),
    fast: z.number().int().min(2).default(10).describe('Length of the fast average, candles'),
    slow: z.number().int().min(3).default(30).describe('Length of the slow average, candles'),
  }),
  inputs: (p) => {
    const bars = candles(p.symbol, p.interval);
    return { bars, fast: ema(bars, p.fast), slow: ema(bars, p.slow) };
  },
  // Called at each close of the first candle series; inputs hold closed values only.
  decide: ({ bars, fast, slow }, { position }) => {
    if (!slow.isReady) return null;
    if (fast.value > slow.value && position.isFlat) {
      return buy({ quote: 50, reason: 'fast average above slow', stopLoss: bars.close * 0.98 });
    }
    if (fast.value < slow.value && !position.isFlat) return sell({ reason: 'fast average below slow' });
    return null;
  },
});
`;
