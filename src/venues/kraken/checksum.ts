// The digits that Kraken's checksum covers, and their CRC-32. The CRC of a text follows from those of its pieces, so that
// neither texts nor sizes are kept: a level keeps the CRC and the number of its own digits.

/** A level with more significant digits than this in price and size together is refused as malformed. */
export const LEVEL_DIGITS_MAX = 63;

/** CRC-32 (polynomial 0xEDB88320, reflected) of one byte. */
const BYTE_CRC = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/**
 * What a CRC becomes when n more bytes follow, before those bytes are mixed in: a linear map of 32 bits, kept as
 * four tables by byte for each n. CRC(A then B) = append(CRC(A), length of B) ^ CRC(B), both started from 0.
 */
export const APPEND = appendTables(LEVEL_DIGITS_MAX);

function appendTables(lengthMax: number): Int32Array {
  const tables = new Int32Array((lengthMax + 1) * 1024);
  for (let i = 0; i < 1024; i++) tables[i] = (i & 255) << ((i >>> 8) * 8);
  for (let i = 1024; i < tables.length; i++) {
    const crc = tables[i - 1024]!;
    tables[i] = (crc >>> 8) ^ BYTE_CRC[crc & 255]!;
  }
  return tables;
}

/** The digits of one level as the checksum sees them: no dot, no leading zeros of either number. */
export class LevelDigits {
  crc = 0;
  length = 0;

  reset(): void {
    this.crc = 0;
    this.length = 0;
  }

  /** Appends the number whose text is bytes [from, to). */
  append(bytes: Uint8Array, from: number, to: number): void {
    let crc = this.crc;
    let at = from;
    while (at < to && (bytes[at] === 48 || bytes[at] === 46)) at++;
    const first = at;
    let dots = 0;
    for (; at < to; at++) {
      const byte = bytes[at]!;
      if (byte === 46) dots++;
      else crc = (crc >>> 8) ^ BYTE_CRC[(crc ^ byte) & 255]!;
    }
    this.crc = crc;
    this.length += to - first - dots;
  }
}
