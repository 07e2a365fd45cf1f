// What the log says besides trading: the feed's own status, data that was not used, strategies that failed. Counts
// are of all records; lists are cut where a reader would stop.
import { GapFold } from '../core/gap.ts';
import type { LoggedRecord, RecordOf } from '../runs/log.ts';

/** A stretch in which data of a channel was missing or a book was not to be trusted, engine time. */
export type Gap = {
  readonly cause: string;
  readonly channel: string;
  readonly symbol: string;
  readonly detail: string;
  readonly fromUs: number;
  /** When data flowed again; undefined when the log does not say so. */
  readonly toUs: number | undefined;
};

/** Data of one symbol that came and was not used. */
export type LateData = { readonly symbol: string; readonly timeUs: number; readonly reason: string };

export type NoteEvidence = {
  readonly gaps: readonly Gap[];
  readonly late: readonly LateData[];
  readonly statuses: readonly RecordOf<'status'>[];
  readonly statusCount: number;
  readonly faults: readonly RecordOf<'fault'>[];
  readonly risks: readonly RecordOf<'risk'>[];
  /** What strategies wrote through their consoles, and how much of it. */
  readonly lines: readonly RecordOf<'log'>[];
  readonly lineCount: number;
  readonly unused: ReadonlyMap<string, number>;
  /** Orders and stops that stood while data was missing. */
  readonly affected: readonly RecordOf<'outage'>[];
  /** By `symbol: what`: how often a book was crossed, refused a level, had one off its tick. */
  readonly books: ReadonlyMap<string, number>;
  /** How often an order was refused, by strategy and reason. */
  readonly rejections: ReadonlyMap<string, number>;
};

/** Records of one kind that are kept for the page. */
const KEPT_MAX = 1000;

export class Notes {
  readonly #gaps = new GapFold();
  readonly #late: LateData[] = [];
  readonly #statuses: RecordOf<'status'>[] = [];
  readonly #faults: RecordOf<'fault'>[] = [];
  readonly #risks: RecordOf<'risk'>[] = [];
  readonly #unused = new Map<string, number>();
  readonly #books = new Map<string, number>();
  readonly #affected: RecordOf<'outage'>[] = [];
  readonly #rejections = new Map<string, number>();
  readonly #lines: RecordOf<'log'>[] = [];
  #lineCount = 0;
  #statusCount = 0;

  add(record: LoggedRecord): void {
    switch (record.type) {
      case 'status':
        this.#statusCount += 1;
        this.#gaps.add(record.status, record.timeUs);
        if (isTelling(record)) keep(this.#statuses, record);
        break;
      case 'unused': {
        const { symbol, reason, count, timeUs } = record;
        const what = `${symbol}: ${reason}`;
        this.#unused.set(what, (this.#unused.get(what) ?? 0) + count);
        keep(this.#late, { symbol, timeUs, reason });
        break;
      }
      case 'order': {
        const { strategy, status, reason } = record.order;
        if (status !== 'rejected') break;
        const why = `${strategy}: ${reason}`;
        this.#rejections.set(why, (this.#rejections.get(why) ?? 0) + 1);
        break;
      }
      case 'outage':
        keep(this.#affected, record);
        break;
      case 'book':
        // Each count is of the run so far; the last one is of all of it.
        this.#books.set(`${record.symbol}: ${record.what}`, record.count);
        break;
      case 'log':
        this.#lineCount += 1;
        keep(this.#lines, record);
        break;
      case 'fault':
        keep(this.#faults, record);
        break;
      case 'risk':
        keep(this.#risks, record);
        break;
      default:
        break;
    }
  }

  evidence(): NoteEvidence {
    return {
      gaps: this.#gaps.gaps.map((gap) => ({ ...gap, toUs: gap.toUs ?? undefined })),
      ...{ late: this.#late, statuses: this.#statuses, statusCount: this.#statusCount },
      ...{ faults: this.#faults, risks: this.#risks, unused: this.#unused, books: this.#books },
      ...{ lines: this.#lines, lineCount: this.#lineCount, affected: this.#affected },
      rejections: this.#rejections,
    };
  }
}

function keep<T>(list: T[], item: T): void {
  if (list.length < KEPT_MAX) list.push(item);
}

/** What was sent and acknowledged is routine; the page shows what went wrong and what was done about it. */
function isTelling({ status }: RecordOf<'status'>): boolean {
  return status.state === 'control' ? status.control.type !== 'sent' : status.state !== 'subscribed';
}
