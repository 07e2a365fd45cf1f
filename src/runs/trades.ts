// Round trips: from flat to flat (or through a flip), by strategy and symbol, out of a run's fills.
// Nothing is lost between them: the profits of all trips and what is still open add up to the change of cash.
import type { Fill } from '../core/order.ts';
import type { RecordOf } from './log.ts';

export type RoundTrip = {
  readonly strategy: string;
  readonly symbol: string;
  readonly side: 'long' | 'short';
  readonly openedUs: number;
  readonly closedUs: number;
  /** Base currency, all that was entered. */
  readonly size: number;
  /** Size-weighted, quote currency. */
  readonly entryPrice: number;
  readonly exitPrice: number;
  /** Quote currency, fees deducted. */
  readonly pnl: number;
  readonly fees: number;
  /** pnl ÷ entry notional. */
  readonly returnFraction: number;
  readonly entryReason: string;
  readonly exitReason: string;
  /** Worst and best unrealised return while it was open, by the extremes of the finest candles; NaN without candles. */
  readonly mae: number;
  readonly mfe: number;
};

export type TimedFill = { readonly timeUs: number; readonly fill: Fill; readonly reason: string };

/** Trips in the order in which they closed. A position still open at the end is none. */
export function roundTrips(
  fills: readonly TimedFill[],
  candles: readonly RecordOf<'candle'>[],
): readonly RoundTrip[] {
  const open = new Map<string, OpenTrip>();
  const trips: RoundTrip[] = [];
  const finest = finestCandles(candles);
  for (const timed of fills) {
    const { fill } = timed;
    const key = `${fill.strategy}\n${fill.symbol}`;
    const signed = fill.side === 'buy' ? fill.size : -fill.size;
    const trip = open.get(key);
    if (trip === undefined) {
      open.set(key, begin(timed, signed, Number(fill.fee)));
      continue;
    }
    if (Math.sign(signed) === Math.sign(trip.position)) {
      grow(trip, signed, fill.price, Number(fill.fee));
      continue;
    }
    const closing = Math.min(Math.abs(signed), Math.abs(trip.position));
    const share = closing / Math.abs(signed);
    trip.exitNotional += closing * fill.price;
    trip.exitSize += closing;
    trip.fees += Number(fill.fee) * share;
    trip.position += Math.sign(signed) * closing;
    if (Math.abs(trip.position) > trip.size * DUST) continue;
    open.delete(key);
    trips.push(finish(trip, timed, finest.get(fill.symbol) ?? []));
    const rest = Math.abs(signed) - closing;
    if (rest > trip.size * DUST) {
      open.set(key, begin(timed, Math.sign(signed) * rest, Number(fill.fee) * (1 - share)));
    }
  }
  return trips;
}

/** Sizes are sums of doubles here; what is left of a position below this share of it is their rounding. */
const DUST = 1e-9;

type OpenTrip = {
  readonly first: TimedFill;
  readonly isLong: boolean;
  position: number;
  size: number;
  entryNotional: number;
  exitNotional: number;
  exitSize: number;
  fees: number;
};

function begin(first: TimedFill, signed: number, fee: number): OpenTrip {
  const size = Math.abs(signed);
  const entryNotional = size * first.fill.price;
  const entered = { first, isLong: signed > 0, position: signed, size, entryNotional, fees: fee };
  return { ...entered, exitNotional: 0, exitSize: 0 };
}

function grow(trip: OpenTrip, signed: number, price: number, fee: number): void {
  trip.position += signed;
  trip.size += Math.abs(signed);
  trip.entryNotional += Math.abs(signed) * price;
  trip.fees += fee;
}

function finish(trip: OpenTrip, last: TimedFill, candles: readonly RecordOf<'candle'>[]): RoundTrip {
  const { isLong, first } = trip;
  const pnl = (isLong ? 1 : -1) * (trip.exitNotional - trip.entryNotional) - trip.fees;
  const entryPrice = trip.entryNotional / trip.size;
  const { low, high } = extremes(candles, first.timeUs, last.timeUs);
  const [down, up] = [low / entryPrice - 1, high / entryPrice - 1];
  return {
    strategy: first.fill.strategy,
    symbol: first.fill.symbol,
    side: isLong ? 'long' : 'short',
    openedUs: first.timeUs,
    closedUs: last.timeUs,
    size: trip.size,
    entryPrice,
    exitPrice: trip.exitNotional / trip.exitSize,
    pnl,
    fees: trip.fees,
    returnFraction: pnl / trip.entryNotional,
    entryReason: first.reason,
    exitReason: last.reason,
    mae: isLong ? down : -up,
    mfe: isLong ? up : -down,
  };
}

/** By symbol, the candles of its shortest interval in order of time; of several such series the first. */
function finestCandles(
  candles: readonly RecordOf<'candle'>[],
): ReadonlyMap<string, readonly RecordOf<'candle'>[]> {
  const finest = new Map<string, RecordOf<'candle'>[]>();
  for (const candle of candles) {
    const kept = finest.get(candle.symbol);
    const first = kept?.[0];
    if (first === undefined || candle.intervalUs < first.intervalUs) finest.set(candle.symbol, [candle]);
    else if (candle.name === first.name) kept?.push(candle);
  }
  return finest;
}

/** Of the candles that overlap a time. */
function extremes(
  candles: readonly RecordOf<'candle'>[],
  fromUs: number,
  toUs: number,
): { readonly low: number; readonly high: number } {
  let [first, end] = [0, candles.length];
  while (first < end) {
    const middle = (first + end) >>> 1;
    const { startUs, intervalUs } = candles[middle]!;
    if (startUs + intervalUs <= fromUs) first = middle + 1;
    else end = middle;
  }
  let [low, high] = [Number.NaN, Number.NaN];
  for (let i = first; i < candles.length && candles[i]!.startUs <= toUs; i++) {
    const candle = candles[i]!;
    if (!(low <= candle.low)) low = candle.low;
    if (!(high >= candle.high)) high = candle.high;
  }
  return { low, high };
}
