import { expect, test } from 'vitest';
import { firstDifference } from '../../src/feeds/differ.ts';
import { batchOf, feedOf, type Row } from './batches.ts';

const rows: Row[] = Array.from({ length: 50 }, (_, i) => ({ us: i, price: 100 + i, seq: i }));
const inBatches = (list: readonly Row[], size: number) =>
  feedOf(
    Array.from({ length: Math.ceil(list.length / size) }, (_, i) =>
      batchOf(list.slice(i * size, i * size + size)),
    ),
  );

test('equal events are equal however they are batched and wherever they were recorded', async () => {
  const elsewhere = rows.map((row) => ({ ...row, seq: 1000 + row.us }));
  expect(await firstDifference(inBatches(rows, 7), inBatches(elsewhere, 50))).toBeUndefined();
});

test('the first difference is named with its fields and the events around it', async () => {
  const changed = rows.map((row) => (row.us === 30 ? { ...row, price: 1, size: 9 } : row));
  const found = await firstDifference(inBatches(rows, 7), inBatches(changed, 3), { context: 2 });
  expect(found?.event).toBe(30);
  expect(found?.fields).toEqual(['price', 'size']);
  expect(found?.left?.fields.price).toBe('130');
  expect(found?.right?.text).toContain('price=1 size=9');
  expect(found?.before.map(({ fields }) => fields.price)).toEqual(['128', '129']);
  expect(found?.leftAfter.map(({ fields }) => fields.price)).toEqual(['131', '132']);
  expect(found?.rightAfter.map(({ fields }) => fields.price)).toEqual(['131', '132']);
});

test('a feed that ends first differs there', async () => {
  const found = await firstDifference(inBatches(rows, 7), inBatches(rows.slice(0, 20), 7));
  expect(found?.event).toBe(20);
  expect(found?.left?.fields.price).toBe('120');
  expect(found).not.toHaveProperty('right');
});

test('outside the span nothing is compared', async () => {
  const changed = rows.map((row) => (row.us === 30 ? { ...row, price: 1 } : row));
  for (const span of [{ fromEvent: 31 }, { toEvent: 30 }]) {
    expect(await firstDifference(inBatches(rows, 7), inBatches(changed, 7), span)).toBeUndefined();
  }
  expect((await firstDifference(inBatches(rows, 7), inBatches(changed, 7), { fromEvent: 30 }))?.event).toBe(
    30,
  );
});
