// Invariants. A failed assertion means the program is wrong, so nothing catches it but the roof.

export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** States what must hold; the message says it in the positive ("time never goes back"). */
export function assert(condition: unknown, mustHold: string): asserts condition {
  if (!condition) throw new AssertionError(`broken invariant: ${mustHold}`);
}

/** The end of a switch over a union: the compiler proves that no member is left. */
export function unreachable(value: never): never {
  throw new AssertionError(`broken invariant: every case is handled, got ${JSON.stringify(value)}`);
}
