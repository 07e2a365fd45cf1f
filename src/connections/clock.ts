// The recorder's clock: monotonic, anchored to wall time once, in whole microseconds. It never goes back and never
// follows a step of the wall clock; a step is reported instead. The only file below the command line that reads real time.

export interface Clock {
  /** µs since the epoch, an integer, never smaller than the one before. */
  nowUs(): number;
  /**
   * Sets the clock forward for good if it is behind that time, and returns by how much, µs: what was recorded under a
   * wall clock that has been set back since stays the past.
   */
  advanceTo(us: number): number;
  /** Nanoseconds on the monotonic clock, from an arbitrary start: for measuring stages, never for recording. */
  stampNs(): number;
  /** How far the wall clock has stepped since it was last asked, signed µs; 0 when it has not. Each step is told once. */
  checkStep(): number;
}

/** The two clocks of the machine, both in ms. Tests give their own. */
export type ClockSource = {
  readonly wallMs: () => number;
  readonly monotonicMs: () => number;
};

export type ClockOptions = {
  /** Default: the machine's own. */
  readonly source?: ClockSource;
  /** A smaller difference between both clocks is no step. Default 50 ms, well above what a busy process may delay a reading. */
  readonly stepMs?: number;
};

const MACHINE: ClockSource = { wallMs: () => Date.now(), monotonicMs: () => performance.now() };

/** Readings that take longer than this were interrupted, and say nothing about a step. */
const READING_MS_MAX = 5;

export function createClock(options: ClockOptions = {}): Clock {
  const { wallMs, monotonicMs } = options.source ?? MACHINE;
  const stepUsMin = (options.stepMs ?? 50) * 1000;
  const anchorUs = anchor(wallMs, monotonicMs);
  let lastUs = 0;
  let toldUs = 0;
  let aheadUs = 0;

  const nowUs = (): number => {
    const us = Math.round(anchorUs + monotonicMs() * 1000) + aheadUs;
    if (us > lastUs) lastUs = us;
    return lastUs;
  };

  return {
    nowUs,
    advanceTo(us) {
      const shiftUs = Math.max(0, us - nowUs());
      aheadUs += shiftUs;
      return shiftUs;
    },
    stampNs: () => monotonicMs() * 1e6,
    checkStep() {
      const beforeMs = monotonicMs();
      const wallUs = wallMs() * 1000;
      const afterMs = monotonicMs();
      if (afterMs - beforeMs > READING_MS_MAX) return 0;
      const offsetUs = Math.round(wallUs - (anchorUs + beforeMs * 1000));
      const stepUs = offsetUs - toldUs;
      if (Math.abs(stepUs) < stepUsMin) return 0;
      toldUs = offsetUs;
      return stepUs;
    },
  };
}

/**
 * Wall time at monotonic zero, µs. The wall clock reads in whole milliseconds, so the moment of its next tick is
 * waited for, at most a few milliseconds, and again if the wait was interrupted just then.
 */
function anchor(wallMs: () => number, monotonicMs: () => number): number {
  let tickMs = 0;
  let beforeMs = 0;
  for (let attempt = 0; attempt < 3; attempt++) {
    const startMs = wallMs();
    // A source that does not tick, as in a test, is taken as it is.
    for (let reading = 0; reading < 50_000; reading++) {
      beforeMs = monotonicMs();
      tickMs = wallMs();
      if (tickMs !== startMs) break;
    }
    if (monotonicMs() - beforeMs < 0.1) break;
  }
  return tickMs * 1000 - beforeMs * 1000;
}
