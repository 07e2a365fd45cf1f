#!/usr/bin/env node
// The command's front door, in plain JavaScript, so that a Node too old to read TypeScript gets one clear line.
import module from 'node:module';
import { fileURLToPath } from 'node:url';

const wanted = [22, 18];
const found = process.versions.node.split('.').map(Number);
const isOld = found[0] < wanted[0] || (found[0] === wanted[0] && found[1] < wanted[1]);

if (isOld) {
  process.stderr.write(
    `retick: Node ${process.versions.node} is too old (22.18 or newer is needed); ` +
      'run it through npm, which brings its own: npm ci && npx retick\n',
  );
  process.exitCode = 2;
} else {
  // Compiled sources are kept for the next start, which takes half the time then.
  module.enableCompileCache(fileURLToPath(new URL('../.cache/compile', import.meta.url)));
  const { main } = await import('./cli.ts');
  await main(process.argv.slice(2));
  // Who interrupted does not wait for what goes on by itself, as sealing in a child process does.
  if (process.exitCode === 130) process.exit();
}
