// Candles that the venue sends, where series are built from those: the running one is restated until it is over, closed
// ones come once or again with a snapshot. Each is handed on once, the earlier first: when all that end together are
// closed, or by time, with what was last said of it. What happened before anyone could act on it warms inputs up and is never traded.
import { type CandleDetail, Flag } from '../core/event.ts';
import { GRACE_MAX_US, Lag } from '../core/lag.ts';
import type { RunLog } from '../core/record.ts';
import { formatDurationUs } from '../core/time.ts';
import type { Closes } from './closes.ts';
import type { Cursor } from './cursor.ts';
import type { Desk } from './desk.ts';
import type { Lane } from './lane.ts';
import { TimerRank, type Timers } from './timers.ts';

/** A candle may begin, or be called closed, so much before its time: clocks differ, and venues round. */
const EARLY_US = 1e6;
/** Candles up to this length begin at multiples of it, counted from midnight UTC. */
const GRID_MAX_US = 86_400e6;
/** So many closed candles that come equally late say how late candles come. */
const STEADY_MIN = 8;

/** The candles of one instrument and length. */
type Stream = {
  readonly lane: Lane;
  readonly intervalUs: number;
  readonly timer: number;
  /** The newest one that was not handed on, as last stated. */
  open: CandleDetail | undefined;
  /** How far its prices were shown to orders: none of it, when it is history. */
  shown: CandleDetail | undefined;
  /** The last one that was handed on. */
  last: CandleDetail | undefined;
  /** Engine time of the last delivery of history. */
  historyUs: number;
};

export type CandleFeedOptions = {
  readonly symbols: readonly string[];
  readonly lanes: readonly Lane[];
  readonly lag: Lag;
  readonly graceMinUs: number;
  readonly closes: Closes;
  readonly desk: Desk;
  readonly timers: Timers;
  readonly cursor: Cursor;
  readonly log: RunLog;
};

export class CandleFeed {
  readonly #options: CandleFeedOptions;
  readonly #streams: Stream[] = [];
  /** How long after their end closed candles come that nobody saw running. */
  readonly #arrivals: Lag;
  /** The same of all that the venue does not call history: told apart by it where nothing else says how late is late. */
  readonly #all: Lag;
  #changes = 0;

  constructor(options: CandleFeedOptions) {
    this.#options = options;
    this.#arrivals = new Lag(options.graceMinUs);
    this.#all = new Lag(options.graceMinUs);
  }

  /** How long after its end a candle may still come, µs. */
  get waitUs(): number {
    const { lag } = this.#options;
    const framesUs = lag.knownOffsetUs + lag.graceUs;
    const { offsetUs, graceUs } = this.#arrivals;
    return Number.isNaN(offsetUs) ? framesUs : Math.max(framesUs, offsetUs + graceUs);
  }

  take(candle: CandleDetail, instrument: number, flags: number, exchangeUs: number): void {
    const trouble = this.#troubleOf(candle, exchangeUs);
    if (trouble !== undefined) {
      this.#unused(instrument, trouble, candle.startUs);
      return;
    }
    const stream = this.#streamOf(instrument, candle.intervalUs);
    const { last } = stream;
    if (last !== undefined && candle.startUs <= last.startUs) {
      const isChange = candle.startUs === last.startUs && candle.isClosed && differs(candle, last);
      if (isChange) this.#unused(instrument, 'candle restated after it had closed', candle.startUs);
      return;
    }
    const isHistory = this.#isHistory(stream, candle, flags);
    if (isHistory) stream.historyUs = this.#options.cursor.nowUs;
    const { open } = stream;
    if (open !== undefined && open.startUs > candle.startUs) {
      this.#unused(instrument, 'candle older than one that runs', candle.startUs);
      return;
    }
    // A later candle proves that the one before is over.
    if (open !== undefined && open.startUs < candle.startUs) this.#handOn(stream, isHistory);
    const isNew = stream.open === undefined;
    if (isNew && candle.isClosed && (flags & Flag.late) === 0) this.#learn(candle, isHistory);
    stream.open = candle;
    if (isHistory) stream.shown = candle;
    else this.#show(stream, candle);
    if (isHistory && candle.isClosed) this.#handOn(stream, true);
    else {
      this.#schedule(stream);
      if (candle.isClosed) this.#handOnTogether(candle);
    }
    this.#options.closes.callStrategies();
  }

