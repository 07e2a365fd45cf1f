// The strategies and the exchange they trade on: calls a strategy, checks its signals, submits them, tells it what
// became of its orders, and writes all of it down. A strategy that throws or misuses the contract ends here.

import { AssertionError } from '../core/assert.ts';
import { UsageError } from '../core/errors.ts';
import { NO_INSTRUMENT } from '../core/event.ts';
import type { Fill, Order, Signal } from '../core/order.ts';
import { Random } from '../core/random.ts';
import type { RunLog } from '../core/record.ts';
import { resolveName } from '../core/session.ts';
import { parseDurationUs } from '../core/time.ts';
import { Exchange } from '../trading/exchange.ts';
import { markPrice } from '../trading/market.ts';
import { Accounts, type Standing, type Unplaced } from './accounts.ts';
import type { Heard } from './activity.ts';
import { type RunConfig, reportCurrencyOf } from './config.ts';
import { StrategyContext } from './context.ts';
import type { Cursor } from './cursor.ts';
import type { Declared } from './graph.ts';
import type { Markets } from './market.ts';
import { type LoadedStrategy, Runner, StrategyFault, textOf } from './runner.ts';
import { misuseOf, ownCopy } from './signals.ts';
import type { Strategy } from './strategy.ts';
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

export type StrategyStatus = Standing & {
  readonly id: string;
  readonly isActive: boolean;
  readonly fills: number;
  readonly openOrders: number;
};

/** Lines and points of one strategy at one event. */
const SAID_MAX = 1000;

/** Of a strategy that failed before it declared anything. */
const NOTHING_DECLARED: Declared = { views: {}, inputs: [], series: new Map(), looks: [], instrument: 0 };

export class Desk {
  readonly exchange: Exchange;
  readonly accounts: Accounts;
  readonly runners: Runner[] = [];
  /** A strategy failed and the policy is to halt: the run takes no further event. */
  halted = false;
  /** How much the exchange did that `settle` must see to; a plain number, read at every event. */
  pending = 0;
  readonly #options: DeskOptions;
  readonly #byId = new Map<string, Runner>();
  readonly #notices: Notice[] = [];
  readonly #markOf: (instrument: number) => number;
  /** Stands at the exchange's next due time. */
  readonly #timer: number;
  #warmUntilUs = Number.NEGATIVE_INFINITY;
  #signals = 0;
  /** Records from before the first event, which have no place in the run yet; undefined once it has begun. */
  #early: Unplaced[] | undefined = [];

  constructor(options: DeskOptions) {
    this.#options = options;
    this.#timer = options.timers.add(TimerRank.exchange);
    const { symbols, config, markets, heard, cursor, log } = options;
    const fillsAtOpen = config.candles.from === 'candles' && config.candles.fillAt === 'nextOpen';
    this.#markOf = (instrument) => markPrice(markets, instrument);
    this.exchange = new Exchange({
      latency: config.latency,
      fees: config.fees,
      fills: config.fills,
      seed: config.seed,
      symbols,
      currency: reportCurrencyOf(config),
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
      outage: config.outage,
      waitsForOpen: (instrument) => fillsAtOpen && heard[instrument]!.hasOnlyCandles,
      onAffected: (affected) => log.write({ ...cursor.position(), type: 'outage', ...affected }),
    });
    this.accounts = new Accounts({
      symbols,
      config,
      exchange: this.exchange,
      market: markets,
      nowUs: () => cursor.nowUs,
      write: (record) => this.#write(record),
    });
  }

  /**
   * Opens an account for a strategy and the strategy itself, and gives it its context. `declare` asks for its inputs.
   * What its own code throws meanwhile is a fault of that strategy, told when the run starts.
   */
  add(
    loaded: LoadedStrategy,
    declare: (strategy: Strategy) => Declared,
  ): { readonly runner: Runner; readonly declared: Declared } {
    const { symbols, config, cursor, markets } = this.#options;
    const { id, params } = loaded;
    const ledger = this.accounts.add(id, loaded.account);
    const random = Random.named(config.seed, `strategy/${id}`);
    let { strategy } = loaded;
    let declared = NOTHING_DECLARED;
    let state: unknown;
    let fault: unknown;
    const say = this.#listener(id);
    const print = (level: string, text: string): void => {
      say({ type: 'log', strategy: id, level, text });
    };
    try {
      strategy =
        loaded.open?.({
          id,
          stepsMax: config.stepsMax,
          nowUs: () => cursor.nowUs,
          nextUint32: () => random.nextUint32(),
          print,
          fault: (thrown) => {
            runner.fault ??= thrown;
          },
        }) ?? strategy;
      declared = declare(strategy);
      state = strategy.state?.(params);
    } catch (error) {
      if (error instanceof UsageError || error instanceof AssertionError) throw error;
      fault = error ?? 'undefined was thrown';
    }
    const context = new StrategyContext(
      {
        symbols,
        ledger,
        random,
        nowUs: () => cursor.nowUs,
        markPrice: this.#markOf,
        rules: (instrument) => markets.instrument(instrument),
        equity: () => this.accounts.equity(id),
        openOrders: () => this.exchange.openOrders(id),
        cancelAll: () => this.exchange.cancelAll(id, cursor.nowUs, 'the strategy cancelled all'),
        print,
        plot: (name, value) => say({ type: 'plot', strategy: id, name, value }),
      },
      { id, params, state, first: declared.instrument },
    );
    const runner = new Runner({
      index: this.runners.length,
      id,
      strategy,
      decidesAt: loaded.decidesAt,
      declared,
      context,
    });
    runner.fault = fault;
    this.runners.push(runner);
    this.#byId.set(id, runner);
    return { runner, declared };
  }

