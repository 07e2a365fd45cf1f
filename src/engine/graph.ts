// The declared inputs of all strategies as one graph: series by instrument and interval, indicators by series and
// key. Equal declarations share one node, whoever made them; a node knows under which names it is recorded.

import { assert } from '../core/assert.ts';
import { UsageError, unknownName } from '../core/errors.ts';
import { GRACE_MAX_US } from '../core/lag.ts';
import { resolveName } from '../core/session.ts';
import { CandleSeries } from '../market/candles.ts';
import type { Indicator } from '../market/indicator.ts';
import type { BookView, InputSpec, Inputs } from './inputs.ts';
import type { Markets } from './market.ts';
import {
  createFormingView,
  createOutputsView,
  MarketLook,
  type OutputsView,
  SeriesView,
  showOutputs,
} from './views.ts';

type CandlesSpec = Extract<InputSpec, { input: 'candles' }>;
type IndicatorSpec = Extract<InputSpec, { input: 'indicator' }>;

export class SeriesNode {
  readonly symbol: string;
  readonly instrument: number;
  readonly series: CandleSeries;
  readonly indicators: IndicatorNode[] = [];
  /** Declared as `strategy.input`: the names of its candle records. */
  readonly names: string[] = [];
  /** The timer that closes its candles, given by the engine. */
  timer = -1;
  /** The close time for which the timer stands, µs of exchange time. */
  scheduledUs = Number.POSITIVE_INFINITY;
  /** Engine time since which all trades are received, until a candle has closed since; else NaN. */
  beganUs = Number.NaN;

  constructor(symbol: string, instrument: number, series: CandleSeries) {
    this.symbol = symbol;
    this.instrument = instrument;
    this.series = series;
  }

  /** Brings the indicators up to the candle that just closed. */
  update(): void {
    for (let i = 0; i < this.indicators.length; i++) this.indicators[i]!.update(this.series);
  }
}

export class IndicatorNode {
  readonly key: string;
  readonly indicator: Indicator;
  readonly view: OutputsView;
  readonly names: string[] = [];

  constructor(key: string, indicator: Indicator) {
    this.key = key;
    this.indicator = indicator;
    this.view = createOutputsView(indicator);
  }

  update(series: CandleSeries): void {
    this.indicator.update(series.closed);
    showOutputs(this.indicator, this.view);
  }
}

/** What one strategy's declaration became. */
export type Declared = {
  readonly views: Readonly<Record<string, unknown>>;
  /** The series under each input that has one, by the input's name, in the order of declaration. */
  readonly series: ReadonlyMap<string, SeriesNode>;
  /** Instrument of the first input. */
  readonly instrument: number;
  /** All of them, in the order of declaration. */
  readonly inputs: readonly DeclaredInput[];
  /** Quotes and books: what they show is recorded at decisions. */
  readonly looks: readonly DeclaredLook[];
};

/** One declared input and what it stands on; quotes and books have no series, candles no indicator. */
export type DeclaredInput = {
  readonly name: string;
  readonly instrument: number;
  readonly spec: InputSpec;
  readonly node: SeriesNode | undefined;
  readonly indicator: Indicator | undefined;
};

export type DeclaredLook = {
  /** `strategy.input` */
  readonly name: string;
  readonly symbol: string;
  readonly instrument: number;
  readonly view: MarketLook;
  readonly outputs: readonly (keyof BookView)[];
};

export class InputGraph {
  readonly nodes: SeriesNode[] = [];
  readonly #symbols: readonly string[];
  readonly #markets: Markets;
  readonly #fill: number;

  constructor(options: {
    readonly symbols: readonly string[];
    readonly markets: Markets;
    readonly fill: number;
  }) {
    this.#symbols = options.symbols;
    this.#markets = options.markets;
    this.#fill = options.fill;
  }

