// Several ordered streams of events become one. A stream's own order is kept; between streams the earlier
// receive time goes first, and a tie is settled by one of two small declared rules.
import { assert } from '../core/assert.ts';
import { EventBatch, KIND_RANK } from '../core/event.ts';
import { copyRows } from './rows.ts';

export type MergeStream = {
  /** No event of the stream is earlier than this; it is not opened before the merge gets there. */
  readonly startsUs: number;
  open(): AsyncIterable<EventBatch>;
};

/**
 * What settles a tie of receive times. `sequence`: (seq, ordinal), for streams cut from one journal.
 * `rank`: (rank of the kind, seq, index of the stream), for streams that share no sequence.
 */
export type TieRule = 'sequence' | 'rank';

/** Batches of `batchSize` events, the last one shorter. A batch is valid until the next one is asked for. */
export async function* mergeStreams(
  streams: readonly MergeStream[],
  tie: TieRule,
  batchSize: number,
): AsyncGenerator<EventBatch> {
  assert(batchSize >= 1, 'a batch holds at least one event');
  const isBefore = tie === 'sequence' ? bySequence : byRank;
  const waiting = streams
    .map((stream, index) => ({ stream, index }))
    .sort((left, right) => left.stream.startsUs - right.stream.startsUs || left.index - right.index);
  const heads: Head[] = [];
  const out = new EventBatch(batchSize);
  const race: Race = { leader: undefined, next: undefined };
  let opened = 0;
  try {
    for (;;) {
      pickLeader(heads, isBefore, race);
      const soonest = waiting[opened];
      if (
        soonest !== undefined &&
        (race.leader === undefined || soonest.stream.startsUs <= race.leader.timeUs)
      ) {
        opened++;
        const head = new Head(soonest.stream, soonest.index);
        heads.push(head);
        if (!(await head.refill())) heads.pop();
        continue;
      }
      const { leader, next } = race;
      if (leader === undefined) break;
      const limit = Math.min(leader.batch.length, leader.row + out.capacity - out.length);
      const horizonUs = soonest?.stream.startsUs ?? Number.POSITIVE_INFINITY;
      const end = runEnd(leader, next, isBefore, { limit, horizonUs });
      copyRows(leader.batch, leader.row, end, out);
      if (out.length === batchSize) {
        yield out;
        out.reset();
      }
      if (end < leader.batch.length) leader.moveTo(end);
      else if (!(await leader.refill())) heads.splice(heads.indexOf(leader), 1);
    }
    if (out.length > 0) yield out;
  } finally {
    await Promise.all(heads.map((head) => head.close()));
  }
}

/** Where one stream stands: the batch at hand and the next row of it. */
class Head {
  readonly index: number;
  batch = new EventBatch(0);
  row = 0;
  /** Receive time of the next row. */
  timeUs = Number.NEGATIVE_INFINITY;
  readonly #batches: AsyncIterator<EventBatch>;

  constructor(stream: MergeStream, index: number) {
    this.index = index;
    this.#batches = stream.open()[Symbol.asyncIterator]();
  }

  moveTo(row: number): void {
    const timeUs = this.batch.receivedUs[row]!;
    assert(timeUs >= this.timeUs, 'the events of a merged stream are in order of time');
    this.row = row;
    this.timeUs = timeUs;
  }

  async refill(): Promise<boolean> {
    this.timeUs = this.batch.receivedUs[this.batch.length - 1] ?? this.timeUs;
    for (;;) {
      const result = await this.#batches.next();
      if (result.done === true) return false;
      if (result.value.length === 0) continue;
      this.batch = result.value;
      this.moveTo(0);
      return true;
    }
  }

  async close(): Promise<void> {
    await this.#batches.return?.();
  }
}

type IsBefore = (left: Head, leftRow: number, right: Head, rightRow: number) => boolean;

/** The two heads that come first, of those that are open. One object, filled anew for each run. */
type Race = { leader: Head | undefined; next: Head | undefined };

function pickLeader(heads: readonly Head[], isBefore: IsBefore, race: Race): void {
  let leader: Head | undefined;
  let next: Head | undefined;
  for (let i = 0; i < heads.length; i++) {
    const head = heads[i]!;
    if (leader === undefined || goesFirst(head, leader, isBefore)) {
      next = leader;
      leader = head;
    } else if (next === undefined || goesFirst(head, next, isBefore)) {
      next = head;
    }
  }
  race.leader = leader;
  race.next = next;
}

function goesFirst(left: Head, right: Head, isBefore: IsBefore): boolean {
  if (left.timeUs !== right.timeUs) return left.timeUs < right.timeUs;
  return isBefore(left, left.row, right, right.row);
}

/** The row after the last one the leader may hand on before another stream has its turn; at least one row goes. */
function runEnd(
  leader: Head,
  next: Head | undefined,
  isBefore: IsBefore,
  bounds: { readonly limit: number; readonly horizonUs: number },
): number {
  const { limit, horizonUs } = bounds;
  const times = leader.batch.receivedUs;
  const rivalUs = next === undefined ? Number.POSITIVE_INFINITY : next.timeUs;
  const freeUs = Math.min(rivalUs, horizonUs);
  let row = leader.row + 1;
  let before = times[leader.row]!;
  for (; row < limit; row++) {
    const timeUs = times[row]!;
    assert(timeUs >= before, 'the events of a merged stream are in order of time');
    before = timeUs;
    if (timeUs < freeUs) continue;
    if (timeUs >= horizonUs || next === undefined || timeUs > rivalUs) break;
    if (!isBefore(leader, row, next, next.row)) break;
  }
  return row;
}

function bySequence(left: Head, leftRow: number, right: Head, rightRow: number): boolean {
  const a = left.batch.seq[leftRow]!;
  const b = right.batch.seq[rightRow]!;
  if (a !== b) return a < b;
  return left.batch.ordinal[leftRow]! < right.batch.ordinal[rightRow]!;
}

function byRank(left: Head, leftRow: number, right: Head, rightRow: number): boolean {
  const leftRank = KIND_RANK[left.batch.kind[leftRow]!]!;
  const rightRank = KIND_RANK[right.batch.kind[rightRow]!]!;
  if (leftRank !== rightRank) return leftRank < rightRank;
  const a = left.batch.seq[leftRow]!;
  const b = right.batch.seq[rightRow]!;
  if (a !== b) return a < b;
  return left.index < right.index;
}
