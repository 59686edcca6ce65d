import { NodosumError } from '../core/nodosum-error.ts'

/**
 * The error for a file of the data directory that could not be read or written: STORE_FULL when
 * there is no room on its disk, else STORE_FAILED.
 *
 * @param what whose file it is, for the message, such as `the gossip keys`
 */
export function storeFailed(what: string, path: string, cause: unknown): NodosumError {
  const { code, message } = cause as NodeJS.ErrnoException
  const isFull = code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG'
  return new NodosumError(
    isFull ? 'ERR_NODOSUM_STORE_FULL' : 'ERR_NODOSUM_STORE_FAILED',
    `${what}: ${path} cannot be used: ${message}`,
    { cause, details: { path, errno: code ?? '' } },
  )
}
