// Parity: two runs held against each other, value by value. Two grades of it:
// exact (live against a replay of its own recording: one digest) and explained (other data of the same span:
// values are aligned in time, compared within a tolerance, and each difference is put down to a cause).
import type { RunRecord } from '../core/record.ts';
import { type Cause, explain } from './causes.ts';
import { formatRecord, type LoggedRecord, readLog } from './log.ts';
import type { Run, RunManifest } from './run.ts';
import { type Difference, ulpDistance } from './ulp.ts';

/** 0.01 %: the field's usual bound between a live and a historical indicator value. */
export const DEFAULT_TOLERANCE = 1e-4;

/** One indicator output of one strategy, its values matched by candle. */
export type IndicatorParity = {
  readonly name: string;
  readonly matched: number;
  readonly onlyLeft: number;
  readonly onlyRight: number;
  /** Matched values that differ in any bit. */
  readonly unequal: number;
  /** Matched values whose relative difference is past the tolerance. */
  readonly beyond: number;
  readonly maxAbsolute: number;
  readonly maxRelative: number;
  readonly maxUlp: number;
  /** Candle of the first value past tolerance, µs; NaN when there is none. */
  readonly firstBeyondUs: number;
  readonly causes: Readonly<Partial<Record<Cause, number>>>;
};

/** Signals, orders or fills matched one to one in order, by strategy and content. */
export type ActionParity = {
  readonly kind: 'signal' | 'order' | 'fill';
  readonly left: number;
  readonly right: number;
  readonly matched: number;
  /** Matched ones that are equal in every field but the position in the run. */
  readonly equal: number;
  /** Largest difference of price among matched fills, basis points. */
  readonly maxPriceBps: number;
  /** Largest difference of engine time among matched ones, µs. */
  readonly maxTimeUs: number;
  readonly causes: Readonly<Partial<Record<Cause, number>>>;
};

/** The first record at which the logs part, with the records before it. */
export type Divergence = {
  /** 1-based line of events.jsonl. */
  readonly line: number;
  readonly left: LoggedRecord | undefined;
  readonly right: LoggedRecord | undefined;
  readonly before: readonly LoggedRecord[];
  /** Names of the fields that differ, when both sides have a record of one type. */
  readonly fields: readonly string[];
};

/** Between which events the inputs first differ, by the checkpoints: (fromEvent, toEvent]. */
export type InputWindow = { readonly fromEvent: number; readonly toEvent: number };

export type Comparison = {
  readonly left: RunManifest;
  readonly right: RunManifest;
  readonly tolerance: number;
  /** Same digest: every record equal in every bit. */
  readonly isEqual: boolean;
  /** No indicator value past tolerance; with equal digests always true. */
  readonly isWithin: boolean;
  readonly counts: readonly { readonly type: string; readonly left: number; readonly right: number }[];
  readonly indicators: readonly IndicatorParity[];
  readonly actions: readonly ActionParity[];
  readonly divergence: Divergence | undefined;
  readonly inputWindow: InputWindow | undefined;
};

/** Compares two runs. `tolerance` is relative: |left − right| ÷ max(|left|, |right|). */
export function compareRuns(left: Run, right: Run, tolerance = DEFAULT_TOLERANCE): Comparison {
  const isEqual = left.manifest.digest === right.manifest.digest;
  const evidence = { left: collect(left), right: collect(right) };
  const indicators = compareIndicators(evidence, tolerance);
  return {
    left: left.manifest,
    right: right.manifest,
    tolerance,
    isEqual,
    isWithin: isEqual || indicators.every((parity) => parity.beyond === 0),
    counts: compareCounts(left.manifest, right.manifest),
    indicators,
    actions: (['signal', 'order', 'fill'] as const).map((kind) => compareActions(kind, evidence)),
    divergence: isEqual ? undefined : findDivergence(left, right),
    inputWindow: isEqual ? undefined : findInputWindow(left, right),
  };
}

export type CandleRecord = Extract<RunRecord, { type: 'candle' }>;
export type ActionRecord = Extract<RunRecord, { type: 'signal' | 'order' | 'fill' }>;

