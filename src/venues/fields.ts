// JSON frames, field by field: the guards by which every venue reads what its byte scan does not know.
// Nothing is trusted: each value has the type and the bounds it must have, or the frame is malformed. Numbers whose digits
// matter are taken as the text that stood in the frame, never through a double.
import { isCount, isPrice, isSymbol, isTimeUs, jsonDepth } from '../core/bounds.ts';
import { parseTimeUs } from '../core/time.ts';
import { MalformedFrame } from './guard.ts';

/** An object of unchecked values. */
export type Fields = Readonly<Record<string, unknown>>;

/** Objects and lists within one another. No venue needs ten; beyond some thousands the language itself gives up. */
const DEPTH_MAX = 32;
/** 10^22 is the largest power of ten that is an exact double. */
export const DECIMALS_MAX = 22;
/** The longest text of a venue's that becomes an event. */
const TEXT_CHARS_MAX = 1000;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function decodeUtf8(payload: Uint8Array): string {
  try {
    return utf8.decode(payload);
  } catch (cause) {
    throw new MalformedFrame('not UTF-8', { cause });
  }
}

/** An object from JSON text, not deeper than anybody needs. */
export function parseFields(
  text: string,
  reviver?: (key: string, value: unknown, context?: { readonly source?: string }) => unknown,
): Fields {
  if (jsonDepth(text, DEPTH_MAX) > DEPTH_MAX)
    throw new MalformedFrame(`nested more than ${DEPTH_MAX} levels deep`);
  let value: unknown;
  try {
    value = JSON.parse(text, reviver);
  } catch (cause) {
    throw new MalformedFrame('not JSON', { cause });
  }
  return fieldsOf(value, 'frame');
}

export function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new MalformedFrame(`${what} is no object`);
  }
  return value as Fields;
}

export function listOf(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new MalformedFrame(`${what} is no list`);
  return value;
}

export function textOf(fields: Fields, key: string): string {
  const value = fields[key];
  if (typeof value !== 'string') throw new MalformedFrame(`${key} is no text`);
  if (value.length > TEXT_CHARS_MAX) throw new MalformedFrame(`${key} is too long`);
  return value;
}

/** The name of an instrument or a currency. */
export function symbolOf(fields: Fields, key: string): string {
  const value = textOf(fields, key);
  if (!isSymbol(value)) throw new MalformedFrame(`${key} is no name: ${quoted(value)}`);
  return value;
}

/** A finite number of a size that a market can have, quoted or not. */
export function numberOf(fields: Fields, key: string): number {
  const value = fields[key];
  const number = typeof value === 'string' && NUMBER.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isFinite(number)) throw new MalformedFrame(`${key} is no number`);
  if (!isPrice(number)) throw new MalformedFrame(`${key} is out of bounds: ${number}`);
  return number;
}

/** A size or a volume: a number that is not negative. */
export function sizeOf(fields: Fields, key: string): number {
  const size = numberOf(fields, key);
  if (size < 0) throw new MalformedFrame(`${key} is negative: ${size}`);
  return size;
}

/** A whole number that is not negative. */
export function countOf(fields: Fields, key: string): number {
  const count = numberOf(fields, key);
  if (!isCount(count)) throw new MalformedFrame(`${key} is no count: ${count}`);
  return count;
}

/** NaN when the field is absent: no time is made up. */
export function optionalTimeUs(fields: Fields, key: string): number {
  if (fields[key] === undefined) return Number.NaN;
  const timeUs = parseTimeUs(textOf(fields, key));
  if (!isTimeUs(timeUs)) throw new MalformedFrame(`${key} is no time`);
  return timeUs;
}

export type Decimal = { readonly text: string; readonly value: number; readonly decimals: number };

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const PLAIN = /^(?:0|[1-9]\d*)(?:\.(\d+))?$/;
const EXPONENT = /^(\d+)(?:\.(\d+))?[eE]([+-]?\d{1,2})$/;

/** A number that is not negative, with its digits: those of the frame, or spelt out if it came with an exponent. */
export function decimalOf(fields: Fields, key: string): Decimal {
  const source = fields[key];
  const text = typeof source === 'string' && NUMBER.test(source) ? plainText(source) : '';
  const match = PLAIN.exec(text);
  const decimals = match?.[1]?.length ?? 0;
  if (match === null || text.length > 64 || decimals > DECIMALS_MAX)
    throw new MalformedFrame(`${key} is no decimal`);
  const value = Number(text);
  if (!isPrice(value)) throw new MalformedFrame(`${key} is out of bounds: ${value}`);
  return { text, value, decimals };
}

/** `1.5e-3` to `0.0015`. */
function plainText(source: string): string {
  const match = EXPONENT.exec(source);
  if (match === null) return source;
  const [, whole = '', fraction = '', exponent = '0'] = match;
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  const padded = point <= 0 ? '0'.repeat(1 - point) + digits : digits.padEnd(point, '0');
  const split = Math.max(point, 1);
  const left = padded.slice(0, split).replace(/^0+(?=\d)/, '');
  const right = padded.slice(split);
  return right === '' ? left : `${left}.${right}`;
}

/** A venue's value in few words. */
export function quoted(value: unknown): string {
  return (JSON.stringify(value) ?? 'no reason').slice(0, 200);
}

/** A venue's own words, however many they are. */
export function shortened(words: string): string {
  return words.length > TEXT_CHARS_MAX ? `${words.slice(0, TEXT_CHARS_MAX)}…` : words;
}
