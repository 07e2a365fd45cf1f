// What becomes of orders and stops when data of their instrument goes missing: nobody knows what the market did to them
// meanwhile, so each one that stands across a gap is told once, and the run's policy says what happens to it.
import type { OrderType } from '../core/order.ts';
import type { Bracket, WorkingOrder } from './working.ts';

/** What happens to orders and stops across a gap: README.md says what each means. */
export type OutagePolicy = 'hold' | 'cancel' | 'mark';

/** An order, or a stop loss or take profit of one, that stands while data is missing. */
export type Affected = {
  readonly strategy: string;
  readonly symbol: string;
  /** The order's number; of a stop loss or take profit that of its entry. */
  readonly order: number;
  readonly what: OrderType;
  /** Limit or trigger price; NaN for a market order that waits to close something. */
  readonly price: number;
  readonly policy: OutagePolicy;
  /** The stream that has the gap, and when its last frame came, µs. */
  readonly channel: string;
  readonly fromUs: number;
};

/** The gap that is known now. */
export type Outage = { readonly channel: string; readonly fromUs: number };

export type OutagesOptions = {
  readonly policy: OutagePolicy;
  readonly symbols: readonly string[];
  readonly onAffected: (affected: Affected) => void;
  /** Orders at the venue, and lots with a stop loss or take profit that nothing triggered yet. */
  readonly standing: (instrument: number) => {
    readonly orders: readonly WorkingOrder[];
    readonly brackets: readonly Bracket[];
  };
  readonly cancel: (order: WorkingOrder, reason: string) => void;
};

export class Outages {
  readonly #options: OutagesOptions;
  /** Per instrument: the channels that have a gap, and what was told of since the first of them began. */
  readonly #open: readonly Set<string>[];
  readonly #told: readonly Set<WorkingOrder | Bracket>[];

  constructor(options: OutagesOptions) {
    this.#options = options;
    this.#open = options.symbols.map(() => new Set());
    this.#told = options.symbols.map(() => new Set());
  }

  begin(instrument: number, outage: Outage): void {
    this.#open[instrument]!.add(outage.channel);
    const { policy, standing, cancel, symbols } = this.#options;
    const told = this.#told[instrument]!;
    const { orders, brackets } = standing(instrument);
    const symbol = symbols[instrument]!;
    for (const order of orders) {
      if (told.has(order)) continue;
      told.add(order);
      this.#tell(
        outage,
        { strategy: order.account.strategy, symbol, order: order.id },
        order.type,
        order.price,
      );
      if (policy === 'mark') order.isAcrossGap = true;
      // What a stop or a limit sends to close a position goes on until it has.
      else if (policy === 'cancel' && !order.persists) cancel(order, reasonOf(outage));
    }
    for (const bracket of brackets) {
      if (told.has(bracket)) continue;
      told.add(bracket);
      const { account, entry: order, stopLoss, takeProfit } = bracket;
      const of = { strategy: account.strategy, symbol, order };
      if (!Number.isNaN(stopLoss)) this.#tell(outage, of, 'stop', stopLoss);
      if (!Number.isNaN(takeProfit)) this.#tell(outage, of, 'takeProfit', takeProfit);
      if (policy === 'mark') bracket.isAcrossGap = true;
      else if (policy === 'cancel') [bracket.stopLoss, bracket.takeProfit] = [Number.NaN, Number.NaN];
    }
  }

  /** A stream flows again; when all do, the next gap is told anew. */
  end(instrument: number, channel: string): void {
    this.#open[instrument]!.delete(channel);
    if (this.#open[instrument]!.size === 0) this.#told[instrument]!.clear();
  }

  #tell(
    { channel, fromUs }: Outage,
    of: Pick<Affected, 'strategy' | 'symbol' | 'order'>,
    what: OrderType,
    price: number,
  ): void {
    this.#options.onAffected({ ...of, what, price, policy: this.#options.policy, channel, fromUs });
  }
}

function reasonOf({ channel }: Outage): string {
  return `outage: ${channel} data of its instrument is missing`;
}
