// What can be subscribed of one symbol: a topic writes the snapshot and the update frames of one channel.
// Frames depend on the topic alone, so that every connection with the same topic is sent the same text.
import { formatTimeUs } from '../core/time.ts';
import type { MarketStep, SymbolState } from './market.ts';
import type { Tape } from './tape.ts';
import { checksum, formatPrice, formatSize } from './wire.ts';

export interface Topic {
  /** The frame with the whole state as of `timeUs`. */
  snapshot(timeUs: number): string;
  /** The frame that tells one step, or `''` when it changes nothing of this topic. `trades` is the step's, as JSON. */
  update(step: MarketStep, trades: string): string;
}

export class TradeTopic implements Topic {
  readonly #tape: Tape;

  constructor(tape: Tape) {
    this.#tape = tape;
  }

  snapshot(): string {
    return `{"channel":"trade","type":"snapshot","data":[${this.#tape.trades.join(',')}]}`;
  }

  update(_step: MarketStep, trades: string): string {
    return trades === '' ? '' : `{"channel":"trade","type":"update","data":[${trades}]}`;
  }
}

export class TickerTopic implements Topic {
  readonly #tape: Tape;
  readonly #onTrades: boolean;
  #bid = 0;
  #ask = 0;
  #bidLots = 0;
  #askLots = 0;

  constructor(tape: Tape, trigger: 'bbo' | 'trades') {
    this.#tape = tape;
    this.#onTrades = trigger === 'trades';
    this.#isMoved();
  }

  snapshot(timeUs: number): string {
    return `{"channel":"ticker","type":"snapshot","data":[${this.#tape.formatTicker(timeUs)}]}`;
  }

  update(step: MarketStep): string {
    const isDue = this.#onTrades ? step.tradeCount > 0 : this.#isMoved();
    if (!isDue) return '';
    return `{"channel":"ticker","type":"update","data":[${this.#tape.formatTicker(step.timeUs)}]}`;
  }

  #isMoved(): boolean {
    const { ladder } = this.#tape.state;
    const bidLots = ladder.lotsAt(ladder.bidBest);
    const askLots = ladder.lotsAt(ladder.askBest);
    const isSame =
      this.#bid === ladder.bidBest &&
      this.#ask === ladder.askBest &&
      this.#bidLots === bidLots &&
      this.#askLots === askLots;
    this.#bid = ladder.bidBest;
    this.#ask = ladder.askBest;
    this.#bidLots = bidLots;
    this.#askLots = askLots;
    return !isSame;
  }
}

/** The running candle, restated on every trade; no frame for an empty interval and none that says "closed". */
export class CandleTopic implements Topic {
  readonly #tape: Tape;
  readonly #intervalUs: number;

  constructor(tape: Tape, intervalUs: number) {
    this.#tape = tape;
    this.#intervalUs = intervalUs;
    tape.candles(intervalUs);
  }

  snapshot(timeUs: number): string {
    const candles = this.#tape.candles(this.#intervalUs);
    return this.#frame(
      'snapshot',
      timeUs,
      candles.map((candle) => this.#tape.formatCandle(candle, this.#intervalUs)).join(','),
    );
  }

  update(step: MarketStep): string {
    if (step.tradeCount === 0) return '';
    const running = this.#tape.candles(this.#intervalUs).at(-1)!;
    return this.#frame('update', step.timeUs, this.#tape.formatCandle(running, this.#intervalUs));
  }

  #frame(type: string, timeUs: number, data: string): string {
    const time = formatTimeUs(timeUs).replace('Z', '000Z');
    return `{"channel":"ohlc","type":"${type}","timestamp":"${time}","data":[${data}]}`;
  }
}

/** One side as a subscriber of limited depth sees it: all levels up to `bound`, `count` of them. */
type SideView = {
  /** 1 for asks, −1 for bids: `tick × sign` grows away from the touch. */
  readonly sign: 1 | -1;
  /** Greatest `tick × sign` in view; Infinity while the side has fewer levels than the depth. */
  bound: number;
  count: number;
};

/**
 * A book cut to a depth. Invariant: a subscriber who applies every frame and keeps the best `depth` levels of
 * each side holds exactly the levels in view. So a level that others push out of range is not deleted on the
 * wire, and one that comes back into range, because better ones vanished, is sent again.
 */
