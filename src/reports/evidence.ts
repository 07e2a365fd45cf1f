// What a report shows of a run, read from its log in one pass: curves, candles, fills, indicator series, status.
import type { LoggedRecord } from '../runs/log.ts';
import { readLog } from '../runs/log.ts';
import { type BenchmarkMetrics, computeAgainst, computeMetrics, type Metrics } from '../runs/metrics.ts';
import type { Run } from '../runs/run.ts';
import { type RoundTrip, roundTrips, type TimedFill } from '../runs/trades.ts';

type Of<T extends LoggedRecord['type']> = Extract<LoggedRecord, { type: T }>;

export type Series = { readonly timesUs: number[]; readonly values: number[] };

export type StrategyEvidence = {
  readonly id: string;
  readonly currency: string;
  readonly equity: Series;
  readonly metrics: Metrics;
  readonly trips: readonly RoundTrip[];
  readonly costs: Costs;
  /** Buying the strategy's first symbol at its first candle and holding it, worth as much at the start. */
  readonly hold:
    | { readonly symbol: string; readonly equity: Series; readonly against: BenchmarkMetrics }
    | undefined;
};

/** A stretch in which data of a channel was missing, engine time. */
export type GapEvidence = {
  readonly cause: string;
  readonly channel: string;
  readonly symbol: string;
  readonly fromUs: number;
  /** When data flowed again; undefined when that is not known. */
  readonly toUs: number | undefined;
};

/** Where money went besides the market's moves, quote currency; positive is a cost. */
export type Costs = {
  readonly fees: number;
  /** (fill price − mid at the fill) × size, against the taker: half the spread and the walk through the book. */
  readonly spread: number;
  /** (mid at the fill − mid at the signal) × size, against the side taken: what the price did on the way. */
  readonly latency: number;
};

export type CandleSeriesEvidence = {
  readonly name: string;
  readonly symbol: string;
  readonly intervalUs: number;
  readonly candles: readonly Of<'candle'>[];
  /** Indicators of the same strategy, `strategy.input.output`. */
  readonly indicators: ReadonlyMap<string, Series>;
  readonly fills: readonly TimedFill[];
};

export type RunEvidence = {
  readonly run: Run;
  readonly strategies: readonly StrategyEvidence[];
  readonly series: readonly CandleSeriesEvidence[];
  readonly indicators: ReadonlyMap<string, Series>;
  readonly statuses: readonly Of<'status'>[];
  readonly statusCount: number;
  readonly gaps: readonly GapEvidence[];
  readonly faults: readonly Of<'fault'>[];
  readonly rejections: ReadonlyMap<string, number>;
  readonly unused: ReadonlyMap<string, number>;
};

/** Status records kept for the page; the rest are counted. */
const STATUS_MAX = 200;

export function gather(run: Run): RunEvidence {
  const equity = new Map<string, { currency: string; series: Series }>();
  const candles = new Map<string, Of<'candle'>[]>();
  const indicators = new Map<string, Series>();
  const fills: TimedFill[] = [];
  const reasons = new Map<number, string>();
  const statuses: Of<'status'>[] = [];
  const faults: Of<'fault'>[] = [];
  const rejections = new Map<string, number>();
  const unused = new Map<string, number>();
  const gaps: GapEvidence[] = [];
  let statusCount = 0;
  for (const record of readLog(run.log)) {
    switch (record.type) {
      case 'equity': {
        const { series } = entry(equity, record.strategy, () => ({
          currency: record.currency,
          series: emptySeries(),
        }));
        series.timesUs.push(record.timeUs);
        series.values.push(Number(record.equity));
        break;
      }
      case 'candle':
        entry(candles, record.name, () => []).push(record);
        break;
      case 'indicator': {
        const series = entry(indicators, record.name, emptySeries);
        series.timesUs.push(record.atUs);
        series.values.push(record.value);
        break;
      }
      case 'order':
        reasons.set(record.order.id, record.order.reason);
        if (record.order.status === 'rejected')
          bump(rejections, `${record.order.strategy}: ${record.order.reason}`, 1);
        break;
      case 'fill':
        fills.push({
          timeUs: record.timeUs,
          fill: record.fill,
          reason: reasons.get(record.fill.order) ?? '',
        });
        break;
      case 'status':
        statusCount += 1;
        if (record.status.state === 'gap') {
          const { cause, channel, symbol } = record.status;
          gaps.push({ cause, channel, symbol, fromUs: record.timeUs, toUs: undefined });
        }
        if (statuses.length < STATUS_MAX && isTelling(record)) statuses.push(record);
        break;
      case 'fault':
        faults.push(record);
        break;
      case 'unused':
        bump(unused, `${record.symbol}: ${record.reason}`, record.count);
        break;
      default:
        break;
    }
  }
  const all = [...candles.values()].flat();
  return {
    run,
    strategies: run.manifest.strategies.map(({ id }) =>
      evaluate(
        id,
        equity.get(id),
        fills.filter(({ fill }) => fill.strategy === id),
        all,
      ),
    ),
    series: [...candles].map(([name, list]) => toSeries(name, list, indicators, fills)),
    indicators,
    statuses,
    statusCount,
    gaps: recordedGaps(run) ?? gaps,
    faults,
    rejections,
    unused,
  };
}

