// The strategies' money as the run log tells it: equity in the reporting currency and by currency, rates, positions left
// open, breached limits. Equity is recorded only while every rate it takes is known, and it is said when one is not.
import { type Decimal, decimalOf, formatDecimal, multiply, numberOf } from '../core/decimal.ts';
import { UsageError } from '../core/errors.ts';
import type { RunRecord } from '../core/record.ts';
import type { Exchange } from '../trading/exchange.ts';
import type { Ledger } from '../trading/ledger.ts';
import { type MarketView, markPrice } from '../trading/market.ts';
import type { Rates } from '../trading/rates.ts';
import type { AccountConfig, RunConfig } from './config.ts';

/** A record that is yet to be given its place in the run. */
export type Unplaced = RunRecord extends infer R
  ? R extends RunRecord
    ? Omit<R, 'event' | 'seq' | 'timeUs'>
    : never
  : never;

/** What a strategy's money is now; amounts in the reporting currency, NaN while a rate to it is not known. */
export type Standing = {
  readonly currency: string;
  readonly equity: number;
  /** Equity less what the starting balances were worth at first. */
  readonly profit: number;
  /** Cash and positions of each currency in that currency itself. */
  readonly balances: Readonly<Record<string, number>>;
  /** Open positions in base currency by symbol, flat ones left out. */
  readonly positions: Readonly<Record<string, number>>;
};

type Money = { readonly ledger: Ledger; hasBegun: boolean };

export type AccountsOptions = {
  readonly symbols: readonly string[];
  readonly config: RunConfig;
  readonly exchange: Exchange;
  readonly market: MarketView;
  readonly nowUs: () => number;
  readonly write: (record: Unplaced) => void;
};

const ONE: Decimal = 10n ** 18n;

export class Accounts {
  readonly #options: AccountsOptions;
  readonly #rates: Rates;
  readonly #money = new Map<string, Money>();
  /** Whether the rate of a currency was known when it was last said. */
  readonly #told = new Map<string, boolean>();
  readonly #markOf: (instrument: number) => number;

  constructor(options: AccountsOptions) {
    this.#options = options;
    this.#rates = options.exchange.rates;
    this.#markOf = (instrument) => markPrice(options.market, instrument);
  }

