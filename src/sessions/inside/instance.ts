// Runs inside a strategy's realm: one instance of a strategy, and all traffic between it and the engine. Nothing that
// the strategy gets its hands on belongs to the engine's realm, and nothing of its own leaves but plain data: what
// comes in is copied or shown through getters of this realm, what goes out is copied while its author still answers.
import * as zod from 'zod';
import * as inputs from '../../engine/inputs.ts';
import * as surface from '../../engine/surface.ts';
import { type Ambient, boundRegExp, replaceAmbient, textOf } from './ambient.ts';
import { type Explain, type Getter, Window } from './window.ts';

export type { Ambient } from './ambient.ts';

/** What is handed to the guarded script of a strategy, and what it hands back. */
type Guard = {
  /** What the script's counter starts with. */
  readonly steps: number;
  spent(): void;
  deep(): never;
  later(): never;
  caught(error: unknown): void;
  thrown(value: unknown): unknown;
  /** Set by the script: gives its counter of steps a value. */
  fill?(steps: number): void;
  /** Set by the script: adds to its counter, and says what it is then. */
  refill?(steps: number): number;
};

type Script = (guard: Guard, require: (name: string) => unknown, module: { exports: unknown }) => void;

/** What a strategy threw, as texts: safe to look at. */
export type Thrown = { readonly text: string; readonly stack: string };

export type Outcome<T> = { readonly value: T } | { readonly thrown: Thrown };

export type OpenOptions = {
  readonly script: Script;
  readonly ambient: Ambient;
  /** Loop turns and calls that one call may take. */
  readonly steps: number;
  /** Runs an action of native code for a bounded time; undefined when it was stopped. */
  bounded(action: () => unknown): { readonly value: unknown } | undefined;
  /** Asked in a long call, now and then: whether it has gone on for too long. Fewer steps are left each time. */
  isOverdue(left: number): boolean;
  /** Whether a function was written async, by its text as it stands now. */
  isLater(text: string): boolean;
  /** A getter of one property with code of its own: one that all share would look each of them up by its name. */
  getter(name: string): Getter;
  /** What the engine's own functions throw, told apart: the author's mistake, or a fault of this program. */
  readonly explain: Explain;
};

/** What the file exports as `strategy`, as far as it can be told without calling it. */
export type Found = {
  readonly name?: unknown;
  readonly version?: unknown;
  readonly description?: unknown;
  /** A schema of this realm's zod. */
  readonly params: unknown;
  /** Which callbacks there are, and which of them were written async. */
  readonly callbacks: readonly string[];
  readonly later: readonly string[];
};

type Loose = Readonly<Record<string, unknown>>;
type Callback = (...args: readonly unknown[]) => unknown;

const CALLBACKS = ['inputs', 'decide', 'trigger', 'state', 'onFill', 'onOrder'] as const;
type CallbackName = (typeof CALLBACKS)[number];
/** Steps after which a call is looked at: each of them may be native code that takes its time. */
const SLICE = 64;
/** Signals of one answer at the most. */
const SIGNALS_MAX = 1000;
/** Of data that a strategy gives: levels, items of one level, characters of one text. */
const DEPTH_MAX = 16;
const ITEMS_MAX = 1000;
const TEXT_MAX = 1 << 16;

export function open(options: OpenOptions): Instance {
  const instance = new Instance(options);
  replaceAmbient(instance.ambient);
  return instance;
}

export class Instance {
  readonly #options: OpenOptions;
  readonly #guard: Guard;
  /** Steps that one call may still take when those of the counter are spent. */
  #left = 0;
  readonly #window: Window;
  #strategy: Loose = {};
  #params: unknown = undefined;
  #state: unknown = undefined;
  #lastThrow: { readonly value: unknown; readonly stack: string } | undefined = undefined;
  #spent: Error | undefined = undefined;
  #hostViews: unknown = undefined;
  #views: object = {};
  #hostContext: unknown = undefined;
  #context: object = {};
  #decide: Callback = () => null;

