// One strategy's money, isolated from every other's, in exact decimals. Invariants, checked after each fill and
// per currency: a position is the sum of its fills, and cash plus what open positions cost is the starting
// balance plus realised profit less fees. A short is a negative position whose proceeds are credited as cash.
import { assert } from '../core/assert.ts';
import {
  absolute,
  type Decimal,
  decimalOf,
  formatDecimal,
  least,
  multiply,
  numberOf,
  parseDecimal,
  proportion,
} from '../core/decimal.ts';
import { UsageError } from '../core/errors.ts';
import type { Side } from '../core/order.ts';

export type LedgerFill = {
  readonly instrument: number;
  readonly side: Side;
  readonly price: Decimal;
  /** Base currency, positive. */
  readonly size: Decimal;
  /** What the position is paid in. */
  readonly quote: string;
  /** Negative for a rebate. */
  readonly fee: Decimal;
  readonly feeCurrency: string;
};

/** Starting balances by currency, as numbers or exact texts. The first one is the ledger's own currency. */
export type Balances = Readonly<Record<string, string | number>>;

export const DEFAULT_BALANCES: Balances = { USD: 100 };

/** The price at which a position is valued; NaN when none is known, and then its entry price is used. */
export type PriceOf = (instrument: number) => number;

/** A position of one instrument. The object stays the same over the run; its fields change with fills. */
export type LedgerPosition = {
  readonly instrument: number;
  readonly quote: string;
  /** Signed, base currency, exact; positive is long. */
  readonly exactSize: Decimal;
  /** What the open size was paid (positive) or sold for (negative), exact: size × average entry price. */
  readonly cost: Decimal;
  readonly bought: Decimal;
  readonly sold: Decimal;
  /** Profit and loss of the closed part, quote currency, fees not counted. */
  readonly realized: Decimal;
  readonly fees: Decimal;
  /** `exactSize` and the average entry price as doubles, for reading on a hot path; NaN entry when flat. */
  readonly size: number;
  readonly entryPrice: number;
};

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

type Account = { start: Decimal; cash: Decimal; realized: Decimal; fees: Decimal; reserved: Decimal };

export class Ledger {
  /** The first currency of the starting balances. */
  readonly currency: string;
  readonly #accounts = new Map<string, Account>();
  readonly #positions = new Map<number, Mutable<LedgerPosition>>();

  constructor(balances: Balances = DEFAULT_BALANCES) {
    const [first] = Object.keys(balances);
    if (first === undefined) throw new UsageError('balances: none given (allowed: like { USD: 100 })');
    this.currency = first;
    for (const [currency, balance] of Object.entries(balances)) {
      const amount = parseDecimal(String(balance), `balance of ${currency}`);
      if (amount < 0n) throw new UsageError(`balance of ${currency}: ${balance} is below 0`);
      this.#account(currency).start = amount;
      this.#account(currency).cash = amount;
    }
  }

  /** Books a fill and returns the profit or loss it realised, in quote currency, fees not counted. */
  applyFill(fill: LedgerFill): Decimal {
    assert(fill.size > 0n && fill.price > 0n, 'a fill has a positive size and price');
    const account = this.#account(fill.quote);
    const position = this.#position(fill.instrument, fill.quote);
    const isBuy = fill.side === 'buy';
    const signed = isBuy ? fill.size : -fill.size;
    const notional = multiply(fill.price, fill.size);
    const opposes = position.exactSize !== 0n && position.exactSize > 0n !== isBuy;
    const closed = opposes ? least(fill.size, absolute(position.exactSize)) : 0n;

    const closedNotional = closed === 0n ? 0n : proportion(notional, closed, fill.size);
    const closedCost = closed === 0n ? 0n : proportion(position.cost, closed, absolute(position.exactSize));
    const realized = (isBuy ? -closedNotional : closedNotional) - closedCost;
    const opened = notional - closedNotional;

    position.cost += (isBuy ? opened : -opened) - closedCost;
    position.exactSize += signed;
    if (isBuy) position.bought += fill.size;
    else position.sold += fill.size;
    position.realized += realized;
    account.cash += isBuy ? -notional : notional;
    account.realized += realized;
    this.#charge(position, fill);
    position.size = numberOf(position.exactSize);
    position.entryPrice =
      position.exactSize === 0n ? Number.NaN : numberOf(position.cost) / numberOf(position.exactSize);
    this.#check(position, fill.quote);
    return realized;
  }

