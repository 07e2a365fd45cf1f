// Statistics of a list of numbers. What a list is too short for is NaN.

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

export function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

export function least(values: readonly number[]): number {
  return values.length === 0 ? Number.NaN : values.reduce((a, b) => Math.min(a, b));
}

export function greatest(values: readonly number[]): number {
  return values.length === 0 ? Number.NaN : values.reduce((a, b) => Math.max(a, b));
}

/** √(Σ(x − mean)² ÷ (n − 1)). */
export function sampleDeviation(values: readonly number[]): number {
  if (values.length < 2) return Number.NaN;
  return Math.sqrt((centralMoment(values, 2) * values.length) / (values.length - 1));
}

/** Between the two nearest of the sorted values, linearly: position share × (n − 1), as R's type 7. */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) return Number.NaN;
  const sorted = Float64Array.from(values).sort();
  const position = share * (sorted.length - 1);
  const below = sorted[Math.floor(position)]!;
  const above = sorted[Math.ceil(position)]!;
  return below + (above - below) * (position - Math.floor(position));
}

/** Σ(x − mean)^k ÷ n. */
export function centralMoment(values: readonly number[], k: number): number {
  const centre = mean(values);
  return values.reduce((total, value) => total + (value - centre) ** k, 0) / values.length;
}

/** The sample's, corrected for its size (G₁): √(n(n−1)) ÷ (n−2) · m₃ ÷ m₂^1.5. */
export function sampleSkew(values: readonly number[]): number {
  const n = values.length;
  if (n < 3) return Number.NaN;
  return ((Math.sqrt(n * (n - 1)) / (n - 2)) * centralMoment(values, 3)) / centralMoment(values, 2) ** 1.5;
}

/** The sample's excess over the normal's 3, corrected for its size (G₂). */
export function sampleExcessKurtosis(values: readonly number[]): number {
  const n = values.length;
  if (n < 4) return Number.NaN;
  const ratio = centralMoment(values, 4) / centralMoment(values, 2) ** 2;
  return ((n - 1) / ((n - 2) * (n - 3))) * ((n + 1) * ratio - 3 * (n - 1));
}

/** Σ(x − mean x)(y − mean y) ÷ (n − 1). */
export function sampleCovariance(xs: readonly number[], ys: readonly number[]): number {
  if (xs.length < 2) return Number.NaN;
  const [x, y] = [mean(xs), mean(ys)];
  return xs.reduce((total, value, i) => total + (value - x) * (ys[i]! - y), 0) / (xs.length - 1);
}

/** Pearson's. */
export function correlation(xs: readonly number[], ys: readonly number[]): number {
  return sampleCovariance(xs, ys) / (sampleDeviation(xs) * sampleDeviation(ys));
}

/** The share of a standard normal below z, to 1.5e-7 (Abramowitz and Stegun 7.1.26). */
export function normalShareBelow(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const series =
    t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const above = (series * Math.exp(-x * x)) / 2;
  return z < 0 ? above : 1 - above;
}
