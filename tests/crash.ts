// `npm run crash`: kill -9 at random moments, again and again. Nothing acknowledged may be lost, every byte must be right,
// and the next start has to recover by itself. First the real command against a simulated venue, then the journal's writer
// alone, which is faster and rotates; then files are damaged, which has to be told.
// `node tests/crash.ts [kills] [seed]`; the same seed tries the same moments and the same damages.
import { crashDamage } from './crash/damage.ts';
import { crashRecorder } from './crash/recorder.ts';
import { crashWriter } from './crash/writer.ts';

const [kills = '50', seed = String(Date.now() % 1_000_000)] = process.argv.slice(2);
if (!/^\d+$/.test(kills) || !/^\d+$/.test(seed)) throw new Error('crash takes a number of kills and a seed');
console.log(`crash: ${kills} kills each, seed ${seed}`);
await crashRecorder(Number(kills), Number(seed));
await crashWriter(Number(kills), Number(seed));
await crashDamage(Number(kills) * 4, Number(seed));
