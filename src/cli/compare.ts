// `retick compare`: are two runs the same, and if not, where do they part and why?
import type { Argv } from 'yargs';
import { UsageError, unknownName } from '../core/errors.ts';
import { formatTimeUs } from '../core/time.ts';
import {
  CAUSES,
  type Cause,
  type Comparison,
  compareRuns,
  DEFAULT_FILL_TOLERANCE,
  DEFAULT_LIMITS,
  DEFAULT_TOLERANCE,
  type Divergence,
  formatLimit,
  formatSetting,
  type Limit,
  type Limits,
} from '../runs/compare.ts';
import { formatRecord } from '../runs/log.ts';
import { readRun } from '../runs/run.ts';
import type { Arguments, Command, Context } from './command.ts';
import { findInputDifference, type InputDifference } from './divergence.ts';
import { EXIT } from './exit.ts';
import { count, paint, table } from './output.ts';

const LIMITED = ['values', 'decisions', 'orders', 'fills', 'profit'] as const;

export const command: Command = {
  usage: 'compare RUN_A RUN_B [--tolerance 1e-4] [--max-fills 10%] [--fail-on unexplained]',
  options: (argv: Argv) => {
    const basic = argv
      .demandCommand(2, 2)
      .option('tolerance', {
        type: 'number',
        default: DEFAULT_TOLERANCE,
        describe: 'Largest relative difference of a value that still counts as the same',
      })
      .option('fill-tolerance', {
        type: 'number',
        default: DEFAULT_FILL_TOLERANCE,
        describe: 'The same of sizes and prices of decisions, orders and fills',
      })
      .option('exact', { type: 'boolean', default: false, describe: 'Only equal digests will do' })
      .option('fail-on', {
        type: 'string',
        default: DEFAULT_LIMITS.failOn.join(','),
        describe: `Causes, with commas between, that fail whatever the limits allow: ${CAUSES.join(', ')}`,
      });
    return LIMITED.reduce(
      (all, part) =>
        all.option(`max-${part}`, {
          type: 'string',
          default: formatLimit(DEFAULT_LIMITS[part]),
          describe:
            part === 'profit'
              ? 'How far profit may differ: an amount, or a share of the equity it began with'
              : `How many ${part} may differ: a number, or a share`,
        }),
      basic,
    )
      .example(
        'retick compare reports/a-paper reports/a-replay',
        'live against the replay of its own recording',
      )
      .epilogue('Exit 0: equal digests, or every part is within its limit. Exit 1: not.');
  },
  run: async (args: Arguments, { output }: Context) => {
    const options = {
      tolerance: parseTolerance(args.tolerance, '--tolerance'),
      fillTolerance: parseTolerance(args.fillTolerance, '--fill-tolerance'),
      limits: parseLimits(args),
    };
    const [left, right] = (args._ as readonly unknown[]).map((folder) => readRun(String(folder)));
    if (left === undefined || right === undefined) throw new UsageError('compare needs two run folders');
    const comparison = compareRuns(left, right, options);
    const input = await findInputDifference(left, right, comparison);
    output.result({ ...comparison, input }, formatComparison(comparison, input));
    return (args.exact === true ? comparison.isEqual : comparison.isWithin) ? EXIT.done : EXIT.failed;
  },
};

function parseTolerance(value: unknown, flag: string): number {
  if (typeof value === 'number' && value >= 0) return value;
  throw new UsageError(`${flag}: ${value} is wrong (allowed: 0 or more)`);
}

function parseLimits(args: Arguments): Limits {
  const given = Object.fromEntries(
    LIMITED.map((part) => [part, parseLimit(args[`max-${part}`], `--max-${part}`)]),
  ) as Record<(typeof LIMITED)[number], Limit>;
  return { ...given, failOn: parseCauses(args.failOn) };
}

/** `5`, or `10%`. */
export function parseLimit(value: unknown, flag: string): Limit {
  const text = String(value).trim();
  const amount = Number(text.replace(/%$/, ''));
  if (text === '' || text === '%' || !(amount >= 0 && Number.isFinite(amount))) {
    throw new UsageError(`${flag}: ${text} is wrong (allowed: a number of 0 or more, or a share like 10%)`);
  }
  return text.endsWith('%') ? { share: amount / 100 } : { count: amount };
}

