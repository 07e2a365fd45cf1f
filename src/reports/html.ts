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
    .replaceAll('"', '&quot;');
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

export function tableOf(
  header: readonly string[],
  rows: readonly (readonly (string | number | Markup)[])[],
): Markup {
  const isNumber = header.map(
    (_, i) =>
      rows.length > 0 &&
      rows.every((row) => /^[-+−]?[\d.,]*\d[\d.,]*( ?[%a-zµ/]{0,5})?$|^n\/a$|^∞$|^–$/.test(plain(row[i]))),
  );
  const cell = (tag: 'th' | 'td', value: string | number | Markup | undefined, i: number): Markup =>
    new Markup(`<${tag}${isNumber[i] ? ' class="n"' : ''}>${render(value)}</${tag}>`);
  return html`<div class="wide"><table><thead><tr>${header.map((name, i) => cell('th', name, i))}</tr></thead><tbody>${rows.map(
    (row) => html`<tr>${row.map((value, i) => cell('td', value, i))}</tr>`,
  )}</tbody></table></div>`;
}

function plain(value: string | number | Markup | undefined): string {
  return value instanceof Markup ? 'markup' : String(value ?? '');
}
