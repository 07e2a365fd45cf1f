// `retick demo`: the whole of it on this machine, no network: an embedded venue, live-paper, replay, backtest,
// comparison, latency, report. Each step is the command of that name, called from here.
import { lstatSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Argv } from 'yargs';
import { WAIT_MAX_US } from '../connections/wait.ts';
import { assert } from '../core/assert.ts';
import { UsageError } from '../core/errors.ts';
import { readSession } from '../datasets/frames.ts';
import type { Manifest } from '../datasets/manifest.ts';
import { parseRunConfig, type RunConfig } from '../engine/config.ts';
import { writeReport } from '../reports/report.ts';
import { type Comparison, compareRuns, type Limits } from '../runs/compare.ts';
import type { Run } from '../runs/run.ts';
import { backtest } from '../sessions/backtest.ts';
import type { LoadedBundle } from '../sessions/identity.ts';
import { type PaperResult, paper } from '../sessions/paper.ts';
import {
  isRecording,
  isRecordingFile,
  requireRecordingPlace,
  requireReportPlace,
  requireRunPlace,
} from '../sessions/place.ts';
import { replay } from '../sessions/replay.ts';
import { SOFTWARE } from '../sessions/software.ts';
import { loadStrategies } from '../sessions/strategies.ts';
import { startServer } from '../simulated/server.ts';
import type { Arguments, Command, Context } from './command.ts';
import { EXIT } from './exit.ts';
import { formatLatency } from './latency.ts';
import { count, type Output, paint, table } from './output.ts';
import { leaderboard } from './summary.ts';
import { watch } from './watch.ts';

export const command: Command = {
  usage: 'demo [--seed 7] [--seconds 14]',
  options: (argv: Argv) =>
    argv
      .demandCommand(0, 0)
      .option('seed', { type: 'number', default: 7, describe: 'Of the simulated market' })
      .option('seconds', { type: 'number', default: 14, describe: 'Length of the live part' }),
  run: async (args: Arguments, { output, interrupt }: Context) => {
    const seconds = args.seconds as number;
    if (!(seconds >= SECONDS_MIN && seconds <= WAIT_MAX_US / 1e6)) {
      throw new UsageError(
        `--seconds: ${seconds} is wrong (allowed: ${SECONDS_MIN} to ${WAIT_MAX_US / 1e6})`,
      );
    }
    const signal = interrupt.listen();
    const result = await demo({
      seed: args.seed as number,
      seconds,
      output,
      signal,
    });
    output.result(result.value, result.text);
    return result.isProven ? EXIT.done : EXIT.failed;
  },
};

const SECONDS_MIN = 3;

type DemoRequest = {
  readonly seed: number;
  readonly seconds: number;
  readonly output: Output;
  readonly signal: AbortSignal;
};

type DemoResult = { readonly value: unknown; readonly text: string; readonly isProven: boolean };

