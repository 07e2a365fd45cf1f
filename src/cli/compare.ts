// `retick compare`: are two runs the same, and if not, where do they part and why?
import type { Argv } from 'yargs';
import { UsageError } from '../core/errors.ts';
import { formatTimeUs } from '../core/time.ts';
import { type Comparison, compareRuns, DEFAULT_TOLERANCE, type Divergence } from '../runs/compare.ts';
import { formatRecord } from '../runs/log.ts';
import { readRun } from '../runs/run.ts';
import type { Arguments, Command, Context } from './command.ts';
import { findInputDifference, type InputDifference } from './divergence.ts';
import { EXIT } from './exit.ts';
import { count, paint, table } from './output.ts';

export const command: Command = {
  usage: 'compare RUN_A RUN_B [--tolerance 1e-4]',
  options: (argv: Argv) =>
    argv
      .demandCommand(2, 2)
      .option('tolerance', {
        type: 'number',
        default: DEFAULT_TOLERANCE,
        describe: 'Largest relative difference of an indicator value that still counts as the same',
      })
      .option('exact', { type: 'boolean', default: false, describe: 'Only equal digests will do' })
      .example(
        'retick compare reports/a-paper reports/a-replay',
        'live against the replay of its own recording',
      )
      .epilogue('Exit 0: equal digests, or every indicator value there and within tolerance. Exit 1: not.'),
  run: async (args: Arguments, { output }: Context) => {
    const [left, right] = (args._ as readonly unknown[]).map((folder) => readRun(String(folder)));
    if (left === undefined || right === undefined) throw new UsageError('compare needs two run folders');
    const tolerance = args.tolerance as number;
    if (!(tolerance >= 0))
      throw new UsageError(`--tolerance: ${args.tolerance} is wrong (allowed: 0 or more)`);
    const comparison = compareRuns(left, right, tolerance);
    const input = await findInputDifference(left, right, comparison);
    output.result({ ...comparison, input }, formatComparison(comparison, input));
    return (args.exact === true ? comparison.isEqual : comparison.isWithin) ? EXIT.done : EXIT.failed;
  },
};

export function formatComparison(comparison: Comparison, input: InputDifference | undefined): string {
  const { left, right } = comparison;
  const verdict = comparison.isEqual
    ? paint('green', `equal, bit for bit: digest ${left.digest.slice(0, 16)}`)
    : comparison.isWithin
      ? paint('yellow', `not equal, but every indicator value is within ${comparison.tolerance}`)
      : paint('red', `different: ${shortfall(comparison)}`);
  const lines = [
    `left   ${left.id}  (${left.mode}, ${count(left.events)} events, digest ${left.digest.slice(0, 16)})`,
    `right  ${right.id}  (${right.mode}, ${count(right.events)} events, digest ${right.digest.slice(0, 16)})`,
    verdict,
    '',
    table(
      ['records', 'left', 'right'],
      comparison.counts.map((row) => [row.type, count(row.left), count(row.right)]),
    ),
    '',
    table(
      [
        'indicator',
        'matched',
        'only left',
        'only right',
        'missing',
        'unequal',
        'max abs',
        'max rel',
        'max ulp',
        'causes',
      ],
      comparison.indicators.map((parity) => [
        parity.name,
        count(parity.matched),
        count(parity.onlyLeft),
        count(parity.onlyRight),
        count(parity.missing),
        count(parity.unequal),
        brief(parity.maxAbsolute),
        brief(parity.maxRelative),
        brief(parity.maxUlp),
        causes(parity.causes),
      ]),
    ),
    '',
    table(
      ['candles', 'matched', 'only left', 'only right', 'unequal', 'causes'],
      comparison.candles.map((series) => [
        series.name,
        count(series.matched),
        count(series.onlyLeft),
        count(series.onlyRight),
        count(series.unequal),
        causes(series.causes),
      ]),
    ),
    '',
    table(
      ['actions', 'left', 'right', 'matched', 'equal', 'price bps', 'time µs', 'causes'],
      comparison.actions.map((parity) => [
        `${parity.kind}s`,
        count(parity.left),
        count(parity.right),
        count(parity.matched),
        count(parity.equal),
        brief(parity.maxPriceBps),
        count(parity.maxTimeUs),
        causes(parity.causes),
      ]),
    ),
  ];
  if (comparison.divergence !== undefined) lines.push('', ...formatDivergence(comparison.divergence));
  if (input !== undefined) lines.push('', ...formatInput(input));
  return lines.join('\n');
}

/** Why the runs are not within tolerance of each other. */
function shortfall({ indicators, tolerance }: Comparison): string {
  if (!indicators.some(({ matched }) => matched > 0)) return 'no indicator value was matched';
  const beyond = indicators.reduce((sum, parity) => sum + parity.beyond, 0);
  const missing = indicators.reduce((sum, parity) => sum + parity.missing, 0);
  return `${count(beyond)} indicator values past ${tolerance}, ${count(missing)} missing on one side`;
}

function formatDivergence(divergence: Divergence): readonly string[] {
  const at = divergence.left ?? divergence.right;
  return [
    paint(
      'bold',
      `the logs part at line ${divergence.line}: event ${at?.event}, tape position ${at?.seq}, ${formatTimeUs(at?.timeUs ?? Number.NaN)}`,
    ),
    ...(divergence.fields.length > 0 ? [`  fields that differ: ${divergence.fields.join(', ')}`] : []),
    ...divergence.before.map((record) => `    ${formatRecord(record).trimEnd()}`),
    `  < ${divergence.left === undefined ? '(the left log has ended)' : formatRecord(divergence.left).trimEnd()}`,
    ...divergence.leftAfter.map((record) => `  <   ${formatRecord(record).trimEnd()}`),
    `  > ${divergence.right === undefined ? '(the right log has ended)' : formatRecord(divergence.right).trimEnd()}`,
    ...divergence.rightAfter.map((record) => `  >   ${formatRecord(record).trimEnd()}`),
  ];
}

function formatInput(input: InputDifference): readonly string[] {
  if (input.state === 'unreadable')
    return [`the inputs part between events ${input.fromEvent} and ${input.toEvent}; ${input.reason}`];
  return [
    paint('bold', `the inputs part at event ${input.event}`),
    ...input.before.map((text) => `    ${text}`),
    `  < ${input.left ?? '(the left input has ended)'}`,
    `  > ${input.right ?? '(the right input has ended)'}`,
  ];
}

function causes(byCause: Readonly<Partial<Record<string, number>>>): string {
  return Object.entries(byCause)
    .map(([cause, number]) => `${cause} ${number}`)
    .join(', ');
}

function brief(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  return Math.abs(value) >= 0.01 && Math.abs(value) < 1e6 ? count(value, 4) : value.toExponential(1);
}
