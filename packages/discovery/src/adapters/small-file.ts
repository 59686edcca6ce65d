import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import type { Problem } from './resolve-seeds.ts'

/** The text of a file of at most that many bytes, or why it cannot be had. */
export async function readSmallFile(path: string, bytesMax: number): Promise<string | Problem> {
  try {
    // Of a pipe, a blocking open would wait for a writer.
    const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    try {
      if (!(await file.stat()).isFile()) return { reason: 'malformed', text: 'it is no file' }
      const bytes = Buffer.alloc(bytesMax + 1)
      let length = 0
      while (length < bytes.length) {
        const { bytesRead } = await file.read(bytes, length, bytes.length - length, length)
        if (bytesRead === 0) break
        length += bytesRead
      }
      if (length <= bytesMax) return bytes.toString('utf8', 0, length)
      return { reason: 'tooLarge', text: `it has more than ${bytesMax} bytes` }
    } finally {
      await file.close()
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return { reason: 'notFound', text: 'the file does not exist' }
    if (code === 'EACCES') return { reason: 'denied', text: 'this process may not read it' }
    return { reason: 'failed', text: message }
  }
}
