import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createClock } from '../../src/connections/clock.ts';
import { Recorder, type RecorderOptions } from '../../src/connections/recorder.ts';
import { InputDigest } from '../../src/core/digest.ts';
import { UsageError, VenueError } from '../../src/core/errors.ts';
import { EventBatch, EventKind } from '../../src/core/event.ts';
import { type Control, decodeControl, type JournalRecord, RecordKind } from '../../src/core/frame.ts';
import { OpenSegment } from '../../src/journal/open.ts';
import { readJournal } from '../../src/journal/reader.ts';
import { acknowledge, startToyServer, Tape, toy, toySession } from './toy.ts';

const cleanups: (() => unknown)[] = [];
const backoff = { minMs: 5, maxMs: 40, factor: 2, jitter: 0.2 };
const text = new TextDecoder();

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'retick-recorder-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function serve() {
  const server = await startToyServer();
  cleanups.push(() => server.stop());
  return server;
}

function record(url: string, options: Partial<RecorderOptions> = {}) {
  const folder = options.folder ?? temporaryFolder();
  const records = new Tape<JournalRecord>();
  const digest = new InputDigest();
  const recorder = new Recorder({
    folder,
    venues: [toy],
    session: toySession(url),
    connection: { backoff },
    // The payload is a Buffer here and plain bytes when it is read back; they are compared as plain bytes.
    onRecord: (item) => records.push({ ...item, payload: Uint8Array.from(item.payload) }),
    onEvents: (batch) => digest.fold(batch, 0, batch.length),
    ...options,
  });
  cleanups.push(() => recorder.stop('the test is over'));
  const is = (line: string): Promise<JournalRecord> =>
    records.until((item) => item.kind === RecordKind.text && text.decode(item.payload) === line);
  return { folder, recorder, records, digest, is };
}

async function read(folder: string): Promise<readonly JournalRecord[]> {
  const records: JournalRecord[] = [];
  for await (const batch of readJournal(folder)) {
    for (const item of batch) records.push({ ...item, payload: Uint8Array.from(item.payload) });
  }
  return records;
}

function controlsOf(records: readonly JournalRecord[]): Control[] {
  return records.filter((item) => item.kind === RecordKind.control).map(decodeControl);
}

/** The lines and controls of a recording, short: what happened, in order, without the beats. */
function story(records: readonly JournalRecord[]): string[] {
  return records
    .filter((item) => item.kind !== RecordKind.beat)
    .map((item) => (item.kind === RecordKind.control ? decodeControl(item).type : text.decode(item.payload)));
}

