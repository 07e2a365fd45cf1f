// The benchmarks by name, in the order of the table. Each file is loaded only where its benchmark runs, so that no
// benchmark pays for the code of another.
import type { BenchRow } from './row.ts';

export type Benchmark = {
  readonly name: string;
  /** `isQuick` measures less, to see that all is well; its numbers are rougher. */
  readonly run: (isQuick: boolean) => Promise<readonly BenchRow[]> | readonly BenchRow[];
};

export const suite: readonly Benchmark[] = [
  {
    name: 'engine',
    run: async (isQuick) => (await import('./engine.ts')).benchEngine(isQuick ? 0.2 : 1),
  },
  { name: 'book', run: async () => (await import('./book.ts')).benchBook() },
  { name: 'decode', run: async () => (await import('./decode.ts')).benchDecode() },
  {
    name: 'replay',
    run: async (isQuick) => (await import('./replay.ts')).benchReplay(isQuick ? 1e6 : 10e6),
  },
  {
    name: 'record',
    run: async (isQuick) => (await import('./record.ts')).benchRecord({ seconds: isQuick ? 10 : 60 }),
  },
  { name: 'journal', run: async () => (await import('./journal.ts')).benchJournal() },
  { name: 'latency', run: async (isQuick) => (await import('./latency.ts')).benchLatency(isQuick ? 4 : 15) },
  { name: 'help', run: async (isQuick) => (await import('./help.ts')).benchHelp(isQuick ? 5 : 15) },
  { name: 'micro', run: async (isQuick) => (await import('./micro.ts')).benchMicro(isQuick ? 100 : 400) },
];
