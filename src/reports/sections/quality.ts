// What the feed did to the run: outages, bad checksums, data that came too late, strategies that failed.
import { qualityChart } from '../charts/quality.ts';
import type { RunEvidence } from '../evidence.ts';
import { at, missing, span, whole } from '../format.ts';
import { html, type Markup, tableOf } from '../html.ts';
import type { Gap } from '../notes.ts';
import type { Section, Subject } from './section.ts';

/** Rows of a list that are shown. */
const ROWS_MAX = 200;
/** A longer list is folded away. */
const OPEN_MAX = 12;

export function quality({ evidence }: Subject): Section {
  const { gaps, late, span: over } = evidence;
  const chart = qualityChart(gaps, late, over);
  return {
    id: 'quality',
    title: 'Data quality',
    body: [
      ...(chart === undefined
        ? [html`<p class="good">The log tells of no gap, and of no data left unused.</p>`]
        : [chart]),
      ...recorderTable(evidence),
      ...symbolTable(evidence),
      ...gapTables(evidence),
      ...affectedTable(evidence),
      ...bookTable(evidence),
      ...unusedTable(evidence),
      ...faultTable(evidence),
      ...statusTable(evidence),
    ],
  };
}

function recorderTable({ run }: RunEvidence): readonly Markup[] {
  const counts = Object.entries(run.measured?.quality ?? {}).filter(([, value]) => typeof value === 'number');
  if (counts.length === 0) return [];
  return [
    tableOf(
      counts.map(([name]) => name),
      [counts.map(([, value]) => whole(Number(value)))],
    ),
  ];
}

/** What the recording counted, symbol by symbol; the column names are its own. */
function symbolTable({ run, span: over }: RunEvidence): readonly Markup[] {
  const symbols = run.measured?.quality.symbols;
  if (typeof symbols !== 'object' || symbols === null) return [];
  const lengthUs = over.toUs - over.fromUs;
  const rows = Object.entries(symbols as Record<string, Readonly<Record<string, number>>>).map(
    ([symbol, counted]) => [
      symbol,
      ...COUNTED.map(([field]) => whole(counted[field] ?? Number.NaN)),
      span(counted.invalidBookUs ?? Number.NaN),
      `${(((counted.invalidBookUs ?? Number.NaN) / lengthUs) * 100).toFixed(2)}%`,
    ],
  );
  if (rows.length === 0) return [];
  const header = ['symbol', ...COUNTED.map(([, name]) => name), 'book not to be trusted', 'of the run'];
  return [tableOf(header, rows)];
}

const COUNTED = [
  ['trades', 'trades'],
  ['lateTrades', 'late trades'],
  ['books', 'book updates'],
  ['snapshots', 'snapshots'],
  ['quotes', 'quotes'],
  ['refusedLevels', 'levels refused'],
  ['offTickLevels', 'levels off tick'],
  ['gaps', 'gaps'],
] as const;

function gapTables({ gaps }: RunEvidence): readonly Markup[] {
  if (gaps.length === 0) return [];
  const groups = Map.groupBy(gaps, ({ cause, channel, symbol }) => [cause, channel, symbol].join('\n'));
  const rows = [...groups.values()].map((group) => {
    const { cause, channel, symbol } = group[0]!;
    const lengths = group.map(lengthOf).filter((us) => us !== undefined);
    const together = lengths.reduce((sum, us) => sum + us, 0);
    return [
      ...[cause, channel, symbol === '' ? 'all' : symbol, whole(group.length), span(together)],
      span(lengths.reduce((most, us) => Math.max(most, us), 0)),
      whole(group.length - lengths.length),
    ];
  });
  const list = gaps.slice(0, ROWS_MAX).map((gap) => {
    const us = lengthOf(gap);
    const healed = us === undefined ? missing('never') : span(us);
    return [
      at(gap.fromUs),
      healed,
      gap.cause,
      gap.channel,
      gap.symbol === '' ? 'all' : gap.symbol,
      gap.detail,
    ];
  });
  return [
    html`<h3>Gaps</h3>`,
    tableOf(['cause', 'channel', 'symbol', 'times', 'together', 'longest', 'never healed'], rows),
    folded(
      gaps.length,
      'gaps',
      tableOf(['from', 'healed after', 'cause', 'channel', 'symbol', 'detail'], list),
    ),
  ];
}