describe('a recording', () => {
  test('holds every record that was heard live, in order and byte for byte, and decodes to the same events', async () => {
    const server = await serve();
    const { folder, recorder, records, digest, is } = record(server.url);
    await recorder.start();
    const client = await server.client(0);
    for (let index = 0; index < 3000; index++) client.send(`T A ${index} 1 ${index}`);
    client.send('what is this');
    client.send(Buffer.from([1, 2, 3]), { binary: true });
    client.terminate();
    (await server.client(1)).send('T B 7 1');
    await is('T B 7 1');
    const summary = await recorder.stop('done');

    const stored = await read(folder);
    expect(stored).toEqual(records.items);
    expect(stored.map((item) => item.seq)).toEqual(stored.map((_, index) => index + 1));
    expect(stored.every((item, row) => row === 0 || item.receivedUs >= stored[row - 1]!.receivedUs)).toBe(
      true,
    );
    expect(new Set(stored.map((item) => item.connection))).toEqual(new Set([0, 1]));

    const again = new InputDigest();
    const decoder = toy.createDecoder(toySession(server.url));
    const batch = new EventBatch();
    for (const item of stored) {
      batch.reset();
      decoder.decode(item, batch);
      again.fold(batch, 0, batch.length);
    }
    expect(again.value()).toBe(digest.value());
    const types = controlsOf(stored).map((control) => control.type);
    expect(types.slice(0, 5)).toEqual(['session', 'connecting', 'opened', 'sent', 'sent']);
    expect(types.slice(-2)).toEqual(['closed', 'end']);
    expect(summary).toMatchObject({ reason: 'done', reconnects: 1, unknown: 2, connected: false });
    expect(summary.records).toBe(stored.length);
    expect(summary.frames).toBe(stored.filter((item) => item.kind < RecordKind.control).length);
    expect(summary.acknowledgedSeq).toBe(stored.length);
  });

  test('goes on in the same folder after another recorder, with the next number and a session of its own', async () => {
    const server = await serve();
    const clock = createClock();
    clock.advanceTo(clock.nowUs() + 3_600_000_000);
    const first = record(server.url, { clock });
    await first.recorder.start();
    await first.recorder.stop('pause');
    // The wall clock is an hour behind by now, and the journal goes on all the same.
    const second = record(server.url, { folder: first.folder });
    await second.recorder.start();
    await second.recorder.stop('done');
    const stored = await read(first.folder);
    expect(stored.map((item) => item.seq)).toEqual(stored.map((_, index) => index + 1));
    const controls = controlsOf(stored);
    expect(controls.filter((control) => control.type === 'session')).toHaveLength(2);
    const step = controls.find((control) => control.type === 'clockStep');
    expect(step?.type === 'clockStep' ? Math.round(step.stepUs / 60e6) : Number.NaN).toBe(-60);
  });

  test('beats while nothing else is said, within the bound, and only then', async () => {
    const server = await serve();
    const { recorder, records, is } = record(server.url, { limits: { beatMs: 40 } });
    await recorder.start();
    const { seq } = await records.until((item) => item.kind === RecordKind.beat);
    const beat = records.items.find((item) => item.seq === seq)!;
    const before = records.items.find((item) => item.seq === seq - 1)!;
    expect(beat.payload).toHaveLength(0);
    expect(beat.receivedUs - before.receivedUs).toBeGreaterThan(30_000);
    const client = await server.client(0);
    const talk = setInterval(() => client.send('H'), 5);
    await is('H');
    setTimeout(() => client.send('T A 1 1'), 150);
    const { seq: endSeq } = await is('T A 1 1');
    clearInterval(talk);
    const busy = records.items.filter((item) => item.seq > seq && item.seq < endSeq);
    const talkUs = busy.filter((item) => item.kind === RecordKind.text).map((item) => item.receivedUs);
    const quietUs = talkUs.map((us, row) => (row === 0 ? 0 : us - talkUs[row - 1]!));
    // A machine that stalls may earn a beat; one that does not must have none.
    if (Math.max(...quietUs) < 30_000) {
      expect(
        busy.slice(busy.findIndex((item) => item.kind === RecordKind.text)).every((item) => item.kind === 0),
      ).toBe(true);
    }
  });

  test('keeps steps of the wall clock, and does not follow them', async () => {
    const server = await serve();
    let stepMs = 0;
    const source = { wallMs: () => Date.now() + stepMs, monotonicMs: () => performance.now() };
    const { recorder, records } = record(server.url, {
      clock: createClock({ source }),
      limits: { sampleMs: 10 },
    });
    await recorder.start();
    stepMs = -5000;
    const isStep = (item: JournalRecord) =>
      item.kind === RecordKind.control && decodeControl(item).type === 'clockStep';
    const control = decodeControl(await records.until(isStep));
    expect(control.type === 'clockStep' ? Math.round(control.stepUs / 1e5) : Number.NaN).toBe(-50);
    const timesUs = records.items.map((item) => item.receivedUs);
    expect(timesUs).toEqual(timesUs.toSorted((left, right) => left - right));
  });
});

