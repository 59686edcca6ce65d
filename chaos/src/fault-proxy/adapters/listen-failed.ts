import { NodosumError } from '@nodosum/kernel'
import { type Address, formatAddress } from '../address.ts'

/** Why a proxy cannot listen, and what to do. */
export function listenFailed(at: Address, cause: NodeJS.ErrnoException): NodosumError {
  const errno = cause.code ?? 'unknown error'
  const remedy =
    errno === 'EADDRINUSE'
      ? 'the port is taken, choose another (0 picks a free one)'
      : errno === 'EADDRNOTAVAIL'
        ? 'this machine has no such address'
        : 'see the cause'
  return new NodosumError(
    'ERR_NODOSUM_LISTEN_FAILED',
    `the fault proxy cannot listen on ${formatAddress(at)}: ${errno}; ${remedy}`,
    { cause, details: { host: at.host, port: at.port, errno } },
  )
}
