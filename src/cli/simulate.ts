// `retick simulate`: a simulated market behind a real WebSocket server, for a person or a program to connect to.
import type { Argv } from 'yargs';
import { parseWaitUs, wait } from '../connections/wait.ts';
import { UsageError } from '../core/errors.ts';
import { startServer } from '../simulated/server.ts';
import type { Arguments, Command, Context } from './command.ts';
import { EXIT } from './exit.ts';
import { count } from './output.ts';

export const command: Command = {
  usage: 'simulate [--port 9001] [--seed 1] [--rate 200] [--duration 10m]',
  options: (argv: Argv) =>
    argv
      .demandCommand(0, 0)
      .option('port', { type: 'number', default: 9001, describe: '0 takes any free one' })
      .option('seed', {
        type: 'number',
        default: 1,
        describe: 'Of the market: the same seed gives the same market',
      })
      .option('rate', {
        type: 'number',
        default: 200,
        describe: 'Market events per second, on average, all symbols together',
      })
      .option('allow-origin', {
        type: 'array',
        string: true,
        default: [],
        describe:
          'Web pages of these origins may connect, too; programs and pages of this machine always may',
      })
      .option('duration', { type: 'string', describe: 'As 10m; default: until Ctrl-C' })
      .example('retick simulate', 'then: retick record kraken BTC/USD --url ws://127.0.0.1:9001/v2')
      .epilogue(
        'Speaks Kraken’s WebSocket v2: status, trade, book with checksums, ticker, ohlc, instrument, heartbeat, ping.',
      ),
  run: async (args: Arguments, { output, interrupt }: Context) => {
    const rate = args.rate as number;
    if (!(rate > 0)) throw new UsageError(`--rate: ${args.rate} is wrong (allowed: above 0)`);
    const port = args.port as number;
    if (!(Number.isInteger(port) && port >= 0 && port <= 65_535))
      throw new UsageError(`--port: ${port} is wrong (allowed: 0 to 65535)`);
    const { duration } = args;
    const durationUs =
      duration === undefined ? Number.POSITIVE_INFINITY : parseWaitUs(String(duration), '--duration');
    const server = await startServer({
      seed: args.seed as number,
      port,
      eventsPerSecond: rate,
      origins: args.allowOrigin as readonly string[],
    });
    const { url } = server;
    const signal = interrupt.listen();
    output.note(`serving a simulated market at ${url} (Ctrl-C ends it)`);
    const timer = setInterval(() => {
      const { open, framesSent, messagesReceived } = server.counters;
      output.status(
        () =>
          `${url}  ${open} connections  ${count(framesSent)} frames sent  ${count(messagesReceived)} requests`,
        performance.now(),
      );
    }, 250);
    await wait(durationUs / 1000, signal);
    clearInterval(timer);
    await server.stop();
    output.result(
      { url, ...server.counters },
      `served ${count(server.counters.framesSent)} frames to ${server.counters.connections} connections`,
    );
    return EXIT.done;
  },
};
