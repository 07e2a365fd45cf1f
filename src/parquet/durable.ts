// Making files and names durable: what survives a loss of power is what has been through here.
import { open } from 'node:fs/promises';

/** Makes what was written to a file durable; returns the file's size. */
export async function syncFile(path: string): Promise<number> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
    return (await file.stat()).size;
  } finally {
    await file.close();
  }
}

/** Makes the names in a folder durable: a rename is only safe after this. */
export async function syncFolder(path: string): Promise<void> {
  // Windows cannot open a folder; its renames are journalled by the file system.
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
