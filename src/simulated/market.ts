// A seeded market: per symbol a limit order book that orders come to, with trades where they meet.
// Pure and synchronous; the same options give the same steps on every machine (+ − × ÷ √ only).
// Invariants: time never goes back, a book is never crossed, trade ids of a symbol rise by one.
import { assert } from '../core/assert.ts';
import { type EventBatch, EventKind, Flag } from '../core/event.ts';
import type { Instrument } from '../core/instrument.ts';
import { Random } from '../core/random.ts';
import { type MarketSymbol, marketSymbols, toInstrument, wireUnits } from './instruments.ts';
import { Ladder, type LevelChanges } from './ladder.ts';
import { Mood } from './mood.ts';

const SWEEP_LEVELS_MAX = 8;
const LEVELS_MIN = 24;
const LAYERS_MAX = 5;
/** Share of the ticks within reach that hold a level. */
const DENSITY = 0.4;

export type MarketOptions = {
  readonly seed: number;
  /** Time from which the first step is counted, µs. Default: 2026-01-02T03:04:05Z. */
  readonly startUs?: number;
  /** Default: the built-in BTC/USD, ETH/USD and XRP/USD. */
  readonly symbols?: readonly MarketSymbol[];
  /** Steps a second over all symbols, averaged over bursts and quiet spells. Default: 300. */
  readonly eventsPerSecond?: number;
};

/**
 * What one action did to one symbol: the trades of one taker (if any), then the levels it changed.
 * The market reuses one such object: it is valid until the next step.
 */
export type MarketStep = {
  /** Index into `market.symbols`. */
  symbol: number;
  timeUs: number;
  /** 1, 2, 3 … over the market. */
  seq: number;
  tradeCount: number;
  /** Venue's id of the first trade; the others follow without a hole. */
  tradeId: number;
  isBuy: boolean;
  isMarketOrder: boolean;
  readonly tradeTicks: Int32Array;
  readonly tradeLots: Float64Array;
  levels: LevelChanges;
};

/** A symbol's state, as a venue's protocol needs it. */
export type SymbolState = {
  readonly symbol: MarketSymbol;
  readonly ladder: Ladder;
  /** Wire units of one tick and one lot. */
  readonly tickUnits: number;
  readonly lotUnits: number;
  readonly priceTicks: number;
  readonly baseLots: number;
  /** Roughly a basis point of the first price, ticks. */
  readonly pointTicks: number;
  tradeId: number;
};

export class SimulatedMarket {
  readonly symbols: readonly SymbolState[];
  readonly instruments: readonly Instrument[];
  readonly #random: Random;
  readonly #mood: Mood;
  readonly #step: MarketStep;
  readonly #shares: Float64Array;
  /** Time of the next step since the beginning, with fractions, so that `startUs` changes nothing else. */
  #elapsedUs = 0;
  #originUs: number;
  /** Rows of the present step already given out by `fillBatch`. */
  #rowsGiven = 0;

  constructor(options: MarketOptions) {
    const { seed, startUs = 1_767_323_045_000_000, symbols = marketSymbols, eventsPerSecond = 300 } = options;
    assert(symbols.length > 0, 'a market has at least one symbol');
    assert(eventsPerSecond > 0, 'the event rate is positive');
    this.#random = Random.named(seed, 'orders');
    this.#mood = new Mood(Random.named(seed, 'mood'), symbols.length, eventsPerSecond);
    this.symbols = symbols.map((symbol) => this.#createState(symbol));
    this.instruments = symbols.map(toInstrument);
    this.#originUs = startUs;
    this.#shares = cumulativeShares(symbols);
    this.#step = {
      symbol: 0,
      timeUs: startUs,
      seq: 0,
      tradeCount: 0,
      tradeId: 0,
      isBuy: false,
      isMarketOrder: false,
      tradeTicks: new Int32Array(2 * SWEEP_LEVELS_MAX),
      tradeLots: new Float64Array(2 * SWEEP_LEVELS_MAX),
      levels: this.symbols[0]!.ladder.changes,
    };
    for (const state of this.symbols) this.#populate(state);
    this.#arrive();
  }

