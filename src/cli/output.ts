// What a command says: results on stdout (text, or one JSON value), progress and notes on stderr.
import { styleText } from 'node:util';

/** Empties the line that the cursor is on. */
export const CLEAR_LINE = '\r\u001b[K';

const STATUS_EVERY_MS = 30_000;
const REWRITE_EVERY_MS = 100;

export class Output {
  readonly isJson: boolean;
  readonly #isTerminal = process.stderr.isTTY === true;
  #isLineOpen = false;
  #lastStatusMs = Number.NEGATIVE_INFINITY;

  constructor(isJson: boolean) {
    this.isJson = isJson;
  }

  /** The command's result: `value` for machines, `text` for people. */
  result(value: unknown, text: string): void {
    this.#endLine();
    process.stdout.write(this.isJson ? `${JSON.stringify(value)}\n` : `${text}\n`);
  }

  /** A line of the story as it goes on; people only. */
  note(text: string): void {
    this.#endLine();
    process.stderr.write(`${text}\n`);
  }

  /**
   * A line that is rewritten in place on a terminal, at most ten times a second; elsewhere it is printed each 30 s.
   * `describe` is only called for a line that is shown, so this may stand in a fast loop.
   */
  status(describe: () => string, nowMs: number): void {
    if (nowMs - this.#lastStatusMs < (this.#isTerminal ? REWRITE_EVERY_MS : STATUS_EVERY_MS)) return;
    if (this.#isTerminal) {
      const width = process.stderr.columns || 110;
      process.stderr.write(`\r${describe().slice(0, width - 1)}\u001b[K`);
      this.#isLineOpen = true;
    } else if (Number.isFinite(this.#lastStatusMs)) {
      process.stderr.write(`${describe()}\n`);
    }
    this.#lastStatusMs = nowMs;
  }

  /** Leaves the status line standing as it is, or clears it. */
  #endLine(): void {
    if (!this.#isLineOpen) return;
    process.stderr.write(CLEAR_LINE);
    this.#isLineOpen = false;
  }
}

type Style = Parameters<typeof styleText>[0];

/** Colour on a terminal only; NO_COLOR is honoured by Node itself. */
export function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

/** A table with columns as wide as their widest cell; numbers to the right. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const isNumber = header.map((_, column) =>
    rows.every((row) => /^[-+]?[\d,.]*\d[\d,.]*(%| ?[a-zµ/%]{0,4})?$|^–?$|^n\/a$/.test(row[column] ?? '')),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        isNumber[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
      )
      .join('  ')
      .trimEnd();
  return [paint('bold', line(header)), ...rows.map(line)].join('\n');
}

/** 1234567 → `1,234,567`; fractions with at most `digits` decimals. */
export function count(value: number, digits = 0): string {
  return Number.isFinite(value) ? value.toLocaleString('en-US', { maximumFractionDigits: digits }) : 'n/a';
}

/** 1536 → `1.5 kB`. */
export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let [amount, unit] = [value, 0];
  while (amount >= 1000 && unit < units.length - 1) {
    amount /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? amount : amount.toFixed(1)} ${units[unit]}`;
}
