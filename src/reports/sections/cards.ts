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

function money({ evidence: { strategies, run } }: Subject): readonly Card[] {
  const sampled = strategies.filter(({ equity }) => equity.values.length > 0);
  const currencies = [...new Set(sampled.map(({ currency }) => currency))];
  const total = (of: (strategy: (typeof strategies)[number]) => number): number =>
    sampled.reduce((sum, strategy) => sum + of(strategy), 0);
  const [start, end] = [total((s) => s.metrics.startEquity), total((s) => s.metrics.endEquity)];
  const trips = total((s) => s.metrics.trades);
  const wins = total((s) => s.trips.filter(({ pnl }) => pnl > 0).length);
  const costs = total(({ costs }) => costs.fees + costs.spread + costs.latency);
  const cards: Card[] = [];
  // Sums of several currencies mean nothing.
  if (currencies.length === 1) {
    const change = end / start - 1;
    cards.push(
      {
        ...{ name: 'equity', value: `${number(end)} ${currencies[0]}`, tone: change < 0 ? 'bad' : 'good' },
        note: `${percent(change, 3)} of ${number(start)}${sampled.length > 1 ? `, ${sampled.length} strategies` : ''}`,
      },
      {
        ...{
          name: 'max drawdown',
          value: percent(Math.min(...sampled.map((s) => s.metrics.drawdownMax)), 3),
        },
        note: sampled.length > 1 ? 'of the worst strategy' : 'over every equity sample',
      },
      {
        ...{ name: 'costs', value: `${number(costs, 2)} ${currencies[0]}` },
        note: `fees ${number(total((s) => s.costs.fees))}, the rest spread, depth and latency`,
      },
    );
  }
  const fills = `${whole(run.manifest.counts.fill ?? 0)} fills, ${whole(run.manifest.counts.signal ?? 0)} signals`;
  const note = trips === 0 ? fills : `${percent(wins / trips, 0)} won; ${fills}`;
  return [...cards, { name: 'round trips', value: whole(trips), note }];
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
    const { isEqual, isWithin, indicators, tolerance } = comparison;
    const matched = indicators.reduce((sum, parity) => sum + parity.matched, 0);
    const beyond = indicators.reduce((sum, parity) => sum + parity.beyond, 0);
    cards.push({
      name: 'parity',
      value: isEqual ? 'exact' : isWithin ? 'within' : 'broken',
      note: isEqual
        ? 'equal digests'
        : `${whole(matched - beyond)} of ${whole(matched)} values within ${tolerance * 100}%`,
      tone: isEqual ? 'good' : isWithin ? 'fair' : 'bad',
    });
  }
  return cards;
}
