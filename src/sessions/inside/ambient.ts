// Runs inside a strategy's realm, before its code: every way to the clock, to chance and to the machine's locale is
// replaced by engine time, the strategy's own stream and a fixed locale; what has no such equal is taken away.

/** What a strategy's realm may reach of the world outside. */
export type Ambient = {
  /** Engine time, µs; 0 before the first event. */
  nowUs(): number;
  /** The strategy's own stream: a uniform integer in [0, 2^32). */
  nextUint32(): number;
  /** A line of the strategy's console, its arguments not yet made a text. */
  print(level: string, values: readonly unknown[]): void;
};

type Loose = Record<PropertyKey, never>;
type Callable = (this: unknown, ...args: readonly unknown[]) => unknown;

const LOCALE = 'en-US';
const ABSENT = [
  ...['Promise', 'WebAssembly', 'Atomics', 'SharedArrayBuffer', 'WeakRef', 'FinalizationRegistry'],
  ...['AsyncDisposableStack', 'eval'],
];

const loose = globalThis as unknown as Record<string, Record<PropertyKey, unknown>>;

export function replaceAmbient(ambient: Ambient): void {
  const nowMs = (): number => Math.floor(ambient.nowUs() / 1000);
  const nextFloat = (): number => ambient.nextUint32() / 0x1_0000_0000;
  replaceDate(nowMs);
  put(Math, 'random', nextFloat);
  put(globalThis, 'performance', Object.freeze({ timeOrigin: 0, now: () => ambient.nowUs() / 1000 }));
  put(globalThis, 'crypto', Object.freeze(createCrypto(ambient)));
  put(globalThis, 'structuredClone', clone);
  put(globalThis, 'console', createConsole(ambient));
  fixLocale(nowMs);
  replaceTemporal(ambient);
  delete (Array as unknown as Loose).fromAsync;
  for (const name of ABSENT) delete (globalThis as unknown as Loose)[name];
  fixStacks();
}

function put(target: object, name: PropertyKey, value: unknown): void {
  Object.defineProperty(target, name, { value, writable: true, configurable: true, enumerable: false });
}

function replaceDate(nowMs: () => number): void {
  const Native = Date;
  function OwnDate(this: unknown, ...args: readonly unknown[]): unknown {
    if (new.target === undefined) return new Native(nowMs()).toString();
    return Reflect.construct(Native, args.length === 0 ? [nowMs()] : args, new.target);
  }
  Object.defineProperty(OwnDate, 'name', { value: 'Date' });
  Object.defineProperty(OwnDate, 'length', { value: 7 });
  Object.defineProperty(OwnDate, 'prototype', { value: Native.prototype, writable: false });
  put(OwnDate, 'now', nowMs);
  put(OwnDate, 'parse', Native.parse);
  put(OwnDate, 'UTC', Native.UTC);
  put(Native.prototype, 'constructor', OwnDate);
  put(globalThis, 'Date', OwnDate);
  for (const name of ['toString', 'toTimeString'] as const) nameZone(name);
}

/** The zone is UTC everywhere, but a date as a text names it in the machine's language. */
function nameZone(name: 'toString' | 'toTimeString'): void {
  const native = Date.prototype[name];
  put(Date.prototype, name, function (this: Date): string {
    const text = Reflect.apply(native, this, []) as string;
    const at = text.indexOf('(');
    return at === -1 ? text : `${text.slice(0, at)}(Coordinated Universal Time)`;
  });
}

function createCrypto({ nextUint32 }: Ambient): object {
  const getRandomValues = (array: ArrayBufferView): ArrayBufferView => {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    for (let i = 0; i < bytes.length; i++) bytes[i] = nextUint32() >>> 24;
    return array;
  };
  return {
    getRandomValues,
    randomUUID: (): string => {
      const bytes = new Uint8Array(16);
      getRandomValues(bytes);
      bytes[6] = (bytes[6]! & 0x0f) | 0x40;
      bytes[8] = (bytes[8]! & 0x3f) | 0x80;
      const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
    },
  };
}

function createConsole({ print }: Ambient): object {
  const own: Record<string, (...values: readonly unknown[]) => void> = {};
  for (const level of ['log', 'info', 'debug', 'warn', 'error', 'trace', 'dir', 'table']) {
    own[level] = (...values) => print(level, values);
  }
  own.assert = (isTrue, ...values) => {
    if (isTrue !== true) print('error', ['assertion failed:', ...values]);
  };
  for (const name of ['group', 'groupEnd', 'time', 'timeEnd', 'timeLog', 'count', 'countReset', 'clear']) {
    own[name] = () => {};
  }
  return Object.freeze(own);
}

