// What is known of each instrument: stated by the venue, or read off the digits until it is.
// Invariant: a consumer learns an instrument's steps before the first price that needs them.
import type { EventBatch } from '../core/event.ts';
import type { JournalRecord } from '../core/frame.ts';
import { type Instrument, splitSymbol } from '../core/instrument.ts';
import { powerOfTen } from './scan.ts';

type Digits = { readonly decimals: number; readonly sizeDecimals: number };

type Known = {
  readonly symbol: string;
  instrument: Instrument | undefined;
  /** The finest digits seen while nobody stated the steps. */
  priceDecimals: number;
  sizeDecimals: number;
};

export class Instruments {
  readonly #known: readonly Known[];

  constructor(symbols: readonly string[]) {
    this.#known = symbols.map((symbol) => ({
      symbol,
      instrument: undefined,
      priceDecimals: -1,
      sizeDecimals: -1,
    }));
  }

  isStated(number: number): boolean {
    return this.#known[number]!.instrument?.isStated === true;
  }

  /** Until the venue states an instrument, its steps are those of the finest digits seen. */
  infer(number: number, seen: Digits, record: JournalRecord, out: EventBatch): void {
    const known = this.#known[number]!;
    if (seen.decimals <= known.priceDecimals && seen.sizeDecimals <= known.sizeDecimals) return;
    known.priceDecimals = Math.max(known.priceDecimals, seen.decimals);
    known.sizeDecimals = Math.max(known.sizeDecimals, seen.sizeDecimals);
    const instrument: Instrument = {
      symbol: known.symbol,
      ...splitSymbol(known.symbol),
      tickSize: 1 / powerOfTen(known.priceDecimals),
      lotSize: 1 / powerOfTen(known.sizeDecimals),
      sizeMin: 0,
      notionalMin: 0,
      status: 'online',
      isStated: false,
    };
    this.define(number, instrument, record, out);
  }

  /** Emits the instrument if it differs from what was known. */
  define(number: number, instrument: Instrument, record: JournalRecord, out: EventBatch): void {
    const known = this.#known[number]!;
    if (JSON.stringify(known.instrument) === JSON.stringify(instrument)) return;
    known.instrument = instrument;
    out.addDetail({ type: 'instrument', instrument }, number, record.seq, record.receivedUs, Number.NaN);
  }
}
