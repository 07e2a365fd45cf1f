// The report's sections, one function each: evidence in, markup out. A section with nothing to say is undefined.
import { formatDurationUs, formatTimeUs } from '../core/time.ts';
import type { Comparison } from '../runs/compare.ts';
import { formatRecord } from '../runs/log.ts';
import type { Metrics } from '../runs/metrics.ts';
import { type Chart, candleChart, equityCharts, latencyChart, parityChart } from './charts.ts';
import type { RunEvidence } from './evidence.ts';
import { html, type Markup, tableOf } from './html.ts';

export type Section = {
  readonly id: string;
  readonly title: string;
  readonly body: readonly (Markup | Chart)[];
};

export type Subject = {
  readonly evidence: RunEvidence;
  readonly other: RunEvidence | undefined;
  readonly comparison: Comparison | undefined;
};

/** To add a section: one function, one line here. */
export const SECTIONS: readonly ((subject: Subject) => Section | undefined)[] = [
  performance,
  markets,
  parity,
  trades,
  latency,
  quality,
  manifest,
];

export const number = (value: number, digits = 2): string =>
  Number.isFinite(value)
    ? value.toLocaleString('en-US', {
        maximumFractionDigits: digits,
        minimumFractionDigits: Math.min(digits, 2),
      })
    : value === Number.POSITIVE_INFINITY
      ? '∞'
      : 'n/a';
const percent = (value: number, digits = 2): string =>
  Number.isFinite(value) ? `${(value * 100).toFixed(digits)}%` : 'n/a';
const whole = (value: number): string =>
  Number.isFinite(value) ? value.toLocaleString('en-US', { maximumFractionDigits: 0 }) : 'n/a';
const span = (us: number): string =>
  Number.isFinite(us)
    ? us < 120e6
      ? `${(us / 1e6).toFixed(1)} s`
      : formatDurationUs(Math.round(us / 60e6) * 60e6)
    : 'n/a';

export function cards({ evidence, comparison }: Subject): Markup {
  const { manifest, measured } = evidence.run;
  const equity = evidence.strategies.reduce((sum, { metrics }) => sum + (metrics.endEquity || 0), 0);
  const start = evidence.strategies.reduce((sum, { metrics }) => sum + (metrics.startEquity || 0), 0);
  const trips = evidence.strategies.reduce((sum, { metrics }) => sum + metrics.trades, 0);
  const list: (readonly [string, string, string])[] = [
    ['equity', number(equity), `${percent(equity / start - 1, 3)} of ${number(start)}`],
    [
      'round trips',
      whole(trips),
      `${whole(manifest.counts.fill ?? 0)} fills, ${whole(manifest.counts.signal ?? 0)} signals`,
    ],
    [
      'events',
      whole(manifest.events),
      `${span((manifest.lastUs ?? Number.NaN) - (manifest.firstUs ?? Number.NaN))} of feed`,
    ],
    ['gaps', whole(gapCount(evidence)), `${whole(manifest.counts.status ?? 0)} status records`],
  ];
  if (measured?.latency['through engine'] !== undefined) {
    const { p50, p99 } = measured.latency['through engine'];
    list.push(['frame to decision', `${number(p50, 1)} µs`, `p50; p99 ${number(p99, 0)} µs`]);
  }
  if (comparison !== undefined) {
    const matched = comparison.indicators.reduce((sum, parity) => sum + parity.matched, 0);
    const beyond = comparison.indicators.reduce((sum, parity) => sum + parity.beyond, 0);
    list.push([
      'parity',
      comparison.isEqual ? 'exact' : comparison.isWithin ? 'within' : 'broken',
      `${whole(matched - beyond)} of ${whole(matched)} values within ${comparison.tolerance * 100}%`,
    ]);
  }
  return html`<div class="cards">${list.map(([name, value, note]) => html`<div class="card"><span>${name}</span><b>${value}</b><small>${note}</small></div>`)}</div>`;
}

function gapCount({ statuses }: RunEvidence): number {
  return statuses.filter(({ status }) => status.state === 'gap').length;
}

