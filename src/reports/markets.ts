// Candles and what was computed from them, thinned to what a chart can show while they are read.

import type { RoundTrip, TimedFill } from '../runs/figures/trips.ts';
import { type RecordOf, valuesOf } from '../runs/log.ts';
import { MergedCandles, type Span, Thinned } from './reduce.ts';

export type SeriesEvidence = {
  /** `strategy.input`. */
  readonly name: string;
  readonly symbol: string;
  readonly candles: MergedCandles;
  /** By `input.output`, those computed from these candles. */
  readonly indicators: ReadonlyMap<string, Thinned>;
  readonly fills: readonly TimedFill[];
  readonly trips: readonly RoundTrip[];
};

/** Candles and what was computed from them. */
export class Markets {
  readonly indicators = new Map<string, Thinned>();
  /** What quotes and books showed at decisions, by `strategy.input.output`. */
  readonly samples = new Map<string, Thinned>();
  readonly plots = new Map<string, Thinned>();
  readonly holds = new Map<string, HeldPrices>();
  readonly #span: Span;
  readonly #candles = new Map<string, { readonly symbol: string; readonly candles: MergedCandles }>();
  /** The series that each indicator is computed from, by its name. */
  readonly #seriesOf = new Map<string, string>();
  /** The last candle of each strategy: an indicator's record follows that of its own candle, at the same event. */
  readonly #closed = new Map<string, Map<string, RecordOf<'candle'>>>();

  constructor(span: Span) {
    this.#span = span;
  }

  addCandle(record: RecordOf<'candle'>): void {
    const { name, symbol, startUs, intervalUs, open, close } = record;
    const strategy = strategyOf(name);
    const series = entry(this.#candles, name, () => ({ symbol, candles: new MergedCandles(intervalUs) }));
    series.candles.push(record);
    entry(this.#closed, strategy, () => new Map()).set(name, record);
    const held = entry(this.holds, strategy, (): HeldPrices => {
      const started = {
        ...{ name, symbol, base: open },
        ...{ prices: new Thinned(this.#span), daily: { timesUs: [], values: [] } },
      };
      hold(started, startUs, open);
      return started;
    });
    if (held.name === name) hold(held, startUs + intervalUs, close);
  }

  addSample(record: RecordOf<'sample'>): void {
    for (const [name, value] of valuesOf(record)) {
      entry(this.samples, name, () => new Thinned(this.#span)).push(record.atUs, value);
    }
  }

  addPlot({ strategy, name, timeUs, value }: RecordOf<'plot'>): void {
    entry(this.plots, `${strategy}.${name}`, () => new Thinned(this.#span)).push(timeUs, value);
  }

  addIndicator({ name, event, atUs, value }: RecordOf<'indicator'>): void {
    entry(this.indicators, name, () => new Thinned(this.#span)).push(atUs, value);
    if (this.#seriesOf.has(name)) return;
    const own = [...(this.#closed.get(strategyOf(name))?.values() ?? [])];
    const candle = own.findLast((closed) => closed.event === event && closed.startUs === atUs);
    if (candle !== undefined) this.#seriesOf.set(name, candle.name);
  }

  series(fills: readonly TimedFill[], trips: readonly RoundTrip[]): readonly SeriesEvidence[] {
    const firsts = new Map<string, string>();
    for (const name of this.#candles.keys()) entry(firsts, strategyOf(name), () => name);
    return [...this.#candles].map(([name, { symbol, candles }]) => {
      const strategy = strategyOf(name);
      const isHere = (of: { readonly strategy: string; readonly symbol: string }): boolean =>
        of.strategy === strategy && of.symbol === symbol;
      const indicators = [...this.indicators].filter(
        ([key]) => strategyOf(key) === strategy && (this.#seriesOf.get(key) ?? firsts.get(strategy)) === name,
      );
      return {
        ...{ name, symbol, candles },
        indicators: new Map(indicators.map(([key, values]) => [key.slice(strategy.length + 1), values])),
        fills: fills.filter(({ fill }) => isHere(fill)),
        trips: trips.filter(isHere),
      };
    });
  }
}

const DAY_US = 86_400e6;

/** Prices of the first candle series of a strategy: thinned for the picture, the last of each day for the figures. */
export type HeldPrices = {
  readonly name: string;
  readonly symbol: string;
  readonly base: number;
  readonly prices: Thinned;
  readonly daily: { readonly timesUs: number[]; readonly values: number[] };
};

function hold({ daily, prices }: HeldPrices, timeUs: number, price: number): void {
  prices.push(timeUs, price);
  const last = daily.timesUs.at(-1);
  if (last !== undefined && Math.floor(last / DAY_US) === Math.floor(timeUs / DAY_US)) {
    daily.timesUs.pop();
    daily.values.pop();
  }
  daily.timesUs.push(timeUs);
  daily.values.push(price);
}

/** `mean-reversion.rsi.value` → `mean-reversion`. */
function strategyOf(name: string): string {
  const dot = name.indexOf('.');
  return dot < 0 ? name : name.slice(0, dot);
}

/** The value of a key, made when it is not there yet. */
function entry<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = create();
    map.set(key, value);
  }
  return value;
}
