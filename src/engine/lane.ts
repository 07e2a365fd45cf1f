// What belongs to one instrument, and which of its events call which strategies.
import { unreachable } from '../core/assert.ts';
import { unknownName } from '../core/errors.ts';
import type { Calm } from '../trading/calm.ts';
import type { Heard } from './activity.ts';
import type { Closes, SeriesGroup } from './closes.ts';
import type { Declared, InputGraph } from './graph.ts';
import type { Market } from './market.ts';
import type { Runner } from './runner.ts';
import type { Schedule } from './schedule.ts';
import type { Trigger } from './strategy.ts';

/** What belongs to one instrument, so that an event finds all of it with one look. */
export type Lane = {
  readonly instrument: number;
  readonly market: Market;
  readonly heard: Heard;
  /** The prices between which trades concern no order and no position. */
  readonly calm: Calm;
  /** The series that trades go into: none, where they are built from candles. */
  readonly series: SeriesGroup;
  /** Strategies that want each event of a kind. */
  readonly onTrade: Runner[];
  readonly onBook: Runner[];
  readonly onQuote: Runner[];
};

/** Has a strategy called when its trigger says. Errors: UsageError naming what the trigger speaks of and was not declared. */
export function connect(
  runner: Runner,
  trigger: Trigger,
  to: {
    readonly id: string;
    readonly declared: Declared;
    readonly graph: InputGraph;
    readonly lanes: readonly Lane[];
    readonly schedule: Schedule;
    readonly closes: Closes;
  },
): void {
  const from = `trigger of ${to.id}`;
  switch (trigger.on) {
    case 'close': {
      const { series } = to.declared;
      const node = series.get(trigger.of);
      if (node === undefined) throw unknownName('input', trigger.of, [...series.keys()], from);
      to.closes.listen(node, runner);
      return;
    }
    case 'trade':
    case 'book':
    case 'quote': {
      const lane = to.lanes[to.graph.instrumentOf(trigger.symbol, from)]!;
      ({ trade: lane.onTrade, book: lane.onBook, quote: lane.onQuote })[trigger.on].push(runner);
      return;
    }
    case 'timer':
      to.schedule.add(runner, trigger.everyUs, from);
      return;
    default:
      unreachable(trigger);
  }
}
