// The formats in which others keep captured frames, each read as the same few items, a batch for each piece of the file.
// A frame's bytes are never changed. What is not what the format says is an error naming file and line, or, where that
// is asked for, one `bad` item: the file goes on behind it.
import { DataError } from '../../core/errors.ts';
import { BadLine, ByteWindow, LINE_BYTES_MAX, readChunks } from './bytes.ts';

export const CAPTURE_FORMATS = ['cbcap', 'lines', 'cryptofeed', 'jsonl'] as const;
export type CaptureFormat = (typeof CAPTURE_FORMATS)[number];

/** `time` is a receive time as it stands in the file, in whatever unit; empty where the format has none. */
export type CaptureItem =
  | { readonly type: 'frame'; readonly time: string; readonly bytes: Uint8Array }
  | { readonly type: 'opened'; readonly time: string; readonly url: string }
  | { readonly type: 'sent'; readonly time: string; readonly text: string }
  /** When the capture began by a Unix clock, ns. */
  | { readonly type: 'begun'; readonly time: string }
  /** Something in the file could not be read; it takes the time of what stands before it. */
  | { readonly type: 'bad'; readonly time: ''; readonly reason: string };

export type ReadOptions = {
  /** Go on behind what cannot be read. Default: stop there. */
  readonly skipsBad?: boolean;
};

/**
 * | format | a record |
 * |---|---|
 * | `cbcap` | first `CBCAP1 <venue> <symbol> <unix ns>`; then `<receive ns> <bytes>`, the frame, each ended by a line feed |
 * | `lines` | `<receive time> <frame>` |
 * | `cryptofeed` | `<url> <-> <time>` connected, `<url> <- <time>: <text>` sent, `<time>: <frame>` received |
 * | `jsonl` | a frame a line, no receive time |
 *
 * A batch, and the bytes in it, is valid until the next one is asked for.
 */
export async function* readCapture(
  path: string,
  format: CaptureFormat,
  { skipsBad = false }: ReadOptions = {},
): AsyncGenerator<readonly CaptureItem[], void, undefined> {
  const bytes = new ByteWindow();
  const parse = parsers[format]();
  const takeAll = (): readonly CaptureItem[] => {
    const items: CaptureItem[] = [];
    for (;;) {
      try {
        const item = parse(bytes);
        if (item === undefined) return items;
        if (item !== SKIP) items.push(item);
      } catch (error) {
        if (error instanceof NotTheFormat) throw new DataError(`${path}: ${error.message}`);
        if (!(error instanceof BadLine)) throw error;
        items.push(badItem(path, bytes.line, error.message, skipsBad));
      }
    }
  };
  const chunks = readChunks(path);
  for (;;) {
    let next: IteratorResult<Buffer, void>;
    try {
      next = await chunks.next();
    } catch (error) {
      const said = (error as Error).message;
      if (!skipsBad)
        throw new DataError(`${said} (--skip-bad keeps what stands before it)`, { cause: error });
      if (bytes.line === 0) throw error;
      // The line that the damage fell into has not come whole, and goes with it.
      yield [{ type: 'bad', time: '', reason: `line ${bytes.line + 1}: ${said}` }];
      return;
    }
    if (next.done === true) break;
    bytes.put(next.value);
    const items = takeAll();
    if (items.length > 0) yield items;
  }
  bytes.end();
  yield takeAll();
}

function badItem(path: string, line: number, what: string, skipsBad: boolean): CaptureItem {
  const reason = `line ${line}: ${what}`;
  if (!skipsBad) throw new DataError(`${path}: ${reason} (--skip-bad leaves out what cannot be read)`);
  return { type: 'bad', time: '', reason };
}

/** The whole file is something else: there is nothing to go on with behind it. */
class NotTheFormat extends Error {}

/** Nothing is to be made of what was taken. */
const SKIP = Symbol('skip');
/** Takes the next item; undefined when it has not come whole. */
type Parse = (bytes: ByteWindow) => CaptureItem | typeof SKIP | undefined;

const parsers: Readonly<Record<CaptureFormat, () => Parse>> = {
  cbcap: cbcapParser,
  lines: () => byLine(parseTimedLine),
  cryptofeed: () => byLine(parseCryptofeed),
  jsonl: () => byLine((line) => ({ type: 'frame', time: '', bytes: line })),
};

function byLine(parse: (line: Uint8Array) => CaptureItem): Parse {
  return (bytes) => {
    const line = bytes.takeLine();
    if (line === undefined) return undefined;
    return line.length === 0 ? SKIP : parse(line);
  };
}

function parseTimedLine(line: Uint8Array): CaptureItem {
  const end = line.indexOf(0x20);
  const time = end < 0 ? '' : textOf(line.subarray(0, end));
  if (!TIME.test(time)) throw new BadLine('not `<receive time> <frame>`');
  return { type: 'frame', time, bytes: line.subarray(end + 1) };
}

function parseCryptofeed(line: Uint8Array): CaptureItem {
  const colon = asBuffer(line).indexOf(': ');
  const received = colon < 0 ? '' : textOf(line.subarray(0, Math.min(colon, 64)));
  if (TIME.test(received)) return { type: 'frame', time: received, bytes: line.subarray(colon + 2) };
  const text = textOf(line);
  const opened = /^(\S+) <-> (\d+(?:\.\d+)?)$/.exec(text);
  if (opened !== null) return { type: 'opened', time: opened[2]!, url: opened[1]! };
  const sent = /^\S+ <- (\d+(?:\.\d+)?): (.*)$/s.exec(text);
  if (sent !== null) return { type: 'sent', time: sent[1]!, text: sent[2]! };
  throw new BadLine('neither `<time>: <frame>` nor a connection line');
}

/** A length that is damaged may reach anywhere: a frame must end where the next line begins, or its head is bad. */
function cbcapParser(): Parse {
  let isBegun = false;
  let head: { readonly time: string; readonly length: number } | undefined;
  return (bytes) => {
    if (head !== undefined) {
      const { time, length } = head;
      const frame = bytes.peek(length + 1) ?? (bytes.isEnded ? bytes.peek(length) : undefined);
      if (frame === undefined) {
        if (!bytes.isEnded) return undefined;
        head = undefined;
        throw new BadLine('the file ends inside a frame');
      }
      head = undefined;
      if (frame.length > length && frame[length] !== 0x0a)
        throw new BadLine('the frame is of another length');
      bytes.skip(frame.length);
      return { type: 'frame', time, bytes: frame.subarray(0, length) };
    }
    const line = bytes.takeLine();
    if (line === undefined) return undefined;
    if (!isBegun) {
      const begun = /^CBCAP1 \S+ \S+ (\d{1,20})$/.exec(textOf(line.subarray(0, 1000)));
      // Without it the file is another one; there is nothing to skip.
      if (begun === null) throw new NotTheFormat('line 1: no CBCAP1 header');
      isBegun = true;
      return { type: 'begun', time: begun[1]! };
    }
    if (line.length === 0) return SKIP;
    const match = /^(\d{1,24}) (\d{1,9})$/.exec(textOf(line.subarray(0, 64)));
    if (match === null || Number(match[2]) > LINE_BYTES_MAX) throw new BadLine('not `<receive ns> <bytes>`');
    head = { time: match[1]!, length: Number(match[2]) };
    return SKIP;
  };
}

const TIME = /^\d{1,24}(\.\d{1,12})?$/;

function textOf(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('utf8');
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