/** The recording's own list of gaps, which knows when each was healed. */
function recordedGaps({ measured }: Run): readonly GapEvidence[] | undefined {
  const gaps = measured?.quality.gaps as
    | readonly (Omit<GapEvidence, 'toUs'> & { readonly toUs: number | null })[]
    | undefined;
  return gaps?.map((gap) => ({ ...gap, toUs: gap.toUs ?? undefined }));
}

/** What was sent and acknowledged is routine; the page shows what went wrong and what was done about it. */
function isTelling({ status }: Of<'status'>): boolean {
  return status.state === 'control' ? status.control.type !== 'sent' : status.state !== 'subscribed';
}

function evaluate(
  id: string,
  equity: { readonly currency: string; readonly series: Series } | undefined,
  fills: readonly TimedFill[],
  candles: readonly Of<'candle'>[],
): StrategyEvidence {
  const series = equity?.series ?? emptySeries();
  const trips = roundTrips(fills, candles);
  const costs = costsOf(fills);
  const notional = fills.reduce((sum, { fill }) => sum + fill.price * fill.size, 0);
  const metrics = computeMetrics(series, trips, { notional, fees: costs.fees });
  const own = candles.filter(({ name }) => name.startsWith(`${id}.`));
  return {
    id,
    currency: equity?.currency ?? '',
    equity: series,
    metrics,
    trips,
    costs,
    hold: holdOf(series, own),
  };
}

/** The closes of the strategy's first candle series, scaled to its equity where they begin. */
function holdOf(equity: Series, candles: readonly Of<'candle'>[]): StrategyEvidence['hold'] {
  const [first] = candles;
  const start = equity.values[0];
  if (first === undefined || start === undefined) return undefined;
  const held = emptySeries();
  for (const { name, startUs, intervalUs, close } of candles) {
    if (name !== first.name) continue;
    held.timesUs.push(startUs + intervalUs);
    held.values.push((start * close) / first.close);
  }
  return { symbol: first.symbol, equity: held, against: computeAgainst(equity, held) };
}

function costsOf(fills: readonly TimedFill[]): Costs {
  let [fees, spread, latency] = [0, 0, 0];
  for (const { fill } of fills) {
    const sign = fill.side === 'buy' ? 1 : -1;
    fees += Number(fill.fee);
    if (Number.isFinite(fill.fillMid)) spread += sign * (fill.price - fill.fillMid) * fill.size;
    if (Number.isFinite(fill.fillMid) && Number.isFinite(fill.signalMid))
      latency += sign * (fill.fillMid - fill.signalMid) * fill.size;
  }
  return { fees, spread, latency };
}

function toSeries(
  name: string,
  candles: readonly Of<'candle'>[],
  indicators: ReadonlyMap<string, Series>,
  fills: readonly TimedFill[],
): CandleSeriesEvidence {
  const strategy = name.slice(0, name.lastIndexOf('.'));
  const symbol = candles[0]?.symbol ?? '';
  return {
    name,
    symbol,
    intervalUs: candles[0]?.intervalUs ?? 0,
    candles,
    indicators: new Map([...indicators].filter(([key]) => key.startsWith(`${strategy}.`))),
    fills: fills.filter(({ fill }) => fill.strategy === strategy && fill.symbol === symbol),
  };
}

function emptySeries(): Series {
  return { timesUs: [], values: [] };
}

function entry<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = create();
    map.set(key, value);
  }
  return value;
}

function bump(map: Map<string, number>, key: string, by: number): void {
  map.set(key, (map.get(key) ?? 0) + by);
}