const FIGURES: readonly (readonly [name: string, variant: string, format: (metrics: Metrics) => string])[] = [
  ['total return', 'E_end ÷ E_0 − 1', (m) => percent(m.totalReturn, 3)],
  ['CAGR', 'years = days ÷ 365.25; needs 30 days', (m) => percent(m.cagr)],
  ['volatility', 'daily UTC, ddof 1, √365; needs 30 days', (m) => percent(m.volatility)],
  ['Sharpe', 'daily UTC, rf 0, ddof 1, √365; needs 30 days', (m) => number(m.sharpe)],
  ['Sortino', 'downside over all periods, √365; needs 30 days', (m) => number(m.sortino)],
  [
    'probability of a Sharpe above 0',
    'given length, skew and tails; needs 30 days',
    (m) => percent(m.sharpeProbability, 1),
  ],
  ['Calmar', 'CAGR ÷ |max drawdown|; needs 30 days', (m) => number(m.calmar)],
  ['recovery factor', '|Σr| ÷ |max drawdown|; needs 30 days', (m) => number(m.recoveryFactor)],
  ['Omega', 'Σ gains ÷ Σ losses of daily r; needs 30 days', (m) => number(m.omega)],
  ['gain to pain', 'Σr ÷ |Σ negative r|; needs 30 days', (m) => number(m.gainToPain)],
  ['tail ratio', '|q95 ÷ q05| of daily r; needs 30 days', (m) => number(m.tailRatio)],
  ['value at risk, 95%', 'normal, of daily r; needs 30 days', (m) => percent(m.valueAtRisk)],
  ['CVaR', 'mean of daily r below that; needs 30 days', (m) => percent(m.conditionalValueAtRisk)],
  [
    'skew / excess kurtosis',
    'daily r, corrected for sample size; needs 30 days',
    (m) => `${number(m.skew)} / ${number(m.kurtosis)}`,
  ],
  ['stability', 'R² of log equity over days; needs 30 days', (m) => number(m.stability)],
  ['max drawdown', 'over every equity sample', (m) => percent(m.drawdownMax, 3)],
  ['average drawdown', 'of all, at their deepest', (m) => percent(m.drawdownAverage, 3)],
  [
    'longest / average drawdown',
    'peak to recovery, or the end',
    (m) => `${span(m.drawdownLongestUs)} / ${span(m.drawdownAverageUs)}`,
  ],
  ['time under water', 'share of the run', (m) => percent(m.underwater, 1)],
  ['Ulcer index', '√(Σdd² ÷ (n−1)), per sample', (m) => percent(m.ulcer, 3)],
  ['round trips', 'flat to flat', (m) => whole(m.trades)],
  ['win rate', 'trips with pnl > 0, fees deducted', (m) => percent(m.winRate, 1)],
  ['best / worst', 'quote currency', (m) => `${number(m.best, 4)} / ${number(m.worst, 4)}`],
  ['expectancy', 'mean pnl of a trip', (m) => number(m.expectancy, 4)],
  ['average duration', 'of a round trip', (m) => span(m.averageDurationUs)],
  ['longest streaks', 'wins / losses', (m) => `${whole(m.winStreak)} / ${whole(m.lossStreak)}`],
  [
    'MAE / MFE',
    'mean of worst / best return while open',
    (m) => `${percent(m.maeAverage, 3)} / ${percent(m.mfeAverage, 3)}`,
  ],
  ['profit factor', 'gross profit ÷ gross loss, money', (m) => number(m.profitFactor)],
  ['payoff', 'average win ÷ average loss', (m) => number(m.payoff)],
  ['SQN', '√n·mean(pnl) ÷ std(pnl)', (m) => number(m.sqn)],
  ['Kelly', 'W − (1−W) ÷ R', (m) => percent(m.kelly, 1)],
  ['exposure', 'share of time in a round trip', (m) => percent(m.exposure, 1)],
  ['turnover', 'traded notional ÷ mean equity', (m) => number(m.turnover)],
  ['fees', 'quote currency', (m) => number(m.fees, 4)],
];

function performance({ evidence }: Subject): Section {
  const { strategies } = evidence;
  const board = [...strategies].sort((a, b) => b.metrics.totalReturn - a.metrics.totalReturn);
  const costs = strategies.map(({ id, costs }) => [
    id,
    number(costs.fees, 4),
    number(costs.spread, 4),
    number(costs.latency, 4),
    number(costs.fees + costs.spread + costs.latency, 4),
  ]);
  return {
    id: 'performance',
    title: 'Performance',
    body: [
      ...equityCharts(evidence),
      html`<h3>Figures</h3>`,
      tableOf(
        ['figure', ...board.map(({ id }) => id), 'variant'],
        FIGURES.map(([name, variant, format]) => [
          name,
          ...board.map(({ metrics }) => format(metrics)),
          variant,
        ]),
      ),
      html`<h3>Costs, in quote currency</h3>`,
      tableOf(['strategy', 'fees', 'spread and depth', 'price moved on the way', 'together'], costs),
    ],
  };
}

function markets({ evidence }: Subject): Section {
  const charts = evidence.series.map(candleChart).filter((chart) => chart !== undefined);
  return { id: 'markets', title: 'Candles, indicators and fills', body: charts };
}

