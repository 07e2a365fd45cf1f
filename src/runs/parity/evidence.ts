// What a comparison needs of one run, read from its log in one pass. Values and candles are kept in columns, 24 and
// 72 bytes each, so that a year of minutes fits; actions and checkpoints are few. All columns are in order of time.
import { assert } from '../../core/assert.ts';
import { parseDurationUs } from '../../core/time.ts';
import type { StrategyActivity } from '../activity.ts';
import { type LoggedRecord, type RecordOf, readLog } from '../log.ts';
import type { Run, RunManifest } from '../run.ts';
import { type Outage, Outages } from './outages.ts';

export type SignalRecord = RecordOf<'signal'>;
export type OrderRecord = RecordOf<'order'>;
export type FillRecord = RecordOf<'fill'>;
export type SampleRecord = RecordOf<'sample'>;
export type EquityRecord = RecordOf<'equity'>;

/** One output of an indicator over the run. */
export type Values = {
  /** `strategy.input` of the candles it is computed from; empty when the strategy did not declare them by themselves. */
  readonly series: string;
  /** Starts of its candles. */
  readonly timesUs: number[];
  /** Engine times from which on the values were there to be seen. */
  readonly seenUs: number[];
  readonly values: number[];
};

export type Candles = {
  readonly symbol: string;
  readonly intervalUs: number;
  readonly startsUs: number[];
  /** Engine times at which they closed. */
  readonly seenUs: number[];
  readonly open: number[];
  readonly high: number[];
  readonly low: number[];
  readonly close: number[];
  readonly volume: number[];
  readonly buyVolume: number[];
  readonly sellVolume: number[];
  readonly trades: number[];
  readonly isPartial: boolean[];
};

/** Data of one symbol that was not used; `startUs` is that of the candle it would be in, or its venue time; NaN where unknown. */
export type Late = { readonly timeUs: number; readonly startUs: number };

export type Signal = {
  readonly record: SignalRecord;
  /** End of the candle that its strategy had just been shown, else engine time: the same in runs with another receipt lag. */
  readonly momentUs: number;
};

export type Evidence = {
  readonly manifest: RunManifest;
  /** Engine time of the first and the last record. */
  readonly beganUs: number;
  readonly endedUs: number;
  /** By symbol: engine time from which on its trades were heard. */
  readonly heardUs: ReadonlyMap<string, number>;
  readonly graceUs: number;
  /** How far its receive times were after the venue's, and how long it then waited for candles, as it found out itself. */
  readonly offsetUs: number;
  readonly waitUs: number;
  readonly isHistorical: boolean;
  /** By `strategy.input.output`. */
  readonly values: ReadonlyMap<string, Values>;
  /** By `strategy.input`. */
  readonly candles: ReadonlyMap<string, Candles>;
  /** By symbol: times in which its trades, and those in which its book, went missing. */
  readonly outages: ReadonlyMap<string, readonly Outage[]>;
  readonly bookOutages: ReadonlyMap<string, readonly Outage[]>;
  /** By symbol: data that came after its candle, and trades whose time could not be right. */
  readonly late: ReadonlyMap<string, readonly Late[]>;
  readonly apart: ReadonlyMap<string, readonly Late[]>;
  readonly samples: readonly SampleRecord[];
  readonly signals: readonly Signal[];
  readonly orders: readonly OrderRecord[];
  readonly fills: readonly FillRecord[];
  readonly equity: readonly EquityRecord[];
  readonly activity: readonly StrategyActivity[];
  /** How many events had been taken, and the digest of all of them. */
  readonly checkpoints: readonly { readonly events: number; readonly inputs: string }[];
};

export type EvidencePair = { readonly left: Evidence; readonly right: Evidence };
export type Side = 'left' | 'right';

/** What is compared in the order in which it was written. */
type Lists = {
  readonly samples: SampleRecord[];
  readonly signals: Signal[];
  readonly orders: OrderRecord[];
  readonly fills: FillRecord[];
  readonly equity: EquityRecord[];
  readonly checkpoints: { readonly events: number; readonly inputs: string }[];
};

export function collect(run: Run): Evidence {
  const { manifest } = run;
  const values = new Map<string, Values>();
  const candles = new Map<string, Candles>();
  const outages = new Outages(manifest.symbols);
  const late = new Map<string, Late[]>();
  const apart = new Map<string, Late[]>();
  let [offsetUs, waitUs] = [0, 0];
  const lists: Lists = { samples: [], signals: [], orders: [], fills: [], equity: [], checkpoints: [] };
  const closed: ClosedSeries = { event: -1, timeUs: Number.NaN, byStartUs: new Map(), endUs: new Map() };
  for (const record of readLog(run.log)) {
    switch (record.type) {
      case 'candle':
        remember(closed, record);
        addCandle(candles, record);
        break;
      case 'indicator':
        addValue(values, record, seriesOf(closed, record));
        break;
      case 'status':
        outages.add(record.status, record.timeUs);
        break;
      case 'unused':
        if (record.reason.startsWith('late')) {
          const { timeUs, startUs = Number.NaN } = record;
          entry(late, record.symbol, () => []).push({ timeUs, startUs });
        } else if (record.reason.includes('set apart')) {
          const { timeUs, atUs = Number.NaN } = record;
          entry(apart, record.symbol, () => []).push({ timeUs, startUs: atUs });
        }
        break;
      case 'lag':
        offsetUs = record.offsetUs;
        waitUs = Math.max(waitUs, record.graceUs);
        break;
      case 'signal':
        lists.signals.push({ record, momentUs: momentOf(closed, record) });
        break;
      default:
        keep(lists, record);
    }
  }
  const beganUs = manifest.firstUs ?? Number.NaN;
  const { grace } = (manifest.config.candles ?? {}) as { readonly grace?: string };
  const graceUs = grace === undefined ? 0 : parseDurationUs(grace, 'candles.grace');
  return {
    ...{ manifest, values, candles, late, apart, ...lists },
    ...{ beganUs, endedUs: manifest.lastUs ?? Number.NaN },
    ...{ graceUs, offsetUs, waitUs: Math.max(graceUs, waitUs) },
    isHistorical: manifest.dataset.feed === 'historical',
    heardUs: outages.heardUs,
    outages: outages.of('trade'),
    bookOutages: outages.of('book'),
    activity: manifest.activity ?? [],
  };
}

