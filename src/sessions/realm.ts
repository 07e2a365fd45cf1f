// A realm for each instance of a strategy: globals of its own, in which nothing of this process can be reached.
// An ordinary global without interceptors, so that hot paths keep their speed. What comes out is checked and copied.
import { basename, dirname } from 'node:path';
import { formatWithOptions } from 'node:util';
import vm from 'node:vm';
import { UsageError } from '../core/errors.ts';
import type { Fill, Order, Signal } from '../core/order.ts';
import type { Input, Inputs } from '../engine/inputs.ts';
import * as inputs from '../engine/inputs.ts';
import { StrategyFault, type World } from '../engine/runner.ts';
import type { Strategy, Trigger } from '../engine/strategy.ts';
import type { Indicator } from '../market/indicator.ts';
import { type Bundle, placer, withoutBrackets } from './bundle.ts';
import { ABSENT } from './guard.ts';
import type { Found, Instance, OpenOptions, Outcome, Thrown } from './inside/instance.ts';

/** Characters of one line that a strategy prints. */
const LINE_MAX = 2000;

/**
 * Wall time that one match of a regular expression may take. What runs into it would run for hours, so it does so live,
 * replayed and backtested.
 */
const MATCH_MAX_MS = 2000;

/**
 * Processor time that one call may take, at least and for each step it may have: steps of native code, as sorting a long
 * array over and over is, would take days. It counts while this process runs only: no pause and no busy machine spends it.
 */
const CALL_MAX_MS = 5000;
const STEP_MAX_MS = 0.0005;

/** Tells of each call, from the first question on, whether it has taken too long. */
export function overdueAfter(maxMs: number): (left: number) => boolean {
  let last = 0;
  let startMs = 0;
  let startCpuUs = 0;
  const cpuUs = (): number => {
    const { user, system } = process.threadCpuUsage?.() ?? process.cpuUsage();
    return user + system;
  };
  return (left) => {
    const nowMs = performance.now();
    if (left >= last) {
      startMs = nowMs;
      startCpuUs = cpuUs();
    }
    last = left;
    return nowMs - startMs > maxMs && cpuUs() - startCpuUs > maxMs * 1000;
  };
}

type Open = (options: OpenOptions) => Instance;

const scripts = new Map<string, vm.Script>();

/** Compiled once in this process, run anew in each realm. */
function compiled(key: string, text: () => string, filename: string): vm.Script {
  const known = scripts.get(key);
  if (known !== undefined) return known;
  // The guarded code begins on the second line of its script.
  const script = new vm.Script(text(), { filename, lineOffset: filename === 'strategy' ? -1 : 0 });
  scripts.set(key, script);
  return script;
}

const ACTION = '__action';
const act = new vm.Script(`${ACTION}()`, { filename: 'retick' });

