// What the feed did to the run: outages, bad checksums, data that came too late, strategies that failed.
import { formatTimeUs } from '../../core/time.ts';
import { gapChart } from '../charts/quality.ts';
import type { RunEvidence } from '../evidence.ts';
import { html, type Markup, tableOf } from '../html.ts';
import { span, whole } from './format.ts';
import type { Section, Subject } from './section.ts';

export function quality({ evidence }: Subject): Section {
  const { statuses, statusCount, gaps } = evidence;
  const { firstUs, lastUs } = evidence.run.manifest;
  const chart = gapChart(gaps, { fromUs: firstUs ?? 0, toUs: lastUs ?? 0 });
  return {
    id: 'quality',
    title: 'Data quality',
    body: [
      ...recorderTable(evidence),
      ...(chart === undefined ? [html`<p>The feed tells of no gap.</p>`] : [chart]),
      ...gapTable(evidence),
      ...unusedTable(evidence),
      ...faultTable(evidence),
      html`<h3>What the feed said about itself</h3><p>${whole(statuses.length)} of ${whole(statusCount)} status records; routine ones are left out.</p>`,
      ...(statuses.length === 0
        ? []
        : [tableOf(['time', 'tape position', 'what', 'symbol', 'detail'], statuses.map(statusRow))]),
    ],
  };
}

function recorderTable({ run }: RunEvidence): readonly Markup[] {
  const counts = Object.entries(run.measured?.quality ?? {}).filter(([, value]) => typeof value === 'number');
  if (counts.length === 0) return [];
  return [
    tableOf(
      ['recorder', 'count'],
      counts.map(([name, value]) => [name, whole(Number(value))]),
    ),
  ];
}

function gapTable({ gaps }: RunEvidence): readonly Markup[] {
  if (gaps.length === 0) return [];
  const groups = Map.groupBy(gaps, ({ cause, channel, symbol }) => [cause, channel, symbol].join('\n'));
  const rows = [...groups.values()].map((group) => {
    const { cause, channel, symbol } = group[0]!;
    const healed = group.filter(({ toUs }) => toUs !== undefined);
    const missed = healed.reduce((sum, { fromUs, toUs }) => sum + (toUs! - fromUs), 0);
    return [cause, channel, symbol, whole(group.length), span(missed), whole(group.length - healed.length)];
  });
  return [tableOf(['gap', 'channel', 'symbol', 'times', 'together', 'not healed'], rows)];
}

function unusedTable({ unused }: RunEvidence): readonly Markup[] {
  if (unused.size === 0) return [];
  return [
    html`<h3>Arrived, and not used</h3>`,
    tableOf(
      ['what', 'times'],
      [...unused].map(([what, times]) => [what, whole(times)]),
    ),
  ];
}

function faultTable({ faults }: RunEvidence): readonly Markup[] {
  if (faults.length === 0) return [];
  const rows = faults.map((f) => [formatTimeUs(f.timeUs), whole(f.event), f.strategy, f.message, f.policy]);
  return [
    html`<h3>Strategies that failed</h3>`,
    tableOf(['time', 'event', 'strategy', 'message', 'then'], rows),
  ];
}

function statusRow({ timeUs, seq, symbol, status }: RunEvidence['statuses'][number]): readonly string[] {
  const { type: _type, state, ...detail } = status;
  const what = status.state === 'control' ? status.control.type : state;
  return [formatTimeUs(timeUs), whole(seq), what, symbol, describe(detail)];
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
