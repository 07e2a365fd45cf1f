// `npm run bench`: measures what this project claims, one benchmark after the other, each in a process of its own so that
// neither machine code nor memory of one is in the numbers of another. Prints one table, writes reports/bench/*.json.
//   node bench/run.ts [names…] [--quick] [--check] [--out FOLDER]
//   node bench/run.ts --only NAME [--quick]      one benchmark in this very process, its rows as JSON (for a profiler)
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { paint, table } from '../src/cli/output.ts';
import { UsageError, unknownName } from '../src/core/errors.ts';
import { describeMachine, formatMachine, type Machine } from './machine.ts';
import { type BenchRow, formatRow, isReached } from './row.ts';
import { type Benchmark, suite } from './suite.ts';

const ENTRY = fileURLToPath(import.meta.url);
const OUT = fileURLToPath(new URL('../reports/bench', import.meta.url));

/** One benchmark's outcome, as it stands in its file. */
export type BenchResult = {
  readonly name: string;
  readonly seconds: number;
  readonly rows: readonly BenchRow[];
  /** Why there are no rows. */
  readonly failure?: string;
};

export type BenchReport = {
  readonly measuredAt: string;
  readonly isQuick: boolean;
  readonly machine: Machine;
  readonly results: readonly BenchResult[];
};

async function main(words: readonly string[]): Promise<number> {
  const { values, positionals } = parse(words);
  const isQuick = values.quick === true;
  if (values.only !== undefined) {
    const rows = await findBenchmark(values.only).run(isQuick);
    process.stdout.write(`${JSON.stringify(rows)}\n`);
    return 0;
  }
  const chosen = positionals.length === 0 ? suite : positionals.map(findBenchmark);
  const machine = describeMachine();
  process.stdout.write(`${formatMachine(machine)}\n`);
  const out = values.out ?? OUT;
  mkdirSync(out, { recursive: true });
  const report = { measuredAt: new Date().toISOString(), isQuick, machine };
  const results: BenchResult[] = [];
  for (const { name } of chosen) {
    const result = await runApart(name, isQuick);
    process.stderr.write(`${name}: ${result.failure ?? `${result.seconds.toFixed(1)} s`}\n`);
    results.push(result);
    write(join(out, `${name}.json`), { ...report, results: [result] });
  }
  write(join(out, 'latest.json'), { ...report, results });
  process.stdout.write(`\n${formatResults(results)}\n`);
  return verdict(results, values.check === true);
}

/** A failure always fails; a missed target does when asked to. */
function verdict(results: readonly BenchResult[], isChecked: boolean): number {
  if (results.some(({ failure }) => failure !== undefined)) return 1;
  const missed = results.flatMap(({ rows }) => rows).filter((row) => isReached(row) === false);
  if (missed.length === 0) return 0;
  process.stderr.write(`below target: ${missed.map(({ name }) => name).join('; ')}\n`);
  return isChecked ? 1 : 0;
}

/** Runs one benchmark in a child process and waits for its rows. */
async function runApart(name: string, isQuick: boolean): Promise<BenchResult> {
  const start = performance.now();
  const words = [ENTRY, '--only', name, ...(isQuick ? ['--quick'] : [])];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const code = await new Promise<number | string>((resolve, reject) => {
    child.once('error', reject).once('close', (status, signal) => resolve(status ?? signal ?? 'nothing'));
  });
  const seconds = (performance.now() - start) / 1000;
  if (code !== 0) return { name, seconds, rows: [], failure: `ended with ${code}` };
  return { name, seconds, rows: JSON.parse(text) as readonly BenchRow[] };
}

function formatResults(results: readonly BenchResult[]): string {
  const header = ['benchmark', 'what', 'measured', 'unit', 'of bare', 'target', ''];
  const lines = results.flatMap(({ name, rows, failure }) =>
    failure === undefined
      ? rows.map((row, index) => [index === 0 ? name : '', ...formatRow(row)])
      : [[name, failure, '', '', '', '', 'FAILED']],
  );
  return table(header, lines).replace(/\b(MISSED|FAILED)$/gm, (word) => paint('red', word));
}

function findBenchmark(name: string): Benchmark {
  const found = suite.find((benchmark) => benchmark.name === name);
  if (found !== undefined) return found;
  throw unknownName(
    'benchmark',
    name,
    suite.map((benchmark) => benchmark.name),
  );
}

function parse(words: readonly string[]) {
  const flag = { type: 'boolean' } as const;
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...words],
      allowPositionals: true,
      options: { quick: flag, check: flag, out: text, only: text },
    });
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function write(path: string, value: unknown): void {
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = 2;
}
