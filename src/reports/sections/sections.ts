// The report's sections, in the order of the page. To add one: a file beside this, a line here.
import { activity } from './activity.ts';
import { latency } from './latency.ts';
import { manifest } from './manifest.ts';
import { markets } from './markets.ts';
import { parity } from './parity.ts';
import { performance } from './performance.ts';
import { quality } from './quality.ts';
import { said } from './said.ts';
import type { Section, Subject } from './section.ts';
import { trades } from './trades.ts';

export const SECTIONS: readonly ((subject: Subject) => Section | undefined)[] = [
  performance,
  markets,
  parity,
  said,
  trades,
  activity,
  latency,
  quality,
  manifest,
];
