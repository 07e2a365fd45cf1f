// What a number, a time or a name of a market can be at all. Beyond these bounds nothing is exact, or it is nonsense:
// no decoder lets it through, and no file of a stranger's may bring it in. Within them it may still be wrong.

/** No market counts its prices or sizes further up or further down than this; zero is allowed apart. */
const NUMBER_MAX = 1e18;
const NUMBER_MIN = 1e-22;

/** The first µs of the year 2200. A time and a candle's interval behind it are exact in a double (until 2255). */
export const TIME_MAX_US = 7_258_118_400_000_000;

/** No candle is longer, µs: 400 days. */
const INTERVAL_MAX_US = 34_560_000_000_000;

/** The longest name of an instrument or a currency. */
export const SYMBOL_CHARS_MAX = 64;

/** A price: a finite number of any sign. Negative prices have happened. */
export function isPrice(value: number): boolean {
  return isSize(Math.abs(value));
}

/** A size, a volume: a finite number that is not negative. */
export function isSize(value: number): boolean {
  return (value >= NUMBER_MIN && value <= NUMBER_MAX) || value === 0;
}

/** The smallest step of a price or a size. */
export function isStep(value: number): boolean {
  return value > 0 && isSize(value);
}

/** µs since the epoch: a whole number from 1970 up to the year 2200. */
export function isTimeUs(value: number): boolean {
  return value >= 0 && value < TIME_MAX_US && Number.isInteger(value);
}

/** A number of things, or an id: whole, not negative, exact. */
export function isCount(value: number): boolean {
  return value >= 0 && Number.isSafeInteger(value);
}

/** The length of a candle, µs. */
export function isIntervalUs(value: number): boolean {
  return value > 0 && value <= INTERVAL_MAX_US && Number.isInteger(value);
}

export function isSymbol(value: unknown): value is string {
  return (
    typeof value === 'string' && value !== '' && value.length <= SYMBOL_CHARS_MAX && value.isWellFormed()
  );
}

/** How deep JSON text is nested, up to `max` and one more; brackets inside its texts do not count. */
export function jsonDepth(text: string, max: number): number {
  let depth = 0;
  let deepest = 0;
  for (let at = 0; at < text.length && deepest <= max; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfText(text, at);
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) deepest = Math.max(deepest, ++depth);
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth--;
  }
  return deepest;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** Where the text that begins at `from` has its closing quote. */
function endOfText(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
  return at;
}
