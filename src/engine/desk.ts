// The strategies and the exchange they trade on: calls a strategy, checks its signals, submits them, tells it what
// became of its orders, and writes all of it down. A strategy that throws or misuses the contract ends here.
import { decimalOf, formatDecimal, multiply, numberOf } from '../core/decimal.ts';
import type { Fill, Order, Signal } from '../core/order.ts';
import { Random } from '../core/random.ts';
import type { RunLog, RunRecord } from '../core/record.ts';
import { parseDurationUs } from '../core/time.ts';
import { Exchange } from '../trading/exchange.ts';
import type { Ledger } from '../trading/ledger.ts';
import { markPrice } from '../trading/market.ts';
import type { Heard } from './activity.ts';
import type { RunConfig } from './config.ts';
import { StrategyContext } from './context.ts';
import type { Cursor } from './cursor.ts';
import type { Declared } from './graph.ts';
import type { Markets } from './market.ts';
import { type LoadedStrategy, misuseOf, Runner } from './runner.ts';
import { TimerRank, type Timers } from './timers.ts';

/** An order's change or a fill that its strategy is yet to be told of. */
type Notice = { readonly runner: Runner; readonly order?: Order; readonly fill?: Fill };

export type DeskOptions = {
  readonly symbols: readonly string[];
  readonly config: RunConfig;
  readonly log: RunLog;
  readonly markets: Markets;
  /** By instrument number. */
  readonly heard: readonly Heard[];
  readonly cursor: Cursor;
  readonly timers: Timers;
};

export type StrategyStatus = {
  readonly id: string;
  readonly isActive: boolean;
  /** Of the ledger; what `equity` and `profit` are in. */
  readonly currency: string;
  readonly equity: number;
  /** Equity less the starting balance. */
  readonly profit: number;
  /** Open positions in base currency by symbol, flat ones left out. */
  readonly positions: Readonly<Record<string, number>>;
  readonly fills: number;
  readonly openOrders: number;
};

export class Desk {
  readonly exchange: Exchange;
  readonly runners: Runner[] = [];
  /** A strategy failed and the policy is to halt: the run takes no further event. */
  halted = false;
  /** How much the exchange did that `settle` must see to; a plain number, read at every event. */
  pending = 0;
  readonly #options: DeskOptions;
  readonly #byId = new Map<string, Runner>();
  readonly #ledgers: Ledger[] = [];
  readonly #notices: Notice[] = [];
  readonly #markOf: (instrument: number) => number;
  /** Stands at the exchange's next due time. */
  readonly #timer: number;
  #warmUntilUs = Number.NEGATIVE_INFINITY;
  #signals = 0;

  constructor(options: DeskOptions) {
    this.#options = options;
    this.#timer = options.timers.add(TimerRank.exchange);
    const { symbols, config, markets, cursor, log } = options;
    this.#markOf = (instrument) => markPrice(markets, instrument);
    this.exchange = new Exchange({
      latency: config.latency,
      fees: config.fees,
      fills: config.fills,
      seed: config.seed,
      symbols,
      currency: Object.keys(config.capital)[0]!,
      market: markets,
      onOrder: (order) => {
        Object.freeze(order);
        log.write({ ...cursor.position(), type: 'order', order });
        this.pending = this.#notices.push({ runner: this.#byId.get(order.strategy)!, order });
      },
      onFill: (fill) => {
        Object.freeze(fill);
        log.write({ ...cursor.position(), type: 'fill', fill });
        this.pending = this.#notices.push({ runner: this.#byId.get(fill.strategy)!, fill });
      },
    });
  }

