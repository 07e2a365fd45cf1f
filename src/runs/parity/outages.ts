// When the feed of a run missed data of a stream: gaps as the feed told them, from the last frame that came until data
// flowed again. In a log of the first version, which knew no ends, a lost connection stands for a gap in all streams.
import type { StatusDetail } from '../../core/event.ts';
import { losesFrames } from '../../core/frame.ts';
import { type Gap, GapFold } from '../../core/gap.ts';

/** A time in which the feed says that it missed data, engine time. */
export type Outage = { readonly fromUs: number; readonly toUs: number };

const CHANNELS = ['trade', 'book'] as const;

export class Outages {
  /** When each symbol's trades were subscribed for the first time. */
  readonly heardUs = new Map<string, number>();
  readonly #fold = new GapFold();
  readonly #old = new GapFold();
  readonly #symbols: readonly string[];

  constructor(symbols: readonly string[]) {
    this.#symbols = symbols;
  }

  add(status: StatusDetail, timeUs: number): void {
    this.#fold.add(status, timeUs);
    this.#old.add(status, timeUs);
    if (status.state === 'subscribed' && status.channel === 'trade' && !this.heardUs.has(status.symbol)) {
      this.heardUs.set(status.symbol, timeUs);
    }
    if (status.state !== 'control' || !losesFrames(status.control)) return;
    for (const symbol of this.#symbols) {
      for (const channel of CHANNELS) {
        const gap = { state: 'gap', cause: 'disconnect', channel, symbol, detail: '' } as const;
        this.#old.add({ type: 'status', ...gap }, timeUs);
      }
    }
  }

  of(channel: (typeof CHANNELS)[number]): ReadonlyMap<string, readonly Outage[]> {
    const { gaps } = this.#fold.isOld ? this.#old : this.#fold;
    const isOf = (gap: Gap, symbol: string): boolean =>
      (gap.channel === channel || gap.channel === '') && (gap.symbol === symbol || gap.symbol === '');
    return new Map(
      this.#symbols.map((symbol) => [symbol, gaps.filter((gap) => isOf(gap, symbol)).map(outageOf)]),
    );
  }
}

/** A hole in the ids that was told of when it had ended lies before that. */
function outageOf({ fromUs, toUs }: Gap): Outage {
  if (fromUs === toUs) return { fromUs: fromUs - HOLE_US, toUs };
  return { fromUs, toUs: toUs ?? Number.POSITIVE_INFINITY };
}

/** How far before the trade that shows a hole in the ids the missing ones may lie. */
const HOLE_US = 5_000_000;

/** Whether an outage, by receipt, can have cost data that the venue stamped within [fromUs, untilUs). */
export function isTouched(outages: readonly Outage[], fromUs: number, untilUs: number): boolean {
  return outages.some((outage) => outage.fromUs - RECEIPT_LAG_US < untilUs && outage.toUs >= fromUs);
}

/** What a frame on its way when an outage began may have been late. */
const RECEIPT_LAG_US = 250_000;
