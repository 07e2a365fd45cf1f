// What a strategy sees of its own affairs: position, money, open orders. One object per strategy, reused;
// everything is read off the ledger when it is asked for, so nothing here can be out of date.

import { decimalOf, numberOf } from '../core/decimal.ts';
import { UsageError, unknownName } from '../core/errors.ts';
import type { Instrument } from '../core/instrument.ts';
import type { Side } from '../core/order.ts';
import type { Random } from '../core/random.ts';
import { resolveName } from '../core/session.ts';
import type { Ledger, LedgerPosition } from '../trading/ledger.ts';
import { priceOnTick, sizeInLots } from '../trading/steps.ts';
import type { Context, PositionView } from './strategy.ts';

/** What a context needs of the engine around it. */
export type Surroundings = {
  readonly symbols: readonly string[];
  readonly ledger: Ledger;
  readonly random: Random;
  readonly nowUs: () => number;
  /** Price at which a position in this instrument is valued; NaN when none is known. */
  readonly markPrice: (instrument: number) => number;
  /** Its rules as they are now. */
  readonly rules: (instrument: number) => Instrument;
  /** Worth of the ledger in the reporting currency; NaN while a rate to it is not known. */
  readonly equity: () => number;
  readonly openOrders: () => number;
  readonly cancelAll: () => void;
  /** Writes a line, or a point of a curve, into the run log. */
  readonly print: (level: string, text: string) => void;
  readonly plot: (name: string, value: number) => void;
};

const PLOT_NAME_MAX = 100;

export class StrategyContext implements Context<unknown, unknown> {
  readonly params: unknown;
  readonly state: unknown;
  readonly position: PositionView;
  readonly #around: Surroundings;
  readonly #positions: readonly PositionView[];
  readonly #id: string;
  readonly #first: number;
  /** Copies that nobody can change, one for each set of rules. */
  readonly #rules: { rules: Instrument; copy: Instrument }[] = [];

  constructor(
    around: Surroundings,
    own: { readonly id: string; readonly params: unknown; readonly state: unknown; readonly first: number },
  ) {
    this.#around = around;
    this.#id = own.id;
    this.#first = own.first;
    this.params = own.params;
    this.state = own.state;
    this.#positions = around.symbols.map((_, instrument) => new LivePosition(around, instrument));
    this.position = this.#positions[own.first]!;
  }

  get nowUs(): number {
    return this.#around.nowUs();
  }
  get available(): number {
    return this.availableIn(this.#around.rules(this.#first).quote);
  }
  get equity(): number {
    return this.#around.equity();
  }
  get openOrders(): number {
    return this.#around.openOrders();
  }

  // What is called is bound, so that a strategy may take it out of the context by its name.
  readonly positionOf = (symbol: string): PositionView => this.#positions[this.#find(symbol, 'positionOf')]!;
  readonly availableIn = (currency: string): number => {
    return numberOf(this.#around.ledger.available(currency, this.#around.markPrice));
  };
  readonly equityIn = (currency: string): number => {
    return numberOf(this.#around.ledger.equity(currency, this.#around.markPrice));
  };
  readonly instrument = (symbol?: string): Instrument => {
    const instrument = symbol === undefined ? this.#first : this.#find(symbol, 'instrument');
    const rules = this.#around.rules(instrument);
    const known = this.#rules[instrument];
    if (known?.rules === rules) return known.copy;
    const copy = Object.freeze({ ...rules });
    this.#rules[instrument] = { rules, copy };
    return copy;
  };
  readonly roundPrice = (...given: readonly [string | number, (number | Side)?, Side?]): number => {
    const [symbol, price, side] =
      typeof given[0] === 'string'
        ? [given[0], given[1] as number, given[2]]
        : [undefined, given[0], given[1] as Side | undefined];
    const round = side === undefined ? 'nearest' : 'passive';
    return priceOnTick(price, this.instrument(symbol), { round, side: side ?? 'buy' });
  };
  readonly roundSize = (...given: readonly [string | number, number?]): number => {
    const [symbol, size] = typeof given[0] === 'string' ? [given[0], given[1]!] : [undefined, given[0]];
    return Number.isFinite(size) ? numberOf(sizeInLots(decimalOf(size), this.instrument(symbol))) : size;
  };
  readonly cancelAll = (): void => this.#around.cancelAll();
  readonly random = (): number => this.#around.random.nextFloat();
  readonly log = (text: string): void => this.#around.print('log', String(text));
  readonly plot = (name: string, value: number): void => {
    if (typeof name !== 'string' || name === '' || name.length > PLOT_NAME_MAX) {
      throw new UsageError(
        `plot of ${this.#id}: the name is ${JSON.stringify(name)} (allowed: a text of 1 to ${PLOT_NAME_MAX} characters)`,
      );
    }
    if (typeof value !== 'number') {
      throw new UsageError(`plot of ${this.#id}: ${name} is ${typeof value} (allowed: a number)`);
    }
    // As with indicators: while there is no number yet, there is no point.
    if (!Number.isNaN(value)) this.#around.plot(name, value);
  };

  #find(symbol: string, what: string): number {
    const { symbols } = this.#around;
    const instrument = resolveName(symbols, symbol);
    if (instrument < 0) throw unknownName('symbol', symbol, symbols, `${what} of ${this.#id}`);
    return instrument;
  }
}

class LivePosition implements PositionView {
  readonly #around: Surroundings;
  readonly #instrument: number;
  /** The ledger keeps one object per position, made at its first fill. */
  #held: LedgerPosition | undefined = undefined;

  constructor(around: Surroundings, instrument: number) {
    this.#around = around;
    this.#instrument = instrument;
  }

  get size(): number {
    return this.#position()?.size ?? 0;
  }
  get isFlat(): boolean {
    return this.size === 0;
  }
  get entryPrice(): number {
    return this.#position()?.entryPrice ?? Number.NaN;
  }
  get unrealized(): number {
    const { size, entryPrice } = this;
    return size === 0 ? 0 : size * (this.#around.markPrice(this.#instrument) - entryPrice);
  }

  #position(): LedgerPosition | undefined {
    if (this.#held === undefined) this.#held = this.#around.ledger.position(this.#instrument);
    return this.#held;
  }
}
