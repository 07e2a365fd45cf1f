// Whether the derived tables hold what the journal decodes to: each event is compared, column by column, with the
// next row of its table and symbol. Memory is a chunk per table and symbol.
import { type EventBatch, IS_MARKET, NO_INSTRUMENT } from '../core/event.ts';
import { TABLE_KIND, tableOf } from './columns.ts';
import type { Manifest } from './manifest.ts';
import { bySymbol, isSameEvent, readTable } from './read.ts';

export class TableComparison {
  readonly #readers = new Map<number, RowReader>();
  /** The first difference found; nothing is compared after it. */
  difference: string | undefined;

  constructor(folder: string, manifest: Manifest) {
    for (const { name, files } of manifest.tables) {
      for (const { instrument, files: own } of bySymbol(files, manifest.symbols)) {
        const rows = readTable(folder, name, own, { instrument });
        this.#readers.set(slotOf(TABLE_KIND[name], instrument), new RowReader(rows, own[0]!.file));
      }
    }
  }

  /** Compares whole batches of decoded events, in order. */
  async add(events: EventBatch): Promise<void> {
    for (let row = 0; row < events.length && this.difference === undefined; row++) {
      const reader = this.#readers.get(slotOf(events.kind[row]!, events.instrument[row]!));
      const at = `record ${events.seq[row]}, event ${events.ordinal[row]}`;
      if (reader === undefined || !(reader.hasRow() || (await reader.refill()))) {
        this.difference = `${at}: missing in the ${tableOf(events.kind[row]!)} table`;
        return;
      }
      const { batch, row: other } = reader;
      const isSame =
        isSameEvent(events, row, batch, other) &&
        events.seq[row] === batch.seq[other] &&
        events.ordinal[row] === batch.ordinal[other];
      if (!isSame) this.difference = `${at}: another event in ${reader.file}`;
      reader.row++;
    }
  }

  /** Finds rows that no record gave; closes the files. */
  async finish(): Promise<void> {
    for (const reader of this.#readers.values()) {
      if (this.difference === undefined && (reader.hasRow() || (await reader.refill()))) {
        this.difference = `${reader.file}: more rows than the journal gives`;
      }
      await reader.close();
    }
  }
}

/** The three kinds of the status table share one slot. */
function slotOf(kind: number, instrument: number): number {
  const kinds = IS_MARKET.length;
  return IS_MARKET[kind] === 0 ? NO_INSTRUMENT * kinds : instrument * kinds + kind;
}

class RowReader {
  /** The first file of the table and symbol, for messages. */
  readonly file: string;
  readonly #batches: AsyncGenerator<EventBatch>;
  #batch: EventBatch | undefined;
  row = 0;

  constructor(batches: AsyncGenerator<EventBatch>, file: string) {
    this.#batches = batches;
    this.file = file;
  }

  get batch(): EventBatch {
    return this.#batch!;
  }

  hasRow(): boolean {
    return this.#batch !== undefined && this.row < this.#batch.length;
  }

  async refill(): Promise<boolean> {
    const result = await this.#batches.next();
    this.#batch = result.done === true ? undefined : result.value;
    this.row = 0;
    return this.hasRow();
  }

  async close(): Promise<void> {
    await this.#batches.return(undefined);
  }
}
