// What is made to go wrong, and when. Pure: told the time and the frames, it says what to do with them.
// Every fault happens once; one that waits for a frame of its kind stays armed until such a frame comes.
import { assert } from '../core/assert.ts';

/** `atS`: seconds since the first subscription of any client; 0 or less: at the first message of any client. */
export type Fault =
  /** All connections are cut without a closing handshake; for `forS` seconds (default 0) new ones are turned away. */
  | { readonly atS: number; readonly type: 'disconnect'; readonly forS?: number }
  /** Open connections are sent nothing for `forS` seconds; what happens meanwhile is lost to them. */
  | { readonly atS: number; readonly type: 'silence'; readonly forS: number }
  /** The next subscription message is refused, by default with the words of the rate limit. */
  | { readonly atS: number; readonly type: 'refuse'; readonly error?: string }
  /** A frame that breaks off in the middle is sent in addition. */
  | { readonly atS: number; readonly type: 'malformed' }
  /** A frame of `bytes` (default 32 MiB) is sent in addition. */
  | { readonly atS: number; readonly type: 'oversized'; readonly bytes?: number }
  /** One checksum of the symbol's book is wrong. */
  | { readonly atS: number; readonly type: 'checksum'; readonly symbol?: string }
  /** One trade frame of the symbol is withheld: a hole in its ids. */
  | { readonly atS: number; readonly type: 'skip-trade'; readonly symbol?: string }
  /** One book update within the checked levels is withheld, so that the next checksum does not match. */
  | { readonly atS: number; readonly type: 'lost-delta'; readonly symbol?: string };

type FrameFault = Extract<Fault, { type: 'checksum' | 'skip-trade' | 'lost-delta' }>;
type ActionFault = Exclude<Fault, FrameFault>;

const CHECKSUM = /"checksum":(\d+)/;
const SYMBOL = /"symbol":"([^"]*)"/;

export class FaultPlan {
  /** Faults that have happened, in order. */
  readonly done: Fault[] = [];
  #waiting: readonly Fault[];
  #armed: readonly FrameFault[] = [];
  /** The last checksum seen of each symbol while a lost delta is armed. */
  readonly #checksums = new Map<string, string>();

  constructor(faults: readonly Fault[]) {
    for (const fault of faults) assert(!Number.isNaN(fault.atS), 'a fault is due at a number of seconds');
    this.#waiting = [...faults].sort((a, b) => a.atS - b.atS);
  }

  /** Arms the faults due by now and returns those that are to be done at once. */
  due(elapsedS: number): readonly ActionFault[] {
    if (this.#waiting.length === 0 || this.#waiting[0]!.atS > elapsedS) return [];
    const due = this.#waiting.filter((fault) => fault.atS <= elapsedS);
    this.#waiting = this.#waiting.filter((fault) => fault.atS > elapsedS);
    this.#armed = [...this.#armed, ...due.filter(isFrameFault)];
    return due.filter((fault) => !isFrameFault(fault));
  }

  get isArmed(): boolean {
    return this.#armed.length > 0;
  }

  /** The frame as it is to be sent; `undefined` withholds it. */
  alter(frame: string): string | undefined {
    const isTrade = frame.startsWith('{"channel":"trade","type":"update"');
    const isBook = frame.startsWith('{"channel":"book","type":"update"');
    if (!isTrade && !isBook) return frame;
    const symbol = SYMBOL.exec(frame)?.[1] ?? '';
    const fault = this.#armed.find(
      (armed) =>
        (armed.symbol ?? symbol) === symbol &&
        (armed.type === 'skip-trade' ? isTrade : isBook && this.#matches(armed, symbol, frame)),
    );
    if (fault === undefined) return frame;
    this.#armed = this.#armed.filter((armed) => armed !== fault);
    this.#checksums.clear();
    this.done.push(fault);
    if (fault.type !== 'checksum') return undefined;
    return frame.replace(CHECKSUM, (_, value: string) => `"checksum":${(Number(value) ^ 0x5a5a) >>> 0}`);
  }

  /** A delta is worth losing when it changes the checksum: deeper levels are not covered by it. */
  #matches(fault: FrameFault, symbol: string, frame: string): boolean {
    if (fault.type === 'checksum') return true;
    const now = CHECKSUM.exec(frame)![1]!;
    const before = this.#checksums.get(symbol);
    this.#checksums.set(symbol, now);
    return before !== undefined && before !== now;
  }
}

function isFrameFault(fault: Fault): fault is FrameFault {
  return fault.type === 'checksum' || fault.type === 'skip-trade' || fault.type === 'lost-delta';
}
