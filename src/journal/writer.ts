// The journal's one writer. A record is copied into the open batch and nothing else happens in that call; batches go
// to the file in order, each by one `writev`; `acknowledgedSeq` never runs ahead of what the disk has confirmed.
// What waits for the disk is bounded. The first error ends the writer for good: silent loss is worse than no data.
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '../core/assert.ts';
import { DataError } from '../core/errors.ts';
import { encodeControl, RecordKind } from '../core/frame.ts';
import { AcknowledgedMark } from './acknowledged.ts';
import { JournalBatch } from './batch.ts';
import { type Lock, takeLock } from './lock.ts';
import { OpenSegment } from './open.ts';
import { type Cut, recoverJournal } from './recover.ts';
import type { SegmentSummary } from './seal.ts';
import { Sealer, type SealFailure } from './sealer.ts';

export type JournalOptions = {
  /** A batch is written when it has this many records. Default 1,000. */
  readonly flushRows?: number;
  /** … or when its payloads fill this many bytes. Default 512 KiB. */
  readonly flushBytes?: number;
  /** … or this long after its first record. Default 100 ms. */
  readonly flushMs?: number;
  /** At most this long after a write the disk is asked to confirm it. Default 1,000 ms. */
  readonly syncMs?: number;
  /** A segment ends when it has this size. Default 256 MB. */
  readonly rotateBytes?: number;
  /** … or when its records span this time. Default 15 minutes. */
  readonly rotateUs?: number;
  /** At most this much memory holds records that wait for the disk. Default 128 MiB. */
  readonly queueBytes?: number;
  /** Seal segments in the background. Default true; otherwise they stay Arrow until a writer that seals opens the journal. */
  readonly seal?: boolean;
  /** Told once, with the error that ended the writer. */
  readonly onFailure?: (error: Error) => void;
  /** A segment was sealed. */
  readonly onSealed?: (summary: SegmentSummary) => void;
  /** A segment could not be sealed. It stays an Arrow segment, readable, and is tried again. */
  readonly onSealFailure?: (failure: SealFailure) => void;
  /** How long after a failed sealing the next try begins; it doubles. Default 30 s. */
  readonly sealRetryMs?: number;
  /** How often the open segment is looked for where it was made. Default 500 ms. */
  readonly watchMs?: number;
  /** A record that is known from elsewhere to have been in this journal, as from a manifest. */
  readonly knownSeq?: number;
};

const defaults = {
  flushRows: 1000,
  flushBytes: 512 << 10,
  flushMs: 100,
  syncMs: 1000,
  rotateBytes: 256e6,
  rotateUs: 900e6,
  queueBytes: 128 << 20,
  seal: true,
  sealRetryMs: 30_000,
  watchMs: 500,
  knownSeq: 0,
};

/** What a system says that has no descriptor or memory to spare at the moment. */
const SCARCE = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN']);

/** So many empty batches are kept to be filled again. */
const SPARE_BATCHES = 4;

/** How far the file has come. */
type Written = { readonly seq: number; readonly receivedUs: number };

export class JournalWriter {
  readonly #folder: string;
  readonly #options: JournalOptions & typeof defaults;
  readonly #lock: Lock;
  #number: number;
  #lastSeq: number;
  #lastUs: number;
  #written: Written;
  #acknowledgedSeq: number;
  readonly #mark: AcknowledgedMark;
  #bytes = 0;

  #batch: JournalBatch;
  #flushTimer: NodeJS.Timeout | undefined;
  readonly #spare: JournalBatch[] = [];
  readonly #queue: JournalBatch[] = [];
  #queuedBytes = 0;
  /** Memory of an ordinary batch. */
  readonly #batchBytes: number;

  #segment: OpenSegment | undefined;
  /** The work on the file, one step after the other. */
  #work: Promise<void> = Promise.resolve();
  #isWorking = false;
  #syncTimer: NodeJS.Timeout | undefined;
  #watchTimer: NodeJS.Timeout | undefined;
  #isWatching = false;
  readonly #sealer: Sealer;
  #failure: Error | undefined;
  #isClosed = false;

