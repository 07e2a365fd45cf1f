// What a benchmark reports: rows, each a number with its unit, and what it has to reach where something is asked of it.

export type Target = {
  /** Which number is judged: the measured one, or its share of the bare loop's in the same process. */
  readonly of: 'value' | 'ratio';
  /** `above` counts the bar itself as reached, `below` does not. */
  readonly is: 'above' | 'below';
  readonly bar: number;
};

export type BenchRow = {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** Of the speed of the bare loop in the same process. */
  readonly ratio?: number;
  readonly target?: Target;
};

export function atLeast(bar: number): Target {
  return { of: 'value', is: 'above', bar };
}

export function below(bar: number): Target {
  return { of: 'value', is: 'below', bar };
}

/** A share of the bare loop, 0 to 1: this holds on a machine of any speed. */
export function atLeastOfBareLoop(bar: number): Target {
  return { of: 'ratio', is: 'above', bar };
}

/** undefined where nothing is asked. A ratio that was not measured, or a number that is none, reaches nothing. */
export function isReached({ value, ratio, target }: BenchRow): boolean | undefined {
  if (target === undefined) return undefined;
  const found = target.of === 'value' ? value : (ratio ?? Number.NaN);
  return target.is === 'above' ? found >= target.bar : found < target.bar;
}

/** The cells of one line of the table: what, measured, unit, ratio, target, verdict. */
export function formatRow(row: BenchRow): readonly string[] {
  const reached = isReached(row);
  return [
    row.name,
    formatNumber(row.value),
    row.unit,
    row.ratio === undefined ? '' : formatPercent(row.ratio),
    row.target === undefined ? '' : formatTarget(row.target),
    reached === undefined ? '' : reached ? 'ok' : 'MISSED',
  ];
}

function formatTarget({ of, is, bar }: Target): string {
  const amount = of === 'ratio' ? `${formatPercent(bar)} of bare` : formatNumber(bar);
  return `${is === 'above' ? '≥' : '<'} ${amount}`;
}

/** Three digits that count; whole numbers from 100 on. */
function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return 'n/a';
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString('en-US', { maximumFractionDigits: digits });
}

function formatPercent(ratio: number): string {
  return `${Math.round(ratio * 100)} %`;
}
