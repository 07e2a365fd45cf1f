// Equity, drawdown and exposure over time; and for long runs what rolled over them and how daily returns spread.
import { type Curve, underWater } from '../../runs/figures/curve.ts';
import type { RunEvidence, StrategyEvidence } from '../evidence.ts';
import { type Span, Thinned } from '../reduce.ts';
import {
  type Chart,
  chart,
  lineRows,
  type Part,
  type Row,
  SERIES_COLOURS,
  timeChart,
  valueAxis,
} from './chart.ts';

/** More lines than this cannot be told apart. */
const CURVES_MAX = 8;

/** Equity beside buying and holding, how far it is below its highest, and how much of it is in the market. */
export function equityChart({ strategies, span }: RunEvidence): Chart | undefined {
  const all = strategies.filter(({ equity }) => equity.values.length > 1);
  if (all.length === 0) return undefined;
  const curves = [...all].sort(byReturn).slice(0, CURVES_MAX);
  const holds = new Map(
    curves.flatMap(({ hold }) => (hold === undefined ? [] : [[hold.symbol, hold.curve] as const])),
  );
  const own = curves.flatMap(({ id, equity }) => lineRows(scaled(equity, span), id));
  const held = [...holds].flatMap(([symbol, { timesUs, values }]) =>
    lineRows({ timesUs, values: values.map((share) => share * 100) }, `hold ${symbol}`),
  );
  const under = curves.flatMap(({ id, equity }) => lineRows(drawdown(equity, span), id));
  const inMarket = curves.flatMap(({ id, exposure }) => lineRows(exposure.points(), id));
  const names = [...curves.map(({ id }) => id), ...[...holds.keys()].map((symbol) => `hold ${symbol}`)];
  const range = names.map((_, i) =>
    i < curves.length
      ? SERIES_COLOURS[i % SERIES_COLOURS.length]
      : `var(--h${((i - curves.length) % 3) + 1})`,
  );
  const color = { field: 's', type: 'nominal', scale: { domain: names, range } };
  const step = { type: 'line', interpolate: 'step-after' };
  const index = valueAxis('v', { title: '100 at the start', tickCount: 6 });
  return timeChart(
    holds.size === 0 ? 'Equity, drawdown, exposure' : 'Equity beside buying and holding, drawdown, exposure',
    [
      {
        height: 230,
        layers: [
          { data: { name: 'equity', values: own }, mark: step, encoding: { y: index, color } },
          {
            data: { name: 'held', values: held },
            mark: { type: 'line', strokeDash: [4, 3], strokeWidth: 1.2 },
            encoding: { y: index, color },
          },
        ],
        readout: [
          { data: 'equity', format: '.4f' },
          { data: 'held', format: '.4f' },
        ],
      },
      panel('drawdown', under, { ...step }, color, '.2%'),
      panel('exposure', inMarket, { ...step }, color, '.0%'),
    ],
    { resolve: { scale: { x: 'shared', color: 'shared' } } },
    all.length > curves.length ? `the best ${curves.length} of ${all.length} strategies` : undefined,
  );
}

function panel(name: string, rows: readonly Row[], mark: Part, color: Part, format: string) {
  return {
    height: 80,
    layers: [
      {
        data: { name, values: rows },
        mark,
        encoding: { y: valueAxis('v', { title: name, format, tickCount: 4 }, {}), color },
      },
    ],
    readout: [{ data: name, format: '.3%', label: name }],
  };
}

export function byReturn(a: StrategyEvidence, b: StrategyEvidence): number {
  return (b.metrics.totalReturn || 0) - (a.metrics.totalReturn || 0);
}

/** 100 at the start. */
function scaled({ timesUs, values }: Curve, span: Span): Curve {
  const thinned = new Thinned(span);
  for (let i = 0; i < values.length; i++) thinned.push(timesUs[i]!, (values[i]! / values[0]!) * 100);
  return thinned.points();
}

/** How far below its highest the equity stands, as long as it is above 0. */
function drawdown(curve: Curve, span: Span): Curve {
  const thinned = new Thinned(span);
  const { timesUs, values } = underWater(curve);
  for (let i = 0; i < values.length && values[i]! > -1; i++) thinned.push(timesUs[i]!, values[i]!);
  return thinned.points();
}

/** Figures over a moving window, one line a strategy in each panel. */
export function rollingChart(
  panels: readonly { readonly name: string; readonly format: string; readonly rows: readonly Row[] }[],
  windowDays: number,
): Chart {
  const color = { field: 's', type: 'nominal', sort: null };
  return timeChart(
    `Rolling over ${windowDays} days`,
    panels.map(({ name, format, rows }) => ({
      height: 90,
      layers: [
        {
          data: { name, values: rows },
          mark: { type: 'line' },
          encoding: { y: valueAxis('v', { title: name, format, tickCount: 4 }), color },
        },
      ],
      readout: [{ data: name, format: format === '.0%' ? '.2%' : '.2f', label: name }],
    })),
    { resolve: { scale: { x: 'shared', color: 'shared' } } },
  );
}

/** How often a daily return fell where. */
export function distributionChart(returns: readonly { readonly s: string; readonly r: number }[]): Chart {
  const names = [...new Set(returns.map(({ s }) => s))];
  return chart('Daily returns', {
    height: 100,
    data: { values: returns },
    mark: { type: 'bar', tooltip: true },
    encoding: {
      x: { field: 'r', type: 'quantitative', bin: { maxbins: 60 }, axis: { title: null, format: '.1%' } },
      y: { aggregate: 'count', type: 'quantitative', axis: { title: 'days', tickCount: 3 } },
      ...(names.length > 1 ? { row: { field: 's', type: 'nominal', header: { title: null } } } : {}),
      color: { value: 'var(--c1)' },
    },
  });
}
