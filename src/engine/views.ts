// What `decide` gets in place of its declared inputs: small reused objects over the engine's state.
// Closed views show the last closed candle only; forming views show what would be if the candle closed now.
import type { CandleSeries } from '../market/candles.ts';
import type { Indicator } from '../market/indicator.ts';
import type { BookView, CandlesView, QuoteView } from './inputs.ts';
import type { Market } from './market.ts';

export class SeriesView implements CandlesView {
  readonly #series: CandleSeries;
  readonly #showsForming: boolean;

  constructor(series: CandleSeries, shows: 'closed' | 'forming') {
    this.#series = series;
    this.#showsForming = shows === 'forming';
  }

  get startUs(): number {
    return this.#candle().startUs;
  }
  get open(): number {
    return this.#candle().open;
  }
  get high(): number {
    return this.#candle().high;
  }
  get low(): number {
    return this.#candle().low;
  }
  get close(): number {
    return this.#candle().close;
  }
  get volume(): number {
    return this.#candle().volume;
  }
  get buyVolume(): number {
    return this.#candle().buyVolume;
  }
  get sellVolume(): number {
    return this.#candle().sellVolume;
  }
  get trades(): number {
    return this.#candle().trades;
  }
  get count(): number {
    return this.#series.count;
  }

  at(back: number): ReturnType<CandlesView['at']> {
    return this.#series.at(back);
  }

  #candle(): CandleSeries['closed'] {
    const series = this.#series;
    return this.#showsForming && series.isForming ? series.forming : series.closed;
  }
}

/** The outputs of an indicator under their names, and whether all of them are numbers. */
export type OutputsView = Record<string, number | boolean>;

/** A view of closed values: plain fields, written by `showOutputs` at each close. */
export function createOutputsView(indicator: Indicator): OutputsView {
  const view: OutputsView = {};
  for (const name of indicator.outputs) view[name] = Number.NaN;
  view.isReady = false;
  return view;
}

export function showOutputs(indicator: Indicator, view: OutputsView): void {
  let isReady = true;
  for (let i = 0; i < indicator.outputs.length; i++) {
    const value = indicator.output(i);
    view[indicator.outputs[i]!] = value;
    if (Number.isNaN(value)) isReady = false;
  }
  view.isReady = isReady;
}

/** A view that previews the forming candle whenever it is read. */
export function createFormingView(indicator: Indicator, series: CandleSeries): OutputsView {
  const refresh = (): void => {
    if (series.isForming) indicator.preview(series.forming);
  };
  const view: OutputsView = {};
  for (const [i, name] of indicator.outputs.entries()) {
    Object.defineProperty(view, name, {
      enumerable: true,
      get: () => {
        refresh();
        return indicator.output(i);
      },
    });
  }
  Object.defineProperty(view, 'isReady', {
    get: () => {
      refresh();
      return indicator.outputs.every((_, i) => !Number.isNaN(indicator.output(i)));
    },
  });
  return view;
}

/** Best prices and a look into the book; `levels` is how deep `pressure` looks. */
export class MarketLook implements QuoteView, BookView {
  readonly #market: Market;
  readonly #levels: number;

  constructor(market: Market, levels: number) {
    this.#market = market;
    this.#levels = levels;
  }

  get bid(): number {
    return this.#market.bid;
  }
  get bidSize(): number {
    return this.#market.bidSize;
  }
  get ask(): number {
    return this.#market.ask;
  }
  get askSize(): number {
    return this.#market.askSize;
  }
  get mid(): number {
    return this.#market.mid;
  }
  get spread(): number {
    return this.#market.ask - this.#market.bid;
  }
  get isValid(): boolean {
    return this.#market.isBookValid;
  }
  get pressure(): number {
    const { book } = this.#market;
    return book?.isValid ? book.pressure(this.#levels) : Number.NaN;
  }
}
