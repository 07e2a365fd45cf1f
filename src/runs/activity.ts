// What a run says of its strategies at its end, read back and put into sentences: why nothing happened.
import { z } from 'zod';
import type { InputActivity, StrategyActivity } from '../core/activity.ts';

const counts = z.record(z.string(), z.number());

export const activitySchema = z.object({
  strategy: z.string(),
  isActive: z.boolean(),
  calls: z.number(),
  skipped: z.number(),
  signals: z.number(),
  orders: z.number(),
  fills: z.number(),
  pending: z.number().default(0),
  open: z.number().default(0),
  rejections: counts,
  faults: z.number(),
  unused: counts,
  events: z.record(
    z.string(),
    z.object({ trades: z.number(), books: z.number(), quotes: z.number(), candles: z.number() }),
  ),
  inputs: z
    .array(
      z.object({
        name: z.string(),
        input: z.enum(['candles', 'indicator', 'quote', 'book']),
        what: z.string(),
        symbol: z.string(),
        closed: z.number(),
        warmup: z.number(),
        warmupLeft: z.number(),
        memory: z.number().nullable(),
        readySinceUs: z.number().nullable(),
      }),
    )
    .readonly(),
});

export type { StrategyActivity } from '../core/activity.ts';

/** Events of all kinds that a strategy's instruments were given. */
export function eventsOf({ events }: StrategyActivity): number {
  return Object.values(events).reduce(
    (sum, { trades, books, quotes, candles }) => sum + trades + books + quotes + candles,
    0,
  );
}

/** Orders that were rejected, whatever the reason. */
export function rejectedOf({ rejections }: StrategyActivity): number {
  return Object.values(rejections).reduce((sum, times) => sum + times, 0);
}

/**
 * Why a strategy did less than it might have, one sentence each, the earliest obstacle first: it was given no events, was
 * not called, lacked an input, saw no reason to act, was rejected, or had no fill. Empty when nothing stood in its way.
 */
export function obstaclesOf(activity: StrategyActivity): readonly string[] {
  const { calls, skipped, signals, orders, fills, faults, isActive, events } = activity;
  const silent = Object.entries(events)
    .filter(([, { trades, books, quotes, candles }]) => trades + books + quotes + candles === 0)
    .map(([symbol]) => symbol);
  const missing = activity.inputs.filter(({ readySinceUs }) => readySinceUs === null);
  return [
    ...(silent.length > 0 ? [`never fed: no trade, book, quote or candle of ${silent.join(', ')} came`] : []),
    ...(calls === 0 && skipped === 0 ? [neverCalled(activity)] : []),
    ...(skipped > 0
      ? [`not asked ${times(skipped)}: the run was warming up, or the strategy had been disabled`]
      : []),
    ...(isActive ? [] : [`disabled after ${faults === 1 ? 'a fault' : `${faults} faults`}`]),
    ...missing.map(notReady),
    ...(calls > 0 && signals === 0 ? [`gave no signal in ${calls} ${calls === 1 ? 'call' : 'calls'}`] : []),
    ...listOf(activity.rejections, (reason, n) => `${n} ${n === 1 ? 'order' : 'orders'} rejected: ${reason}`),
    ...(orders > 0 && fills === 0 && rejectedOf(activity) < orders
      ? [`no fill of ${orders} ${orders === 1 ? 'order' : 'orders'}`]
      : []),
    ...leftOf(activity),
    ...listOf(activity.unused, (reason, n) => `unused ${times(n)}: ${reason}`),
  ];
}

function neverCalled({ inputs }: StrategyActivity): string {
  const series = inputs.filter(({ input }) => input === 'candles' || input === 'indicator');
  const closed = series.reduce((most, one) => Math.max(most, one.closed), 0);
  const why = series.length > 0 && closed === 0 ? ': no candle of its series closed' : '';
  return `never called${why === '' ? ': its trigger did not fire' : why}`;
}

function notReady({ name, what, input, warmupLeft, closed }: InputActivity): string {
  if (input === 'book') return `${name}: ${what} was never valid`;
  if (input === 'quote') return `${name}: no ${what} came`;
  if (warmupLeft === 0) return `${name}: ${what} never was a number, though ${closed} candles closed`;
  const candles = closed === 1 ? '1 candle' : `${closed} candles`;
  return `${name}: ${what} was never ready, ${candles} closed and ${warmupLeft} more needed`;
}

function leftOf({ pending, open }: StrategyActivity): readonly string[] {
  if (pending + open === 0) return [];
  const parts = [...(pending > 0 ? [`${pending} on the way`] : []), ...(open > 0 ? [`${open} open`] : [])];
  return [`orders left when the run ended: ${parts.join(', ')}`];
}

function times(n: number): string {
  return n === 1 ? 'once' : `${n} times`;
}

function listOf(reasons: Readonly<Record<string, number>>, say: (reason: string, n: number) => string) {
  return Object.entries(reasons)
    .sort(([, a], [, b]) => b - a)
    .map(([reason, n]) => say(reason, n));
}
