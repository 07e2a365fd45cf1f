// Round trips: drawn, grouped, listed; the orders that were refused and the limits that were passed.
import type { RoundTrip } from '../../runs/figures/trips.ts';
import { tripCharts } from '../charts/trades.ts';
import type { RunEvidence } from '../evidence.ts';
import { at, exact, missing, number, percent, span, whole } from '../format.ts';
import { html, type Markup, tableOf } from '../html.ts';
import type { Section, Subject } from './section.ts';

/** Rows of the trade table that are shown; fills.parquet beside the report has them all. */
const TRIPS_MAX = 200;
/** A longer list is folded away. */
const OPEN_MAX = 20;
/** From this many trips on, groups say more than the list. */
const GROUPED_MIN = 5;
/** Groups of one kind that are listed, the largest first. */
const GROUPS_MAX = 12;

export function trades({ evidence }: Subject): Section | undefined {
  const { strategies, rejections, risks, run } = evidence;
  const trips = strategies.flatMap(({ trips }) => trips).sort((a, b) => a.closedUs - b.closedUs);
  const hasOrders = (run.manifest.counts.order ?? 0) > 0;
  if (trips.length + rejections.size + risks.length === 0 && !hasOrders) return undefined;
  return {
    id: 'trades',
    title: 'Round trips',
    body: [
      ...tripCharts(trips),
      ...groups(trips),
      ...tripTable(trips),
      ...positionTable(evidence),
      ...refusals(rejections),
      ...riskTable(evidence),
    ],
  };
}

function groups(trips: readonly RoundTrip[]): readonly Markup[] {
  if (trips.length < GROUPED_MIN) return [];
  const rows = Object.entries(KEYS).flatMap(([name, keyOf]) => {
    const byKey = [...Map.groupBy(trips, keyOf)].sort(([, a], [, b]) => b.length - a.length);
    const shown = byKey.slice(0, GROUPS_MAX).map(([key, group]) => [name, key, ...summary(group)]);
    const rest = byKey.slice(GROUPS_MAX).flatMap(([, group]) => group);
    return rest.length === 0 ? shown : [...shown, [name, 'all others', ...summary(rest)]];
  });
  const header = [
    'by',
    'group',
    'trips',
    'win rate',
    'profit or loss',
    'mean',
    'mean return',
    'mean time held',
  ];
  return [html`<h3>By group</h3>`, tableOf(header, rows)];
}

const KEYS: Readonly<Record<string, (trip: RoundTrip) => string>> = {
  strategy: ({ strategy }) => strategy,
  symbol: ({ symbol }) => symbol,
  side: ({ side }) => side,
  'way in': ({ entryReason }) => kindOf(entryReason),
  'way out': ({ exitReason }) => kindOf(exitReason),
};

/** The first words of a reason: what follows a colon or begins with a number is about one trade alone. */
function kindOf(reason: string): string {
  const kind = /^[^:\d]*/.exec(reason)![0].trim().slice(0, 60);
  return kind === '' ? reason.slice(0, 60) : kind;
}

function summary(trips: readonly RoundTrip[]): readonly string[] {
  const total = (of: (trip: RoundTrip) => number): number => trips.reduce((sum, trip) => sum + of(trip), 0);
  const wins = trips.filter(({ pnl }) => pnl > 0).length;
  const pnl = total((trip) => trip.pnl * trip.rate);
  return [
    ...[whole(trips.length), percent(wins / trips.length, 1), number(pnl, 4)],
    number(pnl / trips.length, 4),
    percent(total((trip) => trip.returnFraction) / trips.length, 3),
    span(total((trip) => trip.closedUs - trip.openedUs) / trips.length),
  ];
}

function tripTable(trips: readonly RoundTrip[]): readonly Markup[] {
  if (trips.length === 0) return [html`<p>No position was opened.</p>`];
  const header = [
    ...['closed', 'strategy', 'symbol', 'side', 'held', 'size', 'entry', 'exit', 'profit or loss', 'return'],
    ...['MAE', 'MFE', 'opened because', 'closed because'],
  ];
  const shown = trips.slice(-TRIPS_MAX);
  const rows = shown.map((t) => [
    ...[
      t.isOpen ? 'still open' : at(t.closedUs),
      t.strategy,
      t.symbol,
      t.side,
      span(t.closedUs - t.openedUs),
    ],
    ...[exact(t.size, 8), exact(t.entryPrice), exact(t.exitPrice)],
    ...[number(t.pnl * t.rate, 4), percent(t.returnFraction, 3), percent(t.mae, 3), percent(t.mfe, 3)],
    ...[t.entryReason, t.exitReason],
  ]);
  const left = trips.length - shown.length;
  const summaryLine =
    left === 0
      ? `All ${whole(trips.length)} round trips`
      : `The last ${whole(shown.length)} of ${whole(trips.length)}`;
  return [
    html`<details${rows.length <= OPEN_MAX ? html` open` : undefined}><summary>${summaryLine}</summary>${tableOf(header, rows)}</details>`,
    html`<p class="note">Profit and loss in the reporting currency, fees deducted; an open trip counts at its mark price. MAE and MFE: worst and best return while it was open, by the mark prices seen then and its own fills. All fills are in fills.parquet.</p>`,
  ];
}

function positionTable({ strategies }: RunEvidence): readonly Markup[] {
  const rows = strategies
    .flatMap(({ positions }) => positions)
    .map(({ strategy, symbol, currency, size, entryPrice, markPrice, unrealized }) => [
      ...[strategy, symbol, size, exact(entryPrice)],
      Number.isNaN(markPrice) ? missing('no price') : exact(markPrice),
      `${number(Number(unrealized), 4)} ${currency}`,
    ]);
  if (rows.length === 0) return [];
  return [
    html`<h3>Open at the end</h3>`,
    tableOf(['strategy', 'symbol', 'size', 'entry', 'mark', 'unrealised, fees not counted'], rows),
  ];
}

function refusals(rejections: ReadonlyMap<string, number>): readonly Markup[] {
  if (rejections.size === 0) return [];
  const rows = [...rejections].sort(([, a], [, b]) => b - a).map(([reason, times]) => [reason, whole(times)]);
  return [html`<h3>Orders refused</h3>`, tableOf(['reason', 'times'], rows.slice(0, TRIPS_MAX))];
}

function riskTable({ risks }: RunEvidence): readonly Markup[] {
  if (risks.length === 0) return [];
  const rows = risks.map(({ timeUs, strategy, limit, value, max, action }) => [
    ...[at(timeUs), strategy, limit, exact(value, 6), exact(max, 6), action],
  ]);
  return [
    html`<h3>Risk limits passed</h3>`,
    tableOf(['time', 'strategy', 'limit', 'value', 'allowed', 'then'], rows),
  ];
}
