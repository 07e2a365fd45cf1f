// Limits one strategy must keep in one session. An order past a limit is refused; a loss or drawdown past a limit
// stops the strategy for good. Without configuration nothing is limited.
import { z } from 'zod';
import { type Decimal, numberOf } from '../core/decimal.ts';

/** Amounts in the ledger's own currency. Every limit is off until it is set. */
export const riskSchema = z
  .strictObject({
    /** |position| × price after an order, per instrument. Orders that reduce are always let through. */
    positionNotionalMax: z.number().positive().optional(),
    /** size × price of one order that may open; `sell` and `cover` are always let through. */
    orderNotionalMax: z.number().positive().optional(),
    /** Orders within any one second. */
    ordersPerSecondMax: z.number().int().positive().optional(),
    /** Fall of equity from its highest, as a fraction of that: 0.2 is 20 %. */
    drawdownMax: z.number().positive().max(1).optional(),
    /** Fall of equity below the starting balance. */
    lossMax: z.number().positive().optional(),
    /** A drawdown or loss cancels all orders; `flatten` also closes all positions at market. */
    onBreach: z.enum(['cancel', 'flatten']).default('cancel'),
  })
  .prefault({});

export type RiskConfig = z.output<typeof riskSchema>;

export type Breach = {
  readonly limit: 'drawdown' | 'loss';
  readonly value: number;
  readonly max: number;
  /** A full sentence part with the numbers, as it stands in the orders that it cancels. */
  readonly reason: string;
  readonly action: 'cancel' | 'flatten';
};

export type OrderExposure = {
  readonly orderNotional: Decimal;
  /** |position| × price if the order fills whole; 0 when it only reduces. */
  readonly positionNotional: Decimal;
  readonly nowUs: number;
};

const SECOND_US = 1_000_000;

export class Risk {
  readonly #config: RiskConfig;
  /** Times of the orders let through within the last second, oldest first. */
  #recentUs: number[] = [];
  #peak = Number.NEGATIVE_INFINITY;
  #breach: Breach | undefined;

  constructor(config: RiskConfig) {
    this.#config = config;
  }

  /** The breach that stopped this strategy, if one did. */
  get breach(): Breach | undefined {
    return this.#breach;
  }

  /** Why an order must be refused, or undefined; then it counts towards the orders of this second. */
  checkOrder(exposure: OrderExposure): string | undefined {
    const { positionNotionalMax, orderNotionalMax, ordersPerSecondMax } = this.#config;
    if (this.#breach !== undefined) return `risk limit: stopped since ${this.#breach.reason}`;
    if (orderNotionalMax !== undefined && numberOf(exposure.orderNotional) > orderNotionalMax) {
      return `risk limit: order notional ${numberOf(exposure.orderNotional)} is above ${orderNotionalMax}`;
    }
    if (positionNotionalMax !== undefined && numberOf(exposure.positionNotional) > positionNotionalMax) {
      return `risk limit: position notional ${numberOf(exposure.positionNotional)} is above ${positionNotionalMax}`;
    }
    if (ordersPerSecondMax === undefined) return undefined;
    this.#recentUs = this.#recentUs.filter((timeUs) => timeUs > exposure.nowUs - SECOND_US);
    if (this.#recentUs.length >= ordersPerSecondMax) {
      return `risk limit: ${this.#recentUs.length + 1} orders within a second, allowed are ${ordersPerSecondMax}`;
    }
    this.#recentUs.push(exposure.nowUs);
    return undefined;
  }

  /** Looks at the equity; returns a breach once, when it happens. */
  checkEquity(start: Decimal, equity: Decimal): Breach | undefined {
    if (this.#breach !== undefined) return undefined;
    const { drawdownMax, lossMax, onBreach: action } = this.#config;
    if (drawdownMax === undefined && lossMax === undefined) return undefined;
    const value = numberOf(equity);
    this.#peak = Math.max(this.#peak, numberOf(start), value);
    const loss = numberOf(start - equity);
    const drawdown = this.#peak > 0 ? (this.#peak - value) / this.#peak : 0;
    if (lossMax !== undefined && loss > lossMax) {
      const reason = `loss ${loss} is above ${lossMax}`;
      this.#breach = { limit: 'loss', value: loss, max: lossMax, reason, action };
    } else if (drawdownMax !== undefined && drawdown > drawdownMax) {
      const reason = `drawdown ${drawdown} from ${this.#peak} is above ${drawdownMax}`;
      this.#breach = { limit: 'drawdown', value: drawdown, max: drawdownMax, reason, action };
    }
    return this.#breach;
  }
}
