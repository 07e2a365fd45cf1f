// Every figure, with the variant it is and, where it cannot be given, the reason.
import { FIGURE_GROUPS, type FigureEntry, type Unit, whyMissing } from '../../runs/figures/catalogue.ts';
import type { StrategyFigures } from '../../runs/figures/figures.ts';
import { ANNUALISE_DAYS_MIN, type Metrics } from '../../runs/figures/metrics.ts';
import { missing, number, percent, span, whole } from '../format.ts';
import { html, type Markup, tableOf } from '../html.ts';

const FORMATS: Readonly<Record<Unit, (value: number) => string>> = {
  share: (value) => percent(value, 3),
  money: (value) => number(value, 4),
  time: span,
  ratio: (value) => number(value),
  count: whole,
};

/** One column a strategy. Figures that a short run cannot have share one line, which says why. */
export function figureTable(board: readonly StrategyFigures[], lengthUs: number): Markup {
  const rows: (readonly (string | Markup)[])[] = [];
  const isShort = board.every(
    ({ metrics }) => Number.isNaN(metrics.cagr) && Number.isNaN(metrics.bankruptUs),
  );
  for (const { title, needsDays, figures } of FIGURE_GROUPS) {
    rows.push([html`<b>${title}</b>`]);
    if (needsDays && isShort) {
      const why = `needs ${ANNUALISE_DAYS_MIN} days of equity, this run lasts ${span(lengthUs)}`;
      rows.push([
        html`<small>${figures.map(({ name }) => name).join(', ')}</small>`,
        ...board.map(() => 'n/a'),
        html`<small>${why}</small>`,
      ]);
      continue;
    }
    for (const one of figures) {
      const cells = board.map(({ metrics }) => cellOf(one, metrics));
      rows.push([one.name, ...cells, html`<small>${one.variant}</small>`]);
    }
  }
  return tableOf(['figure', ...board.map(({ id }) => id), 'variant'], rows, 'figures');
}

function cellOf({ key, unit }: FigureEntry, metrics: Metrics): string | Markup {
  const value = metrics[key];
  return Number.isNaN(value) ? missing(whyMissing(key, metrics)) : FORMATS[unit](value);
}