async function demo(request: DemoRequest): Promise<DemoResult> {
  const { seed, seconds, output, signal } = request;
  const recording = join('datasets', 'demo');
  const report = join('reports', 'demo', 'report.html');
  await clearDemo(recording, report);
  const server = await startServer({
    seed,
    eventsPerSecond: 400,
    faults: [
      { atS: seconds * 0.4, type: 'checksum', symbol: 'BTC/USD' },
      { atS: seconds * 0.65, type: 'disconnect' },
    ],
  });
  const config = demoConfig(server.url);
  const strategies = await loadStrategies(config, 'demo');
  say(
    output,
    1,
    `live-paper: ${strategies.length} strategies on a simulated Kraken at ${server.url}, ${seconds} s`,
  );
  const live = await paper({
    config,
    strategies,
    durationUs: seconds * 1e6,
    recording,
    out: join('reports', 'demo-paper'),
    observer: watch(output),
    signal,
    software: SOFTWARE_OF_DEMO,
    connection: { backoff: { minMs: 200, maxMs: 2000, factor: 2, jitter: 0.2 } },
  }).finally(() => server.stop());
  if (signal.aborted || live.manifest === undefined) return INTERRUPTED;
  output.note(liveStory(live, live.manifest));

  say(output, 2, 'replay the recording: 100x, as fast as possible, and through the decoder again');
  const replays = await runReplays(request, live, { recording, config, strategies });
  if (replays === undefined) return INTERRUPTED;

  say(output, 3, 'backtest: the same strategies over the derived trades and book, as historical data');
  const historical = await runBacktest(request, recording, config, strategies);
  if (signal.aborted) return INTERRUPTED;
  const comparison = compareRuns(live.run, historical, { limits: DEMO_LIMITS });
  output.note(backtestStory(comparison));

  say(output, 4, 'latency of the live run, and the report');
  output.note(formatLatency(live.run.measured?.latency ?? {}));
  await writeReport(report, { run: live.run, other: historical, comparison, isStatic: false });
  const isExact = replays.every((run) => run.manifest.digest === live.run.manifest.digest);
  const verdict = [
    `live = replay, bit for bit: ${isExact ? paint('green', 'yes') : paint('red', 'no')}   (digest ${live.run.manifest.digest.slice(0, 16)})`,
    `live ≈ backtest within limits: ${comparison.isWithin ? paint('green', 'yes') : paint('red', 'no')}   (${comparison.verdict.headline})`,
    `report: ${report}`,
  ].join('\n');
  return {
    value: {
      isExact,
      isWithin: comparison.isWithin,
      headline: comparison.verdict.headline,
      digest: live.run.manifest.digest,
      report,
      runs: RUNS.map((name) => join('reports', name)),
    },
    text: verdict,
    isProven: isExact && comparison.isWithin,
  };
}

const INTERRUPTED: DemoResult = {
  value: { isInterrupted: true },
  text: 'interrupted: nothing was proven',
  isProven: false,
};

/**
 * A handful of decisions and fills has no tenth. On a busy machine frames come late, and a decision more or less is what
 * latency does; the values of indicators have to agree all the same.
 */
const DEMO_LIMITS: Partial<Limits> = { decisions: { count: 4 }, orders: { count: 8 }, fills: { count: 4 } };

/** What the demo calls itself in its recording, by which the next one knows that it may replace it. */
const SOFTWARE_OF_DEMO = `${SOFTWARE} demo`;

/** The demo replaces its own recording, runs and report, nobody else's: all are looked at before any is removed. */
async function clearDemo(recording: string, report: string): Promise<void> {
  await requireOwn(recording);
  const runs = RUNS.map((name) => join('reports', name));
  for (const folder of runs) requireRunPlace(folder, demoConfig('').name);
  requireReportPlace(report, '', true);
  for (const folder of [recording, ...runs]) rmSync(folder, { recursive: true, force: true });
}

async function requireOwn(recording: string): Promise<void> {
  if (lstatSync(recording, { throwIfNoEntry: false }) === undefined) return;
  if (!isRecording(recording)) {
    requireRecordingPlace(recording, 'demo', 'new');
    return;
  }
  const { session, software } = await readSession(recording);
  const isOurs = software.endsWith(' demo');
  const strangers = readdirSync(recording).filter((name) => !isRecordingFile(name));
  if (isOurs && strangers.length === 0) return;
  const what = isOurs
    ? `holds other files, too (${strangers.join(', ')})`
    : `is a recording of ${session.url}`;
  throw new UsageError(`${recording} ${what}, and the demo would replace it: rename it first`);
}

const REPLAYS: readonly (readonly [name: string, speed: number, isRaw: boolean])[] = [
  ['demo-replay-100x', 100, false],
  ['demo-replay-max', Number.POSITIVE_INFINITY, false],
  ['demo-replay-raw', Number.POSITIVE_INFINITY, true],
];
const RUNS = ['demo-paper', ...REPLAYS.map(([name]) => name), 'demo-backtest'];