function keep(lists: Lists, record: LoggedRecord): void {
  switch (record.type) {
    case 'sample':
      lists.samples.push(record);
      break;
    case 'order':
      lists.orders.push(record);
      break;
    case 'fill':
      lists.fills.push(record);
      break;
    case 'equity':
      lists.equity.push(record);
      break;
    case 'checkpoint':
      lists.checkpoints.push({ events: record.event + 1, inputs: record.inputs });
      break;
    case 'end':
      lists.checkpoints.push({ events: record.events, inputs: record.inputs });
      break;
    default:
      break;
  }
}

/** The candles written at one event, the last of each start: an indicator's record follows those of its own series. */
type ClosedSeries = {
  event: number;
  timeUs: number;
  readonly byStartUs: Map<string, string>;
  /** By strategy: the end of the first candle closed at this event. */
  readonly endUs: Map<string, number>;
};

function remember(closed: ClosedSeries, record: RecordOf<'candle'>): void {
  const { event, timeUs, startUs, intervalUs, name } = record;
  if (closed.event !== event || closed.timeUs !== timeUs) {
    closed.byStartUs.clear();
    closed.endUs.clear();
  }
  closed.event = event;
  closed.timeUs = timeUs;
  const strategy = strategyOf(name);
  closed.byStartUs.set(`${strategy} ${startUs}`, name);
  closed.endUs.set(strategy, startUs + intervalUs);
}

function seriesOf(closed: ClosedSeries, { event, atUs, name }: RecordOf<'indicator'>): string {
  return closed.event === event ? (closed.byStartUs.get(`${strategyOf(name)} ${atUs}`) ?? '') : '';
}

function momentOf(closed: ClosedSeries, { event, timeUs, strategy }: SignalRecord): number {
  if (closed.event !== event || closed.timeUs !== timeUs) return timeUs;
  return closed.endUs.get(strategy) ?? timeUs;
}

function addValue(all: Map<string, Values>, record: RecordOf<'indicator'>, series: string): void {
  const { name, atUs, timeUs, value } = record;
  const column = entry(all, name, () => ({ series, timesUs: [], seenUs: [], values: [] }));
  assert(!(atUs <= column.timesUs.at(-1)!), 'the values of an indicator are logged in order of time');
  column.timesUs.push(atUs);
  column.seenUs.push(timeUs);
  column.values.push(value);
}

function addCandle(all: Map<string, Candles>, record: RecordOf<'candle'>): void {
  const { name, symbol, intervalUs } = record;
  const candles = entry(all, name, () => emptyCandles(symbol, intervalUs));
  assert(
    !(record.startUs <= candles.startsUs.at(-1)!),
    'the candles of a series are logged in order of time',
  );
  candles.startsUs.push(record.startUs);
  candles.seenUs.push(record.timeUs);
  candles.open.push(record.open);
  candles.high.push(record.high);
  candles.low.push(record.low);
  candles.close.push(record.close);
  candles.volume.push(record.volume);
  candles.buyVolume.push(record.buyVolume);
  candles.sellVolume.push(record.sellVolume);
  candles.trades.push(record.trades);
  candles.isPartial.push(record.isPartial);
}

/** A series of candles in columns, none yet. */
export function emptyCandles(symbol: string, intervalUs: number): Candles {
  return {
    ...{ symbol, intervalUs, startsUs: [], seenUs: [] },
    ...{ open: [], high: [], low: [], close: [] },
    ...{ volume: [], buyVolume: [], sellVolume: [], trades: [], isPartial: [] },
  };
}

/** `mean-reversion.rsi.value` → `mean-reversion`. */
export function strategyOf(name: string): string {
  const dot = name.indexOf('.');
  return dot < 0 ? name : name.slice(0, dot);
}

/** `mean-reversion.rsi.value` → `mean-reversion.rsi`. */
export function inputOf(name: string): string {
  return name.slice(0, name.lastIndexOf('.'));
}

/** How far apart in engine time two runs may come to the same decision: a second, and the longer grace of candles. */
export function decisionWindowUs({ left, right }: EvidencePair): number {
  return SAME_DECISION_US + Math.max(left.graceUs, right.graceUs);
}

const SAME_DECISION_US = 1_000_000;

export function entry<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = create();
    map.set(key, value);
  }
  return value;
}
