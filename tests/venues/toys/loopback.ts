// A server on loopback for a toy venue: sockets and requests of one address, and a recorder that records it.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type WebSocket, WebSocketServer } from 'ws';
import { Recorder, type RecorderOptions } from '../../../src/connections/recorder.ts';
import { InputDigest } from '../../../src/core/digest.ts';
import { EventBatch, type StatusDetail } from '../../../src/core/event.ts';
import {
  type Control,
  decodeControl,
  type JournalRecord,
  RecordKind,
  type Session,
} from '../../../src/core/frame.ts';
import { readJournal } from '../../../src/journal/reader.ts';
import { createDecoder } from '../../../src/venues/router.ts';
import type { Venue } from '../../../src/venues/venue.ts';
import { Tape } from '../../connections/toy.ts';

/** What a toy's server says. `path` is that of the address; `say` sends to this socket. */
export type Talk = {
  opened?(path: string, say: (text: string) => void): void;
  heard?(text: string, say: (text: string) => void, path: string): void;
  answered?(path: string): string;
};

export async function serve(talk: Talk) {
  const http = createServer((request, response) => response.end(talk.answered?.(request.url ?? '') ?? ''));
  const sockets = new WebSocketServer({ server: http });
  const clients = new Tape<{ readonly path: string; readonly socket: WebSocket }>();
  sockets.on('connection', (socket, request) => {
    const path = request.url ?? '';
    const say = (text: string): void => socket.send(text);
    clients.push({ path, socket });
    socket.on('message', (data) => talk.heard?.(String(data), say, path));
    talk.opened?.(path, say);
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const stop = async (): Promise<void> => {
    for (const client of sockets.clients) client.terminate();
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  };
  return { address: `127.0.0.1:${(http.address() as AddressInfo).port}`, clients, stop };
}

export type Seen = {
  readonly record: JournalRecord;
  readonly control: Control | undefined;
  /** Rows and details, a line each, without times. */
  readonly lines: readonly string[];
};

/** Records a session, and keeps what the events of each record say. */
export function record(session: Session, venues: readonly Venue[], options: Partial<RecorderOptions> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'retick-toys-'));
  const seen = new Tape<Seen>();
  const digest = new InputDigest();
  const recorder = new Recorder({
    folder: join(folder, 'journal'),
    session,
    venues,
    connection: { checkMs: 20, backoff: { minMs: 10 } },
    journal: { seal: false },
    onEvents(batch, taken) {
      digest.fold(batch, 0, batch.length);
      const control = taken.kind === RecordKind.control ? decodeControl(taken) : undefined;
      seen.push({ record: taken, control, lines: linesOf(batch) });
    },
    ...options,
  });
  const drop = (): void => rmSync(folder, { recursive: true, force: true });
  const says = (line: string): Promise<Seen> =>
    seen.until(({ lines }) => lines.some((it) => it.includes(line)));
  return { folder, recorder, seen, says, digest, drop };
}

/** The digest of a journal's events, decoded again by a decoder that nobody answers. */
export async function decodedAgain(
  folder: string,
  session: Session,
  venues: readonly Venue[],
): Promise<string> {
  const decoder = createDecoder(session, venues);
  const [batch, digest] = [new EventBatch(), new InputDigest()];
  for await (const records of readJournal(join(folder, 'journal'))) {
    batch.reset();
    for (const taken of records) decoder.decode(taken, batch);
    digest.fold(batch, 0, batch.length);
  }
  return digest.value();
}

const KINDS = ['beat', 'status', 'instrument', 'level', 'quote', 'trade', 'candle'] as const;

function linesOf(batch: EventBatch): readonly string[] {
  return Array.from({ length: batch.length }, (_, row) => {
    const detail = batch.detail[row];
    if (detail?.type === 'status') return statusLine(detail);
    if (detail?.type === 'candle') return `candle ${batch.instrument[row]} ${detail.open} ${detail.close}`;
    if (detail?.type === 'instrument') return `instrument ${detail.instrument.symbol}`;
    return `${KINDS[batch.kind[row]!]} ${batch.instrument[row]} ${batch.price[row]} ${batch.size[row]}`;
  });
}

function statusLine(detail: StatusDetail): string {
  if (detail.state === 'control') return `control ${detail.control.type}`;
  if (detail.state === 'unknown') return `unknown ${detail.reason}`;
  const words = Object.entries(detail).flatMap(([key, value]) =>
    key === 'type' || key === 'fromUs' ? [] : [value],
  );
  return words.join(' ');
}
