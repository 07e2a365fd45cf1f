// The recorder: one journal, one decoder, and the connections that the session needs. A frame gets its time and its number once, in the socket's
// callback, is journalled, decoded from the very record that was journalled, heard by the listener, and only then may
// the connection react to it. Nothing that listens can harm the recording; a journal that cannot be written ends it.
import { setTimeout as sleep } from 'node:timers/promises';
import { assert } from '../core/assert.ts';
import { VenueError } from '../core/errors.ts';
import { EventBatch } from '../core/event.ts';
import { type Control, encodeControl, type JournalRecord, RecordKind, type Session } from '../core/frame.ts';
import { redactAddress } from '../core/secret.ts';
import type { SealFailure } from '../journal/sealer.ts';
import { type JournalOptions, JournalWriter } from '../journal/writer.ts';
import { createDecoder, planConnections } from '../venues/router.ts';
import type { Action, Decoder, Venue } from '../venues/venue.ts';
import { type Clock, createClock } from './clock.ts';
import type { ConnectionOverrides } from './connection.ts';
import { Connections } from './connections.ts';
import type { Source } from './link.ts';
import { PauseWatch } from './pause.ts';
import { type Counts, Tally } from './tally.ts';
import { later } from './wait.ts';

export type RecorderLimits = {
  /** The first subscriptions have to be answered within this, all tries together. */
  readonly startMs: number;
  /** With nothing else to record, a beat is recorded before this has passed. */
  readonly beatMs: number;
  /** How often the wall clock is looked at for a step, and the frame rate is taken. */
  readonly sampleMs: number;
  /** When nothing at all, not even a beat, was recorded for so long, the recorder has paused, and says so. */
  readonly pauseMs: number;
  /** The socket is not read while this much waits for the disk, until half of it is written. */
  readonly stallBytes: number;
};

export const defaultRecorder: RecorderLimits = {
  startMs: 30_000,
  beatMs: 100,
  sampleMs: 1000,
  pauseMs: 500,
  stallBytes: 32 << 20,
};

/** How often a stalled recorder looks whether the disk has caught up. */
const STALL_CHECK_MS = 5;

/** Measures the path of each frame. Times are ns since the socket's callback was entered. */
export interface Probe {
  frame(journalledNs: number, decodedNs: number, deliveredNs: number): void;
}

export type RecorderOptions = {
  /** The folder of the journal; it is made if it is not there, and recovered if it is. */
  readonly folder: string;
  readonly session: Session;
  /** Those that the session may name. Default: all there are. */
  readonly venues?: readonly Venue[];
  /** Name and version of what records, kept in the journal. Default `retick`. */
  readonly software?: string;
  readonly clock?: Clock;
  /** Of the jitter between tries. Default 1. */
  readonly seed?: number;
  readonly limits?: Partial<RecorderLimits>;
  readonly connection?: ConnectionOverrides;
  readonly journal?: Omit<JournalOptions, 'onFailure'>;
  /** Every record, once it is journalled and before it is decoded. */
  readonly onRecord?: (record: JournalRecord) => void;
  /** The events of every record, perhaps none, in the same tick; the batch is valid only during the call. */
  readonly onEvents?: (batch: EventBatch, record: JournalRecord) => void;
  /** A listener or the decoder threw. The listener is not called again. */
  readonly onListenerError?: (error: Error, record: JournalRecord) => void;
  readonly probe?: Probe;
};

export type RecorderStatus = Counts & {
  readonly connected: boolean;
  /** Whether the socket is not read because the disk does not follow. */
  readonly stalled: boolean;
  readonly reconnects: number;
  /** The last record taken, and the last one that a crash cannot undo. */
  readonly lastSeq: number;
  readonly acknowledgedSeq: number;
};

export type RecorderSummary = RecorderStatus & {
  readonly reason: string;
  /** Why the journal ended before the recorder did; null when it did not. */
  readonly failure: string | null;
  /** Segments that could not be sealed: they stay as they were written, and the next start tries again. */
  readonly unsealed: readonly SealFailure[];
};

const EMPTY = new Uint8Array(0);
const NOTHING: readonly Action[] = [];
/** Room for the records that say how a recording ended. */
const LAST_WORDS_BYTES = 4096;

