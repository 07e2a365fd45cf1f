// Who is told how a session goes on: a terminal, a monitor, or nobody. What it does changes nothing in the session.
import type { RecorderStatus } from '../connections/recorder.ts';

export interface Observer {
  /** A sentence that is worth reading: what was left out, what a strategy wrote. */
  note(text: string): void;
  /** How far it is; told often, so `describe` is to be called only for what is shown. */
  progress(describe: () => Progress): void;
  /** What ending the process at once would lose, asked for when that is about to happen; empty when it loses nothing. */
  atLeaving?(lastWords: () => string): void;
}

export type Progress =
  /** A feed that is taken: events so far, and the engine's time, µs. */
  | {
      readonly doing: 'replaying' | 'backtesting';
      readonly events: number;
      readonly nowUs: number;
      /** How far receipt lags the venue; NaN before that is known. */
      readonly offsetUs: number;
    }
  | { readonly doing: 'recording'; readonly what: string; readonly status: RecorderStatus };

export const SILENT: Observer = { note: () => {}, progress: () => {} };
