import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tableFromIPC } from 'apache-arrow';
import { expect, test } from 'vitest';
import { UsageError } from '../../src/core/errors.ts';
import { encodeHead, SCHEMA_BYTES } from '../../src/journal/layout.ts';
import { readSegments } from '../../src/journal/reader.ts';
import type { SegmentSummary } from '../../src/journal/seal.ts';
import { JournalWriter } from '../../src/journal/writer.ts';
import { appendRecords, expectRecords, readAll, temporaryFolder } from './frames.ts';
import { recordOf, startUs } from './records.ts';

test('what was appended is read back, from the open segment and from the sealed one', async () => {
  const folder = temporaryFolder();
  const sealed: SegmentSummary[] = [];
  const writer = await JournalWriter.open(folder, { onSealed: (summary) => sealed.push(summary) });
  appendRecords(writer, 1, 3500);
  expect(writer.lastSeq).toBe(3500);
  await writer.sync();
  expect(writer.acknowledgedSeq).toBe(3500);
  expectRecords(await readAll(folder), 1, 3500);
  const [open] = await readSegments(folder);
  await writer.close();
  expectRecords(await readAll(folder), 1, 3500);
  expect(readdirSync(folder).sort()).toEqual(['000001.json', '000001.parquet', 'acknowledged']);
  expect(sealed).toMatchObject([
    { segment: '000001', rows: 3500, firstSeq: 1, lastSeq: 3500, firstUs: startUs },
  ]);
  expect(await readSegments(folder)).toEqual([{ ...open, file: 'journal/000001.parquet' }]);
});

test('a part of the journal is read by sequence number or by time', async () => {
  const folder = temporaryFolder();
  const writer = await JournalWriter.open(folder, { rotateUs: 400_000, flushRows: 100 });
  appendRecords(writer, 1, 2000);
  for (const state of ['open', 'sealed']) {
    if (state === 'open') await writer.sync();
    else await writer.close();
    expectRecords(await readAll(folder, { fromSeq: 1234 }), 1234, 2000);
    const { receivedUs } = recordOf(600);
    expectRecords(await readAll(folder, { fromUs: receivedUs, toUs: receivedUs + 2000 }), 600, 605);
    expect(await readAll(folder, { fromSeq: 2001 })).toEqual([]);
  }
});

test('a batch is written when its time is over, and acknowledged without being asked', async () => {
  const folder = temporaryFolder();
  const writer = await JournalWriter.open(folder, { flushMs: 1, syncMs: 1, seal: false });
  appendRecords(writer, 1, 5);
  await expect.poll(() => writer.acknowledgedSeq, { interval: 2 }).toBe(5);
  expectRecords(await readAll(folder), 1, 5);
  await writer.close();
});

test('a payload larger than the buffer is taken whole, an empty one too', async () => {
  const folder = temporaryFolder();
  const writer = await JournalWriter.open(folder, { flushBytes: 1024, seal: false });
  const large = new Uint8Array(100_000).map((_, index) => index * 7);
  appendRecords(writer, 1, 10);
  writer.append(1, 0, startUs + 1e6, large);
  writer.append(3, 0, startUs + 1e6, new Uint8Array(0));
  await writer.sync();
  const read = await readAll(folder);
  expect(Buffer.compare(read[10]!.payload, large)).toBe(0);
  expect(read[11]!.payload.length).toBe(0);
  await writer.close();
});

test('a segment is rotated by its size and by its time, and nothing is lost between two', async () => {
  for (const options of [{ rotateBytes: 40_000 }, { rotateUs: 100_000 }]) {
    const folder = temporaryFolder();
    const writer = await JournalWriter.open(folder, { ...options, flushRows: 100, seal: false });
    appendRecords(writer, 1, 2000);
    await writer.close();
    const segments = await readSegments(folder);
    expect(segments.length).toBeGreaterThanOrEqual(4);
    for (const [index, { firstSeq }] of segments.entries()) {
      expect(firstSeq).toBe(index === 0 ? 1 : segments[index - 1]!.lastSeq + 1);
    }
    expectRecords(await readAll(folder), 1, 2000);
  }
});

