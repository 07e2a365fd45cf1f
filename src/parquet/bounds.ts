// Whether a Parquet file can be read in the memory that there is: asked before the database opens it, because what a page
// or a dictionary claims to hold is reserved outside of the database's own limit. Only sizes are looked at: the footer, and
// the head of each page. https://parquet.apache.org/docs/file-format/, Thrift's compact protocol.
import { closeSync, openSync, readSync } from 'node:fs';
import { DataError } from '../core/errors.ts';
import { requireFile } from './files.ts';

/** A footer names each column of each row group: some hundred bytes each. */
const FOOTER_BYTES_MAX = 16 << 20;
/** The longest frame and more. */
const PAGE_BYTES_MAX = 128 << 20;
/** All pages of a row group, unpacked. Ours hold 16 MB, or the rows of one large frame. */
const GROUP_BYTES_MAX = 1 << 30;
/** Rows are never packed closer: below this the time to read a file follows from its size. */
const ROWS_PER_BYTE_MAX = 1000;
const HEAD_BYTES = 4 << 10;
const HEAD_BYTES_MAX = 4 << 20;
const DEPTH_MAX = 16;

/** Throws DataError, naming the file, when it is no Parquet file or claims more than one of ours can hold. */
export function requireBoundedParquet(path: string): void {
  const { size } = requireFile(path);
  const file = openSync(path, 'r');
  try {
    const fault = faultOf(new Pages(file, size));
    if (fault !== undefined) throw new DataError(`${path}: ${fault}`);
  } catch (error) {
    if (error instanceof NotThrift)
      throw new DataError(`${path}: not a Parquet file: ${error.message}`, { cause: error });
    throw error;
  } finally {
    closeSync(file);
  }
}

function faultOf(pages: Pages): string | undefined {
  const { size } = pages;
  const footer = pages.footer();
  const rows = numberOf(footer, 3);
  if (!(rows >= 0 && rows <= size * ROWS_PER_BYTE_MAX)) return `${rows} rows in ${size} bytes are too many`;
  for (const group of listOf(footer, 4)) {
    const groupRows = numberOf(group, 3);
    if (!(groupRows >= 0 && groupRows <= rows)) return `a row group of ${groupRows} rows among ${rows}`;
    let unpacked = 0;
    for (const column of listOf(group, 1)) {
      for (const { bytes, values, isDictionary } of pages.of(structOf(column, 3))) {
        unpacked += bytes;
        if (!(bytes >= 0 && bytes <= PAGE_BYTES_MAX))
          return `a page of ${bytes} bytes (at most ${PAGE_BYTES_MAX})`;
        const valuesMax = isDictionary ? bytes : groupRows;
        if (!(values >= 0 && values <= valuesMax)) return `a page of ${values} values (at most ${valuesMax})`;
      }
    }
    if (unpacked > GROUP_BYTES_MAX) return `a row group of ${unpacked} bytes (at most ${GROUP_BYTES_MAX})`;
  }
  return undefined;
}

type Page = { readonly bytes: number; readonly values: number; readonly isDictionary: boolean };

/** The footer and the pages' heads of an open file. */
class Pages {
  readonly size: number;
  readonly #file: number;

  constructor(file: number, size: number) {
    this.#file = file;
    this.size = size;
  }

