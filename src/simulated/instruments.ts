// What the simulated market trades: instruments as a venue states them, with what the simulation adds.
// Prices and sizes on the wire are integers of `priceDecimals` and `sizeDecimals` digits after the point.
import { assert } from '../core/assert.ts';
import { unknownName } from '../core/errors.ts';
import { type Instrument, splitSymbol } from '../core/instrument.ts';

export type MarketSymbol = {
  readonly symbol: string;
  /** First price; afterwards the price stays within half and double of it. */
  readonly price: number;
  readonly tickSize: number;
  readonly lotSize: number;
  readonly priceDecimals: number;
  readonly sizeDecimals: number;
  /** Smallest order, in base currency. Default: one lot. */
  readonly sizeMin?: number;
  /** Smallest price × size, in quote currency. Default: 0.5. */
  readonly notionalMin?: number;
  /** Share of the market's events, relative to the other symbols. Default: 1. */
  readonly activity?: number;
  /** Typical value of a resting level, in quote currency. Default: 4000. */
  readonly levelValue?: number;
};

export const marketSymbols: readonly MarketSymbol[] = [
  {
    symbol: 'BTC/USD',
    price: 62_807.1,
    tickSize: 0.1,
    lotSize: 1e-8,
    priceDecimals: 1,
    sizeDecimals: 8,
    sizeMin: 0.00005,
    activity: 3,
    levelValue: 20_000,
  },
  {
    symbol: 'ETH/USD',
    price: 2688.96,
    tickSize: 0.01,
    lotSize: 1e-8,
    priceDecimals: 2,
    sizeDecimals: 8,
    sizeMin: 0.001,
    activity: 2,
    levelValue: 8000,
  },
  {
    symbol: 'XRP/USD',
    price: 1.081,
    tickSize: 0.00001,
    lotSize: 1e-8,
    priceDecimals: 5,
    sizeDecimals: 8,
    sizeMin: 2,
    activity: 2,
  },
];

/** The built-in symbol of this name, or a UsageError that names the near ones. */
export function findMarketSymbol(symbol: string, from?: string): MarketSymbol {
  const found = marketSymbols.find((known) => known.symbol === symbol);
  if (found !== undefined) return found;
  throw unknownName(
    'symbol',
    symbol,
    marketSymbols.map((known) => known.symbol),
    from,
  );
}

/** Wire units (the last printed digit) of one tick and of one lot, and of the first price. */
export function wireUnits(symbol: MarketSymbol): { tick: number; lot: number; priceTicks: number } {
  const tick = Math.round(symbol.tickSize * 10 ** symbol.priceDecimals);
  const lot = Math.round(symbol.lotSize * 10 ** symbol.sizeDecimals);
  assert(tick >= 1 && lot >= 1, `the decimals of ${symbol.symbol} can print its tick and its lot`);
  return { tick, lot, priceTicks: Math.round(symbol.price / symbol.tickSize) };
}

export function toInstrument(symbol: MarketSymbol): Instrument {
  return {
    symbol: symbol.symbol,
    ...splitSymbol(symbol.symbol),
    tickSize: symbol.tickSize,
    lotSize: symbol.lotSize,
    sizeMin: symbol.sizeMin ?? symbol.lotSize,
    notionalMin: symbol.notionalMin ?? 0.5,
    status: 'online',
    isStated: true,
  };
}
