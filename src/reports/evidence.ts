// What a report shows of a run, read from its log in one pass. Only the equity curves and the fills are kept whole:
// their figures are exact, and computed where the rest of the harness computes them. All else that grows with the run is
// thinned to what a chart can show while it is read.

import { type Calendar, type Curve, calendarOf } from '../runs/figures/curve.ts';
import { Figures, type StrategyFigures } from '../runs/figures/figures.ts';
import { type BenchmarkMetrics, computeAgainst } from '../runs/figures/metrics.ts';
import { type RecordOf, readLog } from '../runs/log.ts';
import type { Run } from '../runs/run.ts';
import { type HeldPrices, Markets, type SeriesEvidence } from './markets.ts';
import { type Gap, type LateData, Notes } from './notes.ts';
import { type Span, Thinned } from './reduce.ts';

export type StrategyEvidence = StrategyFigures & {
  /** (equity − cash) ÷ equity: above 0 it is long, below 0 short. */
  readonly exposure: Thinned;
  readonly hold: Hold | undefined;
};

/** Buying the strategy's first symbol at the open of its first candle for all its equity, and holding it. */
export type Hold = {
  readonly symbol: string;
  /** Shares of the first value. */
  readonly curve: Curve;
  readonly against: BenchmarkMetrics;
};

export type RunEvidence = {
  readonly run: Run;
  readonly span: Span;
  readonly strategies: readonly StrategyEvidence[];
  /** Which days have returns. */
  readonly calendar: Calendar;
  /** All strategies as one portfolio, where there are several and their ledgers are in one currency. */
  readonly total: StrategyFigures | undefined;
  readonly series: readonly SeriesEvidence[];
  /** By `strategy.input.output`. */
  readonly indicators: ReadonlyMap<string, Thinned>;
  /** What quotes and books showed at decisions, by `strategy.input.output`. */
  readonly samples: ReadonlyMap<string, Thinned>;
  /** Curves that strategies drew, by `strategy.name`. */
  readonly plots: ReadonlyMap<string, Thinned>;
  readonly lines: readonly RecordOf<'log'>[];
  readonly lineCount: number;
  readonly gaps: readonly Gap[];
  readonly late: readonly LateData[];
  readonly statuses: readonly RecordOf<'status'>[];
  readonly statusCount: number;
  readonly faults: readonly RecordOf<'fault'>[];
  readonly risks: readonly RecordOf<'risk'>[];
  /** How often an order was refused, by strategy and reason. */
  readonly rejections: ReadonlyMap<string, number>;
  readonly unused: ReadonlyMap<string, number>;
  readonly affected: readonly RecordOf<'outage'>[];
  readonly books: ReadonlyMap<string, number>;
};

export function gather(run: Run): RunEvidence {
  const span = { fromUs: run.manifest.firstUs ?? 0, toUs: run.manifest.lastUs ?? 0 };
  const figures = new Figures();
  const markets = new Markets(span);
  const notes = new Notes();
  for (const record of readLog(run.log)) {
    figures.add(record);
    switch (record.type) {
      case 'candle':
        markets.addCandle(record);
        break;
      case 'plot':
        markets.addPlot(record);
        break;
      case 'sample':
        markets.addSample(record);
        break;
      case 'indicator':
        markets.addIndicator(record);
        break;
      default:
        notes.add(record);
        break;
    }
  }
  const { calendar, strategies, total, fills } = figures.finish(
    run.manifest.strategies.map(({ id }) => id),
    calendarOf(run.manifest.config),
  );
  const trips = strategies.flatMap((strategy) => strategy.trips);
  return {
    run,
    span,
    strategies: strategies.map((strategy) => ({
      ...strategy,
      exposure: exposureOf(strategy, span),
      hold: holdOf(strategy.equity, markets.holds.get(strategy.id), calendar),
    })),
    calendar,
    total: strategies.length > 1 ? total : undefined,
    series: markets.series(fills, trips),
    indicators: markets.indicators,
    samples: markets.samples,
    plots: markets.plots,
    ...notes.evidence(),
  };
}

function exposureOf({ equity, held }: StrategyFigures, span: Span): Thinned {
  const exposure = new Thinned(span);
  equity.timesUs.forEach((timeUs, i) => {
    exposure.push(timeUs, held[i]! / equity.values[i]!);
  });
  return exposure;
}

/** The prices begin and end with the equity, so that both figures are of one span. */
function holdOf(equity: Curve, held: HeldPrices | undefined, calendar: Calendar): Hold | undefined {
  if (held === undefined) return undefined;
  const { symbol, base, prices, daily } = held;
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
  return { symbol, curve, against: computeAgainst(dailyOf(equity), benchmark, calendar) };
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