  footer(): Struct {
    const tail = this.#read(this.size - 8, 8);
    const length = tail.readUInt32LE(0);
    if (tail.toString('latin1', 4) !== 'PAR1') throw new NotThrift('it does not end as one');
    if (length > FOOTER_BYTES_MAX || length > this.size - 8)
      throw new NotThrift(`a footer of ${length} bytes`);
    return new Thrift(this.#read(this.size - 8 - length, length)).struct();
  }

  /** The pages of a column of a row group, from what the footer says of it. */
  *of(meta: Struct): Generator<Page> {
    const [first, dictionary] = [numberOf(meta, 9), meta.get(11)];
    let at = typeof dictionary === 'number' && dictionary > 0 ? Math.min(first, dictionary) : first;
    const end = at + numberOf(meta, 7);
    if (!(at >= 0 && end >= at && end <= this.size)) throw new NotThrift('a column lies outside of the file');
    while (at < end) {
      const { head, length } = this.#head(at, end);
      const packed = numberOf(head, 3);
      if (!(packed >= 0)) throw new NotThrift(`a page of ${packed} bytes`);
      const own = head.get(5) ?? head.get(7) ?? head.get(8);
      if (!(own instanceof Map)) throw new NotThrift('a page of no kind');
      yield { bytes: numberOf(head, 2), values: numberOf(own, 1), isDictionary: head.has(7) };
      at += length + packed;
    }
  }

  #head(at: number, end: number): { readonly head: Struct; readonly length: number } {
    for (let bytes = HEAD_BYTES; ; bytes *= 8) {
      const isAll = bytes >= end - at || bytes >= HEAD_BYTES_MAX;
      const thrift = new Thrift(this.#read(at, Math.min(bytes, end - at)));
      try {
        return { head: thrift.struct(), length: thrift.at };
      } catch (error) {
        if (!(error instanceof NotThrift) || isAll) throw error;
      }
    }
  }

  #read(from: number, length: number): Buffer {
    if (from < 0) throw new NotThrift('it is too short');
    const bytes = Buffer.alloc(length);
    if (readSync(this.#file, bytes, 0, length, from) !== length) throw new NotThrift('it ends too early');
    return bytes;
  }
}

class NotThrift extends Error {}

type Value = number | Struct | readonly Value[] | undefined;
type Struct = ReadonlyMap<number, Value>;

function numberOf(struct: Struct, field: number): number {
  const value = struct.get(field);
  if (typeof value !== 'number') throw new NotThrift(`field ${field} is missing`);
  return value;
}

function structOf(struct: Struct, field: number): Struct {
  const value = struct.get(field);
  if (!(value instanceof Map)) throw new NotThrift(`field ${field} is missing`);
  return value;
}

function listOf(struct: Struct, field: number): readonly Struct[] {
  const value = struct.get(field);
  if (!Array.isArray(value) || !value.every((each) => each instanceof Map)) {
    throw new NotThrift(`field ${field} is missing`);
  }
  return value as readonly Struct[];
}

/** Thrift's compact protocol, read for its structure: texts and doubles are stepped over. */
class Thrift {
  readonly #bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  struct(depth = 0): Struct {
    if (depth > DEPTH_MAX) throw new NotThrift('nested too deep');
    const fields = new Map<number, Value>();
    for (let field = 0; ; ) {
      const head = this.#byte();
      if (head === 0) return fields;
      field = head >>> 4 === 0 ? this.#integer() : field + (head >>> 4);
      fields.set(field, this.#value(head & 15, depth));
    }
  }

  #value(type: number, depth: number): Value {
    switch (type) {
      case 1:
      case 2:
        return undefined; // A boolean stands in its field's head.
      case 3:
        return this.#byte();
      case 4:
      case 5:
      case 6:
        return this.#integer();
      case 7:
        return this.#skip(8);
      case 8:
        return this.#skip(this.#varint());
      case 9:
      case 10:
        return this.#list(depth);
      case 12:
        return this.struct(depth + 1);
      default:
        throw new NotThrift(`a value of type ${type}`);
    }
  }

  #list(depth: number): readonly Value[] {
    if (depth > DEPTH_MAX) throw new NotThrift('nested too deep');
    const head = this.#byte();
    const length = head >>> 4 === 15 ? this.#varint() : head >>> 4;
    const type = head & 15;
    // Every element takes a byte at least.
    if (length > this.#bytes.length - this.at) throw new NotThrift(`a list of ${length}`);
    const values: Value[] = [];
    for (let i = 0; i < length; i++) values.push(type <= 2 ? this.#byte() : this.#value(type, depth + 1));
    return values;
  }

  #skip(length: number): undefined {
    if (length > this.#bytes.length - this.at) throw new NotThrift(`a text of ${length} bytes`);
    this.at += length;
    return undefined;
  }

  #byte(): number {
    const byte = this.#bytes[this.at++];
    if (byte === undefined) throw new NotThrift('it ends too early');
    return byte;
  }

  #varint(): number {
    let value = 0;
    for (let scale = 1, count = 0; count < 10; scale *= 128, count++) {
      const byte = this.#byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    throw new NotThrift('a number without end');
  }

  /** Zigzag: 0, −1, 1, −2 … */
  #integer(): number {
    const value = this.#varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}