describe('what listens', () => {
  test('hears a frame before the connection reacts to it, and is never called within its own call', async () => {
    const server = await serve();
    let depth = 0;
    const heard: string[] = [];
    const { recorder, is, folder } = record(server.url, {
      onEvents(batch, item) {
        expect(depth++).toBe(0);
        if (item.kind === RecordKind.text && batch.detail.length > 0) heard.push(text.decode(item.payload));
        if (item.kind === RecordKind.control) heard.push(decodeControl(item).type);
        depth--;
      },
    });
    await recorder.start();
    server.answer = () => ['S A 1 1'];
    (await server.client(0)).send('G A checksum');
    await is('S A 1 1');
    await recorder.stop('done');
    expect(heard.slice(heard.indexOf('G A checksum'))).toEqual([
      'G A checksum',
      'resync',
      'sent',
      'sent',
      'closed',
      'end',
    ]);
    const told = story(await read(folder));
    expect(told.slice(told.indexOf('G A checksum') + 1).slice(0, 4)).toEqual([
      'resync',
      'sent',
      'sent',
      'S A 1 1',
    ]);
    expect(recorder.status().gaps).toEqual({ checksum: 1 });
  });

  test('is dropped when it throws; the recording goes on and says so', async () => {
    const server = await serve();
    const errors: string[] = [];
    let calls = 0;
    const { recorder, is, folder } = record(server.url, {
      onEvents(batch) {
        calls += 1;
        if (batch.length > 0 && batch.kind[0] === EventKind.trade) throw new Error('no such thing');
      },
      onListenerError: (error, item) => errors.push(`${error.message} at ${text.decode(item.payload)}`),
    });
    await recorder.start();
    const client = await server.client(0);
    client.send('T A 1 1');
    await is('T A 1 1');
    const callsBefore = calls;
    client.send('T A 2 1');
    await is('T A 2 1');
    await recorder.stop('done');
    expect(errors).toEqual(['no such thing at T A 1 1']);
    expect(calls).toBe(callsBefore);
    const told = story(await read(folder));
    expect(told.slice(told.indexOf('T A 1 1')).slice(0, 3)).toEqual(['T A 1 1', 'fault', 'T A 2 1']);
  });

  test('may be a broken decoder: frames are kept for a better one, and the fault is told once', async () => {
    const server = await serve();
    const { recorder, is, folder } = record(server.url);
    await recorder.start();
    const client = await server.client(0);
    for (const line of ['!', '!', 'T A 3 1']) client.send(line);
    await is('T A 3 1');
    const summary = await recorder.stop('done');
    expect(summary.unknown).toBe(2);
    const told = story(await read(folder));
    expect(told.slice(told.indexOf('!')).slice(0, 4)).toEqual(['!', 'fault', '!', 'T A 3 1']);
  });

  test('may measure each stage of a frame, in rising order', async () => {
    const server = await serve();
    const stages: number[][] = [];
    const { recorder, is } = record(server.url, {
      probe: { frame: (...stage: readonly number[]) => stages.push([...stage]) },
    });
    await recorder.start();
    (await server.client(0)).send('T A 1 1');
    await is('T A 1 1');
    const summary = await recorder.stop('done');
    expect(stages).toHaveLength(summary.frames);
    expect(stages.every(([a, b, c]) => a! > 0 && b! >= a! && c! >= b!)).toBe(true);
  });
});

describe('the start', () => {
  test('fails with the words of the venue when a subscription is refused, and leaves a whole journal', async () => {
    const server = await serve();
    server.answer = (channel, symbol) =>
      channel === 'book' ? ['NO book B Subscription depth not supported'] : acknowledge(channel, symbol);
    const { recorder, folder } = record(server.url);
    const refusal = new VenueError('toy refused book B: Subscription depth not supported');
    await expect(recorder.start()).rejects.toThrow(refusal);
    expect(controlsOf(await read(folder)).at(-1)).toEqual({ type: 'end', reason: 'the start failed' });
  });

  test('fails when nothing is reached within its limit, and says why', async () => {
    const server = await startToyServer();
    await server.stop();
    const { recorder } = record(server.url, { limits: { startMs: 60 } });
    await expect(recorder.start()).rejects.toThrow(
      /^toy at ws:.* did not answer within 60 ms: connect ECONNREFUSED/,
    );
  });

  test('refuses an address that is none, before anything is written', async () => {
    const { recorder } = record('kraken.com');
    await expect(recorder.start()).rejects.toThrow(UsageError);
  });

  test('refuses a session that the venue cannot serve, before anything is written', () => {
    const connections = (): never => {
      throw new UsageError('book depth 7 is not on offer (allowed: 10)');
    };
    expect(() => record('ws://localhost:1', { venues: [{ ...toy, connections }] })).toThrow(UsageError);
  });

  test('may be interrupted while the journal is being opened, which then is given back', async () => {
    const { recorder, folder } = record('ws://localhost:1');
    const started = recorder.start();
    const summary = await recorder.stop('interrupted');
    await started;
    expect(summary).toMatchObject({ records: 0, reason: 'interrupted' });
    const server = await serve();
    const { recorder: next } = record(server.url, { folder });
    await next.start();
  });

  test('of a second recorder in the same folder fails, and harms nobody', async () => {
    const server = await serve();
    const { recorder, folder } = record(server.url);
    await recorder.start();
    const { recorder: second } = record(server.url, { folder });
    await expect(second.start()).rejects.toThrow(/is in use/);
    expect((await second.stop('could not start')).records).toBe(0);
    expect(recorder.status().connected).toBe(true);
  });

  test('may be interrupted, and the stop is the same however often it is asked for', async () => {
    const server = await startToyServer();
    await server.stop();
    const { recorder, records, folder } = record(server.url);
    const started = recorder.start();
    await records.until((item) => item.kind === RecordKind.control && decodeControl(item).type === 'failed');
    const stopped = recorder.stop('interrupted');
    expect(recorder.stop('again')).toBe(stopped);
    await started;
    expect((await stopped).reason).toBe('interrupted');
    expect(controlsOf(await read(folder)).at(-1)).toEqual({ type: 'end', reason: 'interrupted' });
  });
});

