import { randomUUID } from 'node:crypto'
import { open, rename, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** How the file is made. */
export interface WriteFileAtomicOptions {
  /** Permissions of the new file, before the umask; default 0o600. */
  readonly mode?: number
}

/**
 * Replaces a file so that whoever reads it, even after a crash or a power cut, finds the old
 * content or the new, never a part: writes a neighbour, syncs, renames, syncs the directory.
 *
 * Rejects with the error of the file system; the old content then stays and nothing is left behind.
 */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array,
  options: WriteFileAtomicOptions = {},
): Promise<void> {
  const directory = dirname(path)
  const temporary = join(directory, `.${basename(path)}.${randomUUID()}.tmp`)
  try {
    await writeSynced(temporary, data, options.mode ?? 0o600)
    await rename(temporary, path)
  } catch (error) {
    await unlink(temporary).catch(() => {})
    throw error
  }
  await syncDirectory(directory)
}

async function writeSynced(path: string, data: string | Uint8Array, mode: number): Promise<void> {
  const file = await open(path, 'wx', mode)
  try {
    await file.writeFile(data)
    await file.sync()
  } finally {
    await file.close()
  }
}

// Not every system lets a directory be synced; the rename itself is done by then.
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r').catch(() => undefined)
  if (directory === undefined) return
  try {
    await directory.sync().catch(() => {})
  } finally {
    await directory.close()
  }
}
