// What is traded, and the rules of its prices and sizes.

export type Instrument = {
  readonly symbol: string;
  readonly base: string;
  readonly quote: string;
  /** Smallest price step, in quote currency. */
  readonly tickSize: number;
  /** Smallest size step, in base currency. */
  readonly lotSize: number;
  /** Smallest order size, in base currency; 0 when the venue names none. */
  readonly sizeMin: number;
  /** Smallest price × size of an order, in quote currency; 0 when the venue names none. */
  readonly notionalMin: number;
  /** `online`, or the venue's own word for a market that does not trade. */
  readonly status: string;
  /** Whether the venue stated the rules; otherwise they were read off the digits of its first book. */
  readonly isStated: boolean;
};

/** `BTC/USD` → base and quote. A symbol without a separator is its own base, quoted in USD. */
export function splitSymbol(symbol: string): { readonly base: string; readonly quote: string } {
  const [base, quote] = symbol.split(/[/-]/);
  return { base: base ?? symbol, quote: quote ?? 'USD' };
}

/** Whether a level of a book can be: a price other than 0 (which is none), a size of 0 or more. */
export function isLevel(price: number, size: number): boolean {
  return price !== 0 && price > Number.NEGATIVE_INFINITY && price < Infinity && size >= 0 && size < Infinity;
}

/** Of decimals with up to 15 digits: the roundings of a division move a whole number by less than this share of it. */
const OFF_TICK = 2 ** -51;

/** Whether a price is a whole number of ticks; so is every price while no tick is stated (NaN). */
export function isOnTick(price: number, tickSize: number): boolean {
  const ticks = price / tickSize;
  return !(Math.abs(ticks - Math.round(ticks)) > Math.abs(ticks) * OFF_TICK);
}
