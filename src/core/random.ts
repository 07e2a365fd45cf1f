// Seeded randomness: xoshiro128** by Blackman and Vigna (prng.di.unimi.it), seeded through SplitMix32.
// Integer operations only, so a seed gives the same numbers on every machine.

export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: number) {
    let state = seed >>> 0;
    const next = (): number => {
      state = (state + 0x9e3779b9) >>> 0;
      let z = state;
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      return (z ^ (z >>> 16)) >>> 0;
    };
    this.#a = next();
    this.#b = next();
    this.#c = next();
    this.#d = next() | 1;
  }

  /** A uniform integer in [0, 2^32). */
  nextUint32(): number {
    const times5 = Math.imul(this.#b, 5);
    const result = Math.imul((times5 << 7) | (times5 >>> 25), 9) >>> 0;
    const t = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= t;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result;
  }

  /** A uniform double in [0, 1), of 32 bits. */
  nextFloat(): number {
    return this.nextUint32() / 0x1_0000_0000;
  }

  /** A uniform integer in [min, max]. */
  nextInt(min: number, max: number): number {
    return min + Math.floor(this.nextFloat() * (max - min + 1));
  }

  /** Approximately normal, mean 0 and deviation 1: twelve uniforms (no `log`, so it is the same everywhere). */
  nextNormal(): number {
    let sum = -6;
    for (let i = 0; i < 12; i++) sum += this.nextFloat();
    return sum;
  }

  /** An independent stream that is a pure function of this one's seed and the name. */
  static named(seed: number, name: string): Random {
    let hash = seed >>> 0;
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193) >>> 0;
    return new Random(hash);
  }

  /** The whole state, for a snapshot. */
  save(): readonly number[] {
    return [this.#a, this.#b, this.#c, this.#d];
  }

  restore(state: readonly number[]): void {
    const [a = 0, b = 0, c = 0, d = 0] = state;
    this.#a = a;
    this.#b = b;
    this.#c = c;
    this.#d = d;
  }
}
