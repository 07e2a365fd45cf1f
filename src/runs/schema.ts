// What a line of a run log must be. A log may come from anywhere: each field is checked for its type and its bounds before
// anything is counted, drawn or looped over by it. The compiler holds this list to the records that there are.
import { isCount, isIntervalUs, TIME_MAX_US } from '../core/bounds.ts';
import { DataError } from '../core/errors.ts';
import type { Fill, Order, Signal } from '../core/order.ts';
import type { RunRecord } from '../core/record.ts';

type Check = ((value: unknown) => boolean) & { readonly isNumber?: boolean };
type Checks<T> = { readonly [K in keyof T]-?: Check };
type Own<T> = Omit<T, 'type' | 'event' | 'seq' | 'timeUs'>;
type RecordOf<T extends RunRecord['type']> = Extract<RunRecord, { type: T }>;

const NAME_CHARS_MAX = 1000;
const TEXT_CHARS_MAX = 1_000_000;
/** Names in one object: instruments, currencies, reasons. */
const KEYS_MAX = 100_000;
/** Objects within one another, in what a venue or a strategy said. */
const DEPTH_MAX = 8;

const name: Check = (value) => typeof value === 'string' && value.length <= NAME_CHARS_MAX;
const text: Check = (value) => typeof value === 'string' && value.length <= TEXT_CHARS_MAX;
const flag: Check = (value) => typeof value === 'boolean';
const count: Check = (value) => isCount(value as number);
const intervalUs: Check = (value) => isIntervalUs(value as number);
/** Any number: those that are none are among the figures of a run. */
const number: Check = Object.assign((value: unknown) => typeof value === 'number', { isNumber: true });
/** A moment of the run, µs; NaN before there is one. */
const timeUs: Check = Object.assign(
  (value: unknown) =>
    typeof value === 'number' && (Number.isNaN(value) || (value >= 0 && value < TIME_MAX_US)),
  { isNumber: true },
);
const startUs: Check = (value) => timeUs(value) && !Number.isNaN(value);
/** Exact money or size. Longer than any; a longer one would be turned into a number for ever. */
const decimal: Check = (value) => typeof value === 'string' && value.length <= 100 && DECIMAL.test(value);
const DECIMAL = /^-?\d+(?:\.\d+)?$/;

const oneOf =
  (...values: readonly string[]): Check =>
  (value) =>
    (values as readonly unknown[]).includes(value);
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
/** A field that earlier versions did not write, or that is only there when it says something. */
const perhaps = (check: Check): Check =>
  Object.assign((value: unknown) => value === undefined || check(value), {
    isNumber: check.isNumber === true,
  });
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.length <= KEYS_MAX && value.every((each) => check(each));
const mapOf =
  (check: Check): Check =>
  (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
    const entries = Object.entries(value);
    return entries.length <= KEYS_MAX && entries.every(([key, each]) => text(key) && check(each));
  };
const fieldsOf =
  <T>(checks: Checks<T>): Check =>
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    faultIn(value, Object.entries<Check>(checks)) === undefined;

/** Values of any shape, but not of any depth. */
function isShallow(value: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null)
    return value === null || text(value) || flag(value) || number(value);
  return depth < DEPTH_MAX && Object.values(value).every((each) => isShallow(each, depth + 1));
}

const side = oneOf('buy', 'sell');
const orderType = oneOf('market', 'limit', 'stop', 'takeProfit');

const signal: Checks<Signal> = {
  action: oneOf('buy', 'sell', 'short', 'cover'),
  symbol: perhaps(name),
  size: perhaps(number),
  quote: perhaps(number),
  limit: perhaps(number),
  round: perhaps(oneOf('passive', 'nearest')),
  timeInForce: perhaps(oneOf('GTC', 'IOC', 'FOK')),
  stopLoss: perhaps(number),
  takeProfit: perhaps(number),
  reason: text,
  metadata: perhaps((value) => isShallow(value)),
};

const order: Checks<Order> = {
  id: count,
  signal: count,
  strategy: name,
  instrument: count,
  symbol: name,
  side,
  type: orderType,
  timeInForce: oneOf('GTC', 'IOC', 'FOK'),
  isReduceOnly: flag,
  size: number,
  filledSize: number,
  price: number,
  status: oneOf('pending', 'open', 'filled', 'cancelled', 'expired', 'rejected'),
  reason: text,
  createdUs: timeUs,
  dueUs: number,
};

const fill: Checks<Fill> = {
  id: count,
  order: count,
  signal: count,
  strategy: name,
  instrument: count,
  symbol: name,
  side,
  price: number,
  size: number,
  fee: decimal,
  feeCurrency: name,
  liquidity: oneOf('maker', 'taker'),
  signalMid: number,
  arrivalMid: perhaps(number),
  fillMid: number,
  markLow: perhaps(number),
  markHigh: perhaps(number),
  rate: perhaps(number),
  isAcrossGap: perhaps(flag),
  realized: decimal,
};

const eventCounts = fieldsOf({ trades: count, books: count, quotes: count, candles: count });
const inputActivity = fieldsOf({
  name,
  input: oneOf('candles', 'indicator', 'quote', 'book'),
  what: name,
  symbol: name,
  closed: count,
  warmup: count,
  warmupLeft: count,
  memory: orNull(count),
  readySinceUs: orNull(startUs),
});

