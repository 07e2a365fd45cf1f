// Whether two runs count as the same: what of values, decisions, orders, fills and profit differs, held against a limit for
// each. Nothing is judged that lies outside the span both runs covered, and runs without anything in common prove nothing.
import type { ActionParity } from './actions.ts';
import type { CandleParity } from './candles.ts';
import type { Cause } from './causes.ts';
import type { ProfitParity } from './profit.ts';
import type { ValueParity } from './values.ts';

/** How much may differ: so many, or such a share of all. Of profit: an amount, or a share of the equity at the start. */
export type Limit = { readonly count: number } | { readonly share: number };

export type Limits = {
  readonly values: Limit;
  readonly decisions: Limit;
  readonly orders: Limit;
  readonly fills: Limit;
  readonly profit: Limit;
  /** Differences put down to one of these fail, whatever the limits allow. */
  readonly failOn: readonly Cause[];
};

/**
 * No value may be past the tolerance or missing; a tenth of decisions, orders and fills may differ, and profit by a
 * hundredth of the equity. What cannot be explained by equal inputs always fails.
 */
export const DEFAULT_LIMITS: Limits = {
  values: { count: 0 },
  decisions: { share: 0.1 },
  orders: { share: 0.1 },
  fills: { share: 0.1 },
  profit: { share: 0.01 },
  failOn: ['not deterministic'],
};

export type JudgedPart = {
  readonly part: 'values' | 'decisions' | 'orders' | 'fills';
  /** How many of those in the common span came to the same within the tolerance. */
  readonly agreeing: number;
  readonly of: number;
  /** What the limit does not count: what quotes and books showed at another moment, or could not show in an outage. */
  readonly excused: number;
  /** of − agreeing − excused */
  readonly differing: number;
  readonly limit: Limit;
  readonly passes: boolean;
};

export type JudgedProfit = {
  readonly strategy: string;
  readonly currency: string;
  /** right − left */
  readonly difference: number;
  readonly share: number;
  readonly limit: Limit;
  readonly passes: boolean;
};

export type Verdict = {
  readonly passes: boolean;
  /** `values 104/104, decisions 8/9, fills 9/10, profit differs by 0.0312 USD` */
  readonly headline: string;
  readonly parts: readonly JudgedPart[];
  readonly profit: readonly JudgedProfit[];
  /** Why it does not pass, one sentence each. */
  readonly reasons: readonly string[];
};

export type Judged = {
  readonly isEqual: boolean;
  readonly candles: readonly CandleParity[];
  readonly values: readonly ValueParity[];
  readonly actions: readonly ActionParity[];
  readonly profit: readonly ProfitParity[];
};

export function judge(judged: Judged, limits: Limits): Verdict {
  const parts = [
    judgeValues(judged, limits.values),
    ...judged.actions.map((action) => judgeActions(action, limits)),
  ];
  const profit = judged.profit.map(({ strategy, currency, difference, share }): JudgedProfit => {
    const limit = limits.profit;
    const passes = 'share' in limit ? share <= limit.share : Math.abs(difference) <= limit.count;
    return { strategy, currency, difference, share, limit, passes };
  });
  const reasons = judged.isEqual ? [] : reasonsOf(judged, { parts, profit, limits });
  return {
    passes: reasons.length === 0,
    headline: headlineOf(parts, judged.profit),
    ...{ parts, profit, reasons },
  };
}

/** Candles count one each, indicator outputs and sampled outputs one each. */
function judgeValues({ candles, values }: Judged, limit: Limit): JudgedPart {
  let [of, failing, excused] = [0, 0, 0];
  for (const { matched, missing, beyond } of candles) {
    of += matched + missing;
    failing += missing + beyond;
  }
  for (const value of values) {
    of += value.matched + value.missing;
    failing += value.missing + value.beyond;
    excused += value.excused;
  }
  const differing = failing - excused;
  return {
    part: 'values',
    agreeing: of - failing,
    ...{ of, excused, differing },
    limit,
    passes: isWithin(limit, differing, of),
  };
}