export class Recorder {
  /** Rejects when the journal cannot be written, and never resolves. What was acknowledged is intact. */
  readonly failed: Promise<never>;
  readonly #options: RecorderOptions;
  readonly #limits: RecorderLimits;
  readonly #clock: Clock;
  readonly #decoder: Decoder;
  readonly #connections: Connections;
  readonly #batch = new EventBatch();
  /** Controls that came up while a record was on its way; they are recorded after it. */
  readonly #controls: { readonly control: Control; readonly source: Source | undefined }[] = [];
  readonly #tally = new Tally();
  readonly #pauses: PauseWatch;
  #onRecord: RecorderOptions['onRecord'];
  #onEvents: RecorderOptions['onEvents'];
  #opening: Promise<JournalWriter> | undefined;
  #writer: JournalWriter | undefined;
  #isBusy = false;
  #isEnded = false;
  #isDecoderFaulty = false;
  #beatTimer: NodeJS.Timeout | undefined;
  #sampleTimer: NodeJS.Timeout | undefined;
  #stallTimer: NodeJS.Timeout | undefined;
  #stalledUs = 0;
  #stalledBytes = 0;
  #isStopping = false;
  /** Frames that came while the recorder stopped and for which there was no room. */
  #leftOut = { frames: 0, bytes: 0 };
  #failure: Error | undefined;
  #stopped: Promise<RecorderSummary> | undefined;
  #started: PromiseWithResolvers<void> = Promise.withResolvers();
  #fail: (error: Error) => void;

  constructor(options: RecorderOptions) {
    const { venues, session } = options;
    this.#options = options;
    this.#limits = { ...defaultRecorder, ...options.limits };
    this.#clock = options.clock ?? createClock();
    this.#pauses = new PauseWatch(this.#limits.pauseMs, this.#clock, (control) => this.#control(control));
    this.#onRecord = options.onRecord;
    this.#onEvents = options.onEvents;
    this.#decoder = createDecoder(session, venues);
    const failure = Promise.withResolvers<never>();
    this.failed = failure.promise;
    // Whoever does not wait for it still learns of the failure from `stop`; it is no unhandled rejection.
    this.failed.catch(() => {});
    this.#fail = failure.reject;
    const { connection: limits = {}, seed = 1 } = options;
    // Made here, so that a session the venue cannot serve is refused before anything begins.
    const planned = planConnections(session, venues);
    this.#connections = new Connections(
      { planned, names: session.symbols, clock: this.#clock, limits, seed },
      {
        frame: (payload, isBinary, source) =>
          this.#receive(isBinary ? RecordKind.binary : RecordKind.text, payload, source),
        answer: (payload, source) => this.#receive(RecordKind.answer, payload, source),
        control: (control, source) => this.#control(control, source),
        ready: () => this.#started.resolve(),
        refused: (name, channel, symbol, reason) => {
          const what = [channel, symbol].filter((word) => word !== '').join(' ') || 'a subscription';
          this.#started.reject(new VenueError(`${name} refused ${what}: ${reason}`));
        },
      },
    );
  }