test('a journal is continued where it ended, in a new segment', async () => {
  const folder = temporaryFolder();
  for (const [from, to] of [
    [1, 10],
    [11, 20],
  ] as const) {
    const writer = await JournalWriter.open(folder, { seal: false });
    expect(writer.lastSeq).toBe(from - 1);
    expect(writer.acknowledgedSeq).toBe(from - 1);
    expect(writer.cut).toBeUndefined();
    appendRecords(writer, from, to);
    await writer.close();
  }
  expectRecords(await readAll(folder), 1, 20);
  expect(readdirSync(folder).sort()).toEqual(['000001.arrow', '000002.arrow', 'acknowledged']);
});

test('a writer without records leaves nothing behind', async () => {
  const folder = temporaryFolder();
  const writer = await JournalWriter.open(folder);
  await writer.close();
  expect(readdirSync(folder)).toEqual([]);
});

test('a second writer is refused, in this process and in another one', async () => {
  const folder = temporaryFolder();
  const writer = await JournalWriter.open(folder);
  await expect(JournalWriter.open(folder)).rejects.toThrow(UsageError);
  await expect(JournalWriter.open(folder)).rejects.toThrow(`in use by process ${process.pid}`);
  const { said } = await runChild(`
    try { await JournalWriter.open(${JSON.stringify(folder)}); console.log('opened'); }
    catch (error) { console.log(error.name, error.message); }
  `);
  expect(said).toMatch(new RegExp(`^UsageError .*in use by process ${process.pid}`));
  await writer.close();
  expect(existsSync(join(folder, 'lock'))).toBe(false);
});

test('a queue that is full refuses the record and keeps those it took', async () => {
  const folder = temporaryFolder();
  const writer = await JournalWriter.open(folder, {
    flushRows: 10,
    flushBytes: 2000,
    queueBytes: 10_000,
    seal: false,
  });
  let taken = 0;
  expect(() => {
    for (let seq = 1; seq <= 1000; seq++) {
      const { kind, connection, receivedUs, payload } = recordOf(seq);
      writer.append(kind, connection, receivedUs, payload);
      taken = seq;
    }
  }).toThrow(/journal queue full: \d+ bytes wait for the disk \(allowed: 10000\)/);
  expect(taken).toBeGreaterThan(10);
  expect(writer.lastSeq).toBe(taken);
  expect(writer.hasRoom(200)).toBe(false);
  expect(writer.queuedBytes).toBeLessThanOrEqual(10_000);
  await writer.sync();
  expect(writer.hasRoom(200)).toBe(true);
  appendRecords(writer, taken + 1, taken + 20);
  await writer.close();
  expectRecords(await readAll(folder), 1, taken + 20);
});

test.skipIf(process.platform === 'win32')(
  'a full disk ends the writer, and what was acknowledged is intact',
  async () => {
    const folder = temporaryFolder();
    const { said } = await runChild(
      `
      process.on('SIGXFSZ', () => {});
      const writer = await JournalWriter.open(${JSON.stringify(folder)}, {
        onFailure: (error) => console.log('failed', error.name, error.message),
      });
      const { recordOf } = await import(${JSON.stringify(new URL('./records.ts', import.meta.url))});
      try {
        for (let seq = 1; seq < 100_000; seq++) {
          const { kind, connection, receivedUs, payload } = recordOf(seq);
          writer.append(kind, connection, receivedUs, payload);
          if (seq % 500 === 0) { await writer.sync(); console.log('acknowledged', writer.acknowledgedSeq); }
        }
      } catch (error) { console.log('ended', error.cause?.code, writer.failure === error); }
      `,
      'ulimit -f 300;',
    );
    const acknowledged = Number(/acknowledged (\d+)\n(?!acknowledged)/.exec(said)?.[1]);
    expect(acknowledged).toBeGreaterThan(500);
    expect(said).toContain(`failed DataError cannot write the journal in ${folder}: `);
    expect(said).toContain(`(acknowledged up to record ${acknowledged})`);
    expect(said).toMatch(/ended EFBIG true/);
    const read = await readAll(folder);
    expect(read.length).toBeGreaterThanOrEqual(acknowledged);
    expectRecords(read, 1, read.length);
    const writer = await JournalWriter.open(folder, { seal: false });
    expect(writer.cut).toMatchObject({ segment: '000001', rows: read.length });
    await writer.close();
    expect((await readAll(folder)).length).toBe(read.length + 1);
  },
);