const PARTS = { signal: 'decisions', order: 'orders', fill: 'fills' } as const;

function judgeActions(
  { kind, left, right, matched, agreeing, outside }: ActionParity,
  limits: Limits,
): JudgedPart {
  const part = PARTS[kind];
  const of = left + right - matched - outside;
  const limit = limits[part];
  const differing = of - agreeing;
  return { part, agreeing, of, excused: 0, differing, limit, passes: isWithin(limit, differing, of) };
}

function isWithin(limit: Limit, differing: number, of: number): boolean {
  return 'share' in limit ? differing <= limit.share * of : differing <= limit.count;
}

function reasonsOf(
  judged: Judged,
  { parts, profit, limits }: Pick<Verdict, 'parts' | 'profit'> & { readonly limits: Limits },
): readonly string[] {
  const failed = parts
    .filter(({ passes }) => !passes)
    .map(
      ({ part, differing, of, limit }) =>
        `${differing} of ${of} ${part} ${differing === 1 ? 'differs' : 'differ'} (allowed: ${formatLimit(limit)})`,
    );
  const lost = profit
    .filter(({ passes }) => !passes)
    .map(({ strategy, difference, share, currency, limit }) => {
      const amount = Number.isNaN(difference)
        ? 'is known of one run only'
        : `differs by ${money(difference)} ${currency}`;
      const part = Number.isNaN(share) ? '' : `, ${(share * 100).toFixed(3)}% of its equity`;
      return `profit of ${strategy} ${amount}${part} (allowed: ${formatLimit(limit)})`;
    });
  const named = limits.failOn.flatMap((cause) => {
    const times = [...judged.candles, ...judged.values, ...judged.actions].reduce(
      (sum, { causes }) => sum + (causes[cause] ?? 0),
      0,
    );
    return times === 0
      ? []
      : [`${times} ${times === 1 ? 'difference is' : 'differences are'} put down to: ${cause}`];
  });
  const isEmpty = parts.every(({ of }) => of === 0);
  return [
    ...(isEmpty ? ['the runs have nothing in common: nothing is proven'] : []),
    ...failed,
    ...lost,
    ...named,
  ];
}

function headlineOf(parts: readonly JudgedPart[], profit: readonly ProfitParity[]): string {
  const said = parts
    .filter(({ part, agreeing, of }) => part !== 'orders' || agreeing !== of)
    .map(({ part, agreeing, of }) => `${part} ${agreeing}/${of}`);
  // Orders that differ stand last: they explain what stands before.
  const orders = said.filter((text) => text.startsWith('orders'));
  const byCurrency = new Map<string, number>();
  for (const { currency, difference } of profit) {
    byCurrency.set(currency, (byCurrency.get(currency) ?? 0) + Math.abs(difference));
  }
  const amounts = [...byCurrency].map(([currency, amount]) => `${money(amount)} ${currency}`);
  const differs = `profit differs by ${amounts.length === 0 ? '0' : amounts.join(' and ')}`;
  const excused = parts.reduce((sum, part) => sum + part.excused, 0);
  const seen = excused === 0 ? [] : [`${excused} values of quotes and books were seen at another moment`];
  return [...said.filter((text) => !orders.includes(text)), differs, ...orders, ...seen].join(', ');
}

function money(amount: number): string {
  if (Number.isNaN(amount)) return 'an unknown amount of';
  return Math.abs(amount) >= 0.0001 || amount === 0
    ? amount.toFixed(4).replace(/\.?0+$/, '')
    : amount.toExponential(1);
}

/** `5`, or `10%` */
export function formatLimit(limit: Limit): string {
  return 'share' in limit ? `${Number((limit.share * 100).toPrecision(6))}%` : String(limit.count);
}
