// What one currency is worth in the run's reporting currency, by the prices of the run's own instruments. The path from
// one to the other is fixed by the instruments alone: fewest steps, then the order in which the run names them.
import { type Decimal, decimalOf, multiply, proportion } from '../core/decimal.ts';
import { type MarketView, markPrice } from './market.ts';

/** One instrument on the way: from its base to its quote currency, or back. */
export type RateStep = { readonly instrument: number; readonly isInverse: boolean };

const ONE: Decimal = 10n ** 18n;

export class Rates {
  /** What amounts are turned into. */
  readonly currency: string;
  readonly #market: MarketView;
  readonly #symbols: readonly string[];
  readonly #paths = new Map<string, readonly RateStep[] | undefined>();

  constructor(options: {
    readonly currency: string;
    readonly symbols: readonly string[];
    readonly market: MarketView;
  }) {
    this.currency = options.currency;
    this.#market = options.market;
    this.#symbols = options.symbols;
  }

  /** The rules of an instrument changed, and with them perhaps its currencies. */
  onRules(): void {
    this.#paths.clear();
  }

  /** The instruments on the way from a currency, in order; undefined when none of the run's lead there. */
  path(from: string): readonly RateStep[] | undefined {
    if (!this.#paths.has(from)) this.#paths.set(from, this.#find(from));
    return this.#paths.get(from);
  }

  /** An amount in the reporting currency, rounded once, half to even; undefined while a price on the way is not known. */
  convert(amount: Decimal, from: string): Decimal | undefined {
    if (amount === 0n || from === this.currency) return amount;
    const path = this.path(from);
    if (path === undefined) return undefined;
    let [times, over] = [ONE, ONE];
    for (const { instrument, isInverse } of path) {
      const price = markPrice(this.#market, instrument);
      if (!(price > 0 && price < Number.POSITIVE_INFINITY)) return undefined;
      if (isInverse) over = multiply(over, decimalOf(price));
      else times = multiply(times, decimalOf(price));
    }
    return proportion(amount, times, over);
  }

  /** Age of the oldest price on the way, µs: 0 for the reporting currency itself, Infinity while one is not known. */
  ageUs(from: string, nowUs: number): number {
    if (from === this.currency) return 0;
    const ages = this.path(from)?.map(({ instrument }) => this.#market.priceAgeUs(instrument, nowUs));
    return ages === undefined ? Number.POSITIVE_INFINITY : Math.max(0, ...ages);
  }

  /** Why an amount in this currency cannot be converted now. */
  trouble(from: string): string {
    const path = this.path(from);
    if (path === undefined) return this.noPath(from);
    const priceless = path.find(({ instrument }) => !(markPrice(this.#market, instrument) > 0));
    const symbol = this.#symbols[priceless?.instrument ?? path[0]!.instrument];
    return `no rate from ${from} to ${this.currency}: no price of ${symbol} yet`;
  }

  noPath(from: string): string {
    const known = this.#symbols.join(', ');
    return `no rate from ${from} to ${this.currency}: no instrument of the run leads there (it has ${known})`;
  }

  /** By the fewest steps; the first of the run's instruments is tried first. */
  #find(from: string): readonly RateStep[] | undefined {
    if (from === this.currency) return [];
    const reached = new Map<string, readonly RateStep[]>([[from, []]]);
    for (const [currency, path] of reached) {
      for (let instrument = 0; instrument < this.#symbols.length; instrument++) {
        const rules = this.#market.instrument(instrument);
        if (rules === undefined || (rules.base !== currency && rules.quote !== currency)) continue;
        const isInverse = rules.quote === currency;
        const next = isInverse ? rules.base : rules.quote;
        if (reached.has(next)) continue;
        const longer = [...path, { instrument, isInverse }];
        if (next === this.currency) return longer;
        reached.set(next, longer);
      }
    }
    return undefined;
  }
}
