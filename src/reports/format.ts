// Numbers as a reader wants them. What is no number is n/a, never 0; where it is known, with the reason.
import { formatTimeUs } from '../core/time.ts';
import { html, type Markup } from './html.ts';

export function number(value: number, digits = 2): string {
  if (value === Number.POSITIVE_INFINITY) return '∞';
  if (!Number.isFinite(value)) return 'n/a';
  const minimumFractionDigits = Math.min(digits, 2);
  return value.toLocaleString('en-US', { maximumFractionDigits: digits, minimumFractionDigits });
}

export function percent(value: number, digits = 2): string {
  return Number.isFinite(value) ? `${(value * 100).toFixed(digits)}%` : 'n/a';
}

export function whole(value: number): string {
  return Number.isFinite(value) ? value.toLocaleString('en-US', { maximumFractionDigits: 0 }) : 'n/a';
}

/** A length of time in the unit that suits it: `12.3 ms`, `4.2 s`, `3 min`, `5 h 20 min`, `12 d 3 h`. */
export function span(us: number): string {
  if (!Number.isFinite(us)) return 'n/a';
  if (us === 0) return '0 s';
  if (us < 1000) return `${Math.round(us)} µs`;
  if (us < 1e6) return `${(us / 1000).toFixed(1)} ms`;
  if (us < 120e6) return `${(us / 1e6).toFixed(1)} s`;
  const minutes = Math.round(us / 60e6);
  if (minutes < 120) return `${minutes} min`;
  if (minutes < 2 * 1440) return both(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  const hours = Math.round(minutes / 60);
  return both(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

function both(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

/** A difference: two digits are enough, and its power of ten where it is very small or large. */
export function tiny(value: number): string {
  if (!Number.isFinite(value)) return '∞';
  if (value === 0) return '0';
  return Math.abs(value) >= 0.001 && Math.abs(value) < 1e5 ? exact(value, 2) : value.toExponential(1);
}

/** At most this many significant digits, and no zeros for their own sake. */
export function exact(value: number, digits = 10): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(digits))) : 'n/a';
}

/** `2026-01-02 03:04:05.678`, UTC. */
export function at(us: number): string {
  return formatTimeUs(us).slice(0, 23).replace('T', ' ');
}

/** Without a reason it stands for itself. */
export function missing(reason: string): Markup {
  return html`n/a <small>${reason}</small>`;
}
