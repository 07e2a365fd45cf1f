// The figures of a run, folded from its records as they are written or read: one computation, whose numbers the
// terminal, the report and `--json` show alike. Kept whole are the equity curves (24 bytes a sample) and the fills.
import type { LoggedRecord, RecordOf } from '../log.ts';
import { type Calendar, type Curve, sumOf } from './curve.ts';
import { computeMetrics, type Metrics } from './metrics.ts';
import { type RoundTrip, rateOf, roundTrips, type TimedFill } from './trips.ts';

/** Where money went besides the market's moves, reporting currency at the rates of the fills; positive is a cost. */
export type Costs = {
  readonly notional: number;
  readonly fees: number;
  /** (fill price − mid at the fill) × size, against the taker: half the spread and the walk through the book. */
  readonly spread: number;
  /**
   * (mid when the order reached the venue − mid at the signal) × size, against the side taken. What the price did while
   * an order rested there is no cost of latency.
   */
  readonly latency: number;
};

export type StrategyFigures = {
  readonly id: string;
  readonly currency: string;
  readonly equity: Curve;
  /** Equity less cash at each sample of the curve: the worth of what is held, negative when short. */
  readonly held: readonly number[];
  readonly metrics: Metrics;
  readonly trips: readonly RoundTrip[];
  readonly positions: readonly RecordOf<'position'>[];
  readonly costs: Costs;
};

export type RunFigures = {
  readonly calendar: Calendar;
  readonly strategies: readonly StrategyFigures[];
  /** All strategies as one portfolio; undefined when their ledgers are in several currencies. */
  readonly total: StrategyFigures | undefined;
  readonly fills: readonly TimedFill[];
};

/** What `total` is called where a strategy's name would stand. */
export const TOTAL = 'all strategies';

/** Equity samples of one strategy, in columns. */
type Ledger = {
  readonly currency: string;
  readonly timesUs: readonly number[];
  readonly values: readonly number[];
  readonly held: readonly number[];
};

type GrowingLedger = {
  readonly currency: string;
  readonly timesUs: number[];
  readonly values: number[];
  readonly held: number[];
};

export class Figures {
  readonly #ledgers = new Map<string, GrowingLedger>();
  readonly #fills: TimedFill[] = [];
  readonly #positions: RecordOf<'position'>[] = [];
  /** Reasons of the orders that may still fill, by id. */
  readonly #reasons = new Map<number, string>();

  /** Takes the run's records in order; those that say nothing of money are passed over. */
  add(record: LoggedRecord): void {
    switch (record.type) {
      case 'equity':
        this.#addEquity(record);
        break;
      case 'order':
        this.#addOrder(record);
        break;
      case 'fill': {
        const { timeUs, fill } = record;
        this.#fills.push({ timeUs, fill, reason: this.#reasons.get(fill.order) ?? '' });
        break;
      }
      case 'position':
        this.#positions.push(record);
        break;
      default:
        break;
    }
  }

  /** The figures of these strategies, in this order. */
  finish(ids: readonly string[], calendar: Calendar = 'all'): RunFigures {
    const strategies = ids.map((id) => {
      const ledger = this.#ledgers.get(id) ?? { currency: '', timesUs: [], values: [], held: [] };
      return evaluate(
        { id, ...ledger },
        {
          fills: this.#fills.filter(({ fill }) => fill.strategy === id),
          positions: this.#positions.filter(({ strategy }) => strategy === id),
          calendar,
        },
      );
    });
    return { calendar, strategies, total: this.#total(strategies, calendar), fills: this.#fills };
  }

  #total(strategies: readonly StrategyFigures[], calendar: Calendar): StrategyFigures | undefined {
    const sampled = strategies.filter(({ equity }) => equity.values.length > 0);
    const [first] = sampled;
    if (first === undefined || sampled.some(({ currency }) => currency !== first.currency)) return undefined;
    if (sampled.length === 1 && strategies.length === 1) return { ...first, id: TOTAL };
    const { timesUs, values } = sumOf(sampled.map(({ equity }) => equity));
    const held = sumOf(sampled.map((one) => ({ timesUs: one.equity.timesUs, values: one.held }))).values;
    const ledger = { id: TOTAL, currency: first.currency, timesUs, values, held };
    return evaluate(ledger, { fills: this.#fills, positions: this.#positions, calendar });
  }

  #addEquity(record: RecordOf<'equity'>): void {
    const { strategy, currency, timeUs } = record;
    let ledger = this.#ledgers.get(strategy);
    if (ledger === undefined) {
      ledger = { currency, timesUs: [], values: [], held: [] };
      this.#ledgers.set(strategy, ledger);
    }
    const value = Number(record.equity);
    ledger.timesUs.push(timeUs);
    ledger.values.push(value);
    ledger.held.push(value - Number(record.cash));
  }

  #addOrder({ order }: RecordOf<'order'>): void {
    if (order.status === 'pending' || order.status === 'open') this.#reasons.set(order.id, order.reason);
    else this.#reasons.delete(order.id);
  }
}

function evaluate(
  { id, currency, timesUs, values, held }: Ledger & { readonly id: string },
  given: {
    readonly fills: readonly TimedFill[];
    readonly positions: readonly RecordOf<'position'>[];
    readonly calendar: Calendar;
  },
): StrategyFigures {
  const equity = { timesUs, values };
  const trips = roundTrips(given.fills, given.positions);
  const costs = costsOf(given.fills);
  const metrics = computeMetrics(equity, trips, { ...costs, held }, given.calendar);
  return { id, currency, equity, held, metrics, trips, positions: given.positions, costs };
}

function costsOf(fills: readonly TimedFill[]): Costs {
  let [notional, fees, spread, latency] = [0, 0, 0, 0];
  for (const { fill } of fills) {
    const rate = rateOf(fill);
    // Against the side taken, in the reporting currency, for each unit of a price.
    const weight = (fill.side === 'buy' ? 1 : -1) * fill.size * rate;
    const onTheWay = (fill.arrivalMid - fill.signalMid) * weight;
    notional += fill.price * fill.size * rate;
    fees += Number(fill.fee) * rate;
    if (Number.isFinite(fill.fillMid)) spread += (fill.price - fill.fillMid) * weight;
    if (Number.isFinite(onTheWay)) latency += onTheWay;
  }
  return { notional, fees, spread, latency };
}