function lengthOf({ fromUs, toUs }: Gap): number | undefined {
  return toUs === undefined ? undefined : toUs - fromUs;
}

function folded(length: number, what: string, table: Markup): Markup {
  const title =
    length <= ROWS_MAX ? `All ${whole(length)} ${what}` : `The first ${ROWS_MAX} of ${whole(length)} ${what}`;
  return html`<details${length <= OPEN_MAX ? html` open` : undefined}><summary>${title}</summary>${table}</details>`;
}

function affectedTable({ affected }: RunEvidence): readonly Markup[] {
  if (affected.length === 0) return [];
  const rows = affected
    .slice(0, ROWS_MAX)
    .map(({ timeUs, strategy, symbol, order, what, price, channel, fromUs, policy }) => [
      ...[at(timeUs), strategy, symbol, whole(order), what, String(price)],
      ...[channel, at(fromUs), policy],
    ]);
  const header = ['known at', 'strategy', 'symbol', 'order', 'what', 'price', 'missing', 'since', 'then'];
  return [
    html`<h3>Orders and stops across a gap</h3>`,
    folded(affected.length, 'orders and stops', tableOf(header, rows)),
    html`<p class="note">Nobody knows what the market did to these while data was missing. Hold: they stayed, and met data from after the gap only. Cancel: they were cancelled when the gap was known. Mark: they stayed, and their fills are marked.</p>`,
  ];
}

function bookTable({ books }: RunEvidence): readonly Markup[] {
  if (books.size === 0) return [];
  const rows = [...books].map(([what, times]) => [what, whole(times)]);
  return [
    html`<h3>Books</h3>`,
    tableOf(['what', 'times'], rows),
    html`<p class="note">Crossed: messages after which a valid book had a bid at or above an ask. Refused: levels without a usable price or size, each of which makes the book invalid until its next snapshot. Off tick: levels between the ticks that the venue stated, kept where they are.</p>`,
  ];
}

function unusedTable({ unused }: RunEvidence): readonly Markup[] {
  if (unused.size === 0) return [];
  const rows = [...unused].sort(([, a], [, b]) => b - a).map(([what, times]) => [what, whole(times)]);
  return [html`<h3>Arrived, and not used</h3>`, tableOf(['what', 'times'], rows.slice(0, ROWS_MAX))];
}

function faultTable({ faults }: RunEvidence): readonly Markup[] {
  if (faults.length === 0) return [];
  const rows = faults
    .slice(0, ROWS_MAX)
    .map((f) => [at(f.timeUs), whole(f.event), f.strategy, f.message, f.policy]);
  return [
    html`<h3>Strategies that failed</h3>`,
    tableOf(['time', 'event', 'strategy', 'message', 'then'], rows),
  ];
}

function statusTable({ statuses, statusCount }: RunEvidence): readonly Markup[] {
  if (statuses.length === 0) return [];
  const rows = statuses.slice(0, ROWS_MAX).map(({ timeUs, seq, symbol, status }) => {
    const { type: _type, state, ...detail } = status;
    const what = status.state === 'control' ? status.control.type : state;
    return [at(timeUs), whole(seq), what, symbol, describe(detail)];
  });
  const table = tableOf(['time', 'tape position', 'what', 'symbol', 'detail'], rows);
  return [
    html`<h3>What the feed said about itself</h3>`,
    folded(statuses.length, 'steps of the connection', table),
    html`<p class="note">${whole(statusCount)} status records in all; subscriptions that went well and what was sent are left out.</p>`,
  ];
}

/** The fields of a record that are not in a column of their own: `cause checksum, detail …`. */
function describe(detail: object): string {
  return Object.entries(detail)
    .flatMap(([key, value]) => {
      if (key === 'type' || key === 'symbol' || value === '') return [];
      if (typeof value !== 'object' || value === null) return [`${key} ${String(value)}`];
      return [key === 'control' ? describe(value) : `${key}: ${describe(value)}`];
    })
    .filter((text) => text !== '')
    .join(', ');
}
