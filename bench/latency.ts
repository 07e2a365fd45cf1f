// From the socket's callback to an order, at five thousand frames a second: `retick bench latency`, as rows.
import { measureLatency } from '../src/cli/bench.ts';
import { Output } from '../src/cli/output.ts';
import { atLeast, type BenchRow, below } from './row.ts';

const RATE = 5000;

export async function benchLatency(seconds: number): Promise<readonly BenchRow[]> {
  const { latency, framesPerSecond } = await measureLatency({
    rate: RATE,
    seconds,
    output: new Output(true),
    signal: new AbortController().signal,
  });
  const order = latency['to order'];
  const journal = latency['to journal'];
  if (order === undefined || journal === undefined) throw new Error('no frame led to an order');
  return [
    { name: 'frame to order, p50', value: order.p50, unit: 'µs', target: below(50) },
    { name: 'frame to order, p99', value: order.p99, unit: 'µs', target: below(500) },
    { name: 'frame to order, p99.9', value: order.p999, unit: 'µs' },
    { name: 'frame to journal, p99', value: journal.p99, unit: 'µs' },
    { name: 'orders measured', value: order.count, unit: 'orders' },
    // Measuring an idle program would prove nothing: the frames must have come as fast as asked.
    { name: 'frames meanwhile', value: framesPerSecond, unit: 'frames/s', target: atLeast(RATE * 0.95) },
  ];
}
