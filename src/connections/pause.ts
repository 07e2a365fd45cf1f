// When the recorder itself did not run: stopped by a signal, starved, or busy. Beats see to it that something is recorded
// all the time; when nothing was, that is told before the next frame, and afterwards how many frames had waited for it.
import type { Control } from '../core/frame.ts';
import type { Clock } from './clock.ts';

/** Frames that waited while the recorder paused, being taken. */
type Backlog = { readonly pausedMs: number; readonly sinceUs: number; frames: number; bytes: number };

export class PauseWatch {
  readonly #pauseMs: number;
  readonly #clock: Clock;
  readonly #tell: (control: Control) => void;
  #backlog: Backlog | undefined;

  /** Told when nothing was recorded for `pauseMs`. */
  constructor(pauseMs: number, clock: Clock, tell: (control: Control) => void) {
    this.#pauseMs = pauseMs;
    this.#clock = clock;
    this.#tell = tell;
  }

  /** Whether frames that had waited are still being taken. */
  get hasBacklog(): boolean {
    return this.#backlog !== undefined;
  }

  /** Before a record is taken; `lastUs` is the time of the last one, NaN when there is none. */
  notice(lastUs: number): void {
    const nowUs = this.#clock.nowUs();
    const quietMs = (nowUs - lastUs) / 1000;
    if (!(quietMs >= this.#pauseMs)) return;
    this.end();
    const pausedMs = Math.round(quietMs);
    const backlog = { pausedMs, sinceUs: nowUs, frames: 0, bytes: 0 };
    this.#backlog = backlog;
    this.#tell({ type: 'pause', pausedMs });
    // Sockets are read between two turns of the loop: a turn that brought nothing says that nothing waits any more.
    const look = (framesBefore: number): void => {
      if (this.#backlog !== backlog) return;
      const isLong = this.#clock.nowUs() - backlog.sinceUs > pausedMs * 1000;
      if (backlog.frames === framesBefore || isLong) this.end();
      else setImmediate(look, backlog.frames);
    };
    setImmediate(() => setImmediate(look, -1));
  }

  /** A frame was taken. */
  frame(bytes: number): void {
    if (this.#backlog === undefined) return;
    this.#backlog.frames += 1;
    this.#backlog.bytes += bytes;
  }

  /** Nothing waits any more, or nothing more is taken. */
  end(): void {
    const backlog = this.#backlog;
    this.#backlog = undefined;
    if (backlog === undefined || backlog.frames === 0) return;
    const { frames, bytes, pausedMs } = backlog;
    this.#tell({ type: 'late', frames, bytes, pausedMs });
  }
}
