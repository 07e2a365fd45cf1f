// Symbols as folder names: an injective encoding, so that two symbols never share a folder and no text a venue
// sends can leave the dataset's own. Plain are only A–Z, 0–9, `_` and `-`; every other byte of UTF-8 is `%XX`.
import { DataError } from '../core/errors.ts';

/** Longest folder name written, with room for the `symbol=` before it in a name of 255 bytes. */
const LENGTH_MAX = 240;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** `BTC/USD` → `BTC%2FUSD`. Throws DataError on an empty, ill-formed or endless symbol. */
export function encodeSymbol(symbol: string): string {
  if (symbol === '' || !symbol.isWellFormed()) {
    throw new DataError(`symbol ${JSON.stringify(symbol)} cannot name a folder (allowed: well-formed text)`);
  }
  let name = '';
  for (const byte of encoder.encode(symbol)) {
    name += isPlain(byte) ? String.fromCharCode(byte) : `%${hex(byte)}`;
  }
  if (name.length > LENGTH_MAX) {
    throw new DataError(
      `symbol ${symbol.slice(0, 40)}… is too long to name a folder (at most ${LENGTH_MAX})`,
    );
  }
  return name;
}

/** The inverse of `encodeSymbol`. Throws DataError on a name it never writes. */
export function decodeSymbol(name: string): string {
  const bytes: number[] = [];
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (isPlain(code)) {
      bytes.push(code);
      continue;
    }
    const digits = name.slice(i + 1, i + 3);
    const byte = Number.parseInt(digits, 16);
    if (name[i] !== '%' || !/^[0-9A-F]{2}$/.test(digits) || isPlain(byte)) throw notAName(name);
    bytes.push(byte);
    i += 2;
  }
  try {
    if (bytes.length > 0) return decoder.decode(Uint8Array.from(bytes));
  } catch (cause) {
    throw notAName(name, cause);
  }
  throw notAName(name);
}

function notAName(name: string, cause?: unknown): DataError {
  return new DataError(`folder name ${JSON.stringify(name)} encodes no symbol`, { cause });
}

function isPlain(byte: number): boolean {
  return (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x30 && byte <= 0x39) || byte === 0x5f || byte === 0x2d;
}

function hex(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, '0');
}