function parity({ evidence, other, comparison }: Subject): Section | undefined {
  if (comparison === undefined || other === undefined) return undefined;
  const labels =
    comparison.left.mode === comparison.right.mode
      ? ([comparison.left.id, comparison.right.id] as const)
      : ([comparison.left.mode, comparison.right.mode] as const);
  const charts = comparison.indicators.flatMap(({ name }) => {
    const [left, right] = [evidence.indicators.get(name), other.indicators.get(name)];
    return left === undefined || right === undefined ? [] : [parityChart(name, left, right, labels)];
  });
  const verdict = comparison.isEqual
    ? html`<p class="good">Equal, bit for bit: both logs have the digest <code>${comparison.left.digest}</code>.</p>`
    : html`<p class="${comparison.isWithin ? 'fair' : 'bad'}">The runs were fed different data; ${comparison.isWithin ? 'every indicator value is' : 'not every indicator value is'} within ${comparison.tolerance * 100}%.</p>`;
  const body: (Markup | Chart)[] = [
    verdict,
    tableOf(
      [
        'indicator',
        'matched',
        `only ${labels[0]}`,
        `only ${labels[1]}`,
        'missing inside',
        'unequal',
        'past tolerance',
        'max absolute',
        'max relative',
        'max ULP',
        'causes',
      ],
      comparison.indicators.map((p) => [
        p.name,
        whole(p.matched),
        whole(p.onlyLeft),
        whole(p.onlyRight),
        whole(p.missing),
        whole(p.unequal),
        whole(p.beyond),
        tiny(p.maxAbsolute),
        tiny(p.maxRelative),
        tiny(p.maxUlp),
        causes(p.causes),
      ]),
    ),
    tableOf(
      ['actions', labels[0], labels[1], 'matched', 'equal', 'max price, bps', 'max time, µs', 'causes'],
      comparison.actions.map((p) => [
        `${p.kind}s`,
        whole(p.left),
        whole(p.right),
        whole(p.matched),
        whole(p.equal),
        number(p.maxPriceBps, 2),
        whole(p.maxTimeUs),
        causes(p.causes),
      ]),
    ),
  ];
  const { divergence } = comparison;
  if (divergence !== undefined) {
    body.push(html`<h3>Where the logs part</h3><p>Line ${divergence.line}${divergence.fields.length > 0 ? `, in ${divergence.fields.join(', ')}` : ''}.</p>
<pre>${divergence.before.map((record) => html`  ${formatRecord(record)}`)}<span class="bad">&lt; ${divergence.left === undefined ? '(ended)\n' : formatRecord(divergence.left)}</span><span class="good">&gt; ${divergence.right === undefined ? '(ended)' : formatRecord(divergence.right)}</span></pre>`);
  }
  return { id: 'parity', title: `Parity: ${labels[0]} against ${labels[1]}`, body: [...body, ...charts] };
}

/** Rows of the trade table that are shown; the fills table beside the report has them all. */
const TRADES_MAX = 200;

function trades({ evidence }: Subject): Section | undefined {
  const trips = evidence.strategies.flatMap(({ trips }) => trips).sort((a, b) => a.closedUs - b.closedUs);
  const rejections = [...evidence.rejections].map(([reason, times]) => [reason, whole(times)]);
  if (trips.length === 0 && rejections.length === 0) return undefined;
  const rows = trips
    .slice(0, TRADES_MAX)
    .map((t) => [
      t.strategy,
      t.symbol,
      t.side,
      formatTimeUs(t.openedUs).slice(0, 23),
      span(t.closedUs - t.openedUs),
      String(Number(t.size.toPrecision(8))),
      String(Number(t.entryPrice.toPrecision(10))),
      String(Number(t.exitPrice.toPrecision(10))),
      number(t.pnl, 4),
      percent(t.returnFraction, 3),
      percent(t.mae, 3),
      percent(t.mfe, 3),
      t.entryReason,
      t.exitReason,
    ]);
  const header = [
    'strategy',
    'symbol',
    'side',
    'opened',
    'held',
    'size',
    'entry',
    'exit',
    'pnl',
    'return',
    'MAE',
    'MFE',
    'entry because',
    'exit because',
  ];
  return {
    id: 'trades',
    title: 'Round trips',
    body: [
      ...(rows.length > 0 ? [tableOf(header, rows)] : [html`<p>No position was opened and closed.</p>`]),
      ...(trips.length > TRADES_MAX
        ? [html`<p>${whole(trips.length - TRADES_MAX)} more in fills.parquet.</p>`]
        : []),
      ...(rejections.length > 0
        ? [html`<h3>Orders refused</h3>`, tableOf(['reason', 'times'], rejections)]
        : []),
    ],
  };
}