function demoConfig(url: string): RunConfig {
  return parseRunConfig(
    {
      name: 'demo',
      venue: 'kraken',
      url,
      symbols: ['BTC/USD', 'ETH/USD', 'XRP/USD'],
      depth: 25,
      seed: 1,
      // Trades missed in the outage come back from the venue's snapshot within a second: candles wait for them.
      candles: { grace: '1s' },
      strategies: [
        { use: 'mean-reversion', params: { symbol: 'BTC/USD', fast: '1s', slow: '5s', length: 3 } },
        { use: 'order-flow', params: { symbol: 'ETH/USD', interval: '1s', length: 2 } },
      ],
    },
    'demo',
  );
}

/** Undefined when it was interrupted. */
async function runReplays(
  { output, signal }: DemoRequest,
  live: PaperResult,
  of: {
    readonly recording: string;
    readonly config: RunConfig;
    readonly strategies: readonly LoadedBundle[];
  },
): Promise<readonly Run[] | undefined> {
  const replays: Run[] = [];
  for (const [name, speed, isRaw] of REPLAYS) {
    const { run } = await replay({
      ...{ ...of, isRaw, speed, signal },
      ...{ fromUs: undefined, toUs: undefined, batchSize: 4096 },
      out: join('reports', name),
      observer: watch(output),
    });
    if (signal.aborted) return undefined;
    replays.push(run);
    output.note(replayStory(live.run, run));
  }
  return replays;
}

async function runBacktest(
  request: DemoRequest,
  dataset: string,
  config: RunConfig,
  strategies: readonly LoadedBundle[],
): Promise<Run> {
  const { run } = await backtest({
    observer: watch(request.output),
    signal: request.signal,
    dataset,
    config,
    strategies,
    latencyUs: 0,
    fromUs: undefined,
    toUs: undefined,
    batchSize: 4096,
    out: join('reports', 'demo-backtest'),
  });
  return run;
}

function say(output: Output, step: number, text: string): void {
  output.note(`\n${paint('bold', `${step}. ${text}`)}`);
}

function liveStory({ run, session, summary }: PaperResult, manifest: Manifest): string {
  assert(summary.frames > 0, 'the demo recorded frames');
  return [
    `${count(summary.frames)} frames recorded, ${count(run.manifest.events)} events; reconnects ${summary.reconnects}`,
    `lived through: ${formatGaps(manifest)}`,
    leaderboard(session),
    `digest ${run.manifest.digest.slice(0, 16)}`,
  ].join('\n');
}

/** By cause the symbols, and how many of their streams it was. */
function formatGaps({ gaps }: Manifest): string {
  if (gaps.length === 0) return 'no gap';
  return [...Map.groupBy(gaps, ({ cause }) => cause)]
    .map(([cause, group]) => {
      const symbols = [...new Set(group.map(({ symbol }) => symbol))].filter((symbol) => symbol !== '');
      const streams = group.length > symbols.length ? ` (${group.length} streams)` : '';
      return `${cause} ${symbols.join(', ')}${streams}`;
    })
    .join('; ');
}

function replayStory(live: Run, { manifest, measured }: Run): string {
  const isEqual = manifest.digest === live.manifest.digest;
  const speed = measured?.achievedSpeed == null ? '' : `${count(measured.achievedSpeed)}x achieved`;
  const mark = isEqual ? paint('green', '= live') : paint('red', '≠ live');
  return `${manifest.id.padEnd(18)} digest ${manifest.digest.slice(0, 16)} ${mark}   ${speed}`;
}

function backtestStory(comparison: Comparison): string {
  return table(
    ['value', 'matched', 'within 0.01 %', 'max relative', 'only live', 'only backtest'],
    comparison.indicators.map((parity) => [
      parity.name,
      count(parity.matched),
      count(parity.matched - parity.beyond),
      parity.maxRelative === 0 ? '0' : parity.maxRelative.toExponential(1),
      count(parity.onlyLeft),
      count(parity.onlyRight),
    ]),
  );
}
