import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Backoff, Breaker, defaultBackoff } from '../../src/connections/backoff.ts';
import { createClock } from '../../src/connections/clock.ts';
import { defaultResync, Liveness, type Reaction } from '../../src/connections/liveness.ts';
import { EventBatch, EventKind, Flag, NO_INSTRUMENT, type StatusDetail } from '../../src/core/event.ts';
import { Random } from '../../src/core/random.ts';
import { planOf, toySession } from './toy.ts';

const silence = { frameMs: 5000, dataMs: 20_000, channelMs: { book: 30_000 }, ackMs: 10_000 };
const second = 1e6;

function trade(instrument: number): EventBatch {
  const batch = new EventBatch();
  batch.add(EventKind.trade, instrument, 1, 0, 0);
  return batch;
}

function level(instrument: number, flags: number): EventBatch {
  const batch = new EventBatch();
  batch.flags[batch.add(EventKind.level, instrument, 1, 0, 0)] = flags;
  return batch;
}

function status(...details: readonly StatusDetail[]): EventBatch {
  const batch = new EventBatch();
  for (const detail of details) batch.addDetail(detail, NO_INSTRUMENT, 1, 0, Number.NaN);
  return batch;
}

const subscribed = (channel: string, symbol: string): StatusDetail => ({
  type: 'status',
  state: 'subscribed',
  channel,
  symbol,
});
/** What a decoder asks for when a book fails its checksum. */
const lose = (liveness: Liveness, symbol: 'A' | 'B', nowUs: number): void =>
  liveness.resync({ channel: 'book', instrument: symbol === 'A' ? 0 : 1, cause: 'checksum' }, nowUs);
const snapshot = Flag.clear | Flag.last;

/** Two symbols, trade and book, all four subscriptions answered at time 0. */
function live(): Liveness {
  const liveness = new Liveness(planOf(toySession('ws://x')).streams, ['A', 'B'], silence, defaultResync);
  liveness.open(0);
  liveness.asked(0);
  liveness.observe(status(subscribed('trade', ''), subscribed('book', 'A'), subscribed('book', 'B')), 0);
  return liveness;
}

const types = (reactions: readonly Reaction[]): string[] => reactions.map((reaction) => reaction.type);

describe('subscriptions', () => {
  test('are answered one by one, or a whole channel at once, and never twice', () => {
    const liveness = new Liveness(planOf(toySession('ws://x')).streams, ['A', 'B'], silence, defaultResync);
    liveness.open(0);
    liveness.asked(0);
    liveness.observe(status(subscribed('trade', '')), 0);
    liveness.observe(status(subscribed('book', 'A'), subscribed('book', 'A'), subscribed('book', 'C')), 0);
    expect(liveness.isReady).toBe(false);
    liveness.observe(status(subscribed('book', 'B')), 0);
    expect(liveness.isReady).toBe(true);
  });

  test('count as answered by their data, for venues that answer with nothing else', () => {
    const liveness = new Liveness(planOf(toySession('ws://x')).streams, ['A', 'B'], silence, defaultResync);
    liveness.open(0);
    liveness.asked(0);
    for (const instrument of [0, 1]) {
      liveness.observe(trade(instrument), 1);
      liveness.observe(level(instrument, snapshot), 1);
    }
    expect(liveness.isReady).toBe(true);
  });

  test('that stay unanswered cost the connection after the time-out', () => {
    const liveness = new Liveness(planOf(toySession('ws://x')).streams, ['A', 'B'], silence, defaultResync);
    liveness.open(0);
    liveness.asked(0);
    liveness.observe(status(subscribed('trade', ''), subscribed('book', 'B')), 0);
    for (let us = 0; us <= 10 * second; us += second) {
      liveness.observe(trade(0), us);
      liveness.check(us);
    }
    expect(liveness.take()).toEqual([]);
    liveness.check(10 * second + 1);
    expect(liveness.take()).toEqual([
      { type: 'reconnect', cause: 'ack timeout', reason: 'no answer to book A within 10000 ms' },
    ]);
  });

  test('that are refused are told with the words of the venue, and asked for again later', () => {
    const liveness = live();
    liveness.open(0);
    liveness.asked(0);
    const refusal = { channel: 'book', symbol: 'A', reason: 'depth not supported' };
    liveness.observe(status({ type: 'status', state: 'refused', ...refusal }), 0);
    expect(liveness.take()).toEqual([{ type: 'refused', ...refusal }]);
    liveness.observe(status(subscribed('trade', ''), subscribed('book', 'B')), 0);
    expect(liveness.isReady).toBe(true);
    for (let us = 0; us <= 61 * second; us += second) {
      liveness.observe(trade(0), us);
      liveness.observe(level(1, Flag.last), us);
      liveness.check(us);
    }
    expect(liveness.take()).toEqual([{ type: 'resync', channel: 'book', symbol: 'A', cause: 'refused' }]);
  });
});

