// The run log on disk: `events.jsonl`, one record a line, in the order the engine wrote them.
// The run's digest is the SHA-256 of that file's bytes, so `sha256sum` proves it; nothing else goes into it,
// above all no wall clock and no mode. Memory is bounded by one queue and one buffer, whatever the run's length.
import { createHash, type Hash } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { StrategyActivity } from '../core/activity.ts';
import { DataError } from '../core/errors.ts';
import type { RunLog, RunRecord } from '../core/record.ts';
import { requireFile } from '../parquet/files.ts';
import { NUMBER_FIELDS, requireRecord } from './schema.ts';

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

const EXACT: ReadonlyMap<unknown, number> = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
  ['-0', -0],
]);

const MAY_HOLD_EXACT = /"(?:NaN|-?Infinity|-0)"/;

/**
 * One line back to its record. A text in the place of a number becomes that number, a reason such as "NaN" stays a text. A
 * reviver makes parsing several times slower, so only lines that need it get one. Throws what is wrong with the line.
 */
export function parseRecord(line: string): LoggedRecord {
  const record: unknown = MAY_HOLD_EXACT.test(line)
    ? JSON.parse(line, (key, value: unknown) =>
        NUMBER_FIELDS.has(key) ? (EXACT.get(value) ?? value) : value,
      )
    : JSON.parse(line);
  requireRecord(record);
  return record;
}

/**
 * The records of a run log, in order, in bounded memory. Throws DataError naming file and line at what is not a record, and
 * where the candles of a series or the values of an indicator are not in order of time.
 */
export function* readLog(path: string): Generator<LoggedRecord> {
  let number = 0;
  const lastUs = new Map<string, number>();
  for (const line of readLines(path)) {
    number += 1;
    let record: LoggedRecord;
    try {
      record = parseRecord(line);
      requireOrder(record, lastUs);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new DataError(`${path}: line ${number} is not a run record: ${why}`, { cause });
    }
    yield record;
  }
}

function requireOrder(record: LoggedRecord, lastUs: Map<string, number>): void {
  if (record.type !== 'candle' && record.type !== 'indicator') return;
  const us = record.type === 'candle' ? record.startUs : record.atUs;
  const key = `${record.type} ${record.name}`;
  if (us <= lastUs.get(key)!) throw new DataError(`${key} at ${us} does not follow the one before`);
  lastUs.set(key, us);
}

/** No record is as long. */
const LINE_CHARS_MAX = 16 << 20;

/** Lines without their ends; an unfinished last line is yielded too. DataError at one that is longer than any. */
export function* readLines(path: string): Generator<string, undefined> {
  const file = openFile(path);
  try {
    const chunk = Buffer.alloc(1 << 20);
    const decoder = new TextDecoder();
    let rest = '';
    for (;;) {
      const length = readSync(file, chunk, 0, chunk.length, null);
      if (length === 0) break;
      const lines = (rest + decoder.decode(chunk.subarray(0, length), { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > LINE_CHARS_MAX) throw new DataError(`${path}: a line is too long for a run record`);
      yield* lines;
    }
    if (rest !== '') yield rest;
    return undefined;
  } finally {
    closeSync(file);
  }
}

function openFile(path: string): number {
  requireFile(path);
  return openSync(path, 'r');
}

/** The SHA-256 of a run log's bytes as they are on disk now. */
export function digestOf(path: string): string {
  const hash = createHash('sha256');
  const file = openFile(path);
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