  /** Called once, with the time of the first event: each strategy's equity begins with its capital. */
  start(nowUs: number): void {
    this.#begin();
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
    if (runner.fault !== undefined) {
      this.#fail(runner, textOf(runner.fault));
      return;
    }
    runner.calls++;
    const signals = runner.decide();
    if (runner.looks.length > 0) this.#sampleInputs(runner, atUs, signals.length);
    if (runner.fault !== undefined) this.#fail(runner, textOf(runner.fault));
    else if (signals.length > 0) this.#submit(runner, signals);
    if (this.pending > 0) this.settle();
    else this.#options.timers.set(this.#timer, this.exchange.nextDueUs);
  }

  /** Data of a channel is missing since `fromUs`, of an instrument or (NO_INSTRUMENT) of all. */
  onGap(instrument: number, channel: string, fromUs: number): void {
    const { length } = this.#options.symbols;
    for (let i = 0; i < length; i++) {
      if (i === instrument || instrument === NO_INSTRUMENT) this.exchange.onGap(i, { channel, fromUs });
    }
    if (this.pending > 0) this.settle();
  }

  onHealed(instrument: number, channel: string): void {
    if (instrument !== NO_INSTRUMENT) this.exchange.onHealed(instrument, channel);
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
        this.accounts.sample(runner.id);
      }
      if (!runner.isActive) continue;
      if (fill !== undefined) runner.tellFill(fill);
      if (order !== undefined) runner.tellOrder(order);
      if (runner.fault !== undefined) this.#fail(runner, textOf(runner.fault));
    }
    this.#notices.length = 0;
    this.pending = 0;
    this.#options.timers.set(this.#timer, this.exchange.nextDueUs);
  }

  /** Each strategy's equity begins with its capital; then what was said and went wrong while strategies were opened. */
  #begin(): void {
    const early = this.#early;
    if (early === undefined) return;
    this.#early = undefined;
    for (const runner of this.runners) this.accounts.sample(runner.id);
    for (const record of early) this.#write(record);
    this.#failThose();
  }

  /** Disables strategies of which something failed while they were not being called. */
  #failThose(): void {
    for (const runner of this.runners) {
      if (runner.fault !== undefined && runner.isActive) this.#fail(runner, textOf(runner.fault));
    }
  }

  /** Called once, at the end of the run. */
  close(): void {
    this.#begin();
    this.#failThose();
    for (const runner of this.runners) {
      this.accounts.sample(runner.id);
      this.accounts.writePositions(runner.id);
    }
  }

  status(runner: Runner): StrategyStatus {
    return {
      id: runner.id,
      isActive: runner.isActive,
      ...this.accounts.standing(runner.id),
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

  #submit(runner: Runner, given: readonly Signal[]): void {
    const { symbols, cursor } = this.#options;
    const instrumentOf = (signal: Signal): number =>
      signal.symbol === undefined ? runner.instrument : resolveName(symbols, signal.symbol);
    const signals: Signal[] = [];
    try {
      // Looking at a signal may run its author's code, and that may throw: it is looked at once, here.
      for (const each of given)
        signals.push(typeof each === 'object' && each !== null ? ownCopy(each) : each);
      for (const signal of signals) {
        const misuse =
          misuseOf(signal) ??
          (instrumentOf(signal) < 0
            ? `unknown symbol: ${signal.symbol} (known: ${symbols.join(', ')})`
            : undefined);
        if (misuse !== undefined) throw new StrategyFault(`malformed signal: ${misuse}`);
      }
    } catch (error) {
      const { decidesAt } = runner;
      this.#fail(runner, textOf(error) + (decidesAt === undefined ? '' : ` (${decidesAt})`));
      return;
    }
    for (const signal of signals) {
      const signalId = ++this.#signals;
      const { exchangeUs } = this.#options.heard[instrumentOf(signal)]!;
      const heardUs = Number.isNaN(exchangeUs) ? null : exchangeUs;
      this.#write({ type: 'signal', id: signalId, strategy: runner.id, signal, heardUs });
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

  /** Takes what a strategy writes and draws: without a bound one call in a loop could fill the disk. */
  #listener(id: string): (record: Unplaced) => void {
    const { cursor } = this.#options;
    let said = 0;
    let saidAt = -1;
    return (record) => {
      const { event } = cursor.position();
      if (saidAt !== event) said = 0;
      saidAt = event;
      if (++said > SAID_MAX) {
        throw new UsageError(`${id} wrote or drew more than ${SAID_MAX} times at one event`);
      }
      this.#write(record);
    };
  }

  #write(record: Unplaced): void {
    if (this.#early !== undefined) {
      this.#early.push(record);
      return;
    }
    this.#options.log.write({ ...this.#options.cursor.position(), ...record });
  }
}
