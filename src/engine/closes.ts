// When candles close, and what follows. Candles hold what happened in an interval of the venue's clock; they close when
// engine time has passed its end by the lag of receipt and a grace, whoever trades when. All series, of any instrument,
// that end at one instant are brought up to date first, in the order in which they were declared; then strategies are
// called, by series and then as they stand in the run file, so each sees all candles of that instant.

import type { Candle } from '../core/candle.ts';
import type { Lag } from '../core/lag.ts';
import type { RunLog } from '../core/record.ts';
import { formatDurationUs } from '../core/time.ts';
import type { Cursor } from './cursor.ts';
import type { SeriesNode } from './graph.ts';
import type { Runner } from './runner.ts';
import { TimerRank, type Timers } from './timers.ts';

/** The series of one instrument. */
export type SeriesGroup = {
  readonly nodes: SeriesNode[];
};

/** One trade for the candles; `side` is the taker's: 1 bought, −1 sold, 0 unknown. */
type CandleTrade = {
  readonly price: number;
  readonly size: number;
  readonly side: number;
  readonly timeUs: number;
};

export type ClosesOptions = {
  readonly symbols: readonly string[];
  /** How far receipt lags the venue. */
  readonly lag: Lag;
  readonly timers: Timers;
  readonly cursor: Cursor;
  readonly log: RunLog;
  /** Asks a strategy to decide; the second argument is the start of the candle that closed, µs. */
  readonly call: (runner: Runner, startUs: number) => void;
  /** How long after its end, by our clock, a candle may still get something, µs. */
  readonly waitUs: () => number;
};

export class Closes {
  readonly #options: ClosesOptions;
  /** By instrument number. */
  readonly groups: readonly SeriesGroup[];
  readonly #runners = new Map<SeriesNode, Runner[]>();
  readonly #nodes: SeriesNode[] = [];
  /** Series that closed at this instant and whose strategies have not been called yet. */
  readonly #closed: SeriesNode[] = [];
  #areHeld = false;
  /** What closes now happened before anyone could act on it. */
  #isHistory = false;

  constructor(options: ClosesOptions) {
    this.#options = options;
    this.groups = options.symbols.map(() => ({ nodes: [] }));
  }

  add(node: SeriesNode): void {
    node.timer = this.#options.timers.add(TimerRank.candle);
    this.#nodes.push(node);
    node.series.onClose = () => this.#onClose(node);
    this.groups[node.instrument]!.nodes.push(node);
  }

  /** Adds a trade to each series of its instrument. */
  addTrade(instrument: number, { price, size, side, timeUs }: CandleTrade): void {
    for (const node of this.groups[instrument]!.nodes) {
      const isTaken = node.series.addTrade(price, size, side, timeUs);
      if (!isTaken || node.series.nextCloseUs !== node.scheduledUs) this.follow(node, isTaken, timeUs);
    }
  }

  /** After a series was offered a trade: it was too late for it, or its next close is another now. */
  follow(node: SeriesNode, isTaken: boolean, timeUs: number): void {
    if (isTaken) this.#schedule(node);
    else this.#unused(node, 'late trade: closed already, the candle', node.series.startOf(timeUs));
  }

  /** Adds a closed candle of the feed to each series it lies inside. On what history closes nobody is called. */
  addCandle(instrument: number, candle: Candle, isHistory: boolean): void {
    this.#isHistory = isHistory;
    for (const node of this.groups[instrument]!.nodes) {
      const { series } = node;
      const isPart = series.startOf(candle.startUs) + series.intervalUs >= candle.startUs + candle.intervalUs;
      const length = formatDurationUs(candle.intervalUs);
      if (!isPart) this.#unused(node, `a candle of ${length} is no part of one`);
      else if (!node.series.addCandle(candle)) {
        this.#unused(node, 'late candle: closed already, one', node.series.startOf(candle.startUs));
      }
      this.#schedule(node);
    }
    this.#isHistory = false;
  }

