// Limits one strategy must keep in one session. An order past a limit is refused; after a loss or drawdown past a limit
// the strategy may only reduce. An order that only reduces is never refused. Without configuration nothing is limited.
import { z } from 'zod';
import { type Decimal, decimalOf, greatest, numberOf } from '../core/decimal.ts';

const limits = {
  positionNotionalMax: z
    .number()
    .positive()
    .optional()
    .describe('|position| × price per instrument, if every order that is sent filled'),
  notionalMax: z.number().positive().optional().describe('the same, summed over all instruments'),
  orderNotionalMax: z
    .number()
    .positive()
    .optional()
    .describe('size × price of one order that may open a position'),
  ordersPerSecondMax: z
    .number()
    .int()
    .positive()
    .optional()
    .describe('orders within any one second; one that only reduces counts, and is never refused'),
  drawdownMax: z
    .number()
    .positive()
    .max(1)
    .optional()
    .describe('fall of equity from its highest, as a fraction of that: 0.2 is 20 %'),
  lossMax: z
    .number()
    .positive()
    .optional()
    .describe('fall of equity below what the starting balances were worth, or would be worth now'),
};

const onBreach = z
  .enum(['cancel', 'flatten'])
  .describe('cancel: all orders that may open; flatten: closes all positions as well, until all are closed');

/** Amounts in the run's reporting currency. Every limit is off until it is set. */
export const riskSchema = z.strictObject({ ...limits, onBreach: onBreach.default('cancel') }).prefault({});

/** Limits of one strategy that differ from those of the run. */
export const ownRiskSchema = z.strictObject({ ...limits, onBreach: onBreach.optional() });

export type RiskConfig = z.output<typeof riskSchema>;

export type Breach = {
  readonly limit: 'drawdown' | 'loss';
  readonly value: number;
  readonly max: number;
  /** A full sentence part with the numbers, as it stands in the orders that it cancels. */
  readonly reason: string;
  readonly action: 'cancel' | 'flatten';
};

/** In the reporting currency. */
export type OrderExposure = {
  /** It only reduces: then no limit holds it back. */
  readonly reduces: boolean;
  readonly orderNotional: Decimal;
  /** Of its instrument and of all, with everything filled that is sent. */
  readonly positionNotional: Decimal;
  readonly notional: Decimal;
  readonly nowUs: number;
};

/** Of one ledger, in the reporting currency. */
export type Worth = {
  /** The starting balances when all rates were first known, and at the rates of now. */
  readonly start: Decimal;
  readonly startNow: Decimal;
  readonly equity: Decimal;
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

  /** Whether exposures need be reckoned at all. */
  get limitsNotional(): boolean {
    const { positionNotionalMax, notionalMax, orderNotionalMax } = this.#config;
    return positionNotionalMax !== undefined || notionalMax !== undefined || orderNotionalMax !== undefined;
  }

  get positionNotionalMax(): Decimal | undefined {
    const { positionNotionalMax: max } = this.#config;
    return max === undefined ? undefined : decimalOf(max);
  }

  /** Why an order must be refused, or undefined; then it counts towards the orders of this second. */
  checkOrder(exposure: OrderExposure): string | undefined {
    const { positionNotionalMax, notionalMax, orderNotionalMax, ordersPerSecondMax } = this.#config;
    if (ordersPerSecondMax !== undefined) {
      this.#recentUs = this.#recentUs.filter((timeUs) => timeUs > exposure.nowUs - SECOND_US);
      if (exposure.reduces) this.#recentUs.push(exposure.nowUs);
    }
    if (exposure.reduces) return undefined;
    if (this.#breach !== undefined) return `risk limit: reducing only since ${this.#breach.reason}`;
    if (orderNotionalMax !== undefined && numberOf(exposure.orderNotional) > orderNotionalMax) {
      return `risk limit: order notional ${numberOf(exposure.orderNotional)} is above ${orderNotionalMax}`;
    }
    if (positionNotionalMax !== undefined && numberOf(exposure.positionNotional) > positionNotionalMax) {
      return `risk limit: position notional ${numberOf(exposure.positionNotional)} is above ${positionNotionalMax}`;
    }
    if (notionalMax !== undefined && numberOf(exposure.notional) > notionalMax) {
      return `risk limit: notional ${numberOf(exposure.notional)} of all positions is above ${notionalMax}`;
    }
    if (ordersPerSecondMax !== undefined && this.#recentUs.length >= ordersPerSecondMax) {
      return `risk limit: ${this.#recentUs.length + 1} orders within a second, allowed are ${ordersPerSecondMax}`;
    }
    if (ordersPerSecondMax !== undefined) this.#recentUs.push(exposure.nowUs);
    return undefined;
  }

  /** Looks at the equity and at what the starting balances are worth; returns a breach once, when it happens. */
  checkEquity({ start, startNow, equity }: Worth): Breach | undefined {
    if (this.#breach !== undefined) return undefined;
    const { drawdownMax, lossMax, onBreach: action } = this.#config;
    if (drawdownMax === undefined && lossMax === undefined) return undefined;
    const value = numberOf(equity);
    this.#peak = Math.max(this.#peak, numberOf(start), value);
    const loss = numberOf(greatest(start, startNow) - equity);
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