  /** Opens an account for a strategy and gives it its context. */
  add(loaded: LoadedStrategy, declared: Declared): Runner {
    const { symbols, config, cursor } = this.#options;
    const { id, strategy, params } = loaded;
    const ledger = this.exchange.addStrategy(id, { balances: config.capital, risk: config.risk });
    const random = Random.named(config.seed, `strategy/${id}`);
    loaded.bind?.({ nowMs: () => Math.floor(cursor.nowUs / 1000), random: () => random.nextFloat() });
    const context = new StrategyContext(
      {
        symbols,
        ledger,
        random,
        nowUs: () => cursor.nowUs,
        markPrice: this.#markOf,
        openOrders: () => this.exchange.openOrders(id),
        cancelAll: () => this.exchange.cancelAll(id, cursor.nowUs, 'the strategy cancelled all'),
      },
      { id, params, state: strategy.state?.(params), first: declared.instrument },
    );
    const runner = new Runner({ index: this.runners.length, loaded, declared, context });
    this.runners.push(runner);
    this.#byId.set(id, runner);
    this.#ledgers.push(ledger);
    return runner;
  }

  /** Called once, with the time of the first event: each strategy's equity begins with its capital. */
  start(nowUs: number): void {
    for (const runner of this.runners) this.sample(runner);
    const { warmup } = this.#options.config;
    if (warmup !== undefined) this.#warmUntilUs = nowUs + parseDurationUs(warmup, 'warmup');
  }

  /**
   * A trigger fired: asks the strategy and submits what it wishes. `atUs` is the start of the candle that closed, or when
   * the timer was due; NaN at an event, of which there may be thousands a second: only a signal is worth a sample then.
   */
  call(runner: Runner, atUs = Number.NaN): void {
    if (!runner.isActive || this.halted || this.#options.cursor.nowUs < this.#warmUntilUs) {
      runner.skipped++;
      return;
    }
    runner.calls++;
    const signals = runner.decide();
    if (runner.looks.length > 0) this.#sampleInputs(runner, atUs, signals.length);
    if (runner.fault !== undefined) this.#fail(runner, messageOf(runner.fault));
    else if (signals.length > 0) this.#submit(runner, signals);
    if (this.pending > 0) this.settle();
    else this.#options.timers.set(this.#timer, this.exchange.nextDueUs);
  }

