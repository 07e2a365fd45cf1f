// The run log on disk: `events.jsonl`, one record a line, in the order the engine wrote them.
// The run's digest is the SHA-256 of that file's bytes, so `sha256sum` proves it; nothing else goes into it,
// above all no wall clock and no mode. Memory is bounded by one queue and one buffer, whatever the run's length.
import { createHash, type Hash } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { StrategyActivity } from '../core/activity.ts';
import { DataError } from '../core/errors.ts';
import type { RunLog, RunRecord } from '../core/record.ts';

const BUFFER_CHARS = 1 << 18;
/** Records that wait to be formatted at the most. */
const QUEUE_MAX = 256;

/** The log's record as it stands in the file: a checkpoint also carries the digest of every byte before it. */
export type LoggedRecord = RunRecord & { readonly digest?: string };

export type RecordOf<T extends RunRecord['type']> = Extract<RunRecord, { type: T }>;

export class RunLogWriter implements RunLog {
  readonly path: string;
  readonly counts: Record<string, number> = {};
  records = 0;
  /** The last value the engine gave for all events together; set by checkpoint and end records. */
  inputs = '';
  events = 0;
  /** What the engine said of each strategy at the end. */
  readonly activity: StrategyActivity[] = [];
  firstUs = Number.NaN;
  lastUs = Number.NaN;
  readonly #file: number;
  readonly #hash: Hash = createHash('sha256');
  readonly #queue: RunRecord[] = [];
  #pending = '';
  readonly #listeners: ((record: RunRecord) => void)[] = [];
  #digest: string | undefined;

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true });
    this.path = join(folder, 'events.jsonl');
    this.#file = openSync(this.path, 'w');
  }

  /** Someone outside the engine who wants to see the records pass by; it cannot change them. */
  listen(listener: (record: RunRecord) => void): void {
    this.#listeners.push(listener);
  }

  /** Takes a record and keeps it; formatting waits, so that a live decision does not pay for it. */
  write(record: RunRecord): void {
    this.records += 1;
    this.counts[record.type] = (this.counts[record.type] ?? 0) + 1;
    if (Number.isNaN(this.firstUs)) this.firstUs = record.timeUs;
    this.lastUs = record.timeUs;
    if (record.type === 'checkpoint' || record.type === 'end') this.inputs = record.inputs;
    if (record.type === 'end') this.events = record.events;
    if (record.type === 'activity') this.activity.push(withoutPosition(record));
    this.#queue.push(record);
    if (this.#queue.length >= QUEUE_MAX) this.drain();
    for (const listener of this.#listeners) listener(record);
  }

  /** Whether records wait for `drain`, which live runs call between frames and all others may leave alone. */
  get isWaiting(): boolean {
    return this.#queue.length > 0;
  }

  /** Formats the records that wait, in order. */
  drain(): void {
    for (const record of this.#queue) {
      if (record.type === 'checkpoint') {
        this.#flush();
        this.#pending = formatRecord({ ...record, digest: this.#hash.copy().digest('hex') });
      } else {
        this.#pending += formatRecord(record);
      }
      if (this.#pending.length >= BUFFER_CHARS) this.#flush();
    }
    this.#queue.length = 0;
  }

  /** Writes what is buffered, syncs, and returns the run's digest. */
  close(): string {
    if (this.#digest !== undefined) return this.#digest;
    this.drain();
    this.#flush();
    fsyncSync(this.#file);
    closeSync(this.#file);
    this.#digest = this.#hash.digest('hex');
    return this.#digest;
  }

  /** Closes the file as it is, without another write: the run is given up. */
  abandon(): void {
    if (this.#digest !== undefined) return;
    this.#digest = '';
    closeSync(this.#file);
  }

  #flush(): void {
    if (this.#pending === '') return;
    const bytes = Buffer.from(this.#pending, 'utf8');
    this.#pending = '';
    this.#hash.update(bytes);
    for (let written = 0; written < bytes.length; ) {
      written += writeSync(this.#file, bytes, written, bytes.length - written);
    }
  }
}

function withoutPosition(record: RecordOf<'activity'>): StrategyActivity {
  const { type: _type, event: _event, seq: _seq, timeUs: _timeUs, ...activity } = record;
  return activity;
}

/** The values of a sample under their names, `strategy.input.output`; what is true or false counts as 1 or 0. */
export function valuesOf({ name, values }: RecordOf<'sample'>): readonly (readonly [string, number])[] {
  return Object.entries(values).map(([output, value]) => [`${name}.${output}`, Number(value)]);
}

/** One line: type and position first, then the record's own fields. Numbers keep their exact value. */
export function formatRecord(record: LoggedRecord): string {
  const { type, event, seq, timeUs, ...rest } = record;
  return `${JSON.stringify({ type, event, seq, timeUs, ...rest }, exactNumber)}\n`;
}

/** JSON has no NaN, no infinity and loses the sign of zero; these become texts that `parseRecord` reads back. */
function exactNumber(_key: string, value: unknown): unknown {
  if (typeof value !== 'number') return value;
  if (Number.isFinite(value)) return Object.is(value, -0) ? '-0' : value;
  return String(value);
}

const EXACT: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
  '-0': -0,
};
/** Fields that hold numbers and may hold one of the texts above; a reason such as "NaN" stays a text. */
const NUMERIC = new Set([
  ...['seq', 'timeUs', 'value', 'max', 'volume'],
  ...[
    'price',
    'size',
    'filledSize',
    'signalMid',
    'arrivalMid',
    'fillMid',
    'markLow',
    'markHigh',
    'entryPrice',
    'markPrice',
    'createdUs',
    'dueUs',
  ],
  ...['limit', 'quote', 'stopLoss', 'takeProfit', 'rate', 'rateAgeUs'],
]);

const MAY_HOLD_EXACT = /"(?:NaN|-?Infinity|-0)"/;

/** One line back to its record. A reviver makes parsing several times slower, so only lines that need it get one. */
export function parseRecord(line: string): LoggedRecord {
  if (!MAY_HOLD_EXACT.test(line)) return JSON.parse(line) as LoggedRecord;
  return JSON.parse(line, (key, value: unknown) =>
    typeof value === 'string' && NUMERIC.has(key) && value in EXACT ? EXACT[value] : value,
  ) as LoggedRecord;
}

/** The lines of a run log, in order, in bounded memory. A line that is no record is a DataError naming file and line. */
export function* readLog(path: string): Generator<LoggedRecord> {
  let number = 0;
  for (const line of readLines(path)) {
    number += 1;
    try {
      yield parseRecord(line);
    } catch (cause) {
      throw new DataError(`${path}: line ${number} is no run record`, { cause });
    }
  }
}

/** Lines without their ends; an unfinished last line is yielded too. */
export function* readLines(path: string): Generator<string, undefined> {
  const file = openSync(path, 'r');
  try {
    const chunk = Buffer.alloc(1 << 20);
    const decoder = new TextDecoder();
    let rest = '';
    for (;;) {
      const length = readSync(file, chunk, 0, chunk.length, null);
      if (length === 0) break;
      const lines = (rest + decoder.decode(chunk.subarray(0, length), { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
    if (rest !== '') yield rest;
    return undefined;
  } finally {
    closeSync(file);
  }
}

/** The SHA-256 of a run log's bytes as they are on disk now. */
export function digestOf(path: string): string {
  const hash = createHash('sha256');
  const file = openSync(path, 'r');
  try {
    const chunk = Buffer.alloc(1 << 20);
    for (;;) {
      const length = readSync(file, chunk, 0, chunk.length, null);
      if (length === 0) return hash.digest('hex');
      hash.update(chunk.subarray(0, length));
    }
  } finally {
    closeSync(file);
  }
}
