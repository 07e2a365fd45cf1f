// The distance between two doubles, counted in doubles.

const buffer = new DataView(new ArrayBuffer(8));

/** How many doubles lie between two numbers, plus one: 0 for equal ones, 1 for neighbours; infinite with a NaN. */
export function ulpDistance(left: number, right: number): number {
  if (left === right) return 0;
  if (Number.isNaN(left) || Number.isNaN(right)) return Number.POSITIVE_INFINITY;
  const distance = rank(left) - rank(right);
  return Number(distance < 0n ? -distance : distance);
}

/** The place of a double in the order of all doubles. */
function rank(value: number): bigint {
  buffer.setFloat64(0, value);
  const bits = buffer.getBigInt64(0);
  return bits < 0n ? -(bits & 0x7fff_ffff_ffff_ffffn) : bits;
}
