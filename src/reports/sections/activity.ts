// What each strategy was given and did, and what stood in its way: why nothing happened, where nothing did.
import { eventsOf, obstaclesOf, rejectedOf, type StrategyActivity } from '../../runs/activity.ts';
import { at, whole } from '../format.ts';
import { html, type Markup, tableOf } from '../html.ts';
import type { Section, Subject } from './section.ts';

export function activity({ evidence: { run } }: Subject): Section | undefined {
  const activities = run.manifest.activity ?? [];
  if (activities.length === 0) return undefined;
  return {
    id: 'activity',
    title: 'Strategies',
    body: [callTable(activities), ...activities.map(obstacleList), inputTable(activities)],
  };
}

function callTable(activities: readonly StrategyActivity[]): Markup {
  const header = [
    ...['strategy', 'trades', 'books', 'quotes', 'candles', 'candles closed', 'calls', 'not asked'],
    ...['signals', 'orders', 'rejected', 'fills', 'unused'],
  ];
  return tableOf(
    header,
    activities.map((one) => {
      const events = Object.values(one.events);
      const sum = (of: (counts: (typeof events)[number]) => number): number =>
        events.reduce((all, counts) => all + of(counts), 0);
      return [
        one.strategy,
        ...[sum((e) => e.trades), sum((e) => e.books), sum((e) => e.quotes), sum((e) => e.candles)].map(
          whole,
        ),
        ...[closedOf(one), one.calls, one.skipped, one.signals, one.orders].map(whole),
        ...[rejectedOf(one), one.fills, Object.values(one.unused).reduce((all, n) => all + n, 0)].map(whole),
      ];
    }),
  );
}

/** Of all its series; an indicator stands on one that is counted already, where its strategy declared that, too. */
function closedOf({ inputs }: StrategyActivity): number {
  const series = new Map<string, number>();
  for (const { symbol, what, closed } of inputs) {
    series.set(`${symbol} ${what.replace(/^.* of /, '')}`, closed);
  }
  return [...series.values()].reduce((all, n) => all + n, 0);
}

function obstacleList(one: StrategyActivity): Markup {
  const obstacles = obstaclesOf(one);
  if (eventsOf(one) > 0 && obstacles.length === 0) {
    return html`<p class="note"><b>${one.strategy}</b>: nothing stood in its way.</p>`;
  }
  return html`<p><b>${one.strategy}</b></p><ul>${obstacles.map((text) => html`<li>${text}</li>`)}</ul>`;
}

function inputTable(activities: readonly StrategyActivity[]): Markup {
  return tableOf(
    ['input', 'symbol', 'what', 'candles closed', 'needed', 'still needed', 'ready since'],
    activities.flatMap(({ strategy, inputs }) =>
      inputs.map(({ name, symbol, what, closed, warmup, warmupLeft, readySinceUs }) => [
        `${strategy}.${name}`,
        symbol,
        what,
        ...[closed, warmup, warmupLeft].map(whole),
        readySinceUs === null ? html`<span class="bad">never</span>` : at(readySinceUs),
      ]),
    ),
  );
}