/** What a comparison needs of one log: values in columns by name, candles by series, actions in order. */
export type Evidence = {
  readonly manifest: RunManifest;
  readonly values: ReadonlyMap<string, ReadonlyMap<number, number>>;
  readonly candles: ReadonlyMap<string, ReadonlyMap<number, CandleRecord>>;
  readonly actions: readonly ActionRecord[];
};

export type EvidencePair = { readonly left: Evidence; readonly right: Evidence };

function collect(run: Run): Evidence {
  const values = new Map<string, Map<number, number>>();
  const candles = new Map<string, Map<number, CandleRecord>>();
  const actions: ActionRecord[] = [];
  for (const record of readLog(run.log)) {
    if (record.type === 'indicator') within(values, record.name).set(record.atUs, record.value);
    else if (record.type === 'candle') within(candles, record.name).set(record.startUs, record);
    else if (record.type === 'signal' || record.type === 'order' || record.type === 'fill')
      actions.push(record);
  }
  return { manifest: run.manifest, values, candles, actions };
}

function within<V>(map: Map<string, Map<number, V>>, name: string): Map<number, V> {
  let inner = map.get(name);
  if (inner === undefined) {
    inner = new Map();
    map.set(name, inner);
  }
  return inner;
}

function compareCounts(left: RunManifest, right: RunManifest): Comparison['counts'] {
  const types = [...new Set([...Object.keys(left.counts), ...Object.keys(right.counts)])].sort();
  return types.map((type) => ({ type, left: left.counts[type] ?? 0, right: right.counts[type] ?? 0 }));
}

function compareIndicators(evidence: EvidencePair, tolerance: number): readonly IndicatorParity[] {
  const names = [...new Set([...evidence.left.values.keys(), ...evidence.right.values.keys()])].sort();
  return names.map((name) => compareIndicator(name, evidence, tolerance));
}

const NO_VALUES: ReadonlyMap<number, number> = new Map();

function compareIndicator(name: string, evidence: EvidencePair, tolerance: number): IndicatorParity {
  const left = evidence.left.values.get(name) ?? NO_VALUES;
  const right = evidence.right.values.get(name) ?? NO_VALUES;
  const causes: Partial<Record<Cause, number>> = {};
  const count = (cause: Cause): void => {
    causes[cause] = (causes[cause] ?? 0) + 1;
  };
  const max: Difference = { absolute: 0, relative: 0, ulp: 0 };
  let [matched, unequal, beyond, firstBeyondUs] = [0, 0, 0, Number.NaN];
  for (const [atUs, value] of left) {
    const other = right.get(atUs);
    if (other === undefined) {
      count(explain({ evidence, name, atUs, missing: 'right' }));
      continue;
    }
    matched += 1;
    if (Object.is(value, other)) continue;
    unequal += 1;
    const absolute = Math.abs(value - other);
    const relative = absolute / Math.max(Math.abs(value), Math.abs(other));
    max.absolute = Math.max(max.absolute, absolute);
    max.relative = Math.max(max.relative, relative);
    max.ulp = Math.max(max.ulp, ulpDistance(value, other));
    count(explain({ evidence, name, atUs, missing: 'none' }));
    if (!(relative <= tolerance)) {
      beyond += 1;
      if (Number.isNaN(firstBeyondUs) || atUs < firstBeyondUs) firstBeyondUs = atUs;
    }
  }
  let onlyRight = 0;
  for (const atUs of right.keys()) {
    if (left.has(atUs)) continue;
    onlyRight += 1;
    count(explain({ evidence, name, atUs, missing: 'left' }));
  }
  return {
    name,
    matched,
    onlyLeft: left.size - matched,
    onlyRight,
    unequal,
    beyond,
    maxAbsolute: max.absolute,
    maxRelative: max.relative,
    maxUlp: max.ulp,
    firstBeyondUs,
    causes,
  };
}

/** How far apart in engine time two runs' signals may be and still be the same decision. */
const SAME_DECISION_US = 1_000_000;

