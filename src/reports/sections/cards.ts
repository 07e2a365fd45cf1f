// The first look: a handful of numbers.

import { html, type Markup } from '../html.ts';
import { number, percent, span, whole } from './format.ts';
import type { Subject } from './section.ts';

export function cards({ evidence, comparison }: Subject): Markup {
  const { manifest, measured } = evidence.run;
  const equity = evidence.strategies.reduce((sum, { metrics }) => sum + (metrics.endEquity || 0), 0);
  const start = evidence.strategies.reduce((sum, { metrics }) => sum + (metrics.startEquity || 0), 0);
  const trips = evidence.strategies.reduce((sum, { metrics }) => sum + metrics.trades, 0);
  const list: (readonly [string, string, string])[] = [
    ['equity', number(equity), `${percent(equity / start - 1, 3)} of ${number(start)}`],
    [
      'round trips',
      whole(trips),
      `${whole(manifest.counts.fill ?? 0)} fills, ${whole(manifest.counts.signal ?? 0)} signals`,
    ],
    [
      'events',
      whole(manifest.events),
      `${span((manifest.lastUs ?? Number.NaN) - (manifest.firstUs ?? Number.NaN))} of feed`,
    ],
    ['gaps', whole(evidence.gaps.length), `${whole(manifest.counts.status ?? 0)} status records`],
  ];
  if (measured?.latency['through engine'] !== undefined) {
    const { p50, p99 } = measured.latency['through engine'];
    list.push(['frame to decision', `${number(p50, 1)} µs`, `p50; p99 ${number(p99, 0)} µs`]);
  }
  if (comparison !== undefined) {
    const matched = comparison.indicators.reduce((sum, parity) => sum + parity.matched, 0);
    const beyond = comparison.indicators.reduce((sum, parity) => sum + parity.beyond, 0);
    list.push([
      'parity',
      comparison.isEqual ? 'exact' : comparison.isWithin ? 'within' : 'broken',
      `${whole(matched - beyond)} of ${whole(matched)} values within ${comparison.tolerance * 100}%`,
    ]);
  }
  return html`<div class="cards">${list.map(([name, value, note]) => html`<div class="card"><span>${name}</span><b>${value}</b><small>${note}</small></div>`)}</div>`;
}
