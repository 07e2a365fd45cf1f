// Runs in the reader's browser: puts a live chart in the place of each picture. Without it the page is whole.
/// <reference lib="dom" />
import { parse, type Spec, View } from 'vega';
import { expressionInterpreter } from 'vega-interpreter';
import { Handler } from 'vega-tooltip';

const specs = JSON.parse(document.getElementById('specs')?.textContent ?? '[]') as readonly Spec[];
const tooltip = new Handler({ theme: 'custom' });

/** A chart becomes live when it comes into sight, so that a long report opens at once. */
const observer = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    observer.unobserve(entry.target);
    const spec = specs[Number((entry.target as HTMLElement).dataset.chart)];
    if (spec === undefined) continue;
    const live = document.createElement('div');
    const view = new View(parse(spec, undefined, { ast: true }), {
      expr: expressionInterpreter,
      renderer: 'svg',
      hover: true,
    });
    view.tooltip(tooltip.call).initialize(live);
    void view.runAsync().then(() => entry.target.replaceChildren(live));
  }
});

for (const element of document.querySelectorAll('[data-chart]')) observer.observe(element);
