// What a strategy may return: the shape of a signal, and what is wrong with one that no market could make right.
// Prices and sizes are the exchange's affair.
import { nearestName } from '../core/errors.ts';
import type { Signal } from '../core/order.ts';

const ACTIONS: readonly string[] = ['buy', 'sell', 'short', 'cover'];
const TIMES_IN_FORCE: readonly string[] = ['GTC', 'IOC', 'FOK'];

/** Every key a signal may have. */
const KEYS: Readonly<Record<keyof Signal, true>> = {
  action: true,
  symbol: true,
  size: true,
  quote: true,
  limit: true,
  round: true,
  timeInForce: true,
  stopLoss: true,
  takeProfit: true,
  reason: true,
  metadata: true,
};
const ROUNDINGS: readonly string[] = ['passive', 'nearest'];

/** What is wrong with a signal, or undefined. */
export function misuseOf(signal: Signal): string | undefined {
  if (typeof signal !== 'object' || signal === null) return `a signal is an object, not ${String(signal)}`;
  const unknown = Object.keys(signal).find((key) => !Object.hasOwn(KEYS, key));
  if (unknown !== undefined) {
    const near = nearestName(unknown, Object.keys(KEYS));
    return `unknown key of a signal: ${unknown}${near === undefined ? '' : ` (did you mean ${near}?)`}`;
  }
  const { action, size, quote, limit, round, stopLoss, takeProfit, timeInForce, reason } = signal;
  if (!ACTIONS.includes(action)) return `unknown action: ${String(action)} (known: ${ACTIONS.join(', ')})`;
  if (size !== undefined && quote !== undefined) {
    return `both size ${size} and quote ${quote} given (allowed: one of them)`;
  }
  if (size === undefined && quote === undefined && (action === 'buy' || action === 'short')) {
    return `${action} without size or quote (allowed: one of them)`;
  }
  const amount =
    amountMisuse('size', size) ??
    amountMisuse('quote', quote) ??
    amountMisuse('limit', limit) ??
    amountMisuse('stopLoss', stopLoss) ??
    amountMisuse('takeProfit', takeProfit);
  if (amount !== undefined) return amount;
  if (timeInForce !== undefined && !TIMES_IN_FORCE.includes(timeInForce)) {
    return `unknown time in force: ${String(timeInForce)} (known: ${TIMES_IN_FORCE.join(', ')})`;
  }
  if (round !== undefined && !ROUNDINGS.includes(round)) {
    return `unknown rounding: ${String(round)} (known: ${ROUNDINGS.join(', ')})`;
  }
  for (const name in signal.metadata) {
    const value: unknown = signal.metadata[name];
    if (typeof value !== 'string' && typeof value !== 'number') {
      return `metadata.${name} is ${typeof value} (allowed: text or number)`;
    }
  }
  if (typeof reason !== 'string' || reason === '') return 'a signal without a reason';
  return undefined;
}

function amountMisuse(name: string, value: number | undefined): string | undefined {
  if (value === undefined || (Number.isFinite(value) && value > 0)) return undefined;
  return `${name} is ${value} (allowed: a finite number above 0)`;
}

/** A log may format a record later: what the strategy does to its own object in the meantime must not matter. */
export function ownCopy(signal: Signal): Signal {
  return signal.metadata === undefined ? { ...signal } : { ...signal, metadata: { ...signal.metadata } };
}
