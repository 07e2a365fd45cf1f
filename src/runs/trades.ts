// Round trips: from flat to flat (or through a flip), by strategy and symbol, out of a run's fills.
import type { Fill } from '../core/order.ts';
import type { RecordOf } from './log.ts';

export type RoundTrip = {
  readonly strategy: string;
  readonly symbol: string;
  readonly side: 'long' | 'short';
  readonly openedUs: number;
  readonly closedUs: number;
  /** Base currency, at its largest. */
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
  /** Worst and best unrealised return while it was open, by candle extremes; NaN without candles. */
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
    if (Math.abs(trip.position) > trip.size * 1e-9) continue;
    open.delete(key);
    trips.push(finish(trip, timed, candles));
    const rest = Math.abs(signed) - closing;
    if (rest > trip.size * 1e-9)
      open.set(key, begin(timed, Math.sign(signed) * rest, Number(fill.fee) * (1 - share)));
  }
  return trips;
}

type OpenTrip = {
  readonly first: TimedFill;
  position: number;
  size: number;
  entryNotional: number;
  exitNotional: number;
  exitSize: number;
  fees: number;
};

function begin(first: TimedFill, signed: number, fee: number): OpenTrip {
  const size = Math.abs(signed);
  return {
    first,
    position: signed,
    size,
    entryNotional: size * first.fill.price,
    exitNotional: 0,
    exitSize: 0,
    fees: fee,
  };
}

function grow(trip: OpenTrip, signed: number, price: number, fee: number): void {
  trip.position += signed;
  trip.size += Math.abs(signed);
  trip.entryNotional += Math.abs(signed) * price;
  trip.fees += fee;
}

function finish(trip: OpenTrip, last: TimedFill, candles: readonly RecordOf<'candle'>[]): RoundTrip {
  const { fill } = trip.first;
  const isLong = fill.side === 'buy';
  const pnl = (isLong ? 1 : -1) * (trip.exitNotional - trip.entryNotional) - trip.fees;
  const entryPrice = trip.entryNotional / trip.size;
  const [low, high] = extremes(candles, fill.symbol, trip.first.timeUs, last.timeUs);
  const [down, up] = [low / entryPrice - 1, high / entryPrice - 1];
  return {
    strategy: fill.strategy,
    symbol: fill.symbol,
    side: isLong ? 'long' : 'short',
    openedUs: trip.first.timeUs,
    closedUs: last.timeUs,
    size: trip.size,
    entryPrice,
    exitPrice: trip.exitNotional / trip.exitSize,
    pnl,
    fees: trip.fees,
    returnFraction: pnl / trip.entryNotional,
    entryReason: trip.first.reason,
    exitReason: last.reason,
    mae: isLong ? down : -up,
    mfe: isLong ? up : -down,
  };
}

function extremes(
  candles: readonly RecordOf<'candle'>[],
  symbol: string,
  fromUs: number,
  toUs: number,
): readonly [number, number] {
  let [low, high] = [Number.NaN, Number.NaN];
  for (const candle of candles) {
    if (candle.symbol !== symbol || candle.startUs + candle.intervalUs < fromUs || candle.startUs > toUs)
      continue;
    if (!(low <= candle.low)) low = candle.low;
    if (!(high >= candle.high)) high = candle.high;
  }
  return [low, high];
}
