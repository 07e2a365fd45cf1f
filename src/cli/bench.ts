// `retick bench latency`: from the socket's callback to the order, at a given rate of frames, stage by stage.
// The venue is a process of its own and sends on its own schedule, whether we are ready or not, so a stall of ours
// is in the numbers (no coordinated omission).
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Argv } from 'yargs';
import { z } from 'zod';
import { WAIT_MAX_US } from '../connections/wait.ts';
import { UsageError, unknownName, VenueError } from '../core/errors.ts';
import { parseRunConfig } from '../engine/config.ts';
import { buy, candles, defineStrategy, prepare, quote, rsi, sell } from '../index.ts';
import type { Latency } from '../runs/run.ts';
import { paper } from '../sessions/paper.ts';
import type { Arguments, Command, Context } from './command.ts';
import { EXIT } from './exit.ts';
import { formatLatency } from './latency.ts';
import { count, type Output, paint } from './output.ts';
import { watch } from './watch.ts';

export const command: Command = {
  usage: 'bench latency [--rate 5000] [--seconds 10]',
  options: (argv: Argv) =>
    argv
      .demandCommand(1, 1)
      .option('rate', {
        type: 'number',
        default: 5000,
        describe: 'Market steps per second; a step is about one frame',
      })
      .option('seconds', { type: 'number', default: 10, describe: 'Length of the measurement' })
      .option('max-p50', { type: 'number', default: 50, describe: 'Frame to order, µs; more is exit code 1' })
      .option('max-p99', {
        type: 'number',
        default: 500,
        describe: 'Frame to order, µs; more is exit code 1',
      }),
  run: async (args: Arguments, { output, interrupt }: Context) => {
    const what = String((args._ as readonly unknown[])[0]);
    if (what !== 'latency') throw unknownName('benchmark', what, ['latency']);
    const [rate, seconds] = [args.rate as number, args.seconds as number];
    if (!(rate > 0 && seconds > 0 && seconds <= WAIT_MAX_US / 1e6)) {
      const allowed = `allowed: both above 0, at most ${WAIT_MAX_US / 1e6} seconds`;
      throw new UsageError(`--rate ${rate} --seconds ${seconds} is wrong (${allowed})`);
    }
    const signal = interrupt.listen();
    const result = await measureLatency({ rate, seconds, output, signal });
    const order = result.latency['to order'];
    if (order === undefined) throw new VenueError('no order was given; run it for longer');
    const isGood = order.p50 <= (args.maxP50 as number) && order.p99 <= (args.maxP99 as number);
    const verdict = `frame to order at ${count(result.framesPerSecond)} frames/s: p50 ${order.p50.toFixed(1)} µs, p99 ${order.p99.toFixed(1)} µs`;
    output.result(
      { ...result, isGood },
      `${formatLatency(result.latency)}\n\n${paint(isGood ? 'green' : 'red', verdict)}`,
    );
    return isGood ? EXIT.done : EXIT.failed;
  },
};

export type LatencyResult = {
  readonly latency: Readonly<Record<string, Latency>>;
  readonly framesPerSecond: number;
};

/** Runs a strategy that decides on every trade against a simulated venue in another process. */
export async function measureLatency(options: {
  readonly rate: number;
  readonly seconds: number;
  readonly output: Output;
  readonly signal: AbortSignal;
}): Promise<LatencyResult> {
  const folder = mkdtempSync(join(tmpdir(), 'retick-bench-'));
  const venue = await startVenue(options);
  try {
    const config = parseRunConfig(
      {
        name: 'latency',
        venue: 'kraken',
        url: venue.url,
        symbols: ['BTC/USD', 'ETH/USD'],
        capital: { USD: 1e6 },
        // Orders that arrive soon let the next one be given soon: thousands of them, not dozens.
        latency: { model: 'fixed', ms: 1 },
      },
      'bench',
    );
    const loaded = prepare(probe);
    const bundle = { ...loaded, bundle: 'built in', path: '', warnings: [], floats: [] };
    const { run, summary } = await paper({
      config,
      strategies: [bundle],
      durationUs: options.seconds * 1e6,
      recording: join(folder, 'recording'),
      out: join(folder, 'run'),
      observer: watch(options.output),
      signal: options.signal,
    });
    return {
      latency: run.measured?.latency ?? {},
      framesPerSecond: summary.frames / ((summary.lastUs - summary.firstUs) / 1e6),
    };
  } finally {
    venue.process.kill('SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Looks at its inputs on every trade and sends an order every so often: the cost of deciding, not of a good idea. */
const probe = defineStrategy({
  name: 'probe',
  version: '1.0.0',
  description: 'Decides on every trade; for measuring.',
  params: z.object({ symbol: z.string().default('BTC/USD'), every: z.number().default(2) }),
  inputs: (p) => {
    const bars = candles(p.symbol, '1s');
    return { bars, quote: quote(p.symbol), rsi: rsi(bars, 14) };
  },
  trigger: (p) => ({ on: 'trade', symbol: p.symbol }),
  state: () => ({ seen: 0 }),
  decide: ({ quote: top }, { position, params, state, openOrders }) => {
    state.seen += 1;
    if (state.seen % params.every !== 0 || openOrders > 0 || Number.isNaN(top.mid)) return null;
    return position.isFlat ? buy({ quote: 50, reason: 'measuring' }) : sell({ reason: 'measuring' });
  },
});

const VENUE_SPARE_S = 120;

async function startVenue({
  rate,
  seconds,
}: {
  readonly rate: number;
  readonly seconds: number;
}): Promise<{ readonly process: ChildProcess; readonly url: string }> {
  const entry = fileURLToPath(new URL('../retick.mjs', import.meta.url));
  // Should this process be killed, nobody is left to end the venue: it ends by itself.
  const limit = ['--duration', `${Math.ceil(seconds) + VENUE_SPARE_S}s`];
  const args = [entry, 'simulate', '--port', '0', '--rate', String(rate), ...limit];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  process.once('exit', () => child.kill());
  return await new Promise((resolve, reject) => {
    let text = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const url = /ws:\/\/\S+/.exec(text)?.[0];
      if (url !== undefined) resolve({ process: child, url });
    });
    child.once('exit', (code) =>
      reject(new VenueError(`the simulated venue ended with code ${code}: ${text.trim()}`)),
    );
  });
}