  /** The world as the strategy's globals reach it: what it refuses becomes an error of this realm. */
  readonly ambient: Ambient;

  constructor(options: OpenOptions) {
    this.#options = options;
    this.#window = new Window(options.getter, options.explain);
    const { ambient } = options;
    const print = (level: string, values: readonly unknown[]): void => {
      this.#window.ask(() => ambient.print(level, values));
    };
    this.ambient = { nowUs: () => ambient.nowUs(), nextUint32: () => ambient.nextUint32(), print };
    boundRegExp(options.bounded, () => {
      this.#spent ??= new Error('a regular expression was stopped: it tries too many ways to match');
      throw this.#spent;
    });
    this.#guard = {
      steps: Math.min(options.steps, SLICE),
      spent: () => {
        while (this.#spent === undefined && this.#left > 0 && !options.isOverdue(this.#left)) {
          const steps = Math.min(this.#left, SLICE);
          this.#left -= steps;
          if (this.#guard.refill!(steps) >= 0) return;
        }
        this.#spent ??= new RangeError(
          this.#left > 0
            ? 'took too much time in one call: does a loop not end?'
            : `took more than ${options.steps} steps in one call: does a loop or a recursion not end?`,
        );
        throw this.#spent;
      },
      deep: () => {
        this.#spent ??= new RangeError('called itself too deeply: does a recursion not end?');
        throw this.#spent;
      },
      later: () => {
        throw new TypeError(
          'an async function was called: a strategy answers at once, nothing of it runs later',
        );
      },
      caught: (error) => {
        if (this.#spent !== undefined) throw this.#spent;
        if (isOverflow(error)) throw error;
      },
      thrown: (value) => {
        this.#lastThrow = { value, stack: stackOf(new Error('thrown')) };
        return value;
      },
    };
  }

  /** Runs the file. `strategy` is what it exports under that name. */
  load(): Outcome<Found | undefined> {
    return this.#call(() => {
      const module: { exports: unknown } = { exports: {} };
      this.#options.script(this.#guard, requireIn, module);
      const { strategy } = module.exports as { readonly strategy?: unknown };
      if (typeof strategy !== 'object' || strategy === null) return undefined;
      this.#strategy = strategy as Loose;
      const callbacks = CALLBACKS.filter((name) => this.has(name));
      const later = callbacks.filter((name) => this.#isLater(this.#strategy[name] as Callback));
      const { name, version, description, params, decide } = this.#strategy;
      if (typeof decide === 'function') this.#decide = decide as Callback;
      return { ...(copyOut({ name, version, description }, 0) as Loose), params, callbacks, later };
    });
  }

  has(name: CallbackName): boolean {
    return typeof this.#strategy[name] === 'function';
  }

