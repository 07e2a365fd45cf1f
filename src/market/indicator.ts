// The contract of an indicator: O(1) per candle, a forming value that replaces itself, a state that can be saved.
import type { Candle } from '../core/candle.ts';

export interface Indicator {
  /** Names of the numeric outputs, `value` first where there is one. */
  readonly outputs: readonly string[];
  /** Takes a closed candle; the outputs are then those of that candle. NaN while warming up. */
  update(candle: Candle): void;
  /** Shows the outputs as if the forming candle closed now. Called again, it replaces; `update` then commits. */
  preview(candle: Candle): void;
  /** The current value of output number `index` of `outputs`. */
  output(index: number): number;
  /** Closed candles needed before every output is a number. */
  readonly warmup: number;
  /** How many candles, the last one included, the outputs can depend on; absent: on all it was ever given. */
  readonly memory?: number;
  /** The whole state as numbers; a fresh indicator of the same parameters that restores it goes on bit for bit. */
  save(): Float64Array;
  restore(state: Float64Array): void;
}
