// Runs inside a strategy's realm: one instance of a strategy, and all traffic between it and the engine. Nothing that
// the strategy gets its hands on belongs to the engine's realm, and nothing of its own leaves but plain data: what
// comes in is copied or shown through getters of this realm, what goes out is copied while its author still answers.
import * as zod from 'zod';
import * as inputs from '../../engine/inputs.ts';
import * as surface from '../../engine/surface.ts';
import { type Ambient, replaceAmbient, textOf } from './ambient.ts';

export type { Ambient } from './ambient.ts';

/** What is handed to the guarded script of a strategy, and what it hands back. */
type Guard = {
  /** What the script's counter starts with. */
  readonly steps: number;
  spent(): never;
  later(): never;
  caught(error: unknown): void;
  thrown(value: unknown): unknown;
  /** Set by the script: gives its counter of steps a value. */
  fill?(steps: number): void;
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
  /** Whether a function was written async, by its text as it stands now. */
  isLater(text: string): boolean;
  /** A getter of one property with code of its own: one that all share would look each of them up by its name. */
  getter(
    name: string,
  ): (host: object, show: (value: unknown) => unknown, isLive: (value: object) => boolean) => () => unknown;
  /** What the engine's own functions throw, told apart: the author's mistake, or a fault of this program. */
  explain(error: unknown): { readonly name: string; readonly message: string } | undefined;
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
/** Signals of one answer at the most. */
const SIGNALS_MAX = 1000;
const DEPTH_MAX = 16;

export function open(options: OpenOptions): Instance {
  replaceAmbient(options.ambient);
  return new Instance(options);
}

export class Instance {
  readonly #options: OpenOptions;
  readonly #guard: Guard;
  readonly #lives = new WeakMap<object, object>();
  #strategy: Loose = {};
  readonly #showing = (value: unknown): unknown => this.#show(value);
  readonly #isLive = (value: object): boolean => this.#lives.has(value);
  #params: unknown = undefined;
  #state: unknown = undefined;
  #lastThrow: { readonly value: unknown; readonly stack: string } | undefined = undefined;
  #spent: RangeError | undefined = undefined;
  #engineFault: unknown = undefined;
  #hostViews: unknown = undefined;
  #views: object = {};
  #hostContext: unknown = undefined;
  #context: object = {};
  #decide: Callback = () => null;

  constructor(options: OpenOptions) {
    this.#options = options;
    this.#guard = {
      steps: options.steps,
      spent: () => {
        this.#spent ??= new RangeError(
          `took more than ${options.steps} steps in one call: does a loop or a recursion not end?`,
        );
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
    const shown = Object.entries(views).map(([name, view]) => [name, this.#live(view as object)]);
    this.#views = Object.freeze(Object.fromEntries(shown) as object);
    this.#hostViews = views;
  }

  tell(name: 'onFill' | 'onOrder', what: object, context: object): Outcome<undefined> {
    return this.#call(() => {
      const answer = this.#callback(name)(freeze(this.#show(what)), this.#contextOf(context));
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
    this.#engineFault = undefined;
    this.#guard.fill?.(this.#options.steps);
  }

  /** What ends a call must end it, even where its code swallowed it, as a `return` in `finally` does. */
  #end(): void {
    if (this.#engineFault !== undefined) throw this.#engineFault;
    if (this.#spent !== undefined) throw this.#spent;
  }

  #thrownOf(error: unknown): Thrown {
    if (this.#engineFault !== undefined) throw this.#engineFault;
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
      this.#context = this.#live(context, { params: this.#params, state: this.#state });
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
          own.update(this.#show(candle) as surface.Candle);
          return numbers();
        }),
      preview: (candle: object) =>
        this.#call(() => {
          own.preview(this.#show(candle) as surface.Candle);
          return numbers();
        }),
      save: () => this.#call(() => own.save()),
      restore: (state: Float64Array) => this.#call(() => own.restore(Float64Array.from(state))),
    };
  }

  /** An object of the engine's, seen through getters of this realm; what they give is shown in turn. */
  #live(host: object, given: Loose = {}): object {
    const known = this.#lives.get(host);
    if (known !== undefined) return known;
    const own: Record<string, unknown> = {};
    this.#lives.set(host, own);
    for (const [name, value] of Object.entries(given)) {
      Object.defineProperty(own, name, { value, enumerable: true });
    }
    for (let level = host; Object.getPrototypeOf(level) !== null; ) {
      for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(level))) {
        if (name in own) continue;
        if (typeof value === 'function') {
          const call = (...args: readonly unknown[]): unknown =>
            this.#ask(() => Reflect.apply(value, host, args));
          Object.defineProperty(own, name, { value: call, enumerable: true });
        } else {
          const get = this.#options.getter(name)(host, this.#showing, this.#isLive);
          Object.defineProperty(own, name, { get, enumerable: true });
        }
      }
      level = Object.getPrototypeOf(level) as object;
    }
    return Object.freeze(own);
  }

  /** Calls a function of the engine's; its refusal becomes an error of this realm. */
  #ask(action: () => unknown): unknown {
    let answer: unknown;
    try {
      answer = action();
    } catch (error) {
      const told = this.#options.explain(error);
      if (told === undefined) {
        this.#engineFault = error;
        throw new Error('the engine failed');
      }
      const own = new Error(told.message);
      own.name = told.name;
      throw own;
    }
    return this.#show(answer);
  }

  #show(value: unknown): unknown {
    if (typeof value === 'function') {
      return (...args: readonly unknown[]) =>
        this.#ask(() => Reflect.apply(value as Callback, undefined, args));
    }
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return Array.from(value, (each) => this.#show(each));
    const prototype = Object.getPrototypeOf(value) as object | null;
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null) return this.#live(value);
    const copy: Record<string, unknown> = {};
    for (const name in value) {
      const each = (value as Loose)[name];
      copy[name] = typeof each === 'object' || typeof each === 'function' ? this.#show(each) : each;
    }
    return copy;
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
  if (typeof value === 'symbol') return textOf(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth > DEPTH_MAX) throw new RangeError(`data deeper than ${DEPTH_MAX} levels`);
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
