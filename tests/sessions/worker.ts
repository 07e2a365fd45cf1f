// Opens a bundle that was posted to it, and tells what the strategy signalled. Started by a test only.
import { parentPort, workerData } from 'node:worker_threads';
import type { Bundle } from '../../src/sessions/bundle.ts';
import { readBundle } from '../../src/sessions/strategies.ts';
import { config, livelyMarket, run } from '../engine/synthetic.ts';

const { open, strategy } = await readBundle(workerData as Bundle);
const loaded = {
  strategy,
  params: {},
  id: strategy.name,
  open: (world: Parameters<typeof open>[0]) => open(world, {}),
};
const log = run(livelyMarket(5, 6), [loaded], { config: config() });
parentPort!.postMessage(log.of('signal').map(({ signal }) => signal.reason));
