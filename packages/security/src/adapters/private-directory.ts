import { constants } from 'node:fs'
import { lstat, mkdir, open } from 'node:fs/promises'
import { NodosumError } from '@nodosum/kernel'

const secretFileBytesMax = 65_536

/**
 * Makes the directory with mode 0700 when it is not there, and refuses one in which somebody else
 * could have put or could change files.
 *
 * @throws ERR_NODOSUM_CONFIG_INVALID naming the directory and the remedy
 */
export async function ensurePrivateDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const found = await lstat(directory)
    const problem = !found.isDirectory()
      ? 'is no directory (symbolic links are not followed)'
      : ownerProblem(found.uid, found.mode, 0o022)
    if (problem !== undefined) throw refused(directory, problem, 'chmod 700')
  } catch (error) {
    if (error instanceof NodosumError) throw error
    const message = `The directory ${directory} cannot be used: ${(error as Error).message}.`
    throw new NodosumError('ERR_NODOSUM_CONFIG_INVALID', message, { cause: error })
  }
}

/**
 * Reads a file of such a directory; undefined when there is none.
 *
 * @throws ERR_NODOSUM_CONFIG_INVALID when others may read or change it, or it is not readable
 */
export async function readPrivateFile(path: string): Promise<string | undefined> {
  // A link or a pipe in place of the file must neither be followed nor block.
  const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)
  try {
    const file = await open(path, flags)
    try {
      const found = await file.stat()
      const problem = !found.isFile()
        ? 'is no regular file'
        : found.size > secretFileBytesMax
          ? `has ${found.size} bytes`
          : ownerProblem(found.uid, found.mode, 0o077)
      if (problem !== undefined) throw refused(path, problem, 'chmod 600')
      return await file.readFile('utf8')
    } finally {
      await file.close()
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    if (error instanceof NodosumError) throw error
    const message = `${path} cannot be read: ${(error as Error).message}.`
    throw new NodosumError('ERR_NODOSUM_CONFIG_INVALID', message, { cause: error })
  }
}

// Windows has neither owners nor modes in this sense.
function ownerProblem(uid: number, mode: number, forbidden: number): string | undefined {
  const self = process.getuid?.()
  if (self === undefined) return undefined
  if (uid !== self) return `belongs to user ${uid}, this process runs as user ${self}`
  const open = mode & forbidden
  return open === 0 ? undefined : `has mode ${(mode & 0o777).toString(8)}: others have access`
}

function refused(path: string, problem: string, remedy: string): NodosumError {
  return new NodosumError(
    'ERR_NODOSUM_CONFIG_INVALID',
    `${path} ${problem}; development keys are only kept where nobody else can change them. ` +
      `Correct it (${remedy}), or choose another directory.`,
    { details: { path } },
  )
}
