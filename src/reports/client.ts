// Runs in the reader's browser: puts a live chart in the place of each picture. Without it the page is whole.
// A live chart is as wide as the page, pans by a drag, zooms by wheel with Ctrl, and says what each line is worth
// at the pointer.
/// <reference lib="dom" />
import { parse, type Spec, View } from 'vega';
import { expressionInterpreter } from 'vega-interpreter';
import { Handler } from 'vega-tooltip';
import type { Readout } from './charts/chart.ts';
import { type PackedRows, unpackRows } from './pack.ts';

type LiveSpec = Spec & { readonly usermeta?: { readonly readout?: readonly Readout[] } };
type Row = { readonly t: number; readonly v: number; readonly s?: string };
type Line = {
  readonly name: string;
  readonly rows: readonly Row[];
  readonly format: (value: number) => string;
};

const PLOT_WIDTH_MIN = 220;

const specs = JSON.parse(document.getElementById('specs')?.textContent ?? '[]') as readonly LiveSpec[];
const tooltip = new Handler({ disableDefaultStyle: true });
const views = new Map<HTMLElement, View>();

/** A chart becomes live when it comes near, so that a long report opens at once. */
const observer = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting || !(target instanceof HTMLElement)) continue;
      observer.unobserve(target);
      void enliven(target);
    }
  },
  { rootMargin: '300px' },
);
for (const element of document.querySelectorAll<HTMLElement>('[data-chart]')) observer.observe(element);

let isWaiting = false;
addEventListener('resize', () => {
  if (isWaiting) return;
  isWaiting = true;
  requestAnimationFrame(() => {
    isWaiting = false;
    for (const [place, view] of views) void widen(place, view);
  });
});

async function enliven(place: HTMLElement): Promise<void> {
  const spec = specs[Number(place.dataset.chart)];
  if (spec === undefined) return;
  const live = document.createElement('div');
  const view = new View(parse(unpacked(spec), undefined, { ast: true }), {
    expr: expressionInterpreter,
    renderer: 'svg',
  });
  view.tooltip(tooltip.call).initialize(live);
  await view.runAsync();
  place.replaceChildren(live);
  views.set(place, view);
  await widen(place, view);
  const lines = linesOf(view, spec.usermeta?.readout ?? []);
  if (lines.length > 0) readAt(place, view, lines);
}

function unpacked(spec: LiveSpec): Spec {
  const data = (spec.data ?? []).map((set) => {
    const values = (set as { readonly values?: PackedRows | readonly unknown[] }).values;
    return values !== undefined && 'columns' in values ? { ...set, values: unpackRows(values) } : set;
  });
  return { ...spec, data } as Spec;
}

/** Makes the plot as wide as the page leaves it; what stands beside it keeps its width. */
async function widen(place: HTMLElement, view: View): Promise<void> {
  const svg = place.querySelector('svg');
  if (svg === null) return;
  const beside = svg.width.baseVal.value - view.width();
  const width = Math.max(PLOT_WIDTH_MIN, Math.floor(place.clientWidth - beside));
  if (width !== view.width()) await view.width(width).runAsync();
}

function linesOf(view: View, readouts: readonly Readout[]): readonly Line[] {
  const { format } = view.locale();
  return readouts.flatMap(({ data, format: specifier, label }) => {
    const byName = Map.groupBy(view.data(data) as readonly Row[], ({ s }) => s ?? '');
    return [...byName].map(([name, rows]) => ({
      name: [label, name].filter((part) => part !== undefined && part !== '').join(' '),
      rows: [...rows].sort((a, b) => a.t - b.t),
      format: format(specifier),
    }));
  });
}

/** Under the pointer, a hair line over all panels; in the caption, the values that stood then. */
function readAt(place: HTMLElement, view: View, lines: readonly Line[]): void {
  const caption = place.parentElement?.querySelector('figcaption');
  if (caption === null || caption === undefined) return;
  const output = caption.appendChild(document.createElement('output'));
  const hair = place.appendChild(document.createElement('i'));
  hair.className = 'hair';
  hair.hidden = true;
  const { utcFormat } = view.locale();
  const formatTime = utcFormat('%Y-%m-%d %H:%M:%S.%L');
  place.addEventListener('pointermove', (event) => {
    const plot = place.querySelector('.role-scope .background')?.getBoundingClientRect();
    if (plot === undefined) return;
    const share = (event.clientX - plot.left) / plot.width;
    const isInside = share >= 0 && share <= 1;
    hair.hidden = !isInside;
    hair.style.left = `${event.clientX - place.getBoundingClientRect().left + place.scrollLeft}px`;
    const time = Number(view.scale('x').invert(share * view.width()));
    const values = lines.map(({ name, rows, format }) => `${name} ${valueAt(rows, time, format)}`.trim());
    output.textContent = isInside ? [formatTime(time), ...values].join('  ·  ') : '';
  });
  place.addEventListener('pointerleave', () => {
    output.textContent = '';
    hair.hidden = true;
  });
}

/** The last value at or before a time. */
function valueAt(rows: readonly Row[], time: number, format: (value: number) => string): string {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (rows[middle]!.t <= time) low = middle + 1;
    else high = middle;
  }
  const row = rows[low - 1];
  return row === undefined ? '–' : format(row.v);
}