/** Given again, or with commas between; `none` takes the default back. */
function parseCauses(value: unknown): readonly Cause[] {
  const names = [value]
    .flat()
    .flatMap((text) => String(text).split(','))
    .map((name) => name.trim());
  return names
    .filter((name) => name !== '' && name !== 'none')
    .map((name) => {
      const cause = CAUSES.find((known) => known === name);
      if (cause === undefined) throw unknownName('cause', name, CAUSES, '--fail-on');
      return cause;
    });
}

export function formatComparison(comparison: Comparison, input: InputDifference | undefined): string {
  const { left, right, settings } = comparison;
  const lines = [
    `left   ${left.id}  (${left.mode}, ${count(left.events)} events, digest ${left.digest.slice(0, 16)})`,
    `right  ${right.id}  (${right.mode}, ${count(right.events)} events, digest ${right.digest.slice(0, 16)})`,
    ...formatVerdict(comparison),
    ...settings.map((setting) => `configuration differs: ${formatSetting(setting)}`),
    '',
    ...formatTables(comparison),
  ];
  if (comparison.divergence !== undefined) lines.push('', ...formatDivergence(comparison.divergence));
  if (input !== undefined) lines.push('', ...formatInput(input));
  return lines.join('\n');
}

function formatVerdict({ isEqual, isWithin, left, verdict, tolerance }: Comparison): readonly string[] {
  const { headline } = verdict;
  if (isEqual) return [paint('green', `equal, bit for bit: digest ${left.digest.slice(0, 16)}`), headline];
  if (isWithin) {
    return [
      paint('yellow', `not equal, but within limits: ${headline}`),
      `values are compared within ${tolerance}`,
    ];
  }
  return [paint('red', `different: ${headline}`), ...verdict.reasons.map((reason) => `  ${reason}`)];
}

/** A table without rows says nothing and is left out. */
function tableOf(header: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  return rows.length === 0 ? [] : [table(header, rows), ''];
}

function formatTables(comparison: Comparison): readonly string[] {
  const { verdict } = comparison;
  const parts = verdict.parts.map(({ part, agreeing, of, excused, differing, limit, passes }) => [
    ...[part, `${count(agreeing)}/${count(of)}`, count(excused), count(differing)],
    ...[formatLimit(limit), passes ? 'ok' : 'FAILS'],
  ]);
  const profit = verdict.profit.map(({ strategy, currency, difference, share, limit, passes }) => [
    ...[`profit of ${strategy}`, '', '', `${brief(difference)} ${currency} (${brief(share * 100)}%)`],
    ...[formatLimit(limit), passes ? 'ok' : 'FAILS'],
  ]);
  return [
    ...tableOf(['judged', 'the same', 'excused', 'differ', 'allowed', ''], [...parts, ...profit]),
    ...tableOf(
      ['records', 'left', 'right'],
      comparison.counts.map((row) => [row.type, count(row.left), count(row.right)]),
    ),
    ...tableOf(
      [
        'value',
        'matched',
        'only left',
        'only right',
        'missing',
        'unequal',
        'past',
        'max abs',
        'max rel',
        'causes',
      ],
      comparison.indicators.map((parity) => [
        parity.name,
        ...[parity.matched, parity.onlyLeft, parity.onlyRight].map((n) => count(n)),
        ...[parity.missing, parity.unequal, parity.beyond].map((n) => count(n)),
        ...[brief(parity.maxAbsolute), brief(parity.maxRelative), causes(parity.causes)],
      ]),
    ),
    ...tableOf(
      ['candles', 'matched', 'only left', 'only right', 'missing', 'unequal', 'past', 'causes'],
      comparison.candles.map((series) => [
        series.name,
        ...[series.matched, series.onlyLeft, series.onlyRight].map((n) => count(n)),
        ...[series.missing, series.unequal, series.beyond].map((n) => count(n)),
        causes(series.causes),
      ]),
    ),
    ...tableOf(
      ['actions', 'left', 'right', 'matched', 'equal', 'agree', 'price bps', 'time µs', 'causes'],
      comparison.actions.map((parity) => [
        `${parity.kind}s`,
        ...[parity.left, parity.right, parity.matched, parity.equal, parity.agreeing].map((n) => count(n)),
        ...[brief(parity.maxPriceBps), count(parity.maxTimeUs), causes(parity.causes)],
      ]),
    ),
    ...tableOf(
      ['profit', 'left', 'right', 'differs by', 'causes'],
      comparison.profit.map(({ strategy, currency, left, right, difference, causes: why }) => [
        `${strategy} (${currency})`,
        ...[left, right, difference].map(brief),
        causes(why),
      ]),
    ),
  ].slice(0, -1);
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
