// What a strategy sees of its own affairs: position, money, open orders. One object per strategy, reused;
// everything is read off the ledger when it is asked for, so nothing here can be out of date.
import { type Decimal, numberOf } from '../core/decimal.ts';
import { unknownName } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import type { Ledger, LedgerPosition } from '../trading/ledger.ts';
import type { Context, PositionView } from './strategy.ts';

/** What a context needs of the engine around it. */
export type Surroundings = {
  readonly symbols: readonly string[];
  readonly ledger: Ledger;
  readonly random: Random;
  readonly nowUs: () => number;
  /** Price at which a position in this instrument is valued; NaN when none is known. */
  readonly markPrice: (instrument: number) => number;
  readonly openOrders: () => number;
  readonly cancelAll: () => void;
};

export class StrategyContext implements Context<unknown, unknown> {
  readonly params: unknown;
  readonly state: unknown;
  readonly position: PositionView;
  readonly #around: Surroundings;
  readonly #positions: readonly PositionView[];
  readonly #id: string;

  constructor(
    around: Surroundings,
    own: { readonly id: string; readonly params: unknown; readonly state: unknown; readonly first: number },
  ) {
    this.#around = around;
    this.#id = own.id;
    this.params = own.params;
    this.state = own.state;
    this.#positions = around.symbols.map((_, instrument) => new LivePosition(around, instrument));
    this.position = this.#positions[own.first]!;
  }

  get nowUs(): number {
    return this.#around.nowUs();
  }
  get available(): number {
    return numberOf(this.#around.ledger.available(this.#around.ledger.currency, this.#around.markPrice));
  }
  get equity(): number {
    return numberOf(exactEquity(this.#around));
  }
  get openOrders(): number {
    return this.#around.openOrders();
  }

  // What is called is bound, so that a strategy may take it out of the context by its name.
  readonly positionOf = (symbol: string): PositionView => {
    const { symbols } = this.#around;
    const position = this.#positions[symbols.indexOf(symbol)];
    if (position === undefined) throw unknownName('symbol', symbol, symbols, `positionOf of ${this.#id}`);
    return position;
  };
  readonly cancelAll = (): void => this.#around.cancelAll();
  readonly random = (): number => this.#around.random.nextFloat();
}

/** Worth of a ledger in its own currency. */
export function exactEquity(around: Pick<Surroundings, 'ledger' | 'markPrice'>): Decimal {
  return around.ledger.equity(around.ledger.currency, around.markPrice);
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