test.skipIf(process.platform === 'win32')(
  'without a descriptor to spare nothing ends: the segment grows on, and is sealed later',
  async () => {
    const folder = temporaryFolder();
    const { said } = await runChild(
      `
      import { closeSync, openSync } from 'node:fs';
      const writer = await JournalWriter.open(${JSON.stringify(folder)}, {
        rotateBytes: 20_000, flushRows: 50, sealRetryMs: 600_000,
        onFailure: (error) => console.log('failed', error.message),
        onSealFailure: ({ segment, reason }) => console.log('unsealed', segment, reason),
      });
      const { recordOf } = await import(${JSON.stringify(new URL('./records.ts', import.meta.url))});
      const append = (from, to) => {
        for (let seq = from; seq <= to; seq++) {
          const { kind, connection, receivedUs, payload } = recordOf(seq);
          writer.append(kind, connection, receivedUs, payload);
        }
      };
      const { sealInChild } = await import(${JSON.stringify(new URL('../../src/journal/seal.ts', import.meta.url))});
      append(1, 50);
      await writer.sync();
      const hogs = [];
      try { for (;;) hogs.push(openSync('/dev/null', 'r')); } catch (error) { console.log('full', error.code); }
      append(51, 1000);
      await writer.sync();
      await sealInChild(${JSON.stringify(join(folder, '000001.arrow'))}).catch((error) => console.log('child', error.name, error.message));
      for (const hog of hogs) closeSync(hog);
      append(1001, 2000);
      await writer.close();
      console.log('done', writer.acknowledgedSeq);
      `,
      'ulimit -n 200;',
    );
    expect(said).toContain('full EMFILE');
    expect(said).toMatch(/child Error cannot seal .*EMFILE/);
    expect(said).not.toContain('failed');
    expect(said).toContain('done 2000');
    expectRecords(await readAll(folder), 1, 2000);
  },
);

test('a cleanly ended segment is an ordinary Arrow stream', async () => {
  const folder = temporaryFolder();
  const writer = await JournalWriter.open(folder, { seal: false });
  appendRecords(writer, 1, 2500);
  await writer.close();
  const table = tableFromIPC(readFileSync(join(folder, '000001.arrow')));
  expect(table.numRows).toBe(2500);
  expect(table.schema.fields.map((field) => `${field.name}: ${field.type}`)).toEqual([
    'seq: Int64',
    'received_us: Timestamp<MICROSECOND, UTC>',
    'kind: Uint8',
    'connection: Uint16',
    'payload: Binary',
  ]);
  for (const seq of [1, 1000, 1001, 2500]) {
    const expected = recordOf(seq);
    const row = seq - 1;
    expect(table.getChild('seq')?.get(row)).toBe(BigInt(seq));
    expect(table.getChild('received_us')?.get(row)).toBe(expected.receivedUs / 1000);
    expect(table.getChild('kind')?.get(row)).toBe(expected.kind);
    expect(table.getChild('connection')?.get(row)).toBe(expected.connection);
    expect(Buffer.compare(table.getChild('payload')?.get(row), expected.payload)).toBe(0);
  }
});

test('the bytes of the format are those of journal 1, whatever the Arrow library becomes', () => {
  const head = encodeHead({ rows: 3, payloadBytes: 17, firstSeq: 2 ** 40, crc: 0xfedcba98 });
  const digest = createHash('sha256').update(SCHEMA_BYTES).update(head).digest('hex');
  expect(digest).toMatchInlineSnapshot(`"f3b2a87da277a2db7fd31fbb8b9f90dfc0ac9e72faf0113e302fef5327a28b05"`);
});

/** Runs a script in a process of its own and returns what it printed. */
async function runChild(script: string, before = ''): Promise<{ said: string; pid: number | undefined }> {
  const url = new URL('../../src/journal/writer.ts', import.meta.url);
  const source = `import { JournalWriter } from ${JSON.stringify(url)};\n${script}`;
  const child = spawn('bash', ['-c', `${before} exec "$0" --input-type=module`, process.execPath], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk;
  });
  child.stdin.end(source);
  await once(child, 'close');
  return { said, pid: child.pid };
}