describe('the three clocks', () => {
  test('any frame: silence is told with its limit, then the connection is given up, once', () => {
    const liveness = live();
    liveness.check(5 * second);
    expect(liveness.take()).toEqual([]);
    liveness.check(5 * second + 1);
    liveness.check(6 * second);
    expect(liveness.take()).toEqual([
      { type: 'silence', clock: 'frame', channel: '', symbol: '', silentMs: 5000, limitMs: 5000 },
      { type: 'reconnect', cause: 'idle', reason: 'no frame for 5000 ms' },
    ]);
  });

  test('a ping of the protocol is life, too', () => {
    const liveness = live();
    liveness.touch(4 * second);
    liveness.check(8 * second);
    expect(liveness.take()).toEqual([]);
  });

  test('any data: heartbeats do not count', () => {
    const liveness = live();
    for (let us = 0; us <= 21 * second; us += second) {
      liveness.observe(new EventBatch(), us);
      liveness.check(us);
    }
    expect(types(liveness.take())).toEqual(['silence', 'reconnect']);
  });

  /** An hour of heartbeats each second, with what a test adds at each of them; what was decided, and when. */
  function hour(
    liveness: Liveness,
    each: (atS: number, asked: readonly Reaction[]) => void,
  ): readonly (readonly [atS: number, type: string, symbol: string])[] {
    const told: (readonly [number, string, string])[] = [];
    let asked: readonly Reaction[] = [];
    for (let atS = 1; atS <= 3600; atS++) {
      liveness.observe(new EventBatch(), atS * second);
      each(atS, asked);
      liveness.check(atS * second);
      asked = liveness.take();
      for (const reaction of asked) {
        told.push([atS, reaction.type, 'symbol' in reaction ? reaction.symbol : '']);
      }
    }
    return told;
  }
  const isAsked = (asked: readonly Reaction[]): boolean => asked.some(({ type }) => type === 'resync');

  test('a quiet book is asked for afresh, seldom, and costs nobody the connection', () => {
    const liveness = live();
    const told = hour(liveness, (atS, asked) => {
      liveness.observe(trade(1), atS * second);
      liveness.observe(level(1, Flag.last), atS * second);
      if (isAsked(asked)) liveness.observe(level(0, snapshot), atS * second);
    });
    expect(told).toEqual(
      [31, 931, 1831, 2731].flatMap((atS) => [
        [atS, 'silence', 'A'],
        [atS, 'resync', 'A'],
      ]),
    );
  });

  test('a single quiet pair does not lose its own connection either, whether data answers or an acknowledgement', () => {
    for (const answer of [level(0, snapshot), status(subscribed('book', 'A'))]) {
      const liveness = new Liveness(
        planOf(toySession('ws://x', ['A'])).streams,
        ['A'],
        silence,
        defaultResync,
      );
      liveness.open(0);
      liveness.asked(0);
      liveness.observe(status(subscribed('trade', 'A'), subscribed('book', 'A')), 0);
      liveness.observe(level(0, snapshot), 1);
      const told = hour(liveness, (atS, asked) => {
        if (isAsked(asked)) liveness.observe(answer, atS * second);
      });
      expect(told.filter(([, type]) => type === 'reconnect')).toEqual([]);
      // Each time it is quiet, and up to three times in a row when no snapshot comes.
      const most = answer.length === 1 && answer.detail.length === 0 ? 4 : 12;
      expect(told.filter(([, type]) => type === 'resync').length).toBeLessThanOrEqual(most);
    }
  });

  test('a quiet stream is left alone where that is wished', () => {
    const limits = { ...defaultResync, quietMs: Number.POSITIVE_INFINITY };
    const liveness = new Liveness(planOf(toySession('ws://x')).streams, ['A', 'B'], silence, limits);
    liveness.open(0);
    liveness.asked(0);
    liveness.observe(status(subscribed('trade', ''), subscribed('book', 'A'), subscribed('book', 'B')), 0);
    liveness.observe(level(0, snapshot), 1);
    expect(hour(liveness, () => {})).toEqual([]);
  });

  test('trades that are asked for afresh live again when they are heard, though nothing new came', () => {
    const session = { ...toySession('ws://x', ['A']), channels: ['trade'] };
    const liveness = new Liveness(planOf(session).streams, ['A'], silence, defaultResync);
    liveness.open(0);
    liveness.asked(0);
    liveness.observe(status(subscribed('trade', 'A')), 0);
    liveness.observe(trade(0), 1);
    const healed: StatusDetail = { type: 'status', state: 'healed', channel: 'trade', symbol: 'A' };
    const told = hour(liveness, (atS, asked) => {
      if (isAsked(asked)) liveness.observe(status(healed), atS * second);
    });
    expect(told.map(([atS, type]) => [atS, type])).toEqual(
      [21, 921, 1821, 2721].flatMap((atS) => [
        [atS, 'silence'],
        [atS, 'resync'],
      ]),
    );
  });

  test('a channel without a limit may be silent for ever', () => {
    const liveness = live();
    for (let us = 0; us < 3600 * second; us += second) {
      for (const instrument of [0, 1]) liveness.observe(level(instrument, Flag.last), us);
      liveness.check(us);
    }
    expect(liveness.take()).toEqual([]);
  });
});

