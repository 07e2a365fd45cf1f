// What a report shows of a run, read from its log in one pass. Only the equity curves and the fills are kept whole,
// 16 bytes a sample: their figures are exact, and computed where the rest of the harness computes them. All else that
// grows with the run is thinned to what a chart can show while it is read.
import { type RecordOf, readLog } from '../runs/log.ts';
import {
  type BenchmarkMetrics,
  type Curve,
  computeAgainst,
  computeMetrics,
  type Metrics,
} from '../runs/metrics.ts';
import type { Run } from '../runs/run.ts';
import { type RoundTrip, roundTrips, type TimedFill } from '../runs/trades.ts';
import { type HeldPrices, Markets, type SeriesEvidence } from './markets.ts';
import { type Gap, type LateData, Notes } from './notes.ts';
import { type Span, Thinned } from './reduce.ts';
import { entry, Trading } from './trading.ts';

export type StrategyEvidence = {
  readonly id: string;
  readonly currency: string;
  readonly equity: Curve;
  /** (equity − cash) ÷ equity: above 0 it is long, below 0 short. */
  readonly exposure: Thinned;
  readonly metrics: Metrics;
  readonly trips: readonly RoundTrip[];
  readonly costs: Costs;
  readonly hold: Hold | undefined;
};

/** Buying the strategy's first symbol at the open of its first candle for all its equity, and holding it. */
export type Hold = {
  readonly symbol: string;
  /** Shares of the first value. */
  readonly curve: Curve;
  readonly against: BenchmarkMetrics;
};

/** Where money went besides the market's moves, quote currency; positive is a cost. */
export type Costs = {
  readonly notional: number;
  readonly fees: number;
  /** (fill price − mid at the fill) × size, against the taker: half the spread and the walk through the book. */
  readonly spread: number;
  /** (mid at the fill − mid at the signal) × size, against the side taken: what the price did on the way. */
  readonly latency: number;
};

export type RunEvidence = {
  readonly run: Run;
  readonly span: Span;
  readonly strategies: readonly StrategyEvidence[];
  readonly series: readonly SeriesEvidence[];
  /** By `strategy.input.output`. */
  readonly indicators: ReadonlyMap<string, Thinned>;
  readonly gaps: readonly Gap[];
  readonly late: readonly LateData[];
  readonly statuses: readonly RecordOf<'status'>[];
  readonly statusCount: number;
  readonly faults: readonly RecordOf<'fault'>[];
  readonly risks: readonly RecordOf<'risk'>[];
  readonly rejections: ReadonlyMap<string, number>;
  readonly unused: ReadonlyMap<string, number>;
};

export function gather(run: Run): RunEvidence {
  const span = { fromUs: run.manifest.firstUs ?? 0, toUs: run.manifest.lastUs ?? 0 };
  const ledgers = new Map<string, Ledger>();
  const markets = new Markets(span);
  const trading = new Trading();
  const notes = new Notes();
  for (const record of readLog(run.log)) {
    switch (record.type) {
      case 'equity':
        sample(
          entry(ledgers, record.strategy, () => newLedger(record.currency, span)),
          record,
        );
        break;
      case 'candle':
        markets.addCandle(record);
        trading.addCandle(record);
        break;
      case 'indicator':
        markets.addIndicator(record);
        break;
      case 'order':
        trading.addOrder(record);
        break;
      case 'fill':
        trading.addFill(record);
        break;
      default:
        notes.add(record);
        break;
    }
  }
  const trips = roundTrips(trading.fills, trading.candles);
  return {
    run,
    span,
    strategies: run.manifest.strategies.map(({ id }) => {
      const ledger = ledgers.get(id) ?? newLedger('', span);
      const fills = trading.fills.filter(({ fill }) => fill.strategy === id);
      const own = trips.filter(({ strategy }) => strategy === id);
      return evaluate(id, ledger, { fills, trips: own, hold: markets.holds.get(id) });
    }),
    series: markets.series(trading.fills, trips),
    indicators: markets.indicators,
    ...notes.evidence(run),
    rejections: trading.rejections,
  };
}

type Ledger = {
  readonly currency: string;
  readonly equity: { readonly timesUs: number[]; readonly values: number[] };
  readonly exposure: Thinned;
};

function newLedger(currency: string, span: Span): Ledger {
  return { currency, equity: { timesUs: [], values: [] }, exposure: new Thinned(span) };
}

function sample({ equity, exposure }: Ledger, record: RecordOf<'equity'>): void {
  const value = Number(record.equity);
  equity.timesUs.push(record.timeUs);
  equity.values.push(value);
  exposure.push(record.timeUs, (value - Number(record.cash)) / value);
}

function evaluate(
  id: string,
  { currency, equity, exposure }: Ledger,
  traded: {
    readonly fills: readonly TimedFill[];
    readonly trips: readonly RoundTrip[];
    readonly hold: HeldPrices | undefined;
  },
): StrategyEvidence {
  const costs = costsOf(traded.fills);
  const metrics = computeMetrics(equity, traded.trips, costs);
  const hold = traded.hold === undefined ? undefined : holdOf(equity, traded.hold);
  return { id, currency, equity, exposure, metrics, trips: traded.trips, costs, hold };
}

function costsOf(fills: readonly TimedFill[]): Costs {
  let [notional, fees, spread, latency] = [0, 0, 0, 0];
  for (const { fill } of fills) {
    const sign = fill.side === 'buy' ? 1 : -1;
    notional += fill.price * fill.size;
    fees += Number(fill.fee);
    if (Number.isFinite(fill.fillMid)) spread += sign * (fill.price - fill.fillMid) * fill.size;
    if (Number.isFinite(fill.fillMid) && Number.isFinite(fill.signalMid)) {
      latency += sign * (fill.fillMid - fill.signalMid) * fill.size;
    }
  }
  return { notional, fees, spread, latency };
}

/** The prices begin and end with the equity, so that both figures are of one span. */
function holdOf(equity: Curve, { symbol, base, prices, daily }: HeldPrices): Hold | undefined {
  const [firstUs, lastUs] = [equity.timesUs[0], equity.timesUs.at(-1)];
  if (firstUs === undefined || lastUs === undefined) return undefined;
  const inside = daily.timesUs.findIndex((timeUs) => timeUs > firstUs);
  const from = inside < 0 ? daily.timesUs.length : inside;
  const until = daily.timesUs.findIndex((timeUs) => timeUs >= lastUs);
  const to = until < 0 ? daily.timesUs.length : until;
  const benchmark = {
    timesUs: [firstUs, ...daily.timesUs.slice(from, to), lastUs],
    values: [base, ...daily.values.slice(from, to), daily.values.at(-1)!],
  };
  const { timesUs, values } = prices.points();
  const curve = { timesUs, values: values.map((price) => price / base) };
  return { symbol, curve, against: computeAgainst(dailyOf(equity), benchmark) };
}

const DAY_US = 86_400e6;

/** The first sample and the last of each UTC day: all that figures on daily returns look at. */
export function dailyOf({ timesUs, values }: Curve): Curve {
  const daily = { timesUs: [] as number[], values: [] as number[] };
  for (let i = 0; i < values.length; i++) {
    const isLastOfDay =
      i + 1 === values.length || Math.floor(timesUs[i]! / DAY_US) !== Math.floor(timesUs[i + 1]! / DAY_US);
    if (i > 0 && !isLastOfDay) continue;
    daily.timesUs.push(timesUs[i]!);
    daily.values.push(values[i]!);
  }
  return daily;
}
