// What a recorder counts while it records, for a status line and the summary at the end. It reads the events of each
// record once, and never those of a record that was not journalled.
import { type EventBatch, Flag, IS_MARKET, type StatusDetail } from '../core/event.ts';
import type { Control, GapCause } from '../core/frame.ts';
import { GapFold } from '../core/gap.ts';

export type Counts = {
  /** Records of this recorder: frames, controls and beats. */
  readonly records: number;
  readonly frames: number;
  /** Over the last sampling interval. */
  readonly framesPerSecond: number;
  /** Payload of all frames. */
  readonly bytes: number;
  /** Receive time less the venue's time, of the last event that has one; NaN before. */
  readonly lagUs: number;
  readonly gaps: Readonly<Partial<Record<GapCause, number>>>;
  /** Frames that nobody could decode. */
  readonly unknown: number;
  /** Frames that were dropped, not journalled. */
  readonly drops: number;
  readonly refused: number;
  /** How often the recorder did not run, for how long together, and how many frames had waited for it. */
  readonly pauses: number;
  readonly pausedMs: number;
  readonly lateFrames: number;
  /** How often the disk did not follow, and for how long together. */
  readonly stalls: number;
  readonly stalledMs: number;
  /** Tries to seal a segment that failed. */
  readonly sealFailures: number;
  /** Times of the first and the last record, µs; NaN before. */
  readonly firstUs: number;
  readonly lastUs: number;
  /** Since the last frame; NaN before the first. */
  readonly silentSeconds: number;
};

export class Tally {
  #records = 0;
  #frames = 0;
  #bytes = 0;
  #unknown = 0;
  #drops = 0;
  #refused = 0;
  #pauses = 0;
  #pausedMs = 0;
  #lateFrames = 0;
  #stalls = 0;
  #stalledMs = 0;
  #sealFailures = 0;
  readonly #gapFold = new GapFold({ keepsEnded: false });
  readonly #gaps: Partial<Record<GapCause, number>> = {};
  #firstUs = Number.NaN;
  #lastUs = Number.NaN;
  #lastFrameUs = Number.NaN;
  #lagUs = Number.NaN;
  #sampledFrames = 0;
  #sampledUs = Number.NaN;
  #framesPerSecond = 0;

  get lastUs(): number {
    return this.#lastUs;
  }

  record(receivedUs: number): void {
    if (this.#records === 0) this.#firstUs = receivedUs;
    this.#records += 1;
    this.#lastUs = receivedUs;
  }

  frame(bytes: number, receivedUs: number): void {
    this.#frames += 1;
    this.#bytes += bytes;
    this.#lastFrameUs = receivedUs;
  }

  /** What the recorder says of itself, once it is recorded. */
  control(control: Control): void {
    switch (control.type) {
      case 'drop':
        this.#drops += control.frames;
        break;
      case 'pause':
        this.#pauses += 1;
        this.#pausedMs += control.pausedMs;
        break;
      case 'late':
        this.#lateFrames += control.frames;
        break;
      case 'stall':
        this.#stalls += 1;
        this.#stalledMs += control.stalledMs;
        break;
      case 'sealFailure':
        this.#sealFailures += 1;
        break;
    }
  }

  undecoded(): void {
    this.#unknown += 1;
  }

  /** The events of one record. */
  events(batch: EventBatch, receivedUs: number): void {
    if (batch.length === 0) return;
    const last = batch.length - 1;
    const exchangeUs = batch.exchangeUs[last]!;
    const isLive = IS_MARKET[batch.kind[last]!] === 1 && (batch.flags[last]! & Flag.late) === 0;
    if (isLive && exchangeUs > 0) this.#lagUs = receivedUs - exchangeUs;
    for (const detail of batch.detail) {
      if (detail?.type !== 'status') continue;
      if (this.#gapFold.add(detail, receivedUs) !== undefined) this.#countGap(detail);
      else if (detail.state === 'unknown') this.#unknown += 1;
      else if (detail.state === 'refused') this.#refused += 1;
    }
  }

  #countGap(detail: StatusDetail): void {
    if (detail.state === 'gap') this.#gaps[detail.cause] = (this.#gaps[detail.cause] ?? 0) + 1;
  }

  /** Takes the frame rate since the last call. */
  sample(nowUs: number): void {
    const rate = ((this.#frames - this.#sampledFrames) * 1e6) / (nowUs - this.#sampledUs);
    this.#framesPerSecond = Number.isFinite(rate) ? rate : 0;
    this.#sampledFrames = this.#frames;
    this.#sampledUs = nowUs;
  }

  counts(nowUs: number): Counts {
    return {
      records: this.#records,
      frames: this.#frames,
      framesPerSecond: this.#framesPerSecond,
      bytes: this.#bytes,
      lagUs: this.#lagUs,
      gaps: { ...this.#gaps },
      unknown: this.#unknown,
      drops: this.#drops,
      refused: this.#refused,
      pauses: this.#pauses,
      pausedMs: this.#pausedMs,
      lateFrames: this.#lateFrames,
      stalls: this.#stalls,
      stalledMs: this.#stalledMs,
      sealFailures: this.#sealFailures,
      firstUs: this.#firstUs,
      lastUs: this.#lastUs,
      silentSeconds: (nowUs - this.#lastFrameUs) / 1e6,
    };
  }
}
