import { NodosumError } from '@nodosum/kernel'
import type { HostPort } from '../contract.ts'

const remedies: ReadonlyMap<string, string> = new Map([
  [
    'EADDRINUSE',
    'the port is taken: stop the process that holds it, or choose another listen.port (0 picks a free one)',
  ],
  [
    'EADDRNOTAVAIL',
    'this machine has no such address: set listen.host to one of its own, or to 0.0.0.0',
  ],
  ['EACCES', 'not permitted: choose a listen.port above 1023, or grant the right to bind it'],
])

/** ERR_NODOSUM_LISTEN_FAILED for a port that the system does not give, with what to do. */
export function listenFailed(
  protocol: 'UDP' | 'TCP',
  { host, port }: HostPort,
  error: NodeJS.ErrnoException,
): NodosumError {
  const errno = error.code ?? 'unknown error'
  const remedy = remedies.get(errno) ?? 'see the cause'
  return new NodosumError(
    'ERR_NODOSUM_LISTEN_FAILED',
    `cannot listen on ${protocol} ${host} port ${port}: ${errno}; ${remedy}`,
    { cause: error, details: { host, port, errno } },
  )
}
