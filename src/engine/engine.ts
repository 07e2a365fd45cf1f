// The engine: ordered events in, records out. It is pure: no clock, no file, no knowledge of where the events come
// from; the same events, config and strategies give the same records whatever the sizes of the batches.

import type { StrategyActivity } from '../core/activity.ts';
import { assert, unreachable } from '../core/assert.ts';
import { InputDigest } from '../core/digest.ts';
import { type EventBatch, EventKind, Flag, NO_INSTRUMENT, type StatusDetail } from '../core/event.ts';
import type { Instrument } from '../core/instrument.ts';
import { LAG_BLOCK_EVENTS, Lag } from '../core/lag.ts';
import type { RunLog } from '../core/record.ts';
import { ourChannel } from '../core/session.ts';
import { parseDurationUs } from '../core/time.ts';
import { Activity, Heard } from './activity.ts';
import { CandleFeed } from './candle-feed.ts';
import { Closes, type SeriesGroup } from './closes.ts';
import { fillOf, type RunConfig } from './config.ts';
import { Cursor } from './cursor.ts';
import { Dating } from './dating.ts';
import { Desk, type StrategyStatus } from './desk.ts';
import { InputGraph } from './graph.ts';
import { connect, type Lane } from './lane.ts';
import { type BookNotice, bringsTrades, interruptedBy, Markets } from './market.ts';
import { type LoadedStrategy, type Runner, triggerOf } from './runner.ts';
import { Schedule } from './schedule.ts';
import { freezeDeep } from './schema.ts';
import type { Trigger } from './strategy.ts';
import { TimerRank, Timers } from './timers.ts';

export type { LoadedStrategy } from './runner.ts';

/** Events between two checkpoints. */
const CHECKPOINT_EVENTS = 10_000;

/** By −1, 0, 1: the taker sold, is unknown, bought. */
const TAKERS = ['sell', undefined, 'buy'] as const;

const NO_SERIES: SeriesGroup = { nodes: [] };

export type EngineOptions = {
  /** Instrument numbers of the events are indices into this list. */
  readonly symbols: readonly string[];
  readonly config: RunConfig;
  readonly strategies: readonly LoadedStrategy[];
  readonly log: RunLog;
};

export type EngineStatus = {
  readonly events: number;
  /** Engine time of the first event, and of the last, µs; 0 before there is one. */
  readonly startUs: number;
  readonly nowUs: number;
  /** Receive time less venue time of the soonest events, µs; NaN before the first that is dated. */
  readonly offsetUs: number;
  readonly strategies: readonly StrategyStatus[];
};

export class Engine {
  readonly #symbols: readonly string[];
  readonly #log: RunLog;
  readonly #activity: Activity;
  readonly #cursor = new Cursor();
  readonly #timers = new Timers();
  readonly #digest = new InputDigest();
  readonly #markets: Markets;
  readonly #desk: Desk;
  readonly #closes: Closes;
  readonly #lag: Lag;
  readonly #dating: Dating;
  readonly #candles: CandleFeed;
  readonly #usesCandleEvents: boolean;
  readonly #schedule: Schedule;
  readonly #lanes: readonly Lane[];
  /** What `advance` may still do before it returns. */
  #stepsLeft = 0;
  /** Events taken of the batch that is not done. */
  #taken = 0;
  #hasStarted = false;
  #startUs = 0;
  #hasFinished = false;

