// Where two runs part: the first line of their logs that differs, and between which events their inputs do.

import { type LoggedRecord, parseRecord, readLines } from '../log.ts';
import type { Run } from '../run.ts';
import type { Evidence } from './evidence.ts';

/** The first record at which the logs part, with those before it on both sides and after it on each. */
export type Divergence = {
  /** 1-based line of the left events.jsonl, or of the right one when the left has ended. */
  readonly line: number;
  /** Undefined when that log has ended. */
  readonly left: LoggedRecord | undefined;
  readonly right: LoggedRecord | undefined;
  readonly before: readonly LoggedRecord[];
  readonly leftAfter: readonly LoggedRecord[];
  readonly rightAfter: readonly LoggedRecord[];
  /** Names of the fields that differ, as `fill.price`, when both sides have a record of one type. */
  readonly fields: readonly string[];
};

/** The inputs are equal up to `fromEvent` and differ before `toEvent`; both count events taken. */
export type InputWindow = { readonly fromEvent: number; readonly toEvent: number };

const RECORDS_BEFORE = 5;
const RECORDS_AFTER = 2;

/**
 * Compares the logs line by line; a line is only parsed where that is needed. A live or replayed run and a historical
 * one hold different records by their nature (only one has status records, and each its own tape positions and
 * moments), so of those only what was seen and decided is compared, without when it was.
 */
export function findDivergence(left: Run, right: Run): Divergence | undefined {
  const areAlike = isHistorical(left) === isHistorical(right);
  const [lefts, rights] = [entries(left.log, areAlike), entries(right.log, areAlike)];
  try {
    const before: string[] = [];
    for (;;) {
      const [a, b] = [lefts.next().value, rights.next().value];
      if (a === undefined && b === undefined) return undefined;
      if (a?.content !== b?.content) return describe({ before, left: a, right: b, lefts, rights });
      before.push(a!.text);
      if (before.length > RECORDS_BEFORE) before.shift();
    }
  } finally {
    lefts.return(undefined);
    rights.return(undefined);
  }
}

/** One line of a log, and what of it has to be the same on both sides. */
type Entry = { readonly line: number; readonly text: string; readonly content: string };
type Entries = Generator<Entry, undefined>;

function isHistorical({ manifest }: Run): boolean {
  return manifest.dataset.feed === 'historical';
}

const SEEN_OR_DECIDED = /^\{"type":"(candle|indicator|signal|order|fill)"/;
/** Where and when in the run: a historical feed has other tape positions, and other moments by its latency. */
const MOMENTS = new Set(['event', 'seq', 'timeUs', 'createdUs', 'dueUs', 'isPartial']);

function* entries(log: string, areAlike: boolean): Entries {
  let line = 0;
  for (const text of readLines(log)) {
    line += 1;
    if (areAlike) yield { line, text, content: text };
    else if (SEEN_OR_DECIDED.test(text)) yield { line, text, content: withoutMoments(text) };
  }
  return undefined;
}

function withoutMoments(text: string): string {
  return JSON.stringify(JSON.parse(text, (key, value: unknown) => (MOMENTS.has(key) ? undefined : value)));
}

function describe(at: {
  readonly before: readonly string[];
  readonly left: Entry | undefined;
  readonly right: Entry | undefined;
  readonly lefts: Entries;
  readonly rights: Entries;
}): Divergence {
  const [left, right] = [at.left, at.right].map((entry) =>
    entry === undefined ? entry : parseRecord(entry.text),
  );
  return {
    line: at.left?.line ?? at.right?.line ?? 0,
    left,
    right,
    before: at.before.map(parseRecord),
    leftAfter: following(at.lefts),
    rightAfter: following(at.rights),
    fields: left === undefined || right === undefined ? [] : differingFields(left, right),
  };
}

function following(rest: Entries): readonly LoggedRecord[] {
  const records: LoggedRecord[] = [];
  while (records.length < RECORDS_AFTER) {
    const entry = rest.next().value;
    if (entry === undefined) break;
    records.push(parseRecord(entry.text));
  }
  return records;
}

function differingFields(left: LoggedRecord, right: LoggedRecord): readonly string[] {
  if (left.type !== right.type) return [];
  const [a, b] = [flatten(left), flatten(right)];
  const names = new Set([...a.keys(), ...b.keys()]);
  return [...names].filter((name) => !Object.is(a.get(name), b.get(name)));
}

function flatten(value: object, prefix = '', into = new Map<string, unknown>()): Map<string, unknown> {
  for (const [key, inner] of Object.entries(value)) {
    if (typeof inner === 'object' && inner !== null) flatten(inner, `${prefix}${key}.`, into);
    else into.set(prefix + key, inner);
  }
  return into;
}

/** By the checkpoints: undefined when both runs were given the same events. */
export function findInputWindow(left: Evidence, right: Evidence): InputWindow | undefined {
  let fromEvent = 0;
  for (let i = 0; ; i++) {
    const [a, b] = [left.checkpoints[i], right.checkpoints[i]];
    if (a === undefined && b === undefined) return undefined;
    if (a === undefined || b === undefined || a.events !== b.events || a.inputs !== b.inputs) {
      return { fromEvent, toEvent: Math.max(a?.events ?? 0, b?.events ?? 0) };
    }
    fromEvent = a.events;
  }
}
