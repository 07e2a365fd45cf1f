// One run: an engine fed from somewhere, its log on disk, and at the end the run's folder with manifest and tables.
// It is the same for live-paper, replay and historical runs; only the caller knows where the batches come from.
import { statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { unlessAborted } from '../connections/wait.ts';
import type { EventBatch, Feed } from '../core/event.ts';
import { redactAddress } from '../core/secret.ts';
import type { RunConfig } from '../engine/config.ts';
import { Engine } from '../engine/engine.ts';
import { calendarOf } from '../runs/figures/curve.ts';
import { Figures, type RunFigures } from '../runs/figures/figures.ts';
import { RunLogWriter } from '../runs/log.ts';
import {
  type Measured,
  type MODES,
  peekRun,
  type Run,
  type RunManifest,
  readRun,
  writeRun,
} from '../runs/run.ts';
import { writeTables } from '../runs/tables.ts';
import { identityOf, type LoadedBundle } from './identity.ts';
import { FeedLag } from './latency.ts';
import type { Observer, Progress } from './observer.ts';
import type { RunPlace } from './place.ts';
import { SOFTWARE } from './software.ts';

/** The reason a run ends with that was not let finish. */
export const INTERRUPTED = 'interrupted';

/** How a feed is consumed: what ends it early, and what it is called meanwhile. */
type Consumption = {
  readonly signal: AbortSignal;
  readonly doing: 'replaying' | 'backtesting';
};

/** How a run ended, and what is known of it from outside the engine. */
type RunEnd = {
  readonly reason: string;
  readonly mode: (typeof MODES)[number];
  readonly dataset: RunManifest['dataset'];
  readonly measured: Omit<Measured, 'wallSeconds' | 'eventsPerSecond' | 'spanSeconds' | 'achievedSpeed'>;
  /** What can be derived later is left out when this is raised, and the observer told. */
  readonly deadline?: AbortSignal;
};

/** What every way to make a run is asked for. */
export type RunRequest = {
  readonly config: RunConfig;
  readonly strategies: readonly LoadedBundle[];
  /** The run's folder. Default: named after its data and identity. */
  readonly out: string | undefined;
  /** Replace another run in `out`. */
  readonly isForced?: boolean;
  readonly observer: Observer;
  readonly signal: AbortSignal;
};

/** The tables of a larger log take too long for someone who has asked for an end. */
const QUICK_LOG_BYTES = 32e6;
const NO_TABLES = 'interrupted: the run is whole, its tables were left out (the same run again makes them)';

/** A span of a dataset, and how it is cut; the options that every feed of one takes. */
type Slice = {
  readonly batchSize: number;
  readonly fromUs: number | undefined;
  readonly toUs: number | undefined;
};

/** Without the bounds that were not given. */
export function sliceOf({ batchSize, fromUs, toUs }: Slice) {
  return {
    batchSize,
    ...(fromUs === undefined ? {} : { fromUs }),
    ...(toUs === undefined ? {} : { toUs }),
  };
}

/** Signals are heard at least this often, as long as no single call of a strategy takes longer. */
const TURN_MS = 50;
const STEPS_MAX = 512;

export class RunSession {
  /** Where the run is written until it is whole: nothing half-done carries a run's name. */
  readonly #place: RunPlace;
  readonly engine: Engine;
  readonly log: RunLogWriter;
  readonly #figures = new Figures();
  /** Of the finished run: the terminal and `--json` both ask. */
  #final: RunFigures | undefined;
  readonly #feedLag = new FeedLag();
  readonly #config: RunConfig;
  readonly #strategies: readonly LoadedBundle[];
  readonly #symbols: readonly string[];
  readonly #observer: Observer;
  /** Steps of the engine between two looks at the clock, fitted to what they take. */
  #steps = 1;
  #turnedMs = 0;
  readonly #startedNs = process.hrtime.bigint();
  /** Wall time from the start until a feed had been taken; undefined for a run that is fed live. */
  #consumedSeconds: number | undefined;

  constructor(options: {
    readonly place: RunPlace;
    readonly config: RunConfig;
    readonly strategies: readonly LoadedBundle[];
    readonly symbols: readonly string[];
    /** Told, besides, each line that a strategy writes. */
    readonly observer: Observer;
  }) {
    this.#place = options.place;
    this.#config = options.config;
    this.#strategies = options.strategies;
    this.#symbols = options.symbols;
    this.#observer = options.observer;
    const { config, strategies, symbols } = options;
    try {
      this.log = new RunLogWriter(this.#place.partial);
      this.log.listen((record) => this.#figures.add(record));
      this.log.listen((record) => {
        if (record.type === 'log') this.#observer.note(`${record.strategy}: ${record.text}`);
      });
      this.engine = new Engine({ symbols, config, strategies, log: this.log });
    } catch (error) {
      this.#place.discard();
      throw error;
    }
  }

  /** Equity, profit, trips and costs of what was logged so far; the run's own once it has finished. */
  figures(): RunFigures {
    if (this.#final !== undefined) return this.#final;
    const ids = this.#strategies.map(({ id }) => id);
    return this.#figures.finish(ids, calendarOf(this.#config));
  }

  apply(batch: EventBatch): void {
    this.engine.apply(batch);
  }

  /** Feeds everything a feed has, with its progress shown; stops early when the signal is raised or the engine halts. */
  async consume(feed: Feed, consumption: Consumption): Promise<void> {
    const { signal } = consumption;
    const batches = feed.batches()[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await unlessAborted(batches.next(), signal);
        if (next === undefined || next.done === true) break;
        this.#feedLag.observe(next.value);
        await this.#take(next.value, consumption);
        if (signal.aborted || this.engine.halted) break;
      }
      // A feed that is in the middle of a long query is not waited for.
      const end = batches.return?.();
      if (signal.aborted) end?.catch(() => {});
      else await end;
    } catch (error) {
      this.discard();
      throw error;
    } finally {
      this.#consumedSeconds = this.#sinceStart();
    }
  }

  #sinceStart(): number {
    return Number(process.hrtime.bigint() - this.#startedNs) / 1e9;
  }

  /** One batch, with a look at signals and progress as often as a person would want it, however slow the strategies are. */
  async #take(batch: EventBatch, { signal, doing }: Consumption): Promise<void> {
    for (let row = 0; row < batch.length; ) {
      const startedMs = performance.now();
      row = this.engine.advance(batch, row, this.#steps);
      const nowMs = performance.now();
      const isSlow = nowMs - startedMs > TURN_MS / 4;
      this.#steps = isSlow ? Math.max(1, this.#steps >> 2) : Math.min(STEPS_MAX, this.#steps * 2);
      this.#observer.progress((): Progress => {
        const { events, nowUs, offsetUs } = this.engine.status();
        return { doing, events, nowUs, offsetUs };
      });
      if (nowMs - this.#turnedMs < TURN_MS) continue;
      await nextTurn();
      this.#turnedMs = nowMs;
      if (signal.aborted) return;
    }
  }

  /** Takes back what was written of a run that could not be run. */
  discard(): void {
    this.log.abandon();
    this.#place.discard();
  }

  /** Ends the run and writes its folder. */
  async finish(end: RunEnd): Promise<Run> {
    try {
      return await this.#finish(end);
    } catch (error) {
      // A live run cannot be had again: what there is of its log stays where it is.
      if (end.mode !== 'paper') this.discard();
      throw error;
    }
  }

  /** Writes what became known of a finished run after its end: the dataset's digest, which its identity includes. */
  amend(
    run: Run,
    known: { readonly dataset: RunManifest['dataset']; readonly quality: Measured['quality'] },
  ): Run {
    const identity = identityOf(this.#config, this.#strategies, known.dataset);
    const manifest = { ...run.manifest, identity, dataset: known.dataset };
    const measured = { ...run.measured!, quality: known.quality };
    writeRun(run.folder, manifest, measured);
    return { ...run, manifest, measured };
  }

  async #finish(end: RunEnd): Promise<Run> {
    const { partial } = this.#place;
    this.engine.finish(end.reason);
    this.#final = this.figures();
    const wallSeconds = this.#consumedSeconds ?? this.#sinceStart();
    const digest = this.log.close();
    const isLate = end.reason === INTERRUPTED && statSync(this.log.path).size > QUICK_LOG_BYTES;
    const tables = isLate ? undefined : await writeTables(partial, end.deadline);
    if (tables === undefined) this.#observer.note(NO_TABLES);
    // An interrupted run is another one than the whole run of the same identity, whose place it must not take.
    const folder = this.#place.name(end.reason === INTERRUPTED ? '-interrupted' : '');
    const manifest: RunManifest = {
      schema: 1,
      id: basename(folder),
      name: this.#config.name,
      mode: end.mode,
      identity: identityOf(this.#config, this.#strategies, end.dataset),
      digest,
      inputs: this.log.inputs,
      events: this.log.events,
      records: this.log.records,
      counts: Object.fromEntries(Object.entries(this.log.counts).sort()),
      firstUs: Number.isNaN(this.log.firstUs) ? null : this.log.firstUs,
      lastUs: Number.isNaN(this.log.lastUs) ? null : this.log.lastUs,
      dataset: end.dataset,
      symbols: [...this.#symbols],
      config: JSON.parse(JSON.stringify(withoutSecrets(this.#config))) as Record<string, unknown>,
      strategies: this.#strategies.map(({ id, strategy, bundle, params, floats }) => ({
        id,
        name: strategy.name,
        version: strategy.version,
        bundle,
        params: params as Record<string, unknown>,
        floats,
      })),
      activity: this.log.activity,
      software: SOFTWARE,
      node: process.version,
    };
    const earlier = peekRun(folder);
    const isSame =
      earlier === undefined || earlier.identity !== manifest.identity || earlier.digest === digest;
    const { startUs, nowUs, offsetUs } = this.engine.status();
    const spanSeconds = (nowUs - startUs) / 1e6;
    writeRun(partial, manifest, {
      wallSeconds,
      eventsPerSecond: this.log.events / wallSeconds,
      spanSeconds,
      achievedSpeed: end.mode === 'paper' || !(spanSeconds > 0) ? null : spanSeconds / wallSeconds,
      ...end.measured,
      quality: {
        ...(Number.isNaN(offsetUs) ? {} : { receiptLagMs: Math.round(offsetUs / 100) / 10 }),
        ...end.measured.quality,
      },
      ...(isSame ? {} : { earlierDigest: earlier.digest }),
      latency: { ...this.#feedLag.summary(), ...end.measured.latency },
    });
    // Read back before it takes its place, so that what stands there is known to be whole.
    const run = readRun(partial);
    this.#place.commit(folder);
    return { ...run, folder, log: join(folder, basename(run.log)) };
  }
}

/** As it may be written down. */
function withoutSecrets(config: RunConfig): RunConfig {
  const hidden = <T extends { readonly url?: string | undefined }>(one: T): T =>
    one.url === undefined ? one : { ...one, url: redactAddress(one.url) };
  return { ...hidden(config), ...(config.venues && { venues: config.venues.map(hidden) }) };
}