const records: { readonly [T in RunRecord['type']]: Checks<Own<RecordOf<T>>> } = {
  signal: { id: count, strategy: name, signal: fieldsOf(signal), heardUs: perhaps(orNull(timeUs)) },
  order: { order: fieldsOf(order) },
  fill: { fill: fieldsOf(fill) },
  indicator: { name, atUs: startUs, value: number },
  sample: {
    name,
    symbol: name,
    atUs: timeUs,
    signal: count,
    exchangeUs: orNull(timeUs),
    receivedUs: orNull(timeUs),
    values: mapOf((value) => flag(value) || number(value) || isExact(value)),
  },
  candle: {
    name,
    symbol: name,
    startUs,
    intervalUs,
    open: number,
    high: number,
    low: number,
    close: number,
    volume: number,
    buyVolume: number,
    sellVolume: number,
    trades: number,
    isPartial: flag,
  },
  equity: {
    strategy: name,
    currency: name,
    equity: decimal,
    cash: decimal,
    realized: decimal,
    fees: decimal,
    positions: mapOf(decimal),
    balances: perhaps(mapOf(decimal)),
    rateAgeUs: perhaps(number),
  },
  position: {
    strategy: name,
    symbol: name,
    currency: name,
    size: decimal,
    entryPrice: number,
    markPrice: number,
    unrealized: decimal,
    rate: perhaps(number),
    markLow: number,
    markHigh: number,
  },
  rate: { currency: name, to: name, path: listOf(name), rate: orNull(decimal), reason: text },
  fault: { strategy: name, message: text, policy: oneOf('disable', 'halt') },
  risk: {
    strategy: name,
    limit: oneOf('drawdown', 'loss'),
    value: number,
    max: number,
    action: oneOf('cancel', 'flatten'),
  },
  outage: {
    strategy: name,
    symbol: name,
    order: count,
    what: orderType,
    price: number,
    policy: oneOf('hold', 'cancel', 'mark'),
    channel: name,
    fromUs: timeUs,
  },
  log: { strategy: name, level: name, text },
  plot: { strategy: name, name: text, value: number },
  status: { symbol: name, status: isStatus },
  unused: { symbol: name, reason: text, count, startUs: perhaps(timeUs), atUs: perhaps(number) },
  lag: { offsetUs: number, spreadUs: number, graceUs: number },
  book: { symbol: name, what: oneOf('crossed', 'refused', 'off tick'), count, detail: text },
  activity: {
    strategy: name,
    isActive: flag,
    calls: count,
    skipped: count,
    signals: count,
    orders: count,
    fills: count,
    pending: perhaps(count),
    open: perhaps(count),
    rejections: mapOf(count),
    faults: count,
    unused: mapOf(count),
    events: mapOf(eventCounts),
    inputs: listOf(inputActivity),
  },
  checkpoint: { inputs: name },
  end: { events: count, inputs: name, reason: text },
};

/** What the feed said of itself: fields by state, and a recorder's own step, which is shown but never reckoned with. */
function isStatus(value: unknown): boolean {
  if (!isShallow(value) || typeof value !== 'object' || value === null) return false;
  const status = value as Readonly<Record<string, unknown>>;
  const texts = ['channel', 'symbol', 'reason', 'text', 'cause', 'detail'];
  if (!texts.every((key) => status[key] === undefined || text(status[key]))) return false;
  if (!(status.fromUs === undefined || status.fromUs === null || timeUs(status.fromUs))) return false;
  if (status.state !== 'control') return name(status.state);
  const { control } = status;
  return typeof control === 'object' && control !== null && 'type' in control && name(control.type);
}

const POSITION: Checks<Pick<RunRecord, 'event' | 'seq' | 'timeUs'>> = { event: count, seq: number, timeUs };

const entriesOf: ReadonlyMap<string, readonly (readonly [string, Check])[]> = new Map(
  Object.entries(records).map(([type, checks]) => [type, Object.entries<Check>({ ...POSITION, ...checks })]),
);

/** Fields that hold numbers, and may hold one of the texts that stand for those that JSON has not. */
export const NUMBER_FIELDS: ReadonlySet<string> = new Set(
  [
    ...entriesOf.values(),
    Object.entries<Check>(signal),
    Object.entries<Check>(order),
    Object.entries<Check>(fill),
  ]
    .flat()
    .filter(([, check]) => check.isNumber === true)
    .map(([field]) => field),
);

export function isExact(value: unknown): boolean {
  return value === 'NaN' || value === 'Infinity' || value === '-Infinity' || value === '-0';
}

/** Throws DataError naming the field that is not what a record of its type has. */
export function requireRecord(value: unknown): asserts value is RunRecord {
  const record =
    typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
  const entries = typeof record.type === 'string' ? entriesOf.get(record.type) : undefined;
  if (entries === undefined) throw new DataError(`not a record: type ${shown(record.type)}`);
  const field = faultIn(record, entries);
  if (field !== undefined)
    throw new DataError(`${record.type as string}: ${field} is ${shown(record[field])}`);
}

function faultIn(record: object, entries: readonly (readonly [string, Check])[]): string | undefined {
  for (let i = 0; i < entries.length; i++) {
    const [field, check] = entries[i]!;
    if (!check((record as Readonly<Record<string, unknown>>)[field])) return field;
  }
  return undefined;
}

function shown(value: unknown): string {
  return typeof value === 'object' && value !== null
    ? 'out of bounds'
    : (JSON.stringify(value) ?? 'missing').slice(0, 80);
}
