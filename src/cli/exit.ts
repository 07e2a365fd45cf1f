// How a command can end, as every command and script reads it.
import type { Run } from '../runs/run.ts';

/** 130: interrupted after a clean flush. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  data: 3,
  venue: 4,
  internal: 70,
  interrupted: 130,
} as const;

/** `--allow-faults`, as every command that runs strategies takes it. */
export const ALLOW_FAULTS = {
  'allow-faults': {
    type: 'boolean',
    default: false,
    describe: 'End with code 0 even when a strategy failed and was disabled',
  },
} as const;

/**
 * A run in which a strategy failed has not done what it was asked, whatever the others did; nor has one that gave another
 * result than the run of the same identity before it.
 */
export function exitOfRun(
  { manifest, measured }: Pick<Run, 'manifest' | 'measured'>,
  args: { readonly allowFaults?: unknown },
): number {
  if (measured?.earlierDigest !== undefined) return EXIT.failed;
  return (manifest.counts.fault ?? 0) > 0 && args.allowFaults !== true ? EXIT.failed : EXIT.done;
}