  declare(id: string, inputs: Inputs): Declared {
    const views: Record<string, unknown> = {};
    const series = new Map<string, SeriesNode>();
    const own = new Set<SeriesNode>();
    const declared: DeclaredInput[] = [];
    const looks: DeclaredLook[] = [];
    let instrument = -1;
    for (const [name, spec] of Object.entries(inputs)) {
      const from = `inputs of ${id}: ${name}`;
      const root = spec.input === 'indicator' ? candlesUnder(spec, from) : spec;
      const at = this.instrumentOf(root.symbol, from);
      if (instrument < 0) instrument = at;
      if (root.input === 'candles') {
        const node = this.#seriesNode(root, at);
        series.set(name, node);
        if (spec.input === 'candles') own.add(node);
        views[name] = this.#viewOf(spec, { root, node, name: `${id}.${name}` });
        const key = spec.input === 'indicator' ? spec.key : undefined;
        const indicator = node.indicators.find((candidate) => candidate.key === key)?.indicator;
        declared.push({ name, instrument: at, spec, node, indicator });
      } else {
        const view = new MarketLook(this.#markets.all[at]!, root.input === 'book' ? root.levels : 1);
        const outputs = root.input === 'book' ? BOOK_OUTPUTS : QUOTE_OUTPUTS;
        views[name] = view;
        declared.push({ name, instrument: at, spec, node: undefined, indicator: undefined });
        looks.push({ name: `${id}.${name}`, symbol: root.symbol, instrument: at, view, outputs });
      }
    }
    // Candles that only an indicator stands on are recorded under its name: a comparison needs to see them.
    for (const [name, node] of series) {
      if (own.has(node)) continue;
      own.add(node);
      node.names.push(`${id}.${name}`);
    }
    if (instrument < 0) throw new UsageError(`inputs of ${id}: none declared (allowed: at least one)`);
    return { views, series, instrument, inputs: declared, looks };
  }

  instrumentOf(symbol: string, from: string): number {
    const instrument = resolveName(this.#symbols, symbol);
    if (instrument < 0) throw unknownName('symbol', symbol, this.#symbols, from);
    return instrument;
  }

  #viewOf(
    spec: InputSpec,
    under: { readonly root: CandlesSpec; readonly node: SeriesNode; readonly name: string },
  ): unknown {
    const { root, node, name } = under;
    if (spec.input === 'candles') {
      node.names.push(name);
      return new SeriesView(node.series, root.shows);
    }
    assert(spec.input === 'indicator', 'what is above candles is an indicator');
    let indicator = node.indicators.find((candidate) => candidate.key === spec.key);
    if (indicator === undefined) {
      indicator = new IndicatorNode(spec.key, spec.create());
      node.indicators.push(indicator);
    }
    indicator.names.push(name);
    return root.shows === 'forming' ? createFormingView(indicator.indicator, node.series) : indicator.view;
  }

  #seriesNode(spec: CandlesSpec, instrument: number): SeriesNode {
    const { intervalUs, offsetUs } = spec;
    const known = this.nodes.find(
      ({ instrument: own, series }) =>
        own === instrument && series.intervalUs === intervalUs && series.offsetUs === offsetUs,
    );
    if (known !== undefined) return known;
    // Candles wait for late trades, so as many may be open as end within the longest wait.
    const openMax = 4 + Math.ceil((2 * GRACE_MAX_US) / intervalUs);
    const series = new CandleSeries({ intervalUs, gap: { fill: this.#fill }, offsetUs, openMax });
    const node = new SeriesNode(spec.symbol, instrument, series);
    this.nodes.push(node);
    return node;
  }
}

const QUOTE_OUTPUTS = ['bid', 'bidSize', 'ask', 'askSize', 'mid', 'spread'] as const;
const BOOK_OUTPUTS = [...QUOTE_OUTPUTS, 'isValid', 'pressure'] as const;

/** The candles an indicator is computed from; it takes candles and nothing else. */
function candlesUnder(spec: IndicatorSpec, from: string): CandlesSpec {
  if (spec.of.input === 'candles') return spec.of;
  throw new UsageError(`${from}: ${spec.key} of ${spec.of.input} (allowed: an indicator of candles)`);
}
