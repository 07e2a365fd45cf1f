// Round trips: drawn, grouped, listed; and the orders that were refused.
import { formatTimeUs } from '../../core/time.ts';
import type { RoundTrip } from '../../runs/trades.ts';
import { tripCharts } from '../charts/trades.ts';
import { html, type Markup, tableOf } from '../html.ts';
import { number, percent, span, whole } from './format.ts';
import type { Section, Subject } from './section.ts';

/** Rows of the trade table that are shown; the fills table beside the report has them all. */
const TRADES_MAX = 200;

export function trades({ evidence }: Subject): Section | undefined {
  const trips = evidence.strategies.flatMap(({ trips }) => trips).sort((a, b) => a.closedUs - b.closedUs);
  const rejections = [...evidence.rejections].map(([reason, times]) => [reason, whole(times)]);
  if (trips.length === 0 && rejections.length === 0) return undefined;
  const rows = trips
    .slice(0, TRADES_MAX)
    .map((t) => [
      t.strategy,
      t.symbol,
      t.side,
      formatTimeUs(t.openedUs).slice(0, 23),
      span(t.closedUs - t.openedUs),
      String(Number(t.size.toPrecision(8))),
      String(Number(t.entryPrice.toPrecision(10))),
      String(Number(t.exitPrice.toPrecision(10))),
      number(t.pnl, 4),
      percent(t.returnFraction, 3),
      percent(t.mae, 3),
      percent(t.mfe, 3),
      t.entryReason,
      t.exitReason,
    ]);
  const header = [
    'strategy',
    'symbol',
    'side',
    'opened',
    'held',
    'size',
    'entry',
    'exit',
    'pnl',
    'return',
    'MAE',
    'MFE',
    'entry because',
    'exit because',
  ];
  return {
    id: 'trades',
    title: 'Round trips',
    body: [
      ...tripCharts(trips),
      ...groups(trips),
      ...(rows.length > 0 ? [tableOf(header, rows)] : [html`<p>No position was opened and closed.</p>`]),
      ...(trips.length > TRADES_MAX
        ? [html`<p>${whole(trips.length - TRADES_MAX)} more in fills.parquet.</p>`]
        : []),
      ...(rejections.length > 0
        ? [html`<h3>Orders refused</h3>`, tableOf(['reason', 'times'], rejections)]
        : []),
    ],
  };
}

/** From this many trips on, groups say more than the list. */
const GROUPED_MIN = 5;

function groups(trips: readonly RoundTrip[]): readonly Markup[] {
  if (trips.length < GROUPED_MIN) return [];
  const by = { strategy: strategyOf, symbol: symbolOf, side: sideOf, 'way out': exitOf };
  const rows = Object.entries(by).flatMap(([name, keyOf]) =>
    [...Map.groupBy(trips, keyOf)].map(([key, group]) => {
      const wins = group.filter(({ pnl }) => pnl > 0).length;
      const pnl = group.reduce((sum, trip) => sum + trip.pnl, 0);
      return [
        name,
        key,
        whole(group.length),
        percent(wins / group.length, 1),
        number(pnl, 4),
        number(pnl / group.length, 4),
      ];
    }),
  );
  return [tableOf(['by', 'group', 'trips', 'win rate', 'pnl', 'mean pnl'], rows)];
}

const strategyOf = ({ strategy }: RoundTrip): string => strategy;
const symbolOf = ({ symbol }: RoundTrip): string => symbol;
const sideOf = ({ side }: RoundTrip): string => side;
/** The first words of the reason: what follows a colon is about one trade alone. */
const exitOf = ({ exitReason }: RoundTrip): string => exitReason.split(':')[0]!.slice(0, 60);
