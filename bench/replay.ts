// How fast a sealed recording is replayed, from Parquet to the run's folder: `retick replay` itself, with a strategy on
// candles, its run log and its tables. Two lengths, each read by a process of its own, show that memory does not grow.
// `node bench/replay.ts compose FOLDER EVENTS` and `… play FOLDER` are those processes.
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseRunConfig } from '../src/engine/config.ts';
import { replayTables } from '../src/feeds/replay.ts';
import { SILENT } from '../src/sessions/observer.ts';
import { replay } from '../src/sessions/replay.ts';
import { loadStrategies } from '../src/sessions/strategies.ts';
import { atLeast, type BenchRow, below } from './row.ts';
import { composeRecording, SYMBOLS } from './tape.ts';

type Played = { readonly events: number; readonly eventsPerSecond: number; readonly rssMax: number };

/** Recordings of `events` and of twice as many. */
export async function benchReplay(events: number): Promise<readonly BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const length of [events, events * 2]) {
    const folder = mkdtempSync(join(tmpdir(), 'retick-bench-replay-'));
    try {
      await runPart(['compose', folder, String(length)]);
      const run = await runPart(['play', folder]);
      const what = `${length / 1e6} M events`;
      rows.push(
        {
          name: `replay of ${what}, with strategy and log`,
          value: run.eventsPerSecond / 1e6,
          unit: 'M events/s',
          target: atLeast(3),
        },
        { name: `replay of ${what}, RSS at most`, value: run.rssMax / 1e6, unit: 'MB', target: below(400) },
      );
      if (length === events) continue;
      const { eventsPerSecond } = await runPart(['read', folder]);
      rows.push({
        name: 'the same tables read, and nothing done',
        value: eventsPerSecond / 1e6,
        unit: 'M events/s',
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return rows;
}

/** Runs one part in a process of its own; returns what it reports. */
async function runPart(words: readonly string[]): Promise<Played> {
  const child = fork(import.meta.filename, words, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  let report: Played | undefined;
  child.once('message', (message) => {
    report = message as Played;
  });
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  if (code !== 0 || report === undefined) throw new Error(`${words.join(' ')} ended with ${code}`);
  return report;
}

/** What `retick replay FOLDER RUN.yaml` does after it has read its arguments. */
async function play(folder: string): Promise<number> {
  const params = { symbol: SYMBOLS[0]!, fast: '1s', slow: '5s' };
  const config = parseRunConfig(
    {
      name: 'bench',
      venue: 'kraken',
      symbols: [...SYMBOLS],
      strategies: [{ use: 'mean-reversion', params }],
    },
    'bench',
  );
  const { run } = await replay({
    recording: folder,
    config,
    strategies: await loadStrategies(config, 'bench'),
    speed: Number.POSITIVE_INFINITY,
    isRaw: false,
    fromUs: undefined,
    toUs: undefined,
    batchSize: 4096,
    out: join(folder, 'run'),
    observer: SILENT,
    signal: new AbortController().signal,
  });
  return run.manifest.events;
}

async function read(folder: string): Promise<number> {
  let events = 0;
  for await (const batch of replayTables(folder).batches()) events += batch.length;
  return events;
}

if (import.meta.main) {
  const [part = '', folder = '', length = ''] = process.argv.slice(2);
  const start = performance.now();
  let events = Number(length);
  if (part === 'compose') await composeRecording(folder, events);
  else events = part === 'play' ? await play(folder) : await read(folder);
  const seconds = (performance.now() - start) / 1000;
  const played: Played = {
    events,
    eventsPerSecond: events / seconds,
    // The kernel's own high-water mark, in KiB.
    rssMax: process.resourceUsage().maxRSS * 1024,
  };
  if (process.send === undefined) console.table(played);
  else process.send(played);
}
