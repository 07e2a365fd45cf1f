// Many requests in one process, one after the other: what each said and how it ended, as JSON lines.
// Reads a JSON list of argument lists from its first argument; it is started by `retickMany` only.
import { main } from '../../src/cli.ts';

const requests = JSON.parse(process.argv[2] ?? '[]') as readonly (readonly string[])[];
const write = {
  out: process.stdout.write.bind(process.stdout),
  err: process.stderr.write.bind(process.stderr),
};

for (const args of requests) {
  const said = { out: '', err: '' };
  for (const stream of ['out', 'err'] as const) {
    const target = stream === 'out' ? process.stdout : process.stderr;
    target.write = (text: string | Uint8Array): boolean => {
      said[stream] += text.toString();
      return true;
    };
  }
  process.exitCode = 0;
  await main(args);
  process.stdout.write = write.out;
  process.stderr.write = write.err;
  write.out(`${JSON.stringify({ code: process.exitCode, ...said })}\n`);
}
process.exitCode = 0;
