// Where two runs part: the first line of their logs that differs, and between which events their inputs do.

import type { Evidence } from './evidence.ts';
import { type LoggedRecord, parseRecord, readLines } from './log.ts';
import type { Run } from './run.ts';

/** The first record at which the logs part, with those before it on both sides and after it on each. */
export type Divergence = {
  /** 1-based line of events.jsonl. */
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

/** Compares the logs line by line; a line is only parsed where it is shown. */
export function findDivergence(left: Run, right: Run): Divergence | undefined {
  const [lefts, rights] = [readLines(left.log), readLines(right.log)];
  try {
    const before: string[] = [];
    for (let line = 1; ; line++) {
      const [a, b] = [lefts.next().value, rights.next().value];
      if (a === undefined && b === undefined) return undefined;
      if (a !== b) return describe(line, { before, left: a, right: b, lefts, rights });
      before.push(a!);
      if (before.length > RECORDS_BEFORE) before.shift();
    }
  } finally {
    lefts.return(undefined);
    rights.return(undefined);
  }
}

type Lines = Generator<string, undefined>;

function describe(
  line: number,
  at: {
    readonly before: readonly string[];
    readonly left: string | undefined;
    readonly right: string | undefined;
    readonly lefts: Lines;
    readonly rights: Lines;
  },
): Divergence {
  const [left, right] = [at.left, at.right].map((text) => (text === undefined ? text : parseRecord(text)));
  return {
    line,
    left,
    right,
    before: at.before.map(parseRecord),
    leftAfter: following(at.lefts),
    rightAfter: following(at.rights),
    fields: left === undefined || right === undefined ? [] : differingFields(left, right),
  };
}

function following(lines: Lines): readonly LoggedRecord[] {
  const records: LoggedRecord[] = [];
  while (records.length < RECORDS_AFTER) {
    const line = lines.next().value;
    if (line === undefined) break;
    records.push(parseRecord(line));
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