/** Where no locale is named, or none that is known, en-US holds whatever the machine says; the zone is UTC already. */
function fixLocale(nowMs: () => number): void {
  const withFallback = (locales: unknown): readonly unknown[] =>
    locales === undefined ? [LOCALE] : [...(Array.isArray(locales) ? locales : [locales]), LOCALE];
  const intl = Intl as unknown as Record<string, new (...args: readonly unknown[]) => object>;
  for (const name of Object.getOwnPropertyNames(Intl)) {
    const Native = intl[name];
    if (typeof Native !== 'function' || Native.prototype === undefined || name === 'Locale') continue;
    const mayBeCalled = /^(DateTimeFormat|NumberFormat|Collator)$/.test(name);
    function Own(locales: unknown, options: unknown): object {
      if (new.target === undefined && !mayBeCalled) throw new TypeError(`Intl.${name} is called with new`);
      return Reflect.construct(Native!, [withFallback(locales), options], new.target ?? Own);
    }
    Object.defineProperty(Own, 'name', { value: name });
    Object.defineProperty(Own, 'prototype', { value: Native.prototype, writable: false });
    put(Own, 'supportedLocalesOf', (Native as unknown as Loose).supportedLocalesOf);
    put(Native.prototype, 'constructor', Own);
    put(Intl, name, Own);
  }
  const localized = (target: object, name: string, at: number): void => {
    const native = (target as Record<string, Callable | undefined>)[name];
    if (native === undefined) return;
    put(target, name, function (this: unknown, ...args: readonly unknown[]): unknown {
      const given = [...args];
      while (given.length < at) given.push(undefined);
      given[at] = withFallback(given[at]);
      return Reflect.apply(native, this, given);
    });
  };
  const temporal = (loose.Temporal ?? {}) as Record<string, { readonly prototype?: object }>;
  const dated = Object.values(Object.getOwnPropertyDescriptors(temporal))
    .map(({ value }) => (value as { readonly prototype?: object } | undefined)?.prototype)
    .filter((prototype) => prototype !== undefined);
  const numbers = [Number.prototype, BigInt.prototype, Date.prototype, Array.prototype];
  for (const target of [...numbers, Object.getPrototypeOf(Uint8Array.prototype) as object, ...dated]) {
    localized(target, 'toLocaleString', 0);
  }
  for (const name of ['toLocaleDateString', 'toLocaleTimeString']) localized(Date.prototype, name, 0);
  for (const name of ['toLocaleUpperCase', 'toLocaleLowerCase']) localized(String.prototype, name, 0);
  localized(String.prototype, 'localeCompare', 1);
  dateOfNow(nowMs);
}

/** A date format without a date formats the present. */
function dateOfNow(nowMs: () => number): void {
  const prototype = Intl.DateTimeFormat.prototype;
  const format = Object.getOwnPropertyDescriptor(prototype, 'format')?.get;
  if (format !== undefined) {
    Object.defineProperty(prototype, 'format', {
      configurable: true,
      get(this: unknown) {
        const bound = Reflect.apply(format, this, []) as (date: unknown) => string;
        return (date?: unknown): string => bound(date === undefined ? nowMs() : date);
      },
    });
  }
  const toParts = prototype.formatToParts as unknown as Callable;
  put(prototype, 'formatToParts', function (this: unknown, date: unknown): unknown {
    return Reflect.apply(toParts, this, [date === undefined ? nowMs() : date]);
  });
}

type Zoned = Readonly<Record<'toPlainDate' | 'toPlainTime' | 'toPlainDateTime', () => unknown>>;
type Instant = { toZonedDateTimeISO(zone: unknown): Zoned };

