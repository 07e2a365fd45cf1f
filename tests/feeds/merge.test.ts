import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventBatch } from '../../src/core/event.ts';
import { type MergeStream, mergeStreams, type TieRule } from '../../src/feeds/merge.ts';
import { batchOf, type Row, textsOf } from './batches.ts';

type Tagged = Required<Pick<Row, 'us' | 'kind' | 'seq' | 'ordinal' | 'instrument' | 'price'>>;

const rows = fc.array(
  fc.record({
    us: fc.integer({ min: 0, max: 12 }),
    kind: fc.constantFrom(2 as const, 3 as const, 5 as const),
    seq: fc.integer({ min: 0, max: 3 }),
    ordinal: fc.integer({ min: 0, max: 3 }),
  }),
  { maxLength: 40 },
);

const compare: Readonly<Record<TieRule, (left: Tagged, right: Tagged) => number>> = {
  sequence: (left, right) => left.us - right.us || left.seq - right.seq || left.ordinal - right.ordinal,
  rank: (left, right) =>
    left.us - right.us ||
    left.kind - right.kind ||
    left.seq - right.seq ||
    left.instrument - right.instrument ||
    left.ordinal - right.ordinal,
};

test.each(['sequence', 'rank'] as const)(
  'merging by %s gives what sorting gives, whatever the sizes of the batches',
  async (tie) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(rows, { minLength: 1, maxLength: 9 }),
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 1, max: 9 }),
        async (lists, inputRows, outputRows) => {
          // The price names the row, so that no two rows look alike; rows alike in every key keep their stream's order.
          let name = 0;
          const streams = lists.map((list, instrument) =>
            list
              .map((row) => ({ ...row, instrument, price: ++name }))
              .sort((left, right) => compare[tie](left, right) || left.price - right.price),
          );
          const sources = streams.map((list) => streamOf(list, inputRows));
          const texts: string[] = [];
          for await (const batch of mergeStreams(sources, tie, outputRows)) {
            texts.push(...(await textsOf(once(batch))));
          }
          const expected = streams
            .flat()
            .sort((left, right) => compare[tie](left, right) || left.price - right.price);
          const unambiguous = tie === 'rank';
          const keyed = (text: string) => (unambiguous ? text : text.split(' ').slice(3, 6).join(' '));
          expect(texts.map(keyed)).toEqual((await textsOf(once(batchOf(expected)))).map(keyed));
          expect([...texts].sort()).toEqual([...(await textsOf(once(batchOf(expected))))].sort());
        },
      ),
    );
  },
);

test('a stream is not opened before its time has come', async () => {
  const opened: string[] = [];
  const source = (name: string, us: readonly number[]): MergeStream => ({
    startsUs: us[0]!,
    async *open() {
      opened.push(name);
      yield batchOf(us.map((time) => ({ us: time })));
    },
  });
  const times: number[] = [];
  for await (const batch of mergeStreams([source('late', [7, 8]), source('early', [1, 6, 9])], 'rank', 1)) {
    times.push(batch.receivedUs[0]!);
    if (batch.receivedUs[0] === 6) expect(opened).toEqual(['early']);
  }
  expect(times).toEqual([1, 6, 7, 8, 9]);
  expect(opened).toEqual(['early', 'late']);
});

test('every opened stream is closed when the reader stops early', async () => {
  let closed = 0;
  const source: MergeStream = {
    startsUs: 0,
    async *open() {
      try {
        for (let us = 0; ; us++) yield batchOf([{ us }]);
      } finally {
        closed++;
      }
    },
  };
  for await (const batch of mergeStreams([source, source, source], 'rank', 4)) {
    expect(batch.length).toBe(4);
    break;
  }
  expect(closed).toBe(3);
});

test('a stream whose time goes back is refused', async () => {
  const source = streamOf([{ us: 2 }, { us: 1 }], 5);
  await expect(textsOf(mergeStreams([source], 'rank', 4))).rejects.toThrow('in order of time');
});

function streamOf(list: readonly Row[], batchRows: number): MergeStream {
  return {
    startsUs: list[0]?.us ?? 0,
    async *open() {
      for (let from = 0; from < list.length; from += batchRows) {
        yield batchOf(list.slice(from, from + batchRows));
        yield new EventBatch(1);
      }
    },
  };
}

async function* once(batch: EventBatch): AsyncGenerator<EventBatch> {
  yield batch;
}
