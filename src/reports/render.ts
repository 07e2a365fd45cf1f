// Charts to pictures: each specification is compiled once, drawn as SVG in Node, and carried in the page compiled,
// with one trimmed Vega runtime that makes it live. No part of Vega-Lite travels.

import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { logger, parse, type Spec, View, Warn } from 'vega';
import { expressionInterpreter } from 'vega-interpreter';
import { compile } from 'vega-lite';
import type { Chart } from './charts/chart.ts';

export type Drawing = {
  readonly svg: string;
  readonly spec: Spec;
  /** What Vega and Vega-Lite had to say about the chart; a good one leaves them silent. */
  readonly warnings: readonly string[];
};

/** `number` is the chart's place on the page; names inside the picture are made from it, so that they are the same each time. */
export async function draw(chart: Chart, number: number): Promise<Drawing> {
  const warnings: string[] = [];
  const listener = logger(Warn, undefined, (_method, _level, parts) => {
    const text = parts.map(String).join(' ');
    if (text !== NO_WINDOW) warnings.push(text);
  });
  const { $schema: _, ...spec } = compile(chart.spec, { logger: listener }).spec;
  const view = new View(parse(spec, undefined, { ast: true }), {
    expr: expressionInterpreter,
    renderer: 'none',
    logger: listener,
  });
  const svg = await view.toSVG();
  view.finalize();
  return { svg: rounded(renumbered(svg, number)), spec, warnings };
}

/** Zooming listens to the window, and a picture has none. */
const NO_WINDOW = 'Can not resolve event source: window';

/** Vega counts its clip paths over the life of the process. */
function renumbered(svg: string, number: number): string {
  const names = new Map<string, string>();
  return svg.replace(/(id="|url\(#)(clip\d+)\b/g, (_, before: string, name: string) => {
    const known = names.get(name) ?? `chart${number}-clip${names.size}`;
    names.set(name, known);
    return before + known;
  });
}

/** A hundredth of a pixel is finer than any eye; Vega writes sixteen digits. */
function rounded(svg: string): string {
  return svg.replace(/ (?:d|transform)="[^"]*"/g, (attribute) =>
    attribute.replace(/-?\d+\.\d{3,}(?:e-?\d+)?/g, (value) => String(Math.round(Number(value) * 100) / 100)),
  );
}

/** Parts of Vega that no chart here uses; their absence halves the page. */
const UNUSED = ['geo', 'force', 'hierarchy', 'regression', 'label', 'voronoi', 'wordcloud', 'crossfilter'];

const trim: Plugin = {
  name: 'trim',
  setup(setup) {
    const pattern = new RegExp(`^vega-(${UNUSED.join('|')})$`);
    setup.onResolve({ filter: pattern }, ({ path }) => ({ path, namespace: 'empty' }));
    setup.onLoad({ filter: /.*/, namespace: 'empty' }, () => ({ contents: 'export {};', loader: 'js' }));
  },
};

let bundled: Promise<string> | undefined;

/** The page's script, minified. It is the same for every report, so it is built once per process. */
export function clientScript(): Promise<string> {
  bundled ??= build({
    entryPoints: [join(dirname(fileURLToPath(import.meta.url)), 'client.ts')],
    bundle: true,
    write: false,
    minify: true,
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    legalComments: 'none',
    logLevel: 'silent',
    plugins: [trim],
  }).then(({ outputFiles }) => outputFiles[0]!.text.replaceAll('</script', '<\\/script'));
  return bundled;
}