  /**
   * Opens the journal, which recovers what a crash left, and connects. Resolves when the venue has answered every
   * subscription, or when `stop` was called meanwhile. Throws UsageError on a bad address, VenueError when a
   * subscription is refused or nothing was reached within `startMs`; the recorder is then stopped.
   */
  async start(): Promise<void> {
    assert(this.#opening === undefined && this.#stopped === undefined, 'a recorder is started once');
    const { folder, session, software = 'retick', journal } = this.#options;
    this.#connections.check();
    this.#opening = JournalWriter.open(folder, {
      ...journal,
      onFailure: (error) => this.#giveUp(error),
      onSealFailure: (failure) => this.#sealFailed(failure),
    });
    this.#writer = await this.#opening;
    if (this.#stopped !== undefined) return;
    const aheadUs = this.#clock.advanceTo(this.#writer.lastUs);
    this.#control({ type: 'session', session, software, node: process.version });
    if (aheadUs > 0) this.#control({ type: 'clockStep', stepUs: -aheadUs });
    this.#tally.sample(this.#clock.nowUs());
    this.#sampleTimer = setInterval(() => this.#sample(), this.#limits.sampleMs);
    this.#armBeat(this.#limits.beatMs * BEAT_AIM);
    this.#connections.start();
    const timer = later(this.#limits.startMs, () => this.#startTooLate());
    try {
      await this.#started.promise;
    } catch (error) {
      await this.stop('the start failed');
      throw error;
    } finally {
      timer.clear();
    }
  }

  /**
   * Closes the connection, takes what still arrives, writes the end, syncs and seals. Further calls get the same.
   * Never rejects: a journal that failed is told by `failed`, one that could not be opened by `start`. Once `leave` is
   * raised, sealing goes on without being waited for.
   */
  stop(reason: string, leave?: AbortSignal): Promise<RecorderSummary> {
    this.#stopped ??= this.#stop(reason, leave);
    return this.#stopped;
  }

  async #stop(reason: string, leave: AbortSignal | undefined): Promise<RecorderSummary> {
    this.#isStopping = true;
    const hadBacklog = this.#stallTimer !== undefined || this.#pauses.hasBacklog;
    await this.#connections.close();
    await Promise.allSettled([this.#opening]);
    if (this.status().records > 0) await this.#sayEnd(reason, hadBacklog && !this.#connections.isDrained);
    this.#end();
    this.#started.resolve();
    try {
      await this.#writer?.close(leave);
    } catch (error) {
      this.#failure ??= asError(error);
      this.#fail(this.#failure);
    }
    return {
      ...this.status(),
      reason,
      failure: this.#failure?.message ?? null,
      unsealed: this.#writer?.sealFailures ?? [],
    };
  }

  /** What is to be said at the end waits for the disk, however long: a second signal ends that, and nothing else does. */
  async #sayEnd(reason: string, isCutShort: boolean): Promise<void> {
    while (!this.#isEnded && !this.#writer!.hasRoom(LAST_WORDS_BYTES)) await sleep(STALL_CHECK_MS);
    if (this.#stallTimer !== undefined) this.#stallOver();
    this.#pauses.end();
    const { frames, bytes } = this.#leftOut;
    if (frames > 0 || isCutShort) {
      const why = 'stopped before all that waited was taken: the disk or this process did not follow';
      this.#control({ type: 'drop', frames, bytes, reason: why });
    }
    this.#control({ type: 'end', reason });
  }

  /** Records that were taken and are not in the file yet: what an end without order would lose. */
  get waitingRecords(): number {
    return this.#writer?.waitingRecords ?? 0;
  }

  status(): RecorderStatus {
    return {
      ...this.#tally.counts(this.#clock.nowUs()),
      connected: this.#connections.isOpen,
      stalled: this.#stallTimer !== undefined,
      reconnects: this.#connections.reconnects,
      lastSeq: this.#writer?.lastSeq ?? 0,
      acknowledgedSeq: this.#writer?.acknowledgedSeq ?? 0,
    };
  }

  /** The socket's callback. */
  #receive(kind: RecordKind, payload: Uint8Array, source: Source): void {
    if (this.#isEnded) return;
    this.#pauses.notice(this.#tally.lastUs);
    if (this.#isStopping && !this.#writer!.hasRoom(payload.length)) {
      this.#leftOut.frames += 1;
      this.#leftOut.bytes += payload.length;
      return;
    }
    const receivedUs = this.#record(kind, payload, source.number);
    if (this.#isEnded) return;
    this.#tally.frame(payload.length, receivedUs);
    this.#pauses.frame(payload.length);
    source.observe(this.#batch, receivedUs, true, this.#takeAsks());
    if (this.#controls.length > 0) this.#drain();
    const isFull = this.#writer!.queuedBytes > this.#limits.stallBytes;
    if (isFull && this.#stallTimer === undefined && !this.#isStopping) this.#stall();
  }

  #stall(): void {
    const writer = this.#writer!;
    this.#stalledBytes = writer.queuedBytes;
    this.#stalledUs = this.#clock.nowUs();
    this.#connections.pause();
    this.#stallTimer = setInterval(() => {
      if (writer.queuedBytes > this.#limits.stallBytes / 2) return;
      this.#stallOver();
      this.#connections.resume();
    }, STALL_CHECK_MS);
  }

  #stallOver(): void {
    clearInterval(this.#stallTimer);
    this.#stallTimer = undefined;
    const stalledMs = Math.round((this.#clock.nowUs() - this.#stalledUs) / 1000);
    this.#control({ type: 'stall', queuedBytes: this.#stalledBytes, stalledMs });
  }

  #sealFailed(failure: SealFailure): void {
    this.#options.journal?.onSealFailure?.(failure);
    const { segment, reason, attempt } = failure;
    // At the very end there is no record any more: the summary tells it.
    if (!this.#isEnded && this.#writer !== undefined)
      this.#control({ type: 'sealFailure', segment, reason, attempt });
  }

  #control(control: Control, source?: Source): void {
    this.#controls.push({ control, source });
    if (!this.#isBusy) this.#drain();
  }

  #drain(): void {
    for (let next = this.#controls.shift(); next !== undefined; next = this.#controls.shift()) {
      if (this.#isEnded) continue;
      const { control, source } = next;
      this.#tally.control(control);
      const receivedUs = this.#record(RecordKind.control, encodeControl(control), source?.number);
      const asks = this.#takeAsks();
      if (asks.length > 0) source?.observe(this.#batch, receivedUs, false, asks);
    }
  }

  /** What the decoder wants done about the last record. */
  #takeAsks(): readonly Action[] {
    return this.#decoder.takeAsks?.() ?? NOTHING;
  }

  /** Stamps, journals, decodes and delivers one record, in this order and without a pause. Returns its time. */
  #record(kind: RecordKind, payload: Uint8Array, connection = this.#connections.number): number {
    const { probe } = this.#options;
    const writer = this.#writer;
    assert(!this.#isBusy && writer !== undefined, 'one record at a time goes to an open journal');
    this.#isBusy = true;
    const enteredNs = probe === undefined ? 0 : this.#clock.stampNs();
    const receivedUs = this.#clock.nowUs();
    this.#batch.reset();
    let seq: number;
    try {
      seq = writer.append(kind, connection, receivedUs, payload);
    } catch (error) {
      this.#isBusy = false;
      this.#giveUp(asError(error));
      return receivedUs;
    }
    const record: JournalRecord = { seq, receivedUs, kind, connection, payload };
    this.#tally.record(receivedUs);
    const journalledNs = probe === undefined ? 0 : this.#clock.stampNs() - enteredNs;
    this.#decode(record);
    const decodedNs = probe === undefined ? 0 : this.#clock.stampNs() - enteredNs;
    this.#deliver(record);
    if (probe !== undefined && (kind === RecordKind.text || kind === RecordKind.binary)) {
      probe.frame(journalledNs, decodedNs, this.#clock.stampNs() - enteredNs);
    }
    this.#isBusy = false;
    return receivedUs;
  }

  #decode(record: JournalRecord): void {
    const batch = this.#batch;
    try {
      this.#onRecord?.(record);
    } catch (error) {
      this.#onRecord = undefined;
      this.#fault(error, record);
    }
    try {
      this.#decoder.decode(record, batch);
    } catch (error) {
      // The frame is safe in the journal and can be decoded again once the decoder is mended.
      batch.reset();
      this.#tally.undecoded();
      this.#onEvents = undefined;
      // Told once: the record of a fault is decoded, too.
      if (!this.#isDecoderFaulty) this.#fault(error, record);
      this.#isDecoderFaulty = true;
    }
    this.#tally.events(batch, record.receivedUs);
  }

  #deliver(record: JournalRecord): void {
    if (this.#onEvents === undefined) return;
    try {
      this.#onEvents(this.#batch, record);
    } catch (error) {
      this.#onEvents = undefined;
      this.#fault(error, record);
    }
  }

  #fault(thrown: unknown, record: JournalRecord): void {
    const error = asError(thrown);
    this.#control({ type: 'fault', reason: `${error.name}: ${error.message}` });
    this.#options.onListenerError?.(error, record);
  }

  /** The timer is set anew only when it fires, so that a busy feed pays nothing for it. */
  #armBeat(delayMs: number): void {
    this.#beatTimer = setTimeout(() => {
      const aimMs = this.#limits.beatMs * BEAT_AIM;
      this.#pauses.notice(this.#tally.lastUs);
      const quietMs = (this.#clock.nowUs() - this.#tally.lastUs) / 1000;
      if (quietMs >= aimMs) this.#record(RecordKind.beat, EMPTY);
      this.#drain();
      if (!this.#isEnded) this.#armBeat(quietMs >= aimMs ? aimMs : aimMs - quietMs);
    }, delayMs);
  }

  #sample(): void {
    this.#tally.sample(this.#clock.nowUs());
    const stepUs = this.#clock.checkStep();
    if (stepUs !== 0) this.#control({ type: 'clockStep', stepUs });
  }

  #startTooLate(): void {
    const { venue, plan, failure: why } = this.#connections.laggard;
    const message = `${venue} at ${redactAddress(plan.url)} did not answer within ${this.#limits.startMs} ms`;
    this.#started.reject(new VenueError(why === '' ? message : `${message}: ${why}`));
  }

  /** The journal takes no more. */
  #giveUp(error: Error): void {
    this.#failure ??= error;
    this.#end();
    this.#connections.abort();
    this.#started.reject(error);
    this.#fail(error);
  }

  #end(): void {
    this.#isEnded = true;
    clearTimeout(this.#beatTimer);
    clearInterval(this.#sampleTimer);
    clearInterval(this.#stallTimer);
  }
}

/** Beats aim a little earlier than they are due, since timers are late. */
const BEAT_AIM = 0.8;

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
