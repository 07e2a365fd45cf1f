// How many frames a second the recorder takes from loopback for as long as wanted, with Kraken's decoder behind it:
// a venue in a process of its own sends as fast as it is read, every frame is counted on both sides, and memory is
// watched. `node bench/record.ts [seconds]` runs it alone.
import { type ChildProcess, fork } from 'node:child_process';
import { on, once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type WebSocket, WebSocketServer } from 'ws';
import { Recorder } from '../src/connections/recorder.ts';
import { atLeast, type BenchRow, below } from './row.ts';

const SYMBOLS = ['BTC/USD', 'ETH/USD'];
/** Frames of one write, and unsent bytes at which the sender waits for its reader. */
const BURST = 200;
const UNSENT_BYTES_MAX = 8 << 20;
/** Until then the heap grows to the size it keeps; at this speed a leak of a hundredth would be past the limit soon. */
const WARMUP_SECONDS = 6;
const RSS_GROWTH_MAX_MB = 32;
const TIME = '2026-01-02T03:04:05.000001Z';

/** Frames a second, frames lost, and resident memory after a warm-up and at the end. */
export async function benchRecord(options: { readonly seconds: number }): Promise<readonly BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'retick-bench-record-'));
  const sender = fork(import.meta.filename, ['sender'], { stdio: 'inherit' });
  try {
    const [url] = (await once(sender, 'message')) as [string];
    return await measure(sender, url, folder, options.seconds);
  } finally {
    sender.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(
  sender: ChildProcess,
  url: string,
  folder: string,
  seconds: number,
): Promise<readonly BenchRow[]> {
  const session = { venue: 'kraken', url, symbols: SYMBOLS, channels: ['trade'], depth: 10, candleUs: 0 };
  let events = 0;
  const recorder = new Recorder({
    folder,
    session,
    onEvents: (batch) => {
      events += batch.length;
    },
  });
  await recorder.start();
  await sleep(WARMUP_SECONDS * 1000);
  const before = { ...recorder.status(), atMs: performance.now(), rss: process.memoryUsage.rss(), events };
  let rssMax = before.rss;
  const watch = setInterval(() => {
    rssMax = Math.max(rssMax, process.memoryUsage.rss());
  }, 100);
  await sleep(Math.max(1, seconds - WARMUP_SECONDS) * 1000);
  clearInterval(watch);
  const after = { ...recorder.status(), atMs: performance.now(), rss: process.memoryUsage.rss(), events };
  sender.send('stop');
  const [sent] = (await once(sender, 'message')) as [number];
  for (let waitedMs = 0; recorder.status().frames < sent && waitedMs < 10_000; waitedMs += 10)
    await sleep(10);
  const summary = await recorder.stop('the benchmark is over');
  const elapsed = (after.atMs - before.atMs) / 1000;
  const perSecond = (grown: number): number => grown / elapsed;
  const growth = (after.rss - before.rss) / 1e6;
  return [
    {
      name: 'frames taken from loopback',
      value: perSecond(after.frames - before.frames),
      unit: 'frames/s',
      target: atLeast(50_000),
    },
    { name: 'payload', value: perSecond(after.bytes - before.bytes) / 1e6, unit: 'MB/s' },
    { name: 'frame size', value: summary.bytes / summary.frames, unit: 'B' },
    { name: 'events', value: perSecond(after.events - before.events), unit: 'events/s' },
    { name: 'lost', value: sent - summary.frames, unit: 'frames', target: below(1) },
    { name: 'not acknowledged', value: summary.lastSeq - summary.acknowledgedSeq, unit: 'records' },
    { name: 'RSS at most', value: rssMax / 1e6, unit: 'MB' },
    { name: 'RSS grown since the warm-up', value: growth, unit: 'MB', target: below(RSS_GROWTH_MAX_MB) },
  ];
}

/** The venue, in its own process: acknowledges, then floods with trades of two deals a frame, about 300 bytes. */
async function send(): Promise<void> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, path: '/v2', perMessageDeflate: false });
  await once(server, 'listening');
  const address = server.address();
  if (typeof address === 'string' || address === null) throw new Error('the server has no port');
  process.send?.(`ws://127.0.0.1:${address.port}/v2`);
  const [socket, request] = (await once(server, 'connection')) as [WebSocket, IncomingMessage];
  let sent = 0;
  let isStopped = false;
  process.on('message', () => {
    isStopped = true;
    process.send?.(sent);
  });
  const say = (text: string): void => {
    sent += 1;
    socket.send(text);
  };
  for await (const [data] of on(socket, 'message')) {
    const { params, req_id } = JSON.parse(String(data));
    for (const symbol of params.symbol ?? [undefined]) {
      const result = { channel: params.channel, snapshot: true, symbol };
      say(
        JSON.stringify({ method: 'subscribe', result, success: true, time_in: TIME, time_out: TIME, req_id }),
      );
    }
    if (params.channel === 'trade') break;
  }
  let tradeId = 1;
  const flood = (): void => {
    if (isStopped) return;
    request.socket.cork();
    for (let i = 0; i < BURST; i++) {
      const symbol = SYMBOLS[i % 2];
      const deal = (id: number): string =>
        `{"symbol":"${symbol}","side":"buy","price":62807.1,"qty":0.00027625,"ord_type":"limit","trade_id":${id},"timestamp":"${TIME}"}`;
      say(`{"channel":"trade","type":"update","data":[${deal(tradeId)},${deal(tradeId + 1)}]}`);
      // Each symbol counts its own trades: both have had the same number after an even frame.
      if (i % 2 === 1) tradeId += 2;
    }
    request.socket.uncork();
    if (socket.bufferedAmount > UNSENT_BYTES_MAX) setTimeout(flood, 1);
    else setImmediate(flood);
  };
  flood();
}

if (import.meta.main) {
  if (process.argv[2] === 'sender') await send();
  else console.table(await benchRecord({ seconds: Number(process.argv[2] ?? 60) }));
}
