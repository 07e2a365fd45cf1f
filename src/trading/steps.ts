// Prices on the tick and sizes in whole lots. What only the noise of doubles keeps off a step is on it; steps that nobody
// stated may be too coarse, and no price is moved to them.
import { type Decimal, decimalOf, numberOf, roundTo, snapTo, truncateTo } from '../core/decimal.ts';
import type { Instrument } from '../core/instrument.ts';
import type { Rounding, Side } from '../core/order.ts';

/** The price on its tick; without a rounding only the noise of doubles is taken off it, and it may still be off the tick. */
export function priceOnTick(
  price: number,
  rules: Instrument,
  { round, side }: { readonly round: Rounding | undefined; readonly side: Side },
): number {
  if (!Number.isFinite(price) || !rules.isStated) return price;
  const [exact, tick] = [decimalOf(price), decimalOf(rules.tickSize)];
  const snapped = snapTo(exact, tick);
  if (snapped !== undefined) return numberOf(snapped);
  if (round === undefined) return price;
  const passive = side === 'buy' ? 'down' : 'up';
  return numberOf(roundTo(exact, tick, round === 'nearest' ? 'nearest' : passive));
}

/** Towards zero. */
export function sizeInLots(size: Decimal, rules: Instrument): Decimal {
  const lot = decimalOf(rules.lotSize);
  return snapTo(size, lot) ?? truncateTo(size, lot);
}