  /** Lets orders whose time has come reach the venue. */
  advance(): void {
    this.exchange.advance(this.#options.cursor.nowUs);
    this.settle();
  }

  /** Tells strategies what happened to their orders, samples equity after fills, and looks at the risk limits. */
  settle(): void {
    for (let i = 0; i < this.#notices.length; i++) {
      const { runner, fill, order } = this.#notices[i]!;
      if (fill !== undefined) {
        runner.fills++;
        this.sample(runner);
      }
      if (!runner.isActive) continue;
      if (fill !== undefined) runner.tellFill(fill);
      if (order !== undefined) runner.tellOrder(order);
      if (runner.fault !== undefined) this.#fail(runner, messageOf(runner.fault));
    }
    this.#notices.length = 0;
    this.pending = 0;
    this.#options.timers.set(this.#timer, this.exchange.nextDueUs);
  }

  /** Records what a strategy's ledger is worth now. */
  sample(runner: Runner): void {
    const ledger = this.#ledgers[runner.index]!;
    const { currency } = ledger;
    const positions: Record<string, string> = {};
    for (const { instrument, exactSize } of ledger.positions()) {
      if (exactSize !== 0n) positions[this.#options.symbols[instrument]!] = formatDecimal(exactSize);
    }
    this.#write({
      type: 'equity',
      strategy: runner.id,
      currency,
      equity: formatDecimal(ledger.equity(currency, this.#markOf)),
      cash: formatDecimal(ledger.cash(currency)),
      realized: formatDecimal(ledger.realized(currency)),
      fees: formatDecimal(ledger.fees(currency)),
      positions,
    });
    const breach = this.exchange.checkRisk(runner.id, this.#options.cursor.nowUs);
    if (breach === undefined) return;
    const { limit, value, max, action } = breach;
    this.#write({ type: 'risk', strategy: runner.id, limit, value, max, action });
  }

  /** Called once, at the end of the run. */
  close(): void {
    for (const runner of this.runners) {
      this.sample(runner);
      this.#writePositions(runner);
    }
  }

  status(runner: Runner): StrategyStatus {
    const ledger = this.#ledgers[runner.index]!;
    const { currency } = ledger;
    const equity = ledger.equity(currency, this.#markOf);
    const positions: Record<string, number> = {};
    for (const { instrument, size } of ledger.positions()) {
      if (size !== 0) positions[this.#options.symbols[instrument]!] = size;
    }
    return {
      id: runner.id,
      isActive: runner.isActive,
      currency,
      equity: numberOf(equity),
      profit: numberOf(equity - ledger.start(currency)),
      positions,
      fills: runner.fills,
      openOrders: this.exchange.openOrders(runner.id),
    };
  }

  /** What the strategy saw of quotes and books when it was asked; nothing has changed since. */
  #sampleInputs(runner: Runner, dueUs: number, signals: number): void {
    if (Number.isNaN(dueUs) && signals === 0) return;
    const atUs = Number.isNaN(dueUs) ? this.#options.cursor.nowUs : dueUs;
    for (const { name, symbol, instrument, view, outputs } of runner.looks) {
      const { exchangeUs, receivedUs } = this.#options.heard[instrument]!;
      const values: Record<string, number | boolean> = {};
      for (const output of outputs) {
        const value = view[output];
        if (!Number.isNaN(value)) values[output] = value;
      }
      this.#write({
        type: 'sample',
        name,
        symbol,
        atUs,
        signal: signals > 0 ? this.#signals + 1 : 0,
        exchangeUs: Number.isNaN(exchangeUs) ? null : exchangeUs,
        receivedUs: Number.isNaN(receivedUs) ? null : receivedUs,
        values,
      });
    }
  }

  #writePositions(runner: Runner): void {
    for (const { instrument, exactSize, cost, quote, entryPrice } of this.#ledgers[
      runner.index
    ]!.positions()) {
      if (exactSize === 0n) continue;
      const markPrice = this.#markOf(instrument);
      const worth = Number.isFinite(markPrice) ? multiply(exactSize, decimalOf(markPrice)) : cost;
      this.#write({
        type: 'position',
        strategy: runner.id,
        symbol: this.#options.symbols[instrument]!,
        currency: quote,
        size: formatDecimal(exactSize),
        entryPrice,
        markPrice,
        unrealized: formatDecimal(worth - cost),
        ...this.exchange.excursion(runner.id, instrument),
      });
    }
  }

  #submit(runner: Runner, signals: readonly Signal[]): void {
    const { symbols, cursor } = this.#options;
    const instrumentOf = (signal: Signal): number =>
      signal.symbol === undefined ? runner.instrument : symbols.indexOf(signal.symbol);
    for (const signal of signals) {
      const misuse =
        misuseOf(signal) ??
        (instrumentOf(signal) < 0
          ? `unknown symbol: ${signal.symbol} (known: ${symbols.join(', ')})`
          : undefined);
      if (misuse !== undefined) {
        this.#fail(runner, `malformed signal: ${misuse}`);
        return;
      }
    }
    for (const given of signals) {
      const signalId = ++this.#signals;
      const signal = ownCopy(given);
      this.#write({ type: 'signal', id: signalId, strategy: runner.id, signal });
      const instrument = instrumentOf(signal);
      this.exchange.submit({ strategy: runner.id, signalId, signal, instrument, nowUs: cursor.nowUs });
    }
  }

  #fail(runner: Runner, message: string): void {
    const { config, cursor } = this.#options;
    const policy = config.onError;
    this.#write({ type: 'fault', strategy: runner.id, message, policy });
    runner.fault = undefined;
    runner.isActive = false;
    if (policy === 'halt') this.halted = true;
    else this.exchange.cancelAll(runner.id, cursor.nowUs, 'the strategy was disabled after a fault');
  }

  #write(record: Unplaced<RunRecord>): void {
    this.#options.log.write({ ...this.#options.cursor.position(), ...record });
  }
}

/** A log may format a record later: what the strategy does to its own object in the meantime must not matter. */
function ownCopy(signal: Signal): Signal {
  return signal.metadata === undefined ? { ...signal } : { ...signal, metadata: { ...signal.metadata } };
}

type Unplaced<R> = R extends RunRecord ? Omit<R, 'event' | 'seq' | 'timeUs'> : never;

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
}
