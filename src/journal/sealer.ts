// The segments of a journal that wait to be sealed: one after the other, in children. One that cannot be sealed stays an
// Arrow segment, which is read like any other; that is told, and it is tried again, later, and once more at the end.
import { basename } from 'node:path';
import { DataError } from '../core/errors.ts';
import { type SegmentSummary, sealInChild } from './seal.ts';

/** A segment that could not be sealed. */
export type SealFailure = {
  /** As `000001`. */
  readonly segment: string;
  readonly reason: string;
  /** Tries so far. */
  readonly attempt: number;
  /** Whether its records are not what was written: such a one is not tried again. */
  readonly isDamaged: boolean;
};

export type SealerOptions = {
  /** Before the second try; it doubles up to ten minutes. */
  readonly retryMs: number;
  readonly onSealed: ((summary: SegmentSummary) => void) | undefined;
  readonly onFailure: ((failure: SealFailure) => void) | undefined;
};

const RETRY_MAX_MS = 600_000;

export class Sealer {
  readonly #options: SealerOptions;
  #work: Promise<void> = Promise.resolve();
  /** Those that failed, by their path. */
  readonly #failures = new Map<string, SealFailure>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  #isClosing = false;

  constructor(options: SealerOptions) {
    this.#options = options;
  }

  /** Segments that are still as they were written, after at least one try. */
  get failures(): readonly SealFailure[] {
    return [...this.#failures.values()];
  }

  add(path: string): void {
    this.#work = this.#work.then(() => this.#seal(path));
  }

  /** Resolves when all that were added have been tried, those that failed before once more. */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const [path, timer] of this.#timers) {
      clearTimeout(timer);
      this.add(path);
    }
    await this.#work;
  }

  async #seal(path: string): Promise<void> {
    this.#timers.delete(path);
    try {
      const summary = await sealInChild(path);
      this.#failures.delete(path);
      this.#options.onSealed?.(summary);
    } catch (error) {
      const attempt = (this.#failures.get(path)?.attempt ?? 0) + 1;
      const reason = error instanceof Error ? error.message : String(error);
      const isDamaged = error instanceof DataError;
      const failure = { segment: basename(path, '.arrow'), reason, attempt, isDamaged };
      this.#failures.set(path, failure);
      if (!isDamaged) this.#retry(path, attempt);
      this.#options.onFailure?.(failure);
    }
  }

  #retry(path: string, attempt: number): void {
    if (this.#isClosing) return;
    const delayMs = Math.min(this.#options.retryMs * 2 ** (attempt - 1), RETRY_MAX_MS);
    this.#timers.set(path, setTimeout(() => this.add(path), delayMs).unref());
  }
}
