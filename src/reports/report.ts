// The report: one self-contained HTML file that asks nothing of any network. The same run gives the same bytes.
import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Spec } from 'vega';
import { formatTimeUs } from '../core/time.ts';
import type { Comparison } from '../runs/compare.ts';
import type { Run } from '../runs/run.ts';
import { gather, type RunEvidence } from './evidence.ts';
import { html, inlineJson, Markup } from './html.ts';
import { packRows } from './pack.ts';
import { clientScript, draw } from './render.ts';
import { cards } from './sections/cards.ts';
import type { Section, Subject } from './sections/section.ts';
import { SECTIONS } from './sections/sections.ts';
import { STYLE } from './style.ts';

export type ReportOptions = {
  readonly run: Run;
  readonly other: Run | undefined;
  readonly comparison: Comparison | undefined;
  /** Pictures only, no script. */
  readonly isStatic: boolean;
};

/** Writes the report of one run, or of two held against each other, to `path`. */
export async function writeReport(path: string, options: ReportOptions): Promise<void> {
  const evidence = gather(options.run);
  const subject: Subject = {
    evidence,
    other: otherEvidence(options, evidence),
    comparison: options.comparison,
  };
  const sections = SECTIONS.map((section) => section(subject)).filter((section) => section !== undefined);
  const specs: Spec[] = [];
  const bodies: Markup[] = [];
  for (const section of sections) bodies.push(await renderSection(section, specs));
  const page = assemble({
    subject,
    sections,
    bodies,
    specs,
    script: options.isStatic ? undefined : await clientScript(),
  });
  mkdirSync(dirname(path), { recursive: true });
  writeAside(path, page);
}

/** The title a report has: it names the runs it is about. */
export function reportTitle(left: Run, right: Run | undefined): string {
  return right === undefined ? left.manifest.id : `${left.manifest.id} against ${right.manifest.id}`;
}

/** The file is there whole or not at all, and a file beside it is not written over, whatever its name. */
function writeAside(path: string, text: string): void {
  const aside = `${path}.${process.pid}.tmp`;
  const file = openSync(aside, 'wx');
  try {
    writeFileSync(file, text);
  } catch (error) {
    rmSync(aside, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
  renameSync(aside, path);
}

/** Equal logs are read once. */
function otherEvidence({ other, comparison }: ReportOptions, own: RunEvidence): RunEvidence | undefined {
  if (other === undefined) return undefined;
  return comparison?.isEqual === true ? { ...own, run: other } : gather(other);
}

async function renderSection(section: Section, specs: Spec[]): Promise<Markup> {
  const parts: Markup[] = [];
  for (const part of section.body) {
    if (part instanceof Markup) {
      parts.push(part);
      continue;
    }
    const { svg, spec, warnings } = await draw(part, specs.length);
    const note = [part.note, ...warnings].filter((text) => text !== undefined).join('; ');
    parts.push(
      html`<figure><figcaption>${part.title}${note === '' ? undefined : html` <small>${note}</small>`}</figcaption><div class="chart" role="img" aria-label="${part.title}" data-chart="${specs.length}">${new Markup(svg)}</div></figure>`,
    );
    specs.push(spec);
  }
  return html`<section id="${section.id}"><h2>${section.title}</h2>${parts}</section>`;
}

/** The data sets of a specification in columns. */
function packed(spec: Spec): unknown {
  const data = (spec.data ?? []).map((set) => {
    if (!('values' in set) || !Array.isArray(set.values)) return set;
    return { ...set, values: packRows(set.values) ?? set.values };
  });
  return { ...spec, data };
}

function assemble(page: {
  readonly subject: Subject;
  readonly sections: readonly Section[];
  readonly bodies: readonly Markup[];
  readonly specs: readonly Spec[];
  readonly script: string | undefined;
}): string {
  const { manifest } = page.subject.evidence.run;
  const { script } = page;
  const hash = script === undefined ? '' : `'sha256-${createHash('sha256').update(script).digest('base64')}'`;
  const policy = [
    ...["default-src 'none'", "base-uri 'none'", "form-action 'none'", "style-src 'unsafe-inline'"],
    ...(hash === '' ? [] : [`script-src ${hash}`]),
  ].join('; ');
  const scripts =
    script === undefined
      ? undefined
      : html`<script type="application/json" id="specs">${inlineJson(page.specs.map(packed))}</script><script>${new Markup(script)}</script>`;
  const title = reportTitle(page.subject.evidence.run, page.subject.other?.run);
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<title>${title} · retick</title><style>${new Markup(STYLE)}</style></head>
<body><header><p class="brand">retick report</p><h1>${title}</h1>
<p>${manifest.mode} · ${manifest.symbols.join(', ')} · ${formatTimeUs(manifest.firstUs ?? Number.NaN).slice(0, 19)} to ${formatTimeUs(manifest.lastUs ?? Number.NaN).slice(0, 19)} UTC · digest <code>${manifest.digest.slice(0, 16)}</code></p></header>
<nav aria-label="Sections"><div>${page.sections.map(({ id, title: name }) => html`<a href="#${id}">${name}</a>`)}</div></nav>
<main>${cards(page.subject)}${script === undefined ? undefined : html`<p class="hint">In charts: drag along time, Ctrl + wheel to zoom, double click to see all again.</p>`}${page.bodies}</main>
<footer>${manifest.software}, Node ${manifest.node}. All times are UTC.</footer>${scripts}</body></html>
`.text;
}
