// The generic half of every decoder that says what is missing: one state per stream, a channel of an instrument.
// Invariant: a gap is told when it is known, from the last frame that came before it; it ends once, with the first data
// that flows again; a stream that never began, and a recording that ends in good order, have none.
import { type EventBatch, NO_INSTRUMENT, type StatusDetail } from '../core/event.ts';
import type { GapCause, JournalRecord, VenueSession } from '../core/frame.ts';

/** Why data of a channel is missing or wrong from here on. */
export type Loss = { readonly cause: GapCause; readonly detail: string };

const State = { unknown: 0, flows: 1, gap: 2 } as const;

/** The streams of one channel, by instrument number. */
type Channel = {
  readonly name: string;
  readonly state: Uint8Array;
  /** Receive time of the last data, µs; NaN before. */
  readonly heardUs: Float64Array;
  /** The connection that it came on, or was acknowledged on. */
  readonly connection: Uint16Array;
};

export class StreamGaps {
  readonly #symbols: readonly string[];
  readonly #channels: readonly Channel[];
  #lastFrameUs = Number.NaN;
  #lastDataUs = Number.NaN;
  /** The venue spoke on, but of no data: what is missing is missing since the last of it. */
  #isMute = false;

  /** `channels` are the venue's words for those that carry data of an instrument. */
  constructor({ symbols }: Pick<VenueSession, 'symbols'>, channels: readonly string[]) {
    this.#symbols = symbols;
    this.#channels = channels.map((name) => ({
      name,
      state: new Uint8Array(symbols.length),
      heardUs: new Float64Array(symbols.length).fill(Number.NaN),
      connection: new Uint16Array(symbols.length),
    }));
  }

  /** A frame of whatever kind was received. To be said after its own events. */
  frame(record: JournalRecord): void {
    this.#lastFrameUs = record.receivedUs;
  }

  /** A stream is acknowledged: from now on data of it can be missing. */
  begin(channel: string, instrument: number, record: JournalRecord): void {
    const stream = this.#find(channel);
    if (stream === undefined) return;
    stream.connection[instrument] = record.connection;
    if (stream.state[instrument] === State.unknown) stream.state[instrument] = State.flows;
  }

  /** Good data of a stream came; whatever gap it had ends here. To be said before its rows. */
  hear(channel: string, instrument: number, record: JournalRecord, out: EventBatch): void {
    const stream = this.#find(channel)!;
    const before = stream.state[instrument];
    stream.heardUs[instrument] = record.receivedUs;
    stream.connection[instrument] = record.connection;
    this.#lastDataUs = record.receivedUs;
    this.#isMute = false;
    if (before === State.flows) return;
    stream.state[instrument] = State.flows;
    if (before !== State.gap) return;
    const symbol = this.#symbols[instrument]!;
    emit({ type: 'status', state: 'healed', channel, symbol }, instrument, record, out);
  }

  isOpen(channel: string, instrument: number): boolean {
    return this.#find(channel)?.state[instrument] === State.gap;
  }

  /**
   * Data of a stream is missing, whether it had begun or not: since the last of its data when that is what shows it,
   * since the last frame otherwise.
   */
  lose(channel: string, instrument: number, loss: Loss, record: JournalRecord, out: EventBatch): void {
    const stream = this.#find(channel);
    if (stream === undefined) return;
    const isShownByData =
      loss.cause === 'checksum' || loss.cause === 'sequence' || loss.cause === 'renumbered';
    const sinceUs = isShownByData ? stream.heardUs[instrument]! : this.#silentSinceUs();
    this.#open(stream, instrument, loss, sinceUs, record, out);
  }

  /** A stream that flows is lost; one that never began, or has a gap already, has nothing more to lose. */
  loseFlowing(channel: string, instrument: number, loss: Loss, record: JournalRecord, out: EventBatch): void {
    if (this.#find(channel)?.state[instrument] === State.flows)
      this.lose(channel, instrument, loss, record, out);
  }

  /** The connection that a stream's last data came on, or its acknowledgement; −1 when the channel is another. */
  connectionOf(channel: string, instrument: number): number {
    return this.#find(channel)?.connection[instrument] ?? -1;
  }

  /** Every stream that flowed is lost: of all connections, or of the one that is named. */
  loseAll(loss: Loss, record: JournalRecord, out: EventBatch, connection?: number): void {
    const sinceUs = this.#silentSinceUs();
    for (const stream of this.#channels) {
      for (let instrument = 0; instrument < this.#symbols.length; instrument++) {
        if (stream.state[instrument] !== State.flows) continue;
        if (connection !== undefined && stream.connection[instrument] !== connection) continue;
        this.#open(stream, instrument, loss, sinceUs, record, out);
      }
    }
  }

  /** A stream is counted to a connection from here on. */
  carry(channel: string, instrument: number, connection: number): void {
    const stream = this.#find(channel);
    if (stream !== undefined) stream.connection[instrument] = connection;
  }

  /** What came on one connection comes on another from here on. */
  move(from: number, to: number): void {
    for (const { connection } of this.#channels) {
      for (let instrument = 0; instrument < connection.length; instrument++)
        if (connection[instrument] === from) connection[instrument] = to;
    }
  }

  /** The recorder noticed that frames came and no data among them. */
  mute(): void {
    this.#isMute = true;
  }

  #silentSinceUs(): number {
    return this.#isMute ? this.#lastDataUs : this.#lastFrameUs;
  }

  #open(
    stream: Channel,
    instrument: number,
    { cause, detail }: Loss,
    sinceUs: number,
    record: JournalRecord,
    out: EventBatch,
  ): void {
    stream.state[instrument] = State.gap;
    const symbol = this.#symbols[instrument]!;
    const fromUs = sinceUs <= record.receivedUs ? sinceUs : record.receivedUs;
    const gap = { channel: stream.name, symbol, cause, detail, fromUs };
    emit({ type: 'status', state: 'gap', ...gap }, instrument, record, out);
  }

  #find(name: string): Channel | undefined {
    for (let i = 0; i < this.#channels.length; i++) {
      if (this.#channels[i]!.name === name) return this.#channels[i];
    }
    return undefined;
  }
}

function emit(detail: StatusDetail, instrument: number, record: JournalRecord, out: EventBatch): void {
  const number = instrument < 0 ? NO_INSTRUMENT : instrument;
  out.addDetail(detail, number, record.seq, record.receivedUs, Number.NaN);
}