  /** Parses the parameters in this realm and keeps them, frozen. */
  setParams(raw: unknown): Outcome<undefined> {
    return this.#call(() => {
      const { params } = this.#strategy as { readonly params: zod.z.ZodType };
      const schema = params instanceof zod.z.ZodObject ? params.strict() : params;
      this.#params = freeze(schema.parse(copyIn(raw)));
      return undefined;
    });
  }

  inputs(): Outcome<Loose> {
    return this.#call(() => {
      const declared = this.#callback('inputs')(this.#params);
      refuseLater(declared, 'inputs');
      if (typeof declared !== 'object' || declared === null) throw new TypeError('inputs gave no object');
      const specs: Record<string, unknown> = {};
      for (const [name, spec] of Object.entries(declared)) specs[name] = this.#specOf(spec, name);
      return specs;
    });
  }

  trigger(): Outcome<unknown> {
    return this.#call(() => {
      const trigger = this.#callback('trigger')(this.#params);
      refuseLater(trigger, 'trigger');
      return copyOut(trigger, 0);
    });
  }

  startState(): Outcome<undefined> {
    return this.#call(() => {
      this.#state = this.#callback('state')(this.#params);
      refuseLater(this.#state, 'state');
      return undefined;
    });
  }

  /** What the last `decide` threw, when it gave no signals. */
  failure: Thrown = { text: '', stack: '' };

  /** The one call that may come thousands of times a second: it makes no object where the strategy makes none. */
  decide(views: object, context: object): readonly unknown[] | undefined {
    this.#begin();
    try {
      if (views !== this.#hostViews) this.#showViews(views);
      if (context !== this.#hostContext) this.#contextOf(context);
      const answer = this.#decide(this.#views, this.#context);
      const signals = answer === null || answer === undefined ? NONE : signalsOf(answer);
      this.#end();
      return signals;
    } catch (error) {
      this.failure = this.#thrownOf(error);
      return undefined;
    }
  }

  #showViews(views: object): void {
    const shown = Object.entries(views).map(([name, view]) => [name, this.#window.live(view as object)]);
    this.#views = Object.freeze(Object.fromEntries(shown) as object);
    this.#hostViews = views;
  }

  tell(name: 'onFill' | 'onOrder', what: object, context: object): Outcome<undefined> {
    return this.#call(() => {
      const answer = this.#callback(name)(freeze(this.#window.show(what)), this.#contextOf(context));
      refuseLater(answer, name);
      return undefined;
    });
  }

  #callback(name: CallbackName): Callback {
    return (...args) => Reflect.apply(this.#strategy[name] as Callback, this.#strategy, args);
  }

  /** The door into the strategy's code: steps are counted anew, and what it throws becomes texts. */
  #call<T>(action: () => T): Outcome<T> {
    this.#begin();
    try {
      const value = action();
      this.#end();
      return { value };
    } catch (error) {
      return { thrown: this.#thrownOf(error) };
    }
  }

  #begin(): void {
    this.#spent = undefined;
    this.#lastThrow = undefined;
    this.#window.fault = undefined;
    const steps = Math.min(this.#options.steps, SLICE);
    this.#left = this.#options.steps - steps;
    this.#guard.fill?.(steps);
  }

  /** What ends a call must end it, even where its code swallowed it, as a `return` in `finally` does. */
  #end(): void {
    if (this.#window.fault !== undefined) throw this.#window.fault;
    if (this.#spent !== undefined) throw this.#spent;
  }

  #thrownOf(error: unknown): Thrown {
    if (this.#window.fault !== undefined) throw this.#window.fault;
    const last = this.#lastThrow;
    const stack = stackOf(error) || (last !== undefined && last.value === error ? last.stack : '');
    return { text: textOf(error), stack };
  }

  #isLater(callback: Callback): boolean {
    return this.#options.isLater(Function.prototype.toString.call(callback));
  }

  #contextOf(context: object): object {
    if (context !== this.#hostContext) {
      this.#hostContext = context;
      this.#context = this.#window.live(context, { params: this.#params, state: this.#state });
    }
    return this.#context;
  }

  /** An input as plain data: of retick's own kinds their name and arguments, of an indicator of one's own its maker. */
  #specOf(spec: unknown, name: string): unknown {
    if (typeof spec !== 'object' || spec === null) throw new TypeError(`input ${name} is not an input`);
    const recipe = recipes.get(spec);
    if (recipe !== undefined) {
      const [of, ...args] = recipe.args;
      return { recipe: recipe.name, of: this.#specOf(of, name), args: copyOut(args, 0) };
    }
    const { input, of, key, create, ...rest } = spec as Record<string, unknown>;
    if (input !== 'indicator') return copyOut({ input, ...rest }, 0);
    if (typeof create !== 'function') throw new TypeError(`input ${name}: create is not a function`);
    return {
      input,
      of: this.#specOf(of, name),
      key: String(key),
      create: () => this.#call(() => this.#enclose(create() as surface.Indicator)),
    };
  }

  /** An indicator of the strategy's own, for the engine to call. */
  #enclose(own: surface.Indicator): object {
    const outputs = Array.from(own.outputs, String);
    const numbers = (): readonly number[] => outputs.map((_, index) => Number(own.output(index)));
    return {
      outputs,
      warmup: Number(own.warmup),
      ...(own.memory === undefined ? {} : { memory: Number(own.memory) }),
      update: (candle: object) =>
        this.#call(() => {
          own.update(this.#window.show(candle) as surface.Candle);
          return numbers();
        }),
      preview: (candle: object) =>
        this.#call(() => {
          own.preview(this.#window.show(candle) as surface.Candle);
          return numbers();
        }),
      save: () => this.#call(() => own.save()),
      restore: (state: Float64Array) => this.#call(() => own.restore(Float64Array.from(state))),
    };
  }
}

