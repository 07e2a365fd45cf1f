// All connections that a session needs, as one: made from its plans, numbered in the order in which they are tried, ready
// when each of them is.
import type { Control } from '../core/frame.ts';
import type { ConnectionPlan } from '../venues/venue.ts';
import type { Clock } from './clock.ts';
import { Connection, type ConnectionOverrides, type ConnectionSink, requirePlan } from './connection.ts';

/** A plan, and whose it is. */
export type PlannedConnection = { readonly venue: string; readonly plan: ConnectionPlan };

export type ConnectionsOptions = {
  readonly planned: readonly PlannedConnection[];
  /** The name of each instrument, by number. */
  readonly names: readonly string[];
  readonly clock: Clock;
  readonly limits: ConnectionOverrides;
  readonly seed: number;
};

export interface ConnectionsSink extends Omit<ConnectionSink, 'refused'> {
  /** A venue refused a subscription before all was ready; `reason` is its own words. */
  refused(venue: string, channel: string, symbol: string, reason: string): void;
}

export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #all: readonly Connection[];
  #number = 0;
  #given = 0;

  constructor(options: ConnectionsOptions, sink: ConnectionsSink) {
    const { planned, names, clock, limits, seed } = options;
    this.#options = options;
    let unready = planned.length;
    const nextNumber = (): number => {
      this.#number = this.#given++;
      return this.#number;
    };
    this.#all = planned.map(({ venue, plan }, place) => {
      const index = planned.length === 1 ? undefined : place;
      return new Connection(
        { plan, index, names, clock, limits, seed, nextNumber },
        {
          frame: (payload, isBinary, source) => sink.frame(payload, isBinary, source),
          answer: (payload, source) => sink.answer(payload, source),
          control: (control: Control, source) => sink.control(control, source),
          ready: () => {
            unready -= 1;
            if (unready === 0) sink.ready();
          },
          refused: (channel, symbol, reason) => sink.refused(venue, channel, symbol, reason),
        },
      );
    });
  }

  /** The newest number that was given to one. */
  get number(): number {
    return this.#number;
  }

  get isOpen(): boolean {
    return this.#all.every(({ isOpen }) => isOpen);
  }

  get isDrained(): boolean {
    return this.#all.every(({ isDrained }) => isDrained);
  }

  /** Openings after the first of each. */
  get reconnects(): number {
    return this.#all.reduce((sum, { reconnects }) => sum + reconnects, 0);
  }

  /** Which one is not ready, where it leads, and why its last try ended; empty if none has. */
  get laggard(): PlannedConnection & { readonly failure: string } {
    const found = this.#all.findIndex(({ isReady }) => !isReady);
    const place = Math.max(0, found);
    return { ...this.#options.planned[place]!, failure: this.#all[place]!.lastFailure };
  }

  /** Throws UsageError when an address is not one, or a placeholder has no value, before anything begins. */
  check(): void {
    for (const { plan } of this.#options.planned) requirePlan(plan);
  }

  start(): void {
    for (const connection of this.#all) connection.start();
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map((connection) => connection.close()));
  }

  abort(): void {
    for (const connection of this.#all) connection.abort();
  }

  pause(): void {
    for (const connection of this.#all) connection.pause();
  }

  resume(): void {
    for (const connection of this.#all) connection.resume();
  }
}