  /** A candle timer is due: closes every series, of any instrument, that is due and ends at the earliest instant. */
  fire(dueUs: number): void {
    const { timers } = this.#options;
    let closeUs = Number.POSITIVE_INFINITY;
    for (const node of this.#nodes) {
      if (timers.dueUs(node.timer) <= dueUs && node.scheduledUs < closeUs) closeUs = node.scheduledUs;
    }
    if (closeUs === Number.POSITIVE_INFINITY) return;
    for (const node of this.#nodes) {
      if (node.scheduledUs !== closeUs) continue;
      node.series.closeBefore(closeUs);
      this.#schedule(node);
    }
  }

  /**
   * Whether closes wait until the lag is known anew: our clock, or the recording, was interrupted, and nobody knows how
   * much of the time that seems to have passed has passed at the venue.
   */
  get areHeld(): boolean {
    return this.#areHeld;
  }

  hold(): void {
    this.#areHeld = true;
    for (const node of this.#nodes) this.#setTimer(node);
  }

  resume(): void {
    this.#areHeld = false;
    for (const node of this.#nodes) this.#setTimer(node);
  }

  /** The lag has changed: moves every close that is to come, and what is known of when listening began. */
  reschedule(): void {
    for (const node of this.#nodes) {
      if (!Number.isNaN(node.beganUs)) node.series.begin(node.beganUs - this.#options.lag.knownOffsetUs);
      this.#setTimer(node);
    }
  }

  /** Trades of an instrument, or of all, are received from this engine time on. */
  begin(instrument: number, receivedUs: number): void {
    for (const node of this.#nodesOf(instrument)) {
      node.beganUs = receivedUs;
      node.series.begin(receivedUs - this.#options.lag.knownOffsetUs);
    }
  }

  /** Trades go missing from here on, until the next `begin`. */
  interrupt(instrument: number): void {
    for (const node of this.#nodesOf(instrument)) {
      node.beganUs = Number.NaN;
      node.series.interrupt();
    }
  }

  #nodesOf(instrument: number): readonly SeriesNode[] {
    return this.groups[instrument]?.nodes ?? this.#nodes;
  }

  #onClose(node: SeriesNode): void {
    const { log, cursor } = this.#options;
    node.update();
    node.beganUs = Number.NaN;
    if (!this.#isHistory) this.#closed.push(node);
    const { symbol } = node;
    for (const name of node.names) {
      log.write({ ...cursor.position(), type: 'candle', name, symbol, ...node.series.closed });
    }
    for (const { indicator, names } of node.indicators) {
      for (const name of names) {
        for (const [i, output] of indicator.outputs.entries()) {
          const value = indicator.output(i);
          if (Number.isNaN(value)) continue;
          log.write({
            ...cursor.position(),
            type: 'indicator',
            name: `${name}.${output}`,
            atUs: node.series.closed.startUs,
            value,
          });
        }
      }
    }
  }

  /** Has a strategy asked at each close of a series. */
  listen(node: SeriesNode, runner: Runner): void {
    const runners = this.#runners.get(node);
    if (runners === undefined) this.#runners.set(node, [runner]);
    else runners.push(runner);
  }

  /** Asks the strategies whose series have closed since. */
  callStrategies(): void {
    const closed = this.#closed.splice(0);
    for (const node of closed) {
      for (const runner of this.#runners.get(node) ?? []) {
        this.#options.call(runner, node.series.closed.startUs);
      }
    }
  }

  #schedule(node: SeriesNode): void {
    if (node.series.nextCloseUs === node.scheduledUs) return;
    node.scheduledUs = node.series.nextCloseUs;
    this.#setTimer(node);
  }

  /** A close that is overdue happens at once. */
  #setTimer(node: SeriesNode): void {
    const { timers, cursor, waitUs } = this.#options;
    if (this.#areHeld) {
      timers.clear(node.timer);
      return;
    }
    const dueUs = node.scheduledUs + waitUs();
    timers.set(node.timer, Math.max(dueUs, cursor.nowUs));
  }

  #unused(node: SeriesNode, what: string, startUs?: number): void {
    const { log, cursor } = this.#options;
    const reason = `${what} of ${formatDurationUs(node.series.intervalUs)}`;
    const which = startUs === undefined ? {} : { startUs };
    log.write({ ...cursor.position(), type: 'unused', symbol: node.symbol, reason, count: 1, ...which });
  }
}
