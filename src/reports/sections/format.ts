// Numbers as a reader wants them. What is no number is n/a, never 0.
import { formatDurationUs } from '../../core/time.ts';

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

/** A length of time: seconds up to two minutes, then the largest units that fit. */
export function span(us: number): string {
  if (!Number.isFinite(us)) return 'n/a';
  if (us < 120e6) return `${(us / 1e6).toFixed(us < 1e6 ? 3 : 1)} s`;
  return formatDurationUs(Math.round(us / 60e6) * 60e6);
}

/** A difference: two digits are enough. */
export function tiny(value: number): string {
  return value === 0 ? '0' : Number.isFinite(value) ? value.toPrecision(2) : '∞';
}
