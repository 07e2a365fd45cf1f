// Markup: what is made here is markup, all else is text; and how tables and numbers are set.
import { describe, expect, test } from 'vitest';
import { missing, number, span, tiny } from '../../src/reports/format.ts';
import { html, inlineJson, tableOf } from '../../src/reports/html.ts';

test('a template makes text of what it is given, unless it is markup', () => {
  const inner = html`<b>${'a<b> & "c" \'d\''}</b>`;
  expect(html`<p title="${'"x"'}">${inner}${[inner]}${7}${undefined}</p>`.text).toBe(
    `<p title="&quot;x&quot;">${inner.text}${inner.text}7</p>`,
  );
  expect(inner.text).toBe('<b>a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;</b>');
});

test('JSON inside a script neither ends the script nor a line', () => {
  const value = { text: '</script><!--\u2028\u2029' };
  const { text } = inlineJson(value);
  expect(/[<\u2028\u2029]/.test(text)).toBe(false);
  expect(JSON.parse(text)).toEqual(value);
});

describe('a table', () => {
  const classesOf = (cells: readonly string[]): readonly string[] =>
    cells.map((cell) => /<td(?: class="(.)")?>/.exec(tableOf(['head'], [[cell]]).text)![1]!);

  test('sets numbers to the right, keeps short texts in one line and lets long ones wrap', () => {
    const numbers = [
      '-1,234.50',
      '0.1%',
      '12 bps',
      '3.2 ms',
      '5 h 20 min',
      '1 / 2',
      'n/a',
      '∞',
      '–',
      '9.00 USD',
    ];
    expect(classesOf(numbers)).toEqual(numbers.map(() => 'n'));
    expect(classesOf(['2026-01-02 03:04:05.678', 'BTC/USD', 'v1.2', 'x'.repeat(40)])).toEqual([
      'k',
      'k',
      'k',
      'w',
    ]);
  });

  test('measures what is read, not the markup around it', () => {
    const long = html`<small>${'a sentence that is longer than a name'}</small>`;
    const table = tableOf(['a', 'b'], [[long, missing('no loss')]]).text;
    expect(table).toContain('<td class="w"><small>a sentence');
    expect(table).toContain('<td class="n">n/a <small>no loss</small>');
  });

  test('lets a row of one cell head the rows below it', () => {
    expect(tableOf(['a', 'b'], [['title'], ['x', '1']]).text).toContain(
      '<th class="group" colspan="2">title</th>',
    );
  });
});

test('numbers, differences and lengths of time are short, and honest about what they are not', () => {
  expect([number(1234.5), number(Number.NaN), number(Infinity), number(2, 0)]).toEqual([
    '1,234.50',
    'n/a',
    '∞',
    '2',
  ]);
  expect([0, 5e-7, 0.00123, 45.6, 943, 1.3e14, Infinity].map(tiny)).toEqual([
    ...['0', '5.0e-7', '0.0012', '46', '940', '1.3e+14', '∞'],
  ]);
  expect([0, 250, 12_340, 4.2e6, 600e6, 19_200e6, 266_400e6, 172_800e6, Number.NaN].map(span)).toEqual([
    ...['0 s', '250 µs', '12.3 ms', '4.2 s', '10 min', '5 h 20 min', '3 d 2 h', '2 d', 'n/a'],
  ]);
});