  /** When the next step happens, µs. */
  get nextUs(): number {
    return this.#originUs + Math.floor(this.#elapsedUs);
  }

  /** Lets the next step happen no earlier than this. What happens stays the same, only later. */
  skipTo(us: number): void {
    this.#originUs += Math.max(0, Math.ceil(us) - this.nextUs);
  }

  /** Makes the next thing happen. */
  next(): MarketStep {
    const step = this.#step;
    const random = this.#random;
    const share = random.nextFloat();
    let symbol = 0;
    while (share >= this.#shares[symbol]!) symbol++;
    const state = this.symbols[symbol]!;
    step.symbol = symbol;
    step.timeUs = this.nextUs;
    step.seq++;
    step.tradeCount = 0;
    step.levels = state.ladder.changes;
    this.#rowsGiven = 0;
    state.ladder.begin();
    this.#mood.advanceTo(this.#elapsedUs);
    this.#act(state, symbol);
    state.ladder.trim();
    this.#arrive();
    return step;
  }

  /** Appends rows of trade and level events, `count` of them exactly; a step may be split between calls. */
  fillBatch(batch: EventBatch, count: number): void {
    let left = count;
    const step = this.#step;
    while (left > 0) {
      if (this.#rowsGiven === step.tradeCount + step.levels.length || step.seq === 0) this.next();
      const state = this.symbols[step.symbol]!;
      const rows = step.tradeCount + step.levels.length;
      const end = Math.min(rows, this.#rowsGiven + left);
      left -= end - this.#rowsGiven;
      for (let row = this.#rowsGiven; row < end; row++) {
        if (row < step.tradeCount) addTrade(batch, state, step, row);
        else addLevel(batch, state, step, row - step.tradeCount);
      }
      this.#rowsGiven = end;
    }
  }

  /** Appends the whole book of a symbol, best levels first, as a snapshot at the present time. */
  fillSnapshot(batch: EventBatch, symbol: number, depth = 1000): void {
    const state = this.symbols[symbol]!;
    const { ladder } = state;
    const { seq, timeUs } = this.#step;
    const priceScale = 10 ** state.symbol.priceDecimals;
    const sizeScale = 10 ** state.symbol.sizeDecimals;
    let flags: number = Flag.clear;
    let row = -1;
    for (const isAsk of [false, true]) {
      const step = isAsk ? 1 : -1;
      let tick = isAsk ? ladder.askBest : ladder.bidBest;
      for (let left = depth; left > 0 && tick >= ladder.floor && tick <= ladder.ceiling; tick += step) {
        const lots = ladder.lotsAt(tick);
        if (lots === 0) continue;
        left--;
        row = batch.add(EventKind.level, symbol, seq, timeUs, timeUs);
        batch.flags[row] = flags | (isAsk ? Flag.ask : 0);
        batch.price[row] = (tick * state.tickUnits) / priceScale;
        batch.size[row] = (lots * state.lotUnits) / sizeScale;
        flags = 0;
      }
    }
    batch.flags[row] = batch.flags[row]! | Flag.last;
  }

  #createState(symbol: MarketSymbol): SymbolState {
    const { tick, lot, priceTicks } = wireUnits(symbol);
    const levelValue = symbol.levelValue ?? 4000;
    const baseLots = Math.max(4, Math.floor(levelValue / symbol.price / symbol.lotSize));
    assert(baseLots < 2 ** 53 / 128 / lot, `the sizes of ${symbol.symbol} are exact integers`);
    return {
      symbol,
      ladder: new Ladder(priceTicks),
      tickUnits: tick,
      lotUnits: lot,
      priceTicks,
      baseLots,
      pointTicks: Math.max(1, priceTicks / 10_000),
      tradeId: this.#random.nextInt(50_000_000, 150_000_000),
    };
  }

  #populate(state: SymbolState): void {
    const { ladder } = state;
    const random = this.#random;
    ladder.begin();
    ladder.set(ladder.bidBest, false, this.#size(state.baseLots));
    ladder.set(ladder.askBest, true, this.#size(state.baseLots));
    for (let away = 1; away < ladder.range; away++) {
      if (random.nextFloat() < DENSITY)
        ladder.set(state.priceTicks - away, false, this.#size(state.baseLots));
      if (random.nextFloat() < DENSITY)
        ladder.set(state.priceTicks + 1 + away, true, this.#size(state.baseLots));
    }
    ladder.trim();
    ladder.begin();
  }

  /** The time of the next step: gaps of mean one over the rate, many short ones and few long ones. */
  #arrive(): void {
    const u = this.#random.nextFloat();
    this.#elapsedUs += u * u * 3 * this.#mood.gapUs;
  }

  /** One order. Those who know the fair price take what is cheap; the others come and go around the touch. */
  #act(state: SymbolState, symbol: number): void {
    const { ladder } = state;
    const random = this.#random;
    const fair = state.priceTicks * this.#mood.fair(symbol);
    const gap = fair - (ladder.bidBest + ladder.askBest) / 2;
    const urge = Math.max(-1, Math.min(1, gap / (2 + state.pointTicks / 8)));
    const takes = urge * urge > 0.9 ? 0.3 : this.#mood.isBurst ? 0.14 : 0.09;
    const roll = random.nextFloat();
    const isUp = random.nextFloat() * 2 - 1 < urge;
    const isThin = (isUp ? ladder.askLevels : ladder.bidLevels) <= LEVELS_MIN;
    const spread = ladder.askBest - ladder.bidBest;
    if (roll < takes && !isThin) this.#take(state, isUp, fair);
    else if (spread > 1 && roll > 0.5 - spread / 32) this.#improve(state, isUp, fair);
    else this.#rest(state, urge);
  }

  /** A taker's order: mostly a part of the best level; when the price is wrong, several levels up to the fair one. */
  #take(state: SymbolState, isBuy: boolean, fair: number): void {
    const { ladder } = state;
    const random = this.#random;
    const step = this.#step;
    const reach = isBuy ? fair - ladder.askBest : ladder.bidBest - fair;
    let left = Math.ceil(this.#size(state.baseLots) / 3);
    if (reach > 2) left *= 1 + random.nextInt(0, 3 * SWEEP_LEVELS_MAX);
    step.isBuy = isBuy;
    step.isMarketOrder = random.nextFloat() < 0.35;
    step.tradeId = state.tradeId;
    for (let level = 0; left > 0 && level < SWEEP_LEVELS_MAX; level++) {
      const tick = isBuy ? ladder.askBest : ladder.bidBest;
      if (level > 0 && (isBuy ? tick > fair : tick < fair)) break;
      const resting = ladder.lotsAt(tick);
      const lots = Math.min(left, resting);
      left -= lots;
      this.#trade(tick, lots);
      ladder.set(tick, isBuy, resting - lots);
    }
    state.tradeId += step.tradeCount;
  }

  /** One level's part of a sweep: one maker, or two. */
  #trade(tick: number, lots: number): void {
    const step = this.#step;
    const first = lots > 1 && this.#random.nextFloat() < 0.3 ? Math.ceil(lots / 3) : lots;
    step.tradeTicks[step.tradeCount] = tick;
    step.tradeLots[step.tradeCount++] = first;
    if (first === lots) return;
    step.tradeTicks[step.tradeCount] = tick;
    step.tradeLots[step.tradeCount++] = lots - first;
  }

  /** A new best bid or ask inside the spread, as near to the fair price as the other side allows. */
  #improve(state: SymbolState, isBid: boolean, fair: number): void {
    const { ladder } = state;
    const u = this.#random.nextFloat();
    const edge = Math.floor(u * u * 3);
    const wish = isBid ? Math.floor(fair) - edge : Math.ceil(fair) + edge;
    const tick = Math.max(ladder.bidBest + 1, Math.min(ladder.askBest - 1, wish));
    ladder.set(tick, !isBid, this.#size(state.baseLots));
  }

  /** Makers: levels are added, cut and cancelled, most of them near the touch; they flee from a price that runs. */
  #rest(state: SymbolState, urge: number): void {
    const { ladder } = state;
    const random = this.#random;
    const isAsk = random.nextFloat() < 0.5;
    const levels = isAsk ? ladder.askLevels : ladder.bidLevels;
    const fullness = Math.min(4, levels / (DENSITY * ladder.range));
    const flees = (isAsk ? urge : -urge) > 0.9 ? 1.5 : 1;
    for (;;) {
      const u = random.nextFloat();
      const near = random.nextFloat() < 0.75;
      const away = Math.floor(near ? u * u * Math.min(60, ladder.range / 4) : u * u * ladder.range);
      const tick = isAsk ? ladder.askBest + away : ladder.bidBest - away;
      if (tick < ladder.floor || tick > ladder.ceiling) continue;
      const lots = ladder.lotsAt(tick);
      const roll = random.nextFloat();
      if (lots === 0) {
        if (roll * flees * fullness > 0.35) continue;
        ladder.set(tick, isAsk, this.#size(state.baseLots));
        if (fullness < 0.9) this.#layer(state, isAsk, random.nextInt(0, LAYERS_MAX));
        return;
      }
      if (levels > LEVELS_MIN && roll < 0.35 * flees * fullness) {
        ladder.set(tick, isAsk, 0);
        return;
      }
      const size = lots > 1 && roll > 0.8 ? Math.ceil(lots * random.nextFloat()) : this.#size(state.baseLots);
      if (size === lots || size === 0) continue;
      ladder.set(tick, isAsk, size);
      return;
    }
  }

  /** Where a side has become thin, makers quote several levels in one go. */
  #layer(state: SymbolState, isAsk: boolean, layers: number): void {
    const { ladder } = state;
    for (let layer = 0; layer < layers; layer++) {
      const u = this.#random.nextFloat();
      const away = Math.floor(u * u * ladder.range);
      const tick = isAsk ? ladder.askBest + away : ladder.bidBest - away;
      if (tick < ladder.floor || tick > ladder.ceiling || ladder.lotsAt(tick) > 0) continue;
      ladder.set(tick, isAsk, this.#size(state.baseLots));
    }
  }

  /** A size, lots: many small, few large, a third of them round numbers as people type them. */
  #size(baseLots: number): number {
    const u = this.#random.nextFloat();
    const tail = u > 0.97 ? 12 * this.#random.nextFloat() : 0;
    const lots = Math.max(1, Math.floor(baseLots * (0.004 + 2.6 * u * u * u + tail)));
    if (this.#random.nextFloat() > 0.33 || lots < 1000) return lots;
    let grid = 1;
    while (grid * 100 <= lots) grid *= 10;
    return lots - (lots % grid);
  }
}

function cumulativeShares(symbols: readonly MarketSymbol[]): Float64Array {
  const total = symbols.reduce((sum, symbol) => sum + (symbol.activity ?? 1), 0);
  let sum = 0;
  const shares = Float64Array.from(symbols, (symbol) => {
    sum += symbol.activity ?? 1;
    return sum / total;
  });
  shares[shares.length - 1] = 1;
  return shares;
}

function addTrade(batch: EventBatch, state: SymbolState, step: MarketStep, index: number): void {
  const row = batch.add(EventKind.trade, step.symbol, step.seq, step.timeUs, step.timeUs);
  batch.flags[row] = step.isBuy ? Flag.buy : Flag.sell;
  batch.price[row] = (step.tradeTicks[index]! * state.tickUnits) / 10 ** state.symbol.priceDecimals;
  batch.size[row] = (step.tradeLots[index]! * state.lotUnits) / 10 ** state.symbol.sizeDecimals;
  batch.id[row] = step.tradeId + index;
}

function addLevel(batch: EventBatch, state: SymbolState, step: MarketStep, index: number): void {
  const { levels } = step;
  const row = batch.add(EventKind.level, step.symbol, step.seq, step.timeUs, step.timeUs);
  const side = levels.isAsk[index] === 1 ? Flag.ask : 0;
  batch.flags[row] = side | (index === levels.length - 1 ? Flag.last : 0);
  batch.price[row] = (levels.tick[index]! * state.tickUnits) / 10 ** state.symbol.priceDecimals;
  batch.size[row] = (levels.lots[index]! * state.lotUnits) / 10 ** state.symbol.sizeDecimals;
}
