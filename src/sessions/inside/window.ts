// Runs inside a strategy's realm: objects of the engine's, as a strategy sees them. Data is copied, everything else is
// seen through getters of this realm, so that nothing of the engine's own gets into a strategy's hands.

/** A getter of one property, with code of its own: one that all share would look each of them up by its name. */
export type Getter = (
  host: object,
  show: (value: unknown) => unknown,
  isLive: (value: object) => boolean,
) => () => unknown;

/** What the engine's own functions throw: its name and message when a strategy asked wrongly, else undefined. */
export type Explain = (error: unknown) => { readonly name: string; readonly message: string } | undefined;

type Loose = Readonly<Record<string, unknown>>;
type Callback = (...args: readonly unknown[]) => unknown;

export class Window {
  /** What the engine threw that no strategy is to blame for; it ends the run. */
  fault: unknown = undefined;
  readonly #lives = new WeakMap<object, object>();
  readonly #showing = (value: unknown): unknown => this.show(value);
  readonly #isLive = (value: object): boolean => this.#lives.has(value);
  readonly #getter: (name: string) => Getter;
  readonly #explain: Explain;

  constructor(getter: (name: string) => Getter, explain: Explain) {
    this.#getter = getter;
    this.#explain = explain;
  }

  /** An object of the engine's, seen through getters of this realm; what they give is shown in turn. */
  live(host: object, given: Loose = {}): object {
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
            this.ask(() => Reflect.apply(value, host, args));
          Object.defineProperty(own, name, { value: call, enumerable: true });
        } else {
          const get = this.#getter(name)(host, this.#showing, this.#isLive);
          Object.defineProperty(own, name, { get, enumerable: true });
        }
      }
      level = Object.getPrototypeOf(level) as object;
    }
    return Object.freeze(own);
  }

  /** Calls a function of the engine's; its refusal becomes an error of this realm. */
  ask(action: () => unknown): unknown {
    let answer: unknown;
    try {
      answer = action();
    } catch (error) {
      const told = this.#explain(error);
      if (told === undefined) {
        this.fault = error;
        throw new Error('the engine failed');
      }
      const own = new Error(told.message);
      own.name = told.name;
      throw own;
    }
    return this.show(answer);
  }

  show(value: unknown): unknown {
    if (typeof value === 'function') {
      return (...args: readonly unknown[]) =>
        this.ask(() => Reflect.apply(value as Callback, undefined, args));
    }
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return Array.from(value, (each) => this.show(each));
    const prototype = Object.getPrototypeOf(value) as object | null;
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null) return this.live(value);
    const copy: Record<string, unknown> = {};
    for (const name in value) {
      const each = (value as Loose)[name];
      copy[name] = typeof each === 'object' || typeof each === 'function' ? this.show(each) : each;
    }
    return copy;
  }
}