export class BookTopic implements Topic {
  readonly #state: SymbolState;
  readonly #depth: number;
  readonly #asks: SideView = { sign: 1, bound: Number.NEGATIVE_INFINITY, count: 0 };
  readonly #bids: SideView = { sign: -1, bound: Number.NEGATIVE_INFINITY, count: 0 };

  constructor(state: SymbolState, depth: number) {
    this.#state = state;
    this.#depth = depth;
    this.#extend(this.#asks);
    this.#extend(this.#bids);
  }

  snapshot(timeUs: number): string {
    return this.#frame('snapshot', timeUs, this.#levels(this.#bids), this.#levels(this.#asks));
  }

  update(step: MarketStep): string {
    const bids = this.#applySide(this.#bids, step);
    const asks = this.#applySide(this.#asks, step);
    return bids === '' && asks === '' ? '' : this.#frame('update', step.timeUs, bids, asks);
  }

  #frame(type: string, timeUs: number, bids: string, asks: string): string {
    return (
      `{"channel":"book","type":"${type}","data":[{"symbol":"${this.#state.symbol.symbol}"` +
      `,"bids":[${bids}],"asks":[${asks}],"checksum":${checksum(this.#state)}` +
      `,"timestamp":"${formatTimeUs(timeUs)}"}]}`
    );
  }

  #applySide(side: SideView, step: MarketStep): string {
    const { length, tick, isAsk, lots, lotsBefore } = step.levels;
    const isAskSide = side.sign === 1 ? 1 : 0;
    const boundBefore = side.bound;
    for (let row = 0; row < length; row++) {
      if (isAsk[row] !== isAskSide || tick[row]! * side.sign > boundBefore) continue;
      if (lotsBefore[row] === 0) side.count++;
      if (lots[row] === 0) side.count--;
    }
    this.#shrink(side);
    let text = '';
    for (let row = 0; row < length; row++) {
      if (isAsk[row] !== isAskSide) continue;
      const away = tick[row]! * side.sign;
      if (away > boundBefore || (away > side.bound && lots[row]! > 0)) continue;
      text += this.#level(tick[row]!, lots[row]!, text);
    }
    return this.#extend(side, text);
  }

  /** Lets the farthest levels go while there are more than the depth. */
  #shrink(side: SideView): void {
    if (side.count <= this.#depth) return;
    const { ladder } = this.#state;
    let away = Math.min(side.bound, side.sign === 1 ? ladder.ceiling : -ladder.floor);
    for (; side.count > this.#depth; away--) {
      if (ladder.lotsAt(away * side.sign) > 0) side.count--;
    }
    side.bound = away;
  }

  /** Takes levels in from beyond the bound until there are as many as the depth; returns the text with them. */
  #extend(side: SideView, before = ''): string {
    const { ladder } = this.#state;
    const edge = side.sign === 1 ? ladder.ceiling : -ladder.floor;
    const best = side.sign === 1 ? ladder.askBest : -ladder.bidBest;
    let text = before;
    while (side.count < this.#depth && side.bound !== Number.POSITIVE_INFINITY) {
      let away = Math.max(side.bound + 1, best);
      while (away <= edge && ladder.lotsAt(away * side.sign) === 0) away++;
      if (away > edge) {
        side.bound = Number.POSITIVE_INFINITY;
      } else {
        side.bound = away;
        side.count++;
        text += this.#level(away * side.sign, ladder.lotsAt(away * side.sign), text);
      }
    }
    return text;
  }

  #levels(side: SideView): string {
    const { ladder } = this.#state;
    let tick = side.sign === 1 ? ladder.askBest : ladder.bidBest;
    let text = '';
    for (let left = side.count; left > 0; tick += side.sign) {
      const lots = ladder.lotsAt(tick);
      if (lots === 0) continue;
      left--;
      text += this.#level(tick, lots, text);
    }
    return text;
  }

  #level(tick: number, lots: number, before: string): string {
    const comma = before === '' ? '' : ',';
    return `${comma}{"price":${formatPrice(this.#state, tick)},"qty":${formatSize(this.#state, lots)}}`;
  }
}