function compareActions(kind: ActionParity['kind'], evidence: EvidencePair): ActionParity {
  const left = evidence.left.actions.filter((action) => action.type === kind);
  const right = evidence.right.actions.filter((action) => action.type === kind);
  const open = new Map<string, ActionRecord[]>();
  for (const action of right) {
    const key = keyOf(action);
    const list = open.get(key);
    if (list === undefined) open.set(key, [action]);
    else list.push(action);
  }
  const causes: Partial<Record<Cause, number>> = {};
  let [matched, equal, maxPriceBps, maxTimeUs] = [0, 0, 0, 0];
  for (const action of left) {
    const candidates = open.get(keyOf(action)) ?? [];
    const index = candidates.findIndex((other) => Math.abs(other.timeUs - action.timeUs) <= SAME_DECISION_US);
    if (index < 0) continue;
    const [other] = candidates.splice(index, 1);
    if (other === undefined) continue;
    matched += 1;
    if (contentOf(action) === contentOf(other)) {
      equal += 1;
      continue;
    }
    const cause = causeOfAction(action, other);
    causes[cause] = (causes[cause] ?? 0) + 1;
    maxTimeUs = Math.max(maxTimeUs, Math.abs(action.timeUs - other.timeUs));
    if (action.type === 'fill' && other.type === 'fill') {
      const bps = (Math.abs(action.fill.price - other.fill.price) / action.fill.price) * 1e4;
      maxPriceBps = Math.max(maxPriceBps, bps);
    }
  }
  const unmatched = left.length - matched + (right.length - matched);
  if (unmatched > 0) causes['other decision'] = unmatched;
  return { kind, left: left.length, right: right.length, matched, equal, maxPriceBps, maxTimeUs, causes };
}

/** What makes two actions of two runs candidates for one another. */
function keyOf(action: ActionRecord): string {
  switch (action.type) {
    case 'signal':
      return `${action.strategy} ${action.signal.action} ${action.signal.symbol ?? ''}`;
    case 'order':
      return `${action.order.strategy} ${action.order.side} ${action.order.symbol} ${action.order.type} ${action.order.status}`;
    case 'fill':
      return `${action.fill.strategy} ${action.fill.side} ${action.fill.symbol}`;
  }
}

/** An action without its position in the run, as text. */
function contentOf(action: ActionRecord): string {
  return formatRecord({ ...action, event: 0, seq: 0 });
}

function causeOfAction(left: ActionRecord, right: ActionRecord): Cause {
  if (left.type === 'fill' && right.type === 'fill') {
    if (left.fill.price === right.fill.price && left.fill.size === right.fill.size) return 'latency';
    return left.fill.fillMid === right.fill.fillMid ? 'book depth' : 'latency';
  }
  return left.timeUs === right.timeUs ? 'missing or extra events' : 'latency';
}

const CONTEXT_RECORDS = 5;

function findDivergence(left: Run, right: Run): Divergence | undefined {
  const rights = readLog(right.log);
  const before: LoggedRecord[] = [];
  let line = 0;
  for (const record of readLog(left.log)) {
    line += 1;
    const other = rights.next().value as LoggedRecord | undefined;
    if (other === undefined || formatRecord(record) !== formatRecord(other)) {
      return { line, left: record, right: other, before, fields: differingFields(record, other) };
    }
    before.push(record);
    if (before.length > CONTEXT_RECORDS) before.shift();
  }
  const extra = rights.next().value as LoggedRecord | undefined;
  return extra === undefined
    ? undefined
    : { line: line + 1, left: undefined, right: extra, before, fields: [] };
}

function differingFields(left: LoggedRecord, right: LoggedRecord | undefined): readonly string[] {
  if (right === undefined || left.type !== right.type) return [];
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

function findInputWindow(left: Run, right: Run): InputWindow | undefined {
  const lefts = checkpoints(left);
  const rights = checkpoints(right);
  let fromEvent = 0;
  for (;;) {
    const a = lefts.next().value;
    const b = rights.next().value;
    if (a === undefined && b === undefined) return undefined;
    if (a === undefined || b === undefined || a.events !== b.events || a.inputs !== b.inputs) {
      return { fromEvent, toEvent: Math.max(a?.events ?? 0, b?.events ?? 0) };
    }
    fromEvent = a.events;
  }
}

function* checkpoints(run: Run): Generator<{ readonly events: number; readonly inputs: string }> {
  for (const record of readLog(run.log)) {
    if (record.type === 'checkpoint') yield { events: record.event, inputs: record.inputs };
    else if (record.type === 'end') yield { events: record.events, inputs: record.inputs };
  }
}