  /** Opens a strategy's account. Errors: UsageError when its capital can have no rate to the reporting currency. */
  add(strategy: string, own: AccountConfig = {}): Ledger {
    const { config, exchange } = this.#options;
    const balances = own.capital ?? config.capital;
    for (const currency of Object.keys(balances)) {
      if (this.#rates.path(currency) !== undefined) continue;
      const allowed = 'allowed: a reporting currency, report.currency, that the instruments lead to';
      throw new UsageError(`capital of ${strategy}: ${this.#rates.noPath(currency)} (${allowed})`);
    }
    const ledger = exchange.addStrategy(strategy, {
      balances,
      risk: overlaid(config.risk, own.risk),
      fees: overlaid(config.fees, own.fees),
    });
    this.#money.set(strategy, { ledger, hasBegun: false });
    return ledger;
  }

  /** Records what a strategy's ledger is worth now, and a limit that this breaches. */
  sample(strategy: string): void {
    const { exchange, nowUs, write } = this.#options;
    const money = this.#money.get(strategy)!;
    this.#tellRates(money.ledger);
    const worth = exchange.worth(strategy);
    if (worth === undefined) return;
    // What was traded before the rates were known is no part of what the strategy began with.
    if (!money.hasBegun && hasTraded(money.ledger)) this.#writeStart(strategy, money.ledger);
    money.hasBegun = true;
    this.#writeEquity(strategy, money.ledger);
    const breach = exchange.checkRisk(strategy, nowUs());
    if (breach === undefined) return;
    const { limit, value, max, action } = breach;
    write({ type: 'risk', strategy, limit, value, max, action });
  }

  /** The positions a strategy leaves open. */
  writePositions(strategy: string): void {
    const { exchange, symbols, write } = this.#options;
    for (const { instrument, exactSize, cost, quote, entryPrice } of this.#money
      .get(strategy)!
      .ledger.positions()) {
      if (exactSize === 0n) continue;
      const price = this.#markOf(instrument);
      const worth = Number.isFinite(price) ? multiply(exactSize, decimalOf(price)) : cost;
      const rate = this.#rates.convert(ONE, quote);
      write({
        type: 'position',
        strategy,
        symbol: symbols[instrument]!,
        currency: quote,
        size: formatDecimal(exactSize),
        entryPrice,
        markPrice: price,
        unrealized: formatDecimal(worth - cost),
        rate: rate === undefined ? Number.NaN : numberOf(rate),
        ...exchange.excursion(strategy, instrument),
      });
    }
  }

  /** Worth of a strategy's ledger now; NaN while a rate to the reporting currency is not known. */
  equity(strategy: string): number {
    const worth = this.#options.exchange.worth(strategy);
    return worth === undefined ? Number.NaN : numberOf(worth.equity);
  }

  standing(strategy: string): Standing {
    const { exchange, symbols } = this.#options;
    const worth = exchange.worth(strategy);
    const positions: Record<string, number> = {};
    const { ledger } = this.#money.get(strategy)!;
    for (const { instrument, size } of ledger.positions()) {
      if (size !== 0) positions[symbols[instrument]!] = size;
    }
    const balances: Record<string, number> = {};
    for (const currency of ledger.currencies()) {
      balances[currency] = numberOf(ledger.equity(currency, this.#markOf));
    }
    return {
      currency: this.#rates.currency,
      equity: worth === undefined ? Number.NaN : numberOf(worth.equity),
      profit: worth === undefined ? Number.NaN : numberOf(worth.equity - worth.start),
      balances,
      positions,
    };
  }

  #writeEquity(strategy: string, ledger: Ledger): void {
    const { exchange, symbols, nowUs, write } = this.#options;
    const sum = (amountIn: (currency: string) => Decimal): string =>
      formatDecimal(exchange.total(strategy, amountIn) ?? 0n);
    const positions: Record<string, string> = {};
    for (const { instrument, exactSize } of ledger.positions()) {
      if (exactSize !== 0n) positions[symbols[instrument]!] = formatDecimal(exactSize);
    }
    const balances: Record<string, string> = {};
    let rateAgeUs = 0;
    for (const currency of ledger.currencies()) {
      balances[currency] = formatDecimal(ledger.equity(currency, this.#markOf));
      rateAgeUs = Math.max(rateAgeUs, this.#rates.ageUs(currency, nowUs()));
    }
    write({
      type: 'equity',
      strategy,
      currency: this.#rates.currency,
      equity: sum((currency) => ledger.equity(currency, this.#markOf)),
      cash: sum((currency) => ledger.cash(currency)),
      realized: sum((currency) => ledger.realized(currency)),
      fees: sum((currency) => ledger.fees(currency)),
      positions,
      balances,
      rateAgeUs,
    });
  }

  #writeStart(strategy: string, ledger: Ledger): void {
    const { exchange, write } = this.#options;
    const start = formatDecimal(exchange.worth(strategy)!.start);
    const balances: Record<string, string> = {};
    for (const currency of ledger.currencies()) balances[currency] = formatDecimal(ledger.start(currency));
    const nothing = { realized: '0', fees: '0', positions: {}, rateAgeUs: 0 };
    write({
      type: 'equity',
      strategy,
      currency: this.#rates.currency,
      equity: start,
      cash: start,
      balances,
      ...nothing,
    });
  }

  /** Says of each currency that needs a rate when it becomes known, and when it is not. */
  #tellRates(ledger: Ledger): void {
    const { symbols, write } = this.#options;
    for (const currency of ledger.currencies()) {
      if (currency === this.#rates.currency) continue;
      const rate = this.#rates.convert(ONE, currency);
      if (this.#told.get(currency) === (rate !== undefined)) continue;
      this.#told.set(currency, rate !== undefined);
      write({
        type: 'rate',
        currency,
        to: this.#rates.currency,
        path: (this.#rates.path(currency) ?? []).map(({ instrument }) => symbols[instrument]!),
        rate: rate === undefined ? null : formatDecimal(rate),
        reason: rate === undefined ? this.#rates.trouble(currency) : '',
      });
    }
  }
}

function hasTraded(ledger: Ledger): boolean {
  return !ledger.positions().next().done;
}

/** The run's settings with those of a strategy's own that it gives. */
function overlaid<T extends object>(base: T, own: { readonly [K in keyof T]?: T[K] | undefined } = {}): T {
  const given = Object.entries(own).filter(([, value]) => value !== undefined);
  return { ...base, ...(Object.fromEntries(given) as Partial<T>) };
}