  constructor({ symbols, config, strategies, log }: EngineOptions) {
    this.#symbols = symbols;
    const heard = symbols.map(() => new Heard());
    this.#activity = new Activity(log, symbols, heard);
    this.#log = this.#activity;
    this.#usesCandleEvents = config.candles.from === 'candles';
    this.#markets = new Markets(symbols, this.#cursor, config.fills.priceAgeMaxMs * 1000);
    const timers = this.#timers;
    this.#desk = new Desk({
      ...{ symbols, config, heard, timers },
      ...{ log: this.#log, markets: this.#markets, cursor: this.#cursor },
    });
    this.#schedule = new Schedule({
      ...{ timers, desk: this.#desk, cursor: this.#cursor, log: this.#log },
      equityEveryUs: parseDurationUs(config.equityEvery, 'equityEvery'),
    });
    const graph = new InputGraph({ symbols, markets: this.#markets, fill: fillOf(config) });
    const graceMinUs = parseDurationUs(config.candles.grace, 'candles.grace');
    const lag = new Lag(graceMinUs);
    this.#lag = lag;
    this.#closes = new Closes({
      symbols,
      lag,
      timers,
      cursor: this.#cursor,
      log: this.#log,
      call: (runner, startUs) => this.#desk.call(runner, startUs),
      waitUs: () => this.#candles.waitUs,
    });
    const { closes, cursor } = { closes: this.#closes, cursor: this.#cursor };
    this.#dating = new Dating({
      ...{ symbols, lag, closes, cursor, log: this.#log },
      usesTrades: !this.#usesCandleEvents,
    });
    this.#lanes = symbols.map((_, instrument) => ({
      instrument,
      market: this.#markets.all[instrument]!,
      heard: heard[instrument]!,
      calm: this.#desk.exchange.calm(instrument),
      series: this.#usesCandleEvents ? NO_SERIES : this.#closes.groups[instrument]!,
      onTrade: [],
      onBook: [],
      onQuote: [],
    }));
    this.#candles = new CandleFeed({
      ...{ symbols, lag, graceMinUs, closes, timers, cursor },
      ...{ lanes: this.#lanes, desk: this.#desk, log: this.#log },
    });
    for (const loaded of strategies) this.#add(loaded, graph);
    for (const node of graph.nodes) this.#closes.add(node);
  }

  /** Events taken so far. */
  get events(): number {
    return this.#cursor.base + this.#cursor.row;
  }

  /** A strategy failed under the policy `halt`; further events are not taken. */
  get halted(): boolean {
    return this.#desk.halted;
  }

  /** Takes a batch of events. It is read during the call only; the caller may use it again. */
  apply(batch: EventBatch): void {
    for (let row = 0; row < batch.length; ) row = this.advance(batch, row, Number.POSITIVE_INFINITY);
  }

  /**
   * Takes at most so many events and due times of a batch, from a row on, so that the caller can look up between. Returns
   * the row to go on from; the length of the batch when it is done, or when the engine halted. Where it is cut changes
   * nothing; the batch has to stay as it is until it is done.
   */
  advance(batch: EventBatch, from: number, steps: number): number {
    assert(!this.#hasFinished, 'a finished engine takes no events');
    if (this.#desk.halted) return batch.length;
    const cursor = this.#cursor;
    if (from === 0) cursor.enter(batch);
    this.#stepsLeft = steps;
    let row = from;
    while (row < batch.length && this.#stepsLeft > 0 && !this.#desk.halted) {
      const untilCheckpoint = CHECKPOINT_EVENTS - ((cursor.base + row) % CHECKPOINT_EVENTS);
      // Cut by the number of the event, never by where batches end: both cuts are part of the result.
      const untilBlock = LAG_BLOCK_EVENTS - ((cursor.base + row) % LAG_BLOCK_EVENTS);
      const cutAt = Math.min(untilCheckpoint, untilBlock, this.#stepsLeft);
      const done = this.#run(batch, row, Math.min(batch.length, row + cutAt));
      this.#digest.fold(batch, row, done);
      if (done - row === untilBlock) this.#dating.advance(cursor.base + done);
      if (done - row === untilCheckpoint) {
        this.#log.write({ ...cursor.position(), type: 'checkpoint', inputs: this.#digest.value() });
      }
      this.#stepsLeft -= done - row;
      row = done;
    }
    this.#taken = row;
    if (row < batch.length && !this.#desk.halted) return row;
    this.#leave();
    return batch.length;
  }

  #leave(): void {
    this.#cursor.leave(this.#taken);
    this.#taken = 0;
  }

  /** Ends the run: for each strategy a last equity sample and the positions it leaves open, then the end record. */
  finish(reason: string): void {
    assert(!this.#hasFinished, 'a run ends once');
    this.#hasFinished = true;
    // A batch may have been left in the middle.
    this.#leave();
    this.#dating.finish();
    this.#candles.finish();
    this.#desk.close();
    for (const notice of this.#markets.finalNotices()) this.#tellBook(notice);
    for (const one of this.activity()) {
      this.#log.write({ ...this.#cursor.position(), type: 'activity', ...one });
    }
    const { events } = this;
    const inputs = this.#digest.value();
    this.#log.write({ ...this.#cursor.position(), type: 'end', events, inputs, reason });
  }

  /** What each strategy was given and did so far, and why it did nothing. */
  activity(): readonly StrategyActivity[] {
    return this.#desk.runners.map((runner) => this.#activity.of(runner));
  }

  /** What a status line or a monitor shows. */
  status(): EngineStatus {
    return {
      events: this.events,
      startUs: this.#startUs,
      nowUs: this.#cursor.nowUs,
      offsetUs: this.#lag.offsetUs,
      strategies: this.#desk.runners.map((runner) => this.#desk.status(runner)),
    };
  }

  /**
   * The steps of each event, in order: time, market, exchange, strategies. Returns the row after the last one taken.
   * Trades are by far the most events, so their steps stand here and read the columns with no call between.
   */
  #run(batch: EventBatch, from: number, to: number): number {
    const cursor = this.#cursor;
    const timers = this.#timers;
    const desk = this.#desk;
    const { exchange } = desk;
    const lag = this.#lag;
    const { kind, flags, instrument, receivedUs, exchangeUs, price, size } = batch;
    if (!this.#hasStarted) this.#start(receivedUs[from]!);
    let lastUs = cursor.nowUs;
    for (let row = from; row < to; row++) {
      cursor.row = row;
      const nowUs = receivedUs[row]!;
      if (!(nowUs >= lastUs)) assert(false, 'time never goes back');
      if (nowUs >= timers.nextDueUs) {
        this.#dating.weigh(batch, row);
        if (!this.#passTime(nowUs)) return row;
      }
      lastUs = nowUs;
      cursor.nowUs = nowUs;
      const lane = this.#lanes[instrument[row]!];
      if (kind[row] !== EventKind.trade || lane === undefined) {
        this.#applyOther(batch, row);
        if (desk.halted) return row + 1;
        continue;
      }
      // Reckoned, not branched on: takers' sides are as good as random, and a wrong guess costs more than the rest.
      const side = ((flags[row]! & Flag.buy) >> 3) - ((flags[row]! & Flag.sell) >> 4);
      lane.heard.trades++;
      let timeUs = exchangeUs[row]!;
      // Between these two bounds a trade's lag teaches nothing; NaN, no venue time, is between none.
      const lagUs = nowUs - timeUs;
      if (!(lagUs >= lag.lowUs && lagUs <= lag.highUs)) {
        // Made a number here, though it is one: the compiler then keeps the times of all trades out of the heap.
        timeUs = +this.#dating.trade(batch, row, side);
        if (Number.isNaN(timeUs)) continue;
      }
      const { nodes } = lane.series;
      for (let i = 0; i < nodes.length; i++) {
        const node = nodes[i]!;
        const isTaken = node.series.addTrade(price[row]!, size[row]!, side, timeUs);
        if (!isTaken || node.series.nextCloseUs !== node.scheduledUs) {
          this.#closes.follow(node, isTaken, timeUs);
        }
      }
      // A trade learned of after an outage only completes candles: nobody could have traded on it.
      if ((flags[row]! & Flag.late) === 0) {
        lane.market.applyTrade(price[row]!, nowUs);
        const { calm } = lane;
        if (!(price[row]! > calm.tradeLow && price[row]! < calm.tradeHigh)) {
          exchange.onTrade(lane.instrument, price[row]!, size[row]!, TAKERS[side + 1], nowUs);
          if (desk.pending > 0) desk.settle();
        }
        for (let i = 0; i < lane.onTrade.length; i++) desk.call(lane.onTrade[i]!);
      }
      if (desk.halted) return row + 1;
    }
    return to;
  }

  #applyOther(batch: EventBatch, row: number): void {
    switch (batch.kind[row]) {
      case EventKind.level:
        this.#applyLevel(batch, row);
        return;
      case EventKind.quote:
        this.#applyQuote(batch, row);
        return;
      case EventKind.mark:
      case EventKind.funding:
      case EventKind.interest:
        this.#lanes[batch.instrument[row]!]!.market.applyContract(batch, row);
        return;
      case EventKind.beat:
      // The trades that a liquidation consists of come as trades, too.
      case EventKind.liquidation:
        return;
      case EventKind.trade:
        assert(false, 'an instrument number is an index into the symbols of the run');
        return;
      default:
        this.#applyDetail(batch, row);
    }
  }

  #start(nowUs: number): void {
    this.#hasStarted = true;
    this.#startUs = nowUs;
    this.#cursor.nowUs = nowUs;
    this.#desk.start(nowUs);
    if (!this.#usesCandleEvents) this.#closes.begin(NO_INSTRUMENT, nowUs);
    this.#schedule.start(nowUs);
  }

  /**
   * Stage 1: everything due until this time happens, in the order of `TimerRank`, each at its own engine time. False when
   * more is due than there are steps left for: it goes on from there when the event is looked at again.
   */
  #passTime(untilUs: number): boolean {
    const timers = this.#timers;
    while (timers.nextDueUs <= untilUs && !this.#desk.halted) {
      if (this.#stepsLeft <= 0) return false;
      this.#stepsLeft -= 1;
      const timer = timers.next();
      const dueUs = timers.nextDueUs;
      assert(dueUs >= this.#cursor.nowUs, 'time never goes back');
      this.#cursor.nowUs = dueUs;
      switch (timers.rank(timer)) {
        case TimerRank.exchange:
          this.#desk.advance();
          break;
        case TimerRank.candle:
          this.#candles.fire(dueUs);
          this.#closes.fire(dueUs);
          this.#closes.callStrategies();
          break;
        case TimerRank.strategy:
          this.#schedule.callPeriodic(timer, dueUs, untilUs);
          break;
        case TimerRank.equity:
          this.#schedule.sampleEquity(dueUs, untilUs);
          break;
      }
    }
    return true;
  }

  #applyLevel(batch: EventBatch, row: number): void {
    const lane = this.#lanes[batch.instrument[row]!]!;
    lane.market.applyLevel(batch, row);
    if (lane.market.notice !== undefined) this.#tellBook(lane.market.takeNotice());
    if ((batch.flags[row]! & Flag.last) === 0) return;
    this.#dating.look(batch, row);
    lane.heard.onBook(batch, row, lane.market.isBookValid);
    this.#desk.exchange.onBook(lane.instrument, batch.receivedUs[row]!);
    this.#call(lane.onBook);
  }

  #tellBook(notice: BookNotice): void {
    this.#log.write({ ...this.#cursor.position(), type: 'book', ...notice });
  }

  #applyQuote(batch: EventBatch, row: number): void {
    const lane = this.#lanes[batch.instrument[row]!]!;
    lane.market.applyQuote(batch, row);
    this.#dating.look(batch, row);
    lane.heard.onQuote(batch, row);
    this.#desk.exchange.onQuote(lane.instrument, batch.receivedUs[row]!);
    this.#call(lane.onQuote);
  }

  /** Stage 4: strategies hear first what became of their orders, then those that the event concerns are called. */
  #call(runners: readonly Runner[]): void {
    if (this.#desk.pending > 0) this.#desk.settle();
    for (let i = 0; i < runners.length; i++) this.#desk.call(runners[i]!);
  }

  #applyDetail(batch: EventBatch, row: number): void {
    const detail = batch.detail[row];
    const instrument = batch.instrument[row]!;
    assert(detail !== undefined, 'status, instrument and candle events carry a detail');
    switch (detail.type) {
      case 'status':
        this.#applyStatus(detail, instrument);
        return;
      case 'instrument':
        this.#applyRules(detail.instrument, instrument);
        return;
      case 'candle':
        this.#lanes[instrument]!.heard.candles++;
        this.#dating.look(batch, row);
        if (this.#usesCandleEvents) {
          this.#candles.take(detail, instrument, batch.flags[row]!, batch.exchangeUs[row]!);
        }
        return;
      default:
        unreachable(detail);
    }
  }

  #applyRules(rules: Instrument, instrument: number): void {
    const unusable = this.#markets.applyRules(instrument, rules);
    this.#desk.exchange.onRules(instrument, this.#cursor.nowUs);
    this.#call([]);
    if (unusable === undefined) return;
    const reason = `${unusable} cannot be used`;
    this.#log.write({ ...this.#cursor.position(), type: 'unused', symbol: rules.symbol, reason, count: 1 });
  }

  #applyStatus(status: StatusDetail, instrument: number): void {
    const symbol = instrument === NO_INSTRUMENT ? '' : this.#symbols[instrument]!;
    this.#log.write({ ...this.#cursor.position(), type: 'status', symbol, status });
    this.#dating.heed(status);
    const channel = interruptedBy(status);
    // Where candles are traded on, their closes are the last prices.
    const priced =
      this.#usesCandleEvents && channel !== undefined && ourChannel(channel) === 'candle' ? 'trade' : channel;
    if (priced !== undefined) this.#markets.interrupt(instrument, priced);
    // Candles of the venue are whole by themselves, and what an outage held back comes with the next snapshot.
    if (!this.#usesCandleEvents) {
      if (channel === 'trade' || channel === '') this.#closes.interrupt(instrument);
      if (bringsTrades(status)) this.#closes.begin(instrument, this.#cursor.nowUs);
    }
    if (status.state === 'healed') this.#desk.onHealed(instrument, status.channel);
    else if (status.state === 'gap' && this.#markets.all[instrument]?.isPricedBy(status.channel) !== false) {
      this.#desk.onGap(instrument, status.channel, status.fromUs ?? this.#cursor.nowUs);
    }
  }

  #add(loaded: LoadedStrategy, graph: InputGraph): void {
    const { id, params } = loaded;
    let trigger: Trigger | undefined;
    const { runner, declared } = this.#desk.add(loaded, (strategy) => {
      const inputs = graph.declare(id, strategy.inputs(freezeDeep(params)));
      trigger = triggerOf({ strategy, params, id }, inputs);
      return inputs;
    });
    this.#activity.add(id, declared);
    if (trigger === undefined) return;
    connect(runner, trigger, {
      ...{ id, declared, graph, lanes: this.#lanes },
      ...{ schedule: this.#schedule, closes: this.#closes },
    });
  }
}