function latency({ evidence }: Subject): Section | undefined {
  const stages = evidence.run.measured?.latency ?? {};
  const chart = latencyChart(stages);
  if (chart === undefined) return undefined;
  const rows = Object.entries(stages).map(([stage, l]) => [
    stage,
    whole(l.count),
    ...[l.p50, l.p90, l.p99, l.p999, l.max, l.mean].map((us) => number(us, 1)),
  ]);
  return {
    id: 'latency',
    title: 'Latency',
    body: [
      html`<p>Measured from the socket’s callback, outside the engine; “venue to socket” is our clock less the venue’s.</p>`,
      chart,
      tableOf(['stage', 'count', 'p50', 'p90', 'p99', 'p99.9', 'max', 'mean'], rows),
    ],
  };
}

function quality({ evidence }: Subject): Section {
  const { statuses, statusCount, unused, faults, run } = evidence;
  const rows = statuses.map(({ timeUs, seq, symbol, status }) => {
    const { type: _type, state, ...detail } = status;
    const what = status.state === 'control' ? status.control.type : state;
    return [formatTimeUs(timeUs), whole(seq), what, symbol, describe(detail)];
  });
  const counts = Object.entries(run.measured?.quality ?? {}).filter(([, value]) => typeof value === 'number');
  return {
    id: 'quality',
    title: 'Data quality',
    body: [
      ...(counts.length > 0
        ? [
            tableOf(
              ['recorder', 'count'],
              counts.map(([name, value]) => [name, whole(Number(value))]),
            ),
          ]
        : []),
      ...(unused.size > 0
        ? [
            html`<h3>Arrived, and not used</h3>`,
            tableOf(
              ['what', 'times'],
              [...unused].map(([what, times]) => [what, whole(times)]),
            ),
          ]
        : []),
      ...(faults.length > 0
        ? [
            html`<h3>Strategies that failed</h3>`,
            tableOf(
              ['time', 'event', 'strategy', 'message', 'then'],
              faults.map((f) => [formatTimeUs(f.timeUs), whole(f.event), f.strategy, f.message, f.policy]),
            ),
          ]
        : []),
      html`<h3>What the feed said about itself</h3><p>${whole(rows.length)} of ${whole(statusCount)} status records; routine ones are left out.</p>`,
      tableOf(['time', 'tape position', 'what', 'symbol', 'detail'], rows),
    ],
  };
}

function manifest({ evidence, other }: Subject): Section {
  const runs = other === undefined ? [evidence.run] : [evidence.run, other.run];
  const line = (
    name: string,
    pick: (run: (typeof runs)[number]['manifest']) => string,
  ): readonly string[] => [name, ...runs.map((run) => pick(run.manifest))];
  return {
    id: 'manifest',
    title: 'Run manifest',
    body: [
      tableOf(
        ['', ...runs.map(({ manifest }) => manifest.id)],
        [
          line('mode', (m) => m.mode),
          line('digest', (m) => m.digest),
          line('digest of inputs', (m) => m.inputs),
          line('identity', (m) => m.identity),
          line(
            'dataset',
            (m) => `${m.dataset.name} (${m.dataset.feed}), digest ${m.dataset.digest.slice(0, 16)}`,
          ),
          line('from', (m) => formatTimeUs(m.firstUs ?? Number.NaN)),
          line('to', (m) => formatTimeUs(m.lastUs ?? Number.NaN)),
          line('seed', (m) => String(m.config.seed)),
          line('software', (m) => `${m.software}, Node ${m.node}`),
          ...evidence.run.manifest.strategies.map(({ id }, i) =>
            line(
              `strategy ${id}`,
              (m) =>
                `${m.strategies[i]?.name} ${m.strategies[i]?.version}, bundle ${m.strategies[i]?.bundle.slice(0, 16)}, ${JSON.stringify(m.strategies[i]?.params)}`,
            ),
          ),
        ],
      ),
      html`<details><summary>Configuration</summary><pre>${JSON.stringify(evidence.run.manifest.config, null, 2)}</pre></details>`,
    ],
  };
}

function causes(byCause: Readonly<Partial<Record<string, number>>>): string {
  return Object.entries(byCause)
    .map(([cause, times]) => `${cause} ${times}`)
    .join(', ');
}

function tiny(value: number): string {
  return value === 0 ? '0' : Number.isFinite(value) ? value.toPrecision(2) : '∞';
}

function describe(detail: object): string {
  return Object.entries(detail)
    .flatMap(([key, value]) =>
      key === 'control' && typeof value === 'object' && value !== null
        ? Object.entries(value)
            .filter(([name]) => name !== 'type')
            .map(
              ([name, inner]) =>
                `${name} ${typeof inner === 'object' ? JSON.stringify(inner) : String(inner)}`,
            )
        : value === ''
          ? []
          : [`${key} ${String(value)}`],
    )
    .join(', ');
}
