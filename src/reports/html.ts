// HTML as text, safely: what goes into a template is escaped unless it is markup made here.

export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

type Value = string | number | Markup | readonly Markup[] | undefined;

/** A template of markup; strings and numbers in it become text, never markup. */
export function html(parts: TemplateStringsArray, ...values: readonly Value[]): Markup {
  return new Markup(parts.reduce((text, part, i) => text + render(values[i - 1]) + part));
}

function render(value: Value): string {
  if (value === undefined) return '';
  if (value instanceof Markup) return value.text;
  if (typeof value === 'object') return value.map(({ text }) => text).join('');
  return String(value)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** JSON that may stand inside a script element. */
export function inlineJson(value: unknown): Markup {
  return new Markup(
    JSON.stringify(value)
      .replaceAll('<', '\\u003c')
      .replaceAll('\u2028', '\\u2028')
      .replaceAll('\u2029', '\\u2029'),
  );
}

type Cell = string | number | Markup;

/** Columns of numbers stand right. A row of one cell goes across the table: it heads those below it. */
export function tableOf(header: readonly string[], rows: readonly (readonly Cell[])[], style = ''): Markup {
  const full = rows.filter((row) => row.length > 1 || header.length === 1);
  const isNumber = header.map((_, i) => full.length > 0 && full.every((row) => looksNumeric(row[i])));
  const isShort = header.map((_, i) => full.every((row) => textOf(row[i]).length <= SHORT_CHARS));
  const styleOf = (i: number): string =>
    isNumber[i] ? ' class="n"' : isShort[i] ? ' class="k"' : ' class="w"';
  const cell = (tag: 'th' | 'td', value: Cell | undefined, i: number): Markup =>
    new Markup(`<${tag}${styleOf(i)}>${render(value)}</${tag}>`);
  const line = (row: readonly Cell[]): Markup =>
    row.length === 1 && header.length > 1
      ? html`<tr><th class="group" colspan="${header.length}">${row[0]}</th></tr>`
      : html`<tr>${row.map((value, i) => cell('td', value, i))}</tr>`;
  return html`<div class="wide"><table class="${style}"><thead><tr>${header.map((name, i) => cell('th', name, i))}</tr></thead><tbody>${rows.map(line)}</tbody></table></div>`;
}

/** Names and times up to this length are not broken over lines. */
const SHORT_CHARS = 28;

const NUMERIC = /^[-+−]?[\d.,]*\d(?: ?(?:%|x|bps|µs|ms|s|min|h|d|[A-Z]{3,5}))?(?: \d+ (?:min|h))?$/;

/** A number with its unit, two of them, or the absence of one. */
function looksNumeric(cell: Cell | undefined): boolean {
  const text = textOf(cell);
  if (text === '' || text === '–' || text === '∞' || text.startsWith('n/a')) return true;
  return text.split(' / ').every((part) => NUMERIC.test(part) || part === '∞' || part === 'n/a');
}

/** What is read of a cell. */
function textOf(cell: Cell | undefined): string {
  return cell instanceof Markup ? cell.text.replaceAll(/<[^>]*>/g, '') : String(cell ?? '');
}
