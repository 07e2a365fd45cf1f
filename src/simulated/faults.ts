// What is made to go wrong, and when. Pure: told the time and the frames, it says what to do with them.
// Every fault happens once; one that waits for a frame of its kind stays armed until such a frame comes.
import { assert } from '../core/assert.ts';
import { unknownName } from '../core/errors.ts';

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
  /** A few book updates in a row are withheld (so that none mends the other): the next checksum is wrong. */
  | { readonly atS: number; readonly type: 'lost-delta'; readonly symbol?: string };

type FrameFault = Extract<Fault, { type: 'checksum' | 'skip-trade' | 'lost-delta' }>;
type ActionFault = Exclude<Fault, FrameFault>;

const CHECKSUM = /"checksum":(\d+)/;
const PRICE = /"price":([\d.]+)/g;
/** More than one, lest the only lost level is the tenth and pushed out by the next frame. */
const LOST_FRAMES_MIN = 3;
const SYMBOL = /"symbol":"([^"]*)"/;

/** Book updates being withheld: from whom, of what, and what the frames so far would have told. */
type Loss = {
  readonly receiver: object;
  readonly symbol: string;
  readonly checksumBefore: string;
  readonly prices: Set<string>;
  checksum: string;
  frames: number;
};

export class FaultPlan {
  /** Faults that have happened, in order. */
  readonly done: Fault[] = [];
  #waiting: readonly Fault[];
  #armed: readonly FrameFault[] = [];
  /** The last checksum seen of each symbol while a lost delta is armed. */
  readonly #checksums = new Map<string, string>();
  #losing: Loss | undefined;

  /** `symbols`: what the market trades; a fault of any other symbol would wait for ever and is refused. */
  constructor(faults: readonly Fault[], symbols: readonly string[]) {
    for (const fault of faults) {
      assert(!Number.isNaN(fault.atS), 'a fault is due at a number of seconds');
      if (!isFrameFault(fault) || fault.symbol === undefined || symbols.includes(fault.symbol)) continue;
      throw unknownName('symbol', fault.symbol, symbols, `fault ${fault.type}`);
    }
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
    return this.#armed.length > 0 || this.#losing !== undefined;
  }

  /** The frame as it is to be sent to this receiver; `undefined` withholds it. */
  alter(frame: string, receiver: object): string | undefined {
    const isTrade = frame.startsWith('{"channel":"trade","type":"update"');
    const isBook = frame.startsWith('{"channel":"book","type":"update"');
    if (!isTrade && !isBook) return frame;
    const symbol = SYMBOL.exec(frame)?.[1] ?? '';
    if (isBook && this.#keepsLosing(frame, symbol, receiver)) return undefined;
    const fault = this.#armed.find(
      (armed) =>
        (armed.symbol ?? symbol) === symbol &&
        (armed.type === 'skip-trade' ? isTrade : isBook && this.#matches(armed, symbol, frame)),
    );
    if (fault === undefined) return frame;
    this.#armed = this.#armed.filter((armed) => armed !== fault);
    if (fault.type === 'lost-delta') {
      this.#losing = {
        receiver,
        symbol,
        checksumBefore: this.#checksums.get(symbol)!,
        checksum: '',
        prices: new Set(),
        frames: 0,
      };
      this.#keepsLosing(frame, symbol, receiver);
    }
    this.#checksums.clear();
    this.done.push(fault);
    if (fault.type !== 'checksum') return undefined;
    return frame.replace(CHECKSUM, (_, value: string) => `"checksum":${(Number(value) ^ 0x5a5a) >>> 0}`);
  }

  #keepsLosing(frame: string, symbol: string, receiver: object): boolean {
    const losing = this.#losing;
    if (losing === undefined || losing.receiver !== receiver || losing.symbol !== symbol) return false;
    const prices = Array.from(frame.matchAll(PRICE), (match) => match[1]!);
    const isLost = losing.frames >= LOST_FRAMES_MIN && losing.checksum !== losing.checksumBefore;
    if (isLost && !prices.some((price) => losing.prices.has(price))) {
      this.#losing = undefined;
      return false;
    }
    losing.frames++;
    losing.checksum = CHECKSUM.exec(frame)![1]!;
    for (const price of prices) losing.prices.add(price);
    return true;
  }

  /** A delta is worth losing when it changes the checksum: deeper levels are not covered by it. */
  #matches(fault: FrameFault, symbol: string, frame: string): boolean {
    if (fault.type === 'checksum') return true;
    const now = CHECKSUM.exec(frame)![1]!;
    const before = this.#checksums.get(symbol);
    if (before !== undefined && before !== now) return true;
    this.#checksums.set(symbol, now);
    return false;
  }
}

function isFrameFault(fault: Fault): fault is FrameFault {
  return fault.type === 'checksum' || fault.type === 'skip-trade' || fault.type === 'lost-delta';
}
