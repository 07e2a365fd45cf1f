// What a strategy may say and what it can find out about its instruments, over a whole engine.
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { misuseOf } from '../../src/engine/signals.ts';
import {
  type Context,
  defineStrategy,
  type LoadedStrategy,
  prepare,
  quote,
  type Signal,
} from '../../src/index.ts';
import { config, livelyMarket, run } from './synthetic.ts';

type Decide = (context: Context<unknown, unknown>) => Signal | null;

function deciding(decide: Decide, params: z.ZodType = z.object({})): LoadedStrategy {
  const strategy = defineStrategy({
    name: 'deciding',
    version: '1.0.0',
    description: 'decides as it is told',
    params,
    inputs: () => ({ touch: quote('XRP/USD') }),
    trigger: () => ({ on: 'trade' as const, symbol: 'XRP/USD' }),
    decide: (_, context) => decide(context as Context<unknown, unknown>),
  });
  return prepare(strategy as never) as LoadedStrategy;
}

const events = livelyMarket(3, 3);

describe('a signal', () => {
  test('with a key it does not have is a fault that names the nearest one, and buys nothing', () => {
    const misspelt = { action: 'buy', size: 1, reason: 'x', stoploss: 1 } as unknown as Signal;
    const log = run(events, [deciding(() => misspelt)]);
    expect(log.of('fault').map(({ message }) => message)).toEqual([
      'malformed signal: unknown key of a signal: stoploss (did you mean stopLoss?)',
    ]);
    expect(log.of('order')).toEqual([]);
  });

  test.each([
    [{ takeprofit: 2 }, 'unknown key of a signal: takeprofit (did you mean takeProfit?)'],
    [{ stop_loss: 2 }, 'unknown key of a signal: stop_loss (did you mean stopLoss?)'],
    [{ qty: undefined }, 'unknown key of a signal: qty'],
    [{ colour: 'blue' }, 'unknown key of a signal: colour'],
    [{ constructor: 1 }, 'unknown key of a signal: constructor'],
    [{ round: 'down' }, 'unknown rounding: down (known: passive, nearest)'],
    [{ limit: 1, round: 'passive', metadata: { any: 'key' } }, undefined],
  ])('%j', (more, wrong) => {
    expect(misuseOf({ action: 'buy', size: 1, reason: 'x', ...more } as Signal)).toBe(wrong);
  });
});

describe('the context', () => {
  test('tells the rules of an instrument and rounds prices and sizes to them', () => {
    let seen: unknown[] = [];
    const decide: Decide = (context) => {
      const { instrument, roundPrice, roundSize } = context;
      seen = [
        instrument(),
        instrument('XRP/USD') === instrument(),
        Object.isFrozen(instrument()),
        roundPrice(2.00016),
        roundPrice(2.00016, 'buy'),
        roundPrice('XRP/USD', 2.00012, 'sell'),
        roundPrice(0.1 + 0.2, 'buy'),
        roundSize(1.239),
        roundSize('XRP/USD', 0.1 * 3),
      ];
      return null;
    };
    const log = run(events, [deciding(decide)]);
    expect(log.of('fault')).toEqual([]);
    const rules = {
      symbol: 'XRP/USD',
      base: 'XRP',
      quote: 'USD',
      tickSize: 0.0001,
      lotSize: 0.01,
      sizeMin: 1,
    };
    expect(seen).toEqual([
      { ...rules, notionalMin: 0, status: 'online', isStated: true },
      ...[true, true],
      ...[2.0002, 2.0001, 2.0002, 0.3],
      ...[1.23, 0.3],
    ]);
  });

  test('names the known symbols where it is asked for an unknown one', () => {
    const log = run(events, [
      deciding(({ instrument }) => {
        instrument('XRPUSD');
        return null;
      }),
    ]);
    expect(log.of('fault')[0]!.message).toContain(
      'unknown symbol in instrument of deciding: XRPUSD (known: XRP/USD)',
    );
  });

  test('holds parameters that nobody can change, inside as outside', () => {
    const params = z.object({ levels: z.array(z.object({ at: z.number() })).default([{ at: 1 }]) });
    const change: Decide = (context) => {
      (context.params as { levels: { at: number }[] }).levels[0]!.at = 2;
      return null;
    };
    const push: Decide = (context) => {
      (context.params as { levels: { at: number }[] }).levels.push({ at: 3 });
      return null;
    };
    for (const decide of [change, push]) {
      expect(run(events, [deciding(decide, params)]).of('fault')[0]!.message).toMatch(/^TypeError: Cannot/);
    }
    expect(run(events, [deciding(() => null, params)], { config: config() }).of('fault')).toEqual([]);
  });
});
