// The first look: a handful of numbers, the good and the bad alike.

import { number, percent, span, whole } from '../format.ts';
import { html, type Markup } from '../html.ts';
import type { Subject } from './section.ts';

type Card = { readonly name: string; readonly value: string; readonly note: string; readonly tone?: string };

export function cards(subject: Subject): Markup {
  const list = [...money(subject), ...feed(subject), ...proof(subject)];
  return html`<div class="cards">${list.map(
    ({ name, value, note, tone }) =>
      html`<div class="card"><span>${name}</span><b class="${tone ?? 'plain'}">${value}</b><small>${note}</small></div>`,
  )}</div>`;
}

function money({ evidence: { strategies, total, run } }: Subject): readonly Card[] {
  const portfolio = total ?? (strategies.length === 1 ? strategies[0] : undefined);
  const cards: Card[] = [];
  // Sums of several currencies mean nothing.
  if (portfolio !== undefined && !Number.isNaN(portfolio.metrics.endEquity)) {
    const { metrics, currency, costs } = portfolio;
    const share = Number.isNaN(metrics.bankruptUs) ? percent(metrics.totalReturn, 3) : 'bankrupt';
    const others = strategies.length > 1 ? `, ${strategies.length} strategies` : '';
    cards.push(
      {
        ...{ name: 'equity', value: `${number(metrics.endEquity)} ${currency}` },
        ...{ tone: metrics.profit < 0 ? 'bad' : 'good' },
        note: `${share} of ${number(metrics.startEquity)}${others}`,
      },
      {
        ...{ name: 'max drawdown', value: percent(metrics.drawdownMax, 3) },
        note: strategies.length > 1 ? 'of all together' : 'over every equity sample',
      },
      {
        ...{ name: 'costs', value: `${number(costs.fees + costs.spread + costs.latency, 2)} ${currency}` },
        note: `fees ${number(costs.fees)}, the rest spread, depth and latency`,
      },
    );
  }
  const trips = strategies.flatMap((strategy) => strategy.trips);
  const wins = trips.filter(({ pnl }) => pnl > 0).length;
  const open = trips.filter(({ isOpen }) => isOpen).length;
  const fills = `${whole(run.manifest.counts.fill ?? 0)} fills, ${whole(run.manifest.counts.signal ?? 0)} signals`;
  const still = open === 0 ? '' : `, ${whole(open)} still open`;
  const note = trips.length === 0 ? fills : `${percent(wins / trips.length, 0)} won${still}; ${fills}`;
  return [...cards, { name: 'round trips', value: whole(trips.length), note }];
}

function feed({ evidence }: Subject): readonly Card[] {
  const { run, span: over, faults } = evidence;
  // A connection that is lost is a gap in each of its channels already.
  const gaps = evidence.gaps.filter(({ channel }) => channel !== 'connection');
  const invalid = Object.values(
    (run.measured?.quality.symbols ?? {}) as Record<string, { invalidBookUs?: number }>,
  )
    .map(({ invalidBookUs }) => invalidBookUs ?? 0)
    .reduce((most, us) => Math.max(most, us), 0);
  const note =
    gaps.length === 0
      ? 'the feed tells of none'
      : invalid === 0
        ? [...new Set(gaps.map(({ cause }) => cause))].slice(0, 4).join(', ')
        : `a book was not to be trusted for up to ${span(invalid)}`;
  const events: Card = {
    name: 'events',
    value: whole(run.manifest.events),
    note: `${span(over.toUs - over.fromUs)} of feed`,
  };
  const failed: Card = {
    name: 'strategies failed',
    value: whole(faults.length),
    note: 'see data quality',
    tone: 'bad',
  };
  return [
    events,
    { name: 'gaps', value: whole(gaps.length), note, ...(gaps.length > 0 ? { tone: 'fair' } : {}) },
    ...(faults.length > 0 ? [failed] : []),
  ];
}

function proof({ evidence: { run }, comparison }: Subject): readonly Card[] {
  const cards: Card[] = [];
  const through = run.measured?.latency['through engine'];
  if (through !== undefined) {
    const note = `p50; p99 ${number(through.p99, 0)} µs`;
    cards.push({ name: 'frame to decision', value: `${number(through.p50, 1)} µs`, note });
  }
  if (comparison !== undefined) {
    const { isEqual, isWithin, verdict } = comparison;
    cards.push({
      name: 'parity',
      value: isEqual ? 'exact' : isWithin ? 'within' : 'broken',
      note: isEqual ? 'equal digests' : verdict.headline,
      tone: isEqual ? 'good' : isWithin ? 'fair' : 'bad',
    });
  }
  return cards;
}