function boundedIn(context: vm.Context, action: () => unknown): { readonly value: unknown } | undefined {
  Object.defineProperty(context, ACTION, { value: action, configurable: true });
  try {
    return { value: act.runInContext(context, { timeout: MATCH_MAX_MS }) };
  } catch (error) {
    if ((error as { readonly code?: unknown } | undefined)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT')
      return undefined;
    throw error;
  } finally {
    delete context[ACTION];
  }
}

/** What stays the same object is shown as the same object, without being looked up each time. */
function getterOf(name: string): vm.Script {
  const value = `host[${JSON.stringify(name)}]`;
  return new vm.Script(
    `(host,show,isLive)=>{let seen,shown;return()=>{const value=${value};` +
      `if(typeof value!=="object"&&typeof value!=="function"||value===null)return value;` +
      `if(value===seen)return shown;const own=show(value);` +
      `if(isLive(value)){seen=value;shown=own}return own}}`,
    { filename: 'retick' },
  );
}

export class Realm {
  readonly #bundle: Bundle;
  readonly #instance: Instance;
  #place: ((line: number, column: number) => string) | undefined;

  constructor(bundle: Bundle, inside: string, world: World) {
    requireUtc();
    this.#bundle = bundle;
    const context = vm.createContext(vm.constants.DONT_CONTEXTIFY, {
      name: basename(bundle.path),
      codeGeneration: { strings: false, wasm: false },
    });
    const open = compiled('inside', () => inside, 'retick').runInContext(context) as Open;
    const script = compiled(bundle.hash, () => bundle.script, 'strategy').runInContext(context);
    const later = new Set(bundle.later);
    this.#instance = open({
      script: script as OpenOptions['script'],
      ambient: {
        nowUs: () => world.nowUs(),
        nextUint32: () => world.nextUint32(),
        print: (level, values) => world.print(level, lineOf(values)),
      },
      steps: world.stepsMax,
      bounded: (action) => boundedIn(context, action),
      isOverdue: overdueAfter(Math.max(CALL_MAX_MS, world.stepsMax * STEP_MAX_MS)),
      getter: (name) => getterOf(name).runInContext(context) as ReturnType<OpenOptions['getter']>,
      isLater: (text) => later.has(withoutBrackets(text)),
      explain: (error) =>
        error instanceof UsageError || error instanceof TypeError || error instanceof RangeError
          ? { name: error.name, message: error.message }
          : undefined,
    });
  }

  /** Runs the strategy's file. Errors: StrategyFault. */
  load(): Found | undefined {
    return this.#take(this.#instance.load());
  }

  /** Lets it parse its parameters. Errors: StrategyFault. */
  setParams(raw: unknown): void {
    this.#take(this.#instance.setParams(raw));
  }

  /** The strategy as the engine calls it. Parameters and state stay inside. */
  strategy(about: Pick<Strategy, 'name' | 'version' | 'description' | 'params'>, world: World): Strategy {
    const instance = this.#instance;
    return {
      ...about,
      inputs: () => this.#inputs(world),
      decide: (views, context) => {
        const signals = instance.decide(views, context);
        if (signals === undefined) throw new StrategyFault(this.#tell(instance.failure));
        return signals as readonly Signal[];
      },
      ...(instance.has('trigger')
        ? { trigger: () => structuredClone(this.#take(instance.trigger())) as Trigger }
        : {}),
      ...(instance.has('state') ? { state: () => this.#take(instance.startState()) } : {}),
      ...(instance.has('onFill')
        ? { onFill: (fill: Fill, context: object) => this.#take(instance.tell('onFill', fill, context)) }
        : {}),
      ...(instance.has('onOrder')
        ? { onOrder: (order: Order, context: object) => this.#take(instance.tell('onOrder', order, context)) }
        : {}),
    };
  }

  #inputs(world: World): Inputs {
    const declared: Record<string, Input<unknown>> = {};
    for (const [name, spec] of Object.entries(this.#take(this.#instance.inputs()))) {
      declared[name] = this.#adopt(spec as Declared, world);
    }
    return declared;
  }

  /** An input of this realm out of one's plain description. */
  #adopt(spec: Declared, world: World): Input<unknown> {
    if ('recipe' in spec) {
      const make = makers[spec.recipe]!;
      return make(this.#adopt(spec.of, world), ...(structuredClone(spec.args) as readonly unknown[]));
    }
    if (spec.input !== 'indicator') return structuredClone(spec) as unknown as Input<unknown>;
    const { of, key, create } = spec;
    // What one strategy computes is its own: another's indicator of the same key is another one.
    return inputs.indicator(
      this.#adopt(of, world) as Input<inputs.CandlesView>,
      `${key} of ${world.id}`,
      () => new OwnIndicator(this.#take(create()), (outcome) => this.#take(outcome), world),
    );
  }

  #take<T>(outcome: Outcome<T>): T {
    if ('thrown' in outcome) throw new StrategyFault(this.#tell(outcome.thrown));
    return outcome.value;
  }

  /** What was thrown with the file and line it came from, and what to use instead of what is not there. */
  #tell({ text, stack }: Thrown): string {
    const absent = /^ReferenceError: (\w+) is not defined$/.exec(text)?.[1];
    const hint = absent !== undefined && Object.hasOwn(ABSENT, absent) ? `: ${ABSENT[absent]}` : '';
    const frame = /strategy:(\d+):(\d+)/.exec(stack);
    if (frame === null) return `${text}${hint}`;
    this.#place ??= placer(this.#bundle.map, dirname(this.#bundle.path), this.#bundle.shifts);
    const place = this.#place(Number(frame[1]), Number(frame[2]) - 1);
    return place === '' ? `${text}${hint}` : `${text}${hint} (${place})`;
  }
}

type Declared =
  | { readonly recipe: string; readonly of: Declared; readonly args: unknown }
  | {
      readonly input: 'indicator';
      readonly of: Declared;
      readonly key: string;
      readonly create: () => Outcome<Enclosed>;
    }
  | { readonly input: 'candles' | 'quote' | 'book' };

const makers = inputs as unknown as Readonly<Record<string, (...args: readonly unknown[]) => Input<unknown>>>;

/** An indicator of a strategy's own, as its realm hands it out. */
type Enclosed = Pick<Indicator, 'outputs' | 'warmup'> & {
  readonly memory?: number;
  update(candle: object): Outcome<readonly number[]>;
  preview(candle: object): Outcome<readonly number[]>;
  save(): Outcome<Float64Array>;
  restore(state: Float64Array): Outcome<void>;
};

/** Called by the engine between strategies; what it throws disables the strategy it belongs to, and no other. */
class OwnIndicator implements Indicator {
  readonly outputs: readonly string[];
  readonly warmup: number;
  readonly memory?: number;
  readonly #inner: Enclosed;
  readonly #take: <T>(outcome: Outcome<T>) => T;
  readonly #world: World;
  #values: readonly number[];
  #hasFailed = false;

  constructor(inner: Enclosed, take: <T>(outcome: Outcome<T>) => T, world: World) {
    this.outputs = Array.from(inner.outputs);
    this.warmup = inner.warmup;
    if (inner.memory !== undefined) this.memory = inner.memory;
    this.#inner = inner;
    this.#take = take;
    this.#world = world;
    this.#values = this.outputs.map(() => Number.NaN);
  }

  update(candle: object): void {
    this.#show(() => this.#inner.update(candle));
  }

  preview(candle: object): void {
    this.#show(() => this.#inner.preview(candle));
  }

  output(index: number): number {
    return this.#values[index]!;
  }

  save(): Float64Array {
    return Float64Array.from(this.#take(this.#inner.save()));
  }

  restore(state: Float64Array): void {
    this.#take(this.#inner.restore(state));
  }

  #show(action: () => Outcome<readonly number[]>): void {
    if (this.#hasFailed) return;
    try {
      this.#values = Array.from(this.#take(action()), Number);
    } catch (error) {
      if (!(error instanceof StrategyFault)) throw error;
      this.#hasFailed = true;
      this.#values = this.outputs.map(() => Number.NaN);
      this.#world.fault(error);
    }
  }
}

function lineOf(values: readonly unknown[]): string {
  const format = {
    customInspect: false,
    depth: 4,
    breakLength: Number.POSITIVE_INFINITY,
    maxArrayLength: 50,
  };
  const line = formatWithOptions({ ...format, maxStringLength: LINE_MAX }, ...values);
  return line.length > LINE_MAX ? `${line.slice(0, LINE_MAX)}…` : line;
}

/** Strategies count in UTC, and so does everything else here; the zone belongs to the process. */
function requireUtc(): void {
  process.env.TZ = 'UTC';
  if ([0, 6].some((month) => new Date(2026, month, 1).getTimezoneOffset() !== 0)) {
    throw new UsageError('the time zone of this thread is not UTC: set TZ=UTC before it is started');
  }
}