const NONE: readonly unknown[] = [];

/** `rsi(bars, 14)` is kept as its name and arguments, so that the engine makes its own. */
const recipes = new WeakMap<object, { readonly name: string; readonly args: readonly unknown[] }>();

const makers: Record<string, unknown> = {};
for (const [name, maker] of Object.entries(inputs)) {
  if (typeof maker !== 'function' || name === 'indicator') continue;
  makers[name] = (...args: readonly unknown[]): unknown => {
    const spec = (maker as Callback)(...args) as { readonly input?: unknown };
    if (spec.input === 'indicator') recipes.set(spec, { name, args });
    return spec;
  };
}

const retick = { ...surface, ...makers };

function requireIn(name: string): unknown {
  if (name === 'zod') return zod;
  if (name === 'retick') return retick;
  throw new ReferenceError(`${name} cannot be imported while a strategy runs`);
}

function refuseLater(value: unknown, from: string): void {
  if (typeof value !== 'object' || value === null || typeof (value as Loose).then !== 'function') return;
  throw new TypeError(`${from} gave a promise: a strategy answers at once, nothing of it runs later`);
}

function signalsOf(answer: unknown): readonly unknown[] {
  refuseLater(answer, 'decide');
  if (!Array.isArray(answer)) return [copyOut(answer, 0)];
  const { length } = answer;
  if (length > SIGNALS_MAX) throw new RangeError(`decide gave ${length} signals (allowed: ${SIGNALS_MAX})`);
  const signals: unknown[] = [];
  for (let i = 0; i < length; i++) signals.push(copyOut(answer[i], 0));
  return signals;
}

/** Plain data out of what a strategy gives: its getters are asked once, here, and what is no data becomes its name. */
function copyOut(value: unknown, depth: number): unknown {
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'symbol') return value.toString();
  if (typeof value === 'string' && value.length > TEXT_MAX) {
    throw new RangeError(`a text of ${value.length} characters (allowed: ${TEXT_MAX})`);
  }
  if (typeof value !== 'object' || value === null) return value;
  if (depth > DEPTH_MAX) throw new RangeError(`data deeper than ${DEPTH_MAX} levels`);
  const size = Array.isArray(value) ? value.length : Object.keys(value).length;
  if (size > ITEMS_MAX) throw new RangeError(`data of ${size} items (allowed: ${ITEMS_MAX})`);
  if (Array.isArray(value)) return Array.from(value, (each) => copyOut(each, depth + 1));
  const copy: Record<string, unknown> = {};
  for (const name of Object.keys(value)) {
    const data = copyOut((value as Loose)[name], depth + 1);
    Object.defineProperty(copy, name, { value: data, enumerable: true, writable: true, configurable: true });
  }
  return copy;
}

function copyIn(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return Array.from(value, copyIn);
  const copy: Record<string, unknown> = {};
  for (const name of Object.keys(value)) copy[name] = copyIn((value as Loose)[name]);
  return copy;
}

/** Parameters never change while a strategy runs. */
function freeze(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || Object.isFrozen(value))
    return value;
  Object.freeze(value);
  for (const each of Object.values(value)) freeze(each);
  return value;
}

function isOverflow(error: unknown): boolean {
  return error instanceof RangeError && error.message === 'Maximum call stack size exceeded';
}

function stackOf(error: unknown): string {
  try {
    const stack = (error as { readonly stack?: unknown } | null | undefined)?.stack;
    return typeof stack === 'string' ? stack : '';
  } catch {
    return '';
  }
}
