// When candles close, and what follows. A candle closes at its end plus the grace, in engine time, or when a trade of
// a later interval proves that it is over; either way before the event at hand is applied. All series that close at
// one instant are brought up to date first, then strategies are called, so a fast one sees the slow candle too.

import type { Candle } from '../core/candle.ts';
import type { RunLog } from '../core/record.ts';
import { formatDurationUs } from '../core/time.ts';
import type { Cursor } from './cursor.ts';
import type { SeriesNode } from './graph.ts';
import type { Runner } from './runner.ts';
import { TimerRank, type Timers } from './timers.ts';

/** The series of one instrument. */
export type SeriesGroup = {
  readonly nodes: SeriesNode[];
  /** When the first of them closes, µs of exchange time; +∞ when none will. */
  nextCloseUs: number;
  /** Whether each has a candle that grows: then a trade before `nextCloseUs` begins none. */
  areForming: boolean;
};

export type ClosesOptions = {
  readonly symbols: readonly string[];
  readonly graceUs: number;
  readonly timers: Timers;
  readonly cursor: Cursor;
  readonly log: RunLog;
  /** Asks a strategy to decide; the second argument is the start of the candle that closed, µs. */
  readonly call: (runner: Runner, startUs: number) => void;
};

export class Closes {
  readonly #options: ClosesOptions;
  /** By instrument number. */
  readonly groups: readonly SeriesGroup[];
  readonly #byTimer: (SeriesNode | undefined)[] = [];
  /** Series that closed at this instant and whose strategies have not been called yet. */
  readonly #closed: SeriesNode[] = [];

  constructor(options: ClosesOptions) {
    this.#options = options;
    const nextCloseUs = Number.POSITIVE_INFINITY;
    this.groups = options.symbols.map(() => ({ nodes: [], nextCloseUs, areForming: false }));
  }

  add(node: SeriesNode): void {
    node.timer = this.#options.timers.add(TimerRank.candle);
    this.#byTimer[node.timer] = node;
    node.series.onClose = () => this.#onClose(node);
    this.groups[node.instrument]!.nodes.push(node);
  }

  /** Closes what a trade (or candle) of this exchange time proves to be over, before that is applied. */
  closeBefore(group: SeriesGroup, timeUs: number): void {
    while (timeUs >= group.nextCloseUs) {
      const closeUs = group.nextCloseUs;
      for (const node of group.nodes) node.series.closeBefore(closeUs);
      this.#reschedule(group);
      this.#callStrategies();
    }
  }

  /** After a series was offered a trade: it was too late for it, or the trade began a candle whose close is to come. */
  follow(node: SeriesNode, isTaken: boolean, timeUs: number): void {
    if (!isTaken) this.#unused(node, 'late trade: closed already, the candle', node.series.startOf(timeUs));
    this.#reschedule(this.groups[node.instrument]!);
  }

  /** Adds a closed candle of the feed to each series it lies inside. */
  addCandle(instrument: number, candle: Candle): void {
    const group = this.groups[instrument]!;
    this.closeBefore(group, candle.startUs);
    for (const node of group.nodes) {
      const isPart = node.series.intervalUs % candle.intervalUs === 0;
      const length = formatDurationUs(candle.intervalUs);
      if (!isPart) this.#unused(node, `a candle of ${length} is no part of one`);
      else if (!node.series.addCandle(candle)) {
        this.#unused(node, 'late candle: closed already, one', node.series.startOf(candle.startUs));
      }
    }
    this.#reschedule(group);
    this.#callStrategies();
  }

  /** A candle timer is due: closes every series, of any instrument, that is due at this instant. */
  fire(dueUs: number): void {
    const { timers } = this.#options;
    while (timers.nextDueUs === dueUs && timers.rank(timers.next()) === TimerRank.candle) {
      const node = this.#byTimer[timers.next()]!;
      timers.clear(node.timer);
      node.series.closeBefore(node.scheduledUs);
    }
    for (const node of this.#closed) this.#reschedule(this.groups[node.instrument]!);
    this.#callStrategies();
  }

  /** Trades of an instrument are heard from this time on, or (−1: all instruments) of every one. */
  begin(instrument: number, timeUs: number): void {
    for (const node of this.#nodesOf(instrument)) node.series.begin(timeUs);
  }

  /** Trades go missing from here on, until the next `begin`. */
  interrupt(instrument: number): void {
    for (const node of this.#nodesOf(instrument)) node.series.interrupt();
  }

  #nodesOf(instrument: number): readonly SeriesNode[] {
    return this.groups[instrument]?.nodes ?? this.groups.flatMap(({ nodes }) => nodes);
  }

  #onClose(node: SeriesNode): void {
    const { log, cursor } = this.#options;
    node.update();
    this.#closed.push(node);
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

  #callStrategies(): void {
    const closed = this.#closed.splice(0);
    for (const node of closed) {
      for (const runner of node.runners) this.#options.call(runner, node.series.closed.startUs);
    }
  }

  /** Moves the timers of a group to the closes that are next. A close that is overdue happens at once. */
  #reschedule(group: SeriesGroup): void {
    const { timers, graceUs, cursor } = this.#options;
    let nextCloseUs = Number.POSITIVE_INFINITY;
    let areForming = true;
    for (const node of group.nodes) {
      const closeUs = node.series.nextCloseUs;
      if (closeUs < nextCloseUs) nextCloseUs = closeUs;
      if (!node.series.isForming) areForming = false;
      if (closeUs === node.scheduledUs) continue;
      node.scheduledUs = closeUs;
      timers.set(node.timer, Math.max(closeUs + graceUs, cursor.nowUs));
    }
    group.nextCloseUs = nextCloseUs;
    group.areForming = areForming;
  }

  #unused(node: SeriesNode, what: string, startUs?: number): void {
    const { log, cursor } = this.#options;
    const reason = `${what} of ${formatDurationUs(node.series.intervalUs)}`;
    const which = startUs === undefined ? {} : { startUs };
    log.write({ ...cursor.position(), type: 'unused', symbol: node.symbol, reason, count: 1, ...which });
  }
}
