// What a venue remembers of one symbol: the last trades, the statistics of its day, its candles.
// Fed with every step of the symbol, whether anyone listens or not.
import { formatTimeUs } from '../core/time.ts';
import type { MarketStep, SymbolState } from './market.ts';
import { formatPrice, formatSize, formatUnits } from './wire.ts';

const TRADES_KEPT = 50;
const CANDLES_KEPT = 720;
const MINUTE_US = 60e6;

/** Prices in ticks, volume in base currency, value = Σ price in ticks × size. */
export type Candle = {
  readonly startUs: number;
  readonly open: number;
  high: number;
  low: number;
  close: number;
  trades: number;
  volume: number;
  value: number;
};

export class Tape {
  readonly state: SymbolState;
  /** JSON of the last trades, oldest first. */
  readonly trades: string[] = [];
  readonly #series = new Map<number, Candle[]>([[MINUTE_US, []]]);
  readonly #openTicks: number;
  #high: number;
  #low: number;
  #last: number;
  #volume: number;
  #value: number;

  constructor(state: SymbolState) {
    this.state = state;
    const { priceTicks, pointTicks, baseLots } = state;
    this.#openTicks = Math.floor(priceTicks - 40 * pointTicks);
    this.#high = Math.floor(priceTicks + 60 * pointTicks);
    this.#low = Math.floor(priceTicks - 90 * pointTicks);
    this.#last = priceTicks;
    this.#volume = (baseLots * state.lotUnits * 3000) / 10 ** state.symbol.sizeDecimals;
    this.#value = this.#volume * (priceTicks - 10 * pointTicks);
  }

  /** Takes the step's trades; returns the JSON of its trades, joined, or `''`. */
  add(step: MarketStep): string {
    if (step.tradeCount === 0) return '';
    const time = formatTimeUs(step.timeUs);
    let joined = '';
    for (let i = 0; i < step.tradeCount; i++) {
      const ticks = step.tradeTicks[i]!;
      const text = this.#formatTrade(step, i, time);
      joined = i === 0 ? text : `${joined},${text}`;
      this.trades.push(text);
      if (this.trades.length > TRADES_KEPT) this.trades.shift();
      const size = (step.tradeLots[i]! * this.state.lotUnits) / 10 ** this.state.symbol.sizeDecimals;
      this.#last = ticks;
      this.#high = Math.max(this.#high, ticks);
      this.#low = Math.min(this.#low, ticks);
      this.#volume += size;
      this.#value += size * ticks;
      for (const [intervalUs, candles] of this.#series)
        addToCandles(candles, intervalUs, step.timeUs, ticks, size);
    }
    return joined;
  }

  /** The kept candles of an interval, oldest first, the running one last; kept up from now on. */
  candles(intervalUs: number): readonly Candle[] {
    const known = this.#series.get(intervalUs);
    if (known !== undefined) return known;
    const folded: Candle[] = [];
    for (const minute of this.#series.get(MINUTE_US)!) foldCandle(folded, intervalUs, minute);
    this.#series.set(intervalUs, folded);
    return folded;
  }

  formatTicker(timeUs: number): string {
    const { state } = this;
    const { ladder, symbol } = state;
    const change = this.#last - this.#openTicks;
    return (
      `{"symbol":"${symbol.symbol}","bid":${formatPrice(state, ladder.bidBest)}` +
      `,"bid_qty":${formatSize(state, ladder.lotsAt(ladder.bidBest))}` +
      `,"ask":${formatPrice(state, ladder.askBest)},"ask_qty":${formatSize(state, ladder.lotsAt(ladder.askBest))}` +
      `,"last":${formatPrice(state, this.#last)},"volume":${this.#volume.toFixed(symbol.sizeDecimals)}` +
      `,"vwap":${this.#mean(this.#value, this.#volume)},"low":${formatPrice(state, this.#low)}` +
      `,"high":${formatPrice(state, this.#high)},"change":${formatPrice(state, change)}` +
      `,"change_pct":${((change / this.#openTicks) * 100).toFixed(2)},"timestamp":"${formatTimeUs(timeUs)}"}`
    );
  }

  formatCandle(candle: Candle, intervalUs: number): string {
    const { state } = this;
    const begin = formatTimeUs(candle.startUs).replace('Z', '000Z');
    return (
      `{"symbol":"${state.symbol.symbol}","open":${formatPrice(state, candle.open)}` +
      `,"high":${formatPrice(state, candle.high)},"low":${formatPrice(state, candle.low)}` +
      `,"close":${formatPrice(state, candle.close)},"trades":${candle.trades}` +
      `,"volume":${candle.volume.toFixed(state.symbol.sizeDecimals)}` +
      `,"vwap":${this.#mean(candle.value, candle.volume)}` +
      `,"interval_begin":"${begin}","interval":${intervalUs / MINUTE_US}` +
      `,"timestamp":"${formatTimeUs(candle.startUs + intervalUs)}"}`
    );
  }

  #formatTrade(step: MarketStep, index: number, time: string): string {
    const { state } = this;
    return (
      `{"symbol":"${state.symbol.symbol}","side":"${step.isBuy ? 'buy' : 'sell'}"` +
      `,"price":${formatPrice(state, step.tradeTicks[index]!)},"qty":${formatSize(state, step.tradeLots[index]!)}` +
      `,"ord_type":"${step.isMarketOrder ? 'market' : 'limit'}","trade_id":${step.tradeId + index}` +
      `,"timestamp":"${time}"}`
    );
  }

  #mean(value: number, volume: number): string {
    const units = volume === 0 ? 0 : Math.round((value / volume) * this.state.tickUnits);
    return formatUnits(units, this.state.symbol.priceDecimals);
  }
}

function addToCandles(
  candles: Candle[],
  intervalUs: number,
  timeUs: number,
  ticks: number,
  size: number,
): void {
  const startUs = timeUs - (timeUs % intervalUs);
  foldCandle(candles, intervalUs, {
    startUs,
    open: ticks,
    high: ticks,
    low: ticks,
    close: ticks,
    trades: 1,
    volume: size,
    value: ticks * size,
  });
}

function foldCandle(candles: Candle[], intervalUs: number, part: Candle): void {
  const startUs = part.startUs - (part.startUs % intervalUs);
  const last = candles.at(-1);
  if (last === undefined || last.startUs !== startUs) {
    candles.push({ ...part, startUs });
    if (candles.length > CANDLES_KEPT) candles.shift();
    return;
  }
  last.high = Math.max(last.high, part.high);
  last.low = Math.min(last.low, part.low);
  last.close = part.close;
  last.trades += part.trades;
  last.volume += part.volume;
  last.value += part.value;
}
