// A real session whose address holds secrets, of every kind of place; then everything that it wrote and said is searched.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readJournal } from '../../src/journal/reader.ts';
import { query, quoteFile } from '../../src/parquet/parquet.ts';
import { type SimulatedServer, startServer } from '../../src/simulated/server.ts';
import { outcome, retickMany, said, start, workplace } from './retick.ts';

const SECRETS = ['canaryPassword', 'canaryToken', 'canaryKey', 'canarySignature', 'canaryFilled'] as const;
const [PASSWORD, TOKEN, KEY, SIGNATURE, FILLED] = SECRETS;
const { folder, remove } = workplace();
let venue: SimulatedServer;
const angry = createServer();

beforeAll(async () => {
  process.env.CANARY_IN_ENVIRONMENT = FILLED;
  venue = await startServer({ seed: 3, eventsPerSecond: 200 });
  // Refuses, and quotes in its reason what it was asked.
  angry.on('upgrade', ({ url }, socket) => socket.end(`HTTP/1.1 401 no ${url}\r\nConnection: close\r\n\r\n`));
  await new Promise<void>((resolve) => angry.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  delete process.env.CANARY_IN_ENVIRONMENT;
  angry.close();
  await venue.stop();
  remove();
});

function withSecrets(url: string): string {
  const { host, pathname } = new URL(url);
  return `ws://me:${PASSWORD}@${host}${pathname}?token=${TOKEN}&api_key=${KEY}&x=1&signature=${SIGNATURE}&ws=\${CANARY_IN_ENVIRONMENT}`;
}

function expectNone(text: string, where: string): void {
  expect(
    SECRETS.filter((secret) => text.includes(secret)),
    where,
  ).toEqual([]);
}

test('no secret of an address is in any file or word of a session', { timeout: 120_000 }, async () => {
  const angryUrl = withSecrets(`ws://127.0.0.1:${(angry.address() as AddressInfo).port}/v2`);
  const nobodyUrl = withSecrets('ws://127.0.0.1:1/v2');
  const run = (url: string): string =>
    `name: canary\nvenue: kraken\nurl: "${url}"\nsymbols: [BTC/USD]\nduration: 1s\nstrategies: [{ use: order-flow, params: { interval: 200ms } }]\n`;
  writeFileSync(join(folder, 'run.yaml'), run(withSecrets(venue.url)));
  const impatient = ['--patience', '300ms'] as const;
  const results = await retickMany(
    [
      ['paper', 'run.yaml', '--recording', 'datasets/c', '--out', 'reports/live', '--json'],
      ['data', 'info', 'datasets/c'],
      ['data', 'check', 'datasets/c', '--json'],
      ['replay', 'datasets/c', 'run.yaml', '--out', 'reports/again'],
      ['compare', 'reports/live', 'reports/again', '--json'],
      ['report', 'reports/live', 'reports/again'],
      ['record', 'kraken', 'BTC/USD', '--url', nobodyUrl, '--out', 'datasets/no', ...impatient],
      ['record', 'kraken', 'BTC/USD', '--url', angryUrl, '--out', 'datasets/no', ...impatient, '--json'],
      ['record', 'kraken', 'BTC/USD', '--url', angryUrl.replace('ws:', 'http:'), '--out', 'datasets/no'],
      ['record', 'kraken', 'BTC/USD', '--url', angryUrl.replace('ws://', 'ws//'), '--out', 'datasets/no'],
      ['record', angryUrl, 'BTC/USD'],
      ['simulate', angryUrl],
    ],
    folder,
  );
  expect(results.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0, 0, 4, 4, 2, 2, 2, 2]);
  results.forEach(({ out, err }, index) => {
    expectNone(out + err, `request ${index}`);
  });
  expect(results[1]!.out).toContain(`?token=***&api_key=***&x=1&signature=***&ws=\${CANARY_IN_ENVIRONMENT}`);
  expect(results[7]!.out).toContain('the venue answered 401');
  for (const path of readdirSync(folder, { recursive: true }) as string[]) {
    const file = join(folder, path);
    if (path === 'run.yaml' || !statSync(file).isFile()) continue;
    expectNone(readFileSync(file, 'latin1'), path);
    if (path.endsWith('.parquet')) {
      const rows = await query(`SELECT * FROM read_parquet(${quoteFile(file)})`);
      expectNone(JSON.stringify(rows), path);
    }
  }
  for await (const records of readJournal(join(folder, 'datasets/c'))) {
    for (const { payload, seq } of records) expectNone(Buffer.from(payload).toString(), `record ${seq}`);
  }
});

test.skipIf(process.platform !== 'linux')('the list of processes does not show it either', async () => {
  const child = start(
    ['record', 'kraken', 'BTC/USD', '--url', withSecrets(venue.url), '--out', 'datasets/p'],
    folder,
  );
  const end = outcome(child);
  await said(child, /recording/);
  const shown = readFileSync(`/proc/${child.pid}/cmdline`, 'utf8');
  child.kill('SIGINT');
  expect((await end).code).toBe(130);
  expect(shown).toContain('retick record kraken BTC/USD');
  expectNone(shown, 'the command line');
});
