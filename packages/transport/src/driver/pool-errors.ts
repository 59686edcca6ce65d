/** What a pool rejects with, in words that say what to do. */
import { NodosumError } from '@nodosum/kernel'
import type { RefusedBy } from '../core/admission.ts'
import type { PoolSettings } from '../options.ts'

export function shutDown(): NodosumError {
  return new NodosumError('ERR_NODOSUM_SHUT_DOWN', 'the connection pool is closed')
}

export function cancelled(peer: string): NodosumError {
  return new NodosumError('ERR_NODOSUM_CANCELLED', `dialing ${peer} was cancelled`)
}

export function unreachable(peer: string, kinds: readonly string[], known: number): NodosumError {
  const message =
    known === 0
      ? `no address of ${peer} is known: it is no member, or has announced none yet`
      : `${peer} announces no port for ${kinds.join(' or ')}: enable one of them there, or another transport here`
  return new NodosumError('ERR_NODOSUM_NOT_CONNECTED', message, { details: { peer } })
}

export function dialsFull(peer: string, dialsMax: number, dialQueueMax: number): NodosumError {
  return new NodosumError(
    'ERR_NODOSUM_LIMIT_CONNECTIONS',
    `${peer} is not dialed: ${dialsMax} dials run and ${dialQueueMax} wait already ` +
      '(dialsMax, dialQueueMax): try again later',
    { details: { peer, dialsMax, dialQueueMax } },
  )
}

export function poolFull(connectionsMax: number): NodosumError {
  return new NodosumError(
    'ERR_NODOSUM_LIMIT_CONNECTIONS',
    `this node has ${connectionsMax} connections, its limit (connectionsMax), and all are in use: ` +
      'raise the limit, or talk to fewer nodes at once',
    { details: { connectionsMax } },
  )
}

/** What a connection that is turned away is told; short, since a close carries 128 bytes. */
export function refusalText(by: RefusedBy, settings: PoolSettings): string {
  const code = by === 'acceptQueueMax' ? 'RATE_LIMITED' : 'LIMIT_CONNECTIONS'
  return `ERR_NODOSUM_${code}: ${by} of the peer is ${settings[by]}`
}
