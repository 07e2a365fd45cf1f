// A recording of any length, composed: trades and books of two symbols, 25 levels a side, never crossed. Tables and
// manifest only, without a journal: a replay of tables never looks at one.
import { EventBatch, EventKind, Flag } from '../src/core/event.ts';
import { Random } from '../src/core/random.ts';
import { writeManifest } from '../src/datasets/manifest.ts';
import { Spool } from '../src/datasets/spool.ts';
import { Summary } from '../src/datasets/summary.ts';

export const SYMBOLS: readonly string[] = ['BTC/USD', 'ETH/USD'];

const LEVELS = 25;
const BATCH_ROWS = 8192;
/** The most rows that one message adds: a snapshot. */
const MESSAGE_ROWS = LEVELS * 2;
const TICKS_PER_UNIT = 10;
/** As the recorder's own derivation has it. */
const ROWS_MAX = 400_000;
const START_US = 1_790_000_000_000_000;
/** The middle of a market moves by a tick once in so many messages. */
const CALM = 100;

/** Writes a recording of at least so many events into a folder that exists. */
export async function composeRecording(folder: string, events: number): Promise<void> {
  const spool = new Spool(folder, SYMBOLS, ROWS_MAX);
  const summary = new Summary({ symbols: SYMBOLS, channels: ['book', 'trade'] });
  const tape = new Tape();
  for (let written = 0; written < events; written += tape.batch.length) {
    tape.fill();
    summary.addEvents(tape.batch);
    spool.add(tape.batch);
    await spool.drain();
  }
  await writeManifest(folder, {
    schema: 1,
    venue: 'kraken',
    url: '',
    symbols: [...SYMBOLS],
    channels: ['book', 'trade'],
    depth: LEVELS,
    candleUs: 0,
    ...summary.finish(),
    segments: [],
    tables: await spool.finish(),
    software: 'bench',
    node: process.version,
  });
}

/** The market behind it: per symbol a middle in ticks; bids stand 1 to 25 ticks below it, asks above. */
class Tape {
  readonly batch = new EventBatch(BATCH_ROWS);
  readonly #random = new Random(1);
  readonly #middles: number[] = [600_000, 30_000];
  #seq = 0;
  #timeUs = START_US;
  #tradeId = 0;

  /** The next batch of messages; the first one begins with the rules and a snapshot of each symbol. */
  fill(): void {
    this.batch.reset();
    if (this.#seq === 0) for (const symbol of SYMBOLS) this.#open(symbol);
    while (this.batch.length + MESSAGE_ROWS <= BATCH_ROWS) this.#step(this.#random.nextInt(0, 1));
  }

  #open(symbol: string): void {
    const instrument = SYMBOLS.indexOf(symbol);
    this.#nextMessage();
    const [base, quote] = symbol.split('/') as [string, string];
    const rules = { tickSize: 1 / TICKS_PER_UNIT, lotSize: 1e-8, sizeMin: 0, notionalMin: 0 };
    const detail = { symbol, base, quote, ...rules, status: 'online', isStated: true };
    this.batch.addDetail(
      { type: 'instrument', instrument: detail },
      instrument,
      this.#seq,
      this.#timeUs,
      Number.NaN,
    );
    this.#nextMessage();
    const first = this.batch.length;
    for (let away = 1; away <= LEVELS; away++) {
      this.#level(instrument, -away, this.#size());
      this.#level(instrument, away, this.#size());
    }
    this.batch.flags[first]! |= Flag.clear;
    this.#endMessage();
  }

  #step(instrument: number): void {
    const random = this.#random;
    this.#nextMessage();
    if (random.nextFloat() < 0.25) {
      const isBuy = random.nextFloat() < 0.5;
      const row = this.batch.add(EventKind.trade, instrument, this.#seq, this.#timeUs, this.#timeUs - 20_000);
      this.batch.flags[row] = isBuy ? Flag.buy : Flag.sell;
      this.batch.price[row] = (this.#middles[instrument]! + (isBuy ? 1 : -1)) / TICKS_PER_UNIT;
      this.batch.size[row] = this.#size();
      this.batch.id[row] = ++this.#tradeId;
      return;
    }
    if (random.nextInt(1, CALM) === 1) {
      this.#move(instrument, random.nextFloat() < 0.5 ? 1 : -1);
    } else {
      for (let rows = random.nextInt(1, 3); rows > 0; rows--) {
        const away = random.nextInt(1, LEVELS) * (random.nextFloat() < 0.5 ? 1 : -1);
        this.#level(instrument, away, random.nextFloat() < 0.2 ? 0 : this.#size());
      }
    }
    this.#endMessage();
  }

  /** The touch that is run over and the level that is now too deep go, one level comes on each side. */
  #move(instrument: number, by: 1 | -1): void {
    this.#level(instrument, by, 0);
    this.#level(instrument, -LEVELS * by, 0);
    this.#middles[instrument]! += by;
    this.#level(instrument, -by, this.#size());
    this.#level(instrument, LEVELS * by, this.#size());
  }

  #level(instrument: number, away: number, size: number): void {
    const { batch } = this;
    const row = batch.add(EventKind.level, instrument, this.#seq, this.#timeUs, this.#timeUs - 20_000);
    batch.flags[row] = away > 0 ? Flag.ask : 0;
    batch.price[row] = (this.#middles[instrument]! + away) / TICKS_PER_UNIT;
    batch.size[row] = size;
  }

  #nextMessage(): void {
    this.#seq++;
    this.#timeUs += this.#random.nextInt(1, 400);
  }

  #endMessage(): void {
    this.batch.flags[this.batch.length - 1]! |= Flag.last;
  }

  #size(): number {
    return this.#random.nextInt(1, 1e8) / 1e8;
  }
}