  /** Cash, short proceeds included. 0 for a currency it never held. */
  cash(currency: string): Decimal {
    return this.#accounts.get(currency)?.cash ?? 0n;
  }

  realized(currency: string): Decimal {
    return this.#accounts.get(currency)?.realized ?? 0n;
  }

  fees(currency: string): Decimal {
    return this.#accounts.get(currency)?.fees ?? 0n;
  }

  /**
   * What new orders may use: cash less what open orders reserve, less twice the notional of shorts (their proceeds
   * are not ours to spend, and as much again is collateral). So longs plus shorts never exceed the equity.
   * Shorts are valued at `priceOf`, or at entry without it. May be negative after losses.
   */
  available(currency: string, priceOf?: PriceOf): Decimal {
    const account = this.#accounts.get(currency);
    if (account === undefined) return 0n;
    let free = account.cash - account.reserved;
    for (const position of this.#positions.values()) {
      if (position.exactSize < 0n && position.quote === currency) free += 2n * worth(position, priceOf);
    }
    return free;
  }

  /** Sets money aside for an open order; a negative amount gives it back. */
  reserve(currency: string, amount: Decimal): void {
    const account = this.#account(currency);
    account.reserved += amount;
    assert(account.reserved >= 0n, 'no more is given back than was reserved');
  }

  /** Cash plus the worth of positions quoted in this currency. Other currencies are not converted. */
  equity(currency: string, priceOf: PriceOf): Decimal {
    let total = this.cash(currency);
    for (const position of this.#positions.values()) {
      if (position.exactSize !== 0n && position.quote === currency) total += worth(position, priceOf);
    }
    return total;
  }

  /** The starting balance. */
  start(currency: string): Decimal {
    return this.#accounts.get(currency)?.start ?? 0n;
  }

  /** Undefined before the first fill in this instrument. */
  position(instrument: number): LedgerPosition | undefined {
    return this.#positions.get(instrument);
  }

  /** Every position ever held, flat ones included, in order of their first fill. */
  positions(): IterableIterator<LedgerPosition> {
    return this.#positions.values();
  }

  currencies(): readonly string[] {
    return [...this.#accounts.keys()];
  }

  #charge(position: Mutable<LedgerPosition>, fill: LedgerFill): void {
    const account = this.#account(fill.feeCurrency);
    account.cash -= fill.fee;
    account.fees += fill.fee;
    if (fill.feeCurrency === fill.quote) position.fees += fill.fee;
  }

  #check(position: LedgerPosition, currency: string): void {
    assert(position.exactSize === position.bought - position.sold, 'a position is the sum of its fills');
    assert(position.exactSize !== 0n || position.cost === 0n, 'a flat position costs nothing');
    const account = this.#account(currency);
    let costs = 0n;
    for (const other of this.#positions.values()) if (other.quote === currency) costs += other.cost;
    assert(
      account.cash + costs === account.start + account.realized - account.fees,
      `cash plus the cost of positions is the start plus realised profit less fees, in ${currency}: ` +
        `${formatDecimal(account.cash)} + ${formatDecimal(costs)}`,
    );
  }

  #account(currency: string): Account {
    let account = this.#accounts.get(currency);
    if (account === undefined) {
      account = { start: 0n, cash: 0n, realized: 0n, fees: 0n, reserved: 0n };
      this.#accounts.set(currency, account);
    }
    return account;
  }

  #position(instrument: number, quote: string): Mutable<LedgerPosition> {
    let position = this.#positions.get(instrument);
    if (position === undefined) {
      position = {
        instrument,
        quote,
        exactSize: 0n,
        cost: 0n,
        bought: 0n,
        sold: 0n,
        realized: 0n,
        fees: 0n,
        size: 0,
        entryPrice: Number.NaN,
      };
      this.#positions.set(instrument, position);
    }
    return position;
  }
}

/** Signed worth of a position in quote currency. */
function worth(position: LedgerPosition, priceOf: PriceOf | undefined): Decimal {
  const price = priceOf === undefined ? Number.NaN : priceOf(position.instrument);
  return Number.isFinite(price) ? multiply(position.exactSize, decimalOf(price)) : position.cost;
}