  /** What recovery cut off when this writer was opened; it is the first record of this writer, too. */
  readonly cut: Cut | undefined;

  private constructor(
    folder: string,
    options: JournalOptions & typeof defaults,
    lock: Lock,
    recovery: Awaited<ReturnType<typeof recoverJournal>>,
  ) {
    this.#folder = folder;
    this.#options = options;
    this.#lock = lock;
    this.#number = recovery.nextSegment;
    this.#lastSeq = recovery.lastSeq;
    this.#lastUs = recovery.lastUs;
    this.#written = { seq: recovery.lastSeq, receivedUs: recovery.lastUs };
    this.#acknowledgedSeq = recovery.lastSeq;
    this.#mark = new AcknowledgedMark(folder);
    const { onSealed, onSealFailure: onFailure, sealRetryMs: retryMs } = options;
    this.#sealer = new Sealer({ onSealed, onFailure, retryMs });
    this.#batch = this.#createBatch();
    this.#batchBytes = this.#batch.memoryBytes;
    this.cut = recovery.cut;
    if (options.seal) for (const path of recovery.unsealed) this.#sealer.add(path);
  }

  /**
   * Opens the journal in a folder, which is made if it is not there: takes its lock, recovers what a former writer
   * left, and begins a new segment. Throws UsageError while another process writes there, DataError when sealed
   * data is corrupt.
   */
  static async open(folder: string, options: JournalOptions = {}): Promise<JournalWriter> {
    mkdirSync(folder, { recursive: true });
    let lost: ((holder: string) => void) | undefined;
    const onLost = (holder: string): void => lost?.(holder);
    const lock = await takeLock(join(folder, 'lock'), `journal ${folder}`, { onLost });
    try {
      const recovery = await recoverJournal(folder, options.knownSeq);
      const writer = new JournalWriter(folder, { ...defaults, ...options }, lock, recovery);
      lost = (holder) => writer.#fail(`process ${holder} has taken its lock`);
      writer.#segment = await writer.#openSegment();
      writer.#watchTimer = setInterval(() => void writer.#watch(), writer.#options.watchMs).unref();
      // Without a record before it there is nothing that a reader could miss.
      if (recovery.cut !== undefined && recovery.lastSeq > 0) {
        writer.append(RecordKind.control, 0, recovery.lastUs, encodeControl(recovery.cut));
      }
      return writer;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** The last record taken. Continues where the journal left off. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** The time of the last record taken or recovered, µs; the next one must not be earlier. 0 in a new journal. */
  get lastUs(): number {
    return this.#lastUs;
  }

  /** Every record up to this one survives a crash of process, system and power. */
  get acknowledgedSeq(): number {
    return this.#acknowledgedSeq;
  }

  /** Records that were taken and are not in the file yet. */
  get waitingRecords(): number {
    return this.#lastSeq - this.#written.seq;
  }

  /** Segments that could not be sealed so far. */
  get sealFailures(): readonly SealFailure[] {
    return this.#sealer.failures;
  }

  /** Bytes this writer has written. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Memory of the batches that wait for the disk. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Why the writer has ended, if it has. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Whether a record of this many bytes can be taken now. */
  hasRoom(payloadBytes: number): boolean {
    if (this.#batch.hasRoom(payloadBytes)) return true;
    // The open batch would have to be queued.
    return this.#queuedBytes + this.#batch.memoryBytes + payloadBytes <= this.#options.queueBytes;
  }

  /**
   * Takes a record, copies it, and returns its sequence number. Throws the error that ended the writer, or DataError
   * when the disk does not follow and the queue is full: the record is then not taken and has no number.
   */
  append(kind: RecordKind, connection: number, receivedUs: number, payload: Uint8Array): number {
    if (this.#failure !== undefined) throw this.#failure;
    assert(!this.#isClosed, 'a closed journal takes no records');
    assert(receivedUs >= this.#lastUs && Number.isSafeInteger(receivedUs), 'receive time never goes back');
    assert(connection >= 0 && connection <= 0xffff, 'a connection number has 16 bits');
    if (!this.#batch.hasRoom(payload.length)) this.#makeRoom(payload.length);
    const seq = this.#lastSeq + 1;
    this.#batch.add(seq, receivedUs, kind, connection, payload);
    this.#lastSeq = seq;
    this.#lastUs = receivedUs;
    if (this.#batch.rows === this.#options.flushRows && this.hasRoom(0)) this.#flush();
    else this.#flushTimer ??= setTimeout(() => this.#flush(), this.#options.flushMs).unref();
    return seq;
  }

  /** Resolves when every record taken so far is acknowledged; throws the error that ended the writer. */
  async sync(): Promise<void> {
    this.#flush();
    await this.#do(() => this.#sync());
    if (this.#failure !== undefined) throw this.#failure;
  }

  /**
   * Writes, syncs and seals everything and gives the lock back. A segment that cannot be sealed is told to
   * `onSealFailure` and is no failure of the journal. Once `leave` is raised, sealing goes on without being waited for.
   * Throws the error that ended the writer; whatever was acknowledged by then is intact.
   */
  async close(leave?: AbortSignal): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#flush();
    await this.#do(() => this.#closeSegment());
    clearTimeout(this.#syncTimer);
    await this.#do(() => this.#mark.close());
    const sealed = this.#sealer.close();
    if (leave === undefined) await sealed;
    else await Promise.race([sealed, leave.aborted ? undefined : once(leave, 'abort')]);
    await this.#letGo();
    if (this.#failure !== undefined) throw this.#failure;
  }

  #createBatch(payloadBytes = 0): JournalBatch {
    const { flushRows, flushBytes } = this.#options;
    return new JournalBatch(flushRows, Math.max(flushBytes, payloadBytes));
  }

  /** Sends the open batch off; one that cannot hold a payload even when it is empty makes way for a larger one. */
  #makeRoom(payloadBytes: number): void {
    if (!this.hasRoom(payloadBytes)) {
      throw new DataError(
        `journal queue full: ${this.#queuedBytes} bytes wait for the disk (allowed: ${this.#options.queueBytes})`,
      );
    }
    if (this.#batch.rows > 0) this.#flush();
    if (!this.#batch.hasRoom(payloadBytes)) this.#batch = this.#createBatch(payloadBytes);
  }

  #flush(): void {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    if (this.#batch.rows === 0) return;
    this.#queue.push(this.#batch);
    this.#queuedBytes += this.#batch.memoryBytes;
    this.#batch = this.#spare.pop() ?? this.#createBatch();
    if (!this.#isWorking) void this.#do(() => this.#drain());
  }

  /** Puts a step behind those already asked for. A step that fails ends the writer; the steps behind it do nothing. */
  #do(step: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(async () => {
      if (this.#failure !== undefined) return;
      try {
        await step();
      } catch (error) {
        this.#fail(error);
      }
    });
    return this.#work;
  }

  #fail(thrown: unknown): void {
    if (this.#failure !== undefined) return;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    this.#failure = new DataError(
      `cannot write the journal in ${this.#folder}: ${message} (acknowledged up to record ${this.#acknowledgedSeq}); of ${this.#lastSeq - this.#acknowledgedSeq} records taken after that some may be lost`,
      { cause: thrown },
    );
    clearTimeout(this.#flushTimer);
    clearTimeout(this.#syncTimer);
    this.#queue.length = 0;
    void this.#letGo();
    this.#options.onFailure?.(this.#failure);
  }

  /** Closes the file as it is, and gives the lock back. */
  async #letGo(): Promise<void> {
    const segment = this.#segment;
    this.#segment = undefined;
    clearInterval(this.#watchTimer);
    try {
      await this.#mark.close();
      await segment?.close();
    } catch (error) {
      // Whatever closing has to say, what it tells about is not acknowledged; the first failure stays the one that is told.
      this.#failure ??= error instanceof Error ? error : new DataError(String(error));
    }
    this.#lock.release();
  }

  async #drain(): Promise<void> {
    this.#isWorking = true;
    try {
      for (let batch = this.#queue.shift(); batch !== undefined; batch = this.#queue.shift()) {
        await this.#write(batch);
        if (this.#segment !== undefined && this.#isFull(this.#segment, batch)) await this.#rotate();
        this.#queuedBytes -= batch.memoryBytes;
        batch.reset();
        const isOrdinary = batch.memoryBytes === this.#batchBytes;
        if (isOrdinary && this.#spare.length < SPARE_BATCHES) this.#spare.push(batch);
      }
    } finally {
      this.#isWorking = false;
    }
  }

  async #write(batch: JournalBatch): Promise<void> {
    const segment = this.#segment;
    assert(segment !== undefined, 'there is an open segment to write to');
    if (segment.firstUs === 0) segment.firstUs = batch.firstUs;
    this.#bytes += await segment.write(batch.pieces());
    this.#written = { seq: batch.firstSeq + batch.rows - 1, receivedUs: batch.lastUs };
    this.#syncTimer ??= setTimeout(() => void this.#syncAside(), this.#options.syncMs).unref();
  }

  #isFull(segment: OpenSegment, batch: JournalBatch): boolean {
    const { rotateBytes, rotateUs } = this.#options;
    return segment.bytes >= rotateBytes || batch.lastUs - segment.firstUs >= rotateUs;
  }

  /** The next segment is made before this one is ended: without a descriptor to spare this one goes on. */
  async #rotate(): Promise<void> {
    // Whatever becomes of the end mark: a segment that another one follows has no torn end.
    await this.#sync();
    let next: OpenSegment;
    try {
      next = await this.#openSegment();
    } catch (error) {
      if (SCARCE.has((error as NodeJS.ErrnoException).code ?? '')) return;
      throw error;
    }
    await this.#closeSegment();
    this.#segment = next;
  }

  /** The regular sync runs beside the writes: it confirms what was written when it began. */
  async #syncAside(): Promise<void> {
    try {
      await this.#sync();
    } catch (error) {
      // The system tells a lost write once: even if the segment was rotated away meanwhile, this error is the only news.
      this.#fail(error);
    }
    this.#syncTimer = undefined;
    if (this.#written.seq > this.#acknowledgedSeq && this.#failure === undefined && !this.#isClosed) {
      this.#syncTimer = setTimeout(() => void this.#syncAside(), this.#options.syncMs).unref();
    }
  }

  async #sync(): Promise<void> {
    const segment = this.#segment;
    const written = this.#written;
    if (segment === undefined || written.seq === this.#acknowledgedSeq) return;
    await segment.sync();
    await this.#acknowledge(written, segment.name);
  }

  async #acknowledge({ seq, receivedUs }: Written, segment: string): Promise<void> {
    if (seq <= this.#acknowledgedSeq) return;
    this.#acknowledgedSeq = seq;
    await this.#mark.write({ seq, receivedUs, segment });
  }

  async #openSegment(): Promise<OpenSegment> {
    const segment = await OpenSegment.create(this.#folder, this.#number);
    this.#number += 1;
    this.#bytes += segment.bytes;
    return segment;
  }

  /** Ends the open segment and has it sealed. */
  async #closeSegment(): Promise<void> {
    const segment = this.#segment;
    if (segment === undefined) return;
    this.#segment = undefined;
    await segment.end();
    if (segment.firstUs === 0) return;
    await this.#acknowledge(this.#written, segment.name);
    if (this.#options.seal) this.#sealer.add(segment.path);
  }

  /** A folder that is moved or removed takes the journal along: whoever looks for it must learn that, and soon. */
  async #watch(): Promise<void> {
    const segment = this.#segment;
    if (segment === undefined || this.#isWatching || this.#failure !== undefined) return;
    this.#isWatching = true;
    const isLost = !(await segment.isInPlace()) && segment === this.#segment;
    this.#isWatching = false;
    if (!isLost) return;
    clearInterval(this.#watchTimer);
    // What was taken still goes into the file, wherever that lies by now.
    this.#flush();
    void this.#do(async () => {
      await segment.sync();
      throw new Error(`the segment ${segment.path} is not there any more: was the folder moved or removed?`);
    });
  }
}
