// What a comparison needs of one run, read from its log in one pass. Values and candles are kept in columns, 16 and
// 56 bytes each, so that a year of minutes fits; actions and checkpoints are few. All columns are in order of time.
import { assert } from '../core/assert.ts';
import type { StatusDetail } from '../core/event.ts';
import { losesFrames } from '../core/frame.ts';
import { GapFold } from '../core/gap.ts';
import { type RecordOf, readLog } from './log.ts';
import type { Run, RunManifest } from './run.ts';

export type SignalRecord = RecordOf<'signal'>;
export type OrderRecord = RecordOf<'order'>;
export type FillRecord = RecordOf<'fill'>;

/** One output of an indicator over the run: the starts of its candles and its values. */
export type Values = {
  /** `strategy.input` of the candles it is computed from; empty when the strategy did not declare them by themselves. */
  readonly series: string;
  readonly timesUs: number[];
  readonly values: number[];
};

export type Candles = {
  readonly symbol: string;
  readonly intervalUs: number;
  readonly startsUs: number[];
  readonly open: number[];
  readonly high: number[];
  readonly low: number[];
  readonly close: number[];
  readonly volume: number[];
  readonly buyVolume: number[];
  readonly sellVolume: number[];
  readonly trades: number[];
};

/** A time in which the feed says that it missed trades of a symbol, engine time. */
export type Outage = { readonly fromUs: number; readonly toUs: number };

export type Evidence = {
  readonly manifest: RunManifest;
  /** By `strategy.input.output`. */
  readonly values: ReadonlyMap<string, Values>;
  /** By `strategy.input`. */
  readonly candles: ReadonlyMap<string, Candles>;
  /** By symbol. */
  readonly outages: ReadonlyMap<string, readonly Outage[]>;
  /** Engine times at which a trade came after its candle had closed, by symbol. */
  readonly lateUs: ReadonlyMap<string, readonly number[]>;
  readonly signals: readonly SignalRecord[];
  readonly orders: readonly OrderRecord[];
  readonly fills: readonly FillRecord[];
  /** How many events had been taken, and the digest of all of them. */
  readonly checkpoints: readonly { readonly events: number; readonly inputs: string }[];
};

export type EvidencePair = { readonly left: Evidence; readonly right: Evidence };

export function collect(run: Run): Evidence {
  const values = new Map<string, Values>();
  const candles = new Map<string, Candles>();
  const outages = new Outages(run.manifest.symbols);
  const lateUs = new Map<string, number[]>();
  const evidence = {
    signals: [] as SignalRecord[],
    orders: [] as OrderRecord[],
    fills: [] as FillRecord[],
    checkpoints: [] as { events: number; inputs: string }[],
  };
  const closed: ClosedSeries = { event: -1, byStartUs: new Map() };
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
        if (record.reason.startsWith('late')) entry(lateUs, record.symbol, () => []).push(record.timeUs);
        break;
      case 'signal':
        evidence.signals.push(record);
        break;
      case 'order':
        evidence.orders.push(record);
        break;
      case 'fill':
        evidence.fills.push(record);
        break;
      case 'checkpoint':
        evidence.checkpoints.push({ events: record.event + 1, inputs: record.inputs });
        break;
      case 'end':
        evidence.checkpoints.push({ events: record.events, inputs: record.inputs });
        break;
      default:
        break;
    }
  }
  return { manifest: run.manifest, values, candles, outages: outages.bySymbol, lateUs, ...evidence };
}

/** The candles written at one event, the last of each start: an indicator's record follows those of its own series. */
type ClosedSeries = { event: number; readonly byStartUs: Map<string, string> };

function remember(closed: ClosedSeries, { event, startUs, name }: RecordOf<'candle'>): void {
  if (closed.event !== event) closed.byStartUs.clear();
  closed.event = event;
  closed.byStartUs.set(`${strategyOf(name)} ${startUs}`, name);
}

function seriesOf(closed: ClosedSeries, { event, atUs, name }: RecordOf<'indicator'>): string {
  return closed.event === event ? (closed.byStartUs.get(`${strategyOf(name)} ${atUs}`) ?? '') : '';
}

function addValue(all: Map<string, Values>, record: RecordOf<'indicator'>, series: string): void {
  const { timesUs, values } = entry(all, record.name, () => ({ series, timesUs: [], values: [] }));
  assert(!(record.atUs <= timesUs.at(-1)!), 'the values of an indicator are logged in order of time');
  timesUs.push(record.atUs);
  values.push(record.value);
}

function addCandle(all: Map<string, Candles>, record: RecordOf<'candle'>): void {
  const { name, symbol, intervalUs } = record;
  const candles = entry(all, name, () => emptyCandles(symbol, intervalUs));
  assert(
    !(record.startUs <= candles.startsUs.at(-1)!),
    'the candles of a series are logged in order of time',
  );
  candles.startsUs.push(record.startUs);
  candles.open.push(record.open);
  candles.high.push(record.high);
  candles.low.push(record.low);
  candles.close.push(record.close);
  candles.volume.push(record.volume);
  candles.buyVolume.push(record.buyVolume);
  candles.sellVolume.push(record.sellVolume);
  candles.trades.push(record.trades);
}

/** A series of candles in columns, none yet. */
export function emptyCandles(symbol: string, intervalUs: number): Candles {
  return {
    symbol,
    intervalUs,
    startsUs: [],
    open: [],
    high: [],
    low: [],
    close: [],
    volume: [],
    buyVolume: [],
    sellVolume: [],
    trades: [],
  };
}

/** The gaps in the trades of each symbol. */
class Outages {
  readonly #fold = new GapFold();
  /** Of a log of the first version, in which a lost connection stands for a gap in all trades. */
  readonly #old = new GapFold();
  readonly #symbols: readonly string[];

  constructor(symbols: readonly string[]) {
    this.#symbols = symbols;
  }

  add(status: StatusDetail, timeUs: number): void {
    this.#fold.add(status, timeUs);
    this.#old.add(status, timeUs);
    if (status.state !== 'control' || !losesFrames(status.control)) return;
    for (const symbol of this.#symbols) {
      const gap = { state: 'gap', cause: 'disconnect', channel: 'trade', symbol, detail: '' } as const;
      this.#old.add({ type: 'status', ...gap }, timeUs);
    }
  }

  get bySymbol(): ReadonlyMap<string, readonly Outage[]> {
    const { gaps } = this.#fold.isOld ? this.#old : this.#fold;
    return new Map(
      this.#symbols.map((symbol) => [
        symbol,
        gaps
          .filter((gap) => gap.channel === 'trade' && gap.symbol === symbol)
          .map(({ fromUs, toUs }) => ({ fromUs, toUs: toUs ?? Number.POSITIVE_INFINITY })),
      ]),
    );
  }
}

/** `mean-reversion.rsi.value` → `mean-reversion`. */
export function strategyOf(name: string): string {
  const dot = name.indexOf('.');
  return dot < 0 ? name : name.slice(0, dot);
}

function entry<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = create();
    map.set(key, value);
  }
  return value;
}
