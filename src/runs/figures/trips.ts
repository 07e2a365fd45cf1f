// Round trips: from flat to flat (or through a flip), by strategy and symbol, out of a run's fills. What is still open
// at the end is a trip too, marked as open and valued at its mark price. Nothing is lost between them: the profits of
// all trips add up to the change of equity.
import type { Fill } from '../../core/order.ts';
import type { RecordOf } from '../log.ts';

export type RoundTrip = {
  readonly strategy: string;
  readonly symbol: string;
  readonly side: 'long' | 'short';
  /** Not closed when the run ended: `closedUs` is the end, `exitPrice` weighs in the mark price. */
  readonly isOpen: boolean;
  readonly openedUs: number;
  readonly closedUs: number;
  /** Base currency, all that was entered. */
  readonly size: number;
  /** Size-weighted, quote currency. */
  readonly entryPrice: number;
  readonly exitPrice: number;
  /** Quote currency, fees deducted; what is open counts at its mark price. */
  readonly pnl: number;
  /** What one unit of the quote currency was worth in the reporting currency at its last fill, or at the end; NaN unknown. */
  readonly rate: number;
  /** The part of it that is not realised: of what is open, fees not counted. */
  readonly unrealized: number;
  readonly fees: number;
  /** pnl ÷ entry notional. */
  readonly returnFraction: number;
  readonly entryReason: string;
  readonly exitReason: string;
  /** Worst and best unrealised return by the mark prices seen while it was open, and its own fills; NaN when unknown. */
  readonly mae: number;
  readonly mfe: number;
};

export type TimedFill = { readonly timeUs: number; readonly fill: Fill; readonly reason: string };

type Position = RecordOf<'position'>;

/** All trips of a list of fills, in the order in which they closed, then those still open. */
export function roundTrips(
  fills: readonly TimedFill[],
  positions: readonly Position[] = [],
): readonly RoundTrip[] {
  const trips = new Trips();
  for (const fill of fills) trips.addFill(fill);
  return trips.finish(positions);
}

/** Sizes are sums of doubles here; what is left of a position below this share of it is their rounding. */
const DUST = 1e-9;

export class Trips {
  readonly #open = new Map<string, OpenTrip>();
  readonly #closed: RoundTrip[] = [];

  addFill(timed: TimedFill): void {
    const { fill } = timed;
    const key = `${fill.strategy}\n${fill.symbol}`;
    const signed = fill.side === 'buy' ? fill.size : -fill.size;
    const trip = this.#open.get(key);
    if (trip === undefined) {
      this.#open.set(key, begin(timed, signed, Number(fill.fee)));
      return;
    }
    meet(trip, fill);
    if (Math.sign(signed) === Math.sign(trip.position)) {
      grow(trip, signed, fill.price, Number(fill.fee));
      return;
    }
    const closing = Math.min(Math.abs(signed), Math.abs(trip.position));
    const share = closing / Math.abs(signed);
    trip.exitNotional += closing * fill.price;
    trip.exitSize += closing;
    trip.fees += Number(fill.fee) * share;
    trip.position += Math.sign(signed) * closing;
    if (Math.abs(trip.position) > trip.size * DUST) return;
    this.#open.delete(key);
    const { timeUs, reason } = timed;
    this.#closed.push(finish(trip, { timeUs, reason, rate: rateOf(fill), mark: undefined }));
    const rest = Math.abs(signed) - closing;
    if (rest > trip.size * DUST) {
      this.#open.set(key, begin(timed, Math.sign(signed) * rest, Number(fill.fee) * (1 - share)));
    }
  }

  /** The trips so far, those still open valued at the mark prices of these positions. */
  finish(positions: readonly Position[]): readonly RoundTrip[] {
    const open = [...this.#open.values()].map((trip) => {
      const { strategy, symbol } = trip.first.fill;
      const mark = positions.find((held) => held.strategy === strategy && held.symbol === symbol);
      const timeUs = mark?.timeUs ?? Number.NaN;
      const rate = rateOf(mark ?? trip.first.fill);
      return finish(trip, { timeUs, reason: 'still open', rate, mark: mark ?? UNMARKED });
    });
    return [...this.#closed, ...open];
  }
}

