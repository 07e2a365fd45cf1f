// Strategies written by tests, loaded from files as a run file's are, and run over a lively market.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadStrategies } from '../../src/sessions/strategies.ts';
import { config, livelyMarket, type MemoryLog, run } from '../engine/synthetic.ts';

const folder = mkdtempSync(join(tmpdir(), 'retick-strategies-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

/** Writes a strategy file: `parts` are the members of its declaration, `head` what stands before it. */
export function file(name: string, parts: string, head = ''): string {
  const path = join(folder, `${name}.ts`);
  writeFileSync(
    path,
    `import { buy, candles, defineStrategy, indicator, sell, quote, ema, sma } from 'retick';
import { z } from 'zod';
${head}
export const strategy = defineStrategy({
  name: '${name}', version: '1', description: 'x', params: z.object({ tag: z.string().default('') }),
  inputs: () => ({ bars: candles('XRP/USD', '1s') }),
  decide: () => null,
  ${parts}
} as any);
`,
  );
  return path;
}

export type Use = { readonly use: string; readonly id?: string; readonly params?: object };

export function load(uses: readonly Use[], overrides: object = {}) {
  const strategies = uses.map((use) => ({ params: {}, ...use }));
  const runConfig = config({ ...overrides, strategies });
  return loadStrategies(runConfig, 'run.yaml').then((loaded) => ({ loaded, runConfig }));
}

export const events = livelyMarket(5, 6);

/** One run over the same six seconds. */
export async function runFiles(
  uses: readonly (Use | string)[],
  overrides: object = {},
): Promise<MemoryLog & { readonly reasons: (strategy: string) => readonly string[] }> {
  const { loaded, runConfig } = await load(
    uses.map((use) => (typeof use === 'string' ? { use } : use)),
    overrides,
  );
  const log = run(events, loaded, { config: runConfig });
  const reasons = (strategy: string): readonly string[] =>
    log
      .of('signal')
      .filter((record) => record.strategy === strategy)
      .map(({ signal }) => signal.reason);
  return Object.assign(log, { reasons });
}

/** A strategy that says at each close what an expression is, as the reason of a signal. */
export function saying(name: string, expression: string, head = ''): string {
  return file(
    name,
    `decide: (inputs: any, context: any) => buy({ quote: 1, limit: 0.01, reason: 'v ' + (${expression}) }),`,
    head,
  );
}