describe('the disk', () => {
  test('that fails ends the recorder with a clear error, and keeps what was acknowledged', async () => {
    const server = await serve();
    const journal = { rotateBytes: 5000, flushMs: 5, syncMs: 5 };
    const { recorder, folder } = record(server.url, { journal });
    await recorder.start();
    // The next segment cannot be opened where there is no folder.
    rmSync(folder, { recursive: true });
    const client = await server.client(0);
    for (let index = 0; index < 500; index++) client.send(`T A ${index} 1`);
    await expect(recorder.failed).rejects.toThrow(
      /^cannot write the journal in .*acknowledged up to record \d+/,
    );
    expect(recorder.status().connected).toBe(false);
    const summary = await recorder.stop('journal failed');
    expect(summary.acknowledgedSeq).toBeGreaterThan(0);
    expect(summary.acknowledgedSeq).toBeLessThanOrEqual(summary.lastSeq);
  });

  test('that is slow presses back on the venue: nothing is lost, and the stall is told', async () => {
    const server = await serve();
    const { recorder, folder, is } = record(server.url, { limits: { stallBytes: 20_000 } });
    await recorder.start();
    const client = await server.client(0);
    const pad = 'x'.repeat(1000);
    for (let index = 0; index < 2000; index++) client.send(`T A ${index} 1 1 ${pad}`);
    client.send('T B 1 1');
    await is('T B 1 1');
    await recorder.stop('done');
    const stored = await read(folder);
    const lines = story(stored).filter((line) => line.startsWith('T A'));
    expect(lines).toEqual(Array.from({ length: 2000 }, (_, index) => `T A ${index} 1 1 ${pad}`));
    const stalls = controlsOf(stored).filter((control) => control.type === 'stall');
    expect(stalls.length).toBeGreaterThan(0);
  });
});

/** A disk that does not answer until it is let. */
function hangDisk(): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  const write = OpenSegment.prototype.write;
  const spy = vi.spyOn(OpenSegment.prototype, 'write').mockImplementation(async function (
    this: OpenSegment,
    pieces,
  ) {
    await promise;
    return write.call(this, pieces);
  });
  cleanups.push(() => spy.mockRestore());
  return resolve;
}

describe('a stop while the disk hangs', () => {
  test('writes what waits in memory once it answers, and says what there was no room for', async () => {
    const server = await serve();
    const { recorder, folder } = record(server.url, {
      connection: { backoff, closeMs: 30_000 },
      limits: { stallBytes: 20_000 },
      journal: { flushRows: 20, flushBytes: 20_000, queueBytes: 150_000 },
    });
    await recorder.start();
    const letGo = hangDisk();
    const client = await server.client(0);
    const pad = 'x'.repeat(1000);
    for (let index = 0; index < 400; index++) client.send(`T A ${index} 1 1 ${pad}`);
    await expect.poll(() => recorder.status().stalled, { timeout: 20_000 }).toBe(true);
    const stopped = recorder.stop('done');
    // The venue answers the goodbye after all that it had sent.
    await expect.poll(() => recorder.status().connected, { timeout: 20_000 }).toBe(false);
    expect(recorder.waitingRecords).toBeGreaterThan(10);
    letGo();
    const summary = await stopped;
    expect(recorder.waitingRecords).toBe(0);
    const stored = await read(folder);
    const lines = story(stored).filter((line) => line.startsWith('T A'));
    expect(lines).toEqual(Array.from({ length: lines.length }, (_, index) => `T A ${index} 1 1 ${pad}`));
    const controls = controlsOf(stored);
    const drops = controls.filter((control) => control.type === 'drop');
    expect(drops).toEqual([expect.objectContaining({ frames: 400 - lines.length })]);
    expect(controls.map(({ type }) => type).slice(-3)).toEqual(['stall', 'drop', 'end']);
    expect(summary).toMatchObject({
      drops: 400 - lines.length,
      failure: null,
      acknowledgedSeq: stored.length,
    });
    expect(summary.stalls).toBeGreaterThan(0);
  });
});

