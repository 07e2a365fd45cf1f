// What a command says: results on stdout (text, or one JSON value), progress and notes on stderr.
// Everything goes out through one door: without secrets, without characters that would move a terminal, and without ever
// ending the work that it speaks of, whether or not anybody can still be told.
import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { inspect } from 'node:util';
import { redact, redactTexts } from '../core/secret.ts';

/** Empties the line that the cursor is on. */
const CLEAR_LINE = '\r\u001b[K';
/** Progress is left out while this much waits to be read by whoever listens. */
const UNREAD_MAX = 1 << 16;

const STATUS_EVERY_MS = 30_000;
const REWRITE_EVERY_MS = 100;

export class Output {
  /** Results as JSON; known for good when the arguments are parsed. */
  isJson: boolean;
  readonly #out = new Channel(process.stdout);
  readonly #err = new Channel(process.stderr);
  readonly #isTerminal = process.stderr.isTTY === true;
  #isLineOpen = false;
  #lastStatusMs = Number.NEGATIVE_INFINITY;

  constructor(isJson: boolean) {
    this.isJson = isJson;
  }

  /** The command's result: `value` for machines, `text` for people. */
  result(value: unknown, text: string): void {
    this.#endLine();
    this.#out.write(this.isJson ? `${jsonOf(value)}\n` : `${shown(text)}\n`);
  }

  /** Why a command failed: one line on stderr, and with `--json` one value on stdout. */
  failure(code: number, message: string, stack = ''): void {
    this.#endLine();
    if (this.isJson) this.#out.write(`${jsonOf({ error: { code, message } })}\n`);
    this.#err.write(`retick: ${shown(oneLine(message))}\n`);
    if (stack !== '') this.#err.write(`${shown(stack)}\n`);
  }

  /** Resolves when all that was said is out of our hands, with the error by which a result was lost, if one was. */
  async settle(): Promise<Error | undefined> {
    await this.#err.settle();
    return await this.#out.settle();
  }

  /** A line of the story as it goes on; people only. */
  note(text: string): void {
    this.#endLine();
    this.#err.write(`${shown(text)}\n`);
  }

  /**
   * A line that is rewritten in place on a terminal, at most ten times a second; elsewhere it is printed each 30 s.
   * `describe` is only called for a line that is shown, so this may stand in a fast loop.
   */
  status(describe: () => string, nowMs: number): void {
    if (nowMs - this.#lastStatusMs < (this.#isTerminal ? REWRITE_EVERY_MS : STATUS_EVERY_MS)) return;
    const isFirst = !Number.isFinite(this.#lastStatusMs);
    this.#lastStatusMs = nowMs;
    if (process.stderr.writableLength > UNREAD_MAX) return;
    if (this.#isTerminal) {
      const width = process.stderr.columns || 110;
      this.#err.write(`\r${shown(oneLine(describe())).slice(0, width - 1)}\u001b[K`);
      this.#isLineOpen = true;
    } else if (!isFirst) {
      this.#err.write(`${shown(oneLine(describe()))}\n`);
    }
  }

  /** Leaves the status line standing as it is, or clears it. */
  #endLine(): void {
    if (!this.#isLineOpen) return;
    this.#err.write(CLEAR_LINE);
    this.#isLineOpen = false;
  }
}

/** One stream, which may be closed, full or broken: then what is said is dropped, and nothing else happens. */
class Channel {
  readonly #stream: NodeJS.WriteStream;
  #lost: Error | undefined;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    // One listener for good: an error may come long after the write, and without a listener it ends the process.
    if (!stream.listeners('error').includes(ignore)) stream.on('error', ignore);
  }

  write(text: string): void {
    try {
      this.#stream.write(text, (error) => this.#fail(error));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Resolves when everything was written, or is known to be lost, which is told a turn later. */
  async settle(): Promise<Error | undefined> {
    await nextTurn();
    if (this.#stream.writableLength > 0) {
      await new Promise<void>((resolve) => this.#stream.write('', () => resolve()));
    }
    return this.#lost;
  }

  #fail(error: unknown): void {
    if (!(error instanceof Error)) return;
    const isReaderGone = 'code' in error && (error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED');
    if (!isReaderGone) this.#lost ??= error;
  }
}

function ignore(): void {}

/** Marks our own colours in a text that may hold anything: nobody else can know the mark. */
const MARK = randomUUID();
const PAINTED = new RegExp(`\u0001${MARK}:(\\d+);`, 'g');
type Style = 'bold' | 'red' | 'green' | 'yellow';

/** Colour, where the result goes to a terminal and NO_COLOR is not set. */
export function paint(style: Style, text: string): string {
  if (process.stdout.isTTY !== true || process.env.NO_COLOR || process.env.NODE_DISABLE_COLORS) return text;
  const [open, close] = inspect.colors[style]!;
  return `\u0001${MARK}:${open};${text}\u0001${MARK}:${close};`;
}

/** A text for the screen: ours and others' words, of which only our own colours are more than words. */
function shown(text: string): string {
  return redact(text)
    .split(PAINTED)
    .map((part, index) => (index % 2 === 1 ? `\u001b[${part}m` : printable(part)))
    .join('');
}

/** Control characters but line ends, marks that turn or join text, invisible ones, and halves of characters. */
const UNPRINTABLE = /[^\P{C}\n\t]|[\u2028\u2029]/gu;

/** Text from wherever, with `\\u001b` in place of what would act on a terminal instead of being read. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, escaped);
}

function escaped(char: string): string {
  return [...char]
    .map((each) => {
      const code = each.codePointAt(0)!;
      return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`;
    })
    .join('');
}

function oneLine(text: string): string {
  return text.replace(/\s*[\r\n]\s*/g, ' ').trim();
}

/** JSON without secrets, in which what a terminal would act on is escaped, so that its value stays what it is. */
function jsonOf(value: unknown): string {
  const text = JSON.stringify(value, redactTexts) ?? 'null';
  return text.replace(UNPRINTABLE, (char) =>
    [...Array(char.length).keys()]
      .map((at) => `\\u${char.charCodeAt(at).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

/** A table with columns as wide as their widest cell; numbers to the right. */
export function table(header: readonly string[], cells: readonly (readonly string[])[]): string {
  const rows = cells.map((row) => row.map((cell) => printable(oneLine(cell))));
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
