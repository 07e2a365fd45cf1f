// What was missing of a feed, told once: the one fold over the statuses of a feed that turns them into stretches. A
// decoder says when a stream (a channel of an instrument) begins to miss data and when it flows again; the manifest, the
// report, the comparison, a slice and the recorder's count read it here and nowhere else.
import type { StatusDetail } from './event.ts';
import type { GapCause } from './frame.ts';

/** A stretch in which a stream missed data. */
export type Gap = {
  readonly cause: GapCause;
  readonly channel: string;
  /** Empty for a channel that is of no instrument. */
  readonly symbol: string;
  readonly detail: string;
  /** When the last frame came before it, µs of engine time. */
  readonly fromUs: number;
  /** When data flowed again, µs; null while it does not. */
  readonly toUs: number | null;
};

type OpenGap = { -readonly [K in keyof Gap]: Gap[K] };

export class GapFold {
  readonly #keepsEnded: boolean;
  readonly #gaps: OpenGap[] = [];
  readonly #open = new Map<string, OpenGap>();
  /** Gaps as the first version told them: with a beginning only. */
  readonly #old = new WeakSet<OpenGap>();
  #isNew = false;

  /** Who only asks what is open, or counts what opens, need not keep a list that grows for as long as a feed lives. */
  constructor({ keepsEnded = true }: { readonly keepsEnded?: boolean } = {}) {
    this.#keepsEnded = keepsEnded;
  }

  /** All of them, in the order in which they were told; none where they are not kept. */
  get gaps(): readonly Gap[] {
    return this.#gaps;
  }

  /** Whether all that was told was told as the first version did: it knew no ends of gaps, and gaps of books only. */
  get isOld(): boolean {
    return !this.#isNew;
  }

  /** Those that have not ended. */
  get open(): Iterable<Gap> {
    return this.#open.values();
  }

  isOpen(channel: string, symbol: string): boolean {
    return this.#open.has(keyOf(channel, symbol));
  }

  /** Takes a status of the feed. Returns the gap that it opens, or undefined when it opens none. */
  add(status: StatusDetail, timeUs: number): Gap | undefined {
    if (status.state === 'healed') this.#heal(status.channel, status.symbol, timeUs);
    else if (status.state === 'subscribed') this.#healOld(status.channel, status.symbol, timeUs);
    else if (status.state === 'gap') return this.#begin(status, timeUs);
    return undefined;
  }

  #begin(status: Extract<StatusDetail, { state: 'gap' }>, timeUs: number): Gap | undefined {
    const { cause, channel, symbol, detail } = status;
    const key = keyOf(channel, symbol);
    const known = this.#open.get(key);
    if (known !== undefined) {
      // More is known of a gap that is open already, such as which trades are missing.
      if (cause !== known.cause)
        known.detail = [known.detail, detail].filter((text) => text !== '').join('; ');
      return undefined;
    }
    const gap: OpenGap = { cause, channel, symbol, detail, fromUs: status.fromUs ?? timeUs, toUs: null };
    if (this.#keepsEnded) this.#gaps.push(gap);
    const isOld = status.fromUs === undefined;
    if (isOld) this.#old.add(gap);
    else this.#isNew = true;
    // The first version told of a hole in the trade ids when it had ended.
    if (isOld && cause === 'sequence' && channel !== 'book') gap.toUs = timeUs;
    else this.#open.set(key, gap);
    return gap;
  }

  #heal(channel: string, symbol: string, timeUs: number): void {
    const key = keyOf(channel, symbol);
    const gap = this.#open.get(key);
    if (gap === undefined) return;
    gap.toUs = timeUs;
    this.#open.delete(key);
  }

  /** In what the first version wrote, a subscription is the nearest thing to an end. */
  #healOld(channel: string, symbol: string, timeUs: number): void {
    const gap = this.#open.get(keyOf(channel, symbol));
    if (gap !== undefined && this.#old.has(gap)) this.#heal(channel, symbol, timeUs);
  }
}

function keyOf(channel: string, symbol: string): string {
  return `${channel}\n${symbol}`;
}
