// Digests of files, and their check against the manifest before anyone trusts a byte of them.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../core/errors.ts';
import { requireFile } from '../parquet/files.ts';

const READ_BYTES = 1 << 20;

/** SHA-256 of a file's bytes, hexadecimal. */
export async function digestFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  requireFile(path);
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: READ_BYTES })) {
      hash.update(chunk as Uint8Array);
    }
  } catch (cause) {
    throw new DataError(`cannot read ${path}`, { cause });
  }
  return hash.digest('hex');
}

/** Throws DataError, naming the file, when one is not what the manifest says. */
export async function verifyFiles(
  folder: string,
  files: readonly { readonly file: string; readonly digest: string }[],
): Promise<void> {
  for (const { file, digest } of files) {
    const path = join(folder, file);
    const found = await digestFile(path);
    if (found !== digest) {
      throw new DataError(
        `${path}: the file is not what it was: SHA-256 ${found}, the manifest says ${digest}`,
      );
    }
  }
}