function replaceTemporal({ nowUs }: Ambient): void {
  const temporal = loose.Temporal;
  if (temporal === undefined) return;
  const Moment = temporal.Instant as new (epochNs: bigint) => Instant;
  const instant = (): Instant => new Moment(BigInt(Math.floor(nowUs())) * 1000n);
  const zoned = (zone: unknown = 'UTC'): Zoned => instant().toZonedDateTimeISO(zone);
  const now = temporal.Now as object;
  put(now, 'instant', instant);
  put(now, 'timeZoneId', () => 'UTC');
  put(now, 'zonedDateTimeISO', zoned);
  put(now, 'plainDateTimeISO', (zone?: unknown) => zoned(zone).toPlainDateTime());
  put(now, 'plainDateISO', (zone?: unknown) => zoned(zone).toPlainDate());
  put(now, 'plainTimeISO', (zone?: unknown) => zoned(zone).toPlainTime());
}

/** Texts below this length are matched at once: no expression takes long over them that a person would write. */
const SHORT_CHARS = 16;

/**
 * Regular expressions are the one everyday thing that native code can be busy with for hours. `bounded` runs an action
 * for so long and no longer, and then answers undefined; `onTimeout` is then called and throws.
 */
export function boundRegExp(
  bounded: (action: () => unknown) => { readonly value: unknown } | undefined,
  onTimeout: () => never,
): void {
  const native = RegExp.prototype.exec as unknown as Callable;
  put(RegExp.prototype, 'exec', function exec(this: unknown, text: unknown): unknown {
    const input = `${text as string}`;
    const match = (): unknown => Reflect.apply(native, this, [input]);
    if (input.length < SHORT_CHARS) return match();
    return (bounded(match) ?? onTimeout()).value;
  });
}

/** The name that scripts of strategies have in stacks; what else stands in one depends on who called. */
export const SCRIPT = 'strategy';

function fixStacks(): void {
  const format = (error: unknown, sites: readonly NodeJS.CallSite[]): string => {
    const own = sites
      .filter((site) => site.getFileName() === SCRIPT)
      .map((site) => {
        const place = `${SCRIPT}:${site.getLineNumber()}:${site.getColumnNumber()}`;
        const name = site.getFunctionName();
        return name === null ? `\n    at ${place}` : `\n    at ${name} (${place})`;
      });
    return `${textOf(error)}${own.join('')}`;
  };
  Object.defineProperty(Error, 'prepareStackTrace', { value: format, writable: false, configurable: false });
  Object.defineProperty(Error, 'stackTraceLimit', { value: 50, writable: false, configurable: false });
}

/** What was thrown, as one text; never throws itself. */
export function textOf(thrown: unknown): string {
  try {
    if (thrown instanceof Error) return `${thrown.name}: ${thrown.message}`;
    return `${typeof thrown === 'symbol' ? thrown.toString() : String(thrown)} was thrown`;
  } catch {
    return 'something that cannot be shown as text';
  }
}

/** A deep copy of data; functions and what has a class of its own are refused, as structuredClone does. */
function clone(value: unknown, seen = new Map<object, unknown>()): unknown {
  if (typeof value === 'function' || typeof value === 'symbol') throw new TypeError('cannot be cloned');
  if (typeof value !== 'object' || value === null) return value;
  const known = seen.get(value);
  if (known !== undefined) return known;
  const keep = <T extends object>(copy: T): T => {
    seen.set(value, copy);
    return copy;
  };
  if (Array.isArray(value)) {
    const copy = keep(new Array<unknown>(value.length));
    for (const key of Object.keys(value)) copy[Number(key)] = clone(value[Number(key)], seen);
    return copy;
  }
  if (value instanceof Date) return keep(new Date(value.getTime()));
  if (value instanceof RegExp) return keep(new RegExp(value.source, value.flags));
  if (value instanceof ArrayBuffer) return keep(value.slice(0));
  if (ArrayBuffer.isView(value)) {
    const buffer = value.buffer.slice(value.byteOffset, value.byteOffset + value.byteLength);
    return keep(Reflect.construct(value.constructor, [buffer]) as object);
  }
  if (value instanceof Map) {
    const copy = keep(new Map<unknown, unknown>());
    for (const [key, each] of value) copy.set(clone(key, seen), clone(each, seen));
    return copy;
  }
  if (value instanceof Set) {
    const copy = keep(new Set<unknown>());
    for (const each of value) copy.add(clone(each, seen));
    return copy;
  }
  const copy = keep(value instanceof Error ? new Error(value.message) : ({} as Record<string, unknown>));
  for (const [key, each] of Object.entries(value)) put(copy, key, clone(each, seen));
  for (const key of Object.keys(value)) Object.defineProperty(copy, key, { enumerable: true });
  return copy;
}