  /** The run ends: what is closed and waits for others waits no more. */
  finish(): void {
    for (const stream of this.#streams) if (stream.open?.isClosed) this.#handOn(stream, false);
    this.#options.closes.callStrategies();
  }

  /** Hands on every candle that is due, of any instrument. */
  fire(dueUs: number): void {
    for (const stream of this.#streams) {
      if (stream.open === undefined || this.#options.timers.dueUs(stream.timer) > dueUs) continue;
      this.#handOn(stream, false);
    }
  }

  /** The lag is another one: what waits is due at another time. */
  reschedule(): void {
    for (const stream of this.#streams) if (stream.open !== undefined) this.#schedule(stream);
  }

  #streamOf(instrument: number, intervalUs: number): Stream {
    const lane = this.#options.lanes[instrument]!;
    const known = this.#streams.find((stream) => stream.lane === lane && stream.intervalUs === intervalUs);
    if (known !== undefined) return known;
    const timer = this.#options.timers.add(TimerRank.candle);
    const none = { open: undefined, shown: undefined, last: undefined, historyUs: Number.NaN };
    const stream: Stream = { lane, intervalUs, timer, ...none };
    this.#streams.push(stream);
    return stream;
  }

  #troubleOf(candle: CandleDetail, exchangeUs: number): string | undefined {
    const { startUs, intervalUs, isClosed } = candle;
    const length = formatDurationUs(intervalUs);
    if (intervalUs <= GRID_MAX_US && startUs % intervalUs !== 0) {
      return `candle of ${length} that does not begin at a multiple of it`;
    }
    const { cursor, lag } = this.#options;
    const ownUs = cursor.nowUs - lag.knownOffsetUs;
    // A stamp far ahead of what all others say proves nothing.
    const isCredible = Number.isNaN(lag.offsetUs) || exchangeUs <= ownUs + GRACE_MAX_US;
    const venueUs = isCredible && exchangeUs > ownUs ? exchangeUs : ownUs;
    // While nothing says what the venue's clock shows, ours may be far from it.
    const isDated = !(Number.isNaN(exchangeUs) && Number.isNaN(lag.offsetUs));
    if (isDated && startUs > venueUs + EARLY_US) return `candle of ${length} that begins later than now`;
    if (isClosed && venueUs < startUs + intervalUs - EARLY_US) {
      return `candle of ${length} that is called closed before its end`;
    }
    return undefined;
  }

  /**
   * Whether it happened before anyone could act on it: the venue's decoder says so, or it comes so late that the next
   * one is over as well, or it comes together with one that does and has not just ended.
   */
  #isHistory(stream: Stream, candle: CandleDetail, flags: number): boolean {
    const { nowUs } = this.#options.cursor;
    if ((flags & Flag.late) !== 0) return true;
    const lateUs = nowUs - candle.startUs - candle.intervalUs - this.#options.lag.knownOffsetUs;
    const usualUs = this.#all.steady >= STEADY_MIN ? this.#all.knownOffsetUs : 0;
    const isTogether = stream.historyUs === nowUs && lateUs - usualUs > this.#options.lag.graceUs;
    return isTogether || lateUs - usualUs >= Math.max(candle.intervalUs, GRACE_MAX_US);
  }