describe('a pause of the recorder', () => {
  test('is told before the frames that waited, and their number behind them', async () => {
    const server = await serve();
    let skippedMs = 0;
    const source = { wallMs: () => Date.now(), monotonicMs: () => performance.now() + skippedMs };
    const { recorder, folder, is } = record(server.url, {
      clock: createClock({ source }),
      limits: { beatMs: 600_000, pauseMs: 60_000 },
    });
    await recorder.start();
    const client = await server.client(0);
    client.send('T A 1 1');
    await is('T A 1 1');
    skippedMs = 90_000;
    for (const line of ['T A 2 1', 'T A 3 1', 'T A 4 1']) client.send(line);
    await is('T A 4 1');
    const summary = await recorder.stop('done');
    const stored = await read(folder);
    const told = story(stored);
    expect(told.slice(told.indexOf('T A 1 1'), told.indexOf('T A 2 1') + 1)).toEqual([
      'T A 1 1',
      'pause',
      'T A 2 1',
    ]);
    const late = controlsOf(stored).filter((control) => control.type === 'late');
    expect(late).toEqual([
      { type: 'late', frames: expect.any(Number), bytes: expect.any(Number), pausedMs: expect.any(Number) },
    ]);
    const [{ frames, pausedMs }] = late as [Extract<Control, { type: 'late' }>];
    expect(frames).toBeGreaterThanOrEqual(1);
    expect(frames).toBeLessThanOrEqual(3);
    expect(Math.round(pausedMs / 1000)).toBeGreaterThanOrEqual(89);
    expect(summary).toMatchObject({ pauses: 1, lateFrames: frames, pausedMs });
  });
});

describe('a folder', () => {
  test.each(['moved', 'removed'])(
    'that is %s ends the recorder at once, with what it took in its place',
    async (what) => {
      const server = await serve();
      const { recorder, folder, is } = record(server.url, { journal: { watchMs: 10, seal: false } });
      await recorder.start();
      const client = await server.client(0);
      client.send('T A 1 1');
      await is('T A 1 1');
      const elsewhere = join(temporaryFolder(), 'elsewhere');
      if (what === 'moved') renameSync(folder, elsewhere);
      else rmSync(folder, { recursive: true });
      await expect(recorder.failed).rejects.toThrow(
        /000001\.arrow is not there any more: was the folder moved or removed\?/,
      );
      const summary = await recorder.stop('failed');
      expect(summary.failure).toContain('moved or removed');
      expect(existsSync(folder)).toBe(false);
      if (what === 'moved') expect((await read(elsewhere)).at(-1)?.seq).toBe(summary.lastSeq);
    },
  );
});

test('a segment that cannot be sealed is a record, is counted, and is sealed once that works', async () => {
  const server = await serve();
  const folder = temporaryFolder();
  const journal = { rotateBytes: 20_000, flushRows: 10, sealRetryMs: 5 };
  const { recorder, is, records } = record(server.url, { folder, journal });
  await recorder.start();
  // Where the sealer wants to write its file there is a folder.
  mkdirSync(join(folder, '000001.json.partial'));
  const client = await server.client(0);
  for (let index = 0; index < 200; index++) client.send(`T A ${index} 1 1 ${'x'.repeat(100)}`);
  await is(`T A 199 1 1 ${'x'.repeat(100)}`);
  const isFailure = (item: JournalRecord): boolean =>
    item.kind === RecordKind.control && decodeControl(item).type === 'sealFailure';
  const told = decodeControl(await records.until(isFailure));
  expect(told).toMatchObject({ segment: '000001', attempt: 1, reason: expect.stringMatching(/EISDIR/) });
  rmSync(join(folder, '000001.json.partial'), { recursive: true });
  await expect.poll(() => existsSync(join(folder, '000001.parquet')), { timeout: 20_000 }).toBe(true);
  const summary = await recorder.stop('done');
  expect(summary.sealFailures).toBeGreaterThanOrEqual(1);
  expect(summary.unsealed).toEqual([]);
});

test('the status tells frames, bytes, lag and what was refused later', async () => {
  const server = await serve();
  const { recorder, is } = record(server.url, { limits: { sampleMs: 20 } });
  await recorder.start();
  const before = recorder.status();
  const client = await server.client(0);
  const exchangeUs = createClock().nowUs() - 5_000_000;
  client.send('NO book A gone for today');
  client.send(`T A 1 1 ${exchangeUs}`);
  await is(`T A 1 1 ${exchangeUs}`);
  const status = recorder.status();
  expect(status.frames - before.frames).toBe(2);
  expect(status.bytes - before.bytes).toBe(24 + `T A 1 1 ${exchangeUs}`.length);
  expect(status).toMatchObject({ connected: true, refused: 1, drops: 0, reconnects: 0 });
  expect(Math.round(status.lagUs / 1e6)).toBe(5);
  expect(status.silentSeconds).toBeLessThan(5);
});
