// One strategy in a run: its declared inputs, its context, its trigger, and whether it may still act.
// The only place that calls a strategy's code; whatever that throws comes back as a value, never as an exception.
import { z } from 'zod';
import { UsageError, unknownName } from '../core/errors.ts';
import type { Fill, Order, Signal } from '../core/order.ts';
import type { AccountConfig } from './config.ts';
import type { StrategyContext } from './context.ts';
import type { Declared, DeclaredLook } from './graph.ts';
import type { Inputs } from './inputs.ts';
import { parseAs } from './schema.ts';
import type { Strategy, Trigger } from './strategy.ts';

/** A strategy ready to run: its parameters parsed, its instance named. */
export type LoadedStrategy = {
  readonly strategy: Strategy;
  /** Parsed by `strategy.params`. */
  readonly params: unknown;
  /** Unique in the run; default the strategy's name. */
  readonly id: string;
  /** Capital, fees and limits of its own; those of the run where it has none. */
  readonly account?: AccountConfig;
  /** File and line of its `decide`, for what is wrong with its signals. */
  readonly decidesAt?: string;
  /** Opens the strategy anew for one engine; without it `strategy` itself is called. Errors: StrategyFault. */
  readonly open?: (world: World) => Strategy;
};

/** All that a strategy may reach of what is around it, besides its inputs and its context. */
export type World = {
  readonly id: string;
  /** Loop turns and function calls that one call of it may take. */
  readonly stepsMax: number;
  /** Engine time, µs; 0 before the first event. */
  nowUs(): number;
  /** Its own stream of the run's seeded numbers: a uniform integer in [0, 2^32). */
  nextUint32(): number;
  /** A line of its console. */
  print(level: string, text: string): void;
  /** Something of its own failed while it was not being called; it is called no more. */
  fault(thrown: unknown): void;
};

/** What a strategy threw, told whole: error, message, file and line. */
export class StrategyFault extends Error {
  override readonly name = 'StrategyFault';
}

/** What a strategy threw, as one text. It may have thrown anything, even what cannot be made a text. */
export function textOf(thrown: unknown): string {
  try {
    if (thrown instanceof StrategyFault) return thrown.message;
    if (thrown instanceof Error) return `${thrown.name}: ${thrown.message}`;
    return String(thrown);
  } catch {
    return 'something that cannot be shown as text';
  }
}

/** A strategy with its parameters checked and its instance named, for notebooks, tests and benchmarks. */
export function prepare<P extends z.ZodType, I extends Inputs, S>(
  strategy: Strategy<P, I, S>,
  options: { readonly params?: z.input<P>; readonly id?: string; readonly account?: AccountConfig } = {},
): LoadedStrategy {
  const { params = {}, id = strategy.name, account = {} } = options;
  const parsed = parseAs(strict(strategy.params), params, `params of ${id}`);
  // The engine hands each strategy the views and parameters of its own declaration, which this type cannot say.
  return { strategy: strategy as unknown as Strategy, params: parsed, id, account };
}

/** An unknown parameter is an error even where the author did not ask for that. */
function strict(params: z.ZodType): z.ZodType {
  return params instanceof z.ZodObject ? params.strict() : params;
}

const NO_SIGNALS: readonly Signal[] = [];

export class Runner {
  readonly id: string;
  readonly index: number;
  /** Instrument of a signal that names none. */
  readonly instrument: number;
  isActive = true;
  /** What the last call threw; undefined after a call that went well. */
  fault: unknown = undefined;
  fills = 0;
  /** How often its trigger fired and it was asked to decide, or was not: while warming up, or once it was disabled. */
  calls = 0;
  skipped = 0;
  /** Quotes and books whose values are recorded at its decisions. */
  readonly looks: readonly DeclaredLook[];
  /** The timer of a timer trigger, given by the engine. */
  timer = -1;
  readonly decidesAt: string | undefined;
  readonly #strategy: Strategy;
  readonly #views: Readonly<Record<string, never>>;
  readonly #context: StrategyContext;

  constructor(parts: {
    readonly index: number;
    readonly id: string;
    readonly strategy: Strategy;
    readonly decidesAt: string | undefined;
    readonly declared: Declared;
    readonly context: StrategyContext;
  }) {
    this.index = parts.index;
    this.id = parts.id;
    this.instrument = parts.declared.instrument;
    this.looks = parts.declared.looks;
    this.decidesAt = parts.decidesAt;
    this.#strategy = parts.strategy;
    this.#views = parts.declared.views as Readonly<Record<string, never>>;
    this.#context = parts.context;
  }

  /** The strategy's wishes; none when it threw, and then `fault` says what. */
  decide(): readonly Signal[] {
    try {
      const answer = this.#strategy.decide(this.#views, this.#context);
      if (answer === null || answer === undefined) return NO_SIGNALS;
      if (isLater(answer)) throw new TypeError('decide gave a promise: a strategy answers at once');
      return Array.isArray(answer) ? (answer as readonly Signal[]) : [answer as Signal];
    } catch (error) {
      this.fault = error ?? 'undefined was thrown';
      return NO_SIGNALS;
    }
  }

  tellFill(fill: Fill): void {
    try {
      this.#strategy.onFill?.(fill, this.#context);
    } catch (error) {
      this.fault = error ?? 'undefined was thrown';
    }
  }

  tellOrder(order: Order): void {
    try {
      this.#strategy.onOrder?.(order, this.#context);
    } catch (error) {
      this.fault = error ?? 'undefined was thrown';
    }
  }
}

/** Whether an answer is still to come. Nobody waits for it, and its failure is nobody's either. */
function isLater(answer: unknown): boolean {
  if (typeof answer !== 'object' || answer === null || !('then' in answer)) return false;
  const { then } = answer;
  if (typeof then !== 'function') return false;
  const ignore = (): void => {};
  then.call(answer, ignore, ignore);
  return true;
}

const TRIGGERS: readonly string[] = ['close', 'trade', 'book', 'quote', 'timer'];

/** When a strategy is called; without a trigger of its own, at each close of its first series. */
export function triggerOf(
  { strategy, params, id }: Pick<LoadedStrategy, 'strategy' | 'params' | 'id'>,
  declared: Declared,
): Trigger {
  const trigger = strategy.trigger?.(params);
  if (trigger !== undefined) {
    const on: unknown = trigger?.on;
    if (TRIGGERS.includes(String(on))) return trigger;
    throw unknownName('trigger', String(on), TRIGGERS, `trigger of ${id}`);
  }
  const [first] = declared.series.keys();
  if (first === undefined) {
    throw new UsageError(
      `strategy ${id} declares no candles and no trigger (allowed: either; a trigger is on close, trade, book, quote or timer)`,
    );
  }
  return { on: 'close', of: first };
}
