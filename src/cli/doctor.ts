// `retick doctor`: does this machine have what retick needs? Each check does the thing, not a look at a version.
import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Argv } from 'yargs';
import type { Arguments, Command, Context } from './command.ts';
import { EXIT } from './exit.ts';
import { bytes, paint } from './output.ts';

export const command: Command = {
  usage: 'doctor',
  options: (argv: Argv) => argv.demandCommand(0, 0),
  run: async (_args: Arguments, { output }: Context) => {
    const results: Result[] = [];
    for (const [name, check] of CHECKS) {
      try {
        results.push({ name, isGood: true, detail: await check() });
      } catch (error) {
        results.push({ name, isGood: false, detail: error instanceof Error ? error.message : String(error) });
      }
    }
    const text = results.map(
      ({ name, isGood, detail }) =>
        `${isGood ? paint('green', 'ok  ') : paint('red', 'FAIL')}  ${name.padEnd(12)}  ${detail}`,
    );
    output.result(results, text.join('\n'));
    return results.every(({ isGood }) => isGood) ? EXIT.done : EXIT.failed;
  },
};

type Result = { readonly name: string; readonly isGood: boolean; readonly detail: string };
type Check = readonly [name: string, run: () => Promise<string> | string];

const DISK_MIN_BYTES = 1e9;

const CHECKS: readonly Check[] = [
  [
    'node',
    () => {
      const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
      if (major < 22 || (major === 22 && minor < 18))
        throw new Error(`${process.version} is too old (22.18 or newer)`);
      return `${process.version} on ${process.platform} ${process.arch}`;
    },
  ],
  [
    'machine',
    () =>
      `${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? 'unknown'}), ${bytes(totalmem())} memory`,
  ],
  [
    'disk',
    () => {
      const { bavail, bsize } = statfsSync('.');
      if (bavail * bsize < DISK_MIN_BYTES) throw new Error(`only ${bytes(bavail * bsize)} free here`);
      return `${bytes(bavail * bsize)} free here`;
    },
  ],
  [
    'clock',
    async () => {
      const { createClock } = await import('../connections/clock.ts');
      const clock = createClock();
      const first = clock.nowUs();
      let second = clock.nowUs();
      while (second === first) second = clock.nowUs();
      return `steps of ${second - first} µs or less, step against wall time ${clock.checkStep()} µs`;
    },
  ],
  [
    'duckdb',
    async () => {
      const { query } = await import('../parquet/parquet.ts');
      const [row] = await query('SELECT version() AS version');
      return String(row?.version);
    },
  ],
  [
    'journal',
    async () => {
      const { JournalWriter } = await import('../journal/writer.ts');
      const { readJournal } = await import('../journal/reader.ts');
      const folder = mkdtempSync(join(tmpdir(), 'retick-doctor-'));
      try {
        const writer = await JournalWriter.open(join(folder, 'journal'));
        writer.append(0, 0, 1, new TextEncoder().encode('{}'));
        await writer.close();
        let rows = 0;
        for await (const records of readJournal(join(folder, 'journal'))) rows += records.length;
        if (rows !== 1) throw new Error(`wrote one record, read ${rows}`);
        return 'written, sealed in a child process, read back';
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  ],
  [
    'loopback',
    async () => {
      const { startServer } = await import('../simulated/server.ts');
      const server = await startServer({ seed: 1 });
      await server.stop();
      return 'a WebSocket server can listen';
    },
  ],
  [
    'strategies',
    async () => {
      const { loadStrategy } = await import('../sessions/strategies.ts');
      const shipped = fileURLToPath(new URL('../../strategies/order-flow.ts', import.meta.url));
      const { strategy } = await loadStrategy(shipped, 'doctor');
      return `${strategy.name} bundled and loaded`;
    },
  ],
];