/** Logs of the first version know one currency only, and no rates. */
export function rateOf(record: { readonly rate?: number }): number {
  return record.rate ?? 1;
}

type Mark = Pick<Position, 'markPrice' | 'markLow' | 'markHigh'>;

const UNMARKED: Mark = { markPrice: Number.NaN, markLow: Number.NaN, markHigh: Number.NaN };

type OpenTrip = {
  readonly first: TimedFill;
  readonly isLong: boolean;
  position: number;
  size: number;
  entryNotional: number;
  exitNotional: number;
  exitSize: number;
  fees: number;
  /** Extremes of the mark prices seen and of its own fills; marks are known only when `isSeen`. */
  low: number;
  high: number;
  isSeen: boolean;
};

function begin(first: TimedFill, signed: number, fee: number): OpenTrip {
  const { price } = first.fill;
  const size = Math.abs(signed);
  const entered = {
    first,
    isLong: signed > 0,
    position: signed,
    size,
    entryNotional: size * price,
    fees: fee,
  };
  return { ...entered, exitNotional: 0, exitSize: 0, low: price, high: price, isSeen: false };
}

/** A later fill of the trip: its own price, and what the position met before it. */
function meet(
  trip: OpenTrip,
  { price, markLow, markHigh }: Pick<Fill, 'price' | 'markLow' | 'markHigh'>,
): void {
  see(trip, price, price);
  see(trip, markLow, markHigh);
  if (markLow <= markHigh) trip.isSeen = true;
}

function see(trip: OpenTrip, low: number, high: number): void {
  if (low < trip.low) trip.low = low;
  if (high > trip.high) trip.high = high;
}

function grow(trip: OpenTrip, signed: number, price: number, fee: number): void {
  trip.position += signed;
  trip.size += Math.abs(signed);
  trip.entryNotional += Math.abs(signed) * price;
  trip.fees += fee;
}

function finish(
  trip: OpenTrip,
  end: {
    readonly timeUs: number;
    readonly reason: string;
    readonly rate: number;
    readonly mark: Mark | undefined;
  },
): RoundTrip {
  const { isLong, first } = trip;
  const sign = isLong ? 1 : -1;
  const entryPrice = trip.entryNotional / trip.size;
  const held = Math.abs(trip.position);
  const isOpen = end.mark !== undefined;
  const price = end.mark?.markPrice ?? Number.NaN;
  // Without a mark price it is worth what it cost, as in the ledger.
  const worth = isOpen ? held * (Number.isNaN(price) ? entryPrice : price) : 0;
  const exitNotional = trip.exitNotional + worth;
  const pnl = sign * (exitNotional - trip.entryNotional) - trip.fees;
  if (end.mark !== undefined) meet(trip, { ...end.mark, price });
  const [down, up] = trip.isSeen
    ? [trip.low / entryPrice - 1, trip.high / entryPrice - 1]
    : [Number.NaN, Number.NaN];
  return {
    strategy: first.fill.strategy,
    symbol: first.fill.symbol,
    side: isLong ? 'long' : 'short',
    isOpen,
    openedUs: first.timeUs,
    closedUs: end.timeUs,
    size: trip.size,
    entryPrice,
    exitPrice: exitNotional / (trip.exitSize + (isOpen ? held : 0)),
    pnl,
    rate: end.rate,
    unrealized: isOpen ? sign * (worth - held * entryPrice) : 0,
    fees: trip.fees,
    returnFraction: pnl / trip.entryNotional,
    entryReason: first.reason,
    exitReason: end.reason,
    mae: isLong ? down : -up,
    mfe: isLong ? up : -down,
  };
}
