// What strategies drew and wrote themselves: their curves, and the lines of their console.
import { plotChart } from '../charts/plots.ts';
import { at, whole } from '../format.ts';
import { html, type Markup, tableOf } from '../html.ts';
import type { Section, Subject } from './section.ts';

/** Curves on the page; the run log has all of them. */
const PLOTS_MAX = 12;
const LINES_MAX = 200;

export function said({ evidence }: Subject): Section | undefined {
  const { plots, lineCount } = evidence;
  if (plots.size === 0 && lineCount === 0) return undefined;
  const shown = new Map([...plots].slice(0, PLOTS_MAX));
  const note = plots.size > shown.size ? `the first ${PLOTS_MAX} of ${plots.size} curves` : undefined;
  const chart = plotChart(shown, note);
  return {
    id: 'said',
    title: 'What strategies drew and wrote',
    body: [...(chart === undefined ? [] : [chart]), ...(lineCount === 0 ? [] : lineTable(evidence))],
  };
}

function lineTable({ lines, lineCount }: Subject['evidence']): readonly Markup[] {
  const rows = lines
    .slice(0, LINES_MAX)
    .map(({ timeUs, event, strategy, level, text }) => [at(timeUs), whole(event), strategy, level, text]);
  const left = lineCount - rows.length;
  return [
    tableOf(['time', 'event', 'strategy', 'level', 'line'], rows),
    ...(left > 0 ? [html`<p class="note">${whole(left)} more lines are in events.jsonl.</p>`] : []),
  ];
}