describe('a book that went wrong', () => {
  test('is asked for once, however many frames fail before its snapshot comes', () => {
    const liveness = live();
    lose(liveness, 'A', second);
    lose(liveness, 'A', second + 1);
    liveness.observe(level(0, Flag.last), second + 2);
    lose(liveness, 'A', second + 3);
    expect(liveness.take()).toEqual([{ type: 'resync', channel: 'book', symbol: 'A', cause: 'checksum' }]);
    liveness.observe(level(0, snapshot), second + 4);
    lose(liveness, 'A', second + 5);
    expect(types(liveness.take())).toEqual(['resync']);
  });

  test('whose fresh snapshot does not come costs the connection', () => {
    const liveness = live();
    lose(liveness, 'A', 0);
    liveness.take();
    for (let us = 0; us <= 11 * second; us += second) {
      liveness.observe(level(0, Flag.last), us);
      liveness.check(us);
    }
    expect(liveness.take()).toEqual([
      { type: 'reconnect', cause: 'ack timeout', reason: 'no fresh book A within 10000 ms' },
    ]);
  });

  test('again and again within the window costs the connection, at leisure it does not', () => {
    for (const [pauseUs, expected] of [
      [second, ['resync', 'resync', 'resync', 'reconnect']],
      [101 * second, ['resync', 'resync', 'resync', 'resync']],
    ] as const) {
      const liveness = live();
      const seen: string[] = [];
      for (let turn = 1; turn <= 4; turn++) {
        lose(liveness, 'B', turn * pauseUs);
        liveness.observe(level(1, snapshot), turn * pauseUs + 1);
        seen.push(...types(liveness.take()));
      }
      expect(seen).toEqual(expected);
    }
  });

  test('a snapshot that fails its own checksum is asked for again', () => {
    const liveness = live();
    lose(liveness, 'A', 0);
    liveness.take();
    liveness.observe(level(0, snapshot), 1);
    lose(liveness, 'A', 1);
    expect(types(liveness.take())).toEqual(['resync']);
  });
});

