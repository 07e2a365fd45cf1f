import { expect, test } from 'vitest';
import { parseRunConfig, UsageError } from '../../src/index.ts';

const least = { name: 'first', venue: 'kraken', symbols: ['BTC/USD'] };

test('what is left out has its documented default', () => {
  expect(parseRunConfig(least, 'run.yaml')).toMatchObject({
    seed: 1,
    capital: { USD: 100 },
    strategies: [],
    latency: { model: 'uniform', minMs: 50, maxMs: 100 },
    candles: { from: 'trades', grace: '250ms' },
    equityEvery: '1s',
    onError: 'disable',
  });
});

test('a parsed config written down parses to itself', () => {
  const config = parseRunConfig(
    {
      ...least,
      strategies: [{ use: 'order-flow', params: { length: 3 } }],
      duration: '10m',
      warmup: '1m30s',
    },
    'run.yaml',
  );
  expect(parseRunConfig(JSON.parse(JSON.stringify(config)), 'again')).toEqual(config);
});

test.each([
  [{ ...least, sed: 3 }, 'unknown key in run.yaml: sed (', 'did you mean seed?'],
  [
    { ...least, candles: { fil: 2 } },
    'run.yaml: candles: fil (known: from, fill, grace, fillAt)',
    'did you mean fill?',
  ],
  [
    { ...least, strategies: [{ us: 'x' }] },
    'run.yaml: strategies[0]: us (known: use, id, params, capital, fees, risk)',
    'use?',
  ],
  [{ ...least, strategies: [{ id: 'x' }] }, 'run.yaml: strategies[0].use', 'expected string'],
  [
    { ...least, latency: { model: 'fixed', mss: 2, ms: 1 } },
    'run.yaml: latency: mss (known: model, ms)',
    'ms?',
  ],
  [{ ...least, latency: { model: 'uniforn' } }, 'run.yaml: latency.model: uniforn', 'did you mean uniform?'],
  [{ ...least, onError: 'hold' }, 'run.yaml: onError: hold (known: disable, halt)', 'did you mean halt?'],
  [{ ...least, equityEvery: '5 minutes' }, 'run.yaml: equityEvery: "5 minutes"', 'allowed: texts like 250ms'],
  [{ ...least, symbols: [] }, 'run.yaml: symbols: []', '>=1'],
  [{ ...least, symbols: ['A/B', 'A/B'] }, 'run.yaml: symbols: A/B', 'twice'],
  [{ ...least, strategies: [{ use: 'a' }, { use: 'a' }] }, 'run.yaml: strategies: a', 'may set an id'],
  [{ ...least, capital: { USD: '100' } }, 'run.yaml: capital.USD: "100"', 'expected number'],
  ['text', 'run.yaml: "text"', 'expected object'],
])('a wrong value is named with its path and what was allowed (%#)', (value, where, allowed) => {
  const parse = () => parseRunConfig(value, 'run.yaml');
  expect(parse).toThrow(UsageError);
  expect(parse).toThrow(where);
  expect(parse).toThrow(allowed);
});