  #learn(candle: CandleDetail, isHistory: boolean): void {
    const { cursor, closes } = this.#options;
    const { event, seq } = cursor.position();
    const lagUs = cursor.nowUs - candle.startUs - candle.intervalUs;
    this.#all.observe(lagUs, event, seq, true);
    if (isHistory) return;
    this.#arrivals.observe(lagUs, event, seq, true);
    if (this.#arrivals.changes === this.#changes) return;
    this.#changes = this.#arrivals.changes;
    closes.reschedule();
    this.reschedule();
  }

  /**
   * Shows orders what is new of a candle, where nothing better is heard of its instrument: at first its open, then the
   * extremes and the close; of a restated one the extremes that are new and the close.
   */
  #show(stream: Stream, candle: CandleDetail): void {
    const { lane, shown } = stream;
    stream.shown = candle;
    const { heard, instrument, market } = lane;
    if (!heard.hasOnlyCandles) return;
    const isSame = shown !== undefined && shown.startUs === candle.startUs;
    const prices = isSame ? newPrices(candle, shown) : pathOf(candle);
    if (prices.length === 0) return;
    const { desk, cursor } = this.#options;
    const volume = isSame ? Math.max(0, candle.volume - shown.volume) : candle.volume;
    desk.exchange.onCandle({
      instrument,
      prices,
      opens: !isSame,
      volume,
      nowUs: cursor.nowUs,
      setPrice: (price) => market.applyTrade(price, cursor.nowUs),
    });
    desk.settle();
  }

  /** When every instrument that has series got its closed candle of this instant, none of them waits for time to pass. */
  #handOnTogether({ startUs, intervalUs }: CandleDetail): void {
    const ended = this.#streams.filter((stream) => stream.intervalUs === intervalUs);
    const isThere = (instrument: number): boolean =>
      ended.some(
        ({ lane, open }) => lane.instrument === instrument && open?.isClosed && open.startUs === startUs,
      );
    const { groups } = this.#options.closes;
    if (!groups.every(({ nodes }, instrument) => nodes.length === 0 || isThere(instrument))) return;
    for (const stream of ended) if (stream.open?.startUs === startUs) this.#handOn(stream, false);
  }

  /** It is over, by what came or by time. */
  #handOn(stream: Stream, isHistory: boolean): void {
    const { closes, timers } = this.#options;
    const { open, lane } = stream;
    timers.clear(stream.timer);
    stream.open = undefined;
    stream.last = open;
    closes.addCandle(lane.instrument, { ...open!, buyVolume: 0, sellVolume: 0 }, isHistory);
  }

  #schedule(stream: Stream): void {
    const { timers, cursor, lag } = this.#options;
    const { startUs, intervalUs, isClosed } = stream.open!;
    // What is closed need not wait for itself, only for others that end with it.
    const waitUs = isClosed ? lag.knownOffsetUs + lag.graceUs : this.waitUs;
    timers.set(stream.timer, Math.max(startUs + intervalUs + waitUs, cursor.nowUs));
  }

  #unused(instrument: number, reason: string, startUs: number): void {
    const { log, cursor, symbols } = this.#options;
    const symbol = symbols[instrument]!;
    log.write({ ...cursor.position(), type: 'unused', symbol, reason, count: 1, startUs });
  }
}

/** Open, then the extremes, then close: a candle that rose is taken to have fallen first, one that fell to have risen. */
function pathOf({ open, high, low, close }: CandleDetail): readonly number[] {
  return close >= open ? [open, low, high, close] : [open, high, low, close];
}

function newPrices(candle: CandleDetail, shown: CandleDetail): readonly number[] {
  const extremes = pathOf(candle).slice(1, 3);
  const news = extremes.filter((price) => price > shown.high || price < shown.low);
  return differs(candle, shown) ? [...news, candle.close] : news;
}

function differs(a: CandleDetail, b: CandleDetail): boolean {
  return (
    a.open !== b.open ||
    a.high !== b.high ||
    a.low !== b.low ||
    a.close !== b.close ||
    a.volume !== b.volume ||
    a.trades !== b.trades
  );
}
