// Charts to pictures: each specification is compiled once, drawn as SVG in Node, and carried in the page compiled,
// with one trimmed Vega runtime that makes it live. No part of Vega-Lite travels.

import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { parse, type Spec, View } from 'vega';
import { expressionInterpreter } from 'vega-interpreter';
import { compile } from 'vega-lite';
import type { Chart } from './charts/chart.ts';

export type Drawing = { readonly svg: string; readonly spec: Spec };

/** `number` is the chart's place on the page; names inside the picture are made from it, so that they are the same each time. */
export async function draw(chart: Chart, number: number): Promise<Drawing> {
  const spec = compile(chart.spec).spec;
  const view = new View(parse(spec, undefined, { ast: true }), {
    expr: expressionInterpreter,
    renderer: 'none',
  });
  const svg = await view.toSVG();
  view.finalize();
  return { svg: renumbered(responsive(svg), number), spec };
}

/** Vega counts its clip paths over the life of the process. */
function renumbered(svg: string, number: number): string {
  const names = new Map<string, string>();
  return svg.replace(/\bclip\d+\b/g, (name) => {
    const known = names.get(name) ?? `chart${number}-clip${names.size}`;
    names.set(name, known);
    return known;
  });
}

/** The picture shrinks with a narrow page. */
function responsive(svg: string): string {
  return svg.replace(
    /^<svg class="marks" width="(\d+)" height="(\d+)"/,
    '<svg class="marks" style="max-width:100%;height:auto" width="$1" height="$2"',
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