test('delays grow by the factor, stay within their jitter and the cap, and begin anew after a reset', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 1, max: 40 }), (seed, tries) => {
      const backoff = new Backoff(defaultBackoff, new Random(seed));
      for (let attempt = 0; attempt < tries; attempt++) {
        const plain = Math.min(60_000, 1000 * 2 ** attempt);
        const delayMs = backoff.next();
        expect(Math.abs(delayMs - plain)).toBeLessThanOrEqual(plain * 0.2 + 1);
      }
      expect(backoff.attempt).toBe(tries);
      backoff.reset();
      expect(backoff.next()).toBeLessThanOrEqual(1200);
    }),
  );
});

describe('the breaker', () => {
  const limits = { failures: 3, windowMs: 10_000, cooldownMs: 1000 };

  test('opens at the last failure the window allows, probes once, and closes on good data', () => {
    const breaker = new Breaker(limits);
    expect([breaker.fail(0), breaker.fail(second), breaker.fail(2 * second)]).toEqual([false, false, true]);
    expect(breaker.state).toBe('open');
    expect(breaker.probe()).toBe(true);
    expect(breaker.state).toBe('half-open');
    expect(breaker.succeed()).toBe(true);
    expect([breaker.state, breaker.failures]).toEqual(['closed', 0]);
  });

  test('opens again when the probe fails', () => {
    const breaker = new Breaker(limits);
    for (const us of [0, 1, 2]) breaker.fail(us);
    breaker.probe();
    expect(breaker.fail(60 * second)).toBe(true);
    expect(breaker.state).toBe('open');
  });

  test('forgets failures that are older than the window', () => {
    const breaker = new Breaker(limits);
    expect([0, 6, 12, 18, 24].map((seconds) => breaker.fail(seconds * second))).not.toContain(true);
  });
});

describe('the clock', () => {
  test('is monotonic in whole microseconds, whatever its source does', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: 2 }), (steps) => {
        let monotonicMs = 1000;
        const clock = createClock({
          source: { wallMs: () => 1_700_000_000_000, monotonicMs: () => monotonicMs },
        });
        let lastUs = 0;
        for (const step of steps) {
          monotonicMs += step;
          const us = clock.nowUs();
          expect(Number.isSafeInteger(us)).toBe(true);
          expect(us).toBeGreaterThanOrEqual(lastUs);
          lastUs = us;
        }
      }),
      { numRuns: 25 },
    );
  });

  test('a step of the wall clock is told once, in either direction, and never followed', () => {
    let wallMs = 1_700_000_000_000;
    let monotonicMs = 5;
    const clock = createClock({ source: { wallMs: () => wallMs, monotonicMs: () => monotonicMs } });
    const startUs = clock.nowUs();
    expect(clock.checkStep()).toBe(0);
    wallMs += 3000;
    monotonicMs += 1;
    expect(clock.checkStep()).toBe(2_999_000);
    expect(clock.checkStep()).toBe(0);
    wallMs -= 10_000;
    expect(clock.checkStep()).toBe(-10_000_000);
    expect(clock.checkStep()).toBe(0);
    wallMs += 49;
    expect(clock.checkStep()).toBe(0);
    expect(clock.nowUs() - startUs).toBe(1000);
  });

  test('goes on after what was recorded before the wall clock was set back', () => {
    let monotonicMs = 5;
    const clock = createClock({ source: { wallMs: () => 1000, monotonicMs: () => monotonicMs } });
    expect(clock.advanceTo(999_000)).toBe(0);
    expect(clock.advanceTo(3_600_000_000)).toBe(3_599_000_000);
    monotonicMs += 1;
    expect(clock.nowUs()).toBe(3_600_001_000);
    expect(clock.checkStep()).toBe(0);
  });

  test('starts within two milliseconds of the wall clock of the machine', () => {
    // The best of several, since the test may be interrupted between the two readings.
    const errorsMs = Array.from({ length: 5 }, () => Math.abs(createClock().nowUs() / 1000 - Date.now()));
    expect(Math.min(...errorsMs)).toBeLessThan(2);
  });
});
