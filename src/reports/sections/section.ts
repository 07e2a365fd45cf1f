// What a section is: evidence in, markup and charts out. A section with nothing to say is undefined.
import type { Comparison } from '../../runs/compare.ts';
import type { Chart } from '../charts/chart.ts';
import type { RunEvidence } from '../evidence.ts';
import type { Markup } from '../html.ts';

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
